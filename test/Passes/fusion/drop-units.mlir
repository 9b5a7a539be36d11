// RUN: pf-opt %s --gir-drop-units --canonicalize -split-input-file | FileCheck %s

// A reduction that keeps its dimension, and what reads it by dropping it again, hand over the value itself.

// CHECK-LABEL: func.func @keepdim
// CHECK: %[[R:.*]] = gir.kernel "sum" {{.*}} -> (tensor<4xf32>)
// CHECK: %[[S:.*]] = gir.reduce
// CHECK: %[[D:.*]] = arith.divf %[[S]], %{{.*}} : tensor<4xf32, #gir.at<reg>>
// CHECK: gir.move %[[D]]
// CHECK: gir.kernel "sub" (%{{.*}} = %{{.*}} : tensor<4x8xf32>, %[[B:.*]] = %[[R]] : tensor<4xf32>)
// CHECK-NOT: gir.slice
// CHECK: gir.move %[[B]]
func.func @keepdim(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = gir.kernel "sum" (%a = %x : tensor<4x8xf32>) -> (tensor<4x1xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    %n = arith.constant dense<8.0> : tensor<4x1xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x1xf32, #gir.at<reg>>
    %4 = arith.divf %3, %n : tensor<4x1xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<4x1xf32, #gir.at<reg>> -> tensor<4x1xf32, #gir.at<dram>>
    gir.return %5 : tensor<4x1xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "sub" (%a = %x : tensor<4x8xf32>, %b = %0 : tensor<4x1xf32>) -> (tensor<4x8xf32>) {
    %2 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %3 = gir.slice %b [0, 0] [4, 1] [1, 1] drop [1] : tensor<4x1xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %5 = gir.broadcast %4 dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    %6 = arith.subf %2, %5 : tensor<4x8xf32, #gir.at<reg>>
    %7 = gir.move %6 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    gir.return %7 : tensor<4x8xf32, #gir.at<dram>>
  }
  return %1 : tensor<4x8xf32>
}

// -----

// Reshapes of the function that only add such dimensions no longer stand between two kernels; the caller gets
// the shape that it asked for.

// CHECK-LABEL: func.func @reshaped
// CHECK: %[[A:.*]] = gir.kernel "abs" {{.*}} sizes(%{{.*}}) -> (tensor<?xf32>)
// CHECK-NOT: tensor.expand_shape
// CHECK: %[[B:.*]] = gir.kernel "exp" (%{{.*}} = %[[A]] : tensor<?xf32>)
// CHECK: tensor.expand_shape %[[B]] {{\[\[}}0, 1, 2]] output_shape [1, %{{.*}}, 1]
// CHECK: return %{{.*}} : tensor<1x?x1xf32>
func.func @reshaped(%x: tensor<?xf32>, %n: index) -> tensor<1x?x1xf32> {
  %0 = gir.kernel "abs" (%a = %x : tensor<?xf32>) sizes(%n) -> (tensor<?xf32>) {
    %1 = gir.move %a : tensor<?xf32, #gir.at<dram>> -> tensor<?xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<?xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<?xf32, #gir.at<reg>> -> tensor<?xf32, #gir.at<dram>>
    gir.return %3 : tensor<?xf32, #gir.at<dram>>
  }
  %e = tensor.expand_shape %0 [[0, 1, 2]] output_shape [1, %n, 1] : tensor<?xf32> into tensor<1x?x1xf32>
  %1 = gir.kernel "exp" (%a = %e : tensor<1x?x1xf32>) sizes(%n) -> (tensor<1x?x1xf32>) {
    %2 = gir.move %a : tensor<1x?x1xf32, #gir.at<dram>> -> tensor<1x?x1xf32, #gir.at<reg>>
    %3 = math.exp %2 : tensor<1x?x1xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<1x?x1xf32, #gir.at<reg>> -> tensor<1x?x1xf32, #gir.at<dram>>
    gir.return %4 : tensor<1x?x1xf32, #gir.at<dram>>
  }
  return %1 : tensor<1x?x1xf32>
}

// -----

// A reduction of nothing else still combines with where it starts; a single row is put beside others as a row.

// CHECK-LABEL: func.func @needed
// CHECK: gir.kernel "maximum" {{.*}} -> (tensor<8xf32>)
// CHECK: %[[W:.*]] = gir.broadcast %{{.*}} dims [0] : {{.*}} -> tensor<1x8xf32, #gir.at<reg>>
// CHECK: gir.reduce %[[W]] into %{{.*}} dims [0]
// CHECK: gir.kernel "concat" (%{{.*}} = %{{.*}} : tensor<8xf32>,
// CHECK: %[[V:.*]] = gir.broadcast %{{.*}} dims [0] : {{.*}} -> tensor<1x8xf32, #gir.at<reg>>
// CHECK: %[[S:.*]] = gir.move %[[V]] : {{.*}} -> tensor<1x8xf32, #gir.at<dram>>
// CHECK: gir.concat %[[S]], %{{.*}} dim 0
func.func @needed(%x: tensor<1x8xf32>, %y: tensor<3x8xf32>) -> (tensor<8xf32>, tensor<4x8xf32>) {
  %0 = gir.kernel "maximum" (%a = %x : tensor<1x8xf32>) -> (tensor<8xf32>) {
    %zero = arith.constant dense<0.0> : tensor<8xf32, #gir.at<reg>>
    %1 = gir.move %a : tensor<1x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
    %2 = gir.reduce %1 into %zero dims [0] kinds [#vector.kind<maximumf>] : tensor<1x8xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %3 : tensor<8xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "concat" (%a = %x : tensor<1x8xf32>, %b = %y : tensor<3x8xf32>) -> (tensor<4x8xf32>) {
    %2 = gir.move %a : tensor<1x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<1x8xf32, #gir.at<reg>> -> tensor<1x8xf32, #gir.at<dram>>
    %4 = gir.move %b : tensor<3x8xf32, #gir.at<dram>> -> tensor<3x8xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<3x8xf32, #gir.at<reg>> -> tensor<3x8xf32, #gir.at<dram>>
    %6 = gir.concat %3, %5 dim 0 : (tensor<1x8xf32, #gir.at<dram>>, tensor<3x8xf32, #gir.at<dram>>) -> tensor<4x8xf32, #gir.at<dram>>
    gir.return %6 : tensor<4x8xf32, #gir.at<dram>>
  }
  return %0, %1 : tensor<8xf32>, tensor<4x8xf32>
}

// -----

// A single row that is put beside itself is stored once, for both places.

// CHECK-LABEL: func.func @twice
// CHECK: %[[V:.*]] = gir.broadcast %{{.*}} dims [0] : {{.*}} -> tensor<1x8xf32, #gir.at<reg>>
// CHECK: %[[S:.*]] = gir.move %[[V]] : {{.*}} -> tensor<1x8xf32, #gir.at<dram>>
// CHECK: gir.concat %[[S]], %[[S]] dim 0
func.func @twice(%x: tensor<1x8xf32>) -> tensor<2x8xf32> {
  %0 = gir.kernel "concat" (%a = %x : tensor<1x8xf32>) -> (tensor<2x8xf32>) {
    %1 = gir.move %a : tensor<1x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<1x8xf32, #gir.at<reg>> -> tensor<1x8xf32, #gir.at<dram>>
    %3 = gir.concat %2, %2 dim 0 : (tensor<1x8xf32, #gir.at<dram>>, tensor<1x8xf32, #gir.at<dram>>) -> tensor<2x8xf32, #gir.at<dram>>
    gir.return %3 : tensor<2x8xf32, #gir.at<dram>>
  }
  return %0 : tensor<2x8xf32>
}

// -----

// What a combiner reads from outside of it is the new kernel's: the old one's value is gone.

// CHECK-LABEL: func.func @captured
// CHECK: gir.kernel "last" (%{{.*}} = %{{.*}} : tensor<4x5xi64>
// CHECK: %[[START:.*]] = arith.constant -1 : i64
// CHECK: gir.reduce %{{.*}} into %{{.*}} dims [1] combiner
// CHECK: arith.cmpi eq, %{{.*}}, %[[START]] : i64
func.func @captured(%x: tensor<1x4x5xi64>) -> tensor<1x4xi64> {
  %0 = gir.kernel "last" (%a = %x : tensor<1x4x5xi64>) -> (tensor<1x4xi64>) {
    %start = arith.constant -1 : i64
    %init = tensor.splat %start : tensor<1x4xi64, #gir.at<reg>>
    %1 = gir.move %a : tensor<1x4x5xi64, #gir.at<dram>> -> tensor<1x4x5xi64, #gir.at<reg>>
    %2 = gir.reduce %1 into %init dims [2] combiner {
    ^bb0(%element: i64, %kept: i64):
      %3 = arith.cmpi eq, %kept, %start : i64
      %4 = arith.select %3, %element, %kept : i64
      gir.yield %4 : i64
    } : tensor<1x4x5xi64, #gir.at<reg>> into tensor<1x4xi64, #gir.at<reg>>
    %5 = gir.move %2 : tensor<1x4xi64, #gir.at<reg>> -> tensor<1x4xi64, #gir.at<dram>>
    gir.return %5 : tensor<1x4xi64, #gir.at<dram>>
  }
  return %0 : tensor<1x4xi64>
}

// -----

// A placed kernel stays as somebody placed it, and so does one that scans a single element.

// CHECK-LABEL: func.func @stays
// CHECK-NOT: tensor.collapse_shape
// CHECK: gir.kernel "placed" (%{{.*}} = %{{.*}} : tensor<1x8xf32>)
// CHECK: gir.kernel "scan" (%{{.*}} = %{{.*}} : tensor<1x8xf32>)
// CHECK-NOT: tensor.expand_shape
func.func @stays(%x: tensor<1x8xf32>) -> (tensor<1x8xf32>, tensor<1x8xf32>) {
  %0 = gir.kernel "placed" (%a = %x : tensor<1x8xf32>) nest <[r = 1 : 1 : 1 : 1, c = 8 : 8 : 8 : 8]> -> (tensor<1x8xf32>) {
    %1 = gir.move %a over ["r", "c"] : tensor<1x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
    %2 = gir.move %1 over ["r", "c"] : tensor<1x8xf32, #gir.at<reg>> -> tensor<1x8xf32, #gir.at<dram>>
    gir.return %2 : tensor<1x8xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "scan" (%a = %x : tensor<1x8xf32>) -> (tensor<1x8xf32>) {
    %zero = arith.constant dense<1.0> : tensor<8xf32, #gir.at<reg>>
    %2 = gir.move %a : tensor<1x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
    %3, %4 = gir.scan %2 into %zero dim 0 kinds [#vector.kind<add>] : tensor<1x8xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<reg>>
    %5 = gir.move %3 : tensor<1x8xf32, #gir.at<reg>> -> tensor<1x8xf32, #gir.at<dram>>
    gir.return %5 : tensor<1x8xf32, #gir.at<dram>>
  }
  return %0, %1 : tensor<1x8xf32>, tensor<1x8xf32>
}
