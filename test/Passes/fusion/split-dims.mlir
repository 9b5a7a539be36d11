// RUN: pf-opt %s --gir-split-dims --canonicalize -split-input-file | FileCheck %s

// A sum over all of a group's channels, and a scale per channel: both run over groups and channels within, the
// caller gets the shape that it asked for, and what has a channel is seen by group.

// CHECK-LABEL: func.func @groups
// CHECK-SAME: (%[[X:.*]]: tensor<320x64xf32>, %[[S:.*]]: tensor<320xf32>)
// CHECK: %[[XG:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0, 1], [2]] output_shape [32, 10, 64]
// CHECK: %[[R:.*]] = gir.kernel "minus_sum" (%[[A:.*]] = %[[XG]] : tensor<32x10x64xf32>) -> (tensor<32x10x64xf32>)
// CHECK: gir.reduce %{{.*}} dims [1, 2] kinds
// CHECK: gir.broadcast %{{.*}} dims [1, 2] : tensor<32xf32, #gir.at<reg>> -> tensor<32x10x64xf32, #gir.at<reg>>
// CHECK: %[[SG:.*]] = tensor.expand_shape %[[S]] {{\[\[}}0, 1]] output_shape [32, 10]
// CHECK: %[[Y:.*]] = gir.kernel "scale" (%{{.*}} = %[[R]] : tensor<32x10x64xf32>, %{{.*}} = %[[SG]] : tensor<32x10xf32>)
// CHECK: gir.broadcast %{{.*}} dims [2] : tensor<32x10xf32, #gir.at<reg>> -> tensor<32x10x64xf32, #gir.at<reg>>
// CHECK: tensor.collapse_shape %[[Y]] {{\[\[}}0, 1], [2]]
func.func @groups(%x: tensor<320x64xf32>, %s: tensor<320xf32>) -> tensor<320x64xf32> {
  %v = tensor.expand_shape %x [[0, 1], [2]] output_shape [32, 10, 64] : tensor<320x64xf32> into tensor<32x10x64xf32>
  %w = tensor.collapse_shape %v [[0], [1, 2]] : tensor<32x10x64xf32> into tensor<32x640xf32>
  %0 = gir.kernel "minus_sum" (%a = %w : tensor<32x640xf32>) -> (tensor<32x640xf32>) {
    %zero = arith.constant dense<0.0> : tensor<32xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<32x640xf32, #gir.at<dram>> -> tensor<32x640xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %zero dims [1] kinds [#vector.kind<add>] : tensor<32x640xf32, #gir.at<reg>> into tensor<32xf32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [1] : tensor<32xf32, #gir.at<reg>> -> tensor<32x640xf32, #gir.at<reg>>
    %4 = arith.subf %1, %3 : tensor<32x640xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<32x640xf32, #gir.at<reg>> -> tensor<32x640xf32, #gir.at<dram>>
    gir.return %5 : tensor<32x640xf32, #gir.at<dram>>
  }
  %e = tensor.expand_shape %0 [[0], [1, 2]] output_shape [32, 10, 64] : tensor<32x640xf32> into tensor<32x10x64xf32>
  %c = tensor.collapse_shape %e [[0, 1], [2]] : tensor<32x10x64xf32> into tensor<320x64xf32>
  %1 = gir.kernel "scale" (%a = %c : tensor<320x64xf32>, %b = %s : tensor<320xf32>) -> (tensor<320x64xf32>) {
    %2 = gir.move %a : tensor<320x64xf32, #gir.at<dram>> -> tensor<320x64xf32, #gir.at<reg>>
    %3 = gir.move %b : tensor<320xf32, #gir.at<dram>> -> tensor<320xf32, #gir.at<reg>>
    %4 = gir.broadcast %3 dims [1] : tensor<320xf32, #gir.at<reg>> -> tensor<320x64xf32, #gir.at<reg>>
    %5 = arith.mulf %2, %4 : tensor<320x64xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<320x64xf32, #gir.at<reg>> -> tensor<320x64xf32, #gir.at<dram>>
    gir.return %6 : tensor<320x64xf32, #gir.at<dram>>
  }
  return %1 : tensor<320x64xf32>
}

// -----

// Columns of a product that are seen as heads become iteration dimensions of it.

// CHECK-DAG: #[[L:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d1, d2)>
// CHECK-DAG: #[[O:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK-LABEL: func.func @heads
// CHECK: %[[P:.*]] = gir.kernel "product" {{.*}} -> (tensor<5x3x4xf32>)
// CHECK: gir.contract {{.*}} maps [#[[L]], #[[W]], #[[O]]]
// CHECK-NOT: tensor.expand_shape
// CHECK: gir.kernel "turn" (%{{.*}} = %[[P]] : tensor<5x3x4xf32>)
func.func @heads(%x: tensor<5x7xf32>, %w: tensor<7x12xf32>) -> tensor<3x5x4xf32> {
  %0 = gir.kernel "product" (%a = %x : tensor<5x7xf32>, %b = %w : tensor<7x12xf32>) -> (tensor<5x12xf32>) {
    %zero = arith.constant dense<0.0> : tensor<5x12xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<5x7xf32, #gir.at<dram>> -> tensor<5x7xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<7x12xf32, #gir.at<dram>> -> tensor<7x12xf32, #gir.at<reg>>
    %3 = gir.contract %1, %2 into %zero maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
      : tensor<5x7xf32, #gir.at<reg>>, tensor<7x12xf32, #gir.at<reg>> into tensor<5x12xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<5x12xf32, #gir.at<reg>> -> tensor<5x12xf32, #gir.at<dram>>
    gir.return %4 : tensor<5x12xf32, #gir.at<dram>>
  }
  %e = tensor.expand_shape %0 [[0], [1, 2]] output_shape [5, 3, 4] : tensor<5x12xf32> into tensor<5x3x4xf32>
  %1 = gir.kernel "turn" (%a = %e : tensor<5x3x4xf32>) -> (tensor<3x5x4xf32>) {
    %2 = gir.move %a : tensor<5x3x4xf32, #gir.at<dram>> -> tensor<5x3x4xf32, #gir.at<reg>>
    %3 = gir.permute %2 [1, 0, 2] : tensor<5x3x4xf32, #gir.at<reg>> -> tensor<3x5x4xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<3x5x4xf32, #gir.at<reg>> -> tensor<3x5x4xf32, #gir.at<dram>>
    gir.return %4 : tensor<3x5x4xf32, #gir.at<dram>>
  }
  return %1 : tensor<3x5x4xf32>
}

// -----

// A place along a dimension is computed from those along its parts.

// CHECK-LABEL: func.func @places
// CHECK: gir.kernel "places" () -> (tensor<3x8xindex>)
// CHECK-DAG: %[[EIGHT:.*]] = arith.constant dense<8> : tensor<3x8xindex, #gir.at<reg>>
// CHECK-DAG: %[[I:.*]] = gir.iota dim 0 : tensor<3x8xindex, #gir.at<reg>>
// CHECK: %[[M:.*]] = arith.muli %[[I]], %[[EIGHT]]
// CHECK: %[[J:.*]] = gir.iota dim 1 : tensor<3x8xindex, #gir.at<reg>>
// CHECK: arith.addi %[[M]], %[[J]]
func.func @places() -> tensor<8x3xindex> {
  %0 = gir.kernel "places" () -> (tensor<24xindex>) {
    %1 = gir.iota dim 0 : tensor<24xindex, #gir.at<reg>>
    %2 = gir.move %1 : tensor<24xindex, #gir.at<reg>> -> tensor<24xindex, #gir.at<dram>>
    gir.return %2 : tensor<24xindex, #gir.at<dram>>
  }
  %e = tensor.expand_shape %0 [[0, 1]] output_shape [3, 8] : tensor<24xindex> into tensor<3x8xindex>
  %1 = gir.kernel "turn" (%a = %e : tensor<3x8xindex>) -> (tensor<8x3xindex>) {
    %2 = gir.move %a : tensor<3x8xindex, #gir.at<dram>> -> tensor<3x8xindex, #gir.at<reg>>
    %3 = gir.permute %2 [1, 0] : tensor<3x8xindex, #gir.at<reg>> -> tensor<8x3xindex, #gir.at<reg>>
    %4 = gir.move %3 : tensor<8x3xindex, #gir.at<reg>> -> tensor<8x3xindex, #gir.at<dram>>
    gir.return %4 : tensor<8x3xindex, #gir.at<dram>>
  }
  return %1 : tensor<8x3xindex>
}

// -----

// A running sum has one order, so its dimension isn't split: the reshape stays.

// CHECK-LABEL: func.func @running
// CHECK: %[[S:.*]] = gir.kernel "running" {{.*}} -> (tensor<24xf32>)
// CHECK: %[[E:.*]] = tensor.expand_shape %[[S]]
// CHECK: gir.kernel "negate" (%{{.*}} = %[[E]] : tensor<3x8xf32>)
func.func @running(%x: tensor<24xf32>) -> tensor<3x8xf32> {
  %0 = gir.kernel "running" (%a = %x : tensor<24xf32>) -> (tensor<24xf32>) {
    %zero = arith.constant dense<0.0> : tensor<f32, #gir.at<reg>>
    %1 = gir.move %a : tensor<24xf32, #gir.at<dram>> -> tensor<24xf32, #gir.at<reg>>
    %2, %3 = gir.scan %1 into %zero dim 0 kinds [#vector.kind<add>] : tensor<24xf32, #gir.at<reg>> into tensor<f32, #gir.at<reg>>
    %4 = gir.move %2 : tensor<24xf32, #gir.at<reg>> -> tensor<24xf32, #gir.at<dram>>
    gir.return %4 : tensor<24xf32, #gir.at<dram>>
  }
  %e = tensor.expand_shape %0 [[0, 1]] output_shape [3, 8] : tensor<24xf32> into tensor<3x8xf32>
  %1 = gir.kernel "negate" (%a = %e : tensor<3x8xf32>) -> (tensor<3x8xf32>) {
    %2 = gir.move %a : tensor<3x8xf32, #gir.at<dram>> -> tensor<3x8xf32, #gir.at<reg>>
    %3 = arith.negf %2 : tensor<3x8xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<3x8xf32, #gir.at<reg>> -> tensor<3x8xf32, #gir.at<dram>>
    gir.return %4 : tensor<3x8xf32, #gir.at<dram>>
  }
  return %1 : tensor<3x8xf32>
}

// -----

// Reshapes of what the function takes and gives move nothing and stand between nobody: nothing changes.

// CHECK-LABEL: func.func @outside
// CHECK: tensor.collapse_shape
// CHECK: gir.kernel "negate" {{.*}} -> (tensor<24xf32>)
// CHECK: tensor.expand_shape
func.func @outside(%x: tensor<3x8xf32>) -> tensor<4x6xf32> {
  %c = tensor.collapse_shape %x [[0, 1]] : tensor<3x8xf32> into tensor<24xf32>
  %0 = gir.kernel "negate" (%a = %c : tensor<24xf32>) -> (tensor<24xf32>) {
    %1 = gir.move %a : tensor<24xf32, #gir.at<dram>> -> tensor<24xf32, #gir.at<reg>>
    %2 = arith.negf %1 : tensor<24xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<24xf32, #gir.at<reg>> -> tensor<24xf32, #gir.at<dram>>
    gir.return %3 : tensor<24xf32, #gir.at<dram>>
  }
  %e = tensor.expand_shape %0 [[0, 1]] output_shape [4, 6] : tensor<24xf32> into tensor<4x6xf32>
  return %e : tensor<4x6xf32>
}
