// RUN: pf-opt %s --convert-gir-to-vector --canonicalize -split-input-file | FileCheck %s

// A product that a library may do is a call through a slot, all arguments by address; where the slot is empty, the
// kernel's own body.

// CHECK:       llvm.mlir.global external @pf_sgemm_slot()
// CHECK-NEXT:    %[[NULL:.*]] = llvm.mlir.zero
// CHECK-NEXT:    llvm.return %[[NULL]]
// CHECK-LABEL: func.func @pf_main
// CHECK:       %[[SLOT:.*]] = llvm.mlir.addressof @pf_sgemm_slot
// CHECK:       %[[ROUTINE:.*]] = llvm.load %[[SLOT]]
// CHECK:       %[[THERE:.*]] = llvm.icmp "ne" %[[ROUTINE]]
// CHECK:       scf.if %[[THERE]] {
// CHECK:         llvm.call %[[ROUTINE]](
// CHECK-SAME:    : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> ()
// CHECK-NOT:     vector.store
// CHECK:       } else {
// CHECK:         vector.store
func.func @main(%x: memref<4x8xf32>, %y: memref<8x8xf32>, %z: memref<4x8xf32>) {
  gir.kernel "sgemm" (%a = %x : memref<4x8xf32>, %b = %y : memref<8x8xf32>, %c = %z : memref<4x8xf32>) -> () attributes {gir.product = {factors = array<i64: 1, 0>, leading = array<i64: 8, 8, 8>, loops = array<i64>, sizes = array<i64: 8, 4, 8>, transposed = array<i64: 0, 0>}} {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0, %c0] : memref<4x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
    gir.store %0, %c[%c0, %c0] : tensor<1x8xf32, #gir.at<reg>>, memref<4x8xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Calls for each index of what both factors have, and, along what is summed, calls that add to what the first one wrote.

// CHECK-LABEL: func.func @pf_main
// CHECK-DAG:   %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:   %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG:   %[[C3:.*]] = arith.constant 3 : index
// CHECK:       scf.for %[[I:.*]] = %[[C0]] to %[[C2]]
// CHECK:         scf.for %[[J:.*]] = %[[C0]] to %[[C3]]
// CHECK:           %[[FIRST:.*]] = arith.cmpi eq, %[[J]], %[[C0]]
// CHECK:           %[[BETA:.*]] = llvm.select %[[FIRST]]
// CHECK:           llvm.call %{{.*}}({{.*}}%[[BETA]], %{{[a-z0-9_]*}}, %{{[a-z0-9_]*}})
func.func @main(%x: memref<2x3x4x8xf64>, %y: memref<2x3x8x8xf64>, %z: memref<2x4x8xf64>) {
  gir.kernel "dgemm" (%a = %x : memref<2x3x4x8xf64>, %b = %y : memref<2x3x8x8xf64>, %c = %z : memref<2x4x8xf64>) -> () attributes {gir.product = {factors = array<i64: 1, 0>, leading = array<i64: 8, 8, 8>, loops = array<i64: 2, 192, 96, 32, 3, 64, 32, 0>, sizes = array<i64: 8, 4, 8>, transposed = array<i64: 0, 0>}} {
    gir.return
  }
  return
}
