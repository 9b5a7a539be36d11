// RUN: pf-opt %s --gir-copy-sources | FileCheck %s

// A mask that is made of indices alone is computed in the kernel that reads it, and its own kernel goes.

// CHECK-LABEL: func.func @mask
// CHECK-NOT: gir.kernel "mask"
// CHECK: gir.kernel "select" (%[[X:.*]] = %{{.*}} : tensor<4x8xf32>) -> (tensor<4x8xf32>)
// CHECK-DAG: gir.iota dim 0
// CHECK-DAG: gir.iota dim 1
// CHECK: %[[M:.*]] = arith.cmpi sgt
// CHECK: arith.select %[[M]]
func.func @mask(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %m = gir.kernel "mask" () -> (tensor<4x8xi1>) {
    %1 = gir.iota dim 0 : tensor<4x8xindex, #gir.at<reg>>
    %2 = gir.iota dim 1 : tensor<4x8xindex, #gir.at<reg>>
    %3 = arith.cmpi sgt, %2, %1 : tensor<4x8xindex, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4x8xi1, #gir.at<reg>> -> tensor<4x8xi1, #gir.at<dram>>
    gir.return %4 : tensor<4x8xi1, #gir.at<dram>>
  }
  %0 = gir.kernel "select" (%a = %x : tensor<4x8xf32>, %b = %m : tensor<4x8xi1>) -> (tensor<4x8xf32>) {
    %c = arith.constant dense<0.0> : tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4x8xi1, #gir.at<dram>> -> tensor<4x8xi1, #gir.at<reg>>
    %3 = arith.select %2, %c, %1 : tensor<4x8xi1, #gir.at<reg>>, tensor<4x8xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    gir.return %4 : tensor<4x8xf32, #gir.at<dram>>
  }
  return %0 : tensor<4x8xf32>
}

// What a source needs of the function, a scalar and an open size, its reader takes; what is returned is stored, too.

// CHECK-LABEL: func.func @kept
// CHECK: gir.kernel "count"
// CHECK: gir.kernel "negate" (%[[N:.*]] = %{{.*}} : index, %[[S:.*]] = %{{.*}} : index) sizes
// CHECK: gir.iota dim 0 sizes(%[[N]])
// CHECK: tensor.splat %[[S]][%[[N]]]
func.func @kept(%n: index, %s: index) -> (tensor<?xindex>, tensor<?xindex>) {
  %m = gir.kernel "count" (%k = %n : index, %l = %s : index) sizes(%n) -> (tensor<?xindex>) {
    %1 = gir.iota dim 0 sizes(%k) : tensor<?xindex, #gir.at<reg>>
    %2 = tensor.splat %l[%k] : tensor<?xindex, #gir.at<reg>>
    %3 = arith.addi %1, %2 : tensor<?xindex, #gir.at<reg>>
    %4 = gir.move %3 : tensor<?xindex, #gir.at<reg>> -> tensor<?xindex, #gir.at<dram>>
    gir.return %4 : tensor<?xindex, #gir.at<dram>>
  }
  %0 = gir.kernel "negate" (%a = %m : tensor<?xindex>) sizes(%n) -> (tensor<?xindex>) {
    %1 = gir.move %a : tensor<?xindex, #gir.at<dram>> -> tensor<?xindex, #gir.at<reg>>
    %2 = arith.muli %1, %1 : tensor<?xindex, #gir.at<reg>>
    %3 = gir.move %2 : tensor<?xindex, #gir.at<reg>> -> tensor<?xindex, #gir.at<dram>>
    gir.return %3 : tensor<?xindex, #gir.at<dram>>
  }
  return %m, %0 : tensor<?xindex>, tensor<?xindex>
}

// A table of sines stays: to compute it again may cost more than its bytes.

// CHECK-LABEL: func.func @table
// CHECK: gir.kernel "sines"
// CHECK: gir.kernel "scale" (%{{.*}} = %{{.*}} : tensor<8xf32>, %{{.*}} = %{{.*}} : tensor<8xf32>)
func.func @table(%x: tensor<8xf32>) -> tensor<8xf32> {
  %m = gir.kernel "sines" () -> (tensor<8xf32>) {
    %1 = gir.iota dim 0 : tensor<8xindex, #gir.at<reg>>
    %2 = arith.index_cast %1 : tensor<8xindex, #gir.at<reg>> to tensor<8xi32, #gir.at<reg>>
    %3 = arith.sitofp %2 : tensor<8xi32, #gir.at<reg>> to tensor<8xf32, #gir.at<reg>>
    %4 = math.sin %3 : tensor<8xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %5 : tensor<8xf32, #gir.at<dram>>
  }
  %0 = gir.kernel "scale" (%a = %x : tensor<8xf32>, %b = %m : tensor<8xf32>) -> (tensor<8xf32>) {
    %1 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %3 = arith.mulf %1, %2 : tensor<8xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %4 : tensor<8xf32, #gir.at<dram>>
  }
  return %0 : tensor<8xf32>
}
