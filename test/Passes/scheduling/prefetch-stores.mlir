// RUN: pf-opt %s --gir-prefetch-stores=machine=c --split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-prefetch-stores=machine=sm_90 --split-input-file | FileCheck %s --check-prefix=GPU

// The first pass over a row asks for the lines that the last one writes, of the same row.

// CHECK-LABEL: func.func @rows
// CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
// CHECK: scf.for
// CHECK: memref.prefetch %{{.*}}[%[[ROW]], %{{.*}}], write, locality<3>, data
// CHECK: memref.prefetch %{{.*}}[%[[ROW]], %{{.*}}], write, locality<3>, data
// CHECK: scf.for
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

// What one pass does by itself is written as it comes.

// CHECK-LABEL: func.func @one
// CHECK-NOT: memref.prefetch
// GPU-LABEL: func.func @one
func.func @one(%x: memref<64x1024xf32>, %y: memref<64x1024xf32>) {
  gir.kernel "scale" (%a = %x : memref<64x1024xf32>, %b = %y : memref<64x1024xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %rows = arith.constant 64 : index
    %columns = arith.constant 1024 : index
    scf.for %i = %c0 to %rows step %c1 {
      scf.for %j = %c0 to %columns step %c32 {
        %t = gir.load %a[%i, %j] : memref<64x1024xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        gir.store %t, %b[%i, %j] : tensor<1x32xf32, #gir.at<reg>>, memref<64x1024xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}
