// What upstream's passes may assume of views and computation: passes keep copies apart, and units stay together.
// RUN: %pf-opt %s --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,CSE
// RUN: %pf-opt %s --loop-invariant-code-motion --split-input-file | FileCheck %s --check-prefixes=CHECK,LICM

// Copies and indices of one pass are one; those of another stay another.
// CHECK-LABEL: @passes
// CSE-NEXT:    %[[B:.*]] = gir.broadcast %arg0 dims [0] :
// CSE-NEXT:    %[[LATER:.*]] = gir.broadcast %arg0 dims [0] pass 1 :
// CSE-NEXT:    gir.iota dim 0 :
// CSE-NEXT:    gir.iota dim 0 pass 1 :
// CSE:         return %[[B]], %[[B]], %[[LATER]]
func.func @passes(%x: tensor<4xf32, #gir.at<reg>>) -> (tensor<2x4xf32, #gir.at<reg>>, tensor<2x4xf32, #gir.at<reg>>, tensor<2x4xf32, #gir.at<reg>>) {
  %0 = gir.broadcast %x dims [0] : tensor<4xf32, #gir.at<reg>> -> tensor<2x4xf32, #gir.at<reg>>
  %1 = gir.broadcast %x dims [0] : tensor<4xf32, #gir.at<reg>> -> tensor<2x4xf32, #gir.at<reg>>
  %2 = gir.broadcast %x dims [0] pass 1 : tensor<4xf32, #gir.at<reg>> -> tensor<2x4xf32, #gir.at<reg>>
  %3 = gir.iota dim 0 : tensor<4xindex, #gir.at<reg>>
  %4 = gir.iota dim 0 pass 1 : tensor<4xindex, #gir.at<reg>>
  func.call @use(%3, %4) : (tensor<4xindex, #gir.at<reg>>, tensor<4xindex, #gir.at<reg>>) -> ()
  return %0, %1, %2 : tensor<2x4xf32, #gir.at<reg>>, tensor<2x4xf32, #gir.at<reg>>, tensor<2x4xf32, #gir.at<reg>>
}
func.func private @use(tensor<4xindex, #gir.at<reg>>, tensor<4xindex, #gir.at<reg>>)

// -----

// Scans and contractions leave a loop that repeats them. A collective stays: units meet where it stands.
// CHECK-LABEL: @loop
// LICM:        gir.parallel <unit>
// LICM:          gir.scan
// LICM:          gir.contract
// LICM:          scf.for
// LICM-NEXT:       gir.all_reduce
func.func @loop(%y: memref<8xf32>, %n: index) {
  gir.kernel "k" (%b = %y : memref<8xf32>, %k = %n : index) -> () {
    %zero = arith.constant 0 : index
    gir.parallel <unit> (%u) in (%k) {
      %x = gir.load %b[%u] : memref<8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
      %i = arith.constant dense<0.0> : tensor<f32, #gir.at<reg>>
      scf.for %j = %zero to %k step %k {
        %0, %1 = gir.scan %x into %i dim 0 kinds [#vector.kind<add>] : tensor<4xf32, #gir.at<reg>> into tensor<f32, #gir.at<reg>>
        %2 = gir.contract %x, %0 into %1 maps [affine_map<(k) -> (k)>, affine_map<(k) -> (k)>, affine_map<(k) -> ()>] : tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>> into tensor<f32, #gir.at<reg>>
        %3 = gir.all_reduce <group> %2 kinds [#vector.kind<add>] : tensor<f32, #gir.at<reg>>
        %4 = gir.broadcast %3 dims [0] : tensor<f32, #gir.at<reg>> -> tensor<1xf32, #gir.at<reg>>
        gir.store %4, %b[%u] : tensor<1xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
      }
    }
  }
  return
}
