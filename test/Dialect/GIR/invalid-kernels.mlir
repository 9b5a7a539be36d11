// RUN: %pf-opt %s --split-input-file --verify-diagnostics

func.func @kernel_c1_number(%x: tensor<8xf32>) {
  // expected-error @+1 {{expected one block argument per input, got 0 and 1}}
  "gir.kernel"(%x) <{operandSegmentSizes = array<i32: 1, 0>}> ({
    "gir.return"() : () -> ()
  }) : (tensor<8xf32>) -> ()
  return
}

// -----

func.func @kernel_c1_type(%x: tensor<8xf32>) {
  // expected-error @+1 {{expected block argument 0 of type 'tensor<8xf32, #gir.at<dram>>', got 'tensor<8xf32>'}}
  "gir.kernel"(%x) <{operandSegmentSizes = array<i32: 1, 0>}> ({
  ^bb0(%a: tensor<8xf32>):
    "gir.return"() : () -> ()
  }) : (tensor<8xf32>) -> ()
  return
}

// -----

func.func @kernel_c2_number() -> tensor<8xf32> {
  // expected-error @+1 {{expected 1 values to be returned, got 0}}
  %0 = gir.kernel "k" () -> (tensor<8xf32>) {
    gir.return
  }
  return %0 : tensor<8xf32>
}

// -----

func.func @kernel_c2_shape(%x: tensor<8xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected returned value 0 to have shape and element type of 'tensor<4xf32>', got 'tensor<8xf32, #gir.at<dram>>'}}
  %0 = gir.kernel "k" (%a = %x : tensor<8xf32>) -> (tensor<4xf32>) {
    gir.return %a : tensor<8xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}

// -----

func.func @kernel_c2_element(%x: tensor<8xf32>) -> tensor<8xf16> {
  // expected-error @+1 {{expected returned value 0 to have shape and element type of 'tensor<8xf16>', got 'tensor<8xf32, #gir.at<dram>>'}}
  %0 = gir.kernel "k" (%a = %x : tensor<8xf32>) -> (tensor<8xf16>) {
    gir.return %a : tensor<8xf32, #gir.at<dram>>
  }
  return %0 : tensor<8xf16>
}

// -----

func.func @kernel_c3(%x: tensor<?x8x?xf32>, %n: index) -> tensor<?x8x?xf32> {
  // expected-error @+1 {{expected one size per dynamic dimension of the results, got 1 for 2}}
  %0 = gir.kernel "k" (%a = %x : tensor<?x8x?xf32>) sizes(%n) -> (tensor<?x8x?xf32>) {
    gir.return %a : tensor<?x8x?xf32, #gir.at<dram>>
  }
  return %0 : tensor<?x8x?xf32>
}

// -----

func.func @kernel_c4(%x: tensor<8xf32>) {
  gir.kernel "k" (%a = %x : tensor<8xf32>) -> () {
    // expected-error @+1 {{expected tensors at reg to compute on, got 'tensor<8xf32, #gir.at<dram>>'}}
    %0 = math.absf %a : tensor<8xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

// Also in what is nested, and where the tensor has no place at all.
func.func @kernel_c4_nested(%n: index) {
  gir.kernel "k" (%k = %n : index) -> () {
    gir.parallel <group> (%i) in (%k) {
      // expected-error @+1 {{expected tensors at reg to compute on, got 'tensor<8xf32>'}}
      %0 = arith.constant dense<0.0> : tensor<8xf32>
    }
  }
  return
}

// -----

func.func @kernel_c4_unranked(%x: tensor<*xf32>) {
  gir.kernel "k" (%a = %x : tensor<*xf32>) -> () {
    // expected-error @+1 {{expected tensors at reg to compute on, got 'tensor<*xf32>'}}
    %0 = math.absf %a : tensor<*xf32>
    gir.return
  }
  return
}

// -----

func.func @kernel_c5(%x: tensor<8xf32>) {
  // expected-error @+1 {{expected results without encoding, got 'tensor<8xf32, #gir.at<dram>>'}}
  %0 = gir.kernel "k" (%a = %x : tensor<8xf32>) -> (tensor<8xf32, #gir.at<dram>>) {
    gir.return %a : tensor<8xf32, #gir.at<dram>>
  }
  return
}

// -----

func.func @kernel_is_isolated(%x: tensor<8xf32, #gir.at<dram>>) {
  // expected-note @+1 {{required by region isolation constraints}}
  gir.kernel "k" () -> () {
    // expected-error @+1 {{using value defined outside the region}}
    %0 = gir.move %x : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

func.func @kernel_without_region() {
  // expected-error @+1 {{'gir.kernel' op requires one region}}
  "gir.kernel"() <{operandSegmentSizes = array<i32: 0, 0>}> : () -> ()
  return
}

// -----

func.func @kernel_without_block() {
  // expected-error @+1 {{region #0 ('body') failed to verify constraint: region with 1 blocks}}
  "gir.kernel"() <{operandSegmentSizes = array<i32: 0, 0>}> ({}) : () -> ()
  return
}

// -----

func.func @kernel_segments(%x: tensor<8xf32>) {
  // expected-error @+1 {{operand count (1) does not match with the total size (2) specified in attribute 'operandSegmentSizes'}}
  "gir.kernel"(%x) <{operandSegmentSizes = array<i32: 2, 0>}> ({
    "gir.return"() : () -> ()
  }) : (tensor<8xf32>) -> ()
  return
}

// -----

func.func @kernel_name_twice() {
  // expected-error @+1 {{'kernel_name' occurs more than once}}
  gir.kernel "a" () -> () attributes {kernel_name = "b"} {
    gir.return
  }
  return
}

// -----

func.func @kernel_c6_pass(%x: tensor<8xf32>) {
  gir.kernel "k" (%a = %x : tensor<8xf32>) -> () {
    // expected-error @+1 {{'gir.move' op expected neither pass nor over in a kernel without a nest}}
    %0 = gir.move %a pass 1 : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

func.func @kernel_c6_over(%x: tensor<8xf32>) {
  gir.kernel "k" (%a = %x : tensor<8xf32>) -> () {
    // expected-error @+1 {{'gir.move' op expected neither pass nor over in a kernel without a nest}}
    %0 = gir.move %a over ["r"] : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

func.func @kernel_c6_gather(%x: tensor<8xf32>) {
  gir.kernel "k" (%a = %x : tensor<8xf32>) -> () {
    %0 = gir.iota dim 0 : tensor<8xindex, #gir.at<reg>>
    // expected-error @+1 {{'gir.gather' op expected neither pass nor over in a kernel without a nest}}
    %1 = gir.gather %a[%0] pass 2 : tensor<8xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>] -> tensor<8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

func.func @kernel_c7(%x: memref<8xf32>, %i: index) {
  gir.kernel "k" (%a = %x : memref<8xf32>, %j = %i : index) nest <[r = 8 : 8 : 8 : 8]> -> () {
    // expected-error @+1 {{'gir.load' op expected graph form in a kernel with a nest, got 'memref<8xf32, #gir.at<dram>>'}}
    %0 = gir.load %a[%j] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

func.func @kernel_c8_load(%x: tensor<8xf32>) {
  gir.kernel "k" (%a = %x : tensor<8xf32>) nest <[r = 8 : 8 : 8 : 8]> -> () {
    // expected-error @+1 {{expected 'over' on a move from or to dram in a kernel with a nest, got none}}
    %0 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

func.func @kernel_c8_store(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = gir.kernel "k" (%a = %x : tensor<8xf32>) nest <[r = 8 : 8 : 8 : 8]> -> (tensor<8xf32>) {
    %0 = gir.move %a over ["r"] : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    // expected-error @+1 {{expected 'over' on a move from or to dram in a kernel with a nest, got none}}
    %1 = gir.move %0 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %1 : tensor<8xf32, #gir.at<dram>>
  }
  return %y : tensor<8xf32>
}

// -----

func.func @kernel_c8_name(%x: tensor<8xf32>) {
  gir.kernel "k" (%a = %x : tensor<8xf32>) nest <[r = 8 : 8 : 8 : 8]> -> () {
    // expected-error @+1 {{expected to run over dimensions of the nest, got "c" with nest #gir.nest<[r = 8 : 8 : 8 : 8]>}}
    %0 = gir.move %a over ["c"] : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

// What is read may be wider than the dimension, for windows; what is written isn't.
func.func @kernel_c8_size(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = gir.kernel "k" (%a = %x : tensor<8xf32>) nest <[r = 6 : 6 : 6 : 6]> -> (tensor<8xf32>) {
    %0 = gir.move %a over ["r"] : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    // expected-error @+1 {{expected dimension 0 of size 6 to run over "r", got 8}}
    %1 = gir.move %0 over ["r"] : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %1 : tensor<8xf32, #gir.at<dram>>
  }
  return %y : tensor<8xf32>
}

// -----

// The maximum of a row is known once the row has been traversed.
func.func @kernel_c9_broadcast(%x: tensor<4x8xf32>, %v: f32) {
  gir.kernel "k" (%a = %x : tensor<4x8xf32>, %w = %v : f32) nest <[r = 4 : 4 : 4 : 1, c = 8 : 8 : 8 : 2], sweep = [c]> -> () {
    %i = tensor.splat %w : tensor<4xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %m = gir.reduce %0 into %i dims [1] kinds [#vector.kind<maximumf>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    // expected-note @+1 {{it is made here}}
    %b = gir.broadcast %m dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    // expected-error @+1 {{expected a value that pass 0 ends with to be used in a later one, got a use in pass 0: bring it there with a gir.move or gir.broadcast of that pass}}
    %1 = arith.subf %0, %b : tensor<4x8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

// It is known in pass 1, but the row isn't there any more.
func.func @kernel_c9_stream(%x: tensor<4x8xf32>, %v: f32) {
  gir.kernel "k" (%a = %x : tensor<4x8xf32>, %w = %v : f32) nest <[r = 4 : 4 : 4 : 1, c = 8 : 8 : 8 : 2], sweep = [c]> -> () {
    // expected-note @+1 {{it is made here}}
    %0 = gir.move %a over ["r", "c"] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.move %a pass 1 over ["r", "c"] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    // expected-error @+1 {{expected a value that runs over swept dimensions in pass 0 to be used in that pass, got a use in pass 1}}
    %2 = arith.subf %1, %0 : tensor<4x8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

func.func @kernel_c9_backwards(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %y = gir.kernel "k" (%a = %x : tensor<4x8xf32>) nest <[r = 4 : 4 : 4 : 1, c = 8 : 8 : 8 : 2], sweep = [c]> -> (tensor<4x8xf32>) {
    // expected-note @+1 {{it is made here}}
    %0 = gir.move %a pass 1 over ["r", "c"] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    // expected-error @+1 {{expected a value of pass 1 to be used in that pass or later, got a use in pass 0}}
    %1 = gir.move %0 over ["r", "c"] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    gir.return %1 : tensor<4x8xf32, #gir.at<dram>>
  }
  return %y : tensor<4x8xf32>
}

// -----

// Dimensions are followed through a transposition.
func.func @kernel_c9_permute(%x: tensor<4x8xf32>, %v: f32) {
  gir.kernel "k" (%a = %x : tensor<4x8xf32>, %w = %v : f32) nest <[r = 4 : 4 : 4 : 1, c = 8 : 8 : 8 : 2], sweep = [c]> -> () {
    %i = tensor.splat %w : tensor<4xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %t = gir.permute %0 [1, 0] : tensor<4x8xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
    %m = gir.reduce %t into %i dims [0] kinds [#vector.kind<maximumf>] : tensor<8x4xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    // expected-note @+1 {{it is made here}}
    %b = gir.broadcast %m dims [0] : tensor<4xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
    // expected-error @+1 {{expected a value that pass 0 ends with to be used in a later one}}
    %1 = arith.subf %t, %b : tensor<8x4xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

// A contraction over a swept dimension ends its pass, and what is computed from it alone is there as late.
#lhs = affine_map<(r, n, c) -> (r, c)>
#rhs = affine_map<(r, n, c) -> (c, n)>
#out = affine_map<(r, n, c) -> (r, n)>
func.func @kernel_c9_contract(%x: tensor<4x8xf32>, %y: tensor<8x2xf32>, %v: f32) {
  gir.kernel "k" (%a = %x : tensor<4x8xf32>, %b = %y : tensor<8x2xf32>, %w = %v : f32) nest <[r = 4 : 4 : 4 : 1, c = 8 : 8 : 8 : 2], sweep = [c]> -> () {
    %z = tensor.splat %w : tensor<4x2xf32, #gir.at<reg>>
    %zero = tensor.splat %w : tensor<4xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.move %b over ["c", ""] : tensor<8x2xf32, #gir.at<dram>> -> tensor<8x2xf32, #gir.at<reg>>
    %2 = gir.contract %0, %1 into %z maps [#lhs, #rhs, #out] : tensor<4x8xf32, #gir.at<reg>>, tensor<8x2xf32, #gir.at<reg>> into tensor<4x2xf32, #gir.at<reg>>
    %s = gir.reduce %2 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x2xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    // expected-note @+1 {{it is made here}}
    %m = gir.broadcast %s dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    // expected-error @+1 {{expected a value that pass 0 ends with to be used in a later one, got a use in pass 0}}
    %3 = arith.subf %0, %m : tensor<4x8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

// Running sums are there in their pass; the sum of all is there when that has ended.
func.func @kernel_c9_scan(%x: tensor<4x8xf32>, %v: f32) {
  gir.kernel "k" (%a = %x : tensor<4x8xf32>, %w = %v : f32) nest <[r = 4 : 4 : 4 : 1, c = 8 : 8 : 8 : 2], sweep = [c]> -> () {
    %z = tensor.splat %w : tensor<4xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %y, %c = gir.scan %0 into %z dim 1 kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %1 = arith.subf %0, %y : tensor<4x8xf32, #gir.at<reg>>
    // expected-note @+1 {{it is made here}}
    %m = gir.broadcast %c dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
    // expected-error @+1 {{expected a value that pass 0 ends with to be used in a later one, got a use in pass 0}}
    %2 = arith.divf %1, %m : tensor<4x8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

// Also through slices, windows and pads.
func.func @kernel_c9_views(%x: tensor<4x8xf32>, %v: f32) {
  gir.kernel "k" (%a = %x : tensor<4x8xf32>, %w = %v : f32) nest <[r = 4 : 4 : 4 : 1, c = 8 : 8 : 8 : 2], sweep = [c]> -> () {
    %0 = gir.move %a over ["r", "c"] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %1 = gir.slice %0 [0, 1] [1, 6] [1, 1] drop [0] : tensor<4x8xf32, #gir.at<reg>> -> tensor<6xf32, #gir.at<reg>>
    %2 = gir.pad %1 low [1] high [1] value %w : tensor<6xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<reg>>
    // expected-note @+1 {{it is made here}}
    %3 = gir.window %2 dims [0] sizes [3] strides [1] dilations [1] : tensor<8xf32, #gir.at<reg>> -> tensor<6x3xf32, #gir.at<reg>>
    %4 = gir.move %a pass 1 over ["r", "c"] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %5 = gir.slice %4 [0, 1] [1, 6] [1, 1] drop [0] : tensor<4x8xf32, #gir.at<reg>> -> tensor<6xf32, #gir.at<reg>>
    %6 = gir.broadcast %5 dims [1] pass 1 : tensor<6xf32, #gir.at<reg>> -> tensor<6x3xf32, #gir.at<reg>>
    // expected-error @+1 {{expected a value that runs over swept dimensions in pass 0 to be used in that pass, got a use in pass 1}}
    %7 = arith.subf %6, %3 : tensor<6x3xf32, #gir.at<reg>>
    gir.return
  }
  return
}
