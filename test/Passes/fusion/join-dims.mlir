// RUN: pf-opt %s --gir-join-dims -split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-join-dims=settled=true --split-input-file | FileCheck %s --check-prefix=SETTLED
// RUN: pf-opt %s --gir-join-dims='every=true machine=%S/../../../benchmarks/machines/cpu.toml' --split-input-file | FileCheck %s --check-prefix=EVERY
// RUN: pf-opt %s --gir-join-dims='every=true machine=sm_90' --split-input-file | FileCheck %s --check-prefix=LANES

// Two kernels fold the same two dimensions of what a function takes: they read one view, and can still become one.

// CHECK-LABEL: func.func @moments
// CHECK: %[[V:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0], [1], [2, 3]] : tensor<4x3x5x6xf32> into tensor<4x3x30xf32>
// CHECK: gir.kernel "sum" (%{{.*}} = %[[V]] : tensor<4x3x30xf32>)
// CHECK: arith.constant dense<1.000000e+00> : tensor<4x3x30xf32, #gir.at<reg>>
// CHECK: gir.reduce {{.*}} dims [0, 2] {{.*}} : tensor<4x3x30xf32, #gir.at<reg>>, tensor<4x3x30xf32, #gir.at<reg>> into
// CHECK-NOT: tensor.collapse_shape
// CHECK: gir.kernel "squares" (%{{.*}} = %[[V]] : tensor<4x3x30xf32>, %{{.*}} = %{{.*}} : tensor<3xf32>)
// CHECK: gir.broadcast %{{.*}} dims [0, 2] : tensor<3xf32, #gir.at<reg>> -> tensor<4x3x30xf32, #gir.at<reg>>
// CHECK: arith.subf %{{.*}} : tensor<4x3x30xf32, #gir.at<reg>>
func.func @moments(%x: tensor<4x3x5x6xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %0 = gir.kernel "sum" (%a = %x : tensor<4x3x5x6xf32>) -> (tensor<3xf32>) {
    %zero = arith.constant dense<0.0> : tensor<3xf32, #gir.at<reg>>
    %one = arith.constant dense<1.0> : tensor<4x3x5x6xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x3x5x6xf32, #gir.at<dram>> -> tensor<4x3x5x6xf32, #gir.at<reg>>
    %2:2 = gir.reduce %1, %one into %zero, %zero dims [0, 2, 3] kinds [#vector.kind<add>, #vector.kind<add>] : tensor<4x3x5x6xf32, #gir.at<reg>>, tensor<4x3x5x6xf32, #gir.at<reg>> into tensor<3xf32, #gir.at<reg>>, tensor<3xf32, #gir.at<reg>>
    %3 = arith.divf %2#0, %2#1 : tensor<3xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<3xf32, #gir.at<reg>> -> tensor<3xf32, #gir.at<dram>>
    gir.return %4 : tensor<3xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "squares" (%a = %x : tensor<4x3x5x6xf32>, %b = %0 : tensor<3xf32>) -> (tensor<3xf32>) {
    %zero = arith.constant dense<0.0> : tensor<3xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x3x5x6xf32, #gir.at<dram>> -> tensor<4x3x5x6xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<3xf32, #gir.at<dram>> -> tensor<3xf32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [0, 2, 3] : tensor<3xf32, #gir.at<reg>> -> tensor<4x3x5x6xf32, #gir.at<reg>>
    %4 = arith.subf %1, %3 : tensor<4x3x5x6xf32, #gir.at<reg>>
    %5 = arith.mulf %4, %4 : tensor<4x3x5x6xf32, #gir.at<reg>>
    %6 = gir.reduce %5 into %zero dims [0, 2, 3] kinds [#vector.kind<add>] : tensor<4x3x5x6xf32, #gir.at<reg>> into tensor<3xf32, #gir.at<reg>>
    %7 = gir.move %6 : tensor<3xf32, #gir.at<reg>> -> tensor<3xf32, #gir.at<dram>>
    gir.return %7 : tensor<3xf32, #gir.at<dram>>
  }
  return %0, %1 : tensor<3xf32>, tensor<3xf32>
}

// -----

// A permutation keeps the two side by side, in another place.

// CHECK-LABEL: func.func @turned
// CHECK: gir.permute %{{.*}} [1, 0] : tensor<30x4xf32, #gir.at<reg>> -> tensor<4x30xf32, #gir.at<reg>>
// CHECK: gir.reduce {{.*}} dims [1]
func.func @turned(%x: tensor<5x6x4xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "sum" (%a = %x : tensor<5x6x4xf32>) -> (tensor<4xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<5x6x4xf32, #gir.at<dram>> -> tensor<5x6x4xf32, #gir.at<reg>>
    %2 = gir.permute %1 [2, 0, 1] : tensor<5x6x4xf32, #gir.at<reg>> -> tensor<4x5x6xf32, #gir.at<reg>>
    %3 = gir.reduce %2 into %zero dims [1, 2] kinds [#vector.kind<add>] : tensor<4x5x6xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %4 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}

// -----

// One kernel needs the dimensions apart, and so both keep them; what isn't folded stays in any case.

// CHECK-LABEL: func.func @apart
// CHECK-NOT: tensor.collapse_shape
func.func @apart(%x: tensor<4x5x6xf32>) -> (tensor<4xf32>, tensor<4x5xf32>) {
  %0 = gir.kernel "all" (%a = %x : tensor<4x5x6xf32>) -> (tensor<4xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x5x6xf32, #gir.at<dram>> -> tensor<4x5x6xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %zero dims [1, 2] kinds [#vector.kind<add>] : tensor<4x5x6xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %3 : tensor<4xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "rows" (%a = %x : tensor<4x5x6xf32>) -> (tensor<4x5xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4x5xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x5x6xf32, #gir.at<dram>> -> tensor<4x5x6xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %zero dims [2] kinds [#vector.kind<add>] : tensor<4x5x6xf32, #gir.at<reg>> into tensor<4x5xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4x5xf32, #gir.at<reg>> -> tensor<4x5xf32, #gir.at<dram>>
    gir.return %3 : tensor<4x5xf32, #gir.at<dram>>
  }
  return %0, %1 : tensor<4xf32>, tensor<4x5xf32>
}

// -----

// What a kernel gives keeps its dimensions, and so does what it is made of.

// CHECK-LABEL: func.func @given
// CHECK-NOT: tensor.collapse_shape

// Where kernels stay as they are, it is expanded behind.

// SETTLED-LABEL: func.func @given
// SETTLED: %[[ROWS:.*]] = tensor.collapse_shape %{{.*}} {{\[\[0\], \[1, 2\]\]}} : tensor<4x5x6xf32> into tensor<4x30xf32>
// SETTLED: %[[BOTH:.*]]:2 = gir.kernel "both" (%{{.*}} = %[[ROWS]] : tensor<4x30xf32>) -> (tensor<4xf32>, tensor<4x30xf32>)
// SETTLED: gir.reduce {{.*}} dims [1]
// SETTLED: %[[GIVEN:.*]] = tensor.expand_shape %[[BOTH]]#1 {{\[\[0\], \[1, 2\]\]}} output_shape [4, 5, 6]
// SETTLED: return %[[BOTH]]#0, %[[GIVEN]]
func.func @given(%x: tensor<4x5x6xf32>) -> (tensor<4xf32>, tensor<4x5x6xf32>) {
  %0:2 = gir.kernel "both" (%a = %x : tensor<4x5x6xf32>) -> (tensor<4xf32>, tensor<4x5x6xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x5x6xf32, #gir.at<dram>> -> tensor<4x5x6xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<4x5x6xf32, #gir.at<reg>>
    %3 = gir.reduce %2 into %zero dims [1, 2] kinds [#vector.kind<add>] : tensor<4x5x6xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    %5 = gir.move %2 : tensor<4x5x6xf32, #gir.at<reg>> -> tensor<4x5x6xf32, #gir.at<dram>>
    gir.return %4, %5 : tensor<4xf32, #gir.at<dram>>, tensor<4x5x6xf32, #gir.at<dram>>
  }
  return %0#0, %0#1 : tensor<4xf32>, tensor<4x5x6xf32>
}

// -----

// An open dimension is none of those that are joined; what the kernel gives is expanded by its size.

// SETTLED-LABEL: func.func @open
// SETTLED:       %[[V:.*]] = tensor.collapse_shape %{{.*}} {{\[\[0\], \[1, 2\]\]}} : tensor<?x3x3xi32> into tensor<?x9xi32>
// SETTLED:       %[[K:.*]] = gir.kernel "twice" (%{{.*}} = %[[V]] : tensor<?x9xi32>)
// SETTLED:       %[[N:.*]] = tensor.dim %[[K]]
// SETTLED:       tensor.expand_shape %[[K]] {{\[\[0\], \[1, 2\]\]}} output_shape [%[[N]], 3, 3] : tensor<?x9xi32> into tensor<?x3x3xi32>
func.func @open(%x: tensor<?x3x3xi32>) -> tensor<?x3x3xi32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x3x3xi32>
  %0 = gir.kernel "twice" (%a = %x : tensor<?x3x3xi32>) sizes(%n) -> (tensor<?x3x3xi32>) {
    %1 = gir.move %a : tensor<?x3x3xi32, #gir.at<dram>> -> tensor<?x3x3xi32, #gir.at<reg>>
    %2 = arith.addi %1, %1 : tensor<?x3x3xi32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<?x3x3xi32, #gir.at<reg>> -> tensor<?x3x3xi32, #gir.at<dram>>
    gir.return %3 : tensor<?x3x3xi32, #gir.at<dram>>
  }
  return %0 : tensor<?x3x3xi32>
}

// -----

// Where units read rows, what one kernel gives and another takes is joined in both; the function's shapes stay.

// EVERY-LABEL: func.func @handed
// EVERY: %[[V:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2]] : tensor<4x15x13xf32> into tensor<4x195xf32>
// EVERY: gir.kernel "first" (%{{.*}} = %[[V]] : tensor<4x195xf32>, {{.*}}) -> (tensor<4x195xf32>)
// EVERY: gir.kernel "second" (%{{.*}} : tensor<4x195xf32>, {{.*}}) -> (tensor<4x195xf32>)
// EVERY: tensor.expand_shape %{{.*}} {{\[\[}}0], [1, 2]] output_shape [4, 15, 13]
// LANES-LABEL: func.func @handed
// LANES-NOT: tensor.collapse_shape
func.func @handed(%x: tensor<4x15x13xf32>, %s: tensor<4xf32>) -> tensor<4x15x13xf32> {
  %0 = gir.kernel "first" (%a = %x : tensor<4x15x13xf32>, %b = %s : tensor<4xf32>) -> (tensor<4x15x13xf32>) {
    %1 = gir.move %a : tensor<4x15x13xf32, #gir.at<dram>> -> tensor<4x15x13xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [1, 2] : tensor<4xf32, #gir.at<reg>> -> tensor<4x15x13xf32, #gir.at<reg>>
    %4 = arith.mulf %1, %3 : tensor<4x15x13xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<4x15x13xf32, #gir.at<reg>> -> tensor<4x15x13xf32, #gir.at<dram>>
    gir.return %5 : tensor<4x15x13xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "second" (%a = %0 : tensor<4x15x13xf32>, %b = %s : tensor<4xf32>) -> (tensor<4x15x13xf32>) {
    %1 = gir.move %a : tensor<4x15x13xf32, #gir.at<dram>> -> tensor<4x15x13xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [1, 2] : tensor<4xf32, #gir.at<reg>> -> tensor<4x15x13xf32, #gir.at<reg>>
    %4 = arith.addf %1, %3 : tensor<4x15x13xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<4x15x13xf32, #gir.at<reg>> -> tensor<4x15x13xf32, #gir.at<dram>>
    gir.return %5 : tensor<4x15x13xf32, #gir.at<dram>>
  }
  return %1 : tensor<4x15x13xf32>
}
