// Elements of a vector at given places, in tile form; the last tile is shorter.
func.func @gather(%x: memref<100xf32>, %places: memref<?xindex>, %y: memref<?xf32>) {
  gir.kernel "gather" (%a = %x : memref<100xf32>, %b = %places : memref<?xindex>, %c = %y : memref<?xf32>) -> () {
    %c0 = arith.constant 0 : index
    %n = memref.dim %b, %c0 : memref<?xindex, #gir.at<dram>>
    %groups = affine.apply affine_map<()[n] -> (n ceildiv 16)>()[%n]
    gir.parallel <group> (%g) in (%groups) {
      %o = affine.apply affine_map<(g) -> (g * 16)>(%g)
      %v = affine.min affine_map<(o)[n] -> (16, n - o)>(%o)[%n]
      %i = gir.load %b[%o] valid [%v] : memref<?xindex, #gir.at<dram>> -> tensor<16xindex, #gir.at<reg>>
      %0 = gir.gather %a[%i] : memref<100xf32, #gir.at<dram>>[tensor<16xindex, #gir.at<reg>>] -> tensor<16xf32, #gir.at<reg>>
      gir.store %0, %c[%o] valid [%v] : tensor<16xf32, #gir.at<reg>>, memref<?xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
