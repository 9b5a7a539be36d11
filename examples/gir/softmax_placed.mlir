// Softmax over rows, graph form, placed for a CPU: the row rests in the core's cache, its columns are swept three times.
func.func @softmax(%x: tensor<10x?xf32>, %n: index) -> tensor<10x?xf32> {
  %y = gir.kernel "softmax" (%a = %x : tensor<10x?xf32>, %w = %n : index) sizes(%n)
      nest <[r = 10 : 4 : 2 : 1, c = ? : 64 : 64 : 16 upto 64], sweep = [c]> -> (tensor<10x?xf32>) {
    %lowest = arith.constant dense<0xFF800000> : tensor<10xf32, #gir.at<reg>>
    %zero = arith.constant dense<0.0> : tensor<10xf32, #gir.at<reg>>
    %xs = gir.move %a over ["r", "c"] : tensor<10x?xf32, #gir.at<dram>> -> tensor<10x?xf32, #gir.at<sram>>
    %0 = gir.move %xs : tensor<10x?xf32, #gir.at<sram>> -> tensor<10x?xf32, #gir.at<reg>>
    %m = gir.reduce %0 into %lowest dims [1] kinds [#vector.kind<maximumf>] : tensor<10x?xf32, #gir.at<reg>> into tensor<10xf32, #gir.at<reg>>
    %1 = gir.move %xs pass 1 : tensor<10x?xf32, #gir.at<sram>> -> tensor<10x?xf32, #gir.at<reg>>
    %mb = gir.broadcast %m dims [1] pass 1 sizes(%w) : tensor<10xf32, #gir.at<reg>> -> tensor<10x?xf32, #gir.at<reg>>
    %c = arith.subf %1, %mb : tensor<10x?xf32, #gir.at<reg>>
    %e = math.exp %c : tensor<10x?xf32, #gir.at<reg>>
    %l = gir.reduce %e into %zero dims [1] kinds [#vector.kind<add>] : tensor<10x?xf32, #gir.at<reg>> into tensor<10xf32, #gir.at<reg>>
    %es = gir.move %e pass 1 : tensor<10x?xf32, #gir.at<reg>> -> tensor<10x?xf32, #gir.at<sram>>
    %2 = gir.move %es pass 2 : tensor<10x?xf32, #gir.at<sram>> -> tensor<10x?xf32, #gir.at<reg>>
    %lb = gir.broadcast %l dims [1] pass 2 sizes(%w) : tensor<10xf32, #gir.at<reg>> -> tensor<10x?xf32, #gir.at<reg>>
    %q = arith.divf %2, %lb : tensor<10x?xf32, #gir.at<reg>>
    %y = gir.move %q pass 2 over ["r", "c"] : tensor<10x?xf32, #gir.at<reg>> -> tensor<10x?xf32, #gir.at<dram>>
    gir.return %y : tensor<10x?xf32, #gir.at<dram>>
  }
  return %y : tensor<10x?xf32>
}
