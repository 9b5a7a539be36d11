// RUN: pf-opt %s --gir-choose-rows | FileCheck %s

// Each of sixteen tokens looks up one of two rows: both are loaded, and every token chooses.

// CHECK-LABEL: func.func @types
// CHECK-NOT: gir.gather
// CHECK: gir.slice %[[T:.*]][0, 0] [1, 8] [1, 1] drop [0]
// CHECK: %[[A:.*]] = gir.broadcast %{{.*}} dims [0] : tensor<8xf32
// CHECK: gir.slice %[[T]][1, 0] [1, 8] [1, 1] drop [0]
// CHECK: %[[B:.*]] = gir.broadcast %{{.*}} dims [0] : tensor<8xf32
// CHECK: %[[I:.*]] = arith.cmpi eq, %{{.*}}, %{{.*}} : tensor<16x8xindex
// CHECK: arith.select %[[I]], %[[B]], %[[A]]
func.func @types(%t: tensor<2x8xf32>, %ids: tensor<16xindex>) -> tensor<16x8xf32> {
  %0 = gir.kernel "types" (%a = %t : tensor<2x8xf32>, %b = %ids : tensor<16xindex>) -> (tensor<16x8xf32>) {
    %1 = gir.move %b : tensor<16xindex, #gir.at<dram>> -> tensor<16xindex, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [1] : tensor<16xindex, #gir.at<reg>> -> tensor<16x8xindex, #gir.at<reg>>
    %3 = gir.iota dim 1 : tensor<16x8xindex, #gir.at<reg>>
    %4 = gir.gather %a[%2, %3] : tensor<2x8xf32, #gir.at<dram>>[tensor<16x8xindex, #gir.at<reg>>, tensor<16x8xindex, #gir.at<reg>>] -> tensor<16x8xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<16x8xf32, #gir.at<reg>> -> tensor<16x8xf32, #gir.at<dram>>
    gir.return %5 : tensor<16x8xf32, #gir.at<dram>>
  }
  return %0 : tensor<16x8xf32>
}

// A table of many rows is looked up, as most of them aren't needed.

// CHECK-LABEL: func.func @words
// CHECK: gir.gather
func.func @words(%t: tensor<30x8xf32>, %ids: tensor<16xindex>) -> tensor<16x8xf32> {
  %0 = gir.kernel "words" (%a = %t : tensor<30x8xf32>, %b = %ids : tensor<16xindex>) -> (tensor<16x8xf32>) {
    %1 = gir.move %b : tensor<16xindex, #gir.at<dram>> -> tensor<16xindex, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [1] : tensor<16xindex, #gir.at<reg>> -> tensor<16x8xindex, #gir.at<reg>>
    %3 = gir.iota dim 1 : tensor<16x8xindex, #gir.at<reg>>
    %4 = gir.gather %a[%2, %3] : tensor<30x8xf32, #gir.at<dram>>[tensor<16x8xindex, #gir.at<reg>>, tensor<16x8xindex, #gir.at<reg>>] -> tensor<16x8xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<16x8xf32, #gir.at<reg>> -> tensor<16x8xf32, #gir.at<dram>>
    gir.return %5 : tensor<16x8xf32, #gir.at<dram>>
  }
  return %0 : tensor<16x8xf32>
}

// Two tokens need no more than their two rows, so they look them up; and where two indices are loaded there are no rows.

// CHECK-LABEL: func.func @few
// CHECK: gir.gather
// CHECK: gir.gather
func.func @few(%t: tensor<2x8xf32>, %ids: tensor<2xindex>, %i: tensor<32xindex>, %j: tensor<32xindex>) -> (tensor<2x8xf32>, tensor<32xf32>) {
  %0 = gir.kernel "few" (%a = %t : tensor<2x8xf32>, %b = %ids : tensor<2xindex>) -> (tensor<2x8xf32>) {
    %1 = gir.move %b : tensor<2xindex, #gir.at<dram>> -> tensor<2xindex, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [1] : tensor<2xindex, #gir.at<reg>> -> tensor<2x8xindex, #gir.at<reg>>
    %3 = gir.iota dim 1 : tensor<2x8xindex, #gir.at<reg>>
    %4 = gir.gather %a[%2, %3] : tensor<2x8xf32, #gir.at<dram>>[tensor<2x8xindex, #gir.at<reg>>, tensor<2x8xindex, #gir.at<reg>>] -> tensor<2x8xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<2x8xf32, #gir.at<reg>> -> tensor<2x8xf32, #gir.at<dram>>
    gir.return %5 : tensor<2x8xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "points" (%a = %t : tensor<2x8xf32>, %b = %i : tensor<32xindex>, %c = %j : tensor<32xindex>) -> (tensor<32xf32>) {
    %1 = gir.move %b : tensor<32xindex, #gir.at<dram>> -> tensor<32xindex, #gir.at<reg>>
    %2 = gir.move %c : tensor<32xindex, #gir.at<dram>> -> tensor<32xindex, #gir.at<reg>>
    %4 = gir.gather %a[%1, %2] : tensor<2x8xf32, #gir.at<dram>>[tensor<32xindex, #gir.at<reg>>, tensor<32xindex, #gir.at<reg>>] -> tensor<32xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<32xf32, #gir.at<reg>> -> tensor<32xf32, #gir.at<dram>>
    gir.return %5 : tensor<32xf32, #gir.at<dram>>
  }
  return %0, %1 : tensor<2x8xf32>, tensor<32xf32>
}

// -----

// A table without rows has none to choose.

// CHECK-LABEL: func.func @empty
// CHECK: gir.gather
func.func @empty(%t: tensor<0xf32>, %i: tensor<8xindex>) -> tensor<8xf32> {
  %0 = gir.kernel "gather" (%a = %t : tensor<0xf32>, %b = %i : tensor<8xindex>) -> (tensor<8xf32>) {
    %1 = gir.move %b : tensor<8xindex, #gir.at<dram>> -> tensor<8xindex, #gir.at<reg>>
    %2 = gir.gather %a[%1] : tensor<0xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>] -> tensor<8xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %3 : tensor<8xf32, #gir.at<dram>>
  }
  return %0 : tensor<8xf32>
}
