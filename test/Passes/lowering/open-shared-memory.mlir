// RUN: %pf-opt %s --gir-open-shared-memory | FileCheck %s

// Memory of a size that launches say is external; a variable of known size, and one of the host's, must not change.

// CHECK: llvm.mlir.global internal @host
// CHECK: gpu.module
// CHECK: llvm.mlir.global external @open() {addr_space = 3 : i32} : !llvm.array<0 x i8>
// CHECK: llvm.mlir.global internal @known() {addr_space = 3 : i32} : !llvm.array<16 x i8>
llvm.mlir.global internal @host() {addr_space = 0 : i32} : !llvm.array<0 x i8>
gpu.module @kernels {
  llvm.mlir.global internal @open() {addr_space = 3 : i32} : !llvm.array<0 x i8>
  llvm.mlir.global internal @known() {addr_space = 3 : i32} : !llvm.array<16 x i8>
}
