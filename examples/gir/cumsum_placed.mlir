// Running sums along rows: a sweep carries the sum from step to step.
func.func @cumsum(%x: tensor<6x50xf32>) -> (tensor<6x50xf32>, tensor<6xf32>) {
  %y:2 = gir.kernel "cumsum" (%a = %x : tensor<6x50xf32>)
      nest <[r = 6 : 2 : 1 : 1, c = 50 : 50 : 50 : 16], sweep = [c]> -> (tensor<6x50xf32>, tensor<6xf32>) {
    %zero = arith.constant dense<0.0> : tensor<6xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<6x50xf32, #gir.at<dram>> -> tensor<6x50xf32, #gir.at<reg>>
    %s, %t = gir.scan %0 into %zero dim 1 kinds [#vector.kind<add>] : tensor<6x50xf32, #gir.at<reg>> into tensor<6xf32, #gir.at<reg>>
    %1 = gir.move %s over ["r", "c"] : tensor<6x50xf32, #gir.at<reg>> -> tensor<6x50xf32, #gir.at<dram>>
    %2 = gir.move %t over ["r"] : tensor<6xf32, #gir.at<reg>> -> tensor<6xf32, #gir.at<dram>>
    gir.return %1, %2 : tensor<6x50xf32, #gir.at<dram>>, tensor<6xf32, #gir.at<dram>>
  }
  return %y#0, %y#1 : tensor<6x50xf32>, tensor<6xf32>
}
