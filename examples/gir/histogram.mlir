// How often each value occurs: ones are scattered and added up. Naive graph form.
func.func @histogram(%x: tensor<40xi32>, %start: tensor<10xi32>) -> tensor<10xi32> {
  %y = gir.kernel "histogram" (%a = %x : tensor<40xi32>, %b = %start : tensor<10xi32>) -> (tensor<10xi32>) {
    %one = arith.constant dense<1> : tensor<40xi32, #gir.at<reg>>
    %0 = gir.move %a : tensor<40xi32, #gir.at<dram>> -> tensor<40xi32, #gir.at<reg>>
    %i = arith.index_cast %0 : tensor<40xi32, #gir.at<reg>> to tensor<40xindex, #gir.at<reg>>
    %1 = gir.scatter %one into %b[%i] kind <add> : tensor<40xi32, #gir.at<reg>> into tensor<10xi32, #gir.at<dram>>[tensor<40xindex, #gir.at<reg>>] -> tensor<10xi32, #gir.at<dram>>
    gir.return %1 : tensor<10xi32, #gir.at<dram>>
  }
  return %y : tensor<10xi32>
}
