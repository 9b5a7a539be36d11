// The same, placed for a machine whose registers hold a row: what pass 0 loads and pass 1 computes is kept.
func.func @softmax(%x: tensor<10x50xf32>) -> tensor<10x50xf32> {
  %y = gir.kernel "softmax" (%a = %x : tensor<10x50xf32>)
      nest <[r = 10 : 4 : 2 : 1, c = 50 : 50 : 50 : 16], sweep = [c]> -> (tensor<10x50xf32>) {
    %lowest = arith.constant dense<0xFF800000> : tensor<10xf32, #gir.at<reg>>
    %zero = arith.constant dense<0.0> : tensor<10xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<10x50xf32, #gir.at<dram>> -> tensor<10x50xf32, #gir.at<reg>>
    %m = gir.reduce %0 into %lowest dims [1] kinds [#vector.kind<maximumf>] : tensor<10x50xf32, #gir.at<reg>> into tensor<10xf32, #gir.at<reg>>
    %1 = gir.move %0 pass 1 : tensor<10x50xf32, #gir.at<reg>> -> tensor<10x50xf32, #gir.at<reg>>
    %mb = gir.broadcast %m dims [1] pass 1 : tensor<10xf32, #gir.at<reg>> -> tensor<10x50xf32, #gir.at<reg>>
    %c = arith.subf %1, %mb : tensor<10x50xf32, #gir.at<reg>>
    %e = math.exp %c : tensor<10x50xf32, #gir.at<reg>>
    %l = gir.reduce %e into %zero dims [1] kinds [#vector.kind<add>] : tensor<10x50xf32, #gir.at<reg>> into tensor<10xf32, #gir.at<reg>>
    %2 = gir.move %e pass 2 : tensor<10x50xf32, #gir.at<reg>> -> tensor<10x50xf32, #gir.at<reg>>
    %lb = gir.broadcast %l dims [1] pass 2 : tensor<10xf32, #gir.at<reg>> -> tensor<10x50xf32, #gir.at<reg>>
    %q = arith.divf %2, %lb : tensor<10x50xf32, #gir.at<reg>>
    %y = gir.move %q pass 2 over ["r", "c"] : tensor<10x50xf32, #gir.at<reg>> -> tensor<10x50xf32, #gir.at<dram>>
    gir.return %y : tensor<10x50xf32, #gir.at<dram>>
  }
  return %y : tensor<10x50xf32>
}
