// RUN: pf-opt %s --gir-fold-splats -split-input-file | FileCheck %s

// A tensor of one scalar is made where it is used; the kernel that stored it goes with its last reader.

// CHECK-LABEL: func.func @fill
// CHECK-NOT: gir.kernel "fill"
// CHECK: gir.kernel "add" (%[[A:.*]] = %{{.*}} : tensor<4xf32>, %[[S:.*]] = %{{.*}} : f32)
// CHECK: tensor.splat %[[S]]
func.func @fill(%x: tensor<4xf32>, %s: f32) -> tensor<4xf32> {
  %f = gir.kernel "fill" (%c = %s : f32) -> (tensor<4xf32>) {
    %1 = tensor.splat %c : tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %2 : tensor<4xf32, #gir.at<dram>>
  }
  %0 = gir.kernel "add" (%a = %x : tensor<4xf32>, %b = %f : tensor<4xf32>) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3 = arith.addf %1, %2 : tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %4 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}

// -----

// A constant that is the same everywhere needs no memory, weights do.

// CHECK-LABEL: func.func @constants
// CHECK: gir.kernel "add" (%[[W:.*]] = %{{.*}} : tensor<2xf32>) -> (tensor<2xf32>)
// CHECK-COUNT-1: -> tensor<2xf32, #gir.at<reg>>
func.func @constants() -> tensor<2xf32> {
  %c = arith.constant dense<3.0> : tensor<2xf32>
  %w = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = gir.kernel "add" (%a = %w : tensor<2xf32>, %b = %c : tensor<2xf32>) -> (tensor<2xf32>) {
    %1 = gir.move %a : tensor<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %3 = arith.addf %1, %2 : tensor<2xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<2xf32, #gir.at<reg>> -> tensor<2xf32, #gir.at<dram>>
    gir.return %4 : tensor<2xf32, #gir.at<dram>>
  }
  return %0 : tensor<2xf32>
}

// -----

// What the caller gets must be in memory: the store stays.

// CHECK-LABEL: func.func @returned
// CHECK: gir.kernel "fill"
// CHECK: gir.move
func.func @returned(%s: f32) -> tensor<4xf32> {
  %f = gir.kernel "fill" (%c = %s : f32) -> (tensor<4xf32>) {
    %1 = tensor.splat %c : tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %2 : tensor<4xf32, #gir.at<dram>>
  }
  return %f : tensor<4xf32>
}

// -----

// A kernel that asserts stays, though nobody needs what it gives.

// CHECK-LABEL: func.func @asserts
// CHECK: gir.kernel "check"
// CHECK: gir.assert
// CHECK: gir.kernel "splat"
// CHECK: gir.assert
func.func @asserts(%x: tensor<4xi1>, %s: f32) {
  gir.kernel "check" (%a = %x : tensor<4xi1>) -> () {
    %1 = gir.move %a : tensor<4xi1, #gir.at<dram>> -> tensor<4xi1, #gir.at<reg>>
    gir.assert %1, "false" : tensor<4xi1, #gir.at<reg>>
    gir.return
  }
  %0 = gir.kernel "splat" (%a = %x : tensor<4xi1>, %c = %s : f32) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xi1, #gir.at<dram>> -> tensor<4xi1, #gir.at<reg>>
    gir.assert %1, "false" : tensor<4xi1, #gir.at<reg>>
    %2 = tensor.splat %c : tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %3 : tensor<4xf32, #gir.at<dram>>
  }
  return
}
