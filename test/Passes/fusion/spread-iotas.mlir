// RUN: pf-opt %s --gir-spread-iotas | FileCheck %s

// One row of indices that is repeated both ways becomes two, each counted in the shape that is used.

// CHECK-LABEL: func.func @mask
// CHECK-DAG: %[[C:.*]] = gir.iota dim 1 : tensor<8x8xindex
// CHECK-DAG: %[[R:.*]] = gir.iota dim 0 : tensor<8x8xindex
// CHECK-NOT: gir.broadcast
// CHECK: arith.cmpi sgt, %[[C]], %[[R]]
func.func @mask() -> tensor<8x8xi1> {
  %0 = gir.kernel "mask" () -> (tensor<8x8xi1>) {
    %1 = gir.iota dim 0 : tensor<8xindex, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [0] : tensor<8xindex, #gir.at<reg>> -> tensor<8x8xindex, #gir.at<reg>>
    %3 = gir.broadcast %1 dims [1] : tensor<8xindex, #gir.at<reg>> -> tensor<8x8xindex, #gir.at<reg>>
    %4 = arith.cmpi sgt, %2, %3 : tensor<8x8xindex, #gir.at<reg>>
    %5 = gir.move %4 : tensor<8x8xi1, #gir.at<reg>> -> tensor<8x8xi1, #gir.at<dram>>
    gir.return %5 : tensor<8x8xi1, #gir.at<dram>>
  }
  return %0 : tensor<8x8xi1>
}

// Open sizes stay in the order of the dimensions.

// CHECK-LABEL: func.func @open
// CHECK: gir.kernel "open" (%[[N:.*]] = %{{.*}} : index, %[[M:.*]] = %{{.*}} : index)
// CHECK: gir.iota dim 1 sizes(%[[M]], %[[N]]) : tensor<?x?xindex
func.func @open(%n: index, %m: index) -> tensor<?x?xindex> {
  %0 = gir.kernel "open" (%a = %n : index, %b = %m : index) sizes(%m, %n) -> (tensor<?x?xindex>) {
    %1 = gir.iota dim 0 sizes(%a) : tensor<?xindex, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [0] sizes(%b) : tensor<?xindex, #gir.at<reg>> -> tensor<?x?xindex, #gir.at<reg>>
    %3 = gir.move %2 : tensor<?x?xindex, #gir.at<reg>> -> tensor<?x?xindex, #gir.at<dram>>
    gir.return %3 : tensor<?x?xindex, #gir.at<dram>>
  }
  return %0 : tensor<?x?xindex>
}

// Another value that is repeated stays as it is.

// CHECK-LABEL: func.func @other
// CHECK: gir.broadcast
func.func @other(%x: tensor<8xf32>) -> tensor<4x8xf32> {
  %0 = gir.kernel "other" (%a = %x : tensor<8xf32>) -> (tensor<4x8xf32>) {
    %1 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [0] : tensor<8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    gir.return %3 : tensor<4x8xf32, #gir.at<dram>>
  }
  return %0 : tensor<4x8xf32>
}
