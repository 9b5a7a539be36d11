// Sums of columns in two kernels: the rows are split in eight, whose sums meet in dram.
func.func @column_sum(%x: tensor<64x48xf32>) -> tensor<48xf32> {
  %p = gir.kernel "column_sum_1" (%a = %x : tensor<64x48xf32>)
      nest <[s = 8 : 1 : 1 : 1, c = 48 : 32 : 16 : 16, r = 8 : 8 : 8 : 1], sweep = [r]> -> (tensor<8x48xf32>) {
    %zero = arith.constant dense<0.0> : tensor<8x48xf32, #gir.at<reg>>
    %v = gir.reshape %a : tensor<64x48xf32, #gir.at<dram>> -> tensor<8x8x48xf32, #gir.at<dram>>
    %0 = gir.move %v over ["s", "r", "c"] : tensor<8x8x48xf32, #gir.at<dram>> -> tensor<8x8x48xf32, #gir.at<reg>>
    %1 = gir.reduce %0 into %zero dims [1] kinds [#vector.kind<add>] : tensor<8x8x48xf32, #gir.at<reg>> into tensor<8x48xf32, #gir.at<reg>>
    %2 = gir.move %1 over ["s", "c"] : tensor<8x48xf32, #gir.at<reg>> -> tensor<8x48xf32, #gir.at<dram>>
    gir.return %2 : tensor<8x48xf32, #gir.at<dram>>
  }
  %y = gir.kernel "column_sum_2" (%a = %p : tensor<8x48xf32>)
      nest <[c = 48 : 16 : 16 : 16, s = 8 : 8 : 8 : 2], sweep = [s]> -> (tensor<48xf32>) {
    %zero = arith.constant dense<0.0> : tensor<48xf32, #gir.at<reg>>
    %0 = gir.move %a over ["s", "c"] : tensor<8x48xf32, #gir.at<dram>> -> tensor<8x48xf32, #gir.at<reg>>
    %1 = gir.reduce %0 into %zero dims [0] kinds [#vector.kind<add>] : tensor<8x48xf32, #gir.at<reg>> into tensor<48xf32, #gir.at<reg>>
    %2 = gir.move %1 over ["c"] : tensor<48xf32, #gir.at<reg>> -> tensor<48xf32, #gir.at<dram>>
    gir.return %2 : tensor<48xf32, #gir.at<dram>>
  }
  return %y : tensor<48xf32>
}
