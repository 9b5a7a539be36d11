// RUN: %pf-opt %s --gir-place-syncs | FileCheck %s

// A unit reads what others have stored: a barrier stands before the read. One that nobody needs goes.

// CHECK-LABEL: func.func @missing
// CHECK: gir.store
// CHECK-NEXT: gir.sync <group>
// CHECK-NEXT: gir.load
// CHECK-NOT: gir.sync
func.func @missing(%y: memref<4x16xf32>) {
  gir.kernel "k" (%b = %y : memref<4x16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c4) {
      %s = gir.alloc : memref<16xf32, #gir.at<sram>>
      gir.parallel <unit> (%u) in (%c4) {
        %at = affine.apply affine_map<(u) -> (u * 4)>(%u)
        gir.store %zero, %s[%at] : tensor<4xf32, #gir.at<reg>>, memref<16xf32, #gir.at<sram>>
        %0 = gir.load %s[%c0] : memref<16xf32, #gir.at<sram>> -> tensor<16xf32, #gir.at<reg>>
        gir.sync <group>
        %1 = gir.load %s[%c0] : memref<16xf32, #gir.at<sram>> -> tensor<16xf32, #gir.at<reg>>
        %2 = arith.addf %0, %1 : tensor<16xf32, #gir.at<reg>>
        %3 = gir.reshape %2 : tensor<16xf32, #gir.at<reg>> -> tensor<1x16xf32, #gir.at<reg>>
        gir.store %3, %b[%g, %c0] : tensor<1x16xf32, #gir.at<reg>>, memref<4x16xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

// Units that read what they stored themselves need no barrier, whether the index is a step of a loop of their own or not.

// CHECK-LABEL: func.func @own
// CHECK-NOT: gir.sync
func.func @own(%y: memref<4x16xf32>) {
  gir.kernel "k" (%b = %y : memref<4x16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c4) {
      %s = gir.alloc : memref<16xf32, #gir.at<sram>>
      gir.parallel <unit> (%u) in (%c4) {
        %at = affine.apply affine_map<(u) -> (u * 4)>(%u)
        %end = affine.apply affine_map<(u) -> (u * 4 + 4)>(%u)
        scf.for %i = %at to %end step %c1 {
          gir.store %zero, %s[%i] : tensor<1xf32, #gir.at<reg>>, memref<16xf32, #gir.at<sram>>
        }
        gir.sync <group>
        %0 = gir.load %s[%at] : memref<16xf32, #gir.at<sram>> -> tensor<4xf32, #gir.at<reg>>
        gir.store %0, %s[%at] : tensor<4xf32, #gir.at<reg>>, memref<16xf32, #gir.at<sram>>
      }
    }
    gir.return
  }
  return
}

// In a loop the next step's store waits for this one's read, and the read for the store: two barriers, and none around.

// CHECK-LABEL: func.func @steps
// CHECK: gir.parallel <unit>
// CHECK-NOT: gir.sync
// CHECK: scf.for
// CHECK: gir.sync
// CHECK-NEXT: gir.store
// CHECK-NEXT: gir.sync
// CHECK-NEXT: gir.load
// CHECK-NOT: gir.sync
func.func @steps(%y: memref<4x16xf32>) {
  gir.kernel "k" (%b = %y : memref<4x16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c4) {
      %s = gir.alloc : memref<16xf32, #gir.at<sram>>
      gir.parallel <unit> (%u) in (%c4) {
        gir.sync <group>
        scf.for %i = %c0 to %c4 step %c1 {
          %at = affine.apply affine_map<(u) -> (u * 4)>(%u)
          gir.store %zero, %s[%at] : tensor<4xf32, #gir.at<reg>>, memref<16xf32, #gir.at<sram>>
          %0 = gir.load %s[%c0] : memref<16xf32, #gir.at<sram>> -> tensor<16xf32, #gir.at<reg>>
        }
        gir.sync <group>
      }
    }
    gir.return
  }
  return
}

// What units hand to one another through dram keeps its barrier, and so does a barrier of the cluster.

// CHECK-LABEL: func.func @kept
// CHECK: gir.store
// CHECK: gir.sync <group>
// CHECK: gir.load
// CHECK: gir.sync <cluster>
func.func @kept(%y: memref<16xf32>) {
  gir.kernel "k" (%b = %y : memref<16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c1) {
      gir.parallel <unit> (%u) in (%c4) {
        %at = affine.apply affine_map<(u) -> (u * 4)>(%u)
        gir.store %zero, %b[%at] : tensor<4xf32, #gir.at<reg>>, memref<16xf32, #gir.at<dram>>
        gir.sync <group>
        %0 = gir.load %b[%c0] : memref<16xf32, #gir.at<dram>> -> tensor<16xf32, #gir.at<reg>>
        gir.sync <cluster>
      }
    }
    gir.return
  }
  return
}
