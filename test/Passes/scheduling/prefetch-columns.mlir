// RUN: pf-opt %s --gir-prefetch-columns=machine=cpu --split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-prefetch-columns=machine=sm_90 --split-input-file | FileCheck %s --check-prefix=GPU

// Triples are 12 bytes: 22 of them further on are four lines.

// CHECK-DAG: #[[LATER:.*]] = affine_map<(d0) -> (d0 + 22)>
// CHECK-LABEL: func.func @triples
// CHECK: gir.parallel <group> (%[[C:.*]]) in
// CHECK: scf.for %[[R:.*]] =
// CHECK: %[[AT:.*]] = affine.apply #[[LATER]](%[[C]])
// CHECK: memref.prefetch %{{.*}}[%[[R]], %[[AT]], %{{.*}}], read, locality<2>, data
// CHECK-NOT: memref.prefetch
// CHECK: gir.load
// GPU-LABEL: func.func @triples
// GPU-NOT: memref.prefetch
func.func @triples(%x: memref<75x203x3xf32>, %y: memref<203x75x3xf32>) {
  gir.kernel "turn" (%a = %x : memref<75x203x3xf32>, %b = %y : memref<203x75x3xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c75 = arith.constant 75 : index
    %c203 = arith.constant 203 : index
    gir.parallel <group> (%c) in (%c203) {
      scf.for %r = %c0 to %c75 step %c1 {
        %t = gir.load %a[%r, %c, %c0] valid[%c1, %c1, %c3] : memref<75x203x3xf32, #gir.at<dram>> -> tensor<1x1x4xf32, #gir.at<reg>>
        gir.store %t, %b[%c, %r, %c0] valid[%c1, %c1, %c3] : tensor<1x1x4xf32, #gir.at<reg>>, memref<203x75x3xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

// -----

// Steps that are side by side, and few of them, come by themselves.

// CHECK-LABEL: func.func @near
// CHECK-NOT: memref.prefetch
// CHECK-LABEL: func.func @few
// CHECK-NOT: memref.prefetch
func.func @near(%x: memref<75x40x3xf32>, %y: memref<75x40x3xf32>) {
  gir.kernel "copy" (%a = %x : memref<75x40x3xf32>, %b = %y : memref<75x40x3xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c40 = arith.constant 40 : index
    %c75 = arith.constant 75 : index
    gir.parallel <group> (%c) in (%c75) {
      scf.for %r = %c0 to %c40 step %c1 {
        %t = gir.load %a[%c, %r, %c0] valid[%c1, %c1, %c3] : memref<75x40x3xf32, #gir.at<dram>> -> tensor<1x1x4xf32, #gir.at<reg>>
        gir.store %t, %b[%c, %r, %c0] valid[%c1, %c1, %c3] : tensor<1x1x4xf32, #gir.at<reg>>, memref<75x40x3xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

func.func @few(%x: memref<5x203x3xf32>, %y: memref<203x5x3xf32>) {
  gir.kernel "turn" (%a = %x : memref<5x203x3xf32>, %b = %y : memref<203x5x3xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c5 = arith.constant 5 : index
    %c203 = arith.constant 203 : index
    gir.parallel <group> (%c) in (%c203) {
      scf.for %r = %c0 to %c5 step %c1 {
        %t = gir.load %a[%r, %c, %c0] valid[%c1, %c1, %c3] : memref<5x203x3xf32, #gir.at<dram>> -> tensor<1x1x4xf32, #gir.at<reg>>
        gir.store %t, %b[%c, %r, %c0] valid[%c1, %c1, %c3] : tensor<1x1x4xf32, #gir.at<reg>>, memref<203x5x3xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}
