// The same in tile form, for any row length up to the bound: the row is staged, its exponentials wait in a buffer.
#part = affine_map<(j)[n] -> (16, n - j)>
#row = affine_map<(g, k) -> (g * 4 + k)>
#rows = affine_map<(g)[m] -> (4, m - g * 4)>
#groups = affine_map<()[m] -> (m ceildiv 4)>
func.func @softmax(%x: memref<?x?xf32>, %y: memref<?x?xf32>) {
  gir.kernel "softmax" (%a = %x : memref<?x?xf32>, %b = %y : memref<?x?xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %m = memref.dim %a, %c0 : memref<?x?xf32, #gir.at<dram>>
    %n = memref.dim %a, %c1 : memref<?x?xf32, #gir.at<dram>>
    %groups = affine.apply #groups()[%m]
    %lowest = arith.constant dense<0xFF800000> : tensor<1xf32, #gir.at<reg>>
    %zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%groups) {
      %es = gir.alloc sizes(%n) upto [65536] : memref<1x?xf32, #gir.at<sram>>
      %rows = affine.min #rows(%g)[%m]
      scf.for %k = %c0 to %rows step %c1 {
        %i = affine.apply #row(%g, %k)
        %xs = gir.stage %a[%i, %c0] [1, %n] upto [65536] : memref<?x?xf32, #gir.at<dram>> -> memref<1x?xf32, #gir.at<sram>>
        %max = scf.for %j = %c0 to %n step %c16 iter_args(%p = %lowest) -> (tensor<1xf32, #gir.at<reg>>) {
          %v = affine.min #part(%j)[%n]
          %0 = gir.load %xs[%c0, %j] valid [%c1, %v] : memref<1x?xf32, #gir.at<sram>> -> tensor<1x16xf32, #gir.at<reg>>
          %r = gir.reduce %0 into %p dims [1] valid [%c1, %v] kinds [#vector.kind<maximumf>] : tensor<1x16xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
          scf.yield %r : tensor<1xf32, #gir.at<reg>>
        }
        %sum = scf.for %j = %c0 to %n step %c16 iter_args(%p = %zero) -> (tensor<1xf32, #gir.at<reg>>) {
          %v = affine.min #part(%j)[%n]
          %1 = gir.load %xs[%c0, %j] valid [%c1, %v] : memref<1x?xf32, #gir.at<sram>> -> tensor<1x16xf32, #gir.at<reg>>
          %mb = gir.broadcast %max dims [1] : tensor<1xf32, #gir.at<reg>> -> tensor<1x16xf32, #gir.at<reg>>
          %c = arith.subf %1, %mb : tensor<1x16xf32, #gir.at<reg>>
          %e = math.exp %c : tensor<1x16xf32, #gir.at<reg>>
          gir.store %e, %es[%c0, %j] valid [%c1, %v] : tensor<1x16xf32, #gir.at<reg>>, memref<1x?xf32, #gir.at<sram>>
          %r = gir.reduce %e into %p dims [1] valid [%c1, %v] kinds [#vector.kind<add>] : tensor<1x16xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
          scf.yield %r : tensor<1xf32, #gir.at<reg>>
        }
        scf.for %j = %c0 to %n step %c16 {
          %v = affine.min #part(%j)[%n]
          %2 = gir.load %es[%c0, %j] valid [%c1, %v] : memref<1x?xf32, #gir.at<sram>> -> tensor<1x16xf32, #gir.at<reg>>
          %lb = gir.broadcast %sum dims [1] : tensor<1xf32, #gir.at<reg>> -> tensor<1x16xf32, #gir.at<reg>>
          %q = arith.divf %2, %lb : tensor<1x16xf32, #gir.at<reg>>
          gir.store %q, %b[%i, %j] valid [%c1, %v] nontemporal : tensor<1x16xf32, #gir.at<reg>>, memref<?x?xf32, #gir.at<dram>>
        }
      }
    }
    gir.return
  }
  return
}
