// RUN: pf-opt %s --gir-widen-halves --split-input-file | FileCheck %s

// Lanes that are only summed, from step to step and in the end, may be widened in any order: the even ones by a shift, the
// odd ones by a mask. What all lanes share has no order.

// CHECK-LABEL: func.func @sum
// CHECK: scf.for
// CHECK: %[[LOADED:.*]] = vector.load
// CHECK-NEXT: %[[WORDS:.*]] = vector.bitcast %[[LOADED]] : vector<64xbf16> to vector<32xi32>
// CHECK-DAG: %[[UP:.*]] = arith.constant dense<16> : vector<32xi32>
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<-65536> : vector<32xi32>
// CHECK-DAG: arith.shli %[[WORDS]], %[[UP]]
// CHECK-DAG: arith.andi %[[WORDS]], %[[MASK]]
// CHECK: %[[WIDE:.*]] = vector.shuffle {{.*}} : vector<32xf32>, vector<32xf32>
// CHECK: arith.subf %[[WIDE]]
// CHECK-NOT: arith.extf
// CHECK: vector.reduction <add>
func.func @sum(%x: memref<4096xbf16>, %mean: f32) -> f32 {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c4096 = arith.constant 4096 : index
  %zeros = arith.constant dense<0.0> : vector<64xf32>
  %means = vector.broadcast %mean : f32 to vector<64xf32>
  %sums = scf.for %i = %c0 to %c4096 step %c64 iter_args(%acc = %zeros) -> (vector<64xf32>) {
    %0 = vector.load %x[%i] : memref<4096xbf16>, vector<64xbf16>
    %1 = arith.extf %0 : vector<64xbf16> to vector<64xf32>
    %2 = arith.subf %1, %means : vector<64xf32>
    %3 = arith.mulf %2, %2 : vector<64xf32>
    %4 = arith.addf %acc, %3 : vector<64xf32>
    scf.yield %4 : vector<64xf32>
  }
  %sum = vector.reduction <add>, %sums : vector<64xf32> into f32
  return %sum : f32
}

// -----

// What is stored has an order, and so has all that it was computed with, in earlier steps too.

// CHECK-LABEL: func.func @stored
// CHECK-COUNT-2: arith.extf
// CHECK-NOT: vector.bitcast
func.func @stored(%x: memref<4096xbf16>, %y: memref<4096xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c4096 = arith.constant 4096 : index
  %zeros = arith.constant dense<0.0> : vector<64xf32>
  %sums = scf.for %i = %c0 to %c4096 step %c64 iter_args(%acc = %zeros) -> (vector<64xf32>) {
    %0 = vector.load %x[%i] : memref<4096xbf16>, vector<64xbf16>
    %1 = arith.extf %0 : vector<64xbf16> to vector<64xf32>
    %2 = arith.addf %acc, %1 : vector<64xf32>
    scf.yield %2 : vector<64xf32>
  }
  %3 = vector.load %x[%c0] : memref<4096xbf16>, vector<64xbf16>
  %4 = arith.extf %3 : vector<64xbf16> to vector<64xf32>
  %5 = arith.mulf %4, %sums : vector<64xf32>
  vector.store %5, %y[%c0] : memref<4096xf32>, vector<64xf32>
  %sum = vector.reduction <add>, %sums : vector<64xf32> into f32
  return %sum : f32
}

// -----

// So has what meets lanes that differ: weights, or a mask of those that are there. 16 lanes are no whole register of bf16.

// CHECK-LABEL: func.func @met
// CHECK-COUNT-3: arith.extf
// CHECK-NOT: vector.bitcast
func.func @met(%x: memref<64xbf16>, %n: index) -> (f32, f32, f32) {
  %c0 = arith.constant 0 : index
  %zeros = arith.constant dense<0.0> : vector<32xf32>
  %0 = vector.load %x[%c0] : memref<64xbf16>, vector<32xbf16>
  %1 = arith.extf %0 : vector<32xbf16> to vector<32xf32>
  %signs = arith.constant dense<[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0]> : vector<32xf32>
  %4 = arith.mulf %1, %signs : vector<32xf32>
  %5 = vector.reduction <add>, %4 : vector<32xf32> into f32
  %mask = vector.create_mask %n : vector<32xi1>
  %6 = vector.load %x[%c0] : memref<64xbf16>, vector<32xbf16>
  %7 = arith.extf %6 : vector<32xbf16> to vector<32xf32>
  %8 = arith.select %mask, %7, %zeros : vector<32xi1>, vector<32xf32>
  %9 = vector.reduction <add>, %8 : vector<32xf32> into f32
  %10 = vector.load %x[%c0] : memref<64xbf16>, vector<16xbf16>
  %11 = arith.extf %10 : vector<16xbf16> to vector<16xf32>
  %12 = vector.reduction <maximumf>, %11 : vector<16xf32> into f32
  return %5, %9, %12 : f32, f32, f32
}
