// RUN: %pf-opt %s --gir-outline | FileCheck %s

// Equal kernels become one function, under whatever names; a launch marks what is written over what.

// CHECK-LABEL: func.func private @kernel_twice(
// CHECK: gir.kernel "twice"
// CHECK-NOT: func.func private
// CHECK-LABEL: func.func @main
// CHECK: gir.launch @kernel_twice(%arg0, %arg1)
// CHECK: gir.launch @kernel_twice(%arg1, %arg1) shares {{\[\[}}1, 0]]
// CHECK-NOT: gir.kernel
func.func @main(%x: memref<8xf32>, %y: memref<8xf32>) {
  gir.kernel "twice" (%a = %x : memref<8xf32>, %b = %y : memref<8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %1 = arith.addf %0, %0 : tensor<8xf32, #gir.at<reg>>
    gir.store %1, %b[%c0] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    gir.return
  }
  gir.kernel "double it" (%in = %y : memref<8xf32>, %out = %y : memref<8xf32>) -> () {
    %zero = arith.constant 0 : index
    %t = gir.load %in[%zero] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %u = arith.addf %t, %t : tensor<8xf32, #gir.at<reg>>
    gir.store %u, %out[%zero] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    gir.return
  }
  return
}
