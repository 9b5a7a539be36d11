// RUN: pf-opt %s --gir-turn-rows=machine=%S/../../../benchmarks/machines/cpu.toml --split-input-file | FileCheck %s

// As many rows of 5 floats as a register has lanes are loaded as they lie, and turned; a fold is along the other
// dimension then, and what is stored is turned back.

// CHECK-LABEL: func.func @normalised
// CHECK: memref.collapse_shape %{{.*}} {{\[\[}}0, 1]] : memref<1000x5xf32, #gir.at<dram>> into memref<5000xf32, #gir.at<dram>>
// CHECK: %[[FLAT:.*]] = gir.load %{{.*}} : memref<5000xf32, #gir.at<dram>> -> tensor<80xf32, #gir.at<reg>>
// CHECK: %[[ROWS:.*]] = gir.reshape %[[FLAT]] : {{.*}} -> tensor<16x5xf32, #gir.at<reg>>
// CHECK: %[[TURNED:.*]] = gir.permute %[[ROWS]] [1, 0] : {{.*}} -> tensor<5x16xf32, #gir.at<reg>>
// CHECK: %[[SUM:.*]] = gir.reduce %[[TURNED]] into %{{.*}} dims [0] valid[%c5, %c16]
// CHECK: gir.broadcast %[[SUM]] dims [0] : tensor<16xf32, #gir.at<reg>> -> tensor<5x16xf32, #gir.at<reg>>
// CHECK: %[[GAIN:.*]] = gir.broadcast %{{.*}} dims [1] : tensor<5xf32, #gir.at<reg>> -> tensor<5x16xf32, #gir.at<reg>>
// CHECK: %[[BACK:.*]] = gir.permute %{{.*}} [1, 0] : {{.*}} -> tensor<16x5xf32, #gir.at<reg>>
// CHECK: %[[STORED:.*]] = gir.reshape %[[BACK]] : {{.*}} -> tensor<80xf32, #gir.at<reg>>
// CHECK: gir.store %[[STORED]], %{{.*}} nontemporal {gir.gathered} : tensor<80xf32, #gir.at<reg>>
func.func @normalised(%x: memref<1000x5xf32>, %w: memref<5xf32>, %y: memref<1000x5xf32>) {
  gir.kernel "normalised" (%a = %x : memref<1000x5xf32>, %g = %w : memref<5xf32>, %b = %y : memref<1000x5xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c5 = arith.constant 5 : index
    %c16 = arith.constant 16 : index
    %c992 = arith.constant 992 : index
    %zero = arith.constant dense<0.0> : tensor<16xf32, #gir.at<reg>>
    scf.for %i = %c0 to %c992 step %c16 {
      %t = gir.load %a[%i, %c0] : memref<1000x5xf32, #gir.at<dram>> -> tensor<16x5xf32, #gir.at<reg>>
      %s = gir.reduce %t into %zero dims [1] valid [%c16, %c5] kinds [#vector.kind<add>] : tensor<16x5xf32, #gir.at<reg>> into tensor<16xf32, #gir.at<reg>>
      %u = gir.broadcast %s dims [1] : tensor<16xf32, #gir.at<reg>> -> tensor<16x5xf32, #gir.at<reg>>
      %k = gir.load %g[%c0] : memref<5xf32, #gir.at<dram>> -> tensor<5xf32, #gir.at<reg>>
      %v = gir.broadcast %k dims [0] : tensor<5xf32, #gir.at<reg>> -> tensor<16x5xf32, #gir.at<reg>>
      %d = arith.divf %t, %u : tensor<16x5xf32, #gir.at<reg>>
      %m = arith.mulf %d, %v : tensor<16x5xf32, #gir.at<reg>>
      gir.store %m, %b[%i, %c0] nontemporal {gir.gathered} : tensor<16x5xf32, #gir.at<reg>>, memref<1000x5xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// -----

// What lies along rows stays, as a scan; so do rows that fill a register.

// CHECK-LABEL: func.func @scanned
// CHECK-NOT: gir.permute
func.func @scanned(%x: memref<1000x5xf32>, %y: memref<1000x5xf32>) {
  gir.kernel "scanned" (%a = %x : memref<1000x5xf32>, %b = %y : memref<1000x5xf32>) -> () {
    %c0 = arith.constant 0 : index
    %t = gir.load %a[%c0, %c0] : memref<1000x5xf32, #gir.at<dram>> -> tensor<16x5xf32, #gir.at<reg>>
    %i = gir.iota dim 1 : tensor<16x5xindex, #gir.at<reg>>
    gir.store %t, %b[%c0, %c0] : tensor<16x5xf32, #gir.at<reg>>, memref<1000x5xf32, #gir.at<dram>>
    gir.return
  }
  return
}

// CHECK-LABEL: func.func @filled
// CHECK-NOT: gir.permute
func.func @filled(%x: memref<1000x16xf32>, %y: memref<1000x16xf32>) {
  gir.kernel "filled" (%a = %x : memref<1000x16xf32>, %b = %y : memref<1000x16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %t = gir.load %a[%c0, %c0] : memref<1000x16xf32, #gir.at<dram>> -> tensor<16x16xf32, #gir.at<reg>>
    gir.store %t, %b[%c0, %c0] : tensor<16x16xf32, #gir.at<reg>>, memref<1000x16xf32, #gir.at<dram>>
    gir.return
  }
  return
}
