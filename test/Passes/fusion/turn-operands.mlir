// RUN: pf-opt %s --gir-turn-operands -split-input-file | FileCheck %s

// What was only turned for a contraction is read as it lies, and the contraction's map says where it belongs.

// CHECK-DAG: #[[RHS:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func.func @turned_for_a_product
// CHECK-NOT: "transpose"
// CHECK: gir.kernel "matmul" (%[[A:.*]] = %{{.*}} : tensor<4x8xf32>, %[[B:.*]] = %{{.*}} : tensor<6x8xf32>)
// CHECK: %[[L:.*]] = gir.move %[[B]] : tensor<6x8xf32, #gir.at<dram>> -> tensor<6x8xf32, #gir.at<reg>>
// CHECK-NOT: gir.permute
// CHECK: gir.contract %{{.*}}, %[[L]] into %{{.*}} maps [#{{.*}}, #[[RHS]], #{{.*}}]
func.func @turned_for_a_product(%x: tensor<4x8xf32>, %w: tensor<6x8xf32>) -> tensor<4x6xf32> {
  %t = gir.kernel "transpose" (%a = %w : tensor<6x8xf32>) -> (tensor<8x6xf32>) {
    %1 = gir.move %a : tensor<6x8xf32, #gir.at<dram>> -> tensor<6x8xf32, #gir.at<reg>>
    %2 = gir.permute %1 [1, 0] : tensor<6x8xf32, #gir.at<reg>> -> tensor<8x6xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<8x6xf32, #gir.at<reg>> -> tensor<8x6xf32, #gir.at<dram>>
    gir.return %3 : tensor<8x6xf32, #gir.at<dram>>
  }
  %0 = gir.kernel "matmul" (%a = %x : tensor<4x8xf32>, %b = %t : tensor<8x6xf32>) -> (tensor<4x6xf32>) {
    %z = arith.constant dense<0.0> : tensor<4x6xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<8x6xf32, #gir.at<dram>> -> tensor<8x6xf32, #gir.at<reg>>
    %3 = gir.contract %1, %2 into %z maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<4x8xf32, #gir.at<reg>>, tensor<8x6xf32, #gir.at<reg>> into tensor<4x6xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4x6xf32, #gir.at<reg>> -> tensor<4x6xf32, #gir.at<dram>>
    gir.return %4 : tensor<4x6xf32, #gir.at<dram>>
  }
  return %0 : tensor<4x6xf32>
}

// -----

// Three dimensions that go round: where each belongs is told by the permutation, not by its inverse.

// CHECK-DAG: #[[LHS:.*]] = affine_map<(d0, d1, d2) -> (d2, d0, d1)>
// CHECK-LABEL: func.func @turned_in_its_kernel
// CHECK: %[[L:.*]] = gir.move %{{.*}} : tensor<4x2x3xf32, #gir.at<dram>> -> tensor<4x2x3xf32, #gir.at<reg>>
// CHECK-NOT: gir.permute
// CHECK: gir.contract %[[L]], %{{.*}} maps [#[[LHS]],
func.func @turned_in_its_kernel(%x: tensor<4x2x3xf32>, %w: tensor<2x4xf32>) -> tensor<2x3xf32> {
  %0 = gir.kernel "matmul" (%a = %x : tensor<4x2x3xf32>, %b = %w : tensor<2x4xf32>) -> (tensor<2x3xf32>) {
    %z = arith.constant dense<0.0> : tensor<2x3xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x2x3xf32, #gir.at<dram>> -> tensor<4x2x3xf32, #gir.at<reg>>
    %2 = gir.permute %1 [1, 2, 0] : tensor<4x2x3xf32, #gir.at<reg>> -> tensor<2x3x4xf32, #gir.at<reg>>
    %3 = gir.move %b : tensor<2x4xf32, #gir.at<dram>> -> tensor<2x4xf32, #gir.at<reg>>
    %4 = gir.contract %2, %3 into %z maps [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<2x3x4xf32, #gir.at<reg>>, tensor<2x4xf32, #gir.at<reg>> into tensor<2x3xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<2x3xf32, #gir.at<reg>> -> tensor<2x3xf32, #gir.at<dram>>
    gir.return %5 : tensor<2x3xf32, #gir.at<dram>>
  }
  return %0 : tensor<2x3xf32>
}

// -----

// Somebody else reads the turned tensor: it is made anyway, and read by both.

// CHECK-LABEL: func.func @needed_elsewhere
// CHECK: %[[T:.*]] = gir.kernel "transpose"
// CHECK: gir.kernel "matmul" (%{{.*}} = %{{.*}} : tensor<4x8xf32>, %{{.*}} = %[[T]] : tensor<8x6xf32>)
func.func @needed_elsewhere(%x: tensor<4x8xf32>, %w: tensor<6x8xf32>) -> (tensor<4x6xf32>, tensor<8x6xf32>) {
  %t = gir.kernel "transpose" (%a = %w : tensor<6x8xf32>) -> (tensor<8x6xf32>) {
    %1 = gir.move %a : tensor<6x8xf32, #gir.at<dram>> -> tensor<6x8xf32, #gir.at<reg>>
    %2 = gir.permute %1 [1, 0] : tensor<6x8xf32, #gir.at<reg>> -> tensor<8x6xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<8x6xf32, #gir.at<reg>> -> tensor<8x6xf32, #gir.at<dram>>
    gir.return %3 : tensor<8x6xf32, #gir.at<dram>>
  }
  %0 = gir.kernel "matmul" (%a = %x : tensor<4x8xf32>, %b = %t : tensor<8x6xf32>) -> (tensor<4x6xf32>) {
    %z = arith.constant dense<0.0> : tensor<4x6xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<8x6xf32, #gir.at<dram>> -> tensor<8x6xf32, #gir.at<reg>>
    %3 = gir.contract %1, %2 into %z maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<4x8xf32, #gir.at<reg>>, tensor<8x6xf32, #gir.at<reg>> into tensor<4x6xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4x6xf32, #gir.at<reg>> -> tensor<4x6xf32, #gir.at<dram>>
    gir.return %4 : tensor<4x6xf32, #gir.at<dram>>
  }
  return %0, %t : tensor<4x6xf32>, tensor<8x6xf32>
}

// -----

// What a contraction adds to is read where its result is made: it stays turned.

// CHECK-LABEL: func.func @added_to
// CHECK: gir.kernel "transpose"
// CHECK: gir.kernel "matmul"
func.func @added_to(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %y: tensor<6x4xf32>) -> tensor<4x6xf32> {
  %t = gir.kernel "transpose" (%a = %y : tensor<6x4xf32>) -> (tensor<4x6xf32>) {
    %1 = gir.move %a : tensor<6x4xf32, #gir.at<dram>> -> tensor<6x4xf32, #gir.at<reg>>
    %2 = gir.permute %1 [1, 0] : tensor<6x4xf32, #gir.at<reg>> -> tensor<4x6xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4x6xf32, #gir.at<reg>> -> tensor<4x6xf32, #gir.at<dram>>
    gir.return %3 : tensor<4x6xf32, #gir.at<dram>>
  }
  %0 = gir.kernel "matmul" (%a = %x : tensor<4x8xf32>, %b = %w : tensor<8x6xf32>, %c = %t : tensor<4x6xf32>) -> (tensor<4x6xf32>) {
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<8x6xf32, #gir.at<dram>> -> tensor<8x6xf32, #gir.at<reg>>
    %3 = gir.move %c : tensor<4x6xf32, #gir.at<dram>> -> tensor<4x6xf32, #gir.at<reg>>
    %4 = gir.contract %1, %2 into %3 maps [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>] : tensor<4x8xf32, #gir.at<reg>>, tensor<8x6xf32, #gir.at<reg>> into tensor<4x6xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<4x6xf32, #gir.at<reg>> -> tensor<4x6xf32, #gir.at<dram>>
    gir.return %5 : tensor<4x6xf32, #gir.at<dram>>
  }
  return %0 : tensor<4x6xf32>
}

// -----

// A kernel that gives what it turns twice isn't one that only turns.

// CHECK-LABEL: func.func @twice
// CHECK: gir.kernel "turn"
func.func @twice(%x: tensor<4x8xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
  %0:2 = gir.kernel "turn" (%a = %x : tensor<4x8xf32>) -> (tensor<8x4xf32>, tensor<8x4xf32>) {
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.permute %1 [1, 0] : tensor<4x8xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<8x4xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<dram>>
    gir.return %3, %3 : tensor<8x4xf32, #gir.at<dram>>, tensor<8x4xf32, #gir.at<dram>>
  }
  return %0#0, %0#1 : tensor<8x4xf32>, tensor<8x4xf32>
}
