// RUN: pf-opt %s --gir-round-bf16=instructions=avx512bf16 | FileCheck %s
// RUN: pf-opt %s --gir-round-bf16=instructions=none | FileCheck %s --check-prefix=NONE

// What goes to memory is rounded by the instruction, unless a lane is subnormal; 32 lanes at a time.

// CHECK-LABEL: func.func @stored
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.fpclass.ps.512"
// CHECK: %[[ANY:.*]] = arith.cmpi ne
// CHECK: scf.if %[[ANY]] -> (vector<32xi16>)
// CHECK: arith.truncf
// CHECK: else
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
// NONE-LABEL: func.func @stored
// NONE-NOT: llvm.call_intrinsic
func.func @stored(%x: vector<32xf32>, %y: memref<32xbf16>) {
  %c0 = arith.constant 0 : index
  %0 = arith.truncf %x : vector<32xf32> to vector<32xbf16>
  vector.store %0, %y[%c0] : memref<32xbf16>, vector<32xbf16>
  return
}

// So is what is computed with again; an odd number of pieces is taken 16 lanes at a time, and what isn't whole pieces
// stays.

// CHECK-LABEL: func.func @others
// CHECK-COUNT-3: llvm.call_intrinsic "llvm.x86.avx512bf16.cvtneps2bf16.512"
// CHECK-NOT: llvm.call_intrinsic
func.func @others(%x: vector<48xf32>, %z: vector<8xf32>) -> (vector<48xf32>, vector<8xbf16>) {
  %0 = arith.truncf %x : vector<48xf32> to vector<48xbf16>
  %1 = arith.extf %0 : vector<48xbf16> to vector<48xf32>
  %2 = arith.truncf %z : vector<8xf32> to vector<8xbf16>
  return %1, %2 : vector<48xf32>, vector<8xbf16>
}
