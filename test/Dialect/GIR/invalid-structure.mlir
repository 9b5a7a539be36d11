// RUN: %pf-opt %s --split-input-file --verify-diagnostics

func.func @extern_c1(%x: tensor<8xf32>) {
  // expected-error @+1 {{expected one block argument per input, got 0 and 1}}
  "gir.extern"(%x) <{kernel_name = "e", operandSegmentSizes = array<i32: 1, 0>}> ({
    "gir.return"() : () -> ()
  }) : (tensor<8xf32>) -> ()
  return
}

// -----

func.func @extern_c2() -> tensor<8xf32> {
  // expected-error @+1 {{expected 1 values to be returned, got 0}}
  %0 = gir.extern "e" () -> (tensor<8xf32>) {
    gir.return
  }
  return %0 : tensor<8xf32>
}

// -----

func.func @extern_c3(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+1 {{expected one size per dynamic dimension of the results, got 0 for 1}}
  %0 = gir.extern "e" (%a = %x : tensor<?xf32>) -> (tensor<?xf32>) {
    gir.return %a : tensor<?xf32, #gir.at<dram>>
  }
  return %0 : tensor<?xf32>
}

// -----

func.func @extern_c4(%x: tensor<8xf32>) {
  gir.extern "e" (%a = %x : tensor<8xf32>) -> () {
    // expected-error @+1 {{expected tensors at reg to compute on, got 'tensor<8xf32, #gir.at<dram>>'}}
    %0 = math.absf %a : tensor<8xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// -----

func.func @extern_c5(%x: tensor<8xf32>) {
  // expected-error @+1 {{expected results without encoding, got 'tensor<8xf32, #gir.at<dram>>'}}
  %0 = gir.extern "e" (%a = %x : tensor<8xf32>) -> (tensor<8xf32, #gir.at<dram>>) {
    gir.return %a : tensor<8xf32, #gir.at<dram>>
  }
  return
}

// -----

func.func @extern_c6(%x: tensor<8xf32>) {
  gir.extern "e" (%a = %x : tensor<8xf32>) -> () {
    // expected-error @+1 {{expected neither pass nor over in a kernel without a nest}}
    %0 = gir.move %a over ["r"] : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    gir.return
  }
  return
}

// -----

func.func @extern_c7() {
  // expected-error @+1 {{expected the name of a library routine, got none}}
  gir.extern "" () -> () {
    gir.return
  }
  return
}

// -----

func.func @extern_with_nest() {
  // expected-error @+1 {{expected '->'}}
  gir.extern "e" () nest <[r = 8 : 8 : 8 : 8]> -> () {
    gir.return
  }
  return
}

// -----

func.func @return_c1() {
  // expected-error @+1 {{'gir.return' op expects parent op to be one of 'gir.kernel, gir.extern'}}
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

// -----

func.func @kernel_c1_tokens(%x: tensor<4x!gir.token>) {
  // expected-error @+1 {{'gir.kernel' op expected elements that are floats, index or signless integers of at most 64 bits, got 'tensor<4x!gir.token>'}}
  gir.kernel "tokens" (%a = %x : tensor<4x!gir.token>) -> () {
  }
  return
}

// -----

func.func @kernel_c1_many(%x: tensor<9223372036854775807x8xf32>) {
  // expected-error @+1 {{'gir.kernel' op expected less than 2^60 elements, got 'tensor<9223372036854775807x8xf32>'}}
  gir.kernel "many" (%a = %x : tensor<9223372036854775807x8xf32>) -> () {
  }
  return
}
