// RUN: pf-opt %s --gir-stream-stores=machine=cpu --split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-stream-stores=machine=sm_90 --split-input-file | FileCheck %s --check-prefix=GPU

// A large result in whole lines goes past the caches, where memory allocates on writes; elsewhere nothing changes.

// CHECK-LABEL: func.func @large
// CHECK: gir.store {{.*}} nontemporal
// GPU-LABEL: func.func @large
// GPU-NOT: nontemporal
func.func @large(%x: memref<65536x4096xf32>) -> memref<65536x4096xf32> {
  %y = memref.alloc() {alignment = 64 : i64} : memref<65536x4096xf32>
  gir.kernel "copy" (%a = %x : memref<65536x4096xf32>, %b = %y : memref<65536x4096xf32>) -> () {
    %c0 = arith.constant 0 : index
    %rows = arith.constant 65536 : index
    %columns = arith.constant 4096 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    scf.for %i = %c0 to %rows step %c1 {
      scf.for %j = %c0 to %columns step %c32 {
        %t = gir.load %a[%i, %j] : memref<65536x4096xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        gir.store %t, %b[%i, %j] : tensor<1x32xf32, #gir.at<reg>>, memref<65536x4096xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return %y : memref<65536x4096xf32>
}

// -----

// Steps that begin within a line don't write whole ones.

// CHECK-LABEL: func.func @odd
// CHECK-NOT: nontemporal
func.func @odd(%x: memref<65536x4100xf32>) -> memref<65536x4100xf32> {
  %y = memref.alloc() {alignment = 64 : i64} : memref<65536x4100xf32>
  gir.kernel "copy" (%a = %x : memref<65536x4100xf32>, %b = %y : memref<65536x4100xf32>) -> () {
    %c0 = arith.constant 0 : index
    %rows = arith.constant 65536 : index
    %columns = arith.constant 4096 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    scf.for %i = %c0 to %rows step %c1 {
      scf.for %j = %c0 to %columns step %c32 {
        %t = gir.load %a[%i, %j] : memref<65536x4100xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        gir.store %t, %b[%i, %j] : tensor<1x32xf32, #gir.at<reg>>, memref<65536x4100xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return %y : memref<65536x4100xf32>
}

// -----

// What the next kernel reads, and what is small, is better found in a cache.

// CHECK-LABEL: func.func @read
// CHECK: gir.store {{.*}}memref<65536x4096xf32
// CHECK-NOT: nontemporal
func.func @read(%x: memref<65536x4096xf32>, %z: memref<64xf32>) {
  %y = memref.alloc() {alignment = 64 : i64} : memref<65536x4096xf32>
  %c0 = arith.constant 0 : index
  gir.kernel "first" (%a = %x : memref<65536x4096xf32>, %b = %y : memref<65536x4096xf32>) -> () {
    %i = arith.constant 0 : index
    %t = gir.load %a[%i, %i] : memref<65536x4096xf32, #gir.at<dram>> -> tensor<1x64xf32, #gir.at<reg>>
    gir.store %t, %b[%i, %i] : tensor<1x64xf32, #gir.at<reg>>, memref<65536x4096xf32, #gir.at<dram>>
    gir.return
  }
  gir.kernel "second" (%a = %y : memref<65536x4096xf32>, %b = %z : memref<64xf32>) -> () {
    %i = arith.constant 0 : index
    %t = gir.load %a[%i, %i] : memref<65536x4096xf32, #gir.at<dram>> -> tensor<1x64xf32, #gir.at<reg>>
    %u = gir.slice %t [0, 0] [1, 64] [1, 1] drop [0] : tensor<1x64xf32, #gir.at<reg>> -> tensor<64xf32, #gir.at<reg>>
    gir.store %u, %b[%i] : tensor<64xf32, #gir.at<reg>>, memref<64xf32, #gir.at<dram>>
    gir.return
  }
  return
}
