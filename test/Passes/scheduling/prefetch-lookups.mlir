// RUN: pf-opt %s --gir-prefetch-lookups=machine=cpu --split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-prefetch-lookups=machine=sm_90 --split-input-file | FileCheck %s --check-prefix=GPU

// A row is 400 bytes, so ten of them are 4 KiB: what names the tenth row from here is read, and wrapped as it is here.

// CHECK-DAG: #[[LATER:.*]] = affine_map<(d0) -> (d0 + 10)>
// CHECK-LABEL: func.func @rows
// CHECK: gir.parallel <group> (%[[R:.*]]) in
// CHECK: %[[AT:.*]] = affine.apply #[[LATER]](%[[R]])
// CHECK: %[[CLAMPED:.*]] = affine.min #{{.*}}(%[[AT]], %{{.*}})
// CHECK: %[[P:.*]] = memref.load %{{.*}}[%[[CLAMPED]]] : memref<37xi64
// CHECK: %[[WRAPPED:.*]] = arith.addi %[[P]], %{{.*}} : i64
// CHECK: %[[CHOSEN:.*]] = arith.select %{{.*}}, %[[WRAPPED]], %[[P]] : i64
// CHECK: %[[ROW:.*]] = arith.index_cast %[[CHOSEN]] : i64 to index
// CHECK: scf.for %[[C:.*]] =
// CHECK: memref.prefetch %{{.*}}[%[[ROW]], %[[C]]], read, locality<3>, data
// CHECK: memref.prefetch %{{.*}}[%[[ROW]], %{{.*}}], read, locality<3>, data
// CHECK-NOT: memref.prefetch
// CHECK: gir.gather
// GPU-LABEL: func.func @rows
// GPU-NOT: memref.prefetch
func.func @rows(%t: memref<50x100xf32>, %p: memref<37xi64>, %y: memref<37x100xf32>) {
  gir.kernel "rows" (%a = %t : memref<50x100xf32>, %i = %p : memref<37xi64>, %b = %y : memref<37x100xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %c32 = arith.constant 32 : index
    %c37 = arith.constant 37 : index
    %c100 = arith.constant 100 : index
    %zero = arith.constant dense<0> : tensor<1xi64, #gir.at<reg>>
    %all = arith.constant dense<50> : tensor<1xi64, #gir.at<reg>>
    gir.parallel <group> (%r) in (%c37) {
      scf.for %c = %c0 to %c100 step %c32 {
        %n = gir.load %i[%r] : memref<37xi64, #gir.at<dram>> -> tensor<1xi64, #gir.at<reg>>
        %behind = arith.addi %n, %all : tensor<1xi64, #gir.at<reg>>
        %negative = arith.cmpi slt, %n, %zero : tensor<1xi64, #gir.at<reg>>
        %chosen = arith.select %negative, %behind, %n : tensor<1xi1, #gir.at<reg>>, tensor<1xi64, #gir.at<reg>>
        %one = arith.index_cast %chosen : tensor<1xi64, #gir.at<reg>> to tensor<1xindex, #gir.at<reg>>
        %row = gir.broadcast %one dims [1] : tensor<1xindex, #gir.at<reg>> -> tensor<1x32xindex, #gir.at<reg>>
        %along = gir.iota dim 1 offset(%c) : tensor<1x32xindex, #gir.at<reg>>
        %g = gir.gather %a[%row, %along] : memref<50x100xf32, #gir.at<dram>>[tensor<1x32xindex, #gir.at<reg>>, tensor<1x32xindex, #gir.at<reg>>] -> tensor<1x32xf32, #gir.at<reg>>
        gir.store %g, %b[%r, %c] : tensor<1x32xf32, #gir.at<reg>>, memref<37x100xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

// -----

// Elements that lie apart aren't asked for: each lane has another row.

// CHECK-LABEL: func.func @elements
// CHECK-NOT: memref.prefetch
func.func @elements(%t: memref<50x100xf32>, %p: memref<64xi64>, %y: memref<64xf32>) {
  gir.kernel "elements" (%a = %t : memref<50x100xf32>, %i = %p : memref<64xi64>, %b = %y : memref<64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    scf.for %r = %c0 to %c64 step %c32 {
      %n = gir.load %i[%r] : memref<64xi64, #gir.at<dram>> -> tensor<32xi64, #gir.at<reg>>
      %row = arith.index_cast %n : tensor<32xi64, #gir.at<reg>> to tensor<32xindex, #gir.at<reg>>
      %along = gir.iota dim 0 offset(%r) : tensor<32xindex, #gir.at<reg>>
      %g = gir.gather %a[%row, %along] : memref<50x100xf32, #gir.at<dram>>[tensor<32xindex, #gir.at<reg>>, tensor<32xindex, #gir.at<reg>>] -> tensor<32xf32, #gir.at<reg>>
      gir.store %g, %b[%r] : tensor<32xf32, #gir.at<reg>>, memref<64xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// -----

// Nor is a single element.

// CHECK-LABEL: func.func @one
// CHECK-NOT: memref.prefetch
func.func @one(%t: memref<50xf32>, %p: memref<64xi64>, %y: memref<64xf32>) {
  gir.kernel "one" (%a = %t : memref<50xf32>, %i = %p : memref<64xi64>, %b = %y : memref<64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    scf.for %r = %c0 to %c64 step %c1 {
      %n = gir.load %i[%r] : memref<64xi64, #gir.at<dram>> -> tensor<1xi64, #gir.at<reg>>
      %m = gir.reshape %n : tensor<1xi64, #gir.at<reg>> -> tensor<i64, #gir.at<reg>>
      %row = arith.index_cast %m : tensor<i64, #gir.at<reg>> to tensor<index, #gir.at<reg>>
      %g = gir.gather %a[%row] : memref<50xf32, #gir.at<dram>>[tensor<index, #gir.at<reg>>] -> tensor<f32, #gir.at<reg>>
      %h = gir.reshape %g : tensor<f32, #gir.at<reg>> -> tensor<1xf32, #gir.at<reg>>
      gir.store %h, %b[%r] : tensor<1xf32, #gir.at<reg>>, memref<64xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
