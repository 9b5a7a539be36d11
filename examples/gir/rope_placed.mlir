// Rotary positions: a row comes in whole, its halves are turned against each other at reg, and go out side by side.
func.func @rope(%x: tensor<2x6x4x16xf32>, %cos: tensor<6x8xf32>, %sin: tensor<6x8xf32>) -> tensor<2x6x4x16xf32> {
  %y = gir.kernel "rope" (%a = %x : tensor<2x6x4x16xf32>, %b = %cos : tensor<6x8xf32>, %c = %sin : tensor<6x8xf32>)
      nest <[n = 2 : 1 : 1 : 1, t = 6 : 4 : 2 : 1, h = 4 : 4 : 4 : 2]> -> (tensor<2x6x4x16xf32>) {
    %0 = gir.move %a over ["n", "t", "h", ""] : tensor<2x6x4x16xf32, #gir.at<dram>> -> tensor<2x6x4x16xf32, #gir.at<reg>>
    %u = gir.slice %0 [0, 0, 0, 0] [2, 6, 4, 8] [1, 1, 1, 1] : tensor<2x6x4x16xf32, #gir.at<reg>> -> tensor<2x6x4x8xf32, #gir.at<reg>>
    %v = gir.slice %0 [0, 0, 0, 8] [2, 6, 4, 8] [1, 1, 1, 1] : tensor<2x6x4x16xf32, #gir.at<reg>> -> tensor<2x6x4x8xf32, #gir.at<reg>>
    %1 = gir.move %b over ["t", ""] : tensor<6x8xf32, #gir.at<dram>> -> tensor<6x8xf32, #gir.at<reg>>
    %2 = gir.move %c over ["t", ""] : tensor<6x8xf32, #gir.at<dram>> -> tensor<6x8xf32, #gir.at<reg>>
    %cb = gir.broadcast %1 dims [0, 2] : tensor<6x8xf32, #gir.at<reg>> -> tensor<2x6x4x8xf32, #gir.at<reg>>
    %sb = gir.broadcast %2 dims [0, 2] : tensor<6x8xf32, #gir.at<reg>> -> tensor<2x6x4x8xf32, #gir.at<reg>>
    %uc = arith.mulf %u, %cb : tensor<2x6x4x8xf32, #gir.at<reg>>
    %vs = arith.mulf %v, %sb : tensor<2x6x4x8xf32, #gir.at<reg>>
    %us = arith.mulf %u, %sb : tensor<2x6x4x8xf32, #gir.at<reg>>
    %vc = arith.mulf %v, %cb : tensor<2x6x4x8xf32, #gir.at<reg>>
    %p = arith.subf %uc, %vs : tensor<2x6x4x8xf32, #gir.at<reg>>
    %q = arith.addf %us, %vc : tensor<2x6x4x8xf32, #gir.at<reg>>
    %k = gir.concat %p, %q dim 3 : (tensor<2x6x4x8xf32, #gir.at<reg>>, tensor<2x6x4x8xf32, #gir.at<reg>>) -> tensor<2x6x4x16xf32, #gir.at<reg>>
    %3 = gir.move %k over ["n", "t", "h", ""] : tensor<2x6x4x16xf32, #gir.at<reg>> -> tensor<2x6x4x16xf32, #gir.at<dram>>
    gir.return %3 : tensor<2x6x4x16xf32, #gir.at<dram>>
  }
  return %y : tensor<2x6x4x16xf32>
}
