// RUN: %pf-opt %s --gir-tile | FileCheck %s

// A sweep of one step has no loop; what rests in sram is still stored before the same pass reads it.
// CHECK:      %[[REST:.*]] = gir.alloc : memref<1x1xf32, #gir.at<sram>>
// CHECK:      gir.store %{{.*}}, %[[REST]]
// CHECK:      gir.load %[[REST]]
func.func @main(%x0: tensor<1x1xf32>) -> (tensor<1x1xf32>, tensor<1xf32>) {
  %r:2 = gir.kernel "random" (%a0 = %x0 : tensor<1x1xf32>) nest <[r = 1 : 1 : 1 : 1, c = 1 : 1 : 1 : 1], sweep = [c]> -> (tensor<1x1xf32>, tensor<1xf32>) {
    %v1 = gir.move %a0 over ["r", "c"] : tensor<1x1xf32, #gir.at<dram>> -> tensor<1x1xf32, #gir.at<reg>>
    %v2 = gir.move %v1 : tensor<1x1xf32, #gir.at<reg>> -> tensor<1x1xf32, #gir.at<sram>>
    %v4 = gir.move %v2 : tensor<1x1xf32, #gir.at<sram>> -> tensor<1x1xf32, #gir.at<reg>>
    %v5 = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>
    %v6 = gir.reduce %v4 into %v5 dims [1] kinds [#vector.kind<add>] : tensor<1x1xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
    %v7 = gir.move %a0 pass 1 over ["r", "c"] : tensor<1x1xf32, #gir.at<dram>> -> tensor<1x1xf32, #gir.at<reg>>
    %v8 = gir.move %v7 pass 1 over ["r", "c"] : tensor<1x1xf32, #gir.at<reg>> -> tensor<1x1xf32, #gir.at<dram>>
    %v9 = gir.move %v6 pass 1 over ["r"] : tensor<1xf32, #gir.at<reg>> -> tensor<1xf32, #gir.at<dram>>
    gir.return %v8, %v9 : tensor<1x1xf32, #gir.at<dram>>, tensor<1xf32, #gir.at<dram>>
  }
  return %r#0, %r#1 : tensor<1x1xf32>, tensor<1xf32>
}
