// Attention's combination of blocks as one reduction: maximum, sum, and a row of payload. Naive graph form.
!s = tensor<6x4xf32, #gir.at<reg>>
!o = tensor<6x4x8xf32, #gir.at<reg>>
!rs = tensor<6xf32, #gir.at<reg>>
!ro = tensor<6x8xf32, #gir.at<reg>>
!row = tensor<8xf32, #gir.at<reg>>
func.func @attention(%m: tensor<6x4xf32>, %l: tensor<6x4xf32>, %o: tensor<6x4x8xf32>) -> (tensor<6xf32>, tensor<6xf32>, tensor<6x8xf32>) {
  %y:3 = gir.kernel "attention" (%a = %m : tensor<6x4xf32>, %b = %l : tensor<6x4xf32>, %c = %o : tensor<6x4x8xf32>) -> (tensor<6xf32>, tensor<6xf32>, tensor<6x8xf32>) {
    %ar = gir.move %a : tensor<6x4xf32, #gir.at<dram>> -> !s
    %br = gir.move %b : tensor<6x4xf32, #gir.at<dram>> -> !s
    %cr = gir.move %c : tensor<6x4x8xf32, #gir.at<dram>> -> !o
    %lowest = arith.constant dense<-1.0e+30> : !rs
    %zero = arith.constant dense<0.0> : !rs
    %zeros = arith.constant dense<0.0> : !ro
    %r:3 = gir.reduce %ar, %br, %cr into %lowest, %zero, %zeros dims [1] combiner <commutative> identity [-1.0e+30 : f32, 0.0 : f32, 0.0 : f32] {
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
    } : !s, !s, !o into !rs, !rs, !ro
    %x0 = gir.move %r#0 : !rs -> tensor<6xf32, #gir.at<dram>>
    %x1 = gir.move %r#1 : !rs -> tensor<6xf32, #gir.at<dram>>
    %x2 = gir.move %r#2 : !ro -> tensor<6x8xf32, #gir.at<dram>>
    gir.return %x0, %x1, %x2 : tensor<6xf32, #gir.at<dram>>, tensor<6xf32, #gir.at<dram>>, tensor<6x8xf32, #gir.at<dram>>
  }
  return %y#0, %y#1, %y#2 : tensor<6xf32>, tensor<6xf32>, tensor<6x8xf32>
}
