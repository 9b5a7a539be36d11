// RUN: pf-opt %s "--gir-drop-roundings=excess-precision" --canonicalize --cse --split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-drop-roundings --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=OFF

// What is rounded, spread and widened again isn't rounded; what is stored is, once. By default everything stays.

// CHECK-LABEL: func.func @spread
// CHECK: %[[ROOT:.*]] = math.sqrt
// CHECK: %[[ROUNDED:.*]] = arith.truncf %[[ROOT]]
// CHECK: gir.store %[[ROUNDED]]
// CHECK: %[[SPREAD:.*]] = gir.broadcast %[[ROOT]] dims [1] : tensor<4xf32, #gir.at<reg>>
// CHECK: arith.mulf %[[SPREAD]], %[[SPREAD]]
// OFF-LABEL: func.func @spread
// OFF: %[[ROUNDED:.*]] = arith.truncf
// OFF: %[[SPREAD:.*]] = gir.broadcast %[[ROUNDED]]
// OFF: %[[WIDE:.*]] = arith.extf %[[SPREAD]]
// OFF: arith.mulf %[[WIDE]], %[[WIDE]]
func.func @spread(%x: memref<4xf32>, %y: memref<4xbf16>, %z: memref<4x8xf32>) {
  gir.kernel "spread" (%a = %x : memref<4xf32>, %b = %y : memref<4xbf16>, %c = %z : memref<4x8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %t = gir.load %a[%c0] : memref<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %s = math.sqrt %t : tensor<4xf32, #gir.at<reg>>
    %r = arith.truncf %s : tensor<4xf32, #gir.at<reg>> to tensor<4xbf16, #gir.at<reg>>
    gir.store %r, %b[%c0] : tensor<4xbf16, #gir.at<reg>>, memref<4xbf16, #gir.at<dram>>
    %w = gir.broadcast %r dims [1] : tensor<4xbf16, #gir.at<reg>> -> tensor<4x8xbf16, #gir.at<reg>>
    %f = arith.extf %w : tensor<4x8xbf16, #gir.at<reg>> to tensor<4x8xf32, #gir.at<reg>>
    %p = arith.mulf %f, %f : tensor<4x8xf32, #gir.at<reg>>
    gir.store %p, %c[%c0, %c0] : tensor<4x8xf32, #gir.at<reg>>, memref<4x8xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Arithmetic on f16 is arithmetic on f32: what was loaded is widened, what was computed isn't rounded on its way, and a
// comparison is of what wasn't. A choice is one, too.

// CHECK-LABEL: func.func @computed
// CHECK: %[[A:.*]] = gir.load
// CHECK: %[[WIDE:.*]] = arith.extf %[[A]]
// CHECK: %[[SQUARE:.*]] = arith.mulf %[[WIDE]], %[[WIDE]] : tensor<8xf32, #gir.at<reg>>
// CHECK: %[[FLAG:.*]] = arith.cmpf ogt, %[[SQUARE]], %[[WIDE]] : tensor<8xf32, #gir.at<reg>>
// CHECK: %[[CHOSEN:.*]] = arith.select %[[FLAG]], %[[SQUARE]], %[[WIDE]]
// CHECK: %[[ROUNDED:.*]] = arith.truncf %[[CHOSEN]]
// CHECK: gir.store %[[ROUNDED]]
// OFF-LABEL: func.func @computed
// OFF: arith.mulf {{.*}} : tensor<8xf16, #gir.at<reg>>
func.func @computed(%x: memref<8xf16>, %y: memref<8xf16>) {
  gir.kernel "computed" (%a = %x : memref<8xf16>, %b = %y : memref<8xf16>) -> () {
    %c0 = arith.constant 0 : index
    %t = gir.load %a[%c0] : memref<8xf16, #gir.at<dram>> -> tensor<8xf16, #gir.at<reg>>
    %s = arith.mulf %t, %t : tensor<8xf16, #gir.at<reg>>
    %f = arith.cmpf ogt, %s, %t : tensor<8xf16, #gir.at<reg>>
    %r = arith.select %f, %s, %t : tensor<8xi1, #gir.at<reg>>, tensor<8xf16, #gir.at<reg>>
    gir.store %r, %b[%c0] : tensor<8xf16, #gir.at<reg>>, memref<8xf16, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// A factor of a contraction stays in f32 where its sums are. What a loop carries is rounded at each step, and so is what
// goes through sram; 8 bits are a storage format, whose rounding stays.

// CHECK-LABEL: func.func @kept
// CHECK: %[[ROOT:.*]] = math.sqrt
// CHECK: gir.contract %[[ROOT]], %{{.*}} : tensor<4xf32, #gir.at<reg>>, tensor<4x4xbf16, #gir.at<reg>> into
// CHECK: scf.for
// CHECK:   %[[SUM:.*]] = arith.addf
// CHECK:   %[[CARRIED:.*]] = arith.truncf %[[SUM]]
// CHECK:   scf.yield %[[CARRIED]] : tensor<4xbf16, #gir.at<reg>>
// CHECK: %[[ROUNDED:.*]] = arith.truncf {{.*}} to tensor<4xf8E5M2, #gir.at<reg>>
// CHECK: arith.extf %[[ROUNDED]]
func.func @kept(%x: memref<4xf32>, %w: memref<4x4xbf16>, %y: memref<4xf32>, %z: memref<4xbf16>) {
  gir.kernel "kept" (%a = %x : memref<4xf32>, %b = %w : memref<4x4xbf16>, %c = %y : memref<4xf32>,
                     %d = %z : memref<4xbf16>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %t = gir.load %a[%c0] : memref<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %s = math.sqrt %t : tensor<4xf32, #gir.at<reg>>
    %r = arith.truncf %s : tensor<4xf32, #gir.at<reg>> to tensor<4xbf16, #gir.at<reg>>
    %m = gir.load %b[%c0, %c0] : memref<4x4xbf16, #gir.at<dram>> -> tensor<4x4xbf16, #gir.at<reg>>
    %p = gir.contract %r, %m into %zero maps [affine_map<(n, k) -> (k)>, affine_map<(n, k) -> (k, n)>, affine_map<(n, k) -> (n)>]
      : tensor<4xbf16, #gir.at<reg>>, tensor<4x4xbf16, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %q = scf.for %i = %c0 to %c4 step %c1 iter_args(%acc = %r) -> (tensor<4xbf16, #gir.at<reg>>) {
      %n = arith.addf %acc, %r : tensor<4xbf16, #gir.at<reg>>
      scf.yield %n : tensor<4xbf16, #gir.at<reg>>
    }
    gir.store %q, %d[%c0] : tensor<4xbf16, #gir.at<reg>>, memref<4xbf16, #gir.at<dram>>
    %e = arith.truncf %p : tensor<4xf32, #gir.at<reg>> to tensor<4xf8E5M2, #gir.at<reg>>
    %f = arith.extf %e : tensor<4xf8E5M2, #gir.at<reg>> to tensor<4xf32, #gir.at<reg>>
    gir.store %f, %c[%c0] : tensor<4xf32, #gir.at<reg>>, memref<4xf32, #gir.at<dram>>
    gir.return
  }
  return
}
