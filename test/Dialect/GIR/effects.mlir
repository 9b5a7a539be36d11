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
