// RUN: pf-opt %s --gir-forward-concats -split-input-file | FileCheck %s

// A reader of all loads both parts; one of a piece within the first loads that alone, and of one across both what each
// has of it. Nothing is put together at dram, so that kernel goes.

// CHECK-LABEL: func.func @read
// CHECK-NOT: gir.kernel "concat"
// CHECK: gir.kernel "all" (%[[X:.*]] = %arg0 : tensor<3x8xf32>, %[[Y:.*]] = %arg1 : tensor<5x8xf32>)
// CHECK-DAG: %[[A:.*]] = gir.move %[[X]]
// CHECK-DAG: %[[B:.*]] = gir.move %[[Y]]
// CHECK: %[[AB:.*]] = gir.concat %[[A]], %[[B]] dim 0 : {{.*}} -> tensor<8x8xf32, #gir.at<reg>>
// CHECK: math.absf %[[AB]]
// CHECK: gir.kernel "first" (%[[X:.*]] = %arg0 : tensor<3x8xf32>)
// CHECK: gir.slice %[[X]] [1, 2] [2, 4] [1, 1]
// CHECK: gir.kernel "across"
// CHECK-DAG: gir.slice %{{.*}} [1, 0] [1, 8] [2, 1] : tensor<3x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<dram>>
// CHECK-DAG: gir.slice %{{.*}} [0, 0] [2, 8] [2, 1] : tensor<5x8xf32, #gir.at<dram>> -> tensor<2x8xf32, #gir.at<dram>>
// CHECK: gir.concat
func.func @read(%x: tensor<3x8xf32>, %y: tensor<5x8xf32>) -> (tensor<8x8xf32>, tensor<2x4xf32>, tensor<3x8xf32>) {
  %0 = gir.kernel "concat" (%a = %x : tensor<3x8xf32>, %b = %y : tensor<5x8xf32>) -> (tensor<8x8xf32>) {
    %1 = gir.move %a : tensor<3x8xf32, #gir.at<dram>> -> tensor<3x8xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<3x8xf32, #gir.at<reg>> -> tensor<3x8xf32, #gir.at<dram>>
    %3 = gir.move %b : tensor<5x8xf32, #gir.at<dram>> -> tensor<5x8xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<5x8xf32, #gir.at<reg>> -> tensor<5x8xf32, #gir.at<dram>>
    %5 = gir.concat %2, %4 dim 0 : (tensor<3x8xf32, #gir.at<dram>>, tensor<5x8xf32, #gir.at<dram>>) -> tensor<8x8xf32, #gir.at<dram>>
    gir.return %5 : tensor<8x8xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "all" (%a = %0 : tensor<8x8xf32>) -> (tensor<8x8xf32>) {
    %2 = gir.move %a : tensor<8x8xf32, #gir.at<dram>> -> tensor<8x8xf32, #gir.at<reg>>
    %3 = math.absf %2 : tensor<8x8xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<8x8xf32, #gir.at<reg>> -> tensor<8x8xf32, #gir.at<dram>>
    gir.return %4 : tensor<8x8xf32, #gir.at<dram>>
  }
  %2 = gir.kernel "first" (%a = %0 : tensor<8x8xf32>) -> (tensor<2x4xf32>) {
    %3 = gir.slice %a [1, 2] [2, 4] [1, 1] : tensor<8x8xf32, #gir.at<dram>> -> tensor<2x4xf32, #gir.at<dram>>
    %4 = gir.move %3 : tensor<2x4xf32, #gir.at<dram>> -> tensor<2x4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<2x4xf32, #gir.at<reg>> -> tensor<2x4xf32, #gir.at<dram>>
    gir.return %5 : tensor<2x4xf32, #gir.at<dram>>
  }
  %3 = gir.kernel "across" (%a = %0 : tensor<8x8xf32>) -> (tensor<3x8xf32>) {
    %4 = gir.slice %a [1, 0] [3, 8] [2, 1] : tensor<8x8xf32, #gir.at<dram>> -> tensor<3x8xf32, #gir.at<dram>>
    %5 = gir.move %4 : tensor<3x8xf32, #gir.at<dram>> -> tensor<3x8xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<3x8xf32, #gir.at<reg>> -> tensor<3x8xf32, #gir.at<dram>>
    gir.return %6 : tensor<3x8xf32, #gir.at<dram>>
  }
  return %1, %2, %3 : tensor<8x8xf32>, tensor<2x4xf32>, tensor<3x8xf32>
}

// -----

// The function returns the whole, so it is made all the same, and its reader reads it.

// CHECK-LABEL: func.func @returned
// CHECK: %[[WHOLE:.*]] = gir.kernel "concat"
// CHECK: gir.kernel "all" (%{{.*}} = %[[WHOLE]] : tensor<8xf32>)
func.func @returned(%x: tensor<3xf32>, %y: tensor<5xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %0 = gir.kernel "concat" (%a = %x : tensor<3xf32>, %b = %y : tensor<5xf32>) -> (tensor<8xf32>) {
    %1 = gir.move %a : tensor<3xf32, #gir.at<dram>> -> tensor<3xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<3xf32, #gir.at<reg>> -> tensor<3xf32, #gir.at<dram>>
    %3 = gir.move %b : tensor<5xf32, #gir.at<dram>> -> tensor<5xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<5xf32, #gir.at<reg>> -> tensor<5xf32, #gir.at<dram>>
    %5 = gir.concat %2, %4 dim 0 : (tensor<3xf32, #gir.at<dram>>, tensor<5xf32, #gir.at<dram>>) -> tensor<8xf32, #gir.at<dram>>
    gir.return %5 : tensor<8xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "all" (%a = %0 : tensor<8xf32>) -> (tensor<8xf32>) {
    %2 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %3 = math.absf %2 : tensor<8xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %4 : tensor<8xf32, #gir.at<dram>>
  }
  return %0, %1 : tensor<8xf32>, tensor<8xf32>
}
