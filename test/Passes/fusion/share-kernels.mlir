// RUN: pf-opt %s --gir-share-kernels -split-input-file | FileCheck %s

// A subgraph that is there twice, under other names and with its inputs in another order, is computed once.

// CHECK-LABEL: func.func @twice
// CHECK: %[[A:.*]] = gir.kernel "sum"
// CHECK: %[[B:.*]] = gir.kernel "sub"
// CHECK-NOT: gir.kernel
// CHECK: return %[[B]], %[[B]]
func.func @twice(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = gir.kernel "sum" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %3 : tensor<4xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "total" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %3 = gir.reduce %2 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %4 : tensor<4xf32, #gir.at<dram>>
  }
  %2 = gir.kernel "sub" (%a = %x : tensor<4x8xf32>, %b = %0 : tensor<4xf32>) -> (tensor<4x8xf32>) {
    %3 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %4 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %5 = gir.broadcast %4 dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    %6 = arith.subf %3, %5 : tensor<4x8xf32, #gir.at<reg>>
    %7 = gir.move %6 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    gir.return %7 : tensor<4x8xf32, #gir.at<dram>>
  }
  %3 = gir.kernel "less" (%b = %1 : tensor<4xf32>, %a = %x : tensor<4x8xf32>) -> (tensor<4x8xf32>) {
    %4 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %5 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %6 = gir.broadcast %5 dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    %7 = arith.subf %4, %6 : tensor<4x8xf32, #gir.at<reg>>
    %8 = gir.move %7 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    gir.return %8 : tensor<4x8xf32, #gir.at<dram>>
  }
  return %2, %3 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// Another attribute, other constants, or operands the other way round make another kernel.

// CHECK-LABEL: func.func @unlike
// CHECK: gir.kernel "lt"
// CHECK: gir.kernel "gt"
// CHECK: gir.kernel "turned"
func.func @unlike(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xi1>, tensor<4xi1>, tensor<4xi1>) {
  %0 = gir.kernel "lt" (%a = %x : tensor<4xf32>, %b = %y : tensor<4xf32>) -> (tensor<4xi1>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3 = arith.cmpf olt, %1, %2 : tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4xi1, #gir.at<reg>> -> tensor<4xi1, #gir.at<dram>>
    gir.return %4 : tensor<4xi1, #gir.at<dram>>
  }
  %1 = gir.kernel "gt" (%a = %x : tensor<4xf32>, %b = %y : tensor<4xf32>) -> (tensor<4xi1>) {
    %2 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %4 = arith.cmpf ogt, %2, %3 : tensor<4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<4xi1, #gir.at<reg>> -> tensor<4xi1, #gir.at<dram>>
    gir.return %5 : tensor<4xi1, #gir.at<dram>>
  }
  %2 = gir.kernel "turned" (%a = %x : tensor<4xf32>, %b = %y : tensor<4xf32>) -> (tensor<4xi1>) {
    %3 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %5 = arith.cmpf olt, %4, %3 : tensor<4xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<4xi1, #gir.at<reg>> -> tensor<4xi1, #gir.at<dram>>
    gir.return %6 : tensor<4xi1, #gir.at<dram>>
  }
  return %0, %1, %2 : tensor<4xi1>, tensor<4xi1>, tensor<4xi1>
}

// -----

// Combiners that take their operands the other way round are unlike, too.

// CHECK-LABEL: func.func @combiners
// CHECK: gir.kernel "forth"
// CHECK: gir.kernel "back"
func.func @combiners(%x: tensor<8xf32>) -> (tensor<f32>, tensor<f32>) {
  %0 = gir.kernel "forth" (%a = %x : tensor<8xf32>) -> (tensor<f32>) {
    %zero = arith.constant dense<0.0> : tensor<f32, #gir.at<reg>>
    %1 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %zero dims [0] combiner {
    ^bb0(%e: f32, %acc: f32):
      %4 = arith.subf %e, %acc : f32
      gir.yield %4 : f32
    } : tensor<8xf32, #gir.at<reg>> into tensor<f32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<f32, #gir.at<reg>> -> tensor<f32, #gir.at<dram>>
    gir.return %3 : tensor<f32, #gir.at<dram>>
  }
  %1 = gir.kernel "back" (%a = %x : tensor<8xf32>) -> (tensor<f32>) {
    %zero = arith.constant dense<0.0> : tensor<f32, #gir.at<reg>>
    %2 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %3 = gir.reduce %2 into %zero dims [0] combiner {
    ^bb0(%e: f32, %acc: f32):
      %5 = arith.subf %acc, %e : f32
      gir.yield %5 : f32
    } : tensor<8xf32, #gir.at<reg>> into tensor<f32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<f32, #gir.at<reg>> -> tensor<f32, #gir.at<dram>>
    gir.return %4 : tensor<f32, #gir.at<dram>>
  }
  return %0, %1 : tensor<f32>, tensor<f32>
}
