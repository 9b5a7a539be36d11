// RUN: pf-opt %s --gir-turn-stages=machine=cpu --split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-turn-stages=machine=sm_90 --split-input-file | FileCheck %s --check-prefix=GPU

// What a contraction sums along is contiguous in %k, and four steps of %i load it: it is turned once.

// CHECK-DAG: #[[LEFT:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[RIGHT:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-LABEL: func.func @again
// CHECK: %[[K:.*]] = gir.stage
// CHECK: %[[T:.*]] = gir.alloc : memref<32x64xf32, #gir.at<sram>>
// CHECK: scf.for %[[I:.*]] =
// CHECK: scf.for %[[J:.*]] =
// CHECK: %[[BLOCK:.*]] = gir.load %[[K]][%[[I]], %[[J]]]
// CHECK: %[[TURNED:.*]] = gir.permute %[[BLOCK]] [1, 0]
// CHECK: gir.store %[[TURNED]], %[[T]][%[[J]], %[[I]]]
// CHECK: scf.for
// CHECK: scf.for %[[N:.*]] =
// CHECK: %[[RHS:.*]] = gir.load %[[T]][%{{.*}}, %[[N]]] : {{.*}} -> tensor<32x16xf32
// CHECK: gir.contract %{{.*}}, %[[RHS]] into %{{.*}} maps [#[[LEFT]], #[[RIGHT]],
// GPU-LABEL: func.func @again
// GPU-NOT: gir.permute
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (n, k)>
#acc = affine_map<(m, n, k) -> (m, n)>
func.func @again(%x: memref<16x32xf32>, %k: memref<64x32xf32>, %y: memref<16x64xf32>) {
  gir.kernel "scores" (%a = %x : memref<16x32xf32>, %b = %k : memref<64x32xf32>, %c = %y : memref<16x64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %c16 = arith.constant 16 : index
    %c64 = arith.constant 64 : index
    %zero = arith.constant dense<0.0> : tensor<4x16xf32, #gir.at<reg>>
    %near = gir.stage %b[%c0, %c0] [64, 32] : memref<64x32xf32, #gir.at<dram>> -> memref<64x32xf32, #gir.at<sram>>
    scf.for %i = %c0 to %c16 step %c4 {
      %q = gir.load %a[%i, %c0] : memref<16x32xf32, #gir.at<dram>> -> tensor<4x32xf32, #gir.at<reg>>
      scf.for %j = %c0 to %c64 step %c16 {
        %t = gir.load %near[%j, %c0] : memref<64x32xf32, #gir.at<sram>> -> tensor<16x32xf32, #gir.at<reg>>
        %s = gir.contract %q, %t into %zero maps [#lhs, #rhs, #acc] : tensor<4x32xf32, #gir.at<reg>>, tensor<16x32xf32, #gir.at<reg>> into tensor<4x16xf32, #gir.at<reg>>
        gir.store %s, %c[%i, %j] : tensor<4x16xf32, #gir.at<reg>>, memref<16x64xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

// -----

// Used but once, it is turned where it is.

// CHECK-LABEL: func.func @once
// CHECK-NOT: gir.permute
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (n, k)>
#acc = affine_map<(m, n, k) -> (m, n)>
func.func @once(%x: memref<4x32xf32>, %k: memref<64x32xf32>, %y: memref<4x64xf32>) {
  gir.kernel "scores" (%a = %x : memref<4x32xf32>, %b = %k : memref<64x32xf32>, %c = %y : memref<4x64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c16 = arith.constant 16 : index
    %c64 = arith.constant 64 : index
    %zero = arith.constant dense<0.0> : tensor<4x16xf32, #gir.at<reg>>
    %near = gir.stage %b[%c0, %c0] [64, 32] : memref<64x32xf32, #gir.at<dram>> -> memref<64x32xf32, #gir.at<sram>>
    %q = gir.load %a[%c0, %c0] : memref<4x32xf32, #gir.at<dram>> -> tensor<4x32xf32, #gir.at<reg>>
    scf.for %j = %c0 to %c64 step %c16 {
      %t = gir.load %near[%j, %c0] : memref<64x32xf32, #gir.at<sram>> -> tensor<16x32xf32, #gir.at<reg>>
      %s = gir.contract %q, %t into %zero maps [#lhs, #rhs, #acc] : tensor<4x32xf32, #gir.at<reg>>, tensor<16x32xf32, #gir.at<reg>> into tensor<4x16xf32, #gir.at<reg>>
      gir.store %s, %c[%c0, %j] : tensor<4x16xf32, #gir.at<reg>>, memref<4x64xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
