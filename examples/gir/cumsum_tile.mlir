// The same in tile form: the loop carries the sum.
func.func @cumsum(%x: memref<6x?xf32>, %y: memref<6x?xf32>) {
  gir.kernel "cumsum" (%a = %x : memref<6x?xf32>, %b = %y : memref<6x?xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c6 = arith.constant 6 : index
    %c16 = arith.constant 16 : index
    %n = memref.dim %a, %c1 : memref<6x?xf32, #gir.at<dram>>
    %zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>
    gir.parallel <group> (%i) in (%c6) {
      %total = scf.for %j = %c0 to %n step %c16 iter_args(%acc = %zero) -> (tensor<1xf32, #gir.at<reg>>) {
        %v = affine.min affine_map<(j)[n] -> (16, n - j)>(%j)[%n]
        %0 = gir.load %a[%i, %j] valid [%c1, %v] : memref<6x?xf32, #gir.at<dram>> -> tensor<1x16xf32, #gir.at<reg>>
        %s, %t = gir.scan %0 into %acc dim 1 valid [%c1, %v] kinds [#vector.kind<add>] : tensor<1x16xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
        gir.store %s, %b[%i, %j] valid [%c1, %v] : tensor<1x16xf32, #gir.at<reg>>, memref<6x?xf32, #gir.at<dram>>
        scf.yield %t : tensor<1xf32, #gir.at<reg>>
      }
    }
    gir.return
  }
  return
}
