// RUN: pf-opt %s --gir-tile | FileCheck %s

// What is widened, computed and narrowed again comes in tiles four times as long, as far as registers have room: a long
// chain of instructions that wait for one another leaves time for others.

// CHECK-LABEL: func.func @widened
// CHECK: gir.load {{.*}} -> tensor<1x128xbf16, #gir.at<reg>>
func.func @widened(%x: tensor<64x1024xbf16>) -> tensor<64x1024xbf16> {
  %0 = gir.kernel "widened" (%a = %x : tensor<64x1024xbf16>) -> (tensor<64x1024xbf16>) {
    %1 = gir.move %a : tensor<64x1024xbf16, #gir.at<dram>> -> tensor<64x1024xbf16, #gir.at<reg>>
    %2 = arith.extf %1 : tensor<64x1024xbf16, #gir.at<reg>> to tensor<64x1024xf32, #gir.at<reg>>
    %3 = math.exp %2 : tensor<64x1024xf32, #gir.at<reg>>
    %4 = arith.truncf %3 : tensor<64x1024xf32, #gir.at<reg>> to tensor<64x1024xbf16, #gir.at<reg>>
    %5 = gir.move %4 : tensor<64x1024xbf16, #gir.at<reg>> -> tensor<64x1024xbf16, #gir.at<dram>>
    gir.return %5 : tensor<64x1024xbf16, #gir.at<dram>>
  }
  return %0 : tensor<64x1024xbf16>
}

// CHECK-LABEL: func.func @wide
// CHECK: gir.load {{.*}} -> tensor<1x32xf32, #gir.at<reg>>
func.func @wide(%x: tensor<64x1024xf32>) -> tensor<64x1024xf32> {
  %0 = gir.kernel "wide" (%a = %x : tensor<64x1024xf32>) -> (tensor<64x1024xf32>) {
    %1 = gir.move %a : tensor<64x1024xf32, #gir.at<dram>> -> tensor<64x1024xf32, #gir.at<reg>>
    %2 = math.exp %1 : tensor<64x1024xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<64x1024xf32, #gir.at<reg>> -> tensor<64x1024xf32, #gir.at<dram>>
    gir.return %3 : tensor<64x1024xf32, #gir.at<dram>>
  }
  return %0 : tensor<64x1024xf32>
}
