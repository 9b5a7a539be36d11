// RUN: pf-opt %s --gir-join-loads | FileCheck %s

// A half of a row that is loaded whole as well is cut from that at reg.

// CHECK-LABEL: func.func @half
// CHECK-COUNT-1: #gir.at<dram>> -> tensor<4x16xf32, #gir.at<reg>>
// CHECK: gir.slice %{{.*}} [0, 8] [4, 8] [1, 1] : tensor<4x16xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
func.func @half(%x: tensor<4x16xf32>) -> (tensor<4x16xf32>, tensor<4x8xf32>) {
  %0:2 = gir.kernel "half" (%a = %x : tensor<4x16xf32>) -> (tensor<4x16xf32>, tensor<4x8xf32>) {
    %1 = gir.move %a : tensor<4x16xf32, #gir.at<dram>> -> tensor<4x16xf32, #gir.at<reg>>
    %2 = gir.slice %a [0, 8] [4, 8] [1, 1] : tensor<4x16xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<dram>>
    %3 = gir.move %2 : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %4 = math.exp %1 : tensor<4x16xf32, #gir.at<reg>>
    %5 = math.exp %3 : tensor<4x8xf32, #gir.at<reg>>
    %6 = gir.move %4 : tensor<4x16xf32, #gir.at<reg>> -> tensor<4x16xf32, #gir.at<dram>>
    %7 = gir.move %5 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    gir.return %6, %7 : tensor<4x16xf32, #gir.at<dram>>, tensor<4x8xf32, #gir.at<dram>>
  }
  return %0#0, %0#1 : tensor<4x16xf32>, tensor<4x8xf32>
}

// Neighbours come in as the box that holds them both.

// CHECK-LABEL: func.func @neighbours
// CHECK: gir.slice %{{.*}} [1] [12] [1] : tensor<16xf32, #gir.at<dram>>
// CHECK: gir.move
// CHECK: gir.slice %{{.*}} [0] [10] [1] : tensor<12xf32, #gir.at<reg>>
// CHECK: gir.slice %{{.*}} [2] [10] [1] : tensor<12xf32, #gir.at<reg>>
// CHECK-NOT: #gir.at<dram>> -> tensor<10xf32, #gir.at<reg>>
func.func @neighbours(%x: tensor<16xf32>) -> tensor<10xf32> {
  %0 = gir.kernel "neighbours" (%a = %x : tensor<16xf32>) -> (tensor<10xf32>) {
    %1 = gir.slice %a [1] [10] [1] : tensor<16xf32, #gir.at<dram>> -> tensor<10xf32, #gir.at<dram>>
    %2 = gir.move %1 : tensor<10xf32, #gir.at<dram>> -> tensor<10xf32, #gir.at<reg>>
    %3 = gir.slice %a [3] [10] [1] : tensor<16xf32, #gir.at<dram>> -> tensor<10xf32, #gir.at<dram>>
    %4 = gir.move %3 : tensor<10xf32, #gir.at<dram>> -> tensor<10xf32, #gir.at<reg>>
    %5 = arith.addf %2, %4 : tensor<10xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<10xf32, #gir.at<reg>> -> tensor<10xf32, #gir.at<dram>>
    gir.return %6 : tensor<10xf32, #gir.at<dram>>
  }
  return %0 : tensor<10xf32>
}

// Halves that don't overlap stay two loads: together they are no less.

// CHECK-LABEL: func.func @apart
// CHECK-COUNT-2: #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
func.func @apart(%x: tensor<16xf32>) -> tensor<8xf32> {
  %0 = gir.kernel "apart" (%a = %x : tensor<16xf32>) -> (tensor<8xf32>) {
    %1 = gir.slice %a [0] [8] [1] : tensor<16xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<dram>>
    %2 = gir.move %1 : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %3 = gir.slice %a [8] [8] [1] : tensor<16xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<dram>>
    %4 = gir.move %3 : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %5 = arith.addf %2, %4 : tensor<8xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %6 : tensor<8xf32, #gir.at<dram>>
  }
  return %0 : tensor<8xf32>
}
