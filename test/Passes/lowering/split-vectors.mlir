// RUN: pf-opt %s --gir-split-vectors -split-input-file | FileCheck %s

// 58 lanes are three registers and one of which ten are there: only these are loaded and stored.

// CHECK-LABEL: func.func @rows
// CHECK-COUNT-3: vector.load {{.*}} vector<16xf32>
// CHECK: %[[TEN:.*]] = arith.constant dense<[true, {{.*}}false]> : vector<16xi1>
// CHECK: vector.maskedload %{{.*}}, %[[TEN]], {{.*}} vector<16xf32>
// CHECK-COUNT-4: arith.addf {{.*}} : vector<16xf32>
// CHECK-COUNT-3: vector.store {{.*}} vector<16xf32>
// CHECK: vector.maskedstore
func.func @rows(%x: memref<58xf32>, %y: memref<58xf32>) attributes {llvm.emit_c_interface} {
  %c0 = arith.constant 0 : index
  %0 = vector.load %x[%c0] : memref<58xf32>, vector<58xf32>
  %1 = arith.addf %0, %0 : vector<58xf32>
  vector.store %1, %y[%c0] : memref<58xf32>, vector<58xf32>
  return
}

// -----

// Every second lane: each register of the result is one shuffle of two.

// CHECK-LABEL: func.func @every_second
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30] : vector<16xf32>, vector<16xf32>
// CHECK: vector.shuffle %{{.*}}, %{{.*}} [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30] : vector<16xf32>, vector<16xf32>
// CHECK-NOT: vector.extract
func.func @every_second(%x: memref<64xf32>, %y: memref<32xf32>) {
  %c0 = arith.constant 0 : index
  %0 = vector.load %x[%c0] : memref<64xf32>, vector<64xf32>
  %1 = vector.shuffle %0, %0 [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62] : vector<64xf32>, vector<64xf32>
  vector.store %1, %y[%c0] : memref<32xf32>, vector<32xf32>
  return
}

// -----

// What LLVM splits well stays.

// CHECK-LABEL: func.func @power_of_two
// CHECK: arith.addf {{.*}} : vector<64xf32>
func.func @power_of_two(%x: memref<64xf32>, %y: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %0 = vector.load %x[%c0] : memref<64xf32>, vector<64xf32>
  %1 = arith.addf %0, %0 : vector<64xf32>
  vector.store %1, %y[%c0] : memref<64xf32>, vector<64xf32>
  return
}

// -----

// Lanes of two registers that are exchanged, as a transposition does, are one instruction.

// CHECK-LABEL: func.func @one_register
// CHECK: vector.shuffle {{.*}} : vector<32xbf16>, vector<32xbf16>
// CHECK-NEXT: vector.store {{.*}} : memref<32xbf16>, vector<32xbf16>
func.func @one_register(%x: memref<64xbf16>, %y: memref<32xbf16>) {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %0 = vector.load %x[%c0] : memref<64xbf16>, vector<32xbf16>
  %1 = vector.load %x[%c32] : memref<64xbf16>, vector<32xbf16>
  %2 = vector.shuffle %0, %1 [0, 32, 2, 34, 4, 36, 6, 38, 8, 40, 10, 42, 12, 44, 14, 46, 16, 48, 18, 50, 20, 52, 22, 54, 24, 56, 26, 58, 28, 60, 30, 62] : vector<32xbf16>, vector<32xbf16>
  vector.store %2, %y[%c0] : memref<32xbf16>, vector<32xbf16>
  return
}
