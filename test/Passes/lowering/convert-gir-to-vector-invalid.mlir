// RUN: %pf-opt %s --convert-gir-to-vector --split-input-file --verify-diagnostics

// Lowering follows tiling.
// expected-error @+2 {{a function of tensors can't be lowered}}
// expected-note @+1 {{help: run gir-tile first}}
func.func @graph_form(%x: tensor<4xf32>) -> tensor<4xf32> {
  %r = gir.kernel "view" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>) {
    gir.return %a : tensor<4xf32, #gir.at<dram>>
  }
  return %r : tensor<4xf32>
}

// -----

// The function becomes the program's one entry.
func.func @one() {
  return
}
// expected-error @+2 {{expected one public function with a body, got several}}
// expected-note @+1 {{help: inline the others first, by --inline --symbol-dce, or make them private}}
func.func @two() {
  return
}
