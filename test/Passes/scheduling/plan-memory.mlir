// RUN: %pf-opt %s --gir-plan-memory | FileCheck %s

// Of three arrays that are handed on two live at once, so the third lies where the first was; what is returned, through
// a view too, stays an allocation.

// CHECK-LABEL: func.func @handed_on
// CHECK: %[[W:.*]] = memref.alloc() {alignment = 64 : i64} : memref<512xi8>
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[HALF:.*]] = arith.constant 256 : index
// CHECK: memref.view %[[W]][%[[ZERO]]][] : memref<512xi8> to memref<8x8xf32>
// CHECK: memref.view %[[W]][%[[HALF]]][] : memref<512xi8> to memref<8x8xf32>
// CHECK: memref.view %[[W]][%[[ZERO]]][] : memref<512xi8> to memref<64xf32>
// CHECK: memref.alloc() : memref<64xf32>
func.func @handed_on(%x: memref<8x8xf32>) -> memref<8x8xf32> {
  %0 = memref.alloc() : memref<8x8xf32>
  gir.kernel "k" (%a = %x : memref<8x8xf32>, %b = %0 : memref<8x8xf32>) -> () {
    gir.return
  }
  %1 = memref.alloc() : memref<8x8xf32>
  gir.kernel "k" (%a = %0 : memref<8x8xf32>, %b = %1 : memref<8x8xf32>) -> () {
    gir.return
  }
  %flat = memref.collapse_shape %1 [[0, 1]] : memref<8x8xf32> into memref<64xf32>
  %2 = memref.alloc() : memref<64xf32>
  gir.kernel "k" (%a = %flat : memref<64xf32>, %b = %2 : memref<64xf32>) -> () {
    gir.return
  }
  %3 = memref.alloc() : memref<64xf32>
  gir.kernel "k" (%a = %2 : memref<64xf32>, %b = %3 : memref<64xf32>) -> () {
    gir.return
  }
  %y = memref.expand_shape %3 [[0, 1]] output_shape [8, 8] : memref<64xf32> into memref<8x8xf32>
  return %y : memref<8x8xf32>
}

// A view of an array is a use of it: here the first one lives to the end, and nothing lies where it does.

// CHECK-LABEL: func.func @viewed
// CHECK: memref.alloc() {alignment = 64 : i64} : memref<259xi8>
func.func @viewed(%x: memref<64xf32>) {
  %0 = memref.alloc() : memref<64xf32>
  %half = memref.subview %0[0] [32] [1] : memref<64xf32> to memref<32xf32>
  gir.kernel "k" (%a = %x : memref<64xf32>, %b = %0 : memref<64xf32>) -> () {
    gir.return
  }
  %1 = memref.alloc() : memref<3xi1>
  gir.kernel "k" (%a = %1 : memref<3xi1>) -> () {
    gir.return
  }
  gir.kernel "k" (%a = %half : memref<32xf32>) -> () {
    gir.return
  }
  return
}

// Open sizes, and what goes to an op that may keep it, stay allocations; one alone gains nothing by a workspace.

// CHECK-LABEL: func.func @left
// CHECK-NOT: memref.view
func.func private @keep(memref<64xf32>)
func.func @left(%x: memref<64xf32>, %n: index) {
  %0 = memref.alloc(%n) : memref<?xf32>
  %1 = memref.alloc() : memref<64xf32>
  %2 = memref.alloc() : memref<64xf32>
  gir.kernel "k" (%a = %x : memref<64xf32>, %b = %0 : memref<?xf32>, %c = %2 : memref<64xf32>) -> () {
    gir.return
  }
  func.call @keep(%1) : (memref<64xf32>) -> ()
  return
}
