// RUN: %pf-opt %s --convert-linalg-to-gir --split-input-file | FileCheck %s

// Overlapping windows are moved once: the move comes first, the window stands at reg, and the
// operand that only says how large it is isn't moved at all.
// CHECK-LABEL: func.func @pooling
// CHECK:       gir.kernel "pooling_nchw_max" (%[[X:.*]] = %arg0 : tensor<2x3x9x9xf32>, %[[O:.*]] = %arg2 : tensor<2x3x4x4xf32>)
// CHECK-NEXT:    %[[R:.*]] = gir.move %[[X]]
// CHECK-NEXT:    %[[W:.*]] = gir.window %[[R]] dims [2, 3] sizes [3, 3] strides [2, 2] dilations [1, 1]
// CHECK-NEXT:    %[[I:.*]] = gir.move %[[O]]
// CHECK-NEXT:    gir.reduce %[[W]] into %[[I]] dims [4, 5] kinds [#vector.kind<maximumf>]
func.func @pooling(%x: tensor<2x3x9x9xf32>, %w: tensor<3x3xf32>, %o: tensor<2x3x4x4xf32>) -> tensor<2x3x4x4xf32> {
  %r = linalg.pooling_nchw_max {strides = dense<2> : vector<2xi64>, dilations = dense<1> : vector<2xi64>} ins(%x, %w : tensor<2x3x9x9xf32>, tensor<3x3xf32>) outs(%o : tensor<2x3x4x4xf32>) -> tensor<2x3x4x4xf32>
  return %r : tensor<2x3x4x4xf32>
}

// -----

// What windows leave out at the end isn't moved: the operand is sliced to what they touch, here by
// a size that the kernel is given.
// CHECK-LABEL: func.func @sliced
// CHECK:       %[[SPAN:.*]] = arith.maxsi
// CHECK:       gir.kernel {{.*}} (%[[X:.*]] = %arg0 : tensor<10x?xf32>, {{.*}}, %[[S:.*]] = %[[SPAN]] : index)
// CHECK:         %[[V:.*]] = gir.slice %[[X]] [0, 0] [9, %[[S]]] [1, 1]
// CHECK-NEXT:    %[[R:.*]] = gir.move %[[V]]
// CHECK-NEXT:    gir.window %[[R]] dims [0, 1] sizes [3, 2] strides [2, 1] dilations [1, 3] : tensor<9x?xf32, #gir.at<reg>> -> tensor<4x?x3x2xf32, #gir.at<reg>>
func.func @sliced(%x: tensor<10x?xf32>, %w: tensor<3x2xf32>, %o: tensor<4x?xf32>) -> tensor<4x?xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j, k, l) -> (i * 2 + k, j + l * 3)>, affine_map<(i, j, k, l) -> (k, l)>, affine_map<(i, j, k, l) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%x, %w : tensor<10x?xf32>, tensor<3x2xf32>) outs(%o : tensor<4x?xf32>) {
  ^bb0(%a: f32, %b: f32, %u: f32):
    %0 = arith.addf %u, %a : f32
    linalg.yield %0 : f32
  } -> tensor<4x?xf32>
  return %r : tensor<4x?xf32>
}

// -----

// Every third element, from the fifth on: a slice, no window and no gather.
// CHECK-LABEL: func.func @strided
// CHECK:         gir.slice %{{.*}} [5] [12] [3] : tensor<40xf32, #gir.at<dram>> -> tensor<12xf32, #gir.at<dram>>
// CHECK-NOT:     gir.window
// CHECK-NOT:     gir.gather
func.func @strided(%x: tensor<40xf32>) -> tensor<12xf32> {
  %e = tensor.empty() : tensor<12xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i * 3 + 5)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<40xf32>) outs(%e : tensor<12xf32>) {
  ^bb0(%a: f32, %u: f32):
    linalg.yield %a : f32
  } -> tensor<12xf32>
  return %r : tensor<12xf32>
}

// -----

// Three dimensions in one place: windows of windows.
// CHECK-LABEL: func.func @nested
// CHECK:         %[[A:.*]] = gir.window %{{.*}} dims [0] sizes [4] strides [1] dilations [4] : tensor<39xf32, {{.*}} -> tensor<27x4xf32
// CHECK-NEXT:    gir.window %[[A]] dims [0] sizes [3] strides [2] dilations [1] : tensor<27x4xf32, {{.*}} -> tensor<13x4x3xf32
func.func @nested(%x: tensor<40xf32>) -> tensor<13x3x4xf32> {
  %e = tensor.empty() : tensor<13x3x4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i * 2 + j + k * 4)>, affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<40xf32>) outs(%e : tensor<13x3x4xf32>) {
  ^bb0(%a: f32, %u: f32):
    linalg.yield %a : f32
  } -> tensor<13x3x4xf32>
  return %r : tensor<13x3x4xf32>
}

// -----

// A diagonal is neither: its indices are computed, and gathered at.
// CHECK-LABEL: func.func @diagonal
// CHECK-DAG:     %[[I:.*]] = gir.iota dim 0
// CHECK-DAG:     %[[J:.*]] = gir.iota dim 0
// CHECK:         gir.gather %{{.*}}[%[[I]], %[[J]]]
func.func @diagonal(%x: tensor<4x4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i, i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<4x4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %u: f32):
    linalg.yield %a : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// A division of the index, as upsampling has it, is a gather too.
// CHECK-LABEL: func.func @upsampled
// CHECK:         arith.floordivsi %{{.*}} : tensor<14xindex, #gir.at<reg>>
// CHECK:         gir.gather
func.func @upsampled(%x: tensor<7xf32>) -> tensor<14xf32> {
  %e = tensor.empty() : tensor<14xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i floordiv 2)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<7xf32>) outs(%e : tensor<14xf32>) {
  ^bb0(%a: f32, %u: f32):
    linalg.yield %a : f32
  } -> tensor<14xf32>
  return %r : tensor<14xf32>
}
