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

// -----

// Beyond any register file.
func.func @large(%x: memref<1x32768xf32>) {
  gir.kernel "large" (%a = %x : memref<1x32768xf32>) -> () {
    %c0 = arith.constant 0 : index
    // expected-error @+2 {{a tile of 131072 bytes in 1 rows can't be lowered to the CPU}}
    // expected-note @+1 {{help: expected at most 65536 bytes and 4096 rows: use smaller steps}}
    %0 = gir.load %a[%c0, %c0] : memref<1x32768xf32, #gir.at<dram>> -> tensor<1x32768xf32, #gir.at<reg>>
    gir.store %0, %a[%c0, %c0] : tensor<1x32768xf32, #gir.at<reg>>, memref<1x32768xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Units that meet are emitted one by one.
func.func @many() {
  gir.kernel "many" () -> () {
    %c65 = arith.constant 65 : index
    gir.parallel <group> () in () {
      // expected-error @+2 {{65 units that meet can't be lowered to the CPU}}
      // expected-note @+1 {{help: expected at most 64: take fewer units, or let them run apart}}
      gir.parallel <unit> (%u) in (%c65) {
        gir.sync <group>
      }
    }
    gir.return
  }
  return
}

// -----

// A token has no storage by which a caller could hand it over.
// expected-error @+2 {{expected memrefs and numbers at the border of a function, got !gir.token}}
// expected-note @+1 {{help: values of other types stay within a function; wait for a token where it is made}}
func.func @token(%t: !gir.token) {
  gir.wait %t
  return
}
