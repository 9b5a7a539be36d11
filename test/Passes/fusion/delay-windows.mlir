// RUN: pf-opt %s --gir-delay-windows -split-input-file | FileCheck %s

// What is computed of each element of neighbourhoods is computed of each element once, constants with it.

// CHECK-LABEL: func.func @delayed
// CHECK: %[[X:.*]] = gir.move %{{.*}} -> tensor<10xbf16, #gir.at<reg>>
// CHECK: %[[E:.*]] = arith.extf %[[X]] : tensor<10xbf16, #gir.at<reg>> to tensor<10xf32, #gir.at<reg>>
// CHECK: %[[TWO:.*]] = arith.constant dense<2.000000e+00> : tensor<10xf32, #gir.at<reg>>
// CHECK: %[[M:.*]] = arith.mulf %[[E]], %[[TWO]] : tensor<10xf32, #gir.at<reg>>
// CHECK: %[[W:.*]] = gir.window %[[M]] dims [0] sizes [3] strides [1] dilations [1]
// CHECK: gir.reduce %[[W]]
func.func @delayed(%x: tensor<10xbf16>) -> tensor<8xf32> {
  %0 = gir.kernel "sum" (%a = %x : tensor<10xbf16>) -> (tensor<8xf32>) {
    %zero = arith.constant dense<0.0> : tensor<8xf32, #gir.at<reg>>
    %two = arith.constant dense<2.0> : tensor<8x3xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<10xbf16, #gir.at<dram>> -> tensor<10xbf16, #gir.at<reg>>
    %2 = gir.window %1 dims [0] sizes [3] strides [1] dilations [1] : tensor<10xbf16, #gir.at<reg>> -> tensor<8x3xbf16, #gir.at<reg>>
    %3 = arith.extf %2 : tensor<8x3xbf16, #gir.at<reg>> to tensor<8x3xf32, #gir.at<reg>>
    %4 = arith.mulf %3, %two : tensor<8x3xf32, #gir.at<reg>>
    %5 = gir.reduce %4 into %zero dims [1] kinds [#vector.kind<add>] : tensor<8x3xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %6 : tensor<8xf32, #gir.at<dram>>
  }
  return %0 : tensor<8xf32>
}

// -----

// Every fourth element is in a neighbourhood, so computing all of them is more; an element in none may be a zero to
// divide by; and rows of different lengths have no elements beside each other that could be computed before.

// CHECK-LABEL: func.func @stay
// CHECK: %[[SPARSE:.*]] = gir.window
// CHECK: math.absf %[[SPARSE]]
// CHECK: %[[W:.*]] = gir.window
// CHECK: arith.divsi %{{.*}}, %[[W]]
// CHECK: %[[P:.*]] = gir.window
// CHECK: %[[Q:.*]] = gir.window
// CHECK: arith.mulf %[[P]], %[[Q]]
func.func @stay(%x: tensor<16xf32>, %y: tensor<16xi32>) -> (tensor<4x1xf32>, tensor<7x3xi32>, tensor<7x3xf32>) {
  %0:3 = gir.kernel "stay" (%a = %x : tensor<16xf32>, %b = %y : tensor<16xi32>) -> (tensor<4x1xf32>, tensor<7x3xi32>, tensor<7x3xf32>) {
    %ten = arith.constant dense<10> : tensor<7x3xi32, #gir.at<reg>>
    %1 = gir.move %a : tensor<16xf32, #gir.at<dram>> -> tensor<16xf32, #gir.at<reg>>
    %2 = gir.window %1 dims [0] sizes [1] strides [4] dilations [1] : tensor<16xf32, #gir.at<reg>> -> tensor<4x1xf32, #gir.at<reg>>
    %3 = math.absf %2 : tensor<4x1xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4x1xf32, #gir.at<reg>> -> tensor<4x1xf32, #gir.at<dram>>
    %5 = gir.move %b : tensor<16xi32, #gir.at<dram>> -> tensor<16xi32, #gir.at<reg>>
    %6 = gir.window %5 dims [0] sizes [3] strides [2] dilations [1] : tensor<16xi32, #gir.at<reg>> -> tensor<7x3xi32, #gir.at<reg>>
    %7 = arith.divsi %ten, %6 : tensor<7x3xi32, #gir.at<reg>>
    %8 = gir.move %7 : tensor<7x3xi32, #gir.at<reg>> -> tensor<7x3xi32, #gir.at<dram>>
    %9 = gir.window %1 dims [0] sizes [3] strides [2] dilations [1] : tensor<16xf32, #gir.at<reg>> -> tensor<7x3xf32, #gir.at<reg>>
    %head = gir.slice %1 [0] [15] [1] : tensor<16xf32, #gir.at<reg>> -> tensor<15xf32, #gir.at<reg>>
    %10 = gir.window %head dims [0] sizes [3] strides [2] dilations [1] : tensor<15xf32, #gir.at<reg>> -> tensor<7x3xf32, #gir.at<reg>>
    %11 = arith.mulf %9, %10 : tensor<7x3xf32, #gir.at<reg>>
    %12 = gir.move %11 : tensor<7x3xf32, #gir.at<reg>> -> tensor<7x3xf32, #gir.at<dram>>
    gir.return %4, %8, %12 : tensor<4x1xf32, #gir.at<dram>>, tensor<7x3xi32, #gir.at<dram>>, tensor<7x3xf32, #gir.at<dram>>
  }
  return %0#0, %0#1, %0#2 : tensor<4x1xf32>, tensor<7x3xi32>, tensor<7x3xf32>
}
