// RUN: pf-opt %s --gir-prefetch-rows=machine=cpu --split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-prefetch-rows=machine=sm_90 --split-input-file | FileCheck %s --check-prefix=GPU

// The second pass over a row asks for the next one: 4096 bytes in 32 steps, two lines each, of the last row once more.

// CHECK-DAG: #[[AFTER:.*]] = affine_map<(d0) -> (d0 + 1)>
// CHECK-DAG: #[[FIRST:.*]] = affine_map<(d0, d1) -> (d1 + (d0 floordiv 32) * 32)>
// CHECK-DAG: #[[SECOND:.*]] = affine_map<(d0, d1) -> (d1 + ((d0 floordiv 32) * 2 + 1) * 16)>
// CHECK-LABEL: func.func @rows
// CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK: scf.for
// CHECK-NOT: memref.prefetch
// CHECK: %[[FOLLOWING:.*]] = affine.apply #[[AFTER]](%[[ROW]])
// CHECK: %[[LAST:.*]] = arith.constant 63 : index
// CHECK: %[[NEXT:.*]] = affine.min #{{.*}}(%[[FOLLOWING]], %[[LAST]])
// CHECK: scf.for %[[COLUMN:.*]] =
// CHECK: %[[A:.*]] = affine.apply #[[FIRST]](%[[COLUMN]], %{{.*}})
// CHECK: memref.prefetch %{{.*}}[%[[NEXT]], %[[A]]], read, locality<3>, data
// CHECK: %[[B:.*]] = affine.apply #[[SECOND]](%[[COLUMN]], %{{.*}})
// CHECK: memref.prefetch %{{.*}}[%[[NEXT]], %[[B]]], read, locality<3>, data
// CHECK-NOT: memref.prefetch
// GPU-LABEL: func.func @rows
// GPU-NOT: memref.prefetch
func.func @rows(%x: memref<64x1024xf32>, %y: memref<64x1024xf32>) {
  gir.kernel "normalise" (%a = %x : memref<64x1024xf32>, %b = %y : memref<64x1024xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %rows = arith.constant 64 : index
    %columns = arith.constant 1024 : index
    %zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>
    scf.for %i = %c0 to %rows step %c1 {
      %row = gir.stage %a[%i, %c0] [1, 1024] : memref<64x1024xf32, #gir.at<dram>> -> memref<1x1024xf32, #gir.at<sram>>
      %sum = scf.for %j = %c0 to %columns step %c32 iter_args(%s = %zero) -> (tensor<1xf32, #gir.at<reg>>) {
        %t = gir.load %row[%c0, %j] : memref<1x1024xf32, #gir.at<sram>> -> tensor<1x32xf32, #gir.at<reg>>
        %r = gir.reduce %t into %s dims [1] kinds [#vector.kind<add>] : tensor<1x32xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
        scf.yield %r : tensor<1xf32, #gir.at<reg>>
      }
      %wide = gir.broadcast %sum dims [1] : tensor<1xf32, #gir.at<reg>> -> tensor<1x32xf32, #gir.at<reg>>
      scf.for %j = %c0 to %columns step %c32 {
        %t = gir.load %row[%c0, %j] : memref<1x1024xf32, #gir.at<sram>> -> tensor<1x32xf32, #gir.at<reg>>
        %q = arith.mulf %t, %wide : tensor<1x32xf32, #gir.at<reg>>
        gir.store %q, %b[%i, %j] : tensor<1x32xf32, #gir.at<reg>>, memref<64x1024xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

// -----

// A row of one pass streams through by itself, and what is written can't be had ahead.

// CHECK-LABEL: func.func @others
// CHECK-NOT: memref.prefetch
func.func @others(%x: memref<64x1024xf32>) {
  gir.kernel "scale" (%a = %x : memref<64x1024xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %rows = arith.constant 64 : index
    %columns = arith.constant 1024 : index
    scf.for %i = %c0 to %rows step %c1 {
      %row = gir.stage %a[%i, %c0] [1, 1024] : memref<64x1024xf32, #gir.at<dram>> -> memref<1x1024xf32, #gir.at<sram>>
      scf.for %j = %c0 to %columns step %c32 {
        %t = gir.load %row[%c0, %j] : memref<1x1024xf32, #gir.at<sram>> -> tensor<1x32xf32, #gir.at<reg>>
      }
      scf.for %j = %c0 to %columns step %c32 {
        %t = gir.load %row[%c0, %j] : memref<1x1024xf32, #gir.at<sram>> -> tensor<1x32xf32, #gir.at<reg>>
        gir.store %t, %a[%i, %j] : tensor<1x32xf32, #gir.at<reg>>, memref<64x1024xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

// -----

// What the first pass loads piece by piece is a row as well, here 4096 bytes in the 32 steps of the pass that has what was
// made of it. One that an earlier row's index doesn't move, and one that is written, isn't asked for.

// CHECK-LABEL: func.func @loaded(
// CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK: scf.for
// CHECK-NOT: memref.prefetch
// CHECK: %[[NEXT:.*]] = affine.min
// CHECK: scf.for
// CHECK: memref.prefetch %[[X:.*]][%[[NEXT]], %{{.*}}], read, locality<3>, data
// CHECK: memref.prefetch %[[X]][%[[NEXT]], %{{.*}}], read, locality<3>, data
// CHECK-NOT: memref.prefetch
func.func @loaded(%x: memref<64x1024xf32>, %same: memref<1024xf32>, %y: memref<64x1024xf32>) {
  gir.kernel "center" (%a = %x : memref<64x1024xf32>, %w = %same : memref<1024xf32>, %b = %y : memref<64x1024xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %rows = arith.constant 64 : index
    %columns = arith.constant 1024 : index
    %zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>
    scf.for %i = %c0 to %rows step %c1 {
      %rest = gir.alloc : memref<1x1024xf32, #gir.at<sram>>
      %sum = scf.for %j = %c0 to %columns step %c32 iter_args(%s = %zero) -> (tensor<1xf32, #gir.at<reg>>) {
        %t = gir.load %a[%i, %j] : memref<64x1024xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        %v = gir.load %w[%j] : memref<1024xf32, #gir.at<dram>> -> tensor<32xf32, #gir.at<reg>>
        %old = gir.load %b[%i, %j] : memref<64x1024xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        %m = gir.broadcast %v dims [0] : tensor<32xf32, #gir.at<reg>> -> tensor<1x32xf32, #gir.at<reg>>
        %p = arith.mulf %t, %m : tensor<1x32xf32, #gir.at<reg>>
        %q = arith.addf %p, %old : tensor<1x32xf32, #gir.at<reg>>
        gir.store %q, %rest[%c0, %j] : tensor<1x32xf32, #gir.at<reg>>, memref<1x1024xf32, #gir.at<sram>>
        %r = gir.reduce %q into %s dims [1] kinds [#vector.kind<add>] : tensor<1x32xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
        scf.yield %r : tensor<1xf32, #gir.at<reg>>
      }
      %wide = gir.broadcast %sum dims [1] : tensor<1xf32, #gir.at<reg>> -> tensor<1x32xf32, #gir.at<reg>>
      scf.for %j = %c0 to %columns step %c32 {
        %t = gir.load %rest[%c0, %j] : memref<1x1024xf32, #gir.at<sram>> -> tensor<1x32xf32, #gir.at<reg>>
        %q = arith.subf %t, %wide : tensor<1x32xf32, #gir.at<reg>>
        gir.store %q, %b[%i, %j] : tensor<1x32xf32, #gir.at<reg>>, memref<64x1024xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}
