// RUN: %pf-opt %s --pass-pipeline='builtin.module(gir-check{report=true})' --split-input-file --verify-diagnostics

// Rows of 100 in tiles of 32, the last one of 4: nothing is out of bounds, each element is written once.
func.func @sound(%x: memref<7x100xf32>, %y: memref<7x100xf32>) {
  // expected-remark @+1 {{bounds: 2 proved, 0 refuted, 0 open; races: 1 proved, 0 refuted, 0 open; coverage: 1 proved, 0 refuted, 0 open; sync: 0 proved, 0 refuted, 0 open}}
  gir.kernel "copy" (%a = %x : memref<7x100xf32>, %b = %y : memref<7x100xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c7 = arith.constant 7 : index
    %c32 = arith.constant 32 : index
    %c100 = arith.constant 100 : index
    %tiles = arith.constant 4 : index
    gir.parallel <group> (%i, %t) in (%c7, %tiles) {
      %j = affine.apply affine_map<(t) -> (t * 32)>(%t)
      %v = affine.min affine_map<(j) -> (32, 100 - j)>(%j)
      %0 = gir.load %a[%i, %j] valid [%c1, %v] : memref<7x100xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
      gir.store %0, %b[%i, %j] valid [%c1, %v] : tensor<1x32xf32, #gir.at<reg>>, memref<7x100xf32, #gir.at<dram>>
    }
  }
  return
}

// -----

// A window that is one element too far to the right.
func.func @out_of_bounds(%x: memref<7x64xf32>, %y: memref<64xf32>) {
  // expected-remark @+1 {{bounds: 1 proved, 1 refuted, 0 open}}
  gir.kernel "row" (%a = %x : memref<7x64xf32>, %b = %y : memref<64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gir.parallel <group> (%g) in (%c1) {
      // expected-error @+1 {{'gir.load' op is out of bounds: element [0, 64] of 64 in dimension 1}}
      %0 = gir.load %a[%c0, %c1] : memref<7x64xf32, #gir.at<dram>> -> tensor<1x64xf32, #gir.at<reg>>
      %1 = gir.reshape %0 : tensor<1x64xf32, #gir.at<reg>> -> tensor<64xf32, #gir.at<reg>>
      gir.store %1, %b[%c0] : tensor<64xf32, #gir.at<reg>>, memref<64xf32, #gir.at<dram>>
    }
  }
  return
}

// -----

// Tiles of 32 every 16 elements: neighbours write the same elements, and nobody writes the last ones.
func.func @overlap(%y: memref<100xf32>, %v: f32) {
  // expected-error @+2 {{'gir.kernel' op doesn't write element [99] of input 0}}
  // expected-remark @+1 {{races: 0 proved, 1 refuted, 0 open; coverage: 0 proved, 1 refuted, 0 open}}
  gir.kernel "fill" (%b = %y : memref<100xf32>, %c = %v : f32) -> () {
    %n = arith.constant 4 : index
    gir.parallel <group> (%t) in (%n) {
      %j = affine.apply affine_map<(t) -> (t * 16)>(%t)
      %0 = tensor.splat %c : tensor<32xf32, #gir.at<reg>>
      // expected-error @+1 {{'gir.store' op races: two instances of a parallel touch element}}
      gir.store %0, %b[%j] : tensor<32xf32, #gir.at<reg>>, memref<100xf32, #gir.at<dram>>
    }
  }
  return
}

// -----

// Units exchange halves through sram; the sync makes it right.
func.func @exchange(%y: memref<2x8xf32>, %v: f32) {
  // expected-remark @+1 {{bounds: 3 proved, 0 refuted, 0 open; races: 4 proved, 0 refuted, 0 open; coverage: 1 proved, 0 refuted, 0 open; sync: 1 proved, 0 refuted, 0 open}}
  gir.kernel "exchange" (%b = %y : memref<2x8xf32>, %c = %v : f32) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    gir.parallel <group> (%g) in (%c1) {
      %s = gir.alloc : memref<2x8xf32, #gir.at<sram>>
      gir.parallel <unit> (%u) in (%c2) {
        %0 = tensor.splat %c : tensor<1x8xf32, #gir.at<reg>>
        gir.store %0, %s[%u, %c0] : tensor<1x8xf32, #gir.at<reg>>, memref<2x8xf32, #gir.at<sram>>
        gir.sync <group>
        %o = affine.apply affine_map<(u) -> (1 - u)>(%u)
        %1 = gir.load %s[%o, %c0] : memref<2x8xf32, #gir.at<sram>> -> tensor<1x8xf32, #gir.at<reg>>
        gir.store %1, %b[%u, %c0] : tensor<1x8xf32, #gir.at<reg>>, memref<2x8xf32, #gir.at<dram>>
      }
    }
  }
  return
}

// -----

// The same without the sync.
func.func @no_sync(%y: memref<2x8xf32>, %v: f32) {
  // expected-remark @+1 {{races: 3 proved, 1 refuted, 0 open}}
  gir.kernel "exchange" (%b = %y : memref<2x8xf32>, %c = %v : f32) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    gir.parallel <group> (%g) in (%c1) {
      %s = gir.alloc : memref<2x8xf32, #gir.at<sram>>
      gir.parallel <unit> (%u) in (%c2) {
        %0 = tensor.splat %c : tensor<1x8xf32, #gir.at<reg>>
        // expected-error @+1 {{'gir.store' op races: two instances of a parallel touch element}}
        gir.store %0, %s[%u, %c0] : tensor<1x8xf32, #gir.at<reg>>, memref<2x8xf32, #gir.at<sram>>
        %o = affine.apply affine_map<(u) -> (1 - u)>(%u)
        %1 = gir.load %s[%o, %c0] : memref<2x8xf32, #gir.at<sram>> -> tensor<1x8xf32, #gir.at<reg>>
        gir.store %1, %b[%u, %c0] : tensor<1x8xf32, #gir.at<reg>>, memref<2x8xf32, #gir.at<dram>>
      }
    }
  }
  return
}

// -----

// Rows of any length: bounds and races are proved for all of them; coverage of an open size is left open.
func.func @dynamic(%x: memref<7x?xf32>, %y: memref<7x?xf32>) {
  // expected-remark @+1 {{bounds: 1 proved, 0 refuted, 1 open; races: 1 proved, 0 refuted, 0 open; coverage: 0 proved, 0 refuted, 1 open}}
  gir.kernel "copy" (%a = %x : memref<7x?xf32>, %b = %y : memref<7x?xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c7 = arith.constant 7 : index
    %c32 = arith.constant 32 : index
    %n = memref.dim %a, %c1 : memref<7x?xf32, #gir.at<dram>>
    gir.parallel <group> (%i) in (%c7) {
      scf.for %j = %c0 to %n step %c32 {
        %v = affine.min affine_map<(j)[n] -> (32, n - j)>(%j)[%n]
        %0 = gir.load %a[%i, %j] valid [%c1, %v] : memref<7x?xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        gir.store %0, %b[%i, %j] valid [%c1, %v] : tensor<1x32xf32, #gir.at<reg>>, memref<7x?xf32, #gir.at<dram>>
      }
    }
  }
  return
}
