// RUN: pf-opt %s --gir-stream-stores=machine=cpu --split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-stream-stores=machine=sm_90 --split-input-file | FileCheck %s --check-prefix=GPU

// A large result in whole lines goes past the caches, where memory allocates on writes; elsewhere nothing changes.

// CHECK-LABEL: func.func @large
// CHECK: gir.store {{.*}} nontemporal {gir.aligned_bytes = 64 : i64}
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

// Rows that begin anywhere have no lines that are all theirs.

// CHECK-LABEL: func.func @odd
// CHECK-NOT: nontemporal
func.func @odd(%x: memref<65536x4099xf32>) -> memref<65536x4099xf32> {
  %y = memref.alloc() {alignment = 64 : i64} : memref<65536x4099xf32>
  gir.kernel "copy" (%a = %x : memref<65536x4099xf32>, %b = %y : memref<65536x4099xf32>) -> () {
    %c0 = arith.constant 0 : index
    %rows = arith.constant 65536 : index
    %columns = arith.constant 4096 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    scf.for %i = %c0 to %rows step %c1 {
      scf.for %j = %c0 to %columns step %c32 {
        %t = gir.load %a[%i, %j] : memref<65536x4099xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        gir.store %t, %b[%i, %j] : tensor<1x32xf32, #gir.at<reg>>, memref<65536x4099xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return %y : memref<65536x4099xf32>
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

// -----

// Rows that begin anywhere, but follow one another, are gathered near by, whole ones and what is left of them.

// CHECK-LABEL: func.func @gathered
// CHECK-COUNT-2: gir.store {{.*}} nontemporal {gir.gathered}
// GPU-LABEL: func.func @gathered
// GPU-NOT: gir.gathered
func.func @gathered(%x: memref<65536x211xf32>) -> memref<65536x211xf32> {
  %y = memref.alloc() {alignment = 64 : i64} : memref<65536x211xf32>
  gir.kernel "copy" (%a = %x : memref<65536x211xf32>, %b = %y : memref<65536x211xf32>) -> () {
    %c0 = arith.constant 0 : index
    %rows = arith.constant 65536 : index
    %whole = arith.constant 192 : index
    %rest = arith.constant 19 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    gir.parallel <group> (%i) in (%rows) {
      scf.for %j = %c0 to %whole step %c32 {
        %t = gir.load %a[%i, %j] : memref<65536x211xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        gir.store %t, %b[%i, %j] : tensor<1x32xf32, #gir.at<reg>>, memref<65536x211xf32, #gir.at<dram>>
      }
      %u = gir.load %a[%i, %whole] valid [%c1, %rest] : memref<65536x211xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
      gir.store %u, %b[%i, %whole] valid [%c1, %rest] : tensor<1x32xf32, #gir.at<reg>>, memref<65536x211xf32, #gir.at<dram>>
    }
    gir.return
  }
  return %y : memref<65536x211xf32>
}

// -----

// Rows of odd lengths that come column by column don't follow one another.

// CHECK-LABEL: func.func @apart
// CHECK-NOT: nontemporal
func.func @apart(%x: memref<65536x211xf32>) -> memref<65536x211xf32> {
  %y = memref.alloc() {alignment = 64 : i64} : memref<65536x211xf32>
  gir.kernel "copy" (%a = %x : memref<65536x211xf32>, %b = %y : memref<65536x211xf32>) -> () {
    %c0 = arith.constant 0 : index
    %rows = arith.constant 65536 : index
    %whole = arith.constant 192 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    scf.for %j = %c0 to %whole step %c32 {
      scf.for %i = %c0 to %rows step %c1 {
        %t = gir.load %a[%i, %j] : memref<65536x211xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
        gir.store %t, %b[%i, %j] : tensor<1x32xf32, #gir.at<reg>>, memref<65536x211xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return %y : memref<65536x211xf32>
}

// -----

// Rows of three lines and a half follow one another: a core gathers the line that two share.

// CHECK-LABEL: func.func @halves
// CHECK-COUNT-2: gir.store {{.*}} nontemporal {gir.aligned_bytes = 32 : i64}
func.func @halves(%x: memref<1048576x56xf32>) -> memref<1048576x56xf32> {
  %y = memref.alloc() {alignment = 64 : i64} : memref<1048576x56xf32>
  gir.kernel "copy" (%a = %x : memref<1048576x56xf32>, %b = %y : memref<1048576x56xf32>) -> () {
    %c0 = arith.constant 0 : index
    %rows = arith.constant 1048576 : index
    %c1 = arith.constant 1 : index
    %c24 = arith.constant 24 : index
    %c32 = arith.constant 32 : index
    scf.for %i = %c0 to %rows step %c1 {
      %t = gir.load %a[%i, %c0] : memref<1048576x56xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
      gir.store %t, %b[%i, %c0] : tensor<1x32xf32, #gir.at<reg>>, memref<1048576x56xf32, #gir.at<dram>>
      %u = gir.load %a[%i, %c32] valid [%c1, %c24] : memref<1048576x56xf32, #gir.at<dram>> -> tensor<1x32xf32, #gir.at<reg>>
      gir.store %u, %b[%i, %c32] valid [%c1, %c24] : tensor<1x32xf32, #gir.at<reg>>, memref<1048576x56xf32, #gir.at<dram>>
    }
    gir.return
  }
  return %y : memref<1048576x56xf32>
}

// -----

// Halves of lines that are written one column after the other would leave as two lines each.

// CHECK-LABEL: func.func @columns
// CHECK-NOT: nontemporal
func.func @columns(%x: memref<1048576x64xf32>) -> memref<1048576x64xf32> {
  %y = memref.alloc() {alignment = 64 : i64} : memref<1048576x64xf32>
  gir.kernel "copy" (%a = %x : memref<1048576x64xf32>, %b = %y : memref<1048576x64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %rows = arith.constant 1048576 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c64 = arith.constant 64 : index
    scf.for %j = %c0 to %c64 step %c8 {
      scf.for %i = %c0 to %rows step %c1 {
        %t = gir.load %a[%i, %j] : memref<1048576x64xf32, #gir.at<dram>> -> tensor<1x8xf32, #gir.at<reg>>
        gir.store %t, %b[%i, %j] : tensor<1x8xf32, #gir.at<reg>>, memref<1048576x64xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return %y : memref<1048576x64xf32>
}
