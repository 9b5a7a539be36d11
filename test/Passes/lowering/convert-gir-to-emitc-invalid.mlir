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

// Threads of OpenMP can't wait for one another within a loop that is dealt out.
func.func @meeting(%x: memref<4xf32>) {
  gir.kernel "meet" (%a = %x : memref<4xf32>) -> () {
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    gir.parallel <group> (%g) in (%c1) {
      // expected-error @+2 {{units that meet can't be lowered to C yet}}
      // expected-note @+1 {{help: take one unit per group}}
      gir.parallel <unit> (%u) in (%c4) {
        gir.sync <group>
      }
    }
    gir.return
  }
  return
}

// -----

// A hole of the table says why it is one.
func.func @collective(%x: memref<4xf32>) {
  gir.kernel "sum" (%a = %x : memref<4xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      gir.parallel <unit> (%u) in (%c1) {
        %0 = gir.load %a[%c0] : memref<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
        // expected-error @+2 {{'gir.all_reduce' can't be lowered: units that meet aren't written in C yet}}
        // expected-note @+1 {{help: place the program for a machine with one unit per group}}
        %1 = gir.all_reduce <group> %0 kinds [#vector.kind<add>] : tensor<4xf32, #gir.at<reg>>
        gir.store %1, %a[%c0] : tensor<4xf32, #gir.at<reg>>, memref<4xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}
