// A matrix product: the summed dimension is swept, each unit accumulates a block in registers.
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @matmul(%x: tensor<20x30xbf16>, %y: tensor<30x24xbf16>) -> tensor<20x24xf32> {
  %z = gir.kernel "matmul" (%p = %x : tensor<20x30xbf16>, %q = %y : tensor<30x24xbf16>)
      nest <[m = 20 : 8 : 4 : 4, n = 24 : 16 : 8 : 8, k = 30 : 30 : 30 : 8], sweep = [k]> -> (tensor<20x24xf32>) {
    %zero = arith.constant dense<0.0> : tensor<20x24xf32, #gir.at<reg>>
    %s = gir.move %p over ["m", "k"] : tensor<20x30xbf16, #gir.at<dram>> -> tensor<20x30xbf16, #gir.at<sram>>
    %0 = gir.move %s : tensor<20x30xbf16, #gir.at<sram>> -> tensor<20x30xbf16, #gir.at<reg>>
    %1 = gir.move %q over ["k", "n"] : tensor<30x24xbf16, #gir.at<dram>> -> tensor<30x24xbf16, #gir.at<reg>>
    %2 = gir.contract %0, %1 into %zero maps [#a, #b, #c] : tensor<20x30xbf16, #gir.at<reg>>, tensor<30x24xbf16, #gir.at<reg>> into tensor<20x24xf32, #gir.at<reg>>
    %3 = gir.move %2 over ["m", "n"] : tensor<20x24xf32, #gir.at<reg>> -> tensor<20x24xf32, #gir.at<dram>>
    gir.return %3 : tensor<20x24xf32, #gir.at<dram>>
  }
  return %z : tensor<20x24xf32>
}
