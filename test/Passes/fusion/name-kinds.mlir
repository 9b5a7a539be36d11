// RUN: pf-opt %s --gir-name-kinds -split-input-file | FileCheck %s

// A maximum is the same in any order, so it gets its name whatever its combiner declares.

// CHECK-LABEL: func.func @largest
// CHECK: gir.reduce %{{.*}} into %{{.*}} dims [1] kinds [#vector.kind<maximumf>] : tensor<4x8xf32, #gir.at<reg>>
// CHECK-NOT: combiner
func.func @largest(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "max" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf32>) {
    %i = arith.constant dense<0xFF800000> : tensor<4xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %i dims [1] combiner {
    ^bb0(%e: f32, %acc: f32):
      %m = arith.maximumf %e, %acc : f32
      gir.yield %m : f32
    } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %3 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}

// -----

// A sum that must be taken in order isn't a kind, which may be taken in any.

// CHECK-LABEL: func.func @in_order
// CHECK: gir.reduce %{{.*}} into %{{.*}} dims [1] combiner {
// CHECK-NOT: kinds
func.func @in_order(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "sum" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf32>) {
    %i = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %i dims [1] combiner {
    ^bb0(%e: f32, %acc: f32):
      %m = arith.addf %acc, %e : f32
      gir.yield %m : f32
    } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %3 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}

// -----

// Neither is a combiner that does more than one thing.

// CHECK-LABEL: func.func @more
// CHECK: combiner {
// CHECK-NOT: kinds
func.func @more(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "more" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf32>) {
    %i = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %i dims [1] combiner {
    ^bb0(%e: f32, %acc: f32):
      %p = math.absf %e : f32
      %m = arith.maximumf %p, %acc : f32
      gir.yield %m : f32
    } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %3 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}
