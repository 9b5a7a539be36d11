// RUN: %pf-opt %s --gir-tile --split-input-file --verify-diagnostics

// Branches around kernels would need memory whose lifetime depends on them.
// expected-error @+2 {{a function with control flow can't be tiled}}
// expected-note @+1 {{help: expected a function of one block, without branches}}
func.func @branches(%c: i1, %x: tensor<4xf32>) -> tensor<4xf32> {
  cf.cond_br %c, ^one, ^two
^one:
  return %x : tensor<4xf32>
^two:
  return %x : tensor<4xf32>
}

// -----

// Where nothing says how an op is tiled, the message names it.
func.func @unknown(%x: tensor<4xf32>) -> tensor<4xf32> {
  %r = gir.kernel "unknown" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>) {
    %0 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    // expected-error @+2 {{'tensor.cast' can't be tiled}}
    // expected-note @+1 {{help: expected gir, arith and math ops on tensors in a kernel}}
    %1 = tensor.cast %0 : tensor<4xf32, #gir.at<reg>> to tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %2 : tensor<4xf32, #gir.at<dram>>
  }
  return %r : tensor<4xf32>
}
