// RUN: %pf-opt %s --split-input-file --verify-diagnostics

func.func @move_c1_shape(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected a result with the operand's shape and element type, got 'tensor<8x4xf32, #gir.at<reg>>' from 'tensor<4x8xf32, #gir.at<dram>>'}}
  %0 = gir.move %x : tensor<4x8xf32, #gir.at<dram>> -> tensor<8x4xf32, #gir.at<reg>>
  return
}

// -----

// A move is no cast: what is static stays so.
func.func @move_c1_dynamic(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{got 'tensor<?x8xf32, #gir.at<reg>>' from 'tensor<4x8xf32, #gir.at<dram>>'}}
  %0 = gir.move %x : tensor<4x8xf32, #gir.at<dram>> -> tensor<?x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @move_c1_element(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{got 'tensor<4x8xf16, #gir.at<reg>>' from 'tensor<4x8xf32, #gir.at<dram>>'}}
  %0 = gir.move %x : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf16, #gir.at<reg>>
  return
}

// -----

func.func @move_c2(%x: tensor<4x8xf32, #gir.at<reg, space = "nram">>) {
  // expected-error @+1 {{expected operand and result in different places, got both at #gir.at<reg, space = "nram">}}
  %0 = gir.move %x : tensor<4x8xf32, #gir.at<reg, space = "nram">> -> tensor<4x8xf32, #gir.at<reg, space = "nram">>
  return
}

// -----

func.func @move_c2_dram(%x: tensor<8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected operand and result in different places, got both at #gir.at<dram>}}
  %0 = gir.move %x pass 1 : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<dram>>
  return
}

// -----

func.func @move_c3_number(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected 'over' to have a name per dimension of 'tensor<4x8xf32, #gir.at<reg>>', got ["r"]}}
  %0 = gir.move %x over ["r"] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @move_c3_twice(%x: tensor<4x8x2x2xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected 'over' to have each name once, got ["r", "", "", "r"]}}
  %0 = gir.move %x over ["r", "", "", "r"] : tensor<4x8x2x2xf32, #gir.at<dram>> -> tensor<4x8x2x2xf32, #gir.at<reg>>
  return
}

// -----

func.func @move_c4(%x: tensor<8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{expected a pass of at least 0, got -1}}
  %0 = gir.move %x pass -1 : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  return
}

// -----

func.func @move_nowhere(%x: tensor<4x8xf32, #gir.at<dram>>) {
  // expected-error @+1 {{result #0 must be tensor with #gir.at, but got 'tensor<4x8xf32>'}}
  %0 = gir.move %x : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32>
  return
}

// -----

func.func @move_unranked(%x: tensor<*xf32>) {
  // expected-error @+1 {{operand #0 must be tensor with #gir.at, but got 'tensor<*xf32>'}}
  %0 = "gir.move"(%x) : (tensor<*xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @load_c1_indices(%x: memref<4x8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected indices and a tile of rank 2, got 1 indices and 'tensor<1x8xf32, #gir.at<reg>>'}}
  %0 = gir.load %x[%i] : memref<4x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @load_c1_tile(%x: memref<4x8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected indices and a tile of rank 2, got 2 indices and 'tensor<8xf32, #gir.at<reg>>'}}
  %0 = gir.load %x[%i, %i] : memref<4x8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  return
}

// -----

func.func @load_c2(%x: memref<8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected elements of type 'f32', got 'i32'}}
  %0 = gir.load %x[%i] : memref<8xf32, #gir.at<dram>> -> tensor<8xi32, #gir.at<reg>>
  return
}

// -----

func.func @load_c3_number(%x: memref<4x8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected no valid extents or 2, got 1}}
  %0 = gir.load %x[%i, %i] valid [%i] : memref<4x8xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
  return
}

// -----

func.func @load_c3_clip(%x: memref<8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected either valid extents or clip, got both}}
  %0 = gir.load %x[%i] valid [%i] clip : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
  return
}

// -----

func.func @load_c4(%x: memref<?xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected a tile of static shape, got 'tensor<?xf32, #gir.at<reg>>'}}
  %0 = gir.load %x[%i] : memref<?xf32, #gir.at<dram>> -> tensor<?xf32, #gir.at<reg>>
  return
}

// -----

func.func @load_from_nowhere(%x: memref<8xf32>, %i: index) {
  // expected-error @+1 {{operand #0 must be memref with #gir.at, but got 'memref<8xf32>'}}
  %0 = gir.load %x[%i] : memref<8xf32> -> tensor<8xf32, #gir.at<reg>>
  return
}

// -----

func.func @load_segments(%x: memref<8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{operand #0 must be variadic of index, but got 'memref<8xf32, #gir.at<dram>>'}}
  %0 = "gir.load"(%x, %i) <{operandSegmentSizes = array<i32: 0, 1, 1>}> : (memref<8xf32, #gir.at<dram>>, index) -> tensor<8xf32, #gir.at<reg>>
  return
}

// -----

func.func @store_c1_indices(%t: tensor<1x8xf32, #gir.at<reg>>, %y: memref<4x8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected indices and a tile of rank 2, got 3 indices and 'tensor<1x8xf32, #gir.at<reg>>'}}
  gir.store %t, %y[%i, %i, %i] : tensor<1x8xf32, #gir.at<reg>>, memref<4x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @store_c1_tile(%t: tensor<8xf32, #gir.at<reg>>, %y: memref<4x8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected indices and a tile of rank 2, got 2 indices and 'tensor<8xf32, #gir.at<reg>>'}}
  gir.store %t, %y[%i, %i] : tensor<8xf32, #gir.at<reg>>, memref<4x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @store_c2(%t: tensor<8xf32, #gir.at<reg>>, %y: memref<8xf16, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected elements of type 'f16', got 'f32'}}
  gir.store %t, %y[%i] : tensor<8xf32, #gir.at<reg>>, memref<8xf16, #gir.at<dram>>
  return
}

// -----

func.func @store_c3(%t: tensor<8xf32, #gir.at<reg>>, %y: memref<8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected no valid extents or 1, got 2}}
  gir.store %t, %y[%i] valid [%i, %i] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
  return
}

// -----

func.func @store_c4(%t: tensor<?xf32, #gir.at<reg>>, %y: memref<8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected a tile of static shape, got 'tensor<?xf32, #gir.at<reg>>'}}
  gir.store %t, %y[%i] : tensor<?xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
  return
}

// -----

func.func @store_of_dram(%t: tensor<8xf32, #gir.at<dram>>, %y: memref<8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{operand #0 must be tensor at reg, but got 'tensor<8xf32, #gir.at<dram>>'}}
  gir.store %t, %y[%i] : tensor<8xf32, #gir.at<dram>>, memref<8xf32, #gir.at<dram>>
  return
}

// -----

func.func @gather_c1(%t: tensor<10x8xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>) {
  // expected-error @+1 {{expected at least one index tensor and as many as the table has dimensions, 2, got 1}}
  %0 = gir.gather %t[%i] : tensor<10x8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
  return
}

// -----

// A number is captured, not gathered.
func.func @gather_c1_scalar(%t: tensor<f32, #gir.at<dram>>) {
  // expected-error @+1 {{expected at least one index tensor and as many as the table has dimensions, 0, got 0}}
  %0 = "gir.gather"(%t) : (tensor<f32, #gir.at<dram>>) -> tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @gather_c2_shape(%t: tensor<10xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>) {
  // expected-error @+1 {{expected indices of 'tensor<5xf32, #gir.at<reg>>' with its shape and elements of type index, got 'tensor<4xindex, #gir.at<reg>>'}}
  %0 = gir.gather %t[%i] : tensor<10xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<5xf32, #gir.at<reg>>
  return
}

// -----

func.func @gather_c2_element(%t: tensor<10xf32, #gir.at<dram>>, %i: tensor<4xi64, #gir.at<reg>>) {
  // expected-error @+1 {{expected indices of 'tensor<4xf32, #gir.at<reg>>' with its shape and elements of type index, got 'tensor<4xi64, #gir.at<reg>>'}}
  %0 = gir.gather %t[%i] : tensor<10xf32, #gir.at<dram>>[tensor<4xi64, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
  return
}

// -----

func.func @gather_c3(%t: tensor<10xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>) {
  // expected-error @+1 {{expected elements of type 'f32', got 'f16'}}
  %0 = gir.gather %t[%i] : tensor<10xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf16, #gir.at<reg>>
  return
}

// -----

func.func @scatter_c1(%v: tensor<4xf32, #gir.at<reg>>, %d: tensor<10x8xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>) {
  // expected-error @+1 {{expected at least one index tensor and as many as the table has dimensions, 2, got 1}}
  %0 = gir.scatter %v into %d[%i] : tensor<4xf32, #gir.at<reg>> into tensor<10x8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<10x8xf32, #gir.at<dram>>
  return
}

// -----

func.func @scatter_c2_shape(%v: tensor<4xf32, #gir.at<reg>>, %d: tensor<10xf32, #gir.at<dram>>, %i: tensor<5xindex, #gir.at<reg>>) {
  // expected-error @+1 {{expected indices of 'tensor<4xf32, #gir.at<reg>>' with its shape and elements of type index, got 'tensor<5xindex, #gir.at<reg>>'}}
  %0 = gir.scatter %v into %d[%i] : tensor<4xf32, #gir.at<reg>> into tensor<10xf32, #gir.at<dram>>[tensor<5xindex, #gir.at<reg>>] -> tensor<10xf32, #gir.at<dram>>
  return
}

// -----

func.func @scatter_c2_element(%v: tensor<4xf32, #gir.at<reg>>, %d: memref<10xf32, #gir.at<dram>>, %i: tensor<4xi32, #gir.at<reg>>) {
  // expected-error @+1 {{with its shape and elements of type index, got 'tensor<4xi32, #gir.at<reg>>'}}
  gir.scatter %v into %d[%i] : tensor<4xf32, #gir.at<reg>> into memref<10xf32, #gir.at<dram>>[tensor<4xi32, #gir.at<reg>>]
  return
}

// -----

func.func @scatter_c3_element(%v: tensor<4xf16, #gir.at<reg>>, %d: memref<10xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>) {
  // expected-error @+1 {{expected one element type, which suits the kind, got 'f16' into 'f32'}}
  gir.scatter %v into %d[%i] : tensor<4xf16, #gir.at<reg>> into memref<10xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>]
  return
}

// -----

func.func @scatter_c3_kind(%v: tensor<4xf32, #gir.at<reg>>, %d: memref<10xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>) {
  // expected-error @+1 {{expected one element type, which suits the kind, got 'f32' into 'f32'}}
  gir.scatter %v into %d[%i] kind <xor> : tensor<4xf32, #gir.at<reg>> into memref<10xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>]
  return
}

// -----

func.func @scatter_c4_number(%v: tensor<4xf32, #gir.at<reg>>, %d: memref<10xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>, %n: index) {
  // expected-error @+1 {{expected no valid extents or 1, got 2}}
  gir.scatter %v into %d[%i] valid [%n, %n] : tensor<4xf32, #gir.at<reg>> into memref<10xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>]
  return
}

// -----

func.func @scatter_c4_graph(%v: tensor<4xf32, #gir.at<reg>>, %d: tensor<10xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>, %n: index) {
  // expected-error @+1 {{expected no valid extents, got 1}}
  %0 = gir.scatter %v into %d[%i] valid [%n] : tensor<4xf32, #gir.at<reg>> into tensor<10xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<10xf32, #gir.at<dram>>
  return
}

// -----

func.func @scatter_c5_none(%v: tensor<4xf32, #gir.at<reg>>, %d: tensor<10xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>) {
  // expected-error @+1 {{expected a result of the type of a tensor to scatter into, and none for a memref, got none for 'tensor<10xf32, #gir.at<dram>>'}}
  gir.scatter %v into %d[%i] : tensor<4xf32, #gir.at<reg>> into tensor<10xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>]
  return
}

// -----

func.func @scatter_c5_memref(%v: tensor<4xf32, #gir.at<reg>>, %d: memref<10xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>) {
  // expected-error @+1 {{expected a result of the type of a tensor to scatter into, and none for a memref, got 'tensor<10xf32, #gir.at<dram>>' for 'memref<10xf32, #gir.at<dram>>'}}
  %0 = gir.scatter %v into %d[%i] : tensor<4xf32, #gir.at<reg>> into memref<10xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<10xf32, #gir.at<dram>>
  return
}

// -----

func.func @gather_c4(%t: tensor<10xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>) {
  // expected-error @+1 {{expected a pass of at least 0, got -2}}
  %0 = gir.gather %t[%i] pass -2 : tensor<10xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
  return
}
