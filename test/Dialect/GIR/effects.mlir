// What upstream's passes may assume of movement: graph form's is pure, tile form's reads and writes memory.
// RUN: %pf-opt %s --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,CSE
// RUN: %pf-opt %s --loop-invariant-code-motion --split-input-file | FileCheck %s --check-prefixes=CHECK,LICM

// Two equal movements are one; to another place they are another.
// CHECK-LABEL: @moves
// CSE-NEXT:    %[[REG:.*]] = gir.move %arg0 : {{.*}} -> tensor<8xf32, #gir.at<reg>>
// CSE-NEXT:    %[[SRAM:.*]] = gir.move %arg0 : {{.*}} -> tensor<8xf32, #gir.at<sram>>
// CSE-NEXT:    return %[[REG]], %[[REG]], %[[SRAM]]
func.func @moves(%x: tensor<8xf32, #gir.at<dram>>) -> (tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<sram>>) {
  %0 = gir.move %x : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  %1 = gir.move %x : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  %2 = gir.move %x : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<sram>>
  return %0, %1, %2 : tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<sram>>
}

// -----

// Equal loads are one, for nothing is written between them.
// CHECK-LABEL: @loads
// CSE-NEXT:    %[[T:.*]] = gir.load
// CSE-NEXT:    return %[[T]], %[[T]]
func.func @loads(%x: memref<8xf32, #gir.at<dram>>, %i: index) -> (tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>) {
  %0 = gir.load %x[%i] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  %1 = gir.load %x[%i] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  return %0, %1 : tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>
}

// -----

// A store between two loads may change what the second reads.
// CHECK-LABEL: @loads_across_store
// CSE-NEXT:    %[[BEFORE:.*]] = gir.load
// CSE-NEXT:    gir.store
// CSE-NEXT:    %[[AFTER:.*]] = gir.load
// CSE-NEXT:    return %[[BEFORE]], %[[AFTER]]
func.func @loads_across_store(%x: memref<8xf32, #gir.at<dram>>, %t: tensor<8xf32, #gir.at<reg>>, %i: index) -> (tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>) {
  %0 = gir.load %x[%i] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  gir.store %t, %x[%i] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
  %1 = gir.load %x[%i] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  return %0, %1 : tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>
}

// -----

// A store in a nested loop is one between the loads.
// CHECK-LABEL: @loads_across_parallel
// CSE:         gir.load
// CSE:         gir.parallel
// CSE:         gir.load
func.func @loads_across_parallel(%x: memref<8xf32>, %n: index, %z: memref<8xf32>) {
  gir.kernel "k" (%m = %x : memref<8xf32>, %k = %n : index, %w = %z : memref<8xf32>) -> () {
    %0 = gir.load %m[%k] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    gir.parallel <group> (%i) in (%k) {
      gir.store %0, %m[%i] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    }
    %1 = gir.load %m[%k] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    gir.store %1, %w[%k] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Kernels on one input with one body are one, as their operators would have been.
// CHECK-LABEL: @kernels
// CSE:         %[[Y:.*]] = gir.kernel
// CSE-NOT:     gir.kernel
// CSE:         return %[[Y]], %[[Y]]
func.func @kernels(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %0 = gir.kernel "k" (%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    gir.return %a : tensor<8xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "k" (%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    gir.return %a : tensor<8xf32, #gir.at<dram>>
  }
  return %0, %1 : tensor<8xf32>, tensor<8xf32>
}

// -----

// A loop that repeats a movement needn't; one that repeats a load must, the loop stores.
// CHECK-LABEL: @loop
// LICM-NEXT:   gir.move
// LICM-NEXT:   gir.iota
// LICM-NEXT:   scf.for
// LICM-NEXT:     gir.load
// LICM-NEXT:     gir.store
// LICM-NEXT:     func.call
func.func @loop(%x: tensor<8xf32, #gir.at<dram>>, %y: memref<8xf32, #gir.at<dram>>, %a: index, %b: index) {
  scf.for %i = %a to %b step %b {
    %0 = gir.move %x : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %1 = gir.iota dim 0 : tensor<8xindex, #gir.at<reg>>
    %2 = gir.load %y[%a] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    gir.store %0, %y[%a] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    func.call @use(%1, %2) : (tensor<8xindex, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>) -> ()
  }
  return
}
func.func private @use(tensor<8xindex, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>)

// -----

// A reduction does what its combiner does: sums leave the loop, a division that may trap and a write to memory stay.
// CHECK-LABEL: @combiners
// LICM-NEXT:   gir.reduce {{.*}} kinds [#vector.kind<add>]
// LICM-NEXT:   scf.for
// LICM-NEXT:     gir.reduce {{.*}} combiner
// LICM:            arith.divsi
// LICM:          gir.reduce {{.*}} combiner
// LICM:            memref.store
func.func @combiners(%x: tensor<8xi32, #gir.at<reg>>, %m: tensor<i32, #gir.at<reg>>, %s: memref<i32>, %a: index, %b: index) {
  scf.for %i = %a to %b step %b {
    %0 = gir.reduce %x into %m dims [0] kinds [#vector.kind<add>] : tensor<8xi32, #gir.at<reg>> into tensor<i32, #gir.at<reg>>
    %1 = gir.reduce %x into %m dims [0] combiner {
    ^bb0(%element: i32, %accumulator: i32):
      %3 = arith.divsi %accumulator, %element : i32
      gir.yield %3 : i32
    } : tensor<8xi32, #gir.at<reg>> into tensor<i32, #gir.at<reg>>
    %2 = gir.reduce %x into %m dims [0] combiner {
    ^bb0(%element: i32, %accumulator: i32):
      memref.store %element, %s[] : memref<i32>
      gir.yield %accumulator : i32
    } : tensor<8xi32, #gir.at<reg>> into tensor<i32, #gir.at<reg>>
    func.call @keep(%0, %1, %2) : (tensor<i32, #gir.at<reg>>, tensor<i32, #gir.at<reg>>, tensor<i32, #gir.at<reg>>) -> ()
  }
  return
}
func.func private @keep(tensor<i32, #gir.at<reg>>, tensor<i32, #gir.at<reg>>, tensor<i32, #gir.at<reg>>)

// -----

// The same movement in another pass is another: merging them would turn a reload into a value that is kept.
// CHECK-LABEL: @moves_of_passes
// CSE-NEXT:    %[[FIRST:.*]] = gir.move %arg0 :
// CSE-NEXT:    %[[SECOND:.*]] = gir.move %arg0 pass 1 :
// CSE-NEXT:    return %[[FIRST]], %[[SECOND]], %[[SECOND]]
func.func @moves_of_passes(%x: tensor<8xf32, #gir.at<dram>>) -> (tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>) {
  %0 = gir.move %x : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  %1 = gir.move %x pass 1 : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  %2 = gir.move %x pass 1 : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  return %0, %1, %2 : tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>, tensor<8xf32, #gir.at<reg>>
}

// -----

// Loads aren't merged across a wait or a barrier: what they read comes there in between.
// CHECK-LABEL: @loads_across_wait
// CSE:         %[[BEFORE:.*]] = gir.load
// CSE-NEXT:    gir.wait
// CSE-NEXT:    %[[AFTER:.*]] = gir.load
// CSE-NEXT:    return %[[BEFORE]], %[[AFTER]]
func.func @loads_across_wait(%b: memref<8xf32, #gir.at<sram>>, %i: index, %t: !gir.token) -> (tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>) {
  %0 = gir.load %b[%i] : memref<8xf32, #gir.at<sram>> -> tensor<4xf32, #gir.at<reg>>
  gir.wait %t
  %1 = gir.load %b[%i] : memref<8xf32, #gir.at<sram>> -> tensor<4xf32, #gir.at<reg>>
  return %0, %1 : tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
}

// -----

// CHECK-LABEL: @loads_across_sync
// CSE:           gir.load
// CSE-NEXT:      gir.sync
// CSE-NEXT:      gir.load
func.func @loads_across_sync(%x: memref<8xf32>, %y: memref<8xf32>, %n: index) {
  gir.kernel "k" (%a = %x : memref<8xf32>, %b = %y : memref<8xf32>, %k = %n : index) -> () {
    gir.parallel <unit> (%u) in (%k) {
      %0 = gir.load %a[%k] : memref<8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
      gir.sync <group>
      %1 = gir.load %a[%k] : memref<8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
      %2 = arith.addf %0, %1 : tensor<4xf32, #gir.at<reg>>
      gir.store %2, %b[%u] : tensor<4xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    }
  }
  return
}

// -----

// Two buffers are two, and so are two windows and two copies.
// CHECK-LABEL: @buffers
// CSE-NEXT:    gir.alloc
// CSE-NEXT:    gir.alloc
// CSE-NEXT:    gir.stage
// CSE-NEXT:    gir.stage
// CSE-NEXT:    gir.copy
// CSE-NEXT:    gir.copy
// CSE-NEXT:    gir.wait
// CSE-NEXT:    gir.wait
func.func @buffers(%x: memref<8xf32, #gir.at<dram>>, %i: index) {
  %0 = gir.alloc : memref<8xf32, #gir.at<sram>>
  %1 = gir.alloc : memref<8xf32, #gir.at<sram>>
  %2 = gir.stage %x[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
  %3 = gir.stage %x[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
  %t = gir.copy %x[%i], %0[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
  %u = gir.copy %x[%i], %0[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
  gir.wait %t
  gir.wait %t
  gir.wait %u
  func.call @use(%1, %2, %3) : (memref<8xf32, #gir.at<sram>>, memref<8xf32, #gir.at<sram>>, memref<8xf32, #gir.at<sram>>) -> ()
  return
}
func.func private @use(memref<8xf32, #gir.at<sram>>, memref<8xf32, #gir.at<sram>>, memref<8xf32, #gir.at<sram>>)

// -----

// Gathers from a tensor are values; from a memref they read it, and a scatter writes.
// CHECK-LABEL: @gathers
// CSE-NEXT:    %[[VALUE:.*]] = gir.gather %arg0
// CSE-NEXT:    %[[BEFORE:.*]] = gir.gather %arg1
// CSE-NEXT:    gir.scatter
// CSE-NEXT:    %[[AFTER:.*]] = gir.gather %arg1
// CSE-NEXT:    return %[[VALUE]], %[[VALUE]], %[[BEFORE]], %[[BEFORE]], %[[AFTER]]
func.func @gathers(%t: tensor<8xf32, #gir.at<dram>>, %m: memref<8xf32, #gir.at<dram>>, %p: tensor<4xindex, #gir.at<reg>>)
    -> (tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>) {
  %0 = gir.gather %t[%p] : tensor<8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
  %1 = gir.gather %m[%p] : memref<8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
  %2 = gir.gather %m[%p] : memref<8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
  gir.scatter %0 into %m[%p] : tensor<4xf32, #gir.at<reg>> into memref<8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>]
  %3 = gir.gather %t[%p] : tensor<8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
  %4 = gir.gather %m[%p] : memref<8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
  return %0, %3, %1, %2, %4 : tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
}

// -----

// Scatters into a tensor are values too: equal ones are one.
// CHECK-LABEL: @scatters
// CSE-NEXT:    %[[Y:.*]] = gir.scatter
// CSE-NEXT:    return %[[Y]], %[[Y]]
func.func @scatters(%v: tensor<4xf32, #gir.at<reg>>, %t: tensor<8xf32, #gir.at<dram>>, %p: tensor<4xindex, #gir.at<reg>>) -> (tensor<8xf32, #gir.at<dram>>, tensor<8xf32, #gir.at<dram>>) {
  %0 = gir.scatter %v into %t[%p] kind <add> : tensor<4xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<8xf32, #gir.at<dram>>
  %1 = gir.scatter %v into %t[%p] kind <add> : tensor<4xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<8xf32, #gir.at<dram>>
  return %0, %1 : tensor<8xf32, #gir.at<dram>>, tensor<8xf32, #gir.at<dram>>
}

// -----

// A gather of a tensor leaves a loop; buffers, windows, copies, waits and gathers of memory stay where they are.
// CHECK-LABEL: @loop_of_copies
// LICM-NEXT:   %[[G:.*]] = gir.gather %arg2
// LICM-NEXT:   scf.for
// LICM-NEXT:     gir.alloc
// LICM-NEXT:     gir.stage
// LICM-NEXT:     gir.copy
// LICM-NEXT:     gir.wait
// LICM-NEXT:     gir.gather
// LICM-NEXT:     gir.scatter
// LICM-NEXT:     func.call
func.func @loop_of_copies(%x: memref<8xf32, #gir.at<dram>>, %y: memref<8xf32, #gir.at<dram>>, %t: tensor<8xf32, #gir.at<dram>>,
                          %p: tensor<8xindex, #gir.at<reg>>, %i: index, %n: index) {
  scf.for %j = %i to %n step %n {
    %0 = gir.gather %t[%p] : tensor<8xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>] -> tensor<8xf32, #gir.at<reg>>
    %b = gir.alloc : memref<8xf32, #gir.at<sram>>
    %w = gir.stage %x[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
    %c = gir.copy %x[%i], %b[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
    gir.wait %c
    %1 = gir.gather %x[%p] : memref<8xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>] -> tensor<8xf32, #gir.at<reg>>
    gir.scatter %0 into %y[%p] : tensor<8xf32, #gir.at<reg>> into memref<8xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>]
    func.call @use(%b, %w, %1) : (memref<8xf32, #gir.at<sram>>, memref<8xf32, #gir.at<sram>>, tensor<8xf32, #gir.at<reg>>) -> ()
  }
  return
}
func.func private @use(memref<8xf32, #gir.at<sram>>, memref<8xf32, #gir.at<sram>>, tensor<8xf32, #gir.at<reg>>)

// -----

// A launch may write to what it is given. One of a kernel that has turned out to do nothing stays valid.
// CHECK-LABEL: @launches
// CSE:         gir.launch
// CSE-NEXT:    gir.launch
func.func @launches(%x: memref<8xf32>) {
  gir.launch @launched(%x) : (memref<8xf32>) -> ()
  gir.launch @launched(%x) : (memref<8xf32>) -> ()
  return
}
func.func private @launched(%x: memref<8xf32>) {
  gir.kernel "k" (%a = %x : memref<8xf32>) -> () {
  }
  return
}

// -----

// A choice between values is a value: equal ones are one, and it leaves a loop.
// CHECK-LABEL: @choices
// CSE-COUNT-1: gir.alternatives
// CSE-NOT:     gir.alternatives
// LICM:        gir.alternatives
// LICM:        gir.alternatives
// LICM:        scf.for
func.func @choices(%x: f32, %i: index, %n: index) {
  scf.for %j = %i to %n step %n {
    %0 = gir.alternatives -> (f32) {
      gir.yield %x : f32
    } or {
      %2 = arith.addf %x, %x : f32
      gir.yield %2 : f32
    }
    %1 = gir.alternatives -> (f32) {
      gir.yield %x : f32
    } or {
      %2 = arith.addf %x, %x : f32
      gir.yield %2 : f32
    }
    func.call @use(%0, %1) : (f32, f32) -> ()
  }
  return
}
func.func private @use(f32, f32)
