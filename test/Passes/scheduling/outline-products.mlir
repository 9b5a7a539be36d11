// RUN: pf-opt %s --gir-outline=products=true | FileCheck %s

// With `products` only what a library may do becomes a function, equal ones the same.

// CHECK-LABEL: func.func private @kernel_sgemm(
// CHECK: gir.kernel "sgemm"
// CHECK-NOT: func.func private
// CHECK-LABEL: func.func @main
// CHECK: gir.launch @kernel_sgemm(%arg0, %arg1, %arg2)
// CHECK: gir.launch @kernel_sgemm(%arg1, %arg0, %arg3)
// CHECK: gir.kernel "none"
func.func @main(%x: memref<8x8xf32>, %y: memref<8x8xf32>, %z: memref<8x8xf32>, %u: memref<8x8xf32>) {
  gir.kernel "sgemm" (%a = %x : memref<8x8xf32>, %b = %y : memref<8x8xf32>, %c = %z : memref<8x8xf32>) -> () attributes {gir.product = {factors = array<i64: 1, 0>, leading = array<i64: 8, 8, 8>, loops = array<i64>, sizes = array<i64: 8, 8, 8>, transposed = array<i64: 0, 0>}} {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0, %c0] : memref<8x8xf32, #gir.at<dram>> -> tensor<8x8xf32, #gir.at<reg>>
    gir.store %0, %c[%c0, %c0] : tensor<8x8xf32, #gir.at<reg>>, memref<8x8xf32, #gir.at<dram>>
    gir.return
  }
  gir.kernel "sgemm" (%a = %y : memref<8x8xf32>, %b = %x : memref<8x8xf32>, %c = %u : memref<8x8xf32>) -> () attributes {gir.product = {factors = array<i64: 1, 0>, leading = array<i64: 8, 8, 8>, loops = array<i64>, sizes = array<i64: 8, 8, 8>, transposed = array<i64: 0, 0>}} {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0, %c0] : memref<8x8xf32, #gir.at<dram>> -> tensor<8x8xf32, #gir.at<reg>>
    gir.store %0, %c[%c0, %c0] : tensor<8x8xf32, #gir.at<reg>>, memref<8x8xf32, #gir.at<dram>>
    gir.return
  }
  gir.kernel "none" (%a = %z : memref<8x8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0, %c0] : memref<8x8xf32, #gir.at<dram>> -> tensor<8x8xf32, #gir.at<reg>>
    gir.store %0, %a[%c0, %c0] : tensor<8x8xf32, #gir.at<reg>>, memref<8x8xf32, #gir.at<dram>>
    gir.return
  }
  return
}
