// RUN: %pf-opt %s --convert-gir-to-gpu --canonicalize --cse --split-input-file | FileCheck %s

// A group is a block, a unit a subgroup, and a lane holds what its layout says: four neighbours at a time, in one access of
// 128 bits. A reduction ends in a butterfly over the five bits of the lane's number; one lane stores what it comes to.

// CHECK: gpu.module @kernels
// CHECK-LABEL: gpu.func @sums
// CHECK-SAME: (%[[X:.*]]: memref<8x256xf32, #gpu.address_space<global>>, %[[Y:.*]]: memref<8xf32, #gpu.address_space<global>>) kernel
// CHECK-SAME: known_block_size = array<i32: 64, 1, 1>
// CHECK: %[[T:.*]] = gpu.thread_id
// CHECK: %[[LANE:.*]] = arith.remui %[[T]], %c32
// CHECK: %[[UNIT:.*]] = arith.divui %[[T]], %c32
// CHECK: %[[FIRST:.*]] = arith.muli %[[LANE]], %c4
// CHECK: vector.load %[[X]][%{{.*}}, %[[FIRST]]] {alignment = 16 : i64} : {{.*}}, vector<4xf32>
// CHECK: vector.load %[[X]][{{.*}}] {alignment = 16 : i64}
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: arith.andi %[[T]], %c31
// CHECK: scf.if
// CHECK: memref.store %{{.*}}, %[[Y]]
// CHECK-NOT: gpu.barrier
// CHECK: gpu.return

// CHECK-LABEL: func.func @main
// CHECK: gpu.launch_func @kernels::@sums blocks in (%c4, %c1, %c1) threads in (%c64, %c1, %c1)
func.func private @sums(%x: memref<8x256xf32>, %y: memref<8xf32>) {
  gir.kernel "sums" (%a = %x : memref<8x256xf32>, %b = %y : memref<8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg, layout = <[1], [1]>>>
    gir.parallel <group> (%g) in (%c4) {
      gir.parallel <unit> (%u) in (%c2) {
        %r = affine.apply affine_map<(d0, d1) -> (d0 * 2 + d1)>(%g, %u)
        %0 = gir.load %a[%r, %c0] {gir.vector_width = 4 : i64} : memref<8x256xf32, #gir.at<dram>> -> tensor<1x256xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>
        %1 = gir.reduce %0 into %zero dims [1] kinds [#vector.kind<add>] : tensor<1x256xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>> into tensor<1xf32, #gir.at<reg, layout = <[1], [1]>>>
        gir.store %1, %b[%r] : tensor<1xf32, #gir.at<reg, layout = <[1], [1]>>>, memref<8xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}
func.func @main(%x: memref<8x256xf32>, %y: memref<8xf32>) {
  gir.launch @sums(%x, %y) : (memref<8x256xf32>, memref<8xf32>) -> ()
  return
}

// -----

// Where elements may not be there an access is guarded, element by element where a count isn't a multiple of four; sizes
// that are open are parameters of their own.

// CHECK-LABEL: gpu.func @part
// CHECK-SAME: (%[[X:.*]]: memref<f32, #gpu.address_space<global>>, %[[N:.*]]: index, %[[COUNT:.*]]: index)
// CHECK: memref.reinterpret_cast %[[X]] to offset: [0], sizes: [%[[N]], 128]
// CHECK: scf.if
// CHECK: vector.load
// CHECK: } else {
// CHECK-COUNT-4: memref.load

// CHECK-LABEL: func.func @part
// CHECK: %[[BASE:.*]], %{{.*}}, %[[SIZES:.*]]:2, %{{.*}}:2 = memref.extract_strided_metadata
// CHECK: gpu.launch_func @kernels::@part_part blocks in (%{{.*}}, %c1, %c1) threads in (%c32, %c1, %c1) args(%[[BASE]] : memref<f32, {{.*}}>, %[[SIZES]]#0 : index,
func.func @part(%x: memref<?x128xf32>, %n: index) {
  gir.kernel "part" (%a = %x : memref<?x128xf32>, %v = %n : index) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %r = memref.dim %a, %c0 : memref<?x128xf32, #gir.at<dram>>
    gir.parallel <group> (%g) in (%r) {
      %0 = gir.load %a[%g, %c0] valid [%c1, %v] {gir.vector_width = 4 : i64} : memref<?x128xf32, #gir.at<dram>> -> tensor<1x128xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>
      gir.store %0, %a[%g, %c0] valid [%c1, %v] {gir.vector_width = 4 : i64} : tensor<1x128xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>, memref<?x128xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// -----

// A buffer lies in the group's memory where scheduling put it; all threads fill it, and meet before units read it. What
// units combine goes through memory behind it, between two barriers.

// CHECK-LABEL: gpu.func @shared_shared
// CHECK: %[[MEMORY:.*]] = gpu.dynamic_shared_memory
// CHECK: memref.view %[[MEMORY]][%c64][] {{.*}} to memref<1x64xf32, #gpu.address_space<workgroup>>
// CHECK: scf.for %{{.*}} = %[[T:.*]] to %c64 step %c64
// CHECK: gpu.barrier
// CHECK: memref.load {{.*}}workgroup
// CHECK: memref.view %[[MEMORY]][%c320][] {{.*}} to memref<1x64xf32, #gpu.address_space<workgroup>>
// CHECK: memref.store
// CHECK: gpu.barrier
// CHECK-COUNT-2: memref.load {{.*}}workgroup
// CHECK: gpu.barrier
// CHECK: gpu.launch_func {{.*}} dynamic_shared_memory_size %c576_i32
func.func @shared(%x: memref<4x64xf32>, %y: memref<2x32xf32>) {
  gir.kernel "shared" (%a = %x : memref<4x64xf32>, %b = %y : memref<2x32xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    gir.parallel <group> (%g) in (%c4) attributes {gir.scratch = {shared = 320 : i64}} {
      %s = gir.stage %a[%g, %c0] [1, 64] {gir.offset = 64 : i64} : memref<4x64xf32, #gir.at<dram>> -> memref<1x64xf32, #gir.at<sram>>
      gir.parallel <unit> (%u) in (%c2) {
        %j = affine.apply affine_map<(d0) -> (d0 * 32)>(%u)
        %0 = gir.load %s[%c0, %j] : memref<1x64xf32, #gir.at<sram>> -> tensor<1x32xf32, #gir.at<reg, layout = <[1, 32], [1, 1]>>>
        %1 = gir.all_reduce <group> %0 kinds [#vector.kind<add>] : tensor<1x32xf32, #gir.at<reg, layout = <[1, 32], [1, 1]>>>
        gir.store %1, %b[%u, %c0] : tensor<1x32xf32, #gir.at<reg, layout = <[1, 32], [1, 1]>>>, memref<2x32xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

// -----

// Lanes lie along a dimension wherever it stands: what is turned stays in its lane, whose number has bits for each dimension.

// CHECK-LABEL: gpu.func @turned_turned
// CHECK-NOT: gpu.shuffle
// CHECK-NOT: workgroup
// CHECK: gpu.return
func.func @turned(%x: memref<16x32xf32>, %y: memref<32x16xf32>) {
  gir.kernel "turned" (%a = %x : memref<16x32xf32>, %b = %y : memref<32x16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      %0 = gir.load %a[%c0, %c0] {gir.vector_width = 4 : i64} : memref<16x32xf32, #gir.at<dram>> -> tensor<16x32xf32, #gir.at<reg, layout = <[4, 8], [4, 4]>>>
      %1 = gir.permute %0 [1, 0] : tensor<16x32xf32, #gir.at<reg, layout = <[4, 8], [4, 4]>>> -> tensor<32x16xf32, #gir.at<reg, layout = <[8, 4], [4, 4]>>>
      gir.store %1, %b[%c0, %c0] {gir.vector_width = 4 : i64} : tensor<32x16xf32, #gir.at<reg, layout = <[8, 4], [4, 4]>>>, memref<32x16xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// -----

// Where layouts differ lanes exchange elements: each leaves its own in memory of the unit's, all wait, each takes others.
// Rows of 16 are 17 apart.

// CHECK-LABEL: gpu.func @turned_odd
// CHECK: memref.view {{.*}} : memref<?xi8, #gpu.address_space<workgroup>> to memref<544xf32, #gpu.address_space<workgroup>>
// CHECK: arith.muli %{{.*}}, %c17
// CHECK-COUNT-16: memref.store {{.*}} #gpu.address_space<workgroup>>
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-16: memref.load {{.*}} #gpu.address_space<workgroup>>
// CHECK: gpu.return
func.func @turned(%x: memref<33x17xf32>, %y: memref<17x33xf32>) {
  gir.kernel "odd" (%a = %x : memref<33x17xf32>, %b = %y : memref<17x33xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      %0 = gir.load %a[%c0, %c0] : memref<33x17xf32, #gir.at<dram>> -> tensor<32x16xf32, #gir.at<reg, layout = <[2, 16], [1, 1]>>>
      %1 = gir.permute %0 [1, 0] : tensor<32x16xf32, #gir.at<reg, layout = <[2, 16], [1, 1]>>> -> tensor<16x32xf32, #gir.at<reg, layout = <[1, 32], [1, 1]>>>
      gir.store %1, %b[%c0, %c0] : tensor<16x32xf32, #gir.at<reg, layout = <[1, 32], [1, 1]>>>, memref<17x33xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// -----

// Lanes whose elements may meet in one place of a table take turns, with a barrier behind each.

// CHECK-LABEL: gpu.func @count_histogram(
// CHECK: scf.for %[[TURN:.*]] = %c0{{.*}} to %c32
// CHECK: arith.cmpi eq, %{{.*}}, %[[TURN]]
// CHECK: memref.load %{{.*}} : memref<10xi32, #gpu.address_space<global>>
// CHECK: arith.addi
// CHECK: memref.store
// CHECK: gpu.barrier
func.func @count(%x: memref<32xi32>, %y: memref<10xi32>) {
  gir.kernel "histogram" (%a = %x : memref<32xi32>, %b = %y : memref<10xi32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      %0 = gir.load %a[%c0] : memref<32xi32, #gir.at<dram>> -> tensor<32xi32, #gir.at<reg, layout = <[32], [1]>>>
      %1 = arith.index_cast %0 : tensor<32xi32, #gir.at<reg, layout = <[32], [1]>>> to tensor<32xindex, #gir.at<reg, layout = <[32], [1]>>>
      gir.scatter %0 into %b[%1] kind <add> : tensor<32xi32, #gir.at<reg, layout = <[32], [1]>>> into memref<10xi32, #gir.at<dram>>[tensor<32xindex, #gir.at<reg, layout = <[32], [1]>>>]
    }
    gir.return
  }
  return
}

// -----

// An assertion has a flag in the device's memory, which the host looks at when kernels have run.

// CHECK-LABEL: gpu.func @claims_claim(
// CHECK-SAME: memref<1xi32, #gpu.address_space<global>>) kernel
// CHECK: memref.atomic_rmw ori
// CHECK-LABEL: func.func @claims(
// CHECK: %[[FLAGS:.*]] = memref.alloc() {gir.zeroed} : memref<1xi32>
// CHECK: gpu.launch_func @kernels::@claims_claim
// CHECK: %[[FLAG:.*]] = memref.load %[[FLAGS]]
// CHECK: %[[HOLDS:.*]] = arith.cmpi eq, %[[FLAG]]
// CHECK: cf.assert %[[HOLDS]], "expected what is true"
func.func @claims(%x: memref<32xi1>) {
  gir.kernel "claim" (%a = %x : memref<32xi1>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      %0 = gir.load %a[%c0] : memref<32xi1, #gir.at<dram>> -> tensor<32xi1, #gir.at<reg, layout = <[32], [1]>>>
      gir.assert %0, "expected what is true" : tensor<32xi1, #gir.at<reg, layout = <[32], [1]>>>
    }
    gir.return
  }
  return
}

// -----

// Lanes of a unit wait for one another between filling a buffer and reading it.

// CHECK-LABEL: gpu.func @own_fill(
// CHECK: memref.store %{{.*}} : memref<64xf32, #gpu.address_space<workgroup>>
// CHECK: llvm.call_intrinsic "llvm.nvvm.bar.warp.sync"
// CHECK: vector.load %{{.*}} : memref<64xf32, #gpu.address_space<workgroup>>
func.func @own(%x: memref<64xf32>, %y: memref<64xf32>) {
  gir.kernel "fill" (%a = %x : memref<64xf32>, %b = %y : memref<64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) attributes {gir.scratch = {shared = 256 : i64}} {
      %0 = gir.alloc {gir.offset = 0 : i64} : memref<64xf32, #gir.at<sram>>
      gir.parallel <unit> (%u) in (%c1) {
        %1 = gir.copy %a[%c0], %0[%c0] [64] : memref<64xf32, #gir.at<dram>> -> memref<64xf32, #gir.at<sram>>
        gir.wait %1
        %2 = gir.load %0[%c0] {gir.vector_width = 2 : i64} : memref<64xf32, #gir.at<sram>> -> tensor<64xf32, #gir.at<reg, layout = <[32], [2]>>>
        gir.store %2, %b[%c0] {gir.vector_width = 2 : i64} : tensor<64xf32, #gir.at<reg, layout = <[32], [2]>>>, memref<64xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}
