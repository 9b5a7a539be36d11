// RUN: %pf-opt %s --gir-lane-layouts=machine=sm_90 | FileCheck %s
// RUN: %pf-opt %s --gir-lane-layouts=machine=cpu | FileCheck %s --check-prefix=CPU

// Lanes lie along what lies side by side in memory, four elements of f32 to each, and what is computed from it is dealt
// out alike; a reduction leaves what its other dimensions have. The CPU has no lanes.

// CHECK-LABEL: func.func @rows
// CHECK: gir.load {{.*}} {gir.vector_width = 4 : i64} {{.*}} tensor<1x256xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>
// CHECK: math.exp {{.*}} layout = <[1, 32], [1, 4]>
// CHECK: gir.reduce {{.*}} into tensor<1xf32, #gir.at<reg, layout = <[1], [1]>>>
// CHECK: gir.store {{.*}} {gir.vector_width = 4 : i64}

// CPU-LABEL: func.func @rows
// CPU-NOT: layout =
func.func @rows(%x: memref<8x256xf32>, %y: memref<8x256xf32>, %z: memref<8xf32>) {
  gir.kernel "rows" (%a = %x : memref<8x256xf32>, %b = %y : memref<8x256xf32>, %c = %z : memref<8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c8) {
      %0 = gir.load %a[%g, %c0] : memref<8x256xf32, #gir.at<dram>> -> tensor<1x256xf32, #gir.at<reg>>
      %1 = math.exp %0 : tensor<1x256xf32, #gir.at<reg>>
      %2 = gir.reduce %1 into %zero dims [1] kinds [#vector.kind<add>] : tensor<1x256xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
      gir.store %1, %b[%g, %c0] : tensor<1x256xf32, #gir.at<reg>>, memref<8x256xf32, #gir.at<dram>>
      gir.store %2, %c[%g] : tensor<1xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// Rows that begin at an odd element are read one element at a time, whatever a lane holds; a short row leaves lanes to the
// rows, and with so few elements a lane has two, not four.

// CHECK-LABEL: func.func @odd
// CHECK: gir.load {{.*}} {gir.vector_width = 1 : i64} {{.*}} layout = <[8, 4], [1, 2]>
// CHECK: gir.store {{.*}} {gir.vector_width = 2 : i64}
func.func @odd(%x: memref<8x9xf32>, %y: memref<8x8xf32>) {
  gir.kernel "odd" (%a = %x : memref<8x9xf32>, %b = %y : memref<8x8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      %0 = gir.load %a[%c0, %c0] : memref<8x9xf32, #gir.at<dram>> -> tensor<8x8xf32, #gir.at<reg>>
      gir.store %0, %b[%c0, %c0] : tensor<8x8xf32, #gir.at<reg>>, memref<8x8xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// What is transposed in registers is read and stored four elements at a time: a lane holds four by four.

// CHECK-LABEL: func.func @turned
// CHECK: gir.load {{.*}} {gir.vector_width = 4 : i64} {{.*}} layout = <[4, 8], [4, 4]>
// CHECK: gir.store {{.*}} {gir.vector_width = 4 : i64} : tensor<32x16xf32, #gir.at<reg, layout = <[8, 4], [4, 4]>>>
func.func @turned(%x: memref<16x32xf32>, %y: memref<32x16xf32>) {
  gir.kernel "turned" (%a = %x : memref<16x32xf32>, %b = %y : memref<32x16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      %0 = gir.load %a[%c0, %c0] : memref<16x32xf32, #gir.at<dram>> -> tensor<16x32xf32, #gir.at<reg>>
      %1 = gir.permute %0 [1, 0] : tensor<16x32xf32, #gir.at<reg>> -> tensor<32x16xf32, #gir.at<reg>>
      gir.store %1, %b[%c0, %c0] : tensor<32x16xf32, #gir.at<reg>>, memref<32x16xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// Rows that aren't aligned are turned by lanes that exchange elements: both sides are dealt out along their own rows.

// CHECK-LABEL: func.func @turned_odd
// CHECK: gir.load {{.*}} -> tensor<32x16xf32, #gir.at<reg, layout = <[2, 16], [1, 1]>>>
// CHECK: gir.permute {{.*}} -> tensor<16x32xf32, #gir.at<reg, layout = <[1, 32], [1, 1]>>>
// CHECK: gir.store {{.*}} : tensor<16x32xf32, #gir.at<reg, layout = <[1, 32], [1, 1]>>>
func.func @turned_odd(%x: memref<33x17xf32>, %y: memref<17x33xf32>) {
  gir.kernel "turned" (%a = %x : memref<33x17xf32>, %b = %y : memref<17x33xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      %0 = gir.load %a[%c0, %c0] : memref<33x17xf32, #gir.at<dram>> -> tensor<32x16xf32, #gir.at<reg>>
      %1 = gir.permute %0 [1, 0] : tensor<32x16xf32, #gir.at<reg>> -> tensor<16x32xf32, #gir.at<reg>>
      gir.store %1, %b[%c0, %c0] : tensor<16x32xf32, #gir.at<reg>>, memref<17x33xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// Rows of a table are moved like rows of a tensor, four elements at a time, where its indices count along them.

// CHECK-LABEL: func.func @looked_up
// CHECK: gir.gather {{.*}} {gir.vector_width = 4 : i64} {{.*}} -> tensor<1x128xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>
func.func @looked_up(%t: memref<50x128xf32>, %i: memref<8xindex>, %y: memref<8x128xf32>) {
  gir.kernel "looked_up" (%a = %t : memref<50x128xf32>, %b = %i : memref<8xindex>, %c = %y : memref<8x128xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    gir.parallel <group> (%g) in (%c8) {
      %0 = gir.load %b[%g] : memref<8xindex, #gir.at<dram>> -> tensor<1xindex, #gir.at<reg>>
      %1 = gir.broadcast %0 dims [1] : tensor<1xindex, #gir.at<reg>> -> tensor<1x128xindex, #gir.at<reg>>
      %2 = gir.iota dim 1 : tensor<1x128xindex, #gir.at<reg>>
      %3 = gir.gather %a[%1, %2] : memref<50x128xf32, #gir.at<dram>>[tensor<1x128xindex, #gir.at<reg>>, tensor<1x128xindex, #gir.at<reg>>] -> tensor<1x128xf32, #gir.at<reg>>
      gir.store %3, %c[%g, %c0] : tensor<1x128xf32, #gir.at<reg>>, memref<8x128xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
