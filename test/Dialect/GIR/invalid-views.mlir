// RUN: %pf-opt %s --split-input-file --verify-diagnostics

func.func @permute_c1_range(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a permutation of 2 dimensions, got [1, 2]}}
  %0 = gir.permute %x [1, 2] : tensor<4x8xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
  return
}

// -----

func.func @permute_c1_twice(%x: tensor<4x4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a permutation of 2 dimensions, got [0, 0]}}
  %0 = gir.permute %x [0, 0] : tensor<4x4xf32, #gir.at<reg>> -> tensor<4x4xf32, #gir.at<reg>>
  return
}

// -----

func.func @permute_c1_negative(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a permutation of 2 dimensions, got [-1, -9223372036854775808]}}
  %0 = "gir.permute"(%x) <{perm = array<i64: -1, -9223372036854775808>}> : (tensor<4x8xf32, #gir.at<reg>>) -> tensor<8x4xf32, #gir.at<reg>>
  return
}

// -----

func.func @permute_c1_number(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a permutation of 2 dimensions, got []}}
  %0 = gir.permute %x [] : tensor<4x8xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
  return
}

// -----

func.func @permute_c2(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a result of sizes [8, 4], got 'tensor<4x8xf32, #gir.at<reg>>'}}
  %0 = gir.permute %x [1, 0] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @permute_c3(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected one element type and one place, got 'tensor<8x4xf32, #gir.at<reg>>' from 'tensor<4x8xf32, #gir.at<dram>>'}}
  %0 = gir.permute %x [1, 0] : tensor<4x8xf32, #gir.at<dram>> -> tensor<8x4xf32, #gir.at<reg>>
  return
}

// -----

func.func @broadcast_c1_range(%v: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected new dimensions, strictly increasing, beside the operand's 1 of 2, got [2]}}
  %0 = gir.broadcast %v dims [2] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @broadcast_c1_number(%v: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected new dimensions, strictly increasing, beside the operand's 1 of 3, got [1]}}
  %0 = gir.broadcast %v dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @broadcast_c1_order(%v: tensor<f32, #gir.at<reg>>) {
  // expected-error @+1 {{got [1, 0]}}
  %0 = gir.broadcast %v dims [1, 0] : tensor<f32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @broadcast_c1_huge(%v: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{got [9223372036854775807]}}
  %0 = gir.broadcast %v dims [9223372036854775807] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @broadcast_c2(%v: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected the result's other sizes to be the operand's, got 'tensor<5x8xf32, #gir.at<reg>>' from 'tensor<4xf32, #gir.at<reg>>'}}
  %0 = gir.broadcast %v dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<5x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @broadcast_c3(%v: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected one element type and one place, got 'tensor<4x8xf16, #gir.at<reg>>' from 'tensor<4xf32, #gir.at<reg>>'}}
  %0 = gir.broadcast %v dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf16, #gir.at<reg>>
  return
}

// -----

func.func @broadcast_c4(%v: tensor<?xf32, #gir.at<reg>>, %n: index) {
  // expected-error @+1 {{expected one size per dynamic new dimension, got 2 for 1}}
  %0 = gir.broadcast %v dims [1] sizes(%n, %n) : tensor<?xf32, #gir.at<reg>> -> tensor<?x?xf32, #gir.at<reg>>
  return
}

// -----

func.func @slice_c1(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected 2 offsets, sizes and strides, got 1, 2 and 2}}
  %0 = gir.slice %x [0] [1, 4] [1, 2] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1x4xf32, #gir.at<dram>>
  return
}

// -----

// The number that stands for an operand, where there is none: printing would read past the operands.
func.func @slice_c1_operands(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected one operand per dynamic offset, size and stride, got 0, 0 and 0 for [-9223372036854775808, 0], [1, 4] and [1, 2]}}
  %0 = "gir.slice"(%x) <{operandSegmentSizes = array<i32: 1, 0, 0, 0>, static_offsets = array<i64: -9223372036854775808, 0>, static_sizes = array<i64: 1, 4>, static_strides = array<i64: 1, 2>}> : (tensor<4x8xf32, #gir.at<dram>>) -> tensor<1x4xf32, #gir.at<dram>>
  return
}

// -----

func.func @slice_c2_size(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected dropped dimensions to increase strictly and to have size 1, got [1] of sizes [1, 4]}}
  %0 = gir.slice %x [0, 0] [1, 4] [1, 2] drop [1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1xf32, #gir.at<dram>>
  return
}

// -----

func.func @slice_c2_range(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{got [7] of sizes [1, 1]}}
  %0 = gir.slice %x [0, 0] [1, 1] [1, 1] drop [7] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1xf32, #gir.at<dram>>
  return
}

// -----

func.func @slice_c2_negative(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{got [-1, 0] of sizes [1, 1]}}
  %0 = gir.slice %x [0, 0] [1, 1] [1, 1] drop [-1, 0] : tensor<4x8xf32, #gir.at<dram>> -> tensor<f32, #gir.at<dram>>
  return
}

// -----

func.func @slice_c3_sizes(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected a box of sizes [1, 4] of 'tensor<4x8xf32, #gir.at<dram>>', got 'tensor<4xf32, #gir.at<dram>>'}}
  %0 = gir.slice %x [0, 0] [1, 4] [1, 2] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
  return
}

// -----

func.func @slice_c3_dynamic(%x: tensor<4x8xf32, #gir.at<dram>>, %n: index) {
  // expected-error @+1 {{got 'tensor<1x4xf32, #gir.at<dram>>'}}
  %0 = gir.slice %x [0, 0] [1, %n] [1, 2] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1x4xf32, #gir.at<dram>>
  return
}

// -----

func.func @slice_c3_element(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected a box of sizes [1, 4] of 'tensor<4x8xf32, #gir.at<dram>>', got 'tensor<1x4xf16, #gir.at<dram>>'}}
  %0 = gir.slice %x [0, 0] [1, 4] [1, 2] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1x4xf16, #gir.at<dram>>
  return
}

// -----

func.func @slice_c4_last(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected a box inside dimension 1 of size 8, got 4 elements from 2 in steps of 2}}
  %0 = gir.slice %x [0, 2] [1, 4] [1, 2] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1x4xf32, #gir.at<dram>>
  return
}

// -----

func.func @slice_c4_first(%x: tensor<4x8xf32, #gir.at<dram>>, %s: index) {
  // expected-error @+1 {{expected a box inside dimension 0 of size 4, got its first element at 4}}
  %0 = gir.slice %x [4, 0] [1, 4] [%s, 2] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1x4xf32, #gir.at<dram>>
  return
}

// -----

// Neither is the last element found by a product that wraps around.
func.func @slice_c4_overflow(%x: tensor<4xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected a box inside dimension 0 of size 4, got 3 elements from 1 in steps of 9223372036854775807}}
  %0 = gir.slice %x [1] [3] [9223372036854775807] : tensor<4xf32, #gir.at<dram>> -> tensor<3xf32, #gir.at<dram>>
  return
}

// -----

func.func @slice_without_place(%x: tensor<4xf32>) {
  // expected-error @+1 {{operand #0 must be tensor with #gir.at, but got 'tensor<4xf32>'}}
  %0 = gir.slice %x [1] [2] [1] : tensor<4xf32> -> tensor<2xf32>
  return
}

// -----

func.func @concat_c1_none() {
  // expected-error @+1 {{expected operands and a dimension below 1, got 0 operands and dimension 0}}
  %0 = "gir.concat"() <{dim = 0 : i64}> : () -> tensor<1xf32, #gir.at<dram>>
  return
}

// -----

func.func @concat_c1_dim(%a: tensor<2x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected operands and a dimension below 2, got 1 operands and dimension -1}}
  %0 = gir.concat %a dim -1 : (tensor<2x8xf32, #gir.at<dram>>) -> tensor<2x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @concat_c2_rank(%a: tensor<2x8xf32, #gir.at<dram>>, %b: tensor<8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected one rank, element type and place, got 'tensor<8xf32, #gir.at<dram>>' in 'tensor<3x8xf32, #gir.at<dram>>'}}
  %0 = gir.concat %a, %b dim 0 : (tensor<2x8xf32, #gir.at<dram>>, tensor<8xf32, #gir.at<dram>>) -> tensor<3x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @concat_c2_place(%a: tensor<2x8xf32, #gir.at<dram>>, %b: tensor<1x8xf32, #gir.at<dram, space = "far">>) {
  // expected-error @+1 {{got 'tensor<1x8xf32, #gir.at<dram, space = "far">>' in 'tensor<3x8xf32, #gir.at<dram>>'}}
  %0 = gir.concat %a, %b dim 0 : (tensor<2x8xf32, #gir.at<dram>>, tensor<1x8xf32, #gir.at<dram, space = "far">>) -> tensor<3x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @concat_c3_other(%a: tensor<2x8xf32, #gir.at<dram>>, %b: tensor<3x9xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected sizes to agree in dimension 1, got 'tensor<3x9xf32, #gir.at<dram>>' and 'tensor<5x8xf32, #gir.at<dram>>'}}
  %0 = gir.concat %a, %b dim 0 : (tensor<2x8xf32, #gir.at<dram>>, tensor<3x9xf32, #gir.at<dram>>) -> tensor<5x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @concat_c3_sum(%a: tensor<2x8xf32, #gir.at<dram>>, %b: tensor<3x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected sizes along dimension 0 to add up to 6, got 5}}
  %0 = gir.concat %a, %b dim 0 : (tensor<2x8xf32, #gir.at<dram>>, tensor<3x8xf32, #gir.at<dram>>) -> tensor<6x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @concat_c3_overflow(%a: tensor<576460752303423488xi8, #gir.at<dram>>) {
  // expected-error @+1 {{expected sizes along dimension 0 that can be added up}}
  %0 = gir.concat %a, %a, %a, %a, %a, %a, %a, %a, %a, %a, %a, %a, %a, %a, %a, %a dim 0 : (tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>, tensor<576460752303423488xi8, #gir.at<dram>>) -> tensor<?xi8, #gir.at<dram>>
  return
}

// -----

func.func @insert_c1(%s: tensor<1x2xf32, #gir.at<dram>>, %d: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected 2 offsets, sizes and strides, got 2, 2 and 3}}
  %0 = gir.insert %s into %d [0, 0] [1, 2] [1, 1, 1] : tensor<1x2xf32, #gir.at<dram>> into tensor<4x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @insert_c1_operands(%s: tensor<1x2xf32, #gir.at<dram>>, %d: tensor<4x8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected one operand per dynamic offset, size and stride, got 0, 1 and 0 for [0, 0], [1, 2] and [1, 1]}}
  %0 = "gir.insert"(%s, %d, %i) <{operandSegmentSizes = array<i32: 1, 1, 0, 1, 0>, static_offsets = array<i64: 0, 0>, static_sizes = array<i64: 1, 2>, static_strides = array<i64: 1, 1>}> : (tensor<1x2xf32, #gir.at<dram>>, tensor<4x8xf32, #gir.at<dram>>, index) -> tensor<4x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @insert_c2(%s: tensor<2xf32, #gir.at<dram>>, %d: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected dropped dimensions to increase strictly and to have size 1, got [0, 0] of sizes [1, 2]}}
  %0 = gir.insert %s into %d [0, 0] [1, 2] [1, 1] drop [0, 0] : tensor<2xf32, #gir.at<dram>> into tensor<4x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @insert_c3_sizes(%s: tensor<3xf32, #gir.at<dram>>, %d: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected a box of sizes [1, 2] of 'tensor<4x8xf32, #gir.at<dram>>', got 'tensor<3xf32, #gir.at<dram>>'}}
  %0 = gir.insert %s into %d [0, 0] [1, 2] [1, 1] drop [0] : tensor<3xf32, #gir.at<dram>> into tensor<4x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @insert_c3_element(%s: tensor<2xi1, #gir.at<dram>>, %d: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{got 'tensor<2xi1, #gir.at<dram>>'}}
  %0 = gir.insert %s into %d [0, 0] [1, 2] [1, 1] drop [0] : tensor<2xi1, #gir.at<dram>> into tensor<4x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @insert_c4(%s: tensor<1x2xf32, #gir.at<dram>>, %d: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{failed to verify that all of {dest, result} have same type}}
  %0 = "gir.insert"(%s, %d) <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 0>, static_offsets = array<i64: 0, 0>, static_sizes = array<i64: 1, 2>, static_strides = array<i64: 1, 1>}> : (tensor<1x2xf32, #gir.at<dram>>, tensor<4x8xf32, #gir.at<dram>>) -> tensor<4x9xf32, #gir.at<dram>>
  return
}

// -----

func.func @insert_c5(%s: tensor<1x2xf32, #gir.at<dram>>, %d: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected a box inside dimension 1 of size 8, got 2 elements from 7 in steps of 1}}
  %0 = gir.insert %s into %d [0, 7] [1, 2] [1, 1] : tensor<1x2xf32, #gir.at<dram>> into tensor<4x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @pad_c1_number(%x: tensor<2x8xf32, #gir.at<reg>>, %v: f32) {
  // expected-error @+1 {{expected 2 lows and highs and a result of that rank, got 1, 2 and 'tensor<5x8xf32, #gir.at<reg>>'}}
  %0 = gir.pad %x low [1] high [2, 0] value %v : tensor<2x8xf32, #gir.at<reg>> -> tensor<5x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @pad_c1_rank(%x: tensor<2x8xf32, #gir.at<reg>>, %v: f32) {
  // expected-error @+1 {{expected 2 lows and highs and a result of that rank, got 2, 2 and 'tensor<f32, #gir.at<reg>>'}}
  %0 = gir.pad %x low [1, 0] high [2, 0] value %v : tensor<2x8xf32, #gir.at<reg>> -> tensor<f32, #gir.at<reg>>
  return
}

// -----

func.func @pad_c1_operands(%x: tensor<2xf32, #gir.at<reg>>, %v: f32) {
  // expected-error @+1 {{expected one operand per dynamic low and high, got 0 and 0 for [0] and [-9223372036854775808]}}
  %0 = "gir.pad"(%x, %v) <{operandSegmentSizes = array<i32: 1, 1, 0, 0>, static_low = array<i64: 0>, static_high = array<i64: -9223372036854775808>}> : (tensor<2xf32, #gir.at<reg>>, f32) -> tensor<?xf32, #gir.at<reg>>
  return
}

// -----

func.func @pad_c2_sum(%x: tensor<2x8xf32, #gir.at<reg>>, %v: f32) {
  // expected-error @+1 {{expected dimension 0 of size 1 + 2 + 2, got 6}}
  %0 = gir.pad %x low [1, 0] high [2, 0] value %v : tensor<2x8xf32, #gir.at<reg>> -> tensor<6x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @pad_c2_negative(%x: tensor<?xf32, #gir.at<reg>>, %v: f32) {
  // expected-error @+1 {{expected no negative low or high, got -1 and 2 in dimension 0}}
  %0 = gir.pad %x low [-1] high [2] value %v : tensor<?xf32, #gir.at<reg>> -> tensor<?xf32, #gir.at<reg>>
  return
}

// -----

func.func @pad_c2_overflow(%x: tensor<2xf32, #gir.at<reg>>, %v: f32) {
  // expected-error @+1 {{expected dimension 0 of size 9223372036854775807 + 2 + 9223372036854775807, got 0}}
  %0 = gir.pad %x low [9223372036854775807] high [9223372036854775807] value %v : tensor<2xf32, #gir.at<reg>> -> tensor<0xf32, #gir.at<reg>>
  return
}

// -----

func.func @pad_c3_value(%x: tensor<2xf32, #gir.at<reg>>, %v: i32) {
  // expected-error @+1 {{'gir.pad' op failed to verify that value has the element type}}
  %0 = "gir.pad"(%x, %v) <{operandSegmentSizes = array<i32: 1, 1, 0, 0>, static_low = array<i64: 0>, static_high = array<i64: 1>}> : (tensor<2xf32, #gir.at<reg>>, i32) -> tensor<3xf32, #gir.at<reg>>
  return
}

// -----

func.func @pad_c3_place(%x: tensor<2xf32, #gir.at<reg>>, %v: f32) {
  // expected-error @+1 {{expected one element type and one place, got 'tensor<3xf32, #gir.at<reg, space = "nram">>' from 'tensor<2xf32, #gir.at<reg>>'}}
  %0 = gir.pad %x low [0] high [1] value %v : tensor<2xf32, #gir.at<reg>> -> tensor<3xf32, #gir.at<reg, space = "nram">>
  return
}

// -----

func.func @broadcast_c5(%v: tensor<4xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a pass of at least 0, got -1}}
  %0 = gir.broadcast %v dims [0] pass -1 : tensor<4xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
  return
}

// -----

func.func @window_c1(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected strictly increasing dimensions of 'tensor<4x8xf32, #gir.at<reg>>', got [2]}}
  %0 = gir.window %x dims [2] sizes [3] strides [1] dilations [1] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8x3xf32, #gir.at<reg>>
  return
}

// -----

func.func @window_c1_twice(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected strictly increasing dimensions of 'tensor<4x8xf32, #gir.at<reg>>', got [1, 1]}}
  %0 = gir.window %x dims [1, 1] sizes [3, 3] strides [1, 1] dilations [1, 1] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x4x3x3xf32, #gir.at<reg>>
  return
}

// -----

func.func @window_c2_number(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected 1 sizes, strides and dilations, got 1, 2 and 0}}
  %0 = gir.window %x dims [1] sizes [3] strides [1, 1] dilations [] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x6x3xf32, #gir.at<reg>>
  return
}

// -----

func.func @window_c2_least(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected sizes, strides and dilations of at least 1, got 3, 0 and 1 in dimension 1}}
  %0 = gir.window %x dims [1] sizes [3] strides [0] dilations [1] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x6x3xf32, #gir.at<reg>>
  return
}

// -----

func.func @window_c3(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a window inside dimension 1 of size 8, got 3 elements in steps of 4}}
  %0 = gir.window %x dims [1] sizes [3] strides [1] dilations [4] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x0x3xf32, #gir.at<reg>>
  return
}

// -----

func.func @window_c3_overflow(%x: tensor<8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a window inside dimension 0 of size 8, got 3 elements in steps of 9223372036854775807}}
  %0 = gir.window %x dims [0] sizes [3] strides [1] dilations [9223372036854775807] : tensor<8xf32, #gir.at<reg>> -> tensor<1x3xf32, #gir.at<reg>>
  return
}

// -----

func.func @window_c4(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a result of sizes [4, 3, 3], got 'tensor<4x4x3xf32, #gir.at<reg>>'}}
  %0 = gir.window %x dims [1] sizes [3] strides [2] dilations [1] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x4x3xf32, #gir.at<reg>>
  return
}

// -----

func.func @window_c4_order(%x: tensor<4x8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected a result of sizes [4, 6, 3], got 'tensor<4x3x6xf32, #gir.at<reg>>'}}
  %0 = gir.window %x dims [1] sizes [3] strides [1] dilations [1] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x3x6xf32, #gir.at<reg>>
  return
}

// -----

func.func @window_c5(%x: tensor<8xf32, #gir.at<reg>>) {
  // expected-error @+1 {{expected one element type and one place, got 'tensor<6x3xf32, #gir.at<sram>>' from 'tensor<8xf32, #gir.at<reg>>'}}
  %0 = gir.window %x dims [0] sizes [3] strides [1] dilations [1] : tensor<8xf32, #gir.at<reg>> -> tensor<6x3xf32, #gir.at<sram>>
  return
}

// -----

func.func @reshape_c1(%x: tensor<?x6xf32, #gir.at<dram>>, %n: index) {
  // expected-error @+1 {{expected one size per dynamic dimension, got 2 for 1}}
  %0 = gir.reshape %x sizes(%n, %n) : tensor<?x6xf32, #gir.at<dram>> -> tensor<?x2x3xf32, #gir.at<dram>>
  return
}

// -----

func.func @reshape_c2(%x: tensor<4x6xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected as many elements as the operand's 24, got 25}}
  %0 = gir.reshape %x : tensor<4x6xf32, #gir.at<dram>> -> tensor<5x5xf32, #gir.at<dram>>
  return
}

// -----

func.func @reshape_c3(%x: tensor<4x6xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected one element type and one place, got 'tensor<24xi32, #gir.at<dram>>' from 'tensor<4x6xf32, #gir.at<dram>>'}}
  %0 = gir.reshape %x : tensor<4x6xf32, #gir.at<dram>> -> tensor<24xi32, #gir.at<dram>>
  return
}
