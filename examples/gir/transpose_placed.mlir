// Transposition through sram: a group brings a block in, turned there by a view, and its units take rows of the result.
func.func @transpose(%x: tensor<40x24xf32>) -> tensor<24x40xf32> {
  %y = gir.kernel "transpose" (%a = %x : tensor<40x24xf32>)
      nest <[r = 40 : 16 : 16 : 16, c = 24 : 8 : 2 : 1]> -> (tensor<24x40xf32>) {
    %s = gir.move %a over ["r", "c"] : tensor<40x24xf32, #gir.at<dram>> -> tensor<40x24xf32, #gir.at<sram>>
    %p = gir.permute %s [1, 0] : tensor<40x24xf32, #gir.at<sram>> -> tensor<24x40xf32, #gir.at<sram>>
    %0 = gir.move %p : tensor<24x40xf32, #gir.at<sram>> -> tensor<24x40xf32, #gir.at<reg>>
    %1 = gir.move %0 over ["c", "r"] : tensor<24x40xf32, #gir.at<reg>> -> tensor<24x40xf32, #gir.at<dram>>
    gir.return %1 : tensor<24x40xf32, #gir.at<dram>>
  }
  return %y : tensor<24x40xf32>
}
