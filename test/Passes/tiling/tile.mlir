// RUN: %pf-opt %s --gir-tile --canonicalize --split-input-file | FileCheck %s
// RUN: %pf-opt %s --pass-pipeline='builtin.module(gir-tile{width=16},canonicalize)' --split-input-file | FileCheck %s --check-prefix=NARROW

// The contiguous dimension is the tile's, the other one is dealt out to groups; 64 is a whole number of tiles, so
// that nothing is masked.
// CHECK-LABEL: func.func @bias(
// CHECK-SAME:    %{{.*}}: memref<4x64xf32>, %{{.*}}: memref<64xf32>) -> memref<4x64xf32>
// CHECK:       %[[OUT:.*]] = memref.alloc()
// CHECK:       gir.kernel "addf"
// CHECK:         gir.parallel <group> (%[[I:.*]]) in (%c4)
// CHECK:           scf.for %[[J:.*]] = %c0 to %c64 step %c32
// CHECK:             gir.load %{{.*}}[%[[I]], %[[J]]] : memref<4x64xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
// CHECK:             gir.load %{{.*}}[%[[J]]] : memref<64xf32, #gir.at<dram>> -> tensor<32xf32, #gir.at<reg>>
// CHECK:             gir.store %{{.*}}[%[[I]], %[[J]]] : tensor<1x32xf32, #gir.at<reg>>
// CHECK:       return %[[OUT]]
// NARROW:      tensor<1x16xf32, #gir.at<reg>>
func.func @bias(%x: tensor<4x64xf32>, %b: tensor<64xf32>) -> tensor<4x64xf32> {
  %r = gir.kernel "addf" (%a = %x : tensor<4x64xf32>, %c = %b : tensor<64xf32>) -> (tensor<4x64xf32>) {
    %0 = gir.move %a : tensor<4x64xf32, #gir.at<dram>> -> tensor<4x64xf32, #gir.at<reg>>
    %1 = gir.move %c : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [0] : tensor<64xf32, #gir.at<reg>> -> tensor<4x64xf32, #gir.at<reg>>
    %3 = arith.addf %0, %2 : tensor<4x64xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<4x64xf32, #gir.at<reg>> -> tensor<4x64xf32, #gir.at<dram>>
    gir.return %4 : tensor<4x64xf32, #gir.at<dram>>
  }
  return %r : tensor<4x64xf32>
}

// -----

// A reduction sweeps its dimension; the last tile says how much of it is there.
// CHECK-LABEL: func.func @sum(
// CHECK:       gir.parallel <group> (%[[I:.*]]) in (%c4)
// CHECK:         %[[INIT:.*]] = gir.load %{{.*}}[%[[I]]]
// CHECK:         %[[SUM:.*]] = scf.for %[[J:.*]] = %c0 to %[[N:.*]] step %c32 iter_args(%[[ACC:.*]] = %[[INIT]])
// CHECK:           %[[VALID:.*]] = affine.min #{{.*}}(%[[J]], %[[N]])
// CHECK:           %[[X:.*]] = gir.load %{{.*}}[%[[I]], %[[J]]] valid[%{{.*}}, %[[VALID]]]
// CHECK:           gir.reduce %[[X]] into %[[ACC]] dims [1] valid[%{{.*}}, %[[VALID]]] kinds [#vector.kind<add>]
// CHECK:         gir.store %[[SUM]], %{{.*}}[%[[I]]]
func.func @sum(%x: tensor<4x?xf32>, %i: tensor<4xf32>) -> tensor<4xf32> {
  %r = gir.kernel "sum" (%a = %x : tensor<4x?xf32>, %b = %i : tensor<4xf32>) -> (tensor<4xf32>) {
    %0 = gir.move %a : tensor<4x?xf32, #gir.at<dram>> -> tensor<4x?xf32, #gir.at<reg>>
    %1 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.reduce %0 into %1 dims [1] kinds [#vector.kind<add>] : tensor<4x?xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %3 : tensor<4xf32, #gir.at<dram>>
  }
  return %r : tensor<4xf32>
}

// -----

// An empty part of a concatenation has no place to be stored in: upstream refuses a view of nothing at the end.
// CHECK-LABEL: func.func @empty_part(
// CHECK-COUNT-1: gir.store
// CHECK-NOT:   gir.store
func.func @empty_part(%x: tensor<3xf32>, %y: tensor<0xf32>) -> tensor<3xf32> {
  %r = gir.kernel "concat" (%a = %x : tensor<3xf32>, %b = %y : tensor<0xf32>) -> (tensor<3xf32>) {
    %0 = gir.move %a : tensor<3xf32, #gir.at<dram>> -> tensor<3xf32, #gir.at<reg>>
    %1 = gir.move %b : tensor<0xf32, #gir.at<dram>> -> tensor<0xf32, #gir.at<reg>>
    %2 = gir.move %0 : tensor<3xf32, #gir.at<reg>> -> tensor<3xf32, #gir.at<dram>>
    %3 = gir.move %1 : tensor<0xf32, #gir.at<reg>> -> tensor<0xf32, #gir.at<dram>>
    %4 = gir.concat %2, %3 dim 0 : (tensor<3xf32, #gir.at<dram>>, tensor<0xf32, #gir.at<dram>>) -> tensor<3xf32, #gir.at<dram>>
    gir.return %4 : tensor<3xf32, #gir.at<dram>>
  }
  return %r : tensor<3xf32>
}
