// Residual and layer norm with two results: the sum is stored and kept, its two moments come from one reduction.
func.func @residual_layernorm(%x: tensor<9x64xf32>, %r: tensor<9x64xf32>, %w: tensor<64xf32>) -> (tensor<9x64xf32>, tensor<9x64xf32>) {
  %y:2 = gir.kernel "residual_layernorm" (%a = %x : tensor<9x64xf32>, %b = %r : tensor<9x64xf32>, %g = %w : tensor<64xf32>)
      nest <[r = 9 : 4 : 2 : 1, c = 64 : 64 : 64 : 16], sweep = [c]> -> (tensor<9x64xf32>, tensor<9x64xf32>) {
    %zero = arith.constant dense<0.0> : tensor<9xf32, #gir.at<reg>>
    %part = arith.constant dense<0.015625> : tensor<9xf32, #gir.at<reg>>
    %tiny = arith.constant dense<1.0e-05> : tensor<9xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<9x64xf32, #gir.at<dram>> -> tensor<9x64xf32, #gir.at<reg>>
    %1 = gir.move %b over ["r", "c"] : tensor<9x64xf32, #gir.at<dram>> -> tensor<9x64xf32, #gir.at<reg>>
    %h = arith.addf %0, %1 : tensor<9x64xf32, #gir.at<reg>>
    %hd = gir.move %h over ["r", "c"] : tensor<9x64xf32, #gir.at<reg>> -> tensor<9x64xf32, #gir.at<dram>>
    %sq = arith.mulf %h, %h : tensor<9x64xf32, #gir.at<reg>>
    %s:2 = gir.reduce %h, %sq into %zero, %zero dims [1] kinds [#vector.kind<add>, #vector.kind<add>] : tensor<9x64xf32, #gir.at<reg>>, tensor<9x64xf32, #gir.at<reg>> into tensor<9xf32, #gir.at<reg>>, tensor<9xf32, #gir.at<reg>>
    %mean = arith.mulf %s#0, %part : tensor<9xf32, #gir.at<reg>>
    %square = arith.mulf %s#1, %part : tensor<9xf32, #gir.at<reg>>
    %mm = arith.mulf %mean, %mean : tensor<9xf32, #gir.at<reg>>
    %var = arith.subf %square, %mm : tensor<9xf32, #gir.at<reg>>
    %vt = arith.addf %var, %tiny : tensor<9xf32, #gir.at<reg>>
    %rs = math.rsqrt %vt : tensor<9xf32, #gir.at<reg>>
    %hk = gir.move %h pass 1 : tensor<9x64xf32, #gir.at<reg>> -> tensor<9x64xf32, #gir.at<reg>>
    %mb = gir.broadcast %mean dims [1] pass 1 : tensor<9xf32, #gir.at<reg>> -> tensor<9x64xf32, #gir.at<reg>>
    %rb = gir.broadcast %rs dims [1] pass 1 : tensor<9xf32, #gir.at<reg>> -> tensor<9x64xf32, #gir.at<reg>>
    %gr = gir.move %g pass 1 over ["c"] : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %gb = gir.broadcast %gr dims [0] pass 1 : tensor<64xf32, #gir.at<reg>> -> tensor<9x64xf32, #gir.at<reg>>
    %c = arith.subf %hk, %mb : tensor<9x64xf32, #gir.at<reg>>
    %n = arith.mulf %c, %rb : tensor<9x64xf32, #gir.at<reg>>
    %o = arith.mulf %n, %gb : tensor<9x64xf32, #gir.at<reg>>
    %od = gir.move %o pass 1 over ["r", "c"] : tensor<9x64xf32, #gir.at<reg>> -> tensor<9x64xf32, #gir.at<dram>>
    gir.return %hd, %od : tensor<9x64xf32, #gir.at<dram>>, tensor<9x64xf32, #gir.at<dram>>
  }
  return %y#0, %y#1 : tensor<9x64xf32>, tensor<9x64xf32>
}
