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

func.func @return_c1() {
  // expected-error @+1 {{'gir.return' op expects parent op 'gir.kernel'}}
  gir.return
}

// -----

func.func @return_of_reg(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = gir.kernel "k" (%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    %1 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    // expected-error @+1 {{operand #0 must be variadic of tensor at dram, but got 'tensor<8xf32, #gir.at<reg>>'}}
    gir.return %1 : tensor<8xf32, #gir.at<reg>>
  }
  return %0 : tensor<8xf32>
}

// -----

func.func @parallel_c1_number(%n: index) {
  gir.kernel "k" (%k = %n : index) -> () {
    // expected-error @+1 {{expected one index argument per count, got ('index') for 2}}
    gir.parallel <group> (%i) in (%k, %k) {
    }
  }
  return
}

// -----

func.func @parallel_c1_type(%n: index) {
  gir.kernel "k" (%k = %n : index) -> () {
    // expected-error @+1 {{expected one index argument per count, got ('i32') for 1}}
    "gir.parallel"(%k) <{scope = #gir.scope<group>}> ({
    ^bb0(%i: i32):
      "gir.yield"() : () -> ()
    }) : (index) -> ()
  }
  return
}

// -----

func.func @parallel_c2_same(%n: index) {
  gir.kernel "k" (%k = %n : index) -> () {
    gir.parallel <group> (%i) in (%k) {
      // expected-error @+1 {{expected a scope finer than group, got group}}
      gir.parallel <group> (%j) in (%k) {
      }
    }
  }
  return
}

// -----

// However many loops lie between.
func.func @parallel_c2_coarser(%n: index) {
  gir.kernel "k" (%k = %n : index) -> () {
    gir.parallel <unit> (%i) in (%k) {
      scf.for %l = %i to %k step %k {
        // expected-error @+1 {{expected a scope finer than unit, got device}}
        gir.parallel <device> (%j) in (%k) {
        }
      }
    }
  }
  return
}

// -----

func.func @parallel_c3(%n: index) {
  // expected-error @+1 {{'gir.parallel' op expected to stand in a gir.kernel, got none around it}}
  gir.parallel <group> (%i) in (%n) {
  }
  return
}

// -----

func.func @parallel_without_scope(%n: index) {
  gir.kernel "k" (%k = %n : index) -> () {
    // expected-error @+1 {{'gir.parallel' op requires attribute 'scope'}}
    "gir.parallel"(%k) ({
    ^bb0(%i: index):
      "gir.yield"() : () -> ()
    }) : (index) -> ()
  }
  return
}

// -----

func.func @yield_c1() {
  // expected-error @+1 {{'gir.yield' op expects parent op to be one of 'gir.parallel, gir.reduce, gir.scan, gir.all_reduce, gir.alternatives'}}
  gir.yield
}

// -----

func.func @yield_c2(%n: index) {
  gir.kernel "k" (%k = %n : index) -> () {
    gir.parallel <group> (%i) in (%k) {
      // expected-error @+1 {{expected no operands in a gir.parallel, got 1}}
      gir.yield %i : index
    }
  }
  return
}
