// RUN: pf-opt %s --gir-prefetch-windows=machine=cpu --split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-prefetch-windows=machine=sm_90 --split-input-file | FileCheck %s --check-prefix=GPU

// A step has two rows of 180 bytes anew, the last ones of its four: it asks for six lines a KiB behind them.

// CHECK-DAG: #[[LAST:.*]] = affine_map<(d0) -> (d0 + 2)>
// CHECK-DAG: #[[AHEAD:.*]] = affine_map<(d0) -> (d0 + 256)>
// CHECK-LABEL: func.func @rows
// CHECK: %[[ROW:.*]] = affine.apply #[[LAST]]
// CHECK: %[[AT:.*]] = affine.apply #[[AHEAD]]
// CHECK: memref.prefetch %{{.*}}[%[[ROW]], %[[AT]]], read, locality<3>, data
// CHECK-COUNT-5: memref.prefetch
// CHECK-NOT: memref.prefetch
// CHECK: gir.load
// GPU-LABEL: func.func @rows
// GPU-NOT: memref.prefetch
#before = affine_map<(d0) -> (d0 - 1)>
func.func @rows(%x: memref<44x45xf32>, %y: memref<44x45xf32>) {
  gir.kernel "rows" (%a = %x : memref<44x45xf32>, %b = %y : memref<44x45xf32>) -> () {
    %c0 = arith.constant 0 : index
    %left = arith.constant -1 : index
    %c2 = arith.constant 2 : index
    %c44 = arith.constant 44 : index
    scf.for %r = %c0 to %c44 step %c2 {
      %above = affine.apply #before(%r)
      %t = gir.load %a[%above, %left] clip : memref<44x45xf32, #gir.at<dram>> -> tensor<4x47xf32, #gir.at<reg>>
      %s = gir.slice %t [1, 1] [2, 45] [1, 1] : tensor<4x47xf32, #gir.at<reg>> -> tensor<2x45xf32, #gir.at<reg>>
      gir.store %s, %b[%r, %c0] : tensor<2x45xf32, #gir.at<reg>>, memref<44x45xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// -----

// Pieces of rows don't follow one another, and of long rows hardly any register is masked.

// CHECK-LABEL: func.func @pieces
// CHECK-NOT: memref.prefetch
// CHECK-LABEL: func.func @long
// CHECK-NOT: memref.prefetch
func.func @pieces(%x: memref<44x45xf32>, %y: memref<44x16xf32>) {
  gir.kernel "pieces" (%a = %x : memref<44x45xf32>, %b = %y : memref<44x16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %left = arith.constant -1 : index
    %c1 = arith.constant 1 : index
    %c44 = arith.constant 44 : index
    scf.for %r = %c0 to %c44 step %c1 {
      %t = gir.load %a[%r, %left] clip : memref<44x45xf32, #gir.at<dram>> -> tensor<1x16xf32, #gir.at<reg>>
      gir.store %t, %b[%r, %c0] : tensor<1x16xf32, #gir.at<reg>>, memref<44x16xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

func.func @long(%x: memref<44x256xf32>, %y: memref<44x258xf32>) {
  gir.kernel "long" (%a = %x : memref<44x256xf32>, %b = %y : memref<44x258xf32>) -> () {
    %c0 = arith.constant 0 : index
    %left = arith.constant -1 : index
    %c1 = arith.constant 1 : index
    %c44 = arith.constant 44 : index
    scf.for %r = %c0 to %c44 step %c1 {
      %t = gir.load %a[%r, %left] clip : memref<44x256xf32, #gir.at<dram>> -> tensor<1x258xf32, #gir.at<reg>>
      gir.store %t, %b[%r, %c0] : tensor<1x258xf32, #gir.at<reg>>, memref<44x258xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
