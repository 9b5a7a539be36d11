// RUN: %pf-opt %s --convert-linalg-to-gir --split-input-file | FileCheck %s

// A result that keeps a running sum makes its fold a scan; the final value is there as well.
// CHECK-LABEL: func.func @running_sum
// CHECK:         %[[S:.*]], %[[F:.*]] = gir.scan %{{.*}} into %{{.*}} dim 1 kinds [#vector.kind<add>]
// CHECK-NOT:     gir.reduce
// CHECK-DAG:     gir.move %[[S]]
// CHECK-DAG:     gir.move %[[F]]
func.func @running_sum(%x: tensor<4x7xf32>, %i: tensor<4xf32>) -> (tensor<4x7xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4x7xf32>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x7xf32>) outs(%e, %i : tensor<4x7xf32>, tensor<4xf32>) {
  ^bb0(%a: f32, %u: f32, %v: f32):
    %0 = arith.addf %v, %a : f32
    linalg.yield %0, %0 : f32, f32
  } -> (tensor<4x7xf32>, tensor<4xf32>)
  return %r#0, %r#1 : tensor<4x7xf32>, tensor<4xf32>
}

// -----

// What stood before the step is an exclusive scan; computation behind it is elementwise.
// CHECK-LABEL: func.func @before
// CHECK:         %[[S:.*]], %{{.*}} = gir.scan %{{.*}} into %{{.*}} dim 1 exclusive kinds [#vector.kind<mul>]
// CHECK:         math.exp %[[S]] : tensor<4x7xf32, #gir.at<reg>>
func.func @before(%x: tensor<4x7xf32>, %i: tensor<4xf32>) -> tensor<4x7xf32> {
  %e = tensor.empty() : tensor<4x7xf32>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x7xf32>) outs(%e, %i : tensor<4x7xf32>, tensor<4xf32>) {
  ^bb0(%a: f32, %u: f32, %v: f32):
    %0 = arith.mulf %v, %a : f32
    %1 = math.exp %v : f32
    linalg.yield %1, %0 : f32, f32
  } -> (tensor<4x7xf32>, tensor<4xf32>)
  return %r#0 : tensor<4x7xf32>
}

// -----

// A recurrence of two elements has a combiner; the accumulator that it lacks stays as it is.
// CHECK-LABEL: func.func @recurrence
// CHECK:         gir.scan %[[A:.*]], %[[B:.*]] into %{{.*}}, %{{.*}} dim 1 combiner {
// CHECK-NEXT:    ^bb0(%[[X:.*]]: f32, %[[Y:.*]]: f32, %[[ACC:.*]]: f32, %[[IDLE:.*]]: f32):
// CHECK-NEXT:      %[[M:.*]] = arith.mulf %[[ACC]], %[[X]]
// CHECK-NEXT:      %[[N:.*]] = arith.addf %[[M]], %[[Y]]
// CHECK-NEXT:      gir.yield %[[N]], %[[IDLE]]
func.func @recurrence(%x: tensor<4x7xf32>, %y: tensor<4x7xf32>, %i: tensor<4xf32>) -> tensor<4x7xf32> {
  %e = tensor.empty() : tensor<4x7xf32>
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x, %y : tensor<4x7xf32>, tensor<4x7xf32>) outs(%e, %i : tensor<4x7xf32>, tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %u: f32, %v: f32):
    %0 = arith.mulf %v, %a : f32
    %1 = arith.addf %0, %b : f32
    linalg.yield %1, %1 : f32, f32
  } -> (tensor<4x7xf32>, tensor<4xf32>)
  return %r#0 : tensor<4x7xf32>
}

// -----

// Of two results that fold together one is wanted: the other's running value is folded all the same.
// CHECK-LABEL: func.func @place_of_maximum
// CHECK:         gir.reduce %{{.*}}, %{{.*}} into %{{.*}}, %{{.*}} dims [1] combiner
func.func @place_of_maximum(%x: tensor<4x7xf32>, %m: tensor<4xf32>, %p: tensor<4xindex>) -> tensor<4xindex> {
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x7xf32>) outs(%m, %p : tensor<4xf32>, tensor<4xindex>) {
  ^bb0(%a: f32, %u: f32, %v: index):
    %j = linalg.index 1 : index
    %c = arith.cmpf ogt, %a, %u : f32
    %0 = arith.select %c, %a, %u : f32
    %1 = arith.select %c, %j, %v : index
    linalg.yield %0, %1 : f32, index
  } -> (tensor<4xf32>, tensor<4xindex>)
  return %r#1 : tensor<4xindex>
}
