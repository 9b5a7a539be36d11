// RUN: %pf-opt %s --gir-call-intrinsics | FileCheck %s

// Exact functions are LLVM's own, of scalars and vectors; arithmetic must not change.

// CHECK-LABEL: func.func @exact
// CHECK: llvm.call_intrinsic "llvm.sqrt.v4f32"(%{{.*}}) : (vector<4xf32>) -> vector<4xf32>
// CHECK: llvm.call_intrinsic "llvm.fma.f32"
// CHECK: %[[FALSE:.*]] = arith.constant false
// CHECK: llvm.call_intrinsic "llvm.ctlz.i32"(%{{.*}}, %[[FALSE]])
// CHECK: arith.addf
func.func @exact(%x: vector<4xf32>, %y: f32, %n: i32) -> (vector<4xf32>, f32, i32) {
  %0 = math.sqrt %x : vector<4xf32>
  %1 = math.fma %y, %y, %y : f32
  %2 = math.ctlz %n : i32
  %3 = arith.addf %1, %y : f32
  return %0, %3, %2 : vector<4xf32>, f32, i32
}
