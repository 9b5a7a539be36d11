// The same in tile form: the units of a group hold a row between them and combine it through all_reduce.
func.func @softmax(%x: memref<3x256xf32>, %y: memref<3x256xf32>) {
  gir.kernel "softmax" (%a = %x : memref<3x256xf32>, %b = %y : memref<3x256xf32>) -> () {
    %c3 = arith.constant 3 : index
    %c4 = arith.constant 4 : index
    %lowest = arith.constant dense<0xFF800000> : tensor<1xf32, #gir.at<reg>>
    %zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c3) {
      gir.parallel <unit> (%u) in (%c4) {
        %o = affine.apply affine_map<(u) -> (u * 64)>(%u)
        %0 = gir.load %a[%g, %o] : memref<3x256xf32, #gir.at<dram>> -> tensor<1x64xf32, #gir.at<reg>>
        %p = gir.reduce %0 into %lowest dims [1] kinds [#vector.kind<maximumf>] : tensor<1x64xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
        %m = gir.all_reduce <group> %p kinds [#vector.kind<maximumf>] : tensor<1xf32, #gir.at<reg>>
        %mb = gir.broadcast %m dims [1] : tensor<1xf32, #gir.at<reg>> -> tensor<1x64xf32, #gir.at<reg>>
        %c = arith.subf %0, %mb : tensor<1x64xf32, #gir.at<reg>>
        %e = math.exp %c : tensor<1x64xf32, #gir.at<reg>>
        %s = gir.reduce %e into %zero dims [1] kinds [#vector.kind<add>] : tensor<1x64xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
        %l = gir.all_reduce <group> %s kinds [#vector.kind<add>] : tensor<1xf32, #gir.at<reg>>
        %lb = gir.broadcast %l dims [1] : tensor<1xf32, #gir.at<reg>> -> tensor<1x64xf32, #gir.at<reg>>
        %q = arith.divf %e, %lb : tensor<1x64xf32, #gir.at<reg>>
        gir.store %q, %b[%g, %o] : tensor<1x64xf32, #gir.at<reg>>, memref<3x256xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}
