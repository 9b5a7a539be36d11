// RUN: pf-opt %s --gir-prefetch-streams=machine=cpu | FileCheck %s
// RUN: pf-opt %s --gir-prefetch-streams=machine=sm_90 | FileCheck %s --check-prefix=NONE

// Rows that follow each other are asked for 4 KiB ahead, line by line; the store isn't, nor what is loaded with `clip`.
// NONE-NOT: memref.prefetch

// CHECK-LABEL: func.func @stream
// CHECK:       gir.parallel <group> (%[[R:.*]]) in
// CHECK:         scf.for %[[C:.*]] =
// CHECK:           %[[FIRST:.*]] = affine.apply #{{.*}}(%[[C]])
// CHECK:           memref.prefetch %[[X:.*]][%[[R]], %[[FIRST]]], read
// CHECK:           %[[SECOND:.*]] = affine.apply #{{.*}}(%[[C]])
// CHECK:           memref.prefetch %[[X]][%[[R]], %[[SECOND]]], read
// CHECK-NOT:       memref.prefetch
// CHECK:           gir.load %[[X]][%[[R]], %[[C]]]
// CHECK-NOT:       memref.prefetch
func.func @stream(%x: memref<64x1024xf32>, %y: memref<64x1024xf32>) {
  gir.kernel "stream" (%a = %x : memref<64x1024xf32>, %b = %y : memref<64x1024xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %c1024 = arith.constant 1024 : index
    gir.parallel <group> (%r) in (%c64) {
      scf.for %c = %c0 to %c1024 step %c32 {
        %0 = gir.load %a[%r, %c] : memref<64x1024xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        %1 = gir.load %b[%r, %c] clip : memref<64x1024xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        %2 = arith.addf %0, %1 : tensor<1x32xf32, #gir.at<reg>>
        gir.store %2, %b[%r, %c] : tensor<1x32xf32, #gir.at<reg>>, memref<64x1024xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

// A step may have a whole row. What isn't read in the order of memory isn't asked for, nor what is short.

// CHECK-LABEL: func.func @rows
// CHECK:       memref.prefetch %[[X:.*]][%[[R:.*]], %{{.*}}], read
// CHECK:       memref.prefetch %[[X]][%[[R]], %{{.*}}], read
// CHECK:       gir.load %[[X]][%[[R]], %{{.*}}]
// CHECK-NOT:   memref.prefetch
func.func @rows(%x: memref<1024x32xf32>, %y: memref<32x1024xf32>, %z: memref<32xf32>, %w: memref<1024x32xf32>) {
  gir.kernel "rows" (%a = %x : memref<1024x32xf32>, %b = %y : memref<32x1024xf32>, %c = %z : memref<32xf32>,
                     %d = %w : memref<1024x32xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c1024 = arith.constant 1024 : index
    scf.for %r = %c0 to %c1024 step %c1 {
      %0 = gir.load %a[%r, %c0] : memref<1024x32xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
      %1 = gir.load %b[%c0, %r] : memref<32x1024xf32, #gir.at<dram>> -> tensor<32x1xf32, #gir.at<reg>>
      %2 = gir.load %c[%c0] : memref<32xf32, #gir.at<dram>> -> tensor<32xf32, #gir.at<reg>>
      %3 = gir.permute %1 [1, 0] : tensor<32x1xf32, #gir.at<reg>> -> tensor<1x32xf32, #gir.at<reg>>
      %4 = gir.broadcast %2 dims [0] : tensor<32xf32, #gir.at<reg>> -> tensor<1x32xf32, #gir.at<reg>>
      %5 = arith.addf %0, %3 : tensor<1x32xf32, #gir.at<reg>>
      %6 = arith.addf %5, %4 : tensor<1x32xf32, #gir.at<reg>>
      gir.store %6, %d[%r, %c0] : tensor<1x32xf32, #gir.at<reg>>, memref<1024x32xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
