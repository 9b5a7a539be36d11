// RUN: pf-opt %s --gir-round-bf16=instructions=avx512bf16 | FileCheck %s
// RUN: pf-opt %s --gir-round-bf16=instructions=none | FileCheck %s --check-prefix=NONE

// What goes to memory is rounded by the instruction, 32 lanes at a time. Where one of the results is 0, which LLVM is told
// is rare, numbers are looked at, and where one of them is subnormal all take the long way.

// CHECK-LABEL: func.func @stored
// CHECK: %[[QUICK:.*]] = llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
// CHECK: %[[BITS:.*]] = arith.bitcast %[[QUICK]] : vector<32xbf16> to vector<32xi16>
// CHECK: arith.andi %[[BITS]]
// CHECK: %[[ZERO:.*]] = arith.cmpi ne, %{{.*}}, %{{.*}} : i32
// CHECK: %[[RARE:.*]] = llvm.intr.expect %[[ZERO]], %false
// CHECK: scf.if %[[RARE]] -> (vector<32xi16>)
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.fpclass.ps.512"
// CHECK: scf.if {{.*}} -> (vector<32xi16>)
// CHECK: arith.truncf
// CHECK: else
// CHECK-NEXT: scf.yield %[[BITS]]
// CHECK: else
// CHECK-NEXT: scf.yield %[[BITS]]
// NONE-LABEL: func.func @stored
// NONE-NOT: llvm.call_intrinsic
func.func @stored(%x: vector<32xf32>, %y: memref<32xbf16>) {
  %c0 = arith.constant 0 : index
  %0 = arith.truncf %x : vector<32xf32> to vector<32xbf16>
  vector.store %0, %y[%c0] : memref<32xbf16>, vector<32xbf16>
  return
}

// So is what is computed with again, of which each 16 lanes get zeros for their lower halves in one shuffle; an odd
// number of pieces is rounded 16 lanes at a time, and what isn't whole pieces stays.

// CHECK-LABEL: func.func @others
// CHECK-COUNT-3: llvm.call_intrinsic "llvm.x86.avx512bf16.cvtneps2bf16.512"
// CHECK-COUNT-3: llvm.call_intrinsic "llvm.x86.avx512.fpclass.ps.512"
// CHECK-NOT: llvm.call_intrinsic
// CHECK: %[[ZEROS:.*]] = arith.constant dense<0> : vector<48xi16>
// CHECK: vector.shuffle %{{.*}}, %[[ZEROS]] [48, 0, 49, 1, 50, 2, {{.*}}, 63, 15] : vector<48xi16>, vector<48xi16>
// CHECK-NEXT: vector.bitcast %{{.*}} : vector<32xi16> to vector<16xf32>
// CHECK-NOT: arith.extf
func.func @others(%x: vector<48xf32>, %z: vector<8xf32>) -> (vector<48xf32>, vector<8xbf16>) {
  %0 = arith.truncf %x : vector<48xf32> to vector<48xbf16>
  %1 = arith.extf %0 : vector<48xbf16> to vector<48xf32>
  %2 = arith.truncf %z : vector<8xf32> to vector<8xbf16>
  return %1, %2 : vector<48xf32>, vector<8xbf16>
}
