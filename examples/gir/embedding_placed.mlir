// Rows of a table at given indices, each scaled.
func.func @embedding(%table: tensor<50x32xf32>, %ids: tensor<9xi64>) -> tensor<9x32xf32> {
  %y = gir.kernel "embedding" (%a = %table : tensor<50x32xf32>, %b = %ids : tensor<9xi64>)
      nest <[t = 9 : 4 : 2 : 1, c = 32 : 32 : 32 : 8]> -> (tensor<9x32xf32>) {
    %two = arith.constant dense<2.0> : tensor<9x32xf32, #gir.at<reg>>
    %0 = gir.move %b over ["t"] : tensor<9xi64, #gir.at<dram>> -> tensor<9xi64, #gir.at<reg>>
    %1 = arith.index_cast %0 : tensor<9xi64, #gir.at<reg>> to tensor<9xindex, #gir.at<reg>>
    %i = gir.broadcast %1 dims [1] : tensor<9xindex, #gir.at<reg>> -> tensor<9x32xindex, #gir.at<reg>>
    %j = gir.iota dim 1 : tensor<9x32xindex, #gir.at<reg>>
    %g = gir.gather %a[%i, %j] : tensor<50x32xf32, #gir.at<dram>>[tensor<9x32xindex, #gir.at<reg>>, tensor<9x32xindex, #gir.at<reg>>] -> tensor<9x32xf32, #gir.at<reg>>
    %s = arith.mulf %g, %two : tensor<9x32xf32, #gir.at<reg>>
    %2 = gir.move %s over ["t", "c"] : tensor<9x32xf32, #gir.at<reg>> -> tensor<9x32xf32, #gir.at<dram>>
    gir.return %2 : tensor<9x32xf32, #gir.at<dram>>
  }
  return %y : tensor<9x32xf32>
}
