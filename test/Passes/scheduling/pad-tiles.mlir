// RUN: %pf-opt %s --gir-pad-tiles=machine=sm_90 | FileCheck %s
// RUN: %pf-opt %s --gir-pad-tiles=machine=cpu | FileCheck %s --check-prefix=CPU

// A row of 200 elements becomes two rounds of 32 lanes with four elements each; what is loaded, folded and stored is what
// it was. The CPU has no lanes.

// CHECK-LABEL: func.func @rows
// CHECK: gir.load {{.*}} valid[%c1{{.*}}, %c200{{.*}}] {{.*}} -> tensor<1x256xf32, #gir.at<reg>>
// CHECK: gir.reduce {{.*}} dims [1] valid[%c1{{.*}}, %c200{{.*}}] {{.*}} tensor<1x256xf32, #gir.at<reg>> into tensor<1xf32
// CHECK: gir.store {{.*}} valid[%c1{{.*}}, %c200{{.*}}] : tensor<1x256xf32

// CPU-LABEL: func.func @rows
// CPU-NOT: 1x256
func.func @rows(%x: memref<8x200xf32>, %y: memref<8x200xf32>, %z: memref<8xf32>) {
  gir.kernel "rows" (%a = %x : memref<8x200xf32>, %b = %y : memref<8x200xf32>, %c = %z : memref<8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c8) {
      %0 = gir.load %a[%g, %c0] : memref<8x200xf32, #gir.at<dram>> -> tensor<1x200xf32, #gir.at<reg>>
      %1 = math.exp %0 : tensor<1x200xf32, #gir.at<reg>>
      %2 = gir.reduce %1 into %zero dims [1] kinds [#vector.kind<add>] : tensor<1x200xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
      gir.store %1, %b[%g, %c0] : tensor<1x200xf32, #gir.at<reg>>, memref<8x200xf32, #gir.at<dram>>
      gir.store %2, %c[%g] : tensor<1xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// A concatenation needs the very size along which it runs; lanes lie along the rows instead, of which 5 become 8. What says
// already how many elements are there stays as it says.

// CHECK-LABEL: func.func @beside
// CHECK: gir.load {{.*}} valid[%arg{{.*}}, %c3{{.*}}] {{.*}} -> tensor<8x3xf32
// CHECK: gir.concat {{.*}} dim 1 {{.*}} -> tensor<8x6xf32
// CHECK: gir.store {{.*}} valid[%c5{{.*}}, %c6{{.*}}] : tensor<8x6xf32
func.func @beside(%x: memref<5x3xf32>, %y: memref<5x6xf32>, %n: index) {
  gir.kernel "beside" (%a = %x : memref<5x3xf32>, %b = %y : memref<5x6xf32>, %v = %n : index) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    gir.parallel <group> (%g) in (%c1) {
      %0 = gir.load %a[%c0, %c0] valid [%v, %c3] : memref<5x3xf32, #gir.at<dram>> -> tensor<5x3xf32, #gir.at<reg>>
      %1 = gir.concat %0, %0 dim 1 : (tensor<5x3xf32, #gir.at<reg>>, tensor<5x3xf32, #gir.at<reg>>) -> tensor<5x6xf32, #gir.at<reg>>
      gir.store %1, %b[%c0, %c0] : tensor<5x6xf32, #gir.at<reg>>, memref<5x6xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// Tiles that lanes share out evenly must not change.

// CHECK-LABEL: func.func @even
// CHECK: gir.load {{.*}} -> tensor<1x128xf32, #gir.at<reg>>
// CHECK-NOT: valid
func.func @even(%x: memref<4x128xf32>, %y: memref<4x128xf32>) {
  gir.kernel "even" (%a = %x : memref<4x128xf32>, %b = %y : memref<4x128xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    gir.parallel <group> (%g) in (%c4) {
      %0 = gir.load %a[%g, %c0] : memref<4x128xf32, #gir.at<dram>> -> tensor<1x128xf32, #gir.at<reg>>
      gir.store %0, %b[%g, %c0] : tensor<1x128xf32, #gir.at<reg>>, memref<4x128xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// What sticks out of memory grows, too: for it, memory ends where its window did. What it is cut to grows first, from 5 to
// 8, and it must hold that: 1 + 8 of its elements at least, in whole rounds of 16 lanes.

// CHECK-LABEL: func.func @cut
// CHECK: arith.addi %c-1{{.*}}, %c7
// CHECK: %[[M:.*]] = memref.subview %{{.*}}[0, 0] [4, %{{.*}}] [1, 1]
// CHECK: gir.load %[[M]]{{.*}} clip {{.*}} -> tensor<1x16xf32, #gir.at<reg>>
// CHECK-COUNT-2: gir.slice {{.*}} [1, 8] [1, 1] {{.*}} -> tensor<1x8xf32, #gir.at<reg>>
// CHECK: gir.store {{.*}} valid[%c1{{.*}}, %c5{{.*}}] : tensor<1x8xf32
func.func @cut(%x: memref<4x128xf32>, %y: memref<4x128xf32>) {
  gir.kernel "cut" (%a = %x : memref<4x128xf32>, %b = %y : memref<4x128xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c-1 = arith.constant -1 : index
    %c4 = arith.constant 4 : index
    gir.parallel <group> (%g) in (%c4) {
      %0 = gir.load %a[%g, %c-1] clip : memref<4x128xf32, #gir.at<dram>> -> tensor<1x7xf32, #gir.at<reg>>
      %1 = gir.slice %0 [0, 0] [1, 5] [1, 1] : tensor<1x7xf32, #gir.at<reg>> -> tensor<1x5xf32, #gir.at<reg>>
      %2 = gir.slice %0 [0, 1] [1, 5] [1, 1] : tensor<1x7xf32, #gir.at<reg>> -> tensor<1x5xf32, #gir.at<reg>>
      %3 = arith.addf %1, %2 : tensor<1x5xf32, #gir.at<reg>>
      gir.store %3, %b[%g, %c0] : tensor<1x5xf32, #gir.at<reg>>, memref<4x128xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// A window fits its source exactly: 8 places of 3 elements are in 10.

// CHECK-LABEL: func.func @windowed
// CHECK: gir.load {{.*}} valid[%c1{{.*}}, %c7{{.*}}] {{.*}} -> tensor<1x10xf32, #gir.at<reg>>
// CHECK: gir.window {{.*}} -> tensor<1x8x3xf32, #gir.at<reg>>
// CHECK: gir.reduce {{.*}} valid[%c1{{.*}}, %c5{{.*}}, %c3{{.*}}]
func.func @windowed(%x: memref<4x128xf32>, %y: memref<4x128xf32>) {
  gir.kernel "windowed" (%a = %x : memref<4x128xf32>, %b = %y : memref<4x128xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant dense<0.0> : tensor<1x5xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c4) {
      %0 = gir.load %a[%g, %c0] : memref<4x128xf32, #gir.at<dram>> -> tensor<1x7xf32, #gir.at<reg>>
      %1 = gir.window %0 dims [1] sizes [3] strides [1] dilations [1] : tensor<1x7xf32, #gir.at<reg>> -> tensor<1x5x3xf32, #gir.at<reg>>
      %2 = gir.reduce %1 into %zero dims [2] kinds [#vector.kind<add>] : tensor<1x5x3xf32, #gir.at<reg>> into tensor<1x5xf32, #gir.at<reg>>
      gir.store %2, %b[%g, %c0] : tensor<1x5xf32, #gir.at<reg>>, memref<4x128xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// A row of a table grows where it is whole: what is added lies beyond the table, and isn't accessed. A part of one doesn't.

// CHECK-LABEL: func.func @looked_up
// CHECK: gir.gather {{.*}} -> tensor<1x96xf32, #gir.at<reg>>
// CHECK: gir.store {{.*}} valid[%c1{{.*}}, %c65{{.*}}] : tensor<1x96xf32
// CHECK: gir.gather {{.*}} -> tensor<1x60xf32, #gir.at<reg>>
func.func @looked_up(%t: memref<50x65xf32>, %i: memref<8xindex>, %y: memref<8x65xf32>, %z: memref<8x60xf32>) {
  gir.kernel "looked_up" (%a = %t : memref<50x65xf32>, %b = %i : memref<8xindex>, %c = %y : memref<8x65xf32>, %d = %z : memref<8x60xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    gir.parallel <group> (%g) in (%c8) {
      %0 = gir.load %b[%g] : memref<8xindex, #gir.at<dram>> -> tensor<1xindex, #gir.at<reg>>
      %1 = gir.broadcast %0 dims [1] : tensor<1xindex, #gir.at<reg>> -> tensor<1x65xindex, #gir.at<reg>>
      %2 = gir.iota dim 1 : tensor<1x65xindex, #gir.at<reg>>
      %3 = gir.gather %a[%1, %2] : memref<50x65xf32, #gir.at<dram>>[tensor<1x65xindex, #gir.at<reg>>, tensor<1x65xindex, #gir.at<reg>>] -> tensor<1x65xf32, #gir.at<reg>>
      gir.store %3, %c[%g, %c0] : tensor<1x65xf32, #gir.at<reg>>, memref<8x65xf32, #gir.at<dram>>
      %4 = gir.load %b[%g] : memref<8xindex, #gir.at<dram>> -> tensor<1xindex, #gir.at<reg>>
      %5 = gir.broadcast %4 dims [1] : tensor<1xindex, #gir.at<reg>> -> tensor<1x60xindex, #gir.at<reg>>
      %6 = gir.iota dim 1 : tensor<1x60xindex, #gir.at<reg>>
      %7 = gir.gather %a[%5, %6] : memref<50x65xf32, #gir.at<dram>>[tensor<1x60xindex, #gir.at<reg>>, tensor<1x60xindex, #gir.at<reg>>] -> tensor<1x60xf32, #gir.at<reg>>
      gir.store %7, %d[%g, %c0] : tensor<1x60xf32, #gir.at<reg>>, memref<8x60xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
