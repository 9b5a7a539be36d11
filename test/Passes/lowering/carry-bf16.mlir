// RUN: pf-opt %s --gir-carry-bf16 --split-input-file | FileCheck %s

// A copy, and what is rounded by bits, moves 16 bits; constants are theirs. A result of LLVM's own keeps its type.

// CHECK-LABEL: func.func @moved
// CHECK-SAME: (%[[X:.*]]: memref<64xi16>, %[[Y:.*]]: memref<64xi16>, %{{.*}}: vector<32xi16>, %[[F:.*]]: vector<16xf32>) -> i16
// CHECK-DAG: arith.constant dense<16256> : vector<32xi16>
// CHECK-DAG: %[[TWO:.*]] = arith.constant -16384 : i16
// CHECK: vector.load %[[X]]{{.*}} : memref<64xi16>, vector<32xi16>
// CHECK: arith.select {{.*}} vector<32xi16>
// CHECK: vector.store {{.*}} : memref<64xi16>, vector<32xi16>
// CHECK: vector.store {{.*}} : memref<64xi16>, vector<32xi16>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.cvtneps2bf16.512"(%[[F]]) : (vector<16xf32>) -> vector<16xbf16>
// CHECK: arith.bitcast {{.*}} : vector<16xbf16> to vector<16xi16>
// CHECK: return %[[TWO]] : i16
func.func @moved(%x: memref<64xbf16>, %y: memref<64xbf16>, %bits: vector<32xi16>, %f: vector<16xf32>) -> bf16 {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %one = arith.constant dense<1.0> : vector<32xbf16>
  %two = arith.constant -2.0 : bf16
  %flag = arith.constant true
  %0 = vector.load %x[%c0] : memref<64xbf16>, vector<32xbf16>
  %1 = arith.select %flag, %0, %one : vector<32xbf16>
  vector.store %1, %y[%c0] : memref<64xbf16>, vector<32xbf16>
  %2 = arith.bitcast %bits : vector<32xi16> to vector<32xbf16>
  vector.store %2, %y[%c32] : memref<64xbf16>, vector<32xbf16>
  %3 = llvm.call_intrinsic "llvm.x86.avx512bf16.cvtneps2bf16.512"(%f) : (vector<16xf32>) -> vector<16xbf16>
  %4 = arith.bitcast %3 : vector<16xbf16> to vector<16xi16>
  %5 = vector.shuffle %4, %4 [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] : vector<16xi16>, vector<16xi16>
  %6 = arith.bitcast %5 : vector<32xi16> to vector<32xbf16>
  vector.store %6, %y[%c0] : memref<64xbf16>, vector<32xbf16>
  return %two : bf16
}

// -----

// Where something computes in bf16, nothing changes: it would be of integers.

// CHECK-LABEL: func.func @computed
// CHECK: arith.addf {{.*}} : vector<32xbf16>
// CHECK: vector.store {{.*}} : memref<64xbf16>, vector<32xbf16>
func.func @computed(%x: memref<64xbf16>) {
  %c0 = arith.constant 0 : index
  %0 = vector.load %x[%c0] : memref<64xbf16>, vector<32xbf16>
  %1 = arith.addf %0, %0 : vector<32xbf16>
  vector.store %1, %x[%c0] : memref<64xbf16>, vector<32xbf16>
  return
}
