// RUN: %pf-opt %s --gir-tile --split-input-file --verify-diagnostics

// A kernel stores what it gives: a view of an input would be two names for one memory.
func.func @returns_its_input(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+2 {{a kernel that returns a view of its input can't be tiled}}
  // expected-note @+1 {{help: move the value to reg and back first}}
  %r = gir.kernel "view" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>) {
    gir.return %a : tensor<4xf32, #gir.at<dram>>
  }
  return %r : tensor<4xf32>
}

// -----

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
