// A depthwise 3x3 convolution: rows come in with the rows beside them, every neighbourhood is made at reg.
func.func @depthwise(%x: tensor<2x3x10x12xf32>, %w: tensor<3x3x3xf32>) -> tensor<2x3x10x12xf32> {
  %y = gir.kernel "depthwise" (%a = %x : tensor<2x3x10x12xf32>, %b = %w : tensor<3x3x3xf32>)
      nest <[n = 2 : 1 : 1 : 1, k = 3 : 1 : 1 : 1, h = 10 : 5 : 3 : 1, w = 12 : 12 : 12 : 12]> -> (tensor<2x3x10x12xf32>) {
    %none = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : tensor<2x3x10x12xf32, #gir.at<reg>>
    %0 = gir.move %a over ["n", "k", "h", "w"] : tensor<2x3x10x12xf32, #gir.at<dram>> -> tensor<2x3x10x12xf32, #gir.at<reg>>
    %1 = gir.move %b over ["k", "", ""] : tensor<3x3x3xf32, #gir.at<dram>> -> tensor<3x3x3xf32, #gir.at<reg>>
    %p = gir.pad %0 low [0, 0, 1, 1] high [0, 0, 1, 1] value %none : tensor<2x3x10x12xf32, #gir.at<reg>> -> tensor<2x3x12x14xf32, #gir.at<reg>>
    %q = gir.window %p dims [2, 3] sizes [3, 3] strides [1, 1] dilations [1, 1] : tensor<2x3x12x14xf32, #gir.at<reg>> -> tensor<2x3x10x12x3x3xf32, #gir.at<reg>>
    %wb = gir.broadcast %1 dims [0, 2, 3] : tensor<3x3x3xf32, #gir.at<reg>> -> tensor<2x3x10x12x3x3xf32, #gir.at<reg>>
    %m = arith.mulf %q, %wb : tensor<2x3x10x12x3x3xf32, #gir.at<reg>>
    %s = gir.reduce %m into %zero dims [4, 5] kinds [#vector.kind<add>] : tensor<2x3x10x12x3x3xf32, #gir.at<reg>> into tensor<2x3x10x12xf32, #gir.at<reg>>
    %2 = gir.move %s over ["n", "k", "h", "w"] : tensor<2x3x10x12xf32, #gir.at<reg>> -> tensor<2x3x10x12xf32, #gir.at<dram>>
    gir.return %2 : tensor<2x3x10x12xf32, #gir.at<dram>>
  }
  return %y : tensor<2x3x10x12xf32>
}
