// RUN: pf-opt %s --gir-call-libraries=libraries=true -split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-call-libraries="libraries=true streamed=true" -split-input-file | FileCheck %s --check-prefix=STREAMED
// RUN: pf-opt %s --gir-call-libraries -split-input-file | FileCheck %s --check-prefix=OFF

// A product of inputs that adds to nothing is the library's as it stands, with all that BLAS must be told; without
// being asked for, none is.

// CHECK-LABEL: func.func @product
// CHECK-NOT:   gir.kernel
// CHECK:       %[[P:.*]] = gir.extern "sgemm" (%[[A:.*]] = %arg0 : tensor<48x40xf32>, %[[B:.*]] = %arg1 : tensor<56x40xf32>)
// CHECK-SAME:  gir.product = {factors = array<i64: 1, 0>, leading = array<i64: 40, 40, 56>, loops = array<i64>, sizes = array<i64: 56, 48, 40>, transposed = array<i64: 1, 0>}
// CHECK:       %[[X:.*]] = gir.move %[[A]]
// CHECK:       %[[Y:.*]] = gir.move %[[B]]
// CHECK:       gir.contract %[[X]], %[[Y]] into %{{.*}}
// CHECK:       return %[[P]]
// OFF-LABEL: func.func @product
// OFF-NOT:   gir.extern
func.func @product(%x: tensor<48x40xf32>, %w: tensor<56x40xf32>) -> tensor<48x56xf32> {
  %0 = gir.kernel "matmul" (%a = %x : tensor<48x40xf32>, %b = %w : tensor<56x40xf32>) -> (tensor<48x56xf32>) {
    %z = arith.constant dense<0.0> : tensor<48x56xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<48x40xf32, #gir.at<dram>> -> tensor<48x40xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<56x40xf32, #gir.at<dram>> -> tensor<56x40xf32, #gir.at<reg>>
    %3 = gir.contract %1, %2 into %z maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<48x40xf32, #gir.at<reg>>, tensor<56x40xf32, #gir.at<reg>> into tensor<48x56xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<48x56xf32, #gir.at<reg>> -> tensor<48x56xf32, #gir.at<dram>>
    gir.return %4 : tensor<48x56xf32, #gir.at<dram>>
  }
  return %0 : tensor<48x56xf32>
}

// -----

// What it adds to is added behind it, and what follows in its kernel stays there.

// CHECK-LABEL: func.func @bias
// CHECK:       %[[P:.*]] = gir.extern "dgemm"
// CHECK:       arith.constant dense<0.0{{.*}}> : tensor<48x56xf64
// CHECK:       gir.kernel "linear" (%[[C:.*]] = %arg2 : tensor<56xf64>, %[[D:.*]] = %[[P]] : tensor<48x56xf64>)
// CHECK-DAG:   %[[BIAS:.*]] = gir.broadcast
// CHECK-DAG:   %[[LOADED:.*]] = gir.move %[[D]]
// CHECK:       %[[SUM:.*]] = arith.addf %[[BIAS]], %[[LOADED]]
// CHECK:       math.tanh %[[SUM]]
// CHECK-NOT:   gir.contract
func.func @bias(%x: tensor<48x40xf64>, %w: tensor<40x56xf64>, %c: tensor<56xf64>) -> tensor<48x56xf64> {
  %0 = gir.kernel "linear" (%a = %x : tensor<48x40xf64>, %b = %w : tensor<40x56xf64>, %d = %c : tensor<56xf64>) -> (tensor<48x56xf64>) {
    %1 = gir.move %a : tensor<48x40xf64, #gir.at<dram>> -> tensor<48x40xf64, #gir.at<reg>>
    %2 = gir.move %b : tensor<40x56xf64, #gir.at<dram>> -> tensor<40x56xf64, #gir.at<reg>>
    %3 = gir.move %d : tensor<56xf64, #gir.at<dram>> -> tensor<56xf64, #gir.at<reg>>
    %4 = gir.broadcast %3 dims [0] : tensor<56xf64, #gir.at<reg>> -> tensor<48x56xf64, #gir.at<reg>>
    %5 = gir.contract %1, %2 into %4 maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<48x40xf64, #gir.at<reg>>, tensor<40x56xf64, #gir.at<reg>> into tensor<48x56xf64, #gir.at<reg>>
    %6 = math.tanh %5 : tensor<48x56xf64, #gir.at<reg>>
    %7 = gir.move %6 : tensor<48x56xf64, #gir.at<reg>> -> tensor<48x56xf64, #gir.at<dram>>
    gir.return %7 : tensor<48x56xf64, #gir.at<dram>>
  }
  return %0 : tensor<48x56xf64>
}

// -----

// A loop of calls over what both factors have; a picture's rows and columns, behind one another, are one dimension.

// CHECK-LABEL: func.func @pictures
// CHECK:       gir.extern "sgemm"
// CHECK-SAME:  factors = array<i64: 0, 1>, leading = array<i64: 64, 40, 64>, loops = array<i64: 2, 2560, 0, 3072>, sizes = array<i64: 64, 48, 40>, transposed = array<i64: 0, 0>
func.func @pictures(%x: tensor<2x40x8x8xf32>, %w: tensor<48x40xf32>) -> tensor<2x48x8x8xf32> {
  %0 = gir.kernel "conv" (%a = %x : tensor<2x40x8x8xf32>, %b = %w : tensor<48x40xf32>) -> (tensor<2x48x8x8xf32>) {
    %z = arith.constant dense<0.0> : tensor<2x48x8x8xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<2x40x8x8xf32, #gir.at<dram>> -> tensor<2x40x8x8xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<48x40xf32, #gir.at<dram>> -> tensor<48x40xf32, #gir.at<reg>>
    %3 = gir.contract %1, %2 into %z maps [affine_map<(n, f, h, w, c) -> (n, c, h, w)>, affine_map<(n, f, h, w, c) -> (f, c)>, affine_map<(n, f, h, w, c) -> (n, f, h, w)>] : tensor<2x40x8x8xf32, #gir.at<reg>>, tensor<48x40xf32, #gir.at<reg>> into tensor<2x48x8x8xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<2x48x8x8xf32, #gir.at<reg>> -> tensor<2x48x8x8xf32, #gir.at<dram>>
    gir.return %4 : tensor<2x48x8x8xf32, #gir.at<dram>>
  }
  return %0 : tensor<2x48x8x8xf32>
}

// -----

// Too few products for a call stay, and so does a type that BLAS hasn't; a factor that is computed is stored first.

// CHECK-LABEL: func.func @others
// CHECK-NOT:   gir.extern
// CHECK:       %[[F:.*]] = gir.kernel "factor"
// CHECK:         math.absf
// CHECK:       gir.extern "sgemm" (%{{.*}} = %[[F]] : tensor<64x64xf32>, %{{.*}} = %arg1 : tensor<64x64xf32>)
// CHECK-NOT:   gir.extern
func.func @others(%s: tensor<8x8xf32>, %x: tensor<64x64xf32>, %h: tensor<64x64xf16>) -> (tensor<8x8xf32>, tensor<64x64xf32>, tensor<64x64xf16>) {
  %0 = gir.kernel "small" (%a = %s : tensor<8x8xf32>) -> (tensor<8x8xf32>) {
    %z = arith.constant dense<0.0> : tensor<8x8xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<8x8xf32, #gir.at<dram>> -> tensor<8x8xf32, #gir.at<reg>>
    %3 = gir.contract %1, %1 into %z maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<8x8xf32, #gir.at<reg>>, tensor<8x8xf32, #gir.at<reg>> into tensor<8x8xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<8x8xf32, #gir.at<reg>> -> tensor<8x8xf32, #gir.at<dram>>
    gir.return %4 : tensor<8x8xf32, #gir.at<dram>>
  }
  %5 = gir.kernel "computed" (%a = %x : tensor<64x64xf32>) -> (tensor<64x64xf32>) {
    %z = arith.constant dense<0.0> : tensor<64x64xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<64x64xf32, #gir.at<dram>> -> tensor<64x64xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<64x64xf32, #gir.at<reg>>
    %3 = gir.contract %2, %1 into %z maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<64x64xf32, #gir.at<reg>>, tensor<64x64xf32, #gir.at<reg>> into tensor<64x64xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<64x64xf32, #gir.at<reg>> -> tensor<64x64xf32, #gir.at<dram>>
    gir.return %4 : tensor<64x64xf32, #gir.at<dram>>
  }
  %6 = gir.kernel "halves" (%a = %h : tensor<64x64xf16>) -> (tensor<64x64xf16>) {
    %z = arith.constant dense<0.0> : tensor<64x64xf16, #gir.at<reg>>
    %1 = gir.move %a : tensor<64x64xf16, #gir.at<dram>> -> tensor<64x64xf16, #gir.at<reg>>
    %3 = gir.contract %1, %1 into %z maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<64x64xf16, #gir.at<reg>>, tensor<64x64xf16, #gir.at<reg>> into tensor<64x64xf16, #gir.at<reg>>
    %4 = gir.move %3 : tensor<64x64xf16, #gir.at<reg>> -> tensor<64x64xf16, #gir.at<dram>>
    gir.return %4 : tensor<64x64xf16, #gir.at<dram>>
  }
  return %0, %5, %6 : tensor<8x8xf32>, tensor<64x64xf32>, tensor<64x64xf16>
}

// -----

// Scores of eight products each, which are folded again, needn't be stored: both contractions stay, for placing to
// make one of them; behind placing they are called.

// CHECK-LABEL: func.func @scores
// CHECK-NOT:   gir.extern
// STREAMED-LABEL: func.func @scores
// STREAMED-COUNT-2: gir.extern
func.func @scores(%q: tensor<256x8xf32>, %k: tensor<256x8xf32>, %v: tensor<256x64xf32>) -> tensor<256x64xf32> {
  %0 = gir.kernel "scores" (%a = %q : tensor<256x8xf32>, %b = %k : tensor<256x8xf32>) -> (tensor<256x256xf32>) {
    %z = arith.constant dense<0.0> : tensor<256x256xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<256x8xf32, #gir.at<dram>> -> tensor<256x8xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<256x8xf32, #gir.at<dram>> -> tensor<256x8xf32, #gir.at<reg>>
    %3 = gir.contract %1, %2 into %z maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<256x8xf32, #gir.at<reg>>, tensor<256x8xf32, #gir.at<reg>> into tensor<256x256xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<256x256xf32, #gir.at<reg>> -> tensor<256x256xf32, #gir.at<dram>>
    gir.return %4 : tensor<256x256xf32, #gir.at<dram>>
  }
  %5 = gir.kernel "exp" (%a = %0 : tensor<256x256xf32>) -> (tensor<256x256xf32>) {
    %1 = gir.move %a : tensor<256x256xf32, #gir.at<dram>> -> tensor<256x256xf32, #gir.at<reg>>
    %2 = math.exp %1 : tensor<256x256xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<256x256xf32, #gir.at<reg>> -> tensor<256x256xf32, #gir.at<dram>>
    gir.return %3 : tensor<256x256xf32, #gir.at<dram>>
  }
  %6 = gir.kernel "values" (%a = %5 : tensor<256x256xf32>, %b = %v : tensor<256x64xf32>) -> (tensor<256x64xf32>) {
    %z = arith.constant dense<0.0> : tensor<256x64xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<256x256xf32, #gir.at<dram>> -> tensor<256x256xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<256x64xf32, #gir.at<dram>> -> tensor<256x64xf32, #gir.at<reg>>
    %3 = gir.contract %1, %2 into %z maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<256x256xf32, #gir.at<reg>>, tensor<256x64xf32, #gir.at<reg>> into tensor<256x64xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<256x64xf32, #gir.at<reg>> -> tensor<256x64xf32, #gir.at<dram>>
    gir.return %4 : tensor<256x64xf32, #gir.at<dram>>
  }
  return %6 : tensor<256x64xf32>
}
