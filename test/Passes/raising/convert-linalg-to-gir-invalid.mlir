// RUN: %pf-opt %s --convert-linalg-to-gir --split-input-file --verify-diagnostics

// A result goes to places of their own: what two loops add up to isn't one.
func.func @transposed_convolution(%x: tensor<7xf32>, %k: tensor<3xf32>, %o: tensor<9xf32>) -> tensor<9xf32> {
  // expected-error @+2 {{'linalg.generic' with a result whose indexing map has the results (d0 + d1) isn't supported}}
  // expected-note @+1 {{help: expected each result of the map to be a dimension of its own, with a stride and an offset at most, or a constant; compute a compact result and place it by tensor.insert_slice}}
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i + j)>], iterator_types = ["parallel", "parallel"]} ins(%x, %k : tensor<7xf32>, tensor<3xf32>) outs(%o : tensor<9xf32>) {
  ^bb0(%a: f32, %b: f32, %u: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<9xf32>
  return %r : tensor<9xf32>
}

// -----

// Nothing that a later phase can't take goes through.
func.func @bitcast(%x: tensor<6xf32>) -> tensor<6xi32> {
  // expected-error @+2 {{'tensor.bitcast' isn't supported}}
  // expected-note @+1 {{help: expected linalg on tensors, tensor ops, and arith on scalars; no control flow around them}}
  %r = tensor.bitcast %x : tensor<6xf32> to tensor<6xi32>
  return %r : tensor<6xi32>
}

// -----

// Running values are kept along one dimension.
func.func @scan_of_two_dimensions(%x: tensor<4x7xf32>, %e: tensor<4x7xf32>, %i: tensor<f32>) -> tensor<4x7xf32> {
  // expected-error @+2 {{'linalg.generic' with a running value along several dimensions isn't supported}}
  // expected-note @+1 {{help: split the operator so that each result is elementwise or folds on its own}}
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]} ins(%x : tensor<4x7xf32>) outs(%e, %i : tensor<4x7xf32>, tensor<f32>) {
  ^bb0(%a: f32, %u: f32, %v: f32):
    %0 = arith.addf %v, %a : f32
    linalg.yield %0, %0 : f32, f32
  } -> (tensor<4x7xf32>, tensor<f32>)
  return %r#0 : tensor<4x7xf32>
}

// -----

// Buffers are another program: what they alias isn't known.
func.func @memrefs(%x: memref<4xf32>, %y: memref<4xf32>) {
  // expected-error @+2 {{'linalg.copy' on memrefs isn't supported}}
  // expected-note @+1 {{help: hand over linalg on tensors}}
  linalg.copy ins(%x : memref<4xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

// A map that reads past the operand is refused where the size says so.
func.func @past_the_end(%x: tensor<?x4xf32>, %o: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @+2 {{an indexing map that reads element 4 of a dimension of size 4 isn't supported}}
  // expected-note @+1 {{help: make the operand as large as the loops that read it}}
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i, 4)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<?x4xf32>) outs(%o : tensor<?xf32>) {
  ^bb0(%a: f32, %u: f32):
    linalg.yield %a : f32
  } -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

// Elements that GIR has no tensors of are told as such, where they come in.
// expected-error @+2 {{'func.func' with tensor<4xvector<4xf32>> isn't supported}}
// expected-note @+1 {{help: expected floats, index, or signless integers of at most 64 bits, and less than 2^60 of them}}
func.func @vectors(%x: tensor<4xvector<4xf32>>) -> tensor<4xvector<4xf32>> {
  return %x : tensor<4xvector<4xf32>>
}

// -----

// A softmax of integers is valid linalg, and has no meaning.
func.func @integers(%x: tensor<4x8xi32>, %o: tensor<4x8xi32>) -> tensor<4x8xi32> {
  // expected-error @+2 {{'linalg.softmax' has no form in GIR: expected floating point type}}
  // expected-note @+1 {{help: expected floats}}
  %r = linalg.softmax dimension(1) ins(%x : tensor<4x8xi32>) outs(%o : tensor<4x8xi32>) -> tensor<4x8xi32>
  return %r : tensor<4x8xi32>
}

// -----

// What has no meaning as loops over elements is written out by whoever makes it.
func.func @pack(%x: tensor<8x16xf32>, %d: tensor<2x4x4x4xf32>) -> tensor<2x4x4x4xf32> {
  // expected-error @+2 {{'linalg.pack' isn't supported}}
  // expected-note @+1 {{help: write it out as linalg.generic and tensor ops before}}
  %r = linalg.pack %x inner_dims_pos = [0, 1] inner_tiles = [4, 4] into %d : tensor<8x16xf32> -> tensor<2x4x4x4xf32>
  return %r : tensor<2x4x4x4xf32>
}
