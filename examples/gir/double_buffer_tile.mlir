// Squares of rows, each copied to one of two buffers while the one before it is worked on.
#next = affine_map<(k) -> ((k + 1) mod 2)>
#this = affine_map<(k) -> (k mod 2)>
func.func @squares(%x: memref<12x64xf32>, %y: memref<12x64xf32>) {
  gir.kernel "squares" (%a = %x : memref<12x64xf32>, %b = %y : memref<12x64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c4 = arith.constant 4 : index
    gir.parallel <group> (%g) in (%c3) {
      %buffer = gir.alloc : memref<2x64xf32, #gir.at<sram>>
      %first = affine.apply affine_map<(g) -> (g * 4)>(%g)
      %t0 = gir.copy %a[%first, %c0], %buffer[%c0, %c0] [1, 64] : memref<12x64xf32, #gir.at<dram>> -> memref<2x64xf32, #gir.at<sram>>
      %last = scf.for %k = %c0 to %c3 step %c1 iter_args(%t = %t0) -> (!gir.token) {
        %row = affine.apply affine_map<(f, k) -> (f + k)>(%first, %k)
        %ahead = affine.apply affine_map<(r) -> (r + 1)>(%row)
        %next = affine.apply #next(%k)
        %this = affine.apply #this(%k)
        %u = gir.copy %a[%ahead, %c0], %buffer[%next, %c0] [1, 64] : memref<12x64xf32, #gir.at<dram>> -> memref<2x64xf32, #gir.at<sram>>
        gir.wait %t
        %0 = gir.load %buffer[%this, %c0] : memref<2x64xf32, #gir.at<sram>> -> tensor<1x64xf32, #gir.at<reg>>
        %1 = arith.mulf %0, %0 : tensor<1x64xf32, #gir.at<reg>>
        gir.store %1, %b[%row, %c0] : tensor<1x64xf32, #gir.at<reg>>, memref<12x64xf32, #gir.at<dram>>
        scf.yield %u : !gir.token
      }
      gir.wait %last
      %row = affine.apply affine_map<(f) -> (f + 3)>(%first)
      %0 = gir.load %buffer[%c1, %c0] : memref<2x64xf32, #gir.at<sram>> -> tensor<1x64xf32, #gir.at<reg>>
      %1 = arith.mulf %0, %0 : tensor<1x64xf32, #gir.at<reg>>
      gir.store %1, %b[%row, %c0] : tensor<1x64xf32, #gir.at<reg>>, memref<12x64xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
