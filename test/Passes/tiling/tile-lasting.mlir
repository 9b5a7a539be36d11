// RUN: pf-opt %s --gir-tile | FileCheck %s

// A scalar that all steps share is widened and folded with the rest: what lasts takes no room of a step's.

// CHECK-LABEL: func.func @shared
// CHECK: gir.reduce
func.func @shared(%x: tensor<2xf32>, %s: tensor<f32>) -> tensor<2xf64> {
  %0 = gir.kernel "addf_extf" (%a = %x : tensor<2xf32>, %b = %s : tensor<f32>) -> (tensor<2xf64>) {
    %zero = arith.constant dense<0.0> : tensor<2xf64, #gir.at<reg>>
    %1 = gir.move %a : tensor<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<f32, #gir.at<dram>> -> tensor<f32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [0] : tensor<f32, #gir.at<reg>> -> tensor<2xf32, #gir.at<reg>>
    %4 = arith.addf %1, %3 : tensor<2xf32, #gir.at<reg>>
    %5 = arith.extf %4 : tensor<2xf32, #gir.at<reg>> to tensor<2xf64, #gir.at<reg>>
    %6 = gir.broadcast %5 dims [0] : tensor<2xf64, #gir.at<reg>> -> tensor<2x2xf64, #gir.at<reg>>
    %7 = gir.reduce %6 into %zero dims [0] kinds [#vector.kind<add>] : tensor<2x2xf64, #gir.at<reg>> into tensor<2xf64, #gir.at<reg>>
    %8 = gir.move %7 : tensor<2xf64, #gir.at<reg>> -> tensor<2xf64, #gir.at<dram>>
    gir.return %8 : tensor<2xf64, #gir.at<dram>>
  }
  return %0 : tensor<2xf64>
}

// A concatenation of a matrix and its transpose: both sides of what is loaded are one dimension of the result, whose other
// one has a loop of its own.

// CHECK-LABEL: func.func @beside_its_transpose
// CHECK: gir.load
// CHECK: gir.store {{.*}} memref<16x8x64xf32
func.func @beside_its_transpose(%x: tensor<8x8x64xf32>) -> tensor<16x8x64xf32> {
  %0 = gir.kernel "beside" (%a = %x : tensor<8x8x64xf32>) -> (tensor<16x8x64xf32>) {
    %1 = gir.move %a : tensor<8x8x64xf32, #gir.at<dram>> -> tensor<8x8x64xf32, #gir.at<reg>>
    %2 = gir.permute %1 [1, 0, 2] : tensor<8x8x64xf32, #gir.at<reg>> -> tensor<8x8x64xf32, #gir.at<reg>>
    %3 = gir.concat %1, %2 dim 0 : (tensor<8x8x64xf32, #gir.at<reg>>, tensor<8x8x64xf32, #gir.at<reg>>) -> tensor<16x8x64xf32, #gir.at<reg>>
    %4 = arith.addf %3, %3 : tensor<16x8x64xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<16x8x64xf32, #gir.at<reg>> -> tensor<16x8x64xf32, #gir.at<dram>>
    gir.return %5 : tensor<16x8x64xf32, #gir.at<dram>>
  }
  return %0 : tensor<16x8x64xf32>
}
