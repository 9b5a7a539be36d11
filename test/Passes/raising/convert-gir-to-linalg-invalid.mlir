// RUN: %pf-opt %s --convert-gir-to-linalg --split-input-file --verify-diagnostics

// Where elements may meet in one place, tensor.scatter has no meaning.
func.func @histogram(%v: tensor<4xi32>, %i: tensor<4xindex>, %d: tensor<10xi32>) -> tensor<10xi32> {
  %0 = gir.kernel "histogram" (%a = %v : tensor<4xi32>, %b = %i : tensor<4xindex>, %c = %d : tensor<10xi32>) -> (tensor<10xi32>) {
    %1 = gir.move %a : tensor<4xi32, #gir.at<dram>> -> tensor<4xi32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4xindex, #gir.at<dram>> -> tensor<4xindex, #gir.at<reg>>
    %3 = gir.move %c : tensor<10xi32, #gir.at<dram>> -> tensor<10xi32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<10xi32, #gir.at<reg>> -> tensor<10xi32, #gir.at<dram>>
    // expected-error @+2 {{'gir.scatter' whose elements may meet has no equivalent in linalg}}
    // expected-note @+1 {{help: mark it {unique} where no two go to one place}}
    %5 = gir.scatter %1 into %4[%2] kind <add> : tensor<4xi32, #gir.at<reg>> into tensor<10xi32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<10xi32, #gir.at<dram>>
    gir.return %5 : tensor<10xi32, #gir.at<dram>>
  }
  return %0 : tensor<10xi32>
}

// -----

// A combiner of tensors, as attention's, has payload that a body of scalars can't hold.
func.func @payload(%s: tensor<4x8xf32>, %o: tensor<4x8x16xf32>, %i: tensor<4xf32>, %j: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %0 = gir.kernel "payload" (%a = %s : tensor<4x8xf32>, %b = %o : tensor<4x8x16xf32>, %c = %i : tensor<4xf32>, %d = %j : tensor<4x16xf32>) -> (tensor<4x16xf32>) {
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4x8x16xf32, #gir.at<dram>> -> tensor<4x8x16xf32, #gir.at<reg>>
    %3 = gir.move %c : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %d : tensor<4x16xf32, #gir.at<dram>> -> tensor<4x16xf32, #gir.at<reg>>
    // expected-error @+2 {{'gir.reduce' whose elements are tensors has no equivalent in linalg}}
    // expected-note @+1 {{help: make the payload's dimensions those of all inputs}}
    %5:2 = gir.reduce %1, %2 into %3, %4 dims [1] combiner {
    ^bb0(%x: f32, %y: tensor<16xf32, #gir.at<reg>>, %p: f32, %q: tensor<16xf32, #gir.at<reg>>):
      %m = arith.addf %x, %p : f32
      %n = arith.addf %y, %q : tensor<16xf32, #gir.at<reg>>
      gir.yield %m, %n : f32, tensor<16xf32, #gir.at<reg>>
    } : tensor<4x8xf32, #gir.at<reg>>, tensor<4x8x16xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>, tensor<4x16xf32, #gir.at<reg>>
    %6 = gir.move %5#1 : tensor<4x16xf32, #gir.at<reg>> -> tensor<4x16xf32, #gir.at<dram>>
    gir.return %6 : tensor<4x16xf32, #gir.at<dram>>
  }
  return %0 : tensor<4x16xf32>
}

// -----

// Tile form is past where linalg could say it.
func.func @tiles(%x: memref<64xf32>, %y: memref<64xf32>) {
  // expected-error @+2 {{'gir.kernel' in tile form has no equivalent in linalg}}
  // expected-note @+1 {{help: convert kernels in graph form, before gir-tile}}
  gir.kernel "copy" (%a = %x : memref<64xf32>, %b = %y : memref<64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %t = gir.load %a[%c0] : memref<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    gir.store %t, %b[%c0] : tensor<64xf32, #gir.at<reg>>, memref<64xf32, #gir.at<dram>>
  }
  return
}
