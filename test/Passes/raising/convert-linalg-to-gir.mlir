// RUN: %pf-opt %s --convert-linalg-to-gir --split-input-file | FileCheck %s

// A map that lacks a dimension of the space becomes a broadcast; each operand is loaded, the result stored.
// CHECK-LABEL: func.func @bias
// CHECK:       gir.kernel "addf" (%[[X:.*]] = %arg0 : tensor<4x64xf32>, %[[B:.*]] = %arg1 : tensor<64xf32>)
// CHECK-DAG:     %[[TILE:.*]] = gir.move %[[X]]
// CHECK-DAG:     %[[ROW:.*]] = gir.move %[[B]]
// CHECK:         %[[WIDE:.*]] = gir.broadcast %[[ROW]] dims [0]
// CHECK:         %[[SUM:.*]] = arith.addf %[[TILE]], %[[WIDE]] : tensor<4x64xf32, #gir.at<reg>>
// CHECK:         gir.move %[[SUM]] : tensor<4x64xf32, #gir.at<reg>> -> tensor<4x64xf32, #gir.at<dram>>
func.func @bias(%x: tensor<4x64xf32>, %b: tensor<64xf32>) -> tensor<4x64xf32> {
  %e = tensor.empty() : tensor<4x64xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x, %b : tensor<4x64xf32>, tensor<64xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%a: f32, %c: f32, %u: f32):
    %0 = arith.addf %a, %c : f32
    linalg.yield %0 : f32
  } -> tensor<4x64xf32>
  return %r : tensor<4x64xf32>
}

// -----

// A result without a dimension folds along it; the size of the loop is an input of the kernel.
// CHECK-LABEL: func.func @sum
// CHECK:       %[[N:.*]] = tensor.dim %arg0
// CHECK:       gir.kernel "exp_addf" ({{.*}} = %[[N]] : index)
// CHECK:         %[[E:.*]] = math.exp
// CHECK:         gir.reduce %[[E]] into %{{.*}} dims [1] kinds [#vector.kind<add>]
func.func @sum(%x: tensor<4x?xf32>, %i: tensor<4xf32>) -> tensor<4xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x?xf32>) outs(%i : tensor<4xf32>) {
  ^bb0(%a: f32, %u: f32):
    %0 = math.exp %a : f32
    %1 = arith.addf %u, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// A subtraction from the accumulator isn't a kind: the body becomes a combiner.
// CHECK-LABEL: func.func @combiner
// CHECK:       gir.reduce %{{.*}} into %{{.*}} dims [0] combiner {
// CHECK-NEXT:  ^bb0(%[[A:.*]]: f32, %[[ACC:.*]]: f32):
// CHECK-NEXT:    %[[D:.*]] = arith.subf %[[ACC]], %[[A]] : f32
// CHECK-NEXT:    gir.yield %[[D]] : f32
func.func @combiner(%x: tensor<8xf32>, %i: tensor<f32>) -> tensor<f32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<8xf32>) outs(%i : tensor<f32>) {
  ^bb0(%a: f32, %u: f32):
    %0 = arith.subf %u, %a : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}

// -----

// What a body reads of a tensor at computed indices is a gather.
// CHECK-LABEL: func.func @rows
// CHECK:       gir.gather %{{.*}}[%{{.*}}, %{{.*}}] : tensor<11x6xf32, #gir.at<dram>>
func.func @rows(%t: tensor<11x6xf32>, %k: tensor<7xindex>) -> tensor<7x6xf32> {
  %e = tensor.empty() : tensor<7x6xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%k : tensor<7xindex>) outs(%e : tensor<7x6xf32>) {
  ^bb0(%a: index, %u: f32):
    %j = linalg.index 1 : index
    %0 = tensor.extract %t[%a, %j] : tensor<11x6xf32>
    linalg.yield %0 : f32
  } -> tensor<7x6xf32>
  return %r : tensor<7x6xf32>
}

// -----

// Reshapes and sizes move nothing: they stay as they are, and no kernel is made.
// CHECK-LABEL: func.func @kept
// CHECK-NOT:   gir.kernel
// CHECK:       tensor.collapse_shape
func.func @kept(%x: tensor<4x8xf32>) -> tensor<32xf32> {
  %r = tensor.collapse_shape %x [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
  return %r : tensor<32xf32>
}
