// RUN: %pf-opt %s --convert-linalg-to-gir --split-input-file | FileCheck %s

// A matmul is moves and one contraction: nothing is broadcast or transposed, casts are its own.
// CHECK-DAG:   #[[LHS:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG:   #[[RHS:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-DAG:   #[[OUT:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-LABEL: func.func @matmul
// CHECK:       gir.kernel "matmul" (%[[A:.*]] = %arg0 : tensor<4x6xf16>, %[[B:.*]] = %arg1 : tensor<6x5xf16>, %[[C:.*]] = %arg2 : tensor<4x5xf32>)
// CHECK-NEXT:    %[[X:.*]] = gir.move %[[A]]
// CHECK-NEXT:    %[[Y:.*]] = gir.move %[[B]]
// CHECK-NEXT:    %[[Z:.*]] = gir.move %[[C]]
// CHECK-NEXT:    %[[R:.*]] = gir.contract %[[X]], %[[Y]] into %[[Z]] maps [#[[LHS]], #[[RHS]], #[[OUT]]] : tensor<4x6xf16
// CHECK-NEXT:    gir.move %[[R]]
func.func @matmul(%a: tensor<4x6xf16>, %b: tensor<6x5xf16>, %c: tensor<4x5xf32>) -> tensor<4x5xf32> {
  %r = linalg.matmul ins(%a, %b : tensor<4x6xf16>, tensor<6x5xf16>) outs(%c : tensor<4x5xf32>) -> tensor<4x5xf32>
  return %r : tensor<4x5xf32>
}

// -----

// Integers that are widened without sign say so.
// CHECK-LABEL: func.func @unsigned
// CHECK:         gir.contract {{.*}} unsigned : tensor<4x6xi8
func.func @unsigned(%a: tensor<4x6xi8>, %b: tensor<6x5xi8>, %c: tensor<4x5xi32>) -> tensor<4x5xi32> {
  %r = linalg.matmul {cast = #linalg.type_fn<cast_unsigned>} ins(%a, %b : tensor<4x6xi8>, tensor<6x5xi8>) outs(%c : tensor<4x5xi32>) -> tensor<4x5xi32>
  return %r : tensor<4x5xi32>
}

// -----

// A convolution is a contraction of windows; the batch of a depthwise one is its channel.
// CHECK-DAG:   #[[LHS:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3, d4, d5)>
// CHECK-DAG:   #[[RHS:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d4, d5, d3)>
// CHECK-LABEL: func.func @depthwise
// CHECK:         %[[W:.*]] = gir.window %{{.*}} dims [1, 2] sizes [3, 3] strides [1, 1] dilations [1, 1]
// CHECK:         gir.contract %[[W]], %{{.*}} into %{{.*}} maps [#{{.*}}, #[[RHS]], #{{.*}}]
func.func @depthwise(%x: tensor<1x8x8x4xf32>, %k: tensor<3x3x4xf32>, %o: tensor<1x6x6x4xf32>) -> tensor<1x6x6x4xf32> {
  %r = linalg.depthwise_conv_2d_nhwc_hwc {strides = dense<1> : vector<2xi64>, dilations = dense<1> : vector<2xi64>} ins(%x, %k : tensor<1x8x8x4xf32>, tensor<3x3x4xf32>) outs(%o : tensor<1x6x6x4xf32>) -> tensor<1x6x6x4xf32>
  return %r : tensor<1x6x6x4xf32>
}

// -----

// Zero points are taken off first, element by element: what is contracted is as small as the operands.
// CHECK-LABEL: func.func @quantised
// CHECK:         %[[X:.*]] = arith.subi %{{.*}} : tensor<4x6xi32, #gir.at<reg>>
// CHECK:         %[[Y:.*]] = arith.subi %{{.*}} : tensor<6x5xi32, #gir.at<reg>>
// CHECK-NOT:     gir.broadcast
// CHECK:         gir.contract %[[X]], %[[Y]]
func.func @quantised(%a: tensor<4x6xi8>, %b: tensor<6x5xi8>, %c: tensor<4x5xi32>, %p: i32, %q: i32) -> tensor<4x5xi32> {
  %r = linalg.quantized_matmul ins(%a, %b, %p, %q : tensor<4x6xi8>, tensor<6x5xi8>, i32, i32) outs(%c : tensor<4x5xi32>) -> tensor<4x5xi32>
  return %r : tensor<4x5xi32>
}

// -----

// A sum of squares has one operand: it stays a product and a reduction, which other kernels may join.
// CHECK-LABEL: func.func @squares
// CHECK-NOT:     gir.contract
// CHECK:         %[[S:.*]] = arith.mulf
// CHECK:         gir.reduce %[[S]]
func.func @squares(%x: tensor<4x8xf32>, %o: tensor<4xf32>) -> tensor<4xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x8xf32>) outs(%o : tensor<4xf32>) {
  ^bb0(%a: f32, %u: f32):
    %0 = arith.mulf %a, %a : f32
    %1 = arith.addf %u, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// Products that are rounded before they are summed up aren't a contraction, whose products aren't.
// CHECK-LABEL: func.func @rounded
// CHECK-NOT:     gir.contract
// CHECK:         arith.extf
func.func @rounded(%a: tensor<4x6xf16>, %b: tensor<6x5xf16>, %c: tensor<4x5xf32>) -> tensor<4x5xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : tensor<4x6xf16>, tensor<6x5xf16>) outs(%c : tensor<4x5xf32>) {
  ^bb0(%x: f16, %y: f16, %u: f32):
    %0 = arith.mulf %x, %y : f16
    %1 = arith.extf %0 : f16 to f32
    %2 = arith.addf %u, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<4x5xf32>
  return %r : tensor<4x5xf32>
}
