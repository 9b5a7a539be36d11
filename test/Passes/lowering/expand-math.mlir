// RUN: %pf-opt %s --gir-expand-math=instructions=avx512 --canonicalize --split-input-file | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: %pf-opt %s --gir-expand-math=instructions=none --canonicalize --split-input-file | FileCheck %s --check-prefixes=CHECK,NONE

// The exponential is fused multiply-adds; AVX-512 multiplies by a power of 2, elsewhere its bits are written.
// CHECK-LABEL: func.func @exp(
// CHECK-NOT:     math.exp
// AVX512-COUNT-6: math.fma {{.*}} : vector<16xf32>
// NONE-COUNT-9:  math.fma {{.*}} : vector<16xf32>
// AVX512:        llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// NONE:          arith.shli {{.*}} : vector<16xi32>
// NONE-NOT:      llvm.call_intrinsic
func.func @exp(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.exp %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// -----

// Lanes are taken 16 at a time where an instruction needs that; what is missing in the last piece is anything.
// CHECK-LABEL: func.func @pieces(
// AVX512-COUNT-2: llvm.call_intrinsic {{.*}} -> vector<16xf32>
// AVX512:         vector.shuffle {{.*}} : vector<32xf32>, vector<32xf32>
// NONE-COUNT-2:   arith.shli {{.*}} : vector<24xi32>
func.func @pieces(%x: vector<24xf32>) -> vector<24xf32> {
  %0 = math.exp %x : vector<24xf32>
  return %0 : vector<24xf32>
}

// -----

// Functions of f64, and of lanes whose number nobody knows, stay.
// CHECK-LABEL: func.func @stays(
// CHECK:         math.exp %{{.*}} : vector<8xf64>
// CHECK:         math.exp %{{.*}} : vector<[4]xf32>
func.func @stays(%x: vector<8xf64>, %y: vector<[4]xf32>) -> (vector<8xf64>, vector<[4]xf32>) {
  %0 = math.exp %x : vector<8xf64>
  %1 = math.exp %y : vector<[4]xf32>
  return %0, %1 : vector<8xf64>, vector<[4]xf32>
}

// -----

// A divisor that the lanes share is inverted once, as a scalar.
// CHECK-LABEL: func.func @shared(
// CHECK:         arith.divf %{{.*}}, %{{.*}} : f32
// CHECK-NOT:     arith.divf
// CHECK-COUNT-2: math.fma {{.*}} : vector<16xf32>
func.func @shared(%x: vector<16xf32>, %s: f32) -> vector<16xf32> {
  %0 = vector.broadcast %s : f32 to vector<16xf32>
  %1 = arith.divf %x, %0 : vector<16xf32>
  return %1 : vector<16xf32>
}

// -----

// A constant that isn't a power of two is inverted here; a power of two, whose inverse LLVM finds, stays, and so does
// one whose inverse isn't normal.
// CHECK-LABEL: func.func @constants(
// CHECK:         %[[SMALL:.*]] = arith.constant dense<9.99999935E-39>
// CHECK:         math.fma
// CHECK:         arith.divf %{{.*}}, %{{.*}} : vector<4xf32>
// CHECK:         arith.divf %{{.*}}, %[[SMALL]] : vector<4xf32>
// CHECK-NOT:     arith.divf
func.func @constants(%x: vector<4xf32>) -> (vector<4xf32>, vector<4xf32>, vector<4xf32>) {
  %three = arith.constant dense<3.0> : vector<4xf32>
  %four = arith.constant dense<4.0> : vector<4xf32>
  %small = arith.constant dense<1.0e-38> : vector<4xf32>
  %0 = arith.divf %x, %three : vector<4xf32>
  %1 = arith.divf %x, %four : vector<4xf32>
  %2 = arith.divf %x, %small : vector<4xf32>
  return %0, %1, %2 : vector<4xf32>, vector<4xf32>, vector<4xf32>
}

// -----

// Lanes with divisors of their own, and scalars, are divided.
// CHECK-LABEL: func.func @own(
// CHECK-COUNT-2: arith.divf
// CHECK-NOT:     math.fma
func.func @own(%x: vector<4xf32>, %y: vector<4xf32>, %s: f32, %t: f32) -> (vector<4xf32>, f32) {
  %0 = arith.divf %x, %y : vector<4xf32>
  %1 = arith.divf %s, %t : f32
  return %0, %1 : vector<4xf32>, f32
}
