// RUN: pf-opt %s --gir-turn-windows -split-input-file | FileCheck %s

// Three neighbourhoods of many elements are as many of three; strides and dilations change places. The second
// dimension has more neighbourhoods than elements in one, so it stays.

// CHECK-LABEL: func.func @turned
// CHECK: %[[X:.*]] = gir.move %{{.*}} -> tensor<14x7xf32, #gir.at<reg>>
// CHECK: %[[V:.*]] = gir.window %[[X]] dims [0, 1] sizes [3, 2] strides [1, 1] dilations [2, 3] : {{.*}} -> tensor<10x4x3x2xf32, #gir.at<reg>>
// CHECK: %[[W:.*]] = gir.permute %[[V]] [2, 1, 0, 3] : {{.*}} -> tensor<3x4x10x2xf32, #gir.at<reg>>
// CHECK: gir.move %[[W]]
func.func @turned(%x: tensor<14x7xf32>) -> tensor<3x4x10x2xf32> {
  %0 = gir.kernel "windows" (%a = %x : tensor<14x7xf32>) -> (tensor<3x4x10x2xf32>) {
    %1 = gir.move %a : tensor<14x7xf32, #gir.at<dram>> -> tensor<14x7xf32, #gir.at<reg>>
    %2 = gir.window %1 dims [0, 1] sizes [10, 2] strides [2, 1] dilations [1, 3] : tensor<14x7xf32, #gir.at<reg>> -> tensor<3x4x10x2xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<3x4x10x2xf32, #gir.at<reg>> -> tensor<3x4x10x2xf32, #gir.at<dram>>
    gir.return %3 : tensor<3x4x10x2xf32, #gir.at<dram>>
  }
  return %0 : tensor<3x4x10x2xf32>
}

// -----

// An element is left over at the end: turned, there would be eleven neighbourhoods, not ten.

// CHECK-LABEL: func.func @left_over
// CHECK: gir.window %{{.*}} dims [0] sizes [10] strides [2] dilations [1]
// CHECK-NOT: gir.permute
func.func @left_over(%x: tensor<15xf32>) -> tensor<3x10xf32> {
  %0 = gir.kernel "windows" (%a = %x : tensor<15xf32>) -> (tensor<3x10xf32>) {
    %1 = gir.move %a : tensor<15xf32, #gir.at<dram>> -> tensor<15xf32, #gir.at<reg>>
    %2 = gir.window %1 dims [0] sizes [10] strides [2] dilations [1] : tensor<15xf32, #gir.at<reg>> -> tensor<3x10xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<3x10xf32, #gir.at<reg>> -> tensor<3x10xf32, #gir.at<dram>>
    gir.return %3 : tensor<3x10xf32, #gir.at<dram>>
  }
  return %0 : tensor<3x10xf32>
}
