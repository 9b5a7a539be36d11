// RUN: pf-opt %s --gir-forward-stores -split-input-file | FileCheck %s

// What is stored and loaded again stays in registers; the store goes, nobody reads it.

// CHECK-LABEL: func.func @cancels
// CHECK: %[[X:.*]] = gir.move
// CHECK-NEXT: %[[A:.*]] = math.absf %[[X]]
// CHECK-NEXT: %[[E:.*]] = math.exp %[[A]]
// CHECK-NEXT: gir.move %[[E]]
// CHECK-NEXT: gir.return
func.func @cancels(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "k" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %5 = math.exp %4 : tensor<4xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %6 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}

// -----

// A reordered view of what was stored is reordered in registers.

// CHECK-LABEL: func.func @through_permute
// CHECK: %[[X:.*]] = gir.move
// CHECK-NEXT: %[[P:.*]] = gir.permute %[[X]] [1, 0] : tensor<4x8xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
// CHECK-NEXT: gir.move %[[P]]
// CHECK-NEXT: gir.return
func.func @through_permute(%x: tensor<4x8xf32>) -> tensor<8x4xf32> {
  %0 = gir.kernel "k" (%a = %x : tensor<4x8xf32>) -> (tensor<8x4xf32>) {
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    %3 = gir.permute %2 [1, 0] : tensor<4x8xf32, #gir.at<dram>> -> tensor<8x4xf32, #gir.at<dram>>
    %4 = gir.move %3 : tensor<8x4xf32, #gir.at<dram>> -> tensor<8x4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<8x4xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<dram>>
    gir.return %5 : tensor<8x4xf32, #gir.at<dram>>
  }
  return %0 : tensor<8x4xf32>
}

// -----

// A slice of what was stored isn't the value that was stored: both movements stay.

// CHECK-LABEL: func.func @slice_stays
// CHECK-COUNT-4: gir.move
func.func @slice_stays(%x: tensor<4xf32>) -> tensor<2xf32> {
  %0 = gir.kernel "k" (%a = %x : tensor<4xf32>) -> (tensor<2xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    %3 = gir.slice %2 [1] [2] [1] : tensor<4xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<dram>>
    %4 = gir.move %3 : tensor<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<2xf32, #gir.at<reg>> -> tensor<2xf32, #gir.at<dram>>
    gir.return %5 : tensor<2xf32, #gir.at<dram>>
  }
  return %0 : tensor<2xf32>
}
