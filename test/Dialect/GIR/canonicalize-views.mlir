// RUN: %pf-opt %s --canonicalize --split-input-file | FileCheck %s

// Copies are made of what is reordered, not the reverse: y[b, n, a, m] = x[a, b].
// CHECK-LABEL: @permute_of_broadcast
// CHECK-SAME:  (%[[X:.*]]: tensor<4x8xf32, #gir.at<reg>>, %[[M:.*]]: index, %[[N:.*]]: index)
// CHECK-NEXT:  %[[P:.*]] = gir.permute %[[X]] [1, 0] : tensor<4x8xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
// CHECK-NEXT:  %[[Y:.*]] = gir.broadcast %[[P]] dims [1, 3] pass 1 sizes(%[[N]], %[[M]]) : tensor<8x4xf32, #gir.at<reg>> -> tensor<8x?x4x?xf32, #gir.at<reg>>
// CHECK-NEXT:  return %[[Y]]
func.func @permute_of_broadcast(%x: tensor<4x8xf32, #gir.at<reg>>, %m: index, %n: index) -> tensor<8x?x4x?xf32, #gir.at<reg>> {
  %0 = gir.broadcast %x dims [0, 3] pass 1 sizes(%m, %n) : tensor<4x8xf32, #gir.at<reg>> -> tensor<?x4x8x?xf32, #gir.at<reg>>
  %1 = gir.permute %0 [2, 3, 1, 0] : tensor<?x4x8x?xf32, #gir.at<reg>> -> tensor<8x?x4x?xf32, #gir.at<reg>>
  return %1 : tensor<8x?x4x?xf32, #gir.at<reg>>
}

// -----

// A reordering that leaves the operand's dimensions in order only moves the new ones.
// CHECK-LABEL: @permute_of_broadcast_in_order
// CHECK-NEXT:  %[[Y:.*]] = gir.broadcast %{{.*}} dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
// CHECK-NEXT:  return %[[Y]]
func.func @permute_of_broadcast_in_order(%x: tensor<4xf32, #gir.at<reg>>) -> tensor<4x8xf32, #gir.at<reg>> {
  %0 = gir.broadcast %x dims [0] : tensor<4xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
  %1 = gir.permute %0 [1, 0] : tensor<8x4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
  return %1 : tensor<4x8xf32, #gir.at<reg>>
}

// -----

// Copies of copies are copies: y[m, r, n, k] = x[r].
// CHECK-LABEL: @broadcast_of_broadcast
// CHECK-SAME:  (%[[X:.*]]: tensor<4xf32, #gir.at<reg>>, %[[M:.*]]: index, %[[N:.*]]: index)
// CHECK-NEXT:  %[[Y:.*]] = gir.broadcast %[[X]] dims [0, 2, 3] sizes(%[[N]], %[[M]]) : tensor<4xf32, #gir.at<reg>> -> tensor<?x4x?x5xf32, #gir.at<reg>>
// CHECK-NEXT:  return %[[Y]]
func.func @broadcast_of_broadcast(%x: tensor<4xf32, #gir.at<reg>>, %m: index, %n: index) -> tensor<?x4x?x5xf32, #gir.at<reg>> {
  %0 = gir.broadcast %x dims [1] sizes(%m) : tensor<4xf32, #gir.at<reg>> -> tensor<4x?xf32, #gir.at<reg>>
  %1 = gir.broadcast %0 dims [0, 3] sizes(%n) : tensor<4x?xf32, #gir.at<reg>> -> tensor<?x4x?x5xf32, #gir.at<reg>>
  return %1 : tensor<?x4x?x5xf32, #gir.at<reg>>
}

// -----

// In different passes they stay two, and a copy along no dimension that brings a value into a later pass stays one.
// CHECK-LABEL: @broadcast_passes_stay
// CHECK-NEXT:  gir.broadcast %{{.*}} dims [1] :
// CHECK-NEXT:  gir.broadcast %{{.*}} dims [0] pass 1 :
// CHECK-NEXT:  gir.broadcast %{{.*}} dims [] pass 2 :
func.func @broadcast_passes_stay(%x: tensor<4xf32, #gir.at<reg>>) -> tensor<3x4x8xf32, #gir.at<reg>> {
  %0 = gir.broadcast %x dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
  %1 = gir.broadcast %0 dims [0] pass 1 : tensor<4x8xf32, #gir.at<reg>> -> tensor<3x4x8xf32, #gir.at<reg>>
  %2 = gir.broadcast %1 dims [] pass 2 : tensor<3x4x8xf32, #gir.at<reg>> -> tensor<3x4x8xf32, #gir.at<reg>>
  return %2 : tensor<3x4x8xf32, #gir.at<reg>>
}

// -----

// The box that is all of a tensor is that tensor.
// CHECK-LABEL: @slice_identity
// CHECK-SAME:  (%[[X:.*]]: tensor<4x8xf32, #gir.at<dram>>)
// CHECK-NEXT:  return %[[X]]
func.func @slice_identity(%x: tensor<4x8xf32, #gir.at<dram>>) -> tensor<4x8xf32, #gir.at<dram>> {
  %0 = gir.slice %x [0, 0] [4, 8] [1, 1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<dram>>
  return %0 : tensor<4x8xf32, #gir.at<dram>>
}

// -----

// One dynamic size need not be another, nor an offset nothing.
// CHECK-LABEL: @slice_stays
// CHECK-NEXT:  gir.slice %{{.*}} [0] [%arg1] [1]
// CHECK-NEXT:  gir.slice %{{.*}} [%arg1] [4] [1]
func.func @slice_stays(%x: tensor<?xf32, #gir.at<dram>>, %n: index, %y: tensor<4xf32, #gir.at<dram>>) -> (tensor<?xf32, #gir.at<dram>>, tensor<4xf32, #gir.at<dram>>) {
  %0 = gir.slice %x [0] [%n] [1] : tensor<?xf32, #gir.at<dram>> -> tensor<?xf32, #gir.at<dram>>
  %1 = gir.slice %y [%n] [4] [1] : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
  return %0, %1 : tensor<?xf32, #gir.at<dram>>, tensor<4xf32, #gir.at<dram>>
}

// -----

// A box of a box is a box: from 2 + 3 * 2, in steps of 2 * 3, and both leave out their dimensions.
// CHECK-LABEL: @slice_of_slice
// CHECK-NEXT:  gir.slice %{{.*}} [1, 8, 0] [1, 3, 1] [1, 6, 1] drop [0, 2] : tensor<4x64x8xf32, #gir.at<reg>> -> tensor<3xf32, #gir.at<reg>>
// CHECK-NEXT:  return
func.func @slice_of_slice(%x: tensor<4x64x8xf32, #gir.at<reg>>) -> tensor<3xf32, #gir.at<reg>> {
  %0 = gir.slice %x [1, 2, 0] [1, 20, 8] [1, 2, 1] drop [0] : tensor<4x64x8xf32, #gir.at<reg>> -> tensor<20x8xf32, #gir.at<reg>>
  %1 = gir.slice %0 [3, 0] [3, 8] [3, 1] : tensor<20x8xf32, #gir.at<reg>> -> tensor<3x8xf32, #gir.at<reg>>
  %2 = gir.slice %1 [0, 0] [3, 1] [1, 1] drop [1] : tensor<3x8xf32, #gir.at<reg>> -> tensor<3xf32, #gir.at<reg>>
  return %2 : tensor<3xf32, #gir.at<reg>>
}

// -----

// What only the program knows stays as it is, where nothing is added to it.
// CHECK-LABEL: @slice_of_slice_dynamic
// CHECK-SAME:  (%[[X:.*]]: tensor<4x?xf32, #gir.at<dram>>, %[[I:.*]]: index, %[[N:.*]]: index)
// CHECK-NEXT:  gir.slice %[[X]] [%[[I]], 6] [1, %[[N]]] [1, %[[I]]] drop [0] : tensor<4x?xf32, #gir.at<dram>> -> tensor<?xf32, #gir.at<dram>>
// CHECK-NEXT:  return
func.func @slice_of_slice_dynamic(%x: tensor<4x?xf32, #gir.at<dram>>, %i: index, %n: index) -> tensor<?xf32, #gir.at<dram>> {
  %0 = gir.slice %x [%i, 6] [1, %n] [1, 1] : tensor<4x?xf32, #gir.at<dram>> -> tensor<1x?xf32, #gir.at<dram>>
  %1 = gir.slice %0 [0, 0] [1, %n] [1, %i] drop [0] : tensor<1x?xf32, #gir.at<dram>> -> tensor<?xf32, #gir.at<dram>>
  return %1 : tensor<?xf32, #gir.at<dram>>
}

// -----

// Two offsets that only the program knows would have to be added there: both boxes stay.
// CHECK-LABEL: @slice_of_slice_stays
// CHECK-COUNT-2: gir.slice
func.func @slice_of_slice_stays(%x: tensor<?xf32, #gir.at<dram>>, %i: index) -> tensor<4xf32, #gir.at<dram>> {
  %0 = gir.slice %x [%i] [8] [1] : tensor<?xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<dram>>
  %1 = gir.slice %0 [%i] [4] [1] : tensor<8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
  return %1 : tensor<4xf32, #gir.at<dram>>
}

// -----

// Rows below rows below rows are rows below each other; along another dimension they are a block of their own.
// CHECK-LABEL: @concat_of_concat
// CHECK-SAME:  (%[[A:.*]]: tensor<2x2xf32, #gir.at<dram>>, %[[B:.*]]: tensor<2x2xf32, #gir.at<dram>>)
// CHECK-NEXT:  %[[SIDE:.*]] = gir.concat %[[A]], %[[B]] dim 1
// CHECK-NEXT:  %[[ROWS:.*]] = gir.concat %[[B]], %[[A]], %[[B]] dim 0
// CHECK-NEXT:  %[[BLOCK:.*]] = gir.concat %[[SIDE]], %[[SIDE]] dim 0
// CHECK-NEXT:  return %[[ROWS]], %[[BLOCK]]
func.func @concat_of_concat(%a: tensor<2x2xf32, #gir.at<dram>>, %b: tensor<2x2xf32, #gir.at<dram>>) -> (tensor<6x2xf32, #gir.at<dram>>, tensor<4x4xf32, #gir.at<dram>>) {
  %0 = gir.concat %a, %b dim 0 : (tensor<2x2xf32, #gir.at<dram>>, tensor<2x2xf32, #gir.at<dram>>) -> tensor<4x2xf32, #gir.at<dram>>
  %1 = gir.concat %a, %b dim 1 : (tensor<2x2xf32, #gir.at<dram>>, tensor<2x2xf32, #gir.at<dram>>) -> tensor<2x4xf32, #gir.at<dram>>
  %2 = gir.concat %b, %0 dim 0 : (tensor<2x2xf32, #gir.at<dram>>, tensor<4x2xf32, #gir.at<dram>>) -> tensor<6x2xf32, #gir.at<dram>>
  %3 = gir.concat %1, %1 dim 0 : (tensor<2x4xf32, #gir.at<dram>>, tensor<2x4xf32, #gir.at<dram>>) -> tensor<4x4xf32, #gir.at<dram>>
  return %2, %3 : tensor<6x2xf32, #gir.at<dram>>, tensor<4x4xf32, #gir.at<dram>>
}

// -----

// What was cut in pieces and put together again is what it was.
// CHECK-LABEL: @concat_of_slices
// CHECK-SAME:  (%[[X:.*]]: tensor<4x8xf32, #gir.at<dram>>)
// CHECK-NEXT:  return %[[X]]
func.func @concat_of_slices(%x: tensor<4x8xf32, #gir.at<dram>>) -> tensor<4x8xf32, #gir.at<dram>> {
  %0 = gir.slice %x [0, 0] [4, 3] [1, 1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x3xf32, #gir.at<dram>>
  %1 = gir.slice %x [0, 3] [4, 4] [1, 1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x4xf32, #gir.at<dram>>
  %2 = gir.slice %x [0, 7] [4, 1] [1, 1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x1xf32, #gir.at<dram>>
  %3 = gir.concat %0, %1, %2 dim 1 : (tensor<4x3xf32, #gir.at<dram>>, tensor<4x4xf32, #gir.at<dram>>, tensor<4x1xf32, #gir.at<dram>>) -> tensor<4x8xf32, #gir.at<dram>>
  return %3 : tensor<4x8xf32, #gir.at<dram>>
}

// -----

// Steps count too: 1, 3 and 5, 7 are four elements in steps of 2.
// CHECK-LABEL: @concat_of_strided_slices
// CHECK-NEXT:  %[[Y:.*]] = gir.slice %{{.*}} [2, 1] [1, 4] [1, 2] drop [0] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
// CHECK-NEXT:  return %[[Y]]
func.func @concat_of_strided_slices(%x: tensor<4x8xf32, #gir.at<dram>>) -> tensor<4xf32, #gir.at<dram>> {
  %0 = gir.slice %x [2, 1] [1, 2] [1, 2] drop [0] : tensor<4x8xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<dram>>
  %1 = gir.slice %x [2, 5] [1, 2] [1, 2] drop [0] : tensor<4x8xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<dram>>
  %2 = gir.concat %0, %1 dim 0 : (tensor<2xf32, #gir.at<dram>>, tensor<2xf32, #gir.at<dram>>) -> tensor<4xf32, #gir.at<dram>>
  return %2 : tensor<4xf32, #gir.at<dram>>
}

// -----

// A gap, the other order, another row, another tensor: none is one box.
// CHECK-LABEL: @concat_of_slices_stays
// CHECK-COUNT-4: gir.concat
func.func @concat_of_slices_stays(%x: tensor<4x8xf32, #gir.at<dram>>, %y: tensor<4x8xf32, #gir.at<dram>>) -> (tensor<1x4xf32, #gir.at<dram>>, tensor<1x4xf32, #gir.at<dram>>, tensor<1x4xf32, #gir.at<dram>>, tensor<1x4xf32, #gir.at<dram>>) {
  %0 = gir.slice %x [0, 0] [1, 2] [1, 1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1x2xf32, #gir.at<dram>>
  %1 = gir.slice %x [0, 3] [1, 2] [1, 1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1x2xf32, #gir.at<dram>>
  %2 = gir.slice %x [0, 2] [1, 2] [1, 1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1x2xf32, #gir.at<dram>>
  %3 = gir.slice %x [1, 2] [1, 2] [1, 1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1x2xf32, #gir.at<dram>>
  %4 = gir.slice %y [0, 2] [1, 2] [1, 1] : tensor<4x8xf32, #gir.at<dram>> -> tensor<1x2xf32, #gir.at<dram>>
  %gap = gir.concat %0, %1 dim 1 : (tensor<1x2xf32, #gir.at<dram>>, tensor<1x2xf32, #gir.at<dram>>) -> tensor<1x4xf32, #gir.at<dram>>
  %order = gir.concat %2, %0 dim 1 : (tensor<1x2xf32, #gir.at<dram>>, tensor<1x2xf32, #gir.at<dram>>) -> tensor<1x4xf32, #gir.at<dram>>
  %row = gir.concat %0, %3 dim 1 : (tensor<1x2xf32, #gir.at<dram>>, tensor<1x2xf32, #gir.at<dram>>) -> tensor<1x4xf32, #gir.at<dram>>
  %other = gir.concat %0, %4 dim 1 : (tensor<1x2xf32, #gir.at<dram>>, tensor<1x2xf32, #gir.at<dram>>) -> tensor<1x4xf32, #gir.at<dram>>
  return %gap, %order, %row, %other : tensor<1x4xf32, #gir.at<dram>>, tensor<1x4xf32, #gir.at<dram>>, tensor<1x4xf32, #gir.at<dram>>, tensor<1x4xf32, #gir.at<dram>>
}

// -----

// Neighbourhoods of one element are the elements; windows along nothing are none.
// CHECK-LABEL: @window_of_one
// CHECK-SAME:  (%[[X:.*]]: tensor<4x8xf32, #gir.at<reg>>)
// CHECK-NEXT:  %[[Y:.*]] = gir.reshape %[[X]] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8x1x1xf32, #gir.at<reg>>
// CHECK-NEXT:  return %[[Y]], %[[X]]
func.func @window_of_one(%x: tensor<4x8xf32, #gir.at<reg>>) -> (tensor<4x8x1x1xf32, #gir.at<reg>>, tensor<4x8xf32, #gir.at<reg>>) {
  %0 = gir.window %x dims [0, 1] sizes [1, 1] strides [1, 1] dilations [3, 1] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8x1x1xf32, #gir.at<reg>>
  %1 = gir.window %x dims [] sizes [] strides [] dilations [] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
  return %0, %1 : tensor<4x8x1x1xf32, #gir.at<reg>>, tensor<4x8xf32, #gir.at<reg>>
}

// -----

// With a step some elements are left out; a dynamic size would have to be there as a value.
// CHECK-LABEL: @window_stays
// CHECK-NEXT:  gir.window
// CHECK-NEXT:  gir.window
func.func @window_stays(%x: tensor<8xf32, #gir.at<reg>>, %y: tensor<?xf32, #gir.at<reg>>) -> (tensor<4x1xf32, #gir.at<reg>>, tensor<?x1xf32, #gir.at<reg>>) {
  %0 = gir.window %x dims [0] sizes [1] strides [2] dilations [1] : tensor<8xf32, #gir.at<reg>> -> tensor<4x1xf32, #gir.at<reg>>
  %1 = gir.window %y dims [0] sizes [1] strides [1] dilations [1] : tensor<?xf32, #gir.at<reg>> -> tensor<?x1xf32, #gir.at<reg>>
  return %0, %1 : tensor<4x1xf32, #gir.at<reg>>, tensor<?x1xf32, #gir.at<reg>>
}

// -----

// Counting anew twice is once; in the same dimensions it is nothing, also where the one dynamic size follows.
// CHECK-LABEL: @reshape
// CHECK-SAME:  (%[[X:.*]]: tensor<4x6xf32, #gir.at<dram>>, %[[Y:.*]]: tensor<?x6xf32, #gir.at<dram>>, %[[N:.*]]: index)
// CHECK-NEXT:  %[[R:.*]] = gir.reshape %[[X]] : tensor<4x6xf32, #gir.at<dram>> -> tensor<3x8xf32, #gir.at<dram>>
// CHECK-NEXT:  return %[[R]], %[[X]], %[[Y]]
func.func @reshape(%x: tensor<4x6xf32, #gir.at<dram>>, %y: tensor<?x6xf32, #gir.at<dram>>, %n: index) -> (tensor<3x8xf32, #gir.at<dram>>, tensor<4x6xf32, #gir.at<dram>>, tensor<?x6xf32, #gir.at<dram>>) {
  %0 = gir.reshape %x : tensor<4x6xf32, #gir.at<dram>> -> tensor<24xf32, #gir.at<dram>>
  %1 = gir.reshape %0 : tensor<24xf32, #gir.at<dram>> -> tensor<3x8xf32, #gir.at<dram>>
  %2 = gir.reshape %0 : tensor<24xf32, #gir.at<dram>> -> tensor<4x6xf32, #gir.at<dram>>
  %3 = gir.reshape %y sizes(%n) : tensor<?x6xf32, #gir.at<dram>> -> tensor<?x6xf32, #gir.at<dram>>
  return %1, %2, %3 : tensor<3x8xf32, #gir.at<dram>>, tensor<4x6xf32, #gir.at<dram>>, tensor<?x6xf32, #gir.at<dram>>
}

// -----

// A dimension of size 1 is one more; two dynamic sizes may be shared out anew, and without elements any size is right.
// CHECK-LABEL: @reshape_stays
// CHECK-COUNT-3: gir.reshape
func.func @reshape_stays(%x: tensor<4xf32, #gir.at<reg>>, %y: tensor<?x?xf32, #gir.at<reg>>, %z: tensor<?x0xf32, #gir.at<reg>>, %n: index) -> (tensor<4x1xf32, #gir.at<reg>>, tensor<?x?xf32, #gir.at<reg>>, tensor<?x0xf32, #gir.at<reg>>) {
  %0 = gir.reshape %x : tensor<4xf32, #gir.at<reg>> -> tensor<4x1xf32, #gir.at<reg>>
  %1 = gir.reshape %y sizes(%n, %n) : tensor<?x?xf32, #gir.at<reg>> -> tensor<?x?xf32, #gir.at<reg>>
  %2 = gir.reshape %z sizes(%n) : tensor<?x0xf32, #gir.at<reg>> -> tensor<?x0xf32, #gir.at<reg>>
  return %0, %1, %2 : tensor<4x1xf32, #gir.at<reg>>, tensor<?x?xf32, #gir.at<reg>>, tensor<?x0xf32, #gir.at<reg>>
}

// -----

// A border of nothing is none; one that only the program knows stays.
// CHECK-LABEL: @pad
// CHECK-SAME:  (%[[X:.*]]: tensor<?x8xf32, #gir.at<reg>>, %{{.*}}: f32, %[[N:.*]]: index)
// CHECK-NEXT:  %[[STAYS:.*]] = gir.pad %[[X]] low [%[[N]], 0] high [0, 0]
// CHECK-NEXT:  return %[[X]], %[[STAYS]]
func.func @pad(%x: tensor<?x8xf32, #gir.at<reg>>, %v: f32, %n: index) -> (tensor<?x8xf32, #gir.at<reg>>, tensor<?x8xf32, #gir.at<reg>>) {
  %0 = gir.pad %x low [0, 0] high [0, 0] value %v : tensor<?x8xf32, #gir.at<reg>> -> tensor<?x8xf32, #gir.at<reg>>
  %1 = gir.pad %x low [%n, 0] high [0, 0] value %v : tensor<?x8xf32, #gir.at<reg>> -> tensor<?x8xf32, #gir.at<reg>>
  return %0, %1 : tensor<?x8xf32, #gir.at<reg>>, tensor<?x8xf32, #gir.at<reg>>
}

// -----

// Whatever view of one value everywhere: it is that value everywhere.
// CHECK-LABEL: @splats
// CHECK-NOT:   = gir.
// CHECK:       %[[K:.*]] = arith.constant dense<1.000000e+00> : tensor<24xf32, #gir.at<reg>>
// CHECK-NOT:   = gir.
// CHECK:       return %[[K]]
func.func @splats() -> tensor<24xf32, #gir.at<reg>> {
  %v = arith.constant 1.0 : f32
  %0 = arith.constant dense<1.0> : tensor<5xf32, #gir.at<reg>>
  %1 = gir.broadcast %0 dims [0] pass 1 : tensor<5xf32, #gir.at<reg>> -> tensor<2x5xf32, #gir.at<reg>>
  %2 = gir.permute %1 [1, 0] : tensor<2x5xf32, #gir.at<reg>> -> tensor<5x2xf32, #gir.at<reg>>
  %3 = gir.pad %2 low [1, 0] high [0, 0] value %v : tensor<5x2xf32, #gir.at<reg>> -> tensor<6x2xf32, #gir.at<reg>>
  %4 = gir.slice %3 [1, 0] [4, 2] [1, 1] : tensor<6x2xf32, #gir.at<reg>> -> tensor<4x2xf32, #gir.at<reg>>
  %5 = gir.window %4 dims [0] sizes [3] strides [1] dilations [1] : tensor<4x2xf32, #gir.at<reg>> -> tensor<2x2x3xf32, #gir.at<reg>>
  %6 = gir.concat %5, %5 dim 0 : (tensor<2x2x3xf32, #gir.at<reg>>, tensor<2x2x3xf32, #gir.at<reg>>) -> tensor<4x2x3xf32, #gir.at<reg>>
  %7 = gir.reshape %6 : tensor<4x2x3xf32, #gir.at<reg>> -> tensor<24xf32, #gir.at<reg>>
  return %7 : tensor<24xf32, #gir.at<reg>>
}

// -----

// The two zeros are two values, a dynamic size needs its value, and what isn't at reg isn't made there.
// CHECK-LABEL: @splats_stay
// CHECK:       gir.pad
// CHECK-NEXT:  gir.concat
// CHECK-NEXT:  gir.broadcast
// CHECK-NEXT:  gir.permute
func.func @splats_stay(%n: index) -> (tensor<3xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>, tensor<?x2xf32, #gir.at<reg>>, tensor<3x2xf32, #gir.at<dram>>) {
  %v = arith.constant -0.0 : f32
  %z = arith.constant dense<0.0> : tensor<2xf32, #gir.at<reg>>
  %m = arith.constant dense<-0.0> : tensor<2xf32, #gir.at<reg>>
  %d = arith.constant dense<0.0> : tensor<2x3xf32, #gir.at<dram>>
  %0 = gir.pad %z low [1] high [0] value %v : tensor<2xf32, #gir.at<reg>> -> tensor<3xf32, #gir.at<reg>>
  %1 = gir.concat %z, %m dim 0 : (tensor<2xf32, #gir.at<reg>>, tensor<2xf32, #gir.at<reg>>) -> tensor<4xf32, #gir.at<reg>>
  %2 = gir.broadcast %z dims [0] sizes(%n) : tensor<2xf32, #gir.at<reg>> -> tensor<?x2xf32, #gir.at<reg>>
  %3 = gir.permute %d [1, 0] : tensor<2x3xf32, #gir.at<dram>> -> tensor<3x2xf32, #gir.at<dram>>
  return %0, %1, %2, %3 : tensor<3xf32, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>, tensor<?x2xf32, #gir.at<reg>>, tensor<3x2xf32, #gir.at<dram>>
}
