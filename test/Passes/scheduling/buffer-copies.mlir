// RUN: %pf-opt %s --gir-buffer-copies=machine=sm_90 | FileCheck %s
// RUN: %pf-opt %s --gir-buffer-copies="machine=sm_90 buffers=3" | FileCheck %s --check-prefix=THREE
// RUN: %pf-opt %s --gir-buffer-copies=machine=cpu | FileCheck %s --check-prefix=CPU

// Each step starts to copy the row of the next one, waits for its own, and reads it where it lies. The last step copies
// nothing. On the CPU, whose sram is a cache, a stage is no instruction and stays.

// CHECK-LABEL: func.func @rows
// CHECK: %[[B:.*]] = gir.alloc : memref<128xf32, #gir.at<sram>>
// CHECK: %[[FIRST:.*]] = gir.copy %{{.*}} [1, 64]
// CHECK: %[[LAST:.*]] = scf.for {{.*}} iter_args(%[[T:.*]] = %[[FIRST]]) -> (!gir.token)
// CHECK: %[[MORE:.*]] = arith.select
// CHECK: %[[NEXT:.*]] = gir.copy {{.*}} [%[[MORE]], 64]
// CHECK-NOT: gir.stage
// CHECK: gir.wait %[[T]]
// CHECK: gir.load
// CHECK: scf.yield %[[NEXT]]
// CHECK: gir.wait %[[LAST]]

// THREE-LABEL: func.func @rows
// THREE: gir.alloc : memref<192xf32, #gir.at<sram>>
// THREE-COUNT-3: gir.copy
// THREE-NOT: gir.copy
// THREE: gir.wait %{{[^,]*}}, %

// CPU-LABEL: func.func @rows
// CPU: gir.stage
// CPU-NOT: gir.copy
func.func @rows(%x: memref<4x64xf32>, %y: memref<4x64xf32>) {
  gir.kernel "rows" (%a = %x : memref<4x64xf32>, %b = %y : memref<4x64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    gir.parallel <group> (%g) in (%c1) {
      scf.for %i = %c0 to %c4 step %c1 {
        %0 = gir.stage %a[%i, %c0] [1, 64] : memref<4x64xf32, #gir.at<dram>> -> memref<1x64xf32, #gir.at<sram>>
        %1 = gir.load %0[%c0, %c0] : memref<1x64xf32, #gir.at<sram>> -> tensor<1x64xf32, #gir.at<reg>>
        gir.store %1, %b[%i, %c0] : tensor<1x64xf32, #gir.at<reg>>, memref<4x64xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}

// What a loop writes to may be staged by its next step: it stays where it is.

// CHECK-LABEL: func.func @written
// CHECK: gir.stage
// CHECK-NOT: gir.copy
func.func @written(%x: memref<4x64xf32>) {
  gir.kernel "written" (%a = %x : memref<4x64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    gir.parallel <group> (%g) in (%c1) {
      scf.for %i = %c0 to %c3 step %c1 {
        %0 = gir.stage %a[%i, %c0] [1, 64] : memref<4x64xf32, #gir.at<dram>> -> memref<1x64xf32, #gir.at<sram>>
        %1 = gir.load %0[%c0, %c0] : memref<1x64xf32, #gir.at<sram>> -> tensor<1x64xf32, #gir.at<reg>>
        %next = arith.addi %i, %c1 : index
        gir.store %1, %a[%next, %c0] : tensor<1x64xf32, #gir.at<reg>>, memref<4x64xf32, #gir.at<dram>>
      }
    }
    gir.return
  }
  return
}
