// RUN: pf-opt %s --gir-split-loops --canonicalize -split-input-file | FileCheck %s

// Rows before the first and behind the last are none: the first step and the last have a border, the ones between
// compare nothing any more.

// CHECK-LABEL: func.func @border
// CHECK: arith.select
// CHECK: gir.store
// CHECK: scf.for %{{.*}} = %c4 to %c52 step %c4
// CHECK-NOT: arith.select
// CHECK: gir.store
// CHECK: }
// CHECK: arith.select
// CHECK: gir.store
// CHECK-NOT: scf.for
func.func @border(%x: memref<56x32xf32>, %y: memref<56x32xf32>) {
  gir.kernel "border" (%a = %x : memref<56x32xf32>, %b = %y : memref<56x32xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %c56 = arith.constant 56 : index
    %zero = arith.constant dense<0> : tensor<6x32xindex, #gir.at<reg>>
    %size = arith.constant dense<56> : tensor<6x32xindex, #gir.at<reg>>
    %none = arith.constant dense<1.0> : tensor<6x32xf32, #gir.at<reg>>
    scf.for %i = %c0 to %c56 step %c4 {
      %before = affine.apply affine_map<(d0) -> (d0 - 1)>(%i)
      %t = gir.load %a[%before, %c0] clip : memref<56x32xf32, #gir.at<dram>> -> tensor<6x32xf32, #gir.at<reg>>
      %at = gir.iota dim 0 offset(%before) : tensor<6x32xindex, #gir.at<reg>>
      %low = arith.cmpi sge, %at, %zero : tensor<6x32xindex, #gir.at<reg>>
      %high = arith.cmpi slt, %at, %size : tensor<6x32xindex, #gir.at<reg>>
      %inside = arith.andi %low, %high : tensor<6x32xi1, #gir.at<reg>>
      %p = arith.select %inside, %t, %none : tensor<6x32xi1, #gir.at<reg>>, tensor<6x32xf32, #gir.at<reg>>
      %m = gir.slice %p [1, 0] [4, 32] [1, 1] : tensor<6x32xf32, #gir.at<reg>> -> tensor<4x32xf32, #gir.at<reg>>
      gir.store %m, %b[%i, %c0] : tensor<4x32xf32, #gir.at<reg>>, memref<56x32xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// -----

// Of two steps each has a border, so nothing is cut.

// CHECK-LABEL: func.func @nothing_between
// CHECK-COUNT-1: scf.for
// CHECK-NOT: scf.for
func.func @nothing_between(%x: memref<8x32xf32>, %y: memref<8x32xf32>) {
  gir.kernel "border" (%a = %x : memref<8x32xf32>, %b = %y : memref<8x32xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %c8 = arith.constant 8 : index
    scf.for %i = %c0 to %c8 step %c4 {
      %before = affine.apply affine_map<(d0) -> (d0 - 1)>(%i)
      %t = gir.load %a[%before, %c0] clip : memref<8x32xf32, #gir.at<dram>> -> tensor<6x32xf32, #gir.at<reg>>
      %m = gir.slice %t [1, 0] [4, 32] [1, 1] : tensor<6x32xf32, #gir.at<reg>> -> tensor<4x32xf32, #gir.at<reg>>
      gir.store %m, %b[%i, %c0] : tensor<4x32xf32, #gir.at<reg>>, memref<8x32xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
