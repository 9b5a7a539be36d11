// RUN: pf-opt %s --canonicalize --gir-size-constants -split-input-file | FileCheck %s

// Upstream's folder makes a constant of `x ^ x` that doesn't say how large it is. What the kernel states for its
// result is its size, in the order of the dimensions; the operand isn't needed any more.

// CHECK-LABEL: func.func @stated
// CHECK-SAME: (%{{.*}}: tensor<?x4x?xi32>, %[[N:.*]]: index, %[[M:.*]]: index)
// CHECK: gir.kernel "xor" (%[[A:.*]] = %[[N]] : index, %[[B:.*]] = %[[M]] : index)
// CHECK: %[[Z:.*]] = arith.constant 0 : i32
// CHECK: tensor.splat %[[Z]][%[[A]], %[[B]]] : tensor<?x4x?xi32, #gir.at<reg>>
func.func @stated(%x: tensor<?x4x?xi32>, %n: index, %m: index) -> tensor<?x4x?xi32> {
  %0 = gir.kernel "xor" (%a = %x : tensor<?x4x?xi32>) sizes(%n, %m) -> (tensor<?x4x?xi32>) {
    %1 = gir.move %a : tensor<?x4x?xi32, #gir.at<dram>> -> tensor<?x4x?xi32, #gir.at<reg>>
    %2 = arith.xori %1, %1 : tensor<?x4x?xi32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<?x4x?xi32, #gir.at<reg>> -> tensor<?x4x?xi32, #gir.at<dram>>
    gir.return %3 : tensor<?x4x?xi32, #gir.at<dram>>
  }
  return %0 : tensor<?x4x?xi32>
}

// -----

// What is folded away again has the size of what it is combined with: another operand's, which the function knows.

// CHECK-LABEL: func.func @taken
// CHECK-SAME: (%{{.*}}: tensor<?xi32>, %[[Y:.*]]: tensor<?xi32>)
// CHECK: %[[N:.*]] = tensor.dim %[[Y]]
// CHECK: gir.kernel "count" ({{.*}} = %[[Y]] : tensor<?xi32>, %[[A:.*]] = %[[N]] : index)
// CHECK: tensor.splat %{{.*}}[%[[A]]] : tensor<?xi32, #gir.at<reg>>
func.func @taken(%x: tensor<?xi32>, %y: tensor<?xi32>) -> tensor<i32> {
  %0 = gir.kernel "count" (%a = %x : tensor<?xi32>, %b = %y : tensor<?xi32>) -> (tensor<i32>) {
    %zero = arith.constant dense<0> : tensor<i32, #gir.at<reg>>
    %1 = gir.move %a : tensor<?xi32, #gir.at<dram>> -> tensor<?xi32, #gir.at<reg>>
    %2 = gir.move %b : tensor<?xi32, #gir.at<dram>> -> tensor<?xi32, #gir.at<reg>>
    %3 = arith.xori %1, %1 : tensor<?xi32, #gir.at<reg>>
    %4 = arith.maxsi %2, %3 : tensor<?xi32, #gir.at<reg>>
    %5 = gir.reduce %4 into %zero dims [0] kinds [#vector.kind<add>] : tensor<?xi32, #gir.at<reg>> into tensor<i32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<i32, #gir.at<reg>> -> tensor<i32, #gir.at<dram>>
    gir.return %6 : tensor<i32, #gir.at<dram>>
  }
  return %0 : tensor<i32>
}

// -----

// A constant of static shape stays one.

// CHECK-LABEL: func.func @static
// CHECK: arith.constant dense<0> : tensor<4xi32, #gir.at<reg>>
func.func @static(%x: tensor<4xi32>) -> tensor<4xi32> {
  %0 = gir.kernel "xor" (%a = %x : tensor<4xi32>) -> (tensor<4xi32>) {
    %1 = gir.move %a : tensor<4xi32, #gir.at<dram>> -> tensor<4xi32, #gir.at<reg>>
    %2 = arith.xori %1, %1 : tensor<4xi32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xi32, #gir.at<reg>> -> tensor<4xi32, #gir.at<dram>>
    gir.return %3 : tensor<4xi32, #gir.at<dram>>
  }
  return %0 : tensor<4xi32>
}
