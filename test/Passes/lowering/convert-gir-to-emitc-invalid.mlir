// RUN: %pf-opt %s --convert-gir-to-emitc --split-input-file --verify-diagnostics

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

// No stack holds an array of this size.
func.func @large(%x: memref<1024x1024xf32>) {
  gir.kernel "large" (%a = %x : memref<1024x1024xf32>) -> () {
    %c0 = arith.constant 0 : index
    // expected-error @+2 {{a tile of 4194304 bytes can't be lowered to C}}
    // expected-note @+1 {{help: expected at most 1048576 bytes: use smaller steps}}
    %0 = gir.load %a[%c0, %c0] : memref<1024x1024xf32, #gir.at<dram>> -> tensor<1024x1024xf32, #gir.at<reg>>
    %1 = gir.permute %0 [1, 0] : tensor<1024x1024xf32, #gir.at<reg>> -> tensor<1024x1024xf32, #gir.at<reg>>
    gir.store %1, %a[%c0, %c0] : tensor<1024x1024xf32, #gir.at<reg>>, memref<1024x1024xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Units that meet are written out one by one.
func.func @meeting(%n: index) {
  gir.kernel "meet" (%k = %n : index) -> () {
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      // expected-error @+2 {{units that meet can't be lowered to C unless their number is a constant}}
      // expected-note @+1 {{help: give the count by arith.constant in the kernel}}
      gir.parallel <unit> (%u) in (%k) {
        gir.sync <group>
      }
    }
    gir.return
  }
  return
}

// -----

// What is dealt out to threads can't wait for other groups.
func.func @groups(%x: memref<4xf32>) {
  gir.kernel "meet" (%a = %x : memref<4xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    gir.parallel <cluster> (%c) in (%c2) {
      // expected-error @+2 {{groups that meet can't be lowered to C where each has memory at sram}}
      // expected-note @+1 {{help: keep it at dram, or let groups run apart}}
      gir.parallel <group> (%g) in (%c2) attributes {gir.scratch = {cache = 16 : i64}} {
        %b = gir.alloc {gir.offset = 0 : i64} : memref<4xf32, #gir.at<sram>>
        gir.parallel <unit> (%u) in (%c2) {
          %0 = gir.load %a[%c0] : memref<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
          gir.store %0, %b[%c0] : tensor<4xf32, #gir.at<reg>>, memref<4xf32, #gir.at<sram>>
          gir.sync <cluster>
        }
      }
    }
    gir.return
  }
  return
}
