// RUN: pf-opt %s --gir-tile --canonicalize --cse --split-input-file | FileCheck %s

// Groups are parallel, rows a serial loop, columns a loop per pass. The row is staged once, its exponentials wait in a
// buffer, and every pass loads from the chip.
// CHECK-LABEL: func.func @softmax(
// CHECK:       gir.parallel <group> (%[[G:.*]]) in (%c3)
// CHECK:         scf.for %[[R:.*]] = %{{.*}} to %{{.*}} step %c1
// CHECK:           %[[X:.*]] = gir.stage %{{.*}}[%[[R]], %c0] [1, 50]
// CHECK:           %[[MAX:.*]] = scf.for %[[C:.*]] = %c0 to %c50 step %c16 iter_args(%[[P:.*]] = %{{.*}})
// CHECK:             %[[T:.*]] = gir.load %[[X]][%c0, %[[C]]] valid
// CHECK:             gir.reduce %[[T]] into %[[P]] dims [1] valid
// CHECK:           %[[E:.*]] = gir.alloc : memref<1x50xf32, #gir.at<sram>>
// CHECK:           %[[SUM:.*]] = scf.for
// CHECK:             gir.load %[[X]]
// CHECK:             gir.broadcast %[[MAX]] dims [1]
// CHECK:             gir.store %{{.*}}, %[[E]]
// CHECK:           scf.for
// CHECK:             gir.load %[[E]]
// CHECK:             gir.broadcast %[[SUM]] dims [1]
// CHECK:             gir.store
func.func @softmax(%x: tensor<10x50xf32>) -> tensor<10x50xf32> {
  %y = gir.kernel "softmax" (%a = %x : tensor<10x50xf32>)
      nest <[r = 10 : 4 : 4 : 1, c = 50 : 50 : 50 : 16], sweep = [c]> -> (tensor<10x50xf32>) {
    %lowest = arith.constant dense<0xFF800000> : tensor<10xf32, #gir.at<reg>>
    %zero = arith.constant dense<0.0> : tensor<10xf32, #gir.at<reg>>
    %xs = gir.move %a over ["r", "c"] : tensor<10x50xf32, #gir.at<dram>> -> tensor<10x50xf32, #gir.at<sram>>
    %0 = gir.move %xs : tensor<10x50xf32, #gir.at<sram>> -> tensor<10x50xf32, #gir.at<reg>>
    %m = gir.reduce %0 into %lowest dims [1] kinds [#vector.kind<maximumf>] : tensor<10x50xf32, #gir.at<reg>> into tensor<10xf32, #gir.at<reg>>
    %1 = gir.move %xs pass 1 : tensor<10x50xf32, #gir.at<sram>> -> tensor<10x50xf32, #gir.at<reg>>
    %mb = gir.broadcast %m dims [1] pass 1 : tensor<10xf32, #gir.at<reg>> -> tensor<10x50xf32, #gir.at<reg>>
    %c = arith.subf %1, %mb : tensor<10x50xf32, #gir.at<reg>>
    %e = math.exp %c : tensor<10x50xf32, #gir.at<reg>>
    %l = gir.reduce %e into %zero dims [1] kinds [#vector.kind<add>] : tensor<10x50xf32, #gir.at<reg>> into tensor<10xf32, #gir.at<reg>>
    %es = gir.move %e pass 1 : tensor<10x50xf32, #gir.at<reg>> -> tensor<10x50xf32, #gir.at<sram>>
    %2 = gir.move %es pass 2 : tensor<10x50xf32, #gir.at<sram>> -> tensor<10x50xf32, #gir.at<reg>>
    %lb = gir.broadcast %l dims [1] pass 2 : tensor<10xf32, #gir.at<reg>> -> tensor<10x50xf32, #gir.at<reg>>
    %q = arith.divf %2, %lb : tensor<10x50xf32, #gir.at<reg>>
    %y = gir.move %q pass 2 over ["r", "c"] : tensor<10x50xf32, #gir.at<reg>> -> tensor<10x50xf32, #gir.at<dram>>
    gir.return %y : tensor<10x50xf32, #gir.at<dram>>
  }
  return %y : tensor<10x50xf32>
}

// -----

// What is loaded moves with its own dimensions alone: a scale per row is loaded once per row, outside of the columns,
// and the sum's root stands behind the loop that sums.
// CHECK-LABEL: func.func @norm(
// CHECK:       gir.parallel <group>
// CHECK:         gir.load %{{.*}} : memref<8xf32, #gir.at<dram>>
// CHECK:         scf.for
// CHECK:           gir.load
// CHECK-NOT:       math.rsqrt
// CHECK:           scf.yield
// CHECK:         math.rsqrt
// CHECK:         scf.for
// CHECK:           gir.load
// CHECK:           gir.store
func.func @norm(%x: tensor<8x64xf32>, %s: tensor<8xf32>) -> tensor<8x64xf32> {
  %y = gir.kernel "norm" (%a = %x : tensor<8x64xf32>, %b = %s : tensor<8xf32>)
      nest <[r = 8 : 1 : 1 : 1, c = 64 : 64 : 64 : 32], sweep = [c]> -> (tensor<8x64xf32>) {
    %0 = gir.move %a over ["r", "c"] : tensor<8x64xf32, #gir.at<dram>> -> tensor<8x64xf32, #gir.at<reg>>
    %t = gir.move %b over ["r"] : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %q = arith.mulf %0, %0 : tensor<8x64xf32, #gir.at<reg>>
    %m = gir.reduce %q into %t dims [1] kinds [#vector.kind<add>] : tensor<8x64xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<reg>>
    %n = math.rsqrt %m : tensor<8xf32, #gir.at<reg>>
    %1 = gir.move %a pass 1 over ["r", "c"] : tensor<8x64xf32, #gir.at<dram>> -> tensor<8x64xf32, #gir.at<reg>>
    %nb = gir.broadcast %n dims [1] pass 1 : tensor<8xf32, #gir.at<reg>> -> tensor<8x64xf32, #gir.at<reg>>
    %p = arith.mulf %1, %nb : tensor<8x64xf32, #gir.at<reg>>
    %y = gir.move %p pass 1 over ["r", "c"] : tensor<8x64xf32, #gir.at<reg>> -> tensor<8x64xf32, #gir.at<dram>>
    gir.return %y : tensor<8x64xf32, #gir.at<dram>>
  }
  return %y : tensor<8x64xf32>
}

// -----

// A value that is kept over a sweep stays in registers: its steps are written out, and each is loaded once.
// CHECK-LABEL: func.func @kept(
// CHECK:       gir.parallel <group>
// CHECK-COUNT-2: gir.load
// CHECK-NOT:   gir.load
// CHECK-COUNT-2: gir.store
func.func @kept(%x: tensor<8x24xf32>) -> tensor<8x24xf32> {
  %y = gir.kernel "kept" (%a = %x : tensor<8x24xf32>)
      nest <[r = 8 : 1 : 1 : 1, c = 24 : 24 : 24 : 16], sweep = [c]> -> (tensor<8x24xf32>) {
    %zero = arith.constant dense<0.0> : tensor<8xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<8x24xf32, #gir.at<dram>> -> tensor<8x24xf32, #gir.at<reg>>
    %m = gir.reduce %0 into %zero dims [1] kinds [#vector.kind<add>] : tensor<8x24xf32, #gir.at<reg>> into tensor<8xf32, #gir.at<reg>>
    %1 = gir.move %0 pass 1 : tensor<8x24xf32, #gir.at<reg>> -> tensor<8x24xf32, #gir.at<reg>>
    %mb = gir.broadcast %m dims [1] pass 1 : tensor<8xf32, #gir.at<reg>> -> tensor<8x24xf32, #gir.at<reg>>
    %p = arith.subf %1, %mb : tensor<8x24xf32, #gir.at<reg>>
    %y = gir.move %p pass 1 over ["r", "c"] : tensor<8x24xf32, #gir.at<reg>> -> tensor<8x24xf32, #gir.at<dram>>
    gir.return %y : tensor<8x24xf32, #gir.at<dram>>
  }
  return %y : tensor<8x24xf32>
}

// -----

// Units of a group are parallel within it; one that has no part of its own has a loop without trips.
// CHECK-LABEL: func.func @units(
// CHECK:       gir.parallel <group> (%{{.*}}) in (%c2)
// CHECK:         gir.parallel <unit> (%{{.*}}) in (%c2)
// CHECK:           scf.for
// CHECK:             gir.load
// CHECK:             gir.store
func.func @units(%x: tensor<48xf32>) -> tensor<48xf32> {
  %y = gir.kernel "units" (%a = %x : tensor<48xf32>) nest <[c = 48 : 32 : 16 : 16]> -> (tensor<48xf32>) {
    %0 = gir.move %a over ["c"] : tensor<48xf32, #gir.at<dram>> -> tensor<48xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<48xf32, #gir.at<reg>>
    %y = gir.move %1 over ["c"] : tensor<48xf32, #gir.at<reg>> -> tensor<48xf32, #gir.at<dram>>
    gir.return %y : tensor<48xf32, #gir.at<dram>>
  }
  return %y : tensor<48xf32>
}

// -----

// Units that share what is at sram step together: a row of each is staged at once, and a unit without one does nothing.
// CHECK-LABEL: func.func @shared(
// CHECK:       gir.parallel <group> (%{{.*}}) in (%c3)
// CHECK:         scf.for
// CHECK:           %[[ROWS:.*]] = memref.subview %{{.*}}[%{{.*}}, 0] [%{{.*}}, 32] [2, 1]
// CHECK:           %[[S:.*]] = gir.stage %[[ROWS]][%c0, %c0] [%{{.*}}, 32] upto [2]
// CHECK:           gir.parallel <unit> (%[[U:.*]]) in (%c2)
// CHECK:             scf.for
// CHECK:               gir.load %[[S]][%[[U]], %c0]
// CHECK:               gir.store
func.func @shared(%x: tensor<10x32xf32>) -> tensor<10x32xf32> {
  %y = gir.kernel "shared" (%a = %x : tensor<10x32xf32>) nest <[r = 10 : 4 : 2 : 1, c = 32 : 32 : 32 : 32]> -> (tensor<10x32xf32>) {
    %s = gir.move %a over ["r", "c"] : tensor<10x32xf32, #gir.at<dram>> -> tensor<10x32xf32, #gir.at<sram>>
    %0 = gir.move %s : tensor<10x32xf32, #gir.at<sram>> -> tensor<10x32xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<10x32xf32, #gir.at<reg>>
    %y = gir.move %1 over ["r", "c"] : tensor<10x32xf32, #gir.at<reg>> -> tensor<10x32xf32, #gir.at<dram>>
    gir.return %y : tensor<10x32xf32, #gir.at<dram>>
  }
  return %y : tensor<10x32xf32>
}

// -----

// A row beside its border is loaded once, with what is there of its neighbours, and the neighbourhoods are made of it.
// CHECK-LABEL: func.func @neighbours(
// CHECK:       scf.for %[[I:.*]] = %c0 to %c64 step %c16
// CHECK:         %[[BEFORE:.*]] = affine.apply #{{.*}}(%[[I]])
// CHECK:         %[[T:.*]] = gir.load %{{.*}}[%[[BEFORE]]] clip : memref<64xf32, #gir.at<dram>> -> tensor<18xf32, #gir.at<reg>>
// CHECK-NOT:     gir.load
// CHECK:         %[[P:.*]] = arith.select %{{.*}}, %[[T]]
// CHECK:         gir.window %[[P]] {{.*}} -> tensor<16x3xf32, #gir.at<reg>>
// CHECK:         gir.store
func.func @neighbours(%x: tensor<64xf32>) -> tensor<64xf32> {
  %y = gir.kernel "neighbours" (%a = %x : tensor<64xf32>) nest <[c = 64 : 64 : 64 : 16]> -> (tensor<64xf32>) {
    %none = arith.constant 0.0 : f32
    %zero = arith.constant dense<0.0> : tensor<64xf32, #gir.at<reg>>
    %0 = gir.move %a over ["c"] : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %p = gir.pad %0 low [1] high [1] value %none : tensor<64xf32, #gir.at<reg>> -> tensor<66xf32, #gir.at<reg>>
    %q = gir.window %p dims [0] sizes [3] strides [1] dilations [1] : tensor<66xf32, #gir.at<reg>> -> tensor<64x3xf32, #gir.at<reg>>
    %s = gir.reduce %q into %zero dims [1] kinds [#vector.kind<add>] : tensor<64x3xf32, #gir.at<reg>> into tensor<64xf32, #gir.at<reg>>
    %y = gir.move %s over ["c"] : tensor<64xf32, #gir.at<reg>> -> tensor<64xf32, #gir.at<dram>>
    gir.return %y : tensor<64xf32, #gir.at<dram>>
  }
  return %y : tensor<64xf32>
}

// -----

// A maximum and the payload that goes with it are carried over the steps of a sweep; what becomes of them stands behind.
// CHECK-LABEL: func.func @payload(
// CHECK:         %[[ENDS:.*]]:2 = scf.for %{{.*}} iter_args(%[[M:.*]] = %{{.*}}, %[[V:.*]] = %{{.*}})
// CHECK:           gir.reduce %{{.*}}, %{{.*}} into %[[M]], %[[V]] dims [1] combiner
// CHECK:         gir.store %[[ENDS]]#1
func.func @payload(%x: tensor<4x32xf32>, %v: tensor<4x32x3xf32>) -> tensor<4x3xf32> {
  %y = gir.kernel "payload" (%a = %x : tensor<4x32xf32>, %b = %v : tensor<4x32x3xf32>)
      nest <[r = 4 : 2 : 2 : 1, c = 32 : 32 : 32 : 8], sweep = [c]> -> (tensor<4x3xf32>) {
    %low = arith.constant dense<0xFF800000> : tensor<4xf32, #gir.at<reg>>
    %none = arith.constant dense<0.0> : tensor<4x3xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : tensor<4x32xf32, #gir.at<dram>> -> tensor<4x32xf32, #gir.at<reg>>
    %1 = gir.move %b over ["r", "c", ""] : tensor<4x32x3xf32, #gir.at<dram>> -> tensor<4x32x3xf32, #gir.at<reg>>
    %m:2 = gir.reduce %0, %1 into %low, %none dims [1] combiner {
    ^bb0(%x0: f32, %v0: tensor<3xf32, #gir.at<reg>>, %x1: f32, %v1: tensor<3xf32, #gir.at<reg>>):
      %c = arith.cmpf ogt, %x0, %x1 : f32
      %t = arith.select %c, %x0, %x1 : f32
      %u = arith.select %c, %v0, %v1 : tensor<3xf32, #gir.at<reg>>
      gir.yield %t, %u : f32, tensor<3xf32, #gir.at<reg>>
    } : tensor<4x32xf32, #gir.at<reg>>, tensor<4x32x3xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>, tensor<4x3xf32, #gir.at<reg>>
    %2 = gir.move %m#1 over ["r", ""] : tensor<4x3xf32, #gir.at<reg>> -> tensor<4x3xf32, #gir.at<dram>>
    gir.return %2 : tensor<4x3xf32, #gir.at<dram>>
  }
  return %y : tensor<4x3xf32>
}

// -----

// Units that share a row sum their parts, the first from what is given, and combine; the first stores what all have.
// CHECK-LABEL: func.func @joined(
// CHECK:       gir.parallel <unit> (%[[U:.*]]) in (%c4)
// CHECK:         %[[START:.*]] = arith.select
// CHECK:         %[[PART:.*]] = scf.for %{{.*}} iter_args(%{{.*}} = %[[START]])
// CHECK:         %[[SUM:.*]] = gir.all_reduce <group> %[[PART]] kinds [#vector.kind<add>]
// CHECK:         %[[FIRST:.*]] = affine.max #{{.*}}(%[[U]])
// CHECK:         scf.for %{{.*}} = %c0 to %[[FIRST]]
// CHECK:           gir.store %[[SUM]]
func.func @joined(%x: tensor<4x64xf32>, %s: tensor<4xf32>) -> tensor<4xf32> {
  %y = gir.kernel "joined" (%a = %x : tensor<4x64xf32>, %b = %s : tensor<4xf32>)
      nest <[r = 4 : 1 : 1 : 1, c = 64 : 64 : 16 : 8], sweep = [c]> -> (tensor<4xf32>) {
    %0 = gir.move %a over ["r", "c"] : tensor<4x64xf32, #gir.at<dram>> -> tensor<4x64xf32, #gir.at<reg>>
    %i = gir.move %b over ["r"] : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %m = gir.reduce %0 into %i dims [1] kinds [#vector.kind<add>] : tensor<4x64xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %1 = gir.move %m over ["r"] : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %1 : tensor<4xf32, #gir.at<dram>>
  }
  return %y : tensor<4xf32>
}

// -----

// What a unit loaded outlives the steps in which the group brings a part of the weights: units meet around it.
// CHECK-LABEL: func.func @brought(
// CHECK:       %[[B:.*]] = gir.alloc : memref<16xf32, #gir.at<sram>>
// CHECK:       gir.parallel <unit>
// CHECK:         gir.load %{{.*}} -> tensor<2xf32, #gir.at<reg>>
// CHECK:         scf.for
// CHECK:           gir.sync <group>
// CHECK:           scf.for
// CHECK:             %[[T:.*]] = gir.copy %{{.*}}, %[[B]]
// CHECK:             gir.wait %[[T]]
// CHECK:           gir.sync <group>
// CHECK:           gir.load %[[B]]
// CHECK:           gir.store
func.func @brought(%x: tensor<8xf32>, %w: tensor<64xf32>) -> tensor<8x64xf32> {
  %y = gir.kernel "brought" (%a = %x : tensor<8xf32>, %b = %w : tensor<64xf32>)
      nest <[r = 8 : 8 : 2 : 2, k = 64 : 64 : 64 : 16]> -> (tensor<8x64xf32>) {
    %0 = gir.move %a over ["r"] : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %s = gir.move %b over ["k"] : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<sram>>
    %1 = gir.move %s : tensor<64xf32, #gir.at<sram>> -> tensor<64xf32, #gir.at<reg>>
    %xb = gir.broadcast %0 dims [1] : tensor<8xf32, #gir.at<reg>> -> tensor<8x64xf32, #gir.at<reg>>
    %wb = gir.broadcast %1 dims [0] : tensor<64xf32, #gir.at<reg>> -> tensor<8x64xf32, #gir.at<reg>>
    %p = arith.mulf %xb, %wb : tensor<8x64xf32, #gir.at<reg>>
    %2 = gir.move %p over ["r", "k"] : tensor<8x64xf32, #gir.at<reg>> -> tensor<8x64xf32, #gir.at<dram>>
    gir.return %2 : tensor<8x64xf32, #gir.at<dram>>
  }
  return %y : tensor<8x64xf32>
}

// -----

// What ran along `c` has been folded since placing: nothing tells its size, and there is one step of it.
// CHECK-LABEL: func.func @folded(
// CHECK:       %[[ZERO:.*]] = arith.constant dense<0>
// CHECK-NOT:   scf.for
// CHECK:       gir.store %[[ZERO]]
func.func @folded(%x: tensor<?xi64>) -> tensor<i64> {
  %y = gir.kernel "folded" (%a = %x : tensor<?xi64>) nest <[c = ? : 64 : 64 : 16 upto 64], sweep = [c]> -> (tensor<i64>) {
    %0 = arith.constant dense<0> : tensor<i64, #gir.at<reg>>
    %1 = gir.move %0 over [] : tensor<i64, #gir.at<reg>> -> tensor<i64, #gir.at<dram>>
    gir.return %1 : tensor<i64, #gir.at<dram>>
  }
  return %y : tensor<i64>
}
