// The first stage in tile form, its partial sums added up by a second group loop of the same function.
func.func @column_sum(%x: memref<64x48xf32>, %y: memref<48xf32>) {
  %p = memref.alloc() : memref<8x48xf32>
  gir.kernel "column_sum_1" (%a = %x : memref<64x48xf32>, %b = %p : memref<8x48xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c8 = arith.constant 8 : index
    %zero = arith.constant dense<0.0> : tensor<16xf32, #gir.at<reg>>
    gir.parallel <group> (%s, %g) in (%c8, %c3) {
      %c = affine.apply affine_map<(g) -> (g * 16)>(%g)
      %sum = scf.for %k = %c0 to %c8 step %c1 iter_args(%acc = %zero) -> (tensor<16xf32, #gir.at<reg>>) {
        %r = affine.apply affine_map<(s, k) -> (s * 8 + k)>(%s, %k)
        %0 = gir.load %a[%r, %c] : memref<64x48xf32, #gir.at<dram>> -> tensor<1x16xf32, #gir.at<reg>>
        %1 = gir.reduce %0 into %acc dims [0] kinds [#vector.kind<add>] : tensor<1x16xf32, #gir.at<reg>> into tensor<16xf32, #gir.at<reg>>
        scf.yield %1 : tensor<16xf32, #gir.at<reg>>
      }
      %row = gir.broadcast %sum dims [0] : tensor<16xf32, #gir.at<reg>> -> tensor<1x16xf32, #gir.at<reg>>
      gir.store %row, %b[%s, %c] : tensor<1x16xf32, #gir.at<reg>>, memref<8x48xf32, #gir.at<dram>>
    }
    gir.return
  }
  gir.kernel "column_sum_2" (%a = %p : memref<8x48xf32>, %b = %y : memref<48xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c3 = arith.constant 3 : index
    %zero = arith.constant dense<0.0> : tensor<16xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c3) {
      %c = affine.apply affine_map<(g) -> (g * 16)>(%g)
      %0 = gir.load %a[%c0, %c] : memref<8x48xf32, #gir.at<dram>> -> tensor<8x16xf32, #gir.at<reg>>
      %1 = gir.reduce %0 into %zero dims [0] kinds [#vector.kind<add>] : tensor<8x16xf32, #gir.at<reg>> into tensor<16xf32, #gir.at<reg>>
      gir.store %1, %b[%c] : tensor<16xf32, #gir.at<reg>>, memref<48xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
