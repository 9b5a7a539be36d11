// RUN: pf-opt %s --gir-fold-windows -split-input-file | FileCheck %s

// Neighbourhoods of two dimensions: rows are combined first, then every second lane with its neighbours. What an
// infinity starts from changes nothing, so it goes.

// CHECK-LABEL: func.func @pool
// CHECK: %[[X:.*]] = gir.load
// CHECK: %[[EVEN:.*]] = gir.slice %[[X]] [0, 0] [3, 65] [2, 1] : {{.*}} -> tensor<3x65xf32, #gir.at<reg>>
// CHECK: %[[FIRST:.*]] = gir.slice %[[EVEN]] [0, 0] [2, 65] [1, 1]
// CHECK: %[[ODD:.*]] = gir.slice %[[X]] [1, 0] [2, 65] [2, 1]
// CHECK: %[[TWO:.*]] = arith.maximumf %[[FIRST]], %[[ODD]]
// CHECK: %[[LAST:.*]] = gir.slice %[[EVEN]] [1, 0] [2, 65] [1, 1]
// CHECK: %[[ROWS:.*]] = arith.maximumf %[[TWO]], %[[LAST]] : tensor<2x65xf32, #gir.at<reg>>
// CHECK: gir.slice %[[ROWS]] [0, 0] [2, 33] [1, 2]
// CHECK: %[[PAIR:.*]] = arith.maximumf %{{.*}} : tensor<2x32xf32, #gir.at<reg>>
// CHECK: %[[R:.*]] = arith.maximumf %[[PAIR]], %{{.*}} : tensor<2x32xf32, #gir.at<reg>>
// CHECK-NOT: arith.maximumf
// CHECK-NOT: gir.window
// CHECK-NOT: gir.reduce
// CHECK: gir.store %[[R]]
func.func @pool(%x: memref<5x65xf32>, %y: memref<2x32xf32>) {
  gir.kernel "pool" (%a = %x : memref<5x65xf32>, %b = %y : memref<2x32xf32>) -> () {
    %c0 = arith.constant 0 : index
    %none = arith.constant dense<0xFF800000> : tensor<2x32xf32, #gir.at<reg>>
    %t = gir.load %a[%c0, %c0] : memref<5x65xf32, #gir.at<dram>> -> tensor<5x65xf32, #gir.at<reg>>
    %w = gir.window %t dims [0, 1] sizes [3, 3] strides [2, 2] dilations [1, 1] : tensor<5x65xf32, #gir.at<reg>> -> tensor<2x32x3x3xf32, #gir.at<reg>>
    %r = gir.reduce %w into %none dims [2, 3] kinds [#vector.kind<maximumf>] : tensor<2x32x3x3xf32, #gir.at<reg>> into tensor<2x32xf32, #gir.at<reg>>
    gir.store %r, %b[%c0, %c0] : tensor<2x32xf32, #gir.at<reg>>, memref<2x32xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Sums of 64 in six steps, in f32, rounded once; what they start from is added.

// CHECK-LABEL: func.func @average
// CHECK: arith.extf
// CHECK-COUNT-7: arith.addf
// CHECK-NOT: arith.addf
// CHECK: arith.truncf
func.func @average(%x: memref<95xbf16>, %y: memref<32xbf16>) {
  gir.kernel "average" (%a = %x : memref<95xbf16>, %b = %y : memref<32xbf16>) -> () {
    %c0 = arith.constant 0 : index
    %none = arith.constant dense<1.0> : tensor<32xbf16, #gir.at<reg>>
    %t = gir.load %a[%c0] : memref<95xbf16, #gir.at<dram>> -> tensor<95xbf16, #gir.at<reg>>
    %w = gir.window %t dims [0] sizes [64] strides [1] dilations [1] : tensor<95xbf16, #gir.at<reg>> -> tensor<32x64xbf16, #gir.at<reg>>
    %r = gir.reduce %w into %none dims [1] kinds [#vector.kind<add>] : tensor<32x64xbf16, #gir.at<reg>> into tensor<32xbf16, #gir.at<reg>>
    gir.store %r, %b[%c0] : tensor<32xbf16, #gir.at<reg>>, memref<32xbf16, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Two neighbourhoods of 64: their places are the better lanes.

// CHECK-LABEL: func.func @few
// CHECK: gir.window
// CHECK: gir.reduce
func.func @few(%x: memref<65xf32>, %y: memref<2xf32>) {
  gir.kernel "few" (%a = %x : memref<65xf32>, %b = %y : memref<2xf32>) -> () {
    %c0 = arith.constant 0 : index
    %none = arith.constant dense<0.0> : tensor<2xf32, #gir.at<reg>>
    %t = gir.load %a[%c0] : memref<65xf32, #gir.at<dram>> -> tensor<65xf32, #gir.at<reg>>
    %w = gir.window %t dims [0] sizes [64] strides [1] dilations [1] : tensor<65xf32, #gir.at<reg>> -> tensor<2x64xf32, #gir.at<reg>>
    %r = gir.reduce %w into %none dims [1] kinds [#vector.kind<add>] : tensor<2x64xf32, #gir.at<reg>> into tensor<2xf32, #gir.at<reg>>
    gir.store %r, %b[%c0] : tensor<2xf32, #gir.at<reg>>, memref<2xf32, #gir.at<dram>>
    gir.return
  }
  return
}
