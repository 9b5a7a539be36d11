// RUN: %pf-opt %s --gir-plan-scratch=machine=sm_90 | FileCheck %s

// A buffer that is made when another has ended lies in the same bytes; those that live at once lie side by side, each
// at a multiple of sixteen bytes.

// CHECK-LABEL: func.func @one_after_the_other
// CHECK: gir.parallel <group>{{.*}} attributes {gir.scratch = {shared = 144 : i64}}
// CHECK: gir.stage {{.*}} {gir.offset = 0 : i64} : {{.*}} -> memref<1x32xf32
// CHECK: gir.stage {{.*}} {gir.offset = 0 : i64} : {{.*}} -> memref<1x32xf32
// CHECK: gir.alloc {gir.offset = 128 : i64} : memref<1x4xf32
func.func @one_after_the_other(%x: memref<4x32xf32>, %y: memref<4x32xf32>) {
  gir.kernel "k" (%a = %x : memref<4x32xf32>, %b = %y : memref<4x32xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    gir.parallel <group> (%g) in (%c4) {
      %0 = gir.stage %a[%g, %c0] [1, 32] : memref<4x32xf32, #gir.at<dram>> -> memref<1x32xf32, #gir.at<sram>>
      %1 = gir.load %0[%c0, %c0] : memref<1x32xf32, #gir.at<sram>> -> tensor<1x32xf32, #gir.at<reg>>
      gir.store %1, %b[%g, %c0] : tensor<1x32xf32, #gir.at<reg>>, memref<4x32xf32, #gir.at<dram>>
      %2 = gir.stage %a[%g, %c0] [1, 32] : memref<4x32xf32, #gir.at<dram>> -> memref<1x32xf32, #gir.at<sram>>
      %3 = gir.alloc : memref<1x4xf32, #gir.at<sram>>
      %4 = gir.load %2[%c0, %c0] : memref<1x32xf32, #gir.at<sram>> -> tensor<1x4xf32, #gir.at<reg>>
      gir.store %4, %3[%c0, %c0] : tensor<1x4xf32, #gir.at<reg>>, memref<1x4xf32, #gir.at<sram>>
      %5 = gir.load %3[%c0, %c0] : memref<1x4xf32, #gir.at<sram>> -> tensor<1x4xf32, #gir.at<reg>>
      %6 = gir.load %2[%c0, %c4] : memref<1x32xf32, #gir.at<sram>> -> tensor<1x4xf32, #gir.at<reg>>
      gir.store %5, %b[%g, %c0] : tensor<1x4xf32, #gir.at<reg>>, memref<4x32xf32, #gir.at<dram>>
      gir.store %6, %b[%g, %c4] : tensor<1x4xf32, #gir.at<reg>>, memref<4x32xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// Units are at different ops at one time, so what one of them has done with isn't free before all have: buffers of the
// group that units use live as long as these run. What a unit makes for itself may share its own bytes.

// CHECK-LABEL: func.func @units
// CHECK: gir.parallel <group>{{.*}} attributes {gir.scratch = {shared = 512 : i64}}
// CHECK: gir.alloc {gir.offset = 256 : i64} : memref<32xf32
// CHECK: gir.alloc {gir.offset = 384 : i64} : memref<32xf32
// CHECK: gir.alloc {gir.offset = 0 : i64, gir.unit_bytes = 64 : i64} : memref<16xf32
// CHECK: gir.alloc {gir.offset = 0 : i64, gir.unit_bytes = 64 : i64} : memref<16xf32
func.func @units(%y: memref<4x32xf32>) {
  gir.kernel "k" (%b = %y : memref<4x32xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c4) {
      %0 = gir.alloc : memref<32xf32, #gir.at<sram>>
      %1 = gir.alloc : memref<32xf32, #gir.at<sram>>
      gir.parallel <unit> (%u) in (%c4) {
        %at = affine.apply affine_map<(u) -> (u * 4)>(%u)
        gir.store %zero, %0[%at] : tensor<4xf32, #gir.at<reg>>, memref<32xf32, #gir.at<sram>>
        gir.store %zero, %1[%at] : tensor<4xf32, #gir.at<reg>>, memref<32xf32, #gir.at<sram>>
        %2 = gir.alloc : memref<16xf32, #gir.at<sram>>
        gir.store %zero, %2[%c0] : tensor<4xf32, #gir.at<reg>>, memref<16xf32, #gir.at<sram>>
        %3 = gir.alloc : memref<16xf32, #gir.at<sram>>
        gir.store %zero, %3[%c0] : tensor<4xf32, #gir.at<reg>>, memref<16xf32, #gir.at<sram>>
      }
    }
    gir.return
  }
  return
}

// A kernel without buffers stays as it is.

// CHECK-LABEL: func.func @none
// CHECK: gir.parallel <group> (%{{.*}}) in (%{{.*}}) {
func.func @none(%y: memref<4x32xf32>) {
  gir.kernel "k" (%b = %y : memref<4x32xf32>) -> () {
    %c4 = arith.constant 4 : index
    %zero = arith.constant dense<0.0> : tensor<1x4xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c4) {
      gir.store %zero, %b[%g, %g] : tensor<1x4xf32, #gir.at<reg>>, memref<4x32xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
