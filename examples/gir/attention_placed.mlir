// Attention in one pass: keys and values stream by while maximum, sum and weighted row are carried and corrected.
#q = affine_map<(h, i, j, d) -> (h, i, d)>
#k = affine_map<(h, i, j, d) -> (h, j, d)>
#s = affine_map<(h, i, j, d) -> (h, i, j)>
!scores = tensor<2x10x50xf32, #gir.at<reg>>
!wide = tensor<2x10x50x6xf32, #gir.at<reg>>
!rows = tensor<2x10xf32, #gir.at<reg>>
!out = tensor<2x10x6xf32, #gir.at<reg>>
!row = tensor<6xf32, #gir.at<reg>>
func.func @attention(%q: tensor<2x10x8xf32>, %k: tensor<2x50x8xf32>, %v: tensor<2x50x6xf32>) -> tensor<2x10x6xf32> {
  %y = gir.kernel "attention" (%a = %q : tensor<2x10x8xf32>, %b = %k : tensor<2x50x8xf32>, %c = %v : tensor<2x50x6xf32>)
      nest <[h = 2 : 1 : 1 : 1, i = 10 : 8 : 4 : 2, j = 50 : 50 : 50 : 8, d = 8 : 8 : 8 : 8, e = 6 : 6 : 6 : 6], sweep = [j]> -> (tensor<2x10x6xf32>) {
    %none = arith.constant dense<0.0> : !scores
    %one = arith.constant dense<1.0> : !scores
    %lowest = arith.constant dense<0xFF800000> : !rows
    %zero = arith.constant dense<0.0> : !rows
    %zeros = arith.constant dense<0.0> : !out
    %0 = gir.move %a over ["h", "i", "d"] : tensor<2x10x8xf32, #gir.at<dram>> -> tensor<2x10x8xf32, #gir.at<reg>>
    %1 = gir.move %b over ["h", "j", "d"] : tensor<2x50x8xf32, #gir.at<dram>> -> tensor<2x50x8xf32, #gir.at<reg>>
    %2 = gir.move %c over ["h", "j", "e"] : tensor<2x50x6xf32, #gir.at<dram>> -> tensor<2x50x6xf32, #gir.at<reg>>
    %s = gir.contract %0, %1 into %none maps [#q, #k, #s] : tensor<2x10x8xf32, #gir.at<reg>>, tensor<2x50x8xf32, #gir.at<reg>> into !scores
    %vb = gir.broadcast %2 dims [1] : tensor<2x50x6xf32, #gir.at<reg>> -> !wide
    %r:3 = gir.reduce %s, %one, %vb into %lowest, %zero, %zeros dims [2] combiner <commutative> identity [0xFF800000 : f32, 0.0 : f32, 0.0 : f32] {
    ^bb0(%m0: f32, %l0: f32, %o0: !row, %m1: f32, %l1: f32, %o1: !row):
      %mm = arith.maximumf %m0, %m1 : f32
      %d0 = arith.subf %m0, %mm : f32
      %d1 = arith.subf %m1, %mm : f32
      %a0 = math.exp %d0 : f32
      %a1 = math.exp %d1 : f32
      %b0 = arith.mulf %l0, %a0 : f32
      %b1 = arith.mulf %l1, %a1 : f32
      %ll = arith.addf %b0, %b1 : f32
      %t0 = tensor.splat %a0 : !row
      %t1 = tensor.splat %a1 : !row
      %u0 = arith.mulf %o0, %t0 : !row
      %u1 = arith.mulf %o1, %t1 : !row
      %oo = arith.addf %u0, %u1 : !row
      gir.yield %mm, %ll, %oo : f32, f32, !row
    } : !scores, !scores, !wide into !rows, !rows, !out
    %lb = gir.broadcast %r#1 dims [2] : !rows -> !out
    %o = arith.divf %r#2, %lb : !out
    %y = gir.move %o over ["h", "i", "e"] : !out -> tensor<2x10x6xf32, #gir.at<dram>>
    gir.return %y : tensor<2x10x6xf32, #gir.at<dram>>
  }
  return %y : tensor<2x10x6xf32>
}
