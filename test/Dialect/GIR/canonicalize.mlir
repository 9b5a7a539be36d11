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

// -----

// A token is waited for once.
// CHECK-LABEL: @wait_twice
// CHECK-SAME:  (%[[T:.*]]: !gir.token, %[[U:.*]]: !gir.token)
// CHECK-NEXT:  gir.wait %[[T]], %[[U]]
// CHECK-NEXT:  return
func.func @wait_twice(%t: !gir.token, %u: !gir.token) {
  gir.wait %t, %u, %t
  return
}

// -----

// One way is no choice; it may have effects.
// CHECK-LABEL: @alternatives_of_one
// CHECK-NEXT:  %[[Y:.*]] = arith.negf %arg0
// CHECK-NEXT:  memref.store %[[Y]]
// CHECK-NEXT:  return %[[Y]]
func.func @alternatives_of_one(%x: f32, %m: memref<f32>) -> f32 {
  %0 = gir.alternatives -> (f32) {
    %1 = arith.negf %x : f32
    memref.store %1, %m[] : memref<f32>
    gir.yield %1 : f32
  }
  return %0 : f32
}

// -----

// Two ways stay two, even where one of them costs nothing: who places the kernel chooses.
// CHECK-LABEL: @alternatives_of_two
// CHECK:       gir.alternatives -> (f32) {
// CHECK:       } or {
// CHECK:       return
func.func @alternatives_of_two(%x: f32) -> f32 {
  %0 = gir.alternatives -> (f32) {
    gir.yield %x : f32
  } or {
    %1 = arith.negf %x : f32
    %2 = arith.negf %1 : f32
    gir.yield %2 : f32
  }
  return %0 : f32
}

// -----

// Of barriers with nothing between them the coarsest is enough, the first of equal ones.
// CHECK-LABEL: @syncs
// CHECK:           gir.store
// CHECK-NEXT:      gir.sync <cluster>
// CHECK-NEXT:      gir.store
// CHECK-NEXT:      gir.sync <group>
// CHECK-NEXT:      gir.store
// CHECK-NEXT:      gir.sync <group>
// CHECK-NEXT:    }
func.func @syncs(%y: memref<8xf32>, %n: index, %v: f32) {
  gir.kernel "k" (%m = %y : memref<8xf32>, %k = %n : index, %w = %v : f32) -> () {
    %t = tensor.splat %w : tensor<1xf32, #gir.at<reg>>
    gir.parallel <unit> (%u) in (%k) {
      gir.store %t, %m[%u] : tensor<1xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
      gir.sync <group>
      gir.sync <cluster>
      gir.sync <group>
      gir.store %t, %m[%u] : tensor<1xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
      gir.sync <group>
      gir.sync <group>
      gir.store %t, %m[%u] : tensor<1xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
      gir.sync <group>
    }
  }
  return
}

// -----

// Extents that leave out nothing say nothing; those of a part stay, and so do those that aren't known.
// CHECK-LABEL: @valid_of_all
// CHECK:       gir.load %arg0[%arg1, %arg1] : memref
// CHECK:       gir.load %arg0[%arg1, %arg1] valid[
// CHECK:       gir.load %arg0[%arg1, %arg1] valid[
// CHECK:       gir.store %{{.*}}, %arg0[%arg1, %arg1] nontemporal : tensor
// CHECK:       gir.store %{{.*}}, %arg0[%arg1, %arg1] valid[
// CHECK:       gir.scatter %{{.*}} into %arg3[%{{.*}}] kind <add> : tensor
// CHECK:       gir.scatter %{{.*}} into %arg3[%{{.*}}] valid[
func.func @valid_of_all(%x: memref<4x?xf32, #gir.at<dram>>, %i: index, %n: index, %y: memref<8xf32, #gir.at<dram>>,
                        %v: tensor<8xf32, #gir.at<reg>>, %p: tensor<8xindex, #gir.at<reg>>) {
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  %c8 = arith.constant 8 : index
  %0 = gir.load %x[%i, %i] valid [%c1, %c8] : memref<4x?xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
  %1 = gir.load %x[%i, %i] valid [%c1, %c7] : memref<4x?xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
  %2 = gir.load %x[%i, %i] valid [%c1, %n] : memref<4x?xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
  gir.store %0, %x[%i, %i] valid [%c1, %c8] nontemporal : tensor<1x8xf32, #gir.at<reg>>, memref<4x?xf32, #gir.at<dram>>
  gir.store %1, %x[%i, %i] valid [%c1, %n] : tensor<1x8xf32, #gir.at<reg>>, memref<4x?xf32, #gir.at<dram>>
  gir.store %2, %x[%i, %i] valid [%c7, %n] : tensor<1x8xf32, #gir.at<reg>>, memref<4x?xf32, #gir.at<dram>>
  gir.scatter %v into %y[%p] kind <add> valid [%c8] : tensor<8xf32, #gir.at<reg>> into memref<8xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>]
  gir.scatter %v into %y[%p] valid [%c7] : tensor<8xf32, #gir.at<reg>> into memref<8xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>]
  return
}

// -----

// Movements stay as they are, even there and back: which ones there are is what placing decided.
// CHECK-LABEL: @moves_stay
// CHECK-COUNT-3: gir.move
func.func @moves_stay(%x: tensor<8xf32, #gir.at<dram>>) -> (tensor<8xf32, #gir.at<dram>>, tensor<8xf32, #gir.at<reg>>) {
  %0 = gir.move %x : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  %1 = gir.move %0 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
  %2 = gir.move %1 : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  return %1, %2 : tensor<8xf32, #gir.at<dram>>, tensor<8xf32, #gir.at<reg>>
}

// -----

// A window that nobody reads isn't brought, a buffer that nobody uses isn't made; a copy is, for who reads its goal.
// CHECK-LABEL: @dead_buffers
// CHECK-NEXT:  %[[T:.*]] = gir.copy
// CHECK-NEXT:  gir.wait %[[T]]
// CHECK-NEXT:  return
func.func @dead_buffers(%x: memref<8xf32, #gir.at<dram>>, %b: memref<8xf32, #gir.at<sram>>, %i: index, %p: tensor<8xindex, #gir.at<reg>>,
                        %d: tensor<8xf32, #gir.at<dram>>, %v: tensor<8xf32, #gir.at<reg>>) {
  %0 = gir.stage %x[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
  %1 = gir.alloc : memref<8xf32, #gir.at<sram>>
  %t = gir.copy %x[%i], %b[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
  gir.wait %t
  %2 = gir.gather %x[%p] : memref<8xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>] -> tensor<8xf32, #gir.at<reg>>
  %3 = gir.scatter %v into %d[%p] : tensor<8xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>] -> tensor<8xf32, #gir.at<dram>>
  return
}
