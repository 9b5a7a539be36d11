// RUN: pf-opt %s --gir-name-kinds | FileCheck %s

// A combiner that takes the larger of two is the kind that does so, and its order is free.

// CHECK-LABEL: func.func @largest
// CHECK: gir.reduce %{{.*}} into %{{.*}} dims [1] kinds [#vector.kind<maximumf>]
func.func @largest(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "largest" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf32>) {
    %c = arith.constant dense<0xFF800000> : tensor<4xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %c dims [1] combiner {
    ^bb0(%e: f32, %s: f32):
      %4 = arith.maximumf %s, %e : f32
      gir.yield %4 : f32
    } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %3 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}

// Two results, each with a kind of its own, in a scan; what the combiner declared goes with it.

// CHECK-LABEL: func.func @running
// CHECK: gir.scan %{{.*}} dim 0 kinds [#vector.kind<maxsi>, #vector.kind<add>]
// CHECK-NOT: identity
func.func @running(%x: tensor<8xi32>) -> tensor<8xi32> {
  %0 = gir.kernel "running" (%a = %x : tensor<8xi32>) -> (tensor<8xi32>) {
    %c = arith.constant dense<0> : tensor<i32, #gir.at<reg>>
    %1 = gir.move %a : tensor<8xi32, #gir.at<dram>> -> tensor<8xi32, #gir.at<reg>>
    %2:4 = gir.scan %1, %1 into %c, %c dim 0 combiner <associative> identity [-2147483648 : i32, 0 : i32] {
    ^bb0(%e: i32, %f: i32, %s: i32, %t: i32):
      %5 = arith.maxsi %e, %s : i32
      %6 = arith.addi %t, %f : i32
      gir.yield %5, %6 : i32, i32
    } : tensor<8xi32, #gir.at<reg>>, tensor<8xi32, #gir.at<reg>> into tensor<i32, #gir.at<reg>>, tensor<i32, #gir.at<reg>>
    %3 = arith.addi %2#0, %2#1 : tensor<8xi32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<8xi32, #gir.at<reg>> -> tensor<8xi32, #gir.at<dram>>
    gir.return %4 : tensor<8xi32, #gir.at<dram>>
  }
  return %0 : tensor<8xi32>
}

// A sum of floats in order stays in order, and a combiner that does more than fold is no kind.

// CHECK-LABEL: func.func @in_order
// CHECK-COUNT-2: combiner
// CHECK-NOT: kinds
func.func @in_order(%x: tensor<4x8xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0:2 = gir.kernel "in_order" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
    %c = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %c dims [1] combiner {
    ^bb0(%e: f32, %s: f32):
      %6 = arith.addf %s, %e : f32
      gir.yield %6 : f32
    } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %3 = gir.reduce %1 into %c dims [1] combiner {
    ^bb0(%e: f32, %s: f32):
      %6 = arith.maximumf %s, %e : f32
      %7 = arith.negf %6 : f32
      gir.yield %7 : f32
    } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    %5 = gir.move %3 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %4, %5 : tensor<4xf32, #gir.at<dram>>, tensor<4xf32, #gir.at<dram>>
  }
  return %0#0, %0#1 : tensor<4xf32>, tensor<4xf32>
}
