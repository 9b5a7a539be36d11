// Elements of a vector added to given places of another, in tile form.
func.func @scatter(%x: memref<40xf32>, %places: memref<40xindex>, %y: memref<100xf32>) {
  gir.kernel "scatter" (%a = %x : memref<40xf32>, %b = %places : memref<40xindex>, %c = %y : memref<100xf32>) -> () {
    %c3 = arith.constant 3 : index
    gir.parallel <group> (%g) in (%c3) {
      %o = affine.apply affine_map<(g) -> (g * 16)>(%g)
      %v = affine.min affine_map<(o) -> (16, 40 - o)>(%o)
      %i = gir.load %b[%o] valid [%v] : memref<40xindex, #gir.at<dram>> -> tensor<16xindex, #gir.at<reg>>
      %0 = gir.load %a[%o] valid [%v] : memref<40xf32, #gir.at<dram>> -> tensor<16xf32, #gir.at<reg>>
      gir.scatter %0 into %c[%i] kind <add> valid [%v] : tensor<16xf32, #gir.at<reg>> into memref<100xf32, #gir.at<dram>>[tensor<16xindex, #gir.at<reg>>]
    }
    gir.return
  }
  return
}
