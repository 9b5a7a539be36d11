// RUN: %pf-opt %s --canonicalize --split-input-file | FileCheck %s

// Dimensions in their own order are no reordering: the permutation goes.
// CHECK-LABEL: @permute_identity
// CHECK-SAME:  (%[[X:.*]]: tensor<4x?xf32, #gir.at<reg>>, %[[S:.*]]: tensor<f32, #gir.at<dram>>)
// CHECK-NEXT:  return %[[X]], %[[S]]
func.func @permute_identity(%x: tensor<4x?xf32, #gir.at<reg>>, %s: tensor<f32, #gir.at<dram>>) -> (tensor<4x?xf32, #gir.at<reg>>, tensor<f32, #gir.at<dram>>) {
  %0 = gir.permute %x [0, 1] : tensor<4x?xf32, #gir.at<reg>> -> tensor<4x?xf32, #gir.at<reg>>
  %1 = gir.permute %s [] : tensor<f32, #gir.at<dram>> -> tensor<f32, #gir.at<dram>>
  return %0, %1 : tensor<4x?xf32, #gir.at<reg>>, tensor<f32, #gir.at<dram>>
}

// -----

// Two reorderings are one. y[c, a, b] = x[a, b, c], z[a, c, b] = y[c, a, b]: z[i] is x's dimension [0, 2, 1].
// CHECK-LABEL: @permute_of_permute
// CHECK-SAME:  (%[[X:.*]]: tensor<2x3x4xf32, #gir.at<reg>>)
// CHECK-NEXT:  %[[Z:.*]] = gir.permute %[[X]] [0, 2, 1] : tensor<2x3x4xf32, #gir.at<reg>> -> tensor<2x4x3xf32, #gir.at<reg>>
// CHECK-NEXT:  return %[[Z]]
func.func @permute_of_permute(%x: tensor<2x3x4xf32, #gir.at<reg>>) -> tensor<2x4x3xf32, #gir.at<reg>> {
  %0 = gir.permute %x [2, 0, 1] : tensor<2x3x4xf32, #gir.at<reg>> -> tensor<4x2x3xf32, #gir.at<reg>>
  %1 = gir.permute %0 [1, 0, 2] : tensor<4x2x3xf32, #gir.at<reg>> -> tensor<2x4x3xf32, #gir.at<reg>>
  return %1 : tensor<2x4x3xf32, #gir.at<reg>>
}

// -----

// A reordering and its inverse are none.
// CHECK-LABEL: @permute_there_and_back
// CHECK-SAME:  (%[[X:.*]]: tensor<2x3x4xf32, #gir.at<reg>>)
// CHECK-NEXT:  return %[[X]]
func.func @permute_there_and_back(%x: tensor<2x3x4xf32, #gir.at<reg>>) -> tensor<2x3x4xf32, #gir.at<reg>> {
  %0 = gir.permute %x [2, 0, 1] : tensor<2x3x4xf32, #gir.at<reg>> -> tensor<4x2x3xf32, #gir.at<reg>>
  %1 = gir.permute %0 [1, 2, 0] : tensor<4x2x3xf32, #gir.at<reg>> -> tensor<2x3x4xf32, #gir.at<reg>>
  return %1 : tensor<2x3x4xf32, #gir.at<reg>>
}

// -----

// A first reordering that others use too stays for them.
// CHECK-LABEL: @permute_used_twice
// CHECK-SAME:  (%[[X:.*]]: tensor<4x4xf32, #gir.at<reg>>)
// CHECK-NEXT:  %[[Y:.*]] = gir.permute %[[X]] [1, 0]
// CHECK-NEXT:  return %[[Y]], %[[X]]
func.func @permute_used_twice(%x: tensor<4x4xf32, #gir.at<reg>>) -> (tensor<4x4xf32, #gir.at<reg>>, tensor<4x4xf32, #gir.at<reg>>) {
  %0 = gir.permute %x [1, 0] : tensor<4x4xf32, #gir.at<reg>> -> tensor<4x4xf32, #gir.at<reg>>
  %1 = gir.permute %0 [1, 0] : tensor<4x4xf32, #gir.at<reg>> -> tensor<4x4xf32, #gir.at<reg>>
  return %0, %1 : tensor<4x4xf32, #gir.at<reg>>, tensor<4x4xf32, #gir.at<reg>>
}

// -----

// Equal sizes do not make a reordering nothing.
// CHECK-LABEL: @permute_transpose_stays
// CHECK:       gir.permute
func.func @permute_transpose_stays(%x: tensor<4x4xf32, #gir.at<reg>>) -> tensor<4x4xf32, #gir.at<reg>> {
  %0 = gir.permute %x [1, 0] : tensor<4x4xf32, #gir.at<reg>> -> tensor<4x4xf32, #gir.at<reg>>
  return %0 : tensor<4x4xf32, #gir.at<reg>>
}

// -----

// A reordering before a movement and one after it are at two places, and stay two ops.
// CHECK-LABEL: @permute_across_move_stays
// CHECK:       gir.permute {{.*}} #gir.at<dram>>
// CHECK-NEXT:  gir.move
// CHECK-NEXT:  gir.permute {{.*}} #gir.at<reg>>
func.func @permute_across_move_stays(%x: tensor<4x4xf32, #gir.at<dram>>) -> tensor<4x4xf32, #gir.at<reg>> {
  %0 = gir.permute %x [1, 0] : tensor<4x4xf32, #gir.at<dram>> -> tensor<4x4xf32, #gir.at<dram>>
  %1 = gir.move %0 : tensor<4x4xf32, #gir.at<dram>> -> tensor<4x4xf32, #gir.at<reg>>
  %2 = gir.permute %1 [1, 0] : tensor<4x4xf32, #gir.at<reg>> -> tensor<4x4xf32, #gir.at<reg>>
  return %2 : tensor<4x4xf32, #gir.at<reg>>
}

// -----

// Repetition along no dimension is none; along one of size 1 it still makes that dimension.
// CHECK-LABEL: @broadcast
// CHECK-SAME:  (%[[X:.*]]: tensor<?xf32, #gir.at<reg>>)
// CHECK-NEXT:  %[[Y:.*]] = gir.broadcast %[[X]] dims [0]
// CHECK-NEXT:  return %[[X]], %[[Y]]
func.func @broadcast(%x: tensor<?xf32, #gir.at<reg>>) -> (tensor<?xf32, #gir.at<reg>>, tensor<1x?xf32, #gir.at<reg>>) {
  %0 = gir.broadcast %x dims [] : tensor<?xf32, #gir.at<reg>> -> tensor<?xf32, #gir.at<reg>>
  %1 = gir.broadcast %x dims [0] : tensor<?xf32, #gir.at<reg>> -> tensor<1x?xf32, #gir.at<reg>>
  return %0, %1 : tensor<?xf32, #gir.at<reg>>, tensor<1x?xf32, #gir.at<reg>>
}

// -----

// One tensor beside nothing is that tensor, if it is known to be: one of other sizes would change the type.
// CHECK-LABEL: @concat
// CHECK-SAME:  (%[[A:.*]]: tensor<2x8xf32, #gir.at<dram>>, %[[B:.*]]: tensor<?x8xf32, #gir.at<dram>>)
// CHECK-NEXT:  %[[STATIC:.*]] = gir.concat %[[B]] dim 0 : (tensor<?x8xf32, #gir.at<dram>>) -> tensor<2x8xf32, #gir.at<dram>>
// CHECK-NEXT:  %[[TWO:.*]] = gir.concat %[[A]], %[[A]] dim 0
// CHECK-NEXT:  return %[[A]], %[[STATIC]], %[[TWO]]
func.func @concat(%a: tensor<2x8xf32, #gir.at<dram>>, %b: tensor<?x8xf32, #gir.at<dram>>) -> (tensor<2x8xf32, #gir.at<dram>>, tensor<2x8xf32, #gir.at<dram>>, tensor<4x8xf32, #gir.at<dram>>) {
  %0 = gir.concat %a dim 0 : (tensor<2x8xf32, #gir.at<dram>>) -> tensor<2x8xf32, #gir.at<dram>>
  %1 = gir.concat %b dim 0 : (tensor<?x8xf32, #gir.at<dram>>) -> tensor<2x8xf32, #gir.at<dram>>
  %2 = gir.concat %a, %a dim 0 : (tensor<2x8xf32, #gir.at<dram>>, tensor<2x8xf32, #gir.at<dram>>) -> tensor<4x8xf32, #gir.at<dram>>
  return %0, %1, %2 : tensor<2x8xf32, #gir.at<dram>>, tensor<2x8xf32, #gir.at<dram>>, tensor<4x8xf32, #gir.at<dram>>
}

// -----

// What nobody uses and what has no effect goes, with whole kernels; loads from memory go too, stores and asserts stay.
// CHECK-LABEL: @dead
// CHECK-NEXT:  gir.kernel "stays"
// CHECK-NOT:   gir.load
// CHECK:       gir.store
// CHECK-NEXT:  gir.assert
// CHECK-NEXT:  gir.return
// CHECK-NOT:   gir.kernel
func.func @dead(%x: tensor<8xf32>, %y: memref<8xf32>, %i: index, %v: f32, %b: i1) {
  %0 = gir.kernel "goes" (%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    gir.return %a : tensor<8xf32, #gir.at<dram>>
  }
  gir.kernel "stays" (%m = %y : memref<8xf32>, %j = %i : index, %w = %v : f32, %c = %b : i1) -> () {
    %t = tensor.splat %w : tensor<8xf32, #gir.at<reg>>
    %h = tensor.splat %c : tensor<8xi1, #gir.at<reg>>
    %u = gir.load %m[%j] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    gir.store %t, %m[%j] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    gir.assert %h, "holds" : tensor<8xi1, #gir.at<reg>>
    gir.return
  }
  return
}
