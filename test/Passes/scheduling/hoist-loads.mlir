// RUN: pf-opt %s --gir-hoist-loads --split-input-file | FileCheck %s

// A channel's variance is the same for all of its rows, and nothing writes there: it is loaded before both loops.

// CHECK-LABEL: func.func @channel
// CHECK: gir.parallel
// CHECK: gir.load %{{.*}} -> tensor<1xf32
// CHECK: scf.for
// CHECK: scf.for
// CHECK-NEXT: gir.load %{{.*}} -> tensor<1x1x16xf32
// CHECK-NOT: gir.load
func.func @channel(%x: memref<8x4x16xf32>, %v: memref<8xf32>, %y: memref<8x4x16xf32>) {
  gir.kernel "scale" (%a = %x : memref<8x4x16xf32>, %b = %v : memref<8xf32>, %c = %y : memref<8x4x16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    %c8 = arith.constant 8 : index
    gir.parallel <group> (%g) in (%c8) {
      scf.for %i = %c0 to %c4 step %c2 {
        scf.for %j = %c0 to %c2 step %c1 {
          %t = gir.load %a[%g, %j, %c0] : memref<8x4x16xf32, #gir.at<dram>> -> tensor<1x1x16xf32, #gir.at<reg>>
          %s = gir.load %b[%g] : memref<8xf32, #gir.at<dram>> -> tensor<1xf32, #gir.at<reg>>
          %w = gir.broadcast %s dims [0, 2] : tensor<1xf32, #gir.at<reg>> -> tensor<1x1x16xf32, #gir.at<reg>>
          %r = arith.mulf %t, %w : tensor<1x1x16xf32, #gir.at<reg>>
          gir.store %r, %c[%g, %j, %i] : tensor<1x1x16xf32, #gir.at<reg>>, memref<8x4x16xf32, #gir.at<dram>>
        }
      }
    }
    gir.return
  }
  return
}

// -----

// What a step stores, the next one may load.

// CHECK-LABEL: func.func @written
// CHECK: scf.for
// CHECK-NEXT: gir.load
func.func @written(%x: memref<4xf32>, %n: index) {
  gir.kernel "carried" (%a = %x : memref<4xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    scf.for %i = %c0 to %c4 step %c1 {
      %t = gir.load %a[%c0] : memref<4xf32, #gir.at<dram>> -> tensor<1xf32, #gir.at<reg>>
      gir.store %t, %a[%i] : tensor<1xf32, #gir.at<reg>>, memref<4xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// -----

// A loop that may have no step loads nothing; neither does what no register holds leave a loop.

// CHECK-LABEL: func.func @stays
// CHECK: scf.for
// CHECK-NEXT: gir.load %{{.*}} -> tensor<1xf32
// CHECK: scf.for
// CHECK-NEXT: gir.load %{{.*}} -> tensor<64xf32
func.func @stays(%x: memref<64xf32>, %y: memref<64x64xf32>, %n: index) {
  gir.kernel "rows" (%a = %x : memref<64xf32>, %b = %y : memref<64x64xf32>, %m = %n : index) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    scf.for %i = %c0 to %m step %c1 {
      %t = gir.load %a[%c0] : memref<64xf32, #gir.at<dram>> -> tensor<1xf32, #gir.at<reg>>
      %r = gir.reshape %t : tensor<1xf32, #gir.at<reg>> -> tensor<1x1xf32, #gir.at<reg>>
      gir.store %r, %b[%i, %c0] : tensor<1x1xf32, #gir.at<reg>>, memref<64x64xf32, #gir.at<dram>>
    }
    scf.for %i = %c0 to %c64 step %c1 {
      %t = gir.load %a[%c0] : memref<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
      %r = gir.reshape %t : tensor<64xf32, #gir.at<reg>> -> tensor<1x64xf32, #gir.at<reg>>
      gir.store %r, %b[%i, %c0] : tensor<1x64xf32, #gir.at<reg>>, memref<64x64xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
