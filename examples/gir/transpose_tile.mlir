// Transposition in tile form: units store rows of a block to sram, meet, and load its columns.
#times8 = affine_map<(g) -> (g * 8)>
func.func @transpose(%x: memref<40x24xf32>, %y: memref<24x40xf32>) {
  gir.kernel "transpose" (%a = %x : memref<40x24xf32>, %b = %y : memref<24x40xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c3 = arith.constant 3 : index
    %c5 = arith.constant 5 : index
    %c8 = arith.constant 8 : index
    gir.parallel <group> (%i, %j) in (%c5, %c3) {
      %r = affine.apply #times8(%i)
      %c = affine.apply #times8(%j)
      %block = gir.alloc : memref<8x8xf32, #gir.at<sram>>
      gir.parallel <unit> (%u) in (%c8) {
        %row = affine.apply affine_map<(r, u) -> (r + u)>(%r, %u)
        %0 = gir.load %a[%row, %c] : memref<40x24xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
        gir.store %0, %block[%u, %c0] : tensor<1x8xf32, #gir.at<reg>>, memref<8x8xf32, #gir.at<sram>>
        gir.sync <group>
        %1 = gir.load %block[%c0, %u] : memref<8x8xf32, #gir.at<sram>> -> tensor<8x1xf32, #gir.at<reg>>
        %2 = gir.permute %1 [1, 0] : tensor<8x1xf32, #gir.at<reg>> -> tensor<1x8xf32, #gir.at<reg>>
        %out = affine.apply affine_map<(c, u) -> (c + u)>(%c, %u)
        gir.store %2, %b[%out, %r] : tensor<1x8xf32, #gir.at<reg>>, memref<24x40xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}
