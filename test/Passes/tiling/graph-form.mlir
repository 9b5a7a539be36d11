// RUN: %pf-opt %s --gir-tile --canonicalize --cse --split-input-file | FileCheck %s

// A contraction is a reduction of products: its dimensions are the inner loops, the result's tile stays at reg. A window's
// tile is loaded at its place in the neighbourhood, and of the last one only what is there.
// CHECK-LABEL: func.func @conv(
// CHECK:       gir.parallel <group> (%[[N:.*]], %[[H:.*]]) in (%c2, %c8)
// CHECK:         scf.for %[[W:.*]] = %c0 to %c38 step %c32 {
// CHECK:           %[[VALID:.*]] = affine.min
// CHECK:           scf.for %[[P:.*]] = %c0 to %c3 step %c1 iter_args(
// CHECK:             scf.for %[[Q:.*]] = %c0 to %c3 step %c1 iter_args(
// CHECK:               %[[Y:.*]] = arith.addi %[[H]], %[[P]]
// CHECK:               %[[X:.*]] = arith.addi %[[W]], %[[Q]]
// CHECK:               gir.load %{{.*}}[%[[N]], %[[Y]], %[[X]]] valid[%c1, %c1, %[[VALID]]]
// CHECK:               gir.load %{{.*}}[%[[P]], %[[Q]]]
// CHECK:               arith.mulf
// CHECK:               gir.reduce
func.func @conv(%x: tensor<2x10x40xf32>, %w: tensor<3x3xf32>, %c: tensor<2x8x38xf32>) -> tensor<2x8x38xf32> {
  %r = gir.kernel "conv" (%a = %x : tensor<2x10x40xf32>, %b = %w : tensor<3x3xf32>, %i = %c : tensor<2x8x38xf32>) -> (tensor<2x8x38xf32>) {
    %0 = gir.move %a : tensor<2x10x40xf32, #gir.at<dram>> -> tensor<2x10x40xf32, #gir.at<reg>>
    %1 = gir.window %0 dims [1, 2] sizes [3, 3] strides [1, 1] dilations [1, 1] : tensor<2x10x40xf32, #gir.at<reg>> -> tensor<2x8x38x3x3xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<3x3xf32, #gir.at<dram>> -> tensor<3x3xf32, #gir.at<reg>>
    %3 = gir.move %i : tensor<2x8x38xf32, #gir.at<dram>> -> tensor<2x8x38xf32, #gir.at<reg>>
    %4 = gir.contract %1, %2 into %3 maps [affine_map<(n, h, w, p, q) -> (n, h, w, p, q)>, affine_map<(n, h, w, p, q) -> (p, q)>, affine_map<(n, h, w, p, q) -> (n, h, w)>] : tensor<2x8x38x3x3xf32, #gir.at<reg>>, tensor<3x3xf32, #gir.at<reg>> into tensor<2x8x38xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<2x8x38xf32, #gir.at<reg>> -> tensor<2x8x38xf32, #gir.at<dram>>
    gir.return %5 : tensor<2x8x38xf32, #gir.at<dram>>
  }
  return %r : tensor<2x8x38xf32>
}

// -----

// A scan goes along its dimension and stores as it comes; what uses the scanned values loads them in a later nest.
// CHECK-LABEL: func.func @running_sum(
// CHECK-COUNT-2: memref.alloc
// CHECK:       gir.parallel <group> (%[[G:.*]]) in (%c2)
// CHECK:           scf.for %[[I:.*]] = %c0{{.*}} to %{{.*}} step %c1 iter_args(%[[ACC:.*]] =
// CHECK:             %[[X:.*]] = gir.load %{{.*}}[%[[I]], %[[J:.*]]] :
// CHECK:             %[[Y:.*]] = arith.addf %[[X]], %[[ACC]]
// CHECK:             gir.store %[[Y]], %[[SCANNED:arg[0-9]+]][%[[I]], %[[J]]]
// CHECK:             scf.yield %[[Y]]
// CHECK:       gir.parallel
// CHECK:           gir.load %[[SCANNED]]
// CHECK:           math.absf
// CHECK:           gir.store
func.func @running_sum(%x: tensor<?x64xf32>, %i: tensor<64xf32>, %n: index) -> tensor<?x64xf32> {
  %r = gir.kernel "scan" (%a = %x : tensor<?x64xf32>, %b = %i : tensor<64xf32>) sizes(%n) -> (tensor<?x64xf32>) {
    %0 = gir.move %a : tensor<?x64xf32, #gir.at<dram>> -> tensor<?x64xf32, #gir.at<reg>>
    %1 = gir.move %b : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %2, %3 = gir.scan %0 into %1 dim 0 kinds [#vector.kind<add>] : tensor<?x64xf32, #gir.at<reg>> into tensor<64xf32, #gir.at<reg>>
    %4 = math.absf %2 : tensor<?x64xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<?x64xf32, #gir.at<reg>> -> tensor<?x64xf32, #gir.at<dram>>
    gir.return %5 : tensor<?x64xf32, #gir.at<dram>>
  }
  return %r : tensor<?x64xf32>
}

// -----

// What is scattered into is stored first; elements that may meet are taken by one group.
// CHECK-LABEL: func.func @histogram(
// CHECK:       gir.parallel
// CHECK:         gir.store %{{.*}}, %[[OUT:arg[0-9]+]][
// CHECK:       gir.parallel <group> (%{{.*}}) in (%c1)
// CHECK:         gir.scatter %{{.*}} into %[[OUT]][%{{.*}}] kind <add> valid[
func.func @histogram(%v: tensor<90xi32>, %p: tensor<90xindex>, %d: tensor<10xi32>) -> tensor<10xi32> {
  %r = gir.kernel "histogram" (%a = %v : tensor<90xi32>, %b = %p : tensor<90xindex>, %c = %d : tensor<10xi32>) -> (tensor<10xi32>) {
    %0 = gir.move %a : tensor<90xi32, #gir.at<dram>> -> tensor<90xi32, #gir.at<reg>>
    %1 = gir.move %b : tensor<90xindex, #gir.at<dram>> -> tensor<90xindex, #gir.at<reg>>
    %2 = gir.scatter %0 into %c[%1] kind <add> : tensor<90xi32, #gir.at<reg>> into tensor<10xi32, #gir.at<dram>>[tensor<90xindex, #gir.at<reg>>] -> tensor<10xi32, #gir.at<dram>>
    gir.return %2 : tensor<10xi32, #gir.at<dram>>
  }
  return %r : tensor<10xi32>
}

// -----

// A launched kernel takes the memory of its results, which the caller makes.
// CHECK-LABEL: func.func private @abs(
// CHECK-SAME:    %{{.*}}: memref<?xf32>, %{{.*}}: index, %{{.*}}: memref<?xf32>) {
// CHECK-LABEL: func.func @launches(
// CHECK-SAME:    %[[X:.*]]: memref<?xf32>, %[[N:.*]]: index)
// CHECK:       %[[OUT:.*]] = memref.alloc(%[[N]])
// CHECK:       gir.launch @abs(%[[X]], %[[N]], %[[OUT]])
// CHECK:       return %[[OUT]]
func.func private @abs(%x: tensor<?xf32>, %n: index) -> tensor<?xf32> {
  %y = gir.kernel "abs" (%a = %x : tensor<?xf32>) sizes(%n) -> (tensor<?xf32>) {
    %0 = gir.move %a : tensor<?xf32, #gir.at<dram>> -> tensor<?xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<?xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<?xf32, #gir.at<reg>> -> tensor<?xf32, #gir.at<dram>>
    gir.return %2 : tensor<?xf32, #gir.at<dram>>
  }
  return %y : tensor<?xf32>
}
func.func @launches(%x: tensor<?xf32>, %n: index) -> tensor<?xf32> {
  %0 = gir.launch @abs(%x, %n) : (tensor<?xf32>, index) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// A nest that isn't covered, here of units that combine in order, is left out: what rests at sram is read where it
// came from, or computed again.
// CHECK-LABEL: func.func @rests_in_the_cache(
// CHECK:       gir.parallel
// CHECK:         scf.for
// CHECK:           gir.load %[[X:arg[0-9]+]][%{{.*}}, %{{.*}}]
// CHECK:           gir.reduce
// CHECK:         scf.for
// CHECK:           gir.load %[[X]][%{{.*}}, %{{.*}}]
// CHECK:           arith.subf
// CHECK:           gir.store
func.func @rests_in_the_cache(%x: tensor<4x64xf32>, %i: tensor<4xf32>) -> tensor<4x64xf32> {
  %r = gir.kernel "center" (%a = %x : tensor<4x64xf32>, %b = %i : tensor<4xf32>) nest <[r = 4 : 4 : 4 : 1, c = 64 : 64 : 32 : 16], sweep = [c]> -> (tensor<4x64xf32>) {
    %0 = gir.move %a over ["r", "c"] : tensor<4x64xf32, #gir.at<dram>> -> tensor<4x64xf32, #gir.at<sram>>
    %1 = gir.move %0 : tensor<4x64xf32, #gir.at<sram>> -> tensor<4x64xf32, #gir.at<reg>>
    %2 = gir.move %b over ["r"] : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3 = gir.reduce %1 into %2 dims [1] combiner {
    ^bb0(%e: f32, %m: f32):
      %n = arith.maximumf %e, %m : f32
      gir.yield %n : f32
    } : tensor<4x64xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %4 = gir.move %0 pass 1 : tensor<4x64xf32, #gir.at<sram>> -> tensor<4x64xf32, #gir.at<reg>>
    %5 = gir.broadcast %3 dims [1] pass 1 : tensor<4xf32, #gir.at<reg>> -> tensor<4x64xf32, #gir.at<reg>>
    %6 = arith.subf %4, %5 : tensor<4x64xf32, #gir.at<reg>>
    %7 = gir.move %6 pass 1 over ["r", "c"] : tensor<4x64xf32, #gir.at<reg>> -> tensor<4x64xf32, #gir.at<dram>>
    gir.return %7 : tensor<4x64xf32, #gir.at<dram>>
  }
  return %r : tensor<4x64xf32>
}

// -----

// A reduction that each element of the product would make again is stored first.
// CHECK-LABEL: func.func @outer_product(
// CHECK:       gir.reduce
// CHECK:       gir.store
// CHECK:       gir.parallel
// CHECK-NOT:     gir.reduce
// CHECK:         arith.mulf
func.func @outer_product(%x: tensor<4x64xf32>, %i: tensor<4xf32>) -> tensor<4x4xf32> {
  %r = gir.kernel "outer" (%a = %x : tensor<4x64xf32>, %b = %i : tensor<4xf32>) -> (tensor<4x4xf32>) {
    %0 = gir.move %a : tensor<4x64xf32, #gir.at<dram>> -> tensor<4x64xf32, #gir.at<reg>>
    %1 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.reduce %0 into %1 dims [1] kinds [#vector.kind<add>] : tensor<4x64xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %3 = gir.broadcast %2 dims [1] : tensor<4xf32, #gir.at<reg>> -> tensor<4x4xf32, #gir.at<reg>>
    %4 = gir.broadcast %2 dims [0] : tensor<4xf32, #gir.at<reg>> -> tensor<4x4xf32, #gir.at<reg>>
    %5 = arith.mulf %3, %4 : tensor<4x4xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<4x4xf32, #gir.at<reg>> -> tensor<4x4xf32, #gir.at<dram>>
    gir.return %6 : tensor<4x4xf32, #gir.at<dram>>
  }
  return %r : tensor<4x4xf32>
}

// -----

// A reshape at reg is one of what was loaded, and of where it is stored: no element moves twice.
// CHECK-LABEL: func.func @reshaped(
// CHECK-COUNT-1: memref.alloc
// CHECK-NOT:   memref.alloc
// CHECK:       memref.collapse_shape
// CHECK:       memref.expand_shape
// CHECK:       gir.parallel
// CHECK-NOT:   gir.parallel
func.func @reshaped(%x: tensor<6x35xf32>) -> tensor<210xf32> {
  %r = gir.kernel "reshape" (%a = %x : tensor<6x35xf32>) -> (tensor<210xf32>) {
    %0 = gir.move %a : tensor<6x35xf32, #gir.at<dram>> -> tensor<6x35xf32, #gir.at<reg>>
    %1 = gir.reshape %0 : tensor<6x35xf32, #gir.at<reg>> -> tensor<14x15xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<14x15xf32, #gir.at<reg>>
    %3 = gir.reshape %2 : tensor<14x15xf32, #gir.at<reg>> -> tensor<210xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<210xf32, #gir.at<reg>> -> tensor<210xf32, #gir.at<dram>>
    gir.return %4 : tensor<210xf32, #gir.at<dram>>
  }
  return %r : tensor<210xf32>
}
