// RUN: %pf-opt %s --split-input-file --verify-diagnostics

func.func @reduce_c1_neither(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected either kinds or a combiner, got neither}}
  %0 = gir.reduce %x into %m dims [1] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c1_both(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected either kinds or a combiner, got both}}
  %0 = gir.reduce %x into %m dims [1] kinds [#vector.kind<add>] combiner {
  ^bb0(%element: f32, %accumulator: f32):
    gir.yield %element : f32
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c2_none() {
  // expected-error @+1 {{expected at least one input and one init, got 0 and 0}}
  "gir.reduce"() <{dims = array<i64>, kinds = [], operandSegmentSizes = array<i32: 0, 0, 0>}> ({}) : () -> ()
  return
}

// -----

func.func @reduce_c2_shapes(%x: tensor<4x8xf32, #gir.at<reg>>, %y: tensor<4x9xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected inputs of one shape, got 'tensor<4x9xf32, #gir.at<reg>>' and 'tensor<4x8xf32, #gir.at<reg>>'}}
  %0:2 = gir.reduce %x, %y into %m, %m dims [1] kinds [#vector.kind<add>, #vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>>, tensor<4x9xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c3_range(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected strictly increasing dimensions of 'tensor<4x8xf32, #gir.at<reg>>', got [2]}}
  %0 = gir.reduce %x into %m dims [2] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c3_negative(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{got [-1]}}
  %0 = gir.reduce %x into %m dims [-1] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c3_order(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<f32, #gir.at<reg>>) {
  // expected-error @+1 {{got [1, 0]}}
  %0 = gir.reduce %x into %m dims [1, 0] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<f32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c4_sizes(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected an init of sizes [4], got 'tensor<8xf32, #gir.at<reg>>'}}
  %0 = gir.reduce %x into %m dims [1] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c4_result(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{failed to verify that all of {inits, results} have same type}}
  %0 = "gir.reduce"(%x, %m) <{dims = array<i64: 1>, kinds = [#vector.kind<add>], operandSegmentSizes = array<i32: 1, 1, 0>}> ({}) : (tensor<4x8xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>) -> tensor<4xf16, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c4_results(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{failed to verify that all of {inits, results} have same type}}
  "gir.reduce"(%x, %m) <{dims = array<i64: 1>, kinds = [#vector.kind<add>], operandSegmentSizes = array<i32: 1, 1, 0>}> ({}) : (tensor<4x8xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>) -> ()
  return
}

// -----

func.func @reduce_c5_number(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected one kind and one init per input, got 2 and 1 for 1}}
  %0 = gir.reduce %x into %m dims [1] kinds [#vector.kind<add>, #vector.kind<mul>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c5_kind(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a kind and an init that suit 'f32', got #vector.kind<xor> and 'tensor<4xf32, #gir.at<reg>>'}}
  %0 = gir.reduce %x into %m dims [1] kinds [#vector.kind<xor>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c5_integer(%x: tensor<4x8xi32, #gir.at<reg>>, %m: tensor<4xi32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a kind and an init that suit 'i32', got #vector.kind<maxnumf> and 'tensor<4xi32, #gir.at<reg>>'}}
  %0 = gir.reduce %x into %m dims [1] kinds [#vector.kind<maxnumf>] : tensor<4x8xi32, #gir.at<reg>> into tensor<4xi32, #gir.at<reg>>
  return
}

// -----

// A kind folds elements of the input's own type; wider accumulators are a combiner's.
func.func @reduce_c5_init(%x: tensor<4x8xf16, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a kind and an init that suit 'f16', got #vector.kind<add> and 'tensor<4xf32, #gir.at<reg>>'}}
  %0 = gir.reduce %x into %m dims [1] kinds [#vector.kind<add>] : tensor<4x8xf16, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c6_takes(%x: tensor<4x8xf16, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a combiner that takes ('f16', 'f32'), got ('f32', 'f32')}}
  %0 = gir.reduce %x into %m dims [1] combiner {
  ^bb0(%element: f32, %accumulator: f32):
    gir.yield %element : f32
  } : tensor<4x8xf16, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c6_yields(%x: tensor<4x8xf16, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a combiner that yields ('f32'), got ('f16', 'f32')}}
  %0 = gir.reduce %x into %m dims [1] combiner {
  ^bb0(%element: f16, %accumulator: f32):
    gir.yield %element, %accumulator : f16, f32
  } : tensor<4x8xf16, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c6_terminator(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a combiner that ends in gir.yield, got llvm.unreachable}}
  %0 = gir.reduce %x into %m dims [1] combiner {
  ^bb0(%element: f32, %accumulator: f32):
    llvm.unreachable
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

// An empty block has no terminator to look at.
func.func @reduce_c6_empty(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{empty block: expect at least a terminator}}
  %0 = "gir.reduce"(%x, %m) <{dims = array<i64: 1>, operandSegmentSizes = array<i32: 1, 1, 0>}> ({
  ^bb0(%element: f32, %accumulator: f32):
  }) : (tensor<4x8xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>) -> tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c6_blocks(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{region #0 ('combiner') failed to verify constraint: region with at most 1 blocks}}
  %0 = gir.reduce %x into %m dims [1] combiner {
  ^bb0(%element: f32, %accumulator: f32):
    cf.br ^bb1
  ^bb1:
    gir.yield %element : f32
  } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_c7(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>, %v: index) {
  // expected-error @+1 {{expected no valid extents or 2, got 1}}
  %0 = gir.reduce %x into %m dims [1] valid [%v] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @reduce_segments(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{'operandSegmentSizes' attribute cannot have negative elements}}
  %0 = "gir.reduce"(%x, %x) <{dims = array<i64>, kinds = [#vector.kind<add>], operandSegmentSizes = array<i32: -1, 1, 2>}> ({}) : (tensor<4x8xf32, #gir.at<reg>>, tensor<4x8xf32, #gir.at<reg>>) -> tensor<4x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @iota_c1() {
  // expected-error @+1 {{expected a dimension below 2, got 2}}
  %0 = gir.iota dim 2 : tensor<4x8xindex, #gir.at<reg>>
  return
}

// -----

func.func @iota_c1_negative() {
  // expected-error @+1 {{expected a dimension below 2, got -1}}
  %0 = gir.iota dim -1 : tensor<4x8xindex, #gir.at<reg>>
  return
}

// -----

func.func @iota_c2() {
  // expected-error @+1 {{expected elements of type index, got 'i64'}}
  %0 = gir.iota dim 1 : tensor<4x8xi64, #gir.at<reg>>
  return
}

// -----

func.func @iota_c3(%n: index) {
  // expected-error @+1 {{expected one size per dynamic dimension, got 1 for 2}}
  %0 = gir.iota dim 1 sizes(%n) : tensor<?x?xindex, #gir.at<reg>>
  return
}

// -----

func.func @assert_c1(%c: tensor<4xi8, #gir.at<reg>>) {
  // expected-error @+1 {{expected elements of type i1, got 'i8'}}
  gir.assert %c, "no" : tensor<4xi8, #gir.at<reg>>
  return
}

// -----

func.func @assert_c2(%c: tensor<4xi1, #gir.at<reg>>, %v: index) {
  // expected-error @+1 {{expected no valid extents or 1, got 2}}
  gir.assert %c, "no" valid [%v, %v] : tensor<4xi1, #gir.at<reg>>
  return
}

// -----

func.func @assert_without_message(%c: tensor<4xi1, #gir.at<reg>>) {
  // expected-error @+1 {{'gir.assert' op requires attribute 'message'}}
  "gir.assert"(%c) : (tensor<4xi1, #gir.at<reg>>) -> ()
  return
}

// -----

func.func @iota_c4() {
  // expected-error @+1 {{expected a pass of at least 0, got -2}}
  %0 = gir.iota dim 1 pass -2 : tensor<4x8xindex, #gir.at<reg>>
  return
}

// -----

!a = tensor<4x16xf32, #gir.at<reg>>
!b = tensor<16x8xf32, #gir.at<reg>>
!c = tensor<4x8xf32, #gir.at<reg>>
func.func @contract_c1_number(%a: !a, %b: !b, %c: !c) {
  // expected-error @+1 {{expected 3 maps, got 2}}
  %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>] : !a, !b into !c
  return
}

// -----

!a = tensor<4x16xf32, #gir.at<reg>>
!b = tensor<16x8xf32, #gir.at<reg>>
!c = tensor<4x8xf32, #gir.at<reg>>
func.func @contract_c1_dims(%a: !a, %b: !b, %c: !c) {
  // expected-error @+1 {{expected a projected permutation of 3 dimensions, got affine_map<(d0, d1) -> (d0, d1)>}}
  %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n) -> (m, n)>, affine_map<(m, n, k) -> (m, n)>] : !a, !b into !c
  return
}

// -----

!a = tensor<4x16xf32, #gir.at<reg>>
!b = tensor<16x8xf32, #gir.at<reg>>
!c = tensor<4x8xf32, #gir.at<reg>>
func.func @contract_c1_permutation(%a: !a, %b: !b, %c: !c) {
  // expected-error @+1 {{expected a projected permutation of 3 dimensions, got affine_map<(d0, d1, d2) -> (d0, d2 + 1)>}}
  %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k + 1)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : !a, !b into !c
  return
}

// -----

!a = tensor<4x16xf32, #gir.at<reg>>
!b = tensor<16x8xf32, #gir.at<reg>>
!c = tensor<4x8xf32, #gir.at<reg>>
func.func @contract_c2(%a: !a, %b: !b, %c: !c) {
  // expected-error @+1 {{expected a map to the 2 dimensions of 'tensor<4x8xf32, #gir.at<reg>>', got affine_map<(d0, d1, d2) -> (d0)>}}
  %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m)>] : !a, !b into !c
  return
}

// -----

!a = tensor<4xf32, #gir.at<reg>>
!c = tensor<4x8xf32, #gir.at<reg>>
func.func @contract_c3(%a: !a, %b: !a, %c: !c) {
  // expected-error @+1 {{expected each iteration dimension in the map of lhs or rhs, got 1 in neither}}
  %0 = gir.contract %a, %b into %c maps [affine_map<(m, n) -> (m)>, affine_map<(m, n) -> (m)>, affine_map<(m, n) -> (m, n)>] : !a, !a into !c
  return
}

// -----

!a = tensor<4x16xf32, #gir.at<reg>>
!b = tensor<15x8xf32, #gir.at<reg>>
!c = tensor<4x8xf32, #gir.at<reg>>
func.func @contract_c4(%a: !a, %b: !b, %c: !c) {
  // expected-error @+1 {{expected 16 steps of iteration dimension 2, got 15 in 'tensor<15x8xf32, #gir.at<reg>>'}}
  %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : !a, !b into !c
  return
}

// -----

!a = tensor<4x16xf32, #gir.at<reg>>
!b = tensor<16x8xf64, #gir.at<reg>>
!c = tensor<4x8xf32, #gir.at<reg>>
func.func @contract_c5_width(%a: !a, %b: !b, %c: !c) {
  // expected-error @+1 {{expected elements that widen to 'f32', got 'f32' and 'f64'}}
  %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : !a, !b into !c
  return
}

// -----

!a = tensor<4x16xbf16, #gir.at<reg>>
!b = tensor<16x8xbf16, #gir.at<reg>>
!c = tensor<4x8xf16, #gir.at<reg>>
func.func @contract_c5_half(%a: !a, %b: !b, %c: !c) {
  // expected-error @+1 {{expected elements that widen to 'f16', got 'bf16' and 'bf16'}}
  %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : !a, !b into !c
  return
}

// -----

!a = tensor<4x16xi8, #gir.at<reg>>
!b = tensor<16x8xi8, #gir.at<reg>>
!c = tensor<4x8xf32, #gir.at<reg>>
func.func @contract_c5_class(%a: !a, %b: !b, %c: !c) {
  // expected-error @+1 {{expected elements that widen to 'f32', got 'i8' and 'i8'}}
  %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : !a, !b into !c
  return
}

// -----

!a = tensor<4x16xf32, #gir.at<reg>>
!b = tensor<16x8xf32, #gir.at<reg>>
!c = tensor<4x8xf32, #gir.at<reg>>
func.func @contract_c6(%a: !a, %b: !b, %c: !c) {
  // expected-error @+1 {{expected integers with unsigned, got 'f32'}}
  %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] unsigned : !a, !b into !c
  return
}

// -----

!a = tensor<4x16xf32, #gir.at<reg>>
!b = tensor<16x8xf32, #gir.at<reg>>
!c = tensor<4x8xf32, #gir.at<reg>>
func.func @contract_c7(%a: !a, %b: !b, %c: !c, %n: index) {
  // expected-error @+1 {{expected no valid extents or 3, got 2}}
  %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] valid [%n, %n] : !a, !b into !c
  return
}

// -----

!a = tensor<4x16xf32, #gir.at<reg>>
!b = tensor<16x8xf32, #gir.at<reg>>
!c = tensor<4x8xf32, #gir.at<reg>>
func.func @contract_c8(%a: !a, %b: !b, %c: !c) {
  // expected-error @+1 {{failed to verify that all of {acc, result} have same type}}
  %0 = "gir.contract"(%a, %b, %c) <{maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]}> : (!a, !b, !c) -> tensor<4x8xf64, #gir.at<reg>>
  return
}
