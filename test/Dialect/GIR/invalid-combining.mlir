// RUN: %pf-opt %s --split-input-file --verify-diagnostics

func.func @reduce_c2_payload(%x: tensor<4x8xf32, #gir.at<reg>>, %y: tensor<4x9x2xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>, %n: tensor<4x2xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected inputs of one shape, got 'tensor<4x9x2xf32, #gir.at<reg>>' and 'tensor<4x8xf32, #gir.at<reg>>'}}
  %0:2 = gir.reduce %x, %y into %m, %n dims [1] kinds [#vector.kind<add>, #vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>>, tensor<4x9x2xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>, tensor<4x2xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c3_payload(%x: tensor<4x8xf32, #gir.at<reg>>, %y: tensor<4x8x2xf32, #gir.at<reg>>, %m: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected strictly increasing dimensions of 'tensor<4x8xf32, #gir.at<reg>>', got [2]}}
  %0:2 = gir.reduce %x, %y into %m, %m dims [2] kinds [#vector.kind<add>, #vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>>, tensor<4x8x2xf32, #gir.at<reg>> into tensor<4x8xf32, #gir.at<reg>>, tensor<4x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c4_payload(%x: tensor<4x8xf32, #gir.at<reg>>, %y: tensor<4x8x2xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>, %n: tensor<4x3xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected an init of sizes [4, 2], got 'tensor<4x3xf32, #gir.at<reg>>'}}
  %0:2 = gir.reduce %x, %y into %m, %n dims [1] kinds [#vector.kind<add>, #vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>>, tensor<4x8x2xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>, tensor<4x3xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c6_payload(%x: tensor<4x8xf32, #gir.at<reg>>, %y: tensor<4x8x2xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a combiner that takes ('f32', 'tensor<2xf32, #gir.at<reg>>', 'f32'), got ('f32', 'f32', 'f32')}}
  %0 = gir.reduce %x, %y into %m dims [1] combiner {
  ^bb0(%e: f32, %p: f32, %a: f32):
    gir.yield %a : f32
  } : tensor<4x8xf32, #gir.at<reg>>, tensor<4x8x2xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c8_none(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected one identity per accumulator, got 0 for 1}}
  %0 = gir.reduce %x into %m dims [1] combiner <associative> {
  ^bb0(%e: f32, %a: f32):
    gir.yield %a : f32
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c8_ordered(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected no identity of an ordered combiner, got [0.000000e+00 : f32]}}
  %0 = gir.reduce %x into %m dims [1] combiner identity [0.0 : f32] {
  ^bb0(%e: f32, %a: f32):
    gir.yield %a : f32
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c8_type(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected an identity of type 'f32', got 0 : i32}}
  %0 = gir.reduce %x into %m dims [1] combiner <commutative> identity [0 : i32] {
  ^bb0(%e: f32, %a: f32):
    gir.yield %a : f32
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c8_kinds(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected algebra and identity only with a combiner, got them with [#vector.kind<add>]}}
  %0 = "gir.reduce"(%x, %m) <{dims = array<i64: 1>, kinds = [#vector.kind<add>], identity = [0.0 : f32], operandSegmentSizes = array<i32: 1, 1, 0>}> ({}) : (tensor<4x8xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>) -> tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c9(%x: tensor<4x8xf16, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected elements of the accumulators' types ('f32') for a combiner that is associative, got ('f16')}}
  %0 = gir.reduce %x into %m dims [1] combiner <associative> identity [0.0 : f32] {
  ^bb0(%e: f16, %a: f32):
    gir.yield %a : f32
  } : tensor<4x8xf16, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c9_number(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected elements of the accumulators' types ('f32', 'f32') for a combiner that is commutative, got ('f32')}}
  %0:2 = gir.reduce %x into %m, %m dims [1] combiner <commutative> identity [0.0 : f32, 1.0 : f32] {
  ^bb0(%e: f32, %a: f32, %b: f32):
    gir.yield %a, %b : f32, f32
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_algebra(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected ordered, associative or commutative, got 'distributive'}}
  %0 = gir.reduce %x into %m dims [1] combiner <distributive> {} : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
}

// -----

func.func @scan_c1_neither(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected either kinds or a combiner, got neither}}
  %0:2 = gir.scan %x into %m dim 1 : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c1_both(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected either kinds or a combiner, got both}}
  %0:2 = gir.scan %x into %m dim 1 kinds [#vector.kind<add>] combiner {
  ^bb0(%e: f32, %a: f32):
    gir.yield %a : f32
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c2_number(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected at least one input, and one init per input, got 1 and 2}}
  %0:4 = "gir.scan"(%x, %m, %m) <{dim = 1 : i64, kinds = [#vector.kind<add>], operandSegmentSizes = array<i32: 1, 2, 0>}> ({}) : (tensor<4x8xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>) -> (tensor<4x8xf32, #gir.at<reg>>, tensor<4x8xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>)
  return
}

// -----

func.func @scan_c2_none() {
  // expected-error @+1 {{expected at least one input, and one init per input, got 0 and 0}}
  "gir.scan"() <{dim = 1 : i64, kinds = [], operandSegmentSizes = array<i32: 0, 0, 0>}> ({}) : () -> ()
  return
}

// -----

func.func @scan_c2_shapes(%x: tensor<4x8xf32, #gir.at<reg>>, %y: tensor<4x9xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected inputs of one shape, got 'tensor<4x9xf32, #gir.at<reg>>' and 'tensor<4x8xf32, #gir.at<reg>>'}}
  %0:4 = gir.scan %x, %y into %m, %m dim 1 kinds [#vector.kind<add>, #vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>>, tensor<4x9xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c3(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a dimension below 2, got 2}}
  %0:2 = gir.scan %x into %m dim 2 kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c3_negative(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a dimension below 2, got -1}}
  %0:2 = gir.scan %x into %m dim -1 kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c4(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected an init of sizes [8], got 'tensor<4xf32, #gir.at<reg>>'}}
  %0:2 = gir.scan %x into %m dim 0 kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c5_number(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected one kind and one init per input, got 2 and 1 for 1}}
  %0:2 = gir.scan %x into %m dim 1 kinds [#vector.kind<add>, #vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c5_kind(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a kind and an init that suit 'f32', got #vector.kind<and> and 'tensor<4xf32, #gir.at<reg>>'}}
  %0:2 = gir.scan %x into %m dim 1 kinds [#vector.kind<and>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c6(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a combiner that takes ('f32', 'f32'), got ('f16', 'f32')}}
  %0:2 = gir.scan %x into %m dim 1 combiner {
  ^bb0(%e: f16, %a: f32):
    gir.yield %a : f32
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c6_yields(%x: tensor<4x8xf16, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a combiner that yields ('f32'), got ('f16')}}
  %0:2 = gir.scan %x into %m dim 1 combiner {
  ^bb0(%e: f16, %a: f32):
    gir.yield %e : f16
  } : tensor<4x8xf16, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c7(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>, %n: index) {
  // expected-error @+1 {{expected no valid extents or 2, got 1}}
  %0:2 = gir.scan %x into %m dim 1 valid [%n] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c8(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected one identity per accumulator, got 2 for 1}}
  %0:2 = gir.scan %x into %m dim 1 combiner <associative> identity [0.0 : f32, 0.0 : f32] {
  ^bb0(%e: f32, %a: f32):
    gir.yield %a : f32
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c9(%x: tensor<4x8xf16, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected elements of the accumulators' types ('f32') for a combiner that is associative, got ('f16')}}
  %0:2 = gir.scan %x into %m dim 1 combiner <associative> identity [0.0 : f32] {
  ^bb0(%e: f16, %a: f32):
    gir.yield %a : f32
  } : tensor<4x8xf16, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @scan_c10(%x: tensor<4x8xf16, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{inferred type(s) 'tensor<4x8xf32, #gir.at<reg>>', 'tensor<4xf32, #gir.at<reg>>' are incompatible with return type(s) of operation 'tensor<4x8xf16, #gir.at<reg>>', 'tensor<4xf32, #gir.at<reg>>'}}
  %0:2 = "gir.scan"(%x, %m) <{dim = 1 : i64, operandSegmentSizes = array<i32: 1, 1, 0>}> ({
  ^bb0(%e: f16, %a: f32):
    gir.yield %a : f32
  }) : (tensor<4x8xf16, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>) -> (tensor<4x8xf16, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>)
  return
}

// -----

func.func @scan_of_scalar(%x: f32, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected tensors, got 'f32' and 'tensor<4xf32, #gir.at<reg>>'}}
  %0:2 = gir.scan %x into %m dim 1 kinds [#vector.kind<add>] : f32 into tensor<4xf32, #gir.at<reg>>
}

// -----

func.func @all_reduce_c1_neither() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{expected either kinds or a combiner, got neither}}
      %0 = gir.all_reduce <group> %t : tensor<4xf32, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c1_both() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{expected either kinds or a combiner, got both}}
      %0 = gir.all_reduce <group> %t kinds [#vector.kind<add>] combiner <associative> identity [0.0 : f32] {
      ^bb0(%e: f32, %a: f32):
        gir.yield %a : f32
      } : tensor<4xf32, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c2_none() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{expected at least one input, got none}}
      "gir.all_reduce"() <{scope = #gir.scope<group>, kinds = []}> ({}) : () -> ()
    }
  }
  return
}

// -----

func.func @all_reduce_c2_shapes() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+2 {{expected inputs of one shape, got 'tensor<3xf16, #gir.at<reg>>' and 'tensor<4xf32, #gir.at<reg>>'}}
      %s = tensor.empty() : tensor<3xf16, #gir.at<reg>>
      %0:2 = gir.all_reduce <group> %t, %s kinds [#vector.kind<add>, #vector.kind<add>] : tensor<4xf32, #gir.at<reg>>, tensor<3xf16, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c2_results() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{failed to verify that all of {inputs, results} have same type}}
      %0 = "gir.all_reduce"(%t) <{scope = #gir.scope<group>, kinds = [#vector.kind<add>]}> ({}) : (tensor<4xf32, #gir.at<reg>>) -> tensor<4x8xf32, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c3_number() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{expected one kind and one init per input, got 2 and 1 for 1}}
      %0 = gir.all_reduce <group> %t kinds [#vector.kind<add>, #vector.kind<add>] : tensor<4xf32, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c3_kind() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{expected a kind and an init that suit 'f32', got #vector.kind<xor> and 'tensor<4xf32, #gir.at<reg>>'}}
      %0 = gir.all_reduce <group> %t kinds [#vector.kind<xor>] : tensor<4xf32, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c4() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{expected a combiner that takes ('f32', 'f32'), got ('f16', 'f32')}}
      %0 = gir.all_reduce <group> %t combiner <associative> identity [0.0 : f32] {
      ^bb0(%e: f16, %a: f32):
        gir.yield %a : f32
      } : tensor<4xf32, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c4_payload() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{expected a combiner that takes ('f32', 'tensor<2xf16, #gir.at<reg>>', 'f32', 'tensor<2xf16, #gir.at<reg>>'), got ('f32', 'f32')}}
      %0:2 = gir.all_reduce <group> %t, %h combiner <associative> identity [0.0 : f32, 0.0 : f16] {
      ^bb0(%e: f32, %a: f32):
        gir.yield %a : f32
      } : tensor<4xf32, #gir.at<reg>>, tensor<4x2xf16, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c5_ordered() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{expected an associative or commutative combiner, got an ordered one}}
      %0 = gir.all_reduce <group> %t combiner {
      ^bb0(%e: f32, %a: f32):
        gir.yield %a : f32
      } : tensor<4xf32, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c5_identity() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{expected one identity per accumulator, got 0 for 1}}
      %0 = gir.all_reduce <group> %t combiner <associative> {
      ^bb0(%e: f32, %a: f32):
        gir.yield %a : f32
      } : tensor<4xf32, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c6() {
  gir.kernel "k" () -> () {
    gir.parallel <unit> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{expected a scope coarser than a unit, got unit}}
      %0 = gir.all_reduce <unit> %t kinds [#vector.kind<add>] : tensor<4xf32, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c7_scope() {
  gir.kernel "k" () -> () {
    gir.parallel <group> () in () {
      %t = tensor.empty() : tensor<4xf32, #gir.at<reg>>
      %h = tensor.empty() : tensor<4x2xf16, #gir.at<reg>>
      // expected-error @+1 {{expected a gir.parallel <unit> around it, got group}}
      %0 = gir.all_reduce <group> %t kinds [#vector.kind<add>] : tensor<4xf32, #gir.at<reg>>
    }
  }
  return
}

// -----

func.func @all_reduce_c7_none(%t: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a gir.parallel <unit> around it, got none}}
  %0 = gir.all_reduce <group> %t kinds [#vector.kind<add>] : tensor<4xf32, #gir.at<reg>>
  return
}
