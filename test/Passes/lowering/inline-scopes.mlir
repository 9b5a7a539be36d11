// RUN: pf-opt %s --gir-inline-scopes | FileCheck %s

// A call of one of LLVM's intrinsics allocates nothing: the scope goes, also around another one, and gives its result.

// CHECK-LABEL: func.func @nothing_there
// CHECK-NOT: memref.alloca_scope
// CHECK: %[[V:.*]] = llvm.call_intrinsic "llvm.arithmetic.fence"
// CHECK: return %[[V]]
func.func @nothing_there(%x: f32) -> f32 {
  %0 = memref.alloca_scope -> (f32) {
    memref.alloca_scope {
    }
    %1 = llvm.call_intrinsic "llvm.arithmetic.fence"(%x) : (f32) -> f32
    memref.alloca_scope.return %1 : f32
  }
  return %0 : f32
}

// Where memory is allocated it ends with the scope.

// CHECK-LABEL: func.func @memory
// CHECK: memref.alloca_scope
// CHECK: memref.alloca()
func.func @memory(%n: index, %x: f32) {
  memref.alloca_scope {
    %0 = memref.alloca() : memref<4xf32>
    memref.store %x, %0[%n] : memref<4xf32>
  }
  return
}
