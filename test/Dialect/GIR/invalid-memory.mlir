// RUN: %pf-opt %s --split-input-file --verify-diagnostics

func.func @copy_c1_rank(%x: memref<4x8xf32, #gir.at<dram>>, %b: memref<8xf32, #gir.at<sram>>, %i: index) {
  // expected-error @+1 {{expected two memrefs of one rank, and an index into each and a size per dimension, got 2 and 1 indices and 2 sizes}}
  %t = gir.copy %x[%i, %i], %b[%i] [1, 8] : memref<4x8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
  gir.wait %t
  return
}

// -----

func.func @copy_c1_sizes(%x: memref<8xf32, #gir.at<dram>>, %b: memref<8xf32, #gir.at<sram>>, %i: index) {
  // expected-error @+1 {{got 1 and 1 indices and 2 sizes}}
  %t = gir.copy %x[%i], %b[%i] [1, 8] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
  gir.wait %t
  return
}

// -----

func.func @copy_c1_operand(%x: memref<8xf32, #gir.at<dram>>, %b: memref<8xf32, #gir.at<sram>>, %i: index) {
  // expected-error @+1 {{expected two memrefs of one rank, and an index into each and a size per dimension}}
  %t = "gir.copy"(%x, %i, %b, %i) <{static_sizes = array<i64: -9223372036854775808>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 0>}> : (memref<8xf32, #gir.at<dram>>, index, memref<8xf32, #gir.at<sram>>, index) -> !gir.token
  gir.wait %t
  return
}

// -----

func.func @copy_c2(%x: memref<8xf32, #gir.at<dram>>, %b: memref<8xf16, #gir.at<sram>>, %i: index) {
  // expected-error @+1 {{expected elements of type 'f32', got 'f16'}}
  %t = gir.copy %x[%i], %b[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<8xf16, #gir.at<sram>>
  gir.wait %t
  return
}

// -----

func.func @copy_c3(%x: memref<8xf32, #gir.at<sram>>, %b: memref<8xf32, #gir.at<sram>>, %i: index) {
  // expected-error @+1 {{expected memrefs in different places, got both at #gir.at<sram>}}
  %t = gir.copy %x[%i], %b[%i] [8] : memref<8xf32, #gir.at<sram>> -> memref<8xf32, #gir.at<sram>>
  gir.wait %t
  return
}

// -----

func.func @copy_c4_dest(%x: memref<8xf32, #gir.at<dram>>, %b: memref<4xf32, #gir.at<sram>>, %i: index) {
  // expected-error @+1 {{expected a window inside dimension 0 of 'memref<4xf32, #gir.at<sram>>', got 8 elements}}
  %t = gir.copy %x[%i], %b[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<4xf32, #gir.at<sram>>
  gir.wait %t
  return
}

// -----

func.func @copy_c4_negative(%x: memref<8xf32, #gir.at<dram>>, %b: memref<4xf32, #gir.at<sram>>, %i: index) {
  // expected-error @+1 {{expected a window inside dimension 0 of 'memref<8xf32, #gir.at<dram>>', got -1 elements}}
  %t = gir.copy %x[%i], %b[%i] [-1] : memref<8xf32, #gir.at<dram>> -> memref<4xf32, #gir.at<sram>>
  gir.wait %t
  return
}

// -----

func.func @copy_c5(%x: memref<8xf32, #gir.at<dram>>, %b: memref<8xf32, #gir.at<sram>>, %i: index) {
  // expected-error @+1 {{expected a token that is waited for, got one that reaches no gir.wait}}
  %t = gir.copy %x[%i], %b[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
  return
}

// -----

// Carried from iteration to iteration, and lost at the end.
func.func @copy_c5_carried(%x: memref<8xf32, #gir.at<dram>>, %b: memref<8xf32, #gir.at<sram>>, %i: index, %n: index) {
  // expected-error @+1 {{expected a token that is waited for, got one that reaches no gir.wait}}
  %t = gir.copy %x[%i], %b[%i] [8] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
  %0 = scf.for %j = %i to %n step %n iter_args(%u = %t) -> (!gir.token) {
    scf.yield %u : !gir.token
  }
  return
}

// -----

func.func @stage_c1(%x: memref<4x8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected one index and one size per dimension of 'memref<4x8xf32, #gir.at<dram>>', got 1 and 2}}
  %0 = gir.stage %x[%i] [1, 8] : memref<4x8xf32, #gir.at<dram>> -> memref<1x8xf32, #gir.at<sram>>
  return
}

// -----

func.func @stage_c2_sizes(%x: memref<8xf32, #gir.at<dram>>, %i: index, %n: index) {
  // expected-error @+1 {{of 'memref<8xf32, #gir.at<dram>>', got 'memref<8xf32, #gir.at<sram>>'}}
  %0 = gir.stage %x[%i] [%n] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
  return
}

// -----

func.func @stage_c2_element(%x: memref<8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected a window of sizes [4] of 'memref<8xf32, #gir.at<dram>>', got 'memref<4xf16, #gir.at<sram>>'}}
  %0 = gir.stage %x[%i] [4] : memref<8xf32, #gir.at<dram>> -> memref<4xf16, #gir.at<sram>>
  return
}

// -----

func.func @stage_c3_source(%x: memref<8xf32, #gir.at<sram>>, %i: index) {
  // expected-error @+1 {{expected a source at dram, got 'memref<8xf32, #gir.at<sram>>'}}
  %0 = gir.stage %x[%i] [4] : memref<8xf32, #gir.at<sram>> -> memref<4xf32, #gir.at<sram>>
  return
}

// -----

func.func @stage_c3_result(%x: memref<8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected a row-major buffer at sram, got 'memref<4xf32, strided<[2]>, #gir.at<sram>>'}}
  %0 = gir.stage %x[%i] [4] : memref<8xf32, #gir.at<dram>> -> memref<4xf32, strided<[2]>, #gir.at<sram>>
  return
}

// -----

func.func @stage_c4(%x: memref<8xf32, #gir.at<dram>>, %i: index, %n: index) {
  // expected-error @+1 {{expected a bound of at least 1 for each of 1 dynamic sizes, got [4, 4]}}
  %0 = gir.stage %x[%i] [%n] upto [4, 4] : memref<8xf32, #gir.at<dram>> -> memref<?xf32, #gir.at<sram>>
  return
}

// -----

func.func @stage_c5(%x: memref<8xf32, #gir.at<dram>>, %i: index) {
  // expected-error @+1 {{expected a window inside dimension 0 of 'memref<8xf32, #gir.at<dram>>', got 16 elements}}
  %0 = gir.stage %x[%i] [16] : memref<8xf32, #gir.at<dram>> -> memref<16xf32, #gir.at<sram>>
  return
}

// -----

func.func @alloc_c1(%n: index) {
  // expected-error @+1 {{expected one size per dynamic dimension, got 2 for 1}}
  %0 = gir.alloc sizes(%n, %n) upto [8] : memref<4x?xf32, #gir.at<sram>>
  return
}

// -----

func.func @alloc_c2_none(%n: index) {
  // expected-error @+1 {{expected a bound of at least 1 for each of 1 dynamic sizes, got []}}
  %0 = gir.alloc sizes(%n) : memref<4x?xf32, #gir.at<sram>>
  return
}

// -----

func.func @alloc_c2_zero(%n: index) {
  // expected-error @+1 {{expected a bound of at least 1 for each of 1 dynamic sizes, got [0]}}
  %0 = gir.alloc sizes(%n) upto [0] : memref<4x?xf32, #gir.at<sram>>
  return
}

// -----

func.func @alloc_c3_level() {
  // expected-error @+1 {{expected a row-major buffer at sram, got 'memref<4xf32, #gir.at<dram>>'}}
  %0 = gir.alloc : memref<4xf32, #gir.at<dram>>
  return
}

// -----

func.func @alloc_c3_layout() {
  // expected-error @+1 {{expected a row-major buffer at sram, got 'memref<4xf32, strided<[2]>, #gir.at<sram>>'}}
  %0 = gir.alloc : memref<4xf32, strided<[2]>, #gir.at<sram>>
  return
}

// -----

func.func @sync_c1_alone() {
  // expected-error @+1 {{expected to stand in a gir.parallel <unit>, got none around it}}
  gir.sync <group>
  return
}

// -----

func.func @sync_c1_group(%n: index) {
  gir.kernel "k" (%k = %n : index) -> () {
    gir.parallel <group> (%i) in (%k) {
      // expected-error @+1 {{expected to stand in a gir.parallel <unit>, got group}}
      gir.sync <group>
    }
  }
  return
}

// -----

func.func @sync_c2(%n: index) {
  gir.kernel "k" (%k = %n : index) -> () {
    gir.parallel <unit> (%i) in (%k) {
      // expected-error @+1 {{expected scope group or cluster, got device}}
      gir.sync <device>
    }
  }
  return
}

// -----

func.func @wait_for_no_token(%i: index) {
  // expected-note @+1 {{prior use here}}
  %0 = arith.constant 0 : index
  // expected-error @+1 {{use of value '%0' expects different type than prior uses: '!gir.token' vs 'index'}}
  gir.wait %0
  return
}

// -----

func.func @wait_c1() {
  // expected-error @+1 {{expected at least one token to wait for, got none}}
  gir.wait
  return
}
