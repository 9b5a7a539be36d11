// Softmax over long rows: a group's units share a row, each keeps its part in registers, and they combine twice.
func.func @softmax(%x: tensor<3x256xf32>) -> tensor<3x256xf32> {
  %y = gir.kernel "softmax" (%a = %x : tensor<3x256xf32>)
      nest <[r = 3 : 1 : 1 : 1, c = 256 : 256 : 64 : 64]> -> (tensor<3x256xf32>) {
    %lowest = arith.constant dense<0xFF800000> : tensor<3xf32, #gir.at<reg>>
    %zero = arith.constant dense<0.0> : tensor<3xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<3x256xf32, #gir.at<dram>> -> tensor<3x256xf32, #gir.at<reg>>
    %m = gir.reduce %0 into %lowest dims [1] kinds [#vector.kind<maximumf>] : tensor<3x256xf32, #gir.at<reg>> into tensor<3xf32, #gir.at<reg>>
    %mb = gir.broadcast %m dims [1] : tensor<3xf32, #gir.at<reg>> -> tensor<3x256xf32, #gir.at<reg>>
    %c = arith.subf %0, %mb : tensor<3x256xf32, #gir.at<reg>>
    %e = math.exp %c : tensor<3x256xf32, #gir.at<reg>>
    %l = gir.reduce %e into %zero dims [1] kinds [#vector.kind<add>] : tensor<3x256xf32, #gir.at<reg>> into tensor<3xf32, #gir.at<reg>>
    %lb = gir.broadcast %l dims [1] : tensor<3xf32, #gir.at<reg>> -> tensor<3x256xf32, #gir.at<reg>>
    %q = arith.divf %e, %lb : tensor<3x256xf32, #gir.at<reg>>
    %y = gir.move %q over ["r", "c"] : tensor<3x256xf32, #gir.at<reg>> -> tensor<3x256xf32, #gir.at<dram>>
    gir.return %y : tensor<3x256xf32, #gir.at<dram>>
  }
  return %y : tensor<3x256xf32>
}
