// RUN: pf-opt %s --gir-watch-nans=instructions=avx512 | FileCheck %s
// RUN: pf-opt %s --gir-watch-nans=instructions=none | FileCheck %s --check-prefix=NONE

// NaNs are looked for in 32 lanes at once; the largest of numbers is kept by one instruction for each 16 of them.

// CHECK-LABEL: func.func @largest
// CHECK:         %[[NO:.*]] = arith.constant dense<false> : vector<16xi1>
// CHECK:         %[[FOUND:.*]]:2 = scf.for {{.*}} iter_args(%[[M:.*]] = %{{.*}}, %[[N:.*]] = %[[NO]])
// CHECK-COUNT-2:   llvm.call_intrinsic "llvm.x86.avx512.mask.range.ps.512"
// CHECK:           %[[NANS:.*]] = arith.cmpf uno
// CHECK-NOT:       arith.cmpf
// CHECK:           %[[SEEN:.*]] = arith.ori %[[N]], %[[NANS]]
// CHECK:           scf.yield %{{.*}}, %[[SEEN]]
// CHECK:         %[[WORD:.*]] = vector.bitcast %[[FOUND]]#1 : vector<16xi1> to vector<1xi16>
// CHECK:         %[[ANY:.*]] = arith.cmpi ne
// CHECK:         %[[LANES:.*]] = arith.select %[[ANY]], %{{.*}}, %[[FOUND]]#0 : vector<32xf32>
// CHECK-NOT:     vector.reduction
// CHECK:         vector.shuffle %[[LANES]]
// NONE-LABEL: func.func @largest
// NONE: arith.maximumf
func.func @largest(%x: memref<1024xf32>, %least: vector<32xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c1024 = arith.constant 1024 : index
  %0 = scf.for %i = %c0 to %c1024 step %c32 iter_args(%m = %least) -> (vector<32xf32>) {
    %2 = vector.load %x[%i] : memref<1024xf32>, vector<32xf32>
    %3 = arith.maximumf %m, %2 : vector<32xf32>
    scf.yield %3 : vector<32xf32>
  }
  %1 = vector.reduction <maximumf>, %0 : vector<32xf32> into f32
  return %1 : f32
}

// What else a loop carries stays; lanes that go on apart are left, since a NaN belongs to one of them alone.

// CHECK-LABEL: func.func @others
// CHECK:         scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}})
// CHECK:           llvm.call_intrinsic "llvm.x86.avx512.mask.range.ps.512"
// CHECK:           arith.minimumf
// CHECK:           arith.addf
func.func @others(%x: memref<1024xf32>, %a: vector<16xf32>, %b: vector<16xf32>, %c: vector<16xf32>)
    -> (f32, vector<16xf32>, vector<16xf32>) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c1024 = arith.constant 1024 : index
  %0:3 = scf.for %i = %c0 to %c1024 step %c16 iter_args(%m = %a, %n = %b, %s = %c)
      -> (vector<16xf32>, vector<16xf32>, vector<16xf32>) {
    %2 = vector.load %x[%i] : memref<1024xf32>, vector<16xf32>
    %3 = arith.minimumf %2, %m : vector<16xf32>
    %4 = arith.minimumf %n, %2 : vector<16xf32>
    %5 = arith.addf %s, %2 : vector<16xf32>
    scf.yield %3, %4, %5 : vector<16xf32>, vector<16xf32>, vector<16xf32>
  }
  %1 = vector.reduction <minimumf>, %0#0 : vector<16xf32> into f32
  return %1, %0#1, %0#2 : f32, vector<16xf32>, vector<16xf32>
}

// A row's registers are folded into one and that in four steps; a NaN of any lane is what comes out.

// CHECK-LABEL: func.func @across
// CHECK-COUNT-3: llvm.call_intrinsic "llvm.x86.avx512.mask.range.ps.512"
// CHECK:         vector.shuffle {{.*}} [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]
// CHECK:         vector.shuffle {{.*}} [4, 5
// CHECK:         vector.shuffle {{.*}} [2, 3
// CHECK:         vector.shuffle {{.*}} [1, 2
// CHECK:         %[[NUMBER:.*]] = vector.extract
// CHECK-COUNT-2: arith.cmpf uno
// CHECK:         arith.select %{{.*}}, %{{.*}}, %[[NUMBER]] : f32
// NONE-LABEL: func.func @across
// NONE: vector.reduction <maximumf>
func.func @across(%x: vector<64xf32>) -> f32 {
  %0 = vector.reduction <maximumf>, %x : vector<64xf32> into f32
  return %0 : f32
}
