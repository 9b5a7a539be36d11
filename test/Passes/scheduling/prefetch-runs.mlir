// RUN: pf-opt %s --gir-prefetch-runs=machine=cpu --split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-prefetch-runs=machine=sm_90 --split-input-file | FileCheck %s --check-prefix=GPU

// A channel lies in 64 runs of 4096 bytes, 32 KiB apart: a step asks for two lines of the next run, at the end of the
// last one once more. The second pass finds them in a cache.

// CHECK-DAG: #[[AFTER:.*]] = affine_map<(d0) -> (d0 + 1)>
// CHECK-DAG: #[[LINE:.*]] = affine_map<(d0) -> (d0 + 16)>
// CHECK-LABEL: func.func @channels
// CHECK: %[[CHANNEL:.*]] = gir.stage
// CHECK: scf.for %[[N:[a-z0-9]+]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args
// CHECK: %[[FOLLOWING:.*]] = affine.apply #[[AFTER]](%[[N]])
// CHECK: %[[LAST:.*]] = arith.constant 63 : index
// CHECK: %[[NEXT:.*]] = affine.min #{{.*}}(%[[FOLLOWING]], %[[LAST]])
// CHECK: scf.for %[[AT:[a-z0-9]+]] =
// CHECK: memref.prefetch %[[CHANNEL]][%[[NEXT]], %{{.*}}, %[[AT]]], read, locality<2>, data
// CHECK: %[[OTHER:.*]] = affine.apply #[[LINE]](%[[AT]])
// CHECK: memref.prefetch %[[CHANNEL]][%[[NEXT]], %{{.*}}, %[[OTHER]]], read, locality<2>, data
// CHECK: gir.load %[[CHANNEL]][%[[N]], %{{.*}}, %[[AT]]]
// CHECK-NOT: memref.prefetch
// GPU-LABEL: func.func @channels
// GPU-NOT: memref.prefetch
func.func @channels(%x: memref<64x8x1024xf32>, %y: memref<8xf32>) {
  gir.kernel "squares" (%a = %x : memref<64x8x1024xf32>, %b = %y : memref<8xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c32 = arith.constant 32 : index
    %runs = arith.constant 64 : index
    %length = arith.constant 1024 : index
    %zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>
    scf.for %k = %c0 to %c8 step %c1 {
      %channel = gir.stage %a[%c0, %k, %c0] [64, 1, 1024] : memref<64x8x1024xf32, #gir.at<dram>> -> memref<64x1x1024xf32, #gir.at<sram>>
      %sum = scf.for %n = %c0 to %runs step %c1 iter_args(%s = %zero) -> (tensor<1xf32, #gir.at<reg>>) {
        %part = scf.for %j = %c0 to %length step %c32 iter_args(%p = %s) -> (tensor<1xf32, #gir.at<reg>>) {
          %t = gir.load %channel[%n, %c0, %j] : memref<64x1x1024xf32, #gir.at<sram>> -> tensor<1x1x32xf32, #gir.at<reg>>
          %r = gir.reduce %t into %p dims [0, 2] kinds [#vector.kind<add>] : tensor<1x1x32xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
          scf.yield %r : tensor<1xf32, #gir.at<reg>>
        }
        scf.yield %part : tensor<1xf32, #gir.at<reg>>
      }
      %all = scf.for %n = %c0 to %runs step %c1 iter_args(%s = %sum) -> (tensor<1xf32, #gir.at<reg>>) {
        %part = scf.for %j = %c0 to %length step %c32 iter_args(%p = %s) -> (tensor<1xf32, #gir.at<reg>>) {
          %t = gir.load %channel[%n, %c0, %j] {pass = 1 : i64} : memref<64x1x1024xf32, #gir.at<sram>> -> tensor<1x1x32xf32, #gir.at<reg>>
          %r = gir.reduce %t into %p dims [0, 2] kinds [#vector.kind<add>] : tensor<1x1x32xf32, #gir.at<reg>> into tensor<1xf32, #gir.at<reg>>
          scf.yield %r : tensor<1xf32, #gir.at<reg>>
        }
        scf.yield %part : tensor<1xf32, #gir.at<reg>>
      }
      gir.store %all, %b[%k] : tensor<1xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}

// -----

// Rows that lie one behind the other are one run, which a cache goes along by itself; short ones come with others.

// CHECK-LABEL: func.func @others
// CHECK-NOT: memref.prefetch
func.func @others(%x: memref<64x1024xf32>, %z: memref<64x2048xf32>, %y: memref<1xf32>) {
  gir.kernel "sum" (%a = %x : memref<64x1024xf32>, %d = %z : memref<64x2048xf32>, %b = %y : memref<1xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %length = arith.constant 1024 : index
    %zero = arith.constant dense<0.0> : tensor<1xf32, #gir.at<reg>>
    %sum = scf.for %n = %c0 to %c64 step %c1 iter_args(%s = %zero) -> (tensor<1xf32, #gir.at<reg>>) {
      %part = scf.for %j = %c0 to %length step %c32 iter_args(%p = %s) -> (tensor<1xf32, #gir.at<reg>>) {
        %t = gir.load %a[%n, %j] : memref<64x1024xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        scf.yield %p : tensor<1xf32, #gir.at<reg>>
      }
      %short = scf.for %j = %c0 to %c64 step %c32 iter_args(%p = %part) -> (tensor<1xf32, #gir.at<reg>>) {
        %t = gir.load %d[%n, %j] : memref<64x2048xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        scf.yield %p : tensor<1xf32, #gir.at<reg>>
      }
      scf.yield %short : tensor<1xf32, #gir.at<reg>>
    }
    gir.store %sum, %b[%c0] : tensor<1xf32, #gir.at<reg>>, memref<1xf32, #gir.at<dram>>
    gir.return
  }
  return
}
