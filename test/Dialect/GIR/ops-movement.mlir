// Custom form, generic form and bytecode, each written and read again: nothing is lost on the way.
// RUN: %pf-opt %s | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --mlir-print-op-generic | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --emit-bytecode | %pf-opt | FileCheck %s
// RUN: %pf-opt %s --verify-roundtrip -o /dev/null

// CHECK-LABEL: @move
// CHECK:       gir.move %{{.*}} : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<sram>>
// CHECK:       gir.move %{{.*}} {note} : tensor<4x8xf32, #gir.at<sram>> -> tensor<4x8xf32, #gir.at<reg>>
// CHECK:       gir.move %{{.*}} : tensor<?xi1, #gir.at<reg>> -> tensor<?xi1, #gir.at<reg, space = "wram">>
// CHECK:       gir.move %{{.*}} : tensor<bf16, #gir.at<reg>> -> tensor<bf16, #gir.at<dram>>
func.func @move(%x: tensor<4x8xf32, #gir.at<dram>>, %y: tensor<?xi1, #gir.at<reg>>, %z: tensor<bf16, #gir.at<reg>>) {
  %0 = gir.move %x : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<sram>>
  %1 = gir.move %0 {note} : tensor<4x8xf32, #gir.at<sram>> -> tensor<4x8xf32, #gir.at<reg>>
  %2 = gir.move %y : tensor<?xi1, #gir.at<reg>> -> tensor<?xi1, #gir.at<reg, space = "wram">>
  %3 = gir.move %z : tensor<bf16, #gir.at<reg>> -> tensor<bf16, #gir.at<dram>>
  return
}

// CHECK-LABEL: @move_in_pass
// CHECK:       gir.move %arg0 over ["r", ""] : tensor<4x8xf32, #gir.at<dram>>
// CHECK:       gir.move %{{.*}} pass 1 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
// CHECK:       gir.move %{{.*}} pass 2 over ["", ""] {note} :
// CHECK:       gir.move %{{.*}} : tensor<f32, #gir.at<dram>>
func.func @move_in_pass(%x: tensor<4x8xf32, #gir.at<dram>>, %s: tensor<f32, #gir.at<dram>>) {
  %0 = gir.move %x pass 0 over ["r", ""] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
  %1 = gir.move %0 pass 1 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
  %2 = gir.move %1 pass 2 over ["", ""] {note} : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
  %3 = gir.move %s : tensor<f32, #gir.at<dram>> -> tensor<f32, #gir.at<reg>>
  return
}

// CHECK-LABEL: @copy
// CHECK:       %[[T:.*]] = gir.copy %arg0[%arg2, %arg2], %arg1[%arg3, %arg2] [1, %arg3] : memref<4x?xf32, #gir.at<dram>> -> memref<1x64xf32, #gir.at<sram>>
// CHECK:       %[[U:.*]] = gir.copy %arg1[%arg2, %arg2], %arg0[%arg3, %arg2] [1, 64] {note} : memref<1x64xf32, #gir.at<sram>> -> memref<4x?xf32, #gir.at<dram>>
// CHECK:       gir.wait %[[T]], %[[U]]
// CHECK:       %[[V:.*]] = gir.copy %arg4[], %arg5[] [] :
// CHECK:       gir.wait %[[V]] {note}
func.func @copy(%x: memref<4x?xf32, #gir.at<dram>>, %b: memref<1x64xf32, #gir.at<sram>>, %i: index, %n: index,
                %s: memref<f16, #gir.at<dram>>, %r: memref<f16, #gir.at<sram, space = "other">>) {
  %t = gir.copy %x[%i, %i], %b[%n, %i] [1, %n] : memref<4x?xf32, #gir.at<dram>> -> memref<1x64xf32, #gir.at<sram>>
  %u = gir.copy %b[%i, %i], %x[%n, %i] [1, 64] {note} : memref<1x64xf32, #gir.at<sram>> -> memref<4x?xf32, #gir.at<dram>>
  gir.wait %t, %u
  %v = gir.copy %s[], %r[] [] : memref<f16, #gir.at<dram>> -> memref<f16, #gir.at<sram, space = "other">>
  gir.wait %v {note}
  return
}

// The copy of the next step is under way while this one is used: its token goes round the loop.
// CHECK-LABEL: @copy_pipelined
// CHECK:       %[[LAST:.*]] = scf.for {{.*}} iter_args(%[[T:.*]] = %{{.*}}) -> (!gir.token)
// CHECK:         gir.wait %[[T]]
// CHECK:         scf.yield %{{.*}} : !gir.token
// CHECK:       gir.wait %[[LAST]]
func.func @copy_pipelined(%x: memref<64xf32, #gir.at<dram>>, %b: memref<2x8xf32, #gir.at<sram>>, %s: memref<2x8xf32, #gir.at<dram>>, %i: index, %n: index) {
  %t = gir.copy %s[%i, %i], %b[%i, %i] [1, 8] : memref<2x8xf32, #gir.at<dram>> -> memref<2x8xf32, #gir.at<sram>>
  %last = scf.for %j = %i to %n step %n iter_args(%u = %t) -> (!gir.token) {
    %next = gir.copy %s[%j, %i], %b[%j, %i] [1, 8] : memref<2x8xf32, #gir.at<dram>> -> memref<2x8xf32, #gir.at<sram>>
    gir.wait %u
    scf.yield %next : !gir.token
  }
  gir.wait %last
  return
}

// CHECK-LABEL: @stage
// CHECK:       gir.stage %arg0[%arg1, %arg1] [1, %arg2] : memref<4x?xf32, #gir.at<dram>> -> memref<1x?xf32, #gir.at<sram>>
// CHECK:       gir.stage %arg0[%arg1, %arg1] [1, %arg2] upto [4096] {note} :
// CHECK:       gir.stage %arg0[%arg1, %arg1] [1, 8] : memref<4x?xf32, #gir.at<dram>> -> memref<1x8xf32, #gir.at<sram, space = "lds">>
func.func @stage(%x: memref<4x?xf32, #gir.at<dram>>, %i: index, %n: index) {
  %0 = gir.stage %x[%i, %i] [1, %n] : memref<4x?xf32, #gir.at<dram>> -> memref<1x?xf32, #gir.at<sram>>
  %1 = gir.stage %x[%i, %i] [1, %n] upto [4096] {note} : memref<4x?xf32, #gir.at<dram>> -> memref<1x?xf32, #gir.at<sram>>
  %2 = gir.stage %x[%i, %i] [1, 8] : memref<4x?xf32, #gir.at<dram>> -> memref<1x8xf32, #gir.at<sram, space = "lds">>
  return
}

// CHECK-LABEL: @alloc
// CHECK:       gir.alloc sizes(%arg0, %arg0) upto [64, 32] : memref<?x4x?xf32, #gir.at<sram>>
// CHECK:       gir.alloc {note} : memref<32xi1, #gir.at<sram, space = "lds">>
func.func @alloc(%n: index) {
  %0 = gir.alloc sizes(%n, %n) upto [64, 32] : memref<?x4x?xf32, #gir.at<sram>>
  %1 = gir.alloc {note} : memref<32xi1, #gir.at<sram, space = "lds">>
  return
}

// CHECK-LABEL: @load
// CHECK:       gir.load %arg0[%arg2, %arg2] : memref<4x?xf32, #gir.at<dram>> -> tensor<1x16xf32, #gir.at<reg>>
// CHECK:       gir.load %arg0[%arg2, %arg3] valid[%arg3, %arg2] : memref
// CHECK:       gir.load %arg0[%arg2, %arg3] clip : memref
// CHECK:       gir.load %arg0[%arg2, %arg3] clip {note} : memref
// CHECK:       gir.load %arg1[] : memref<f16, #gir.at<sram>> -> tensor<f16, #gir.at<reg, space = "nram">>
func.func @load(%x: memref<4x?xf32, #gir.at<dram>>, %s: memref<f16, #gir.at<sram>>, %i: index, %v: index) {
  %0 = gir.load %x[%i, %i] : memref<4x?xf32, #gir.at<dram>> -> tensor<1x16xf32, #gir.at<reg>>
  %1 = gir.load %x[%i, %v] valid [%v, %i] : memref<4x?xf32, #gir.at<dram>> -> tensor<1x16xf32, #gir.at<reg>>
  %2 = gir.load %x[%i, %v] clip : memref<4x?xf32, #gir.at<dram>> -> tensor<1x16xf32, #gir.at<reg>>
  %3 = gir.load %x[%i, %v] clip {note} : memref<4x?xf32, #gir.at<dram>> -> tensor<1x16xf32, #gir.at<reg>>
  %4 = gir.load %s[] : memref<f16, #gir.at<sram>> -> tensor<f16, #gir.at<reg, space = "nram">>
  return
}

// CHECK-LABEL: @store
// CHECK:       gir.store %arg0, %arg1[%arg4, %arg4] : tensor<1x16xf32, #gir.at<reg>>, memref<4x64xf32, #gir.at<dram>>
// CHECK:       gir.store %arg0, %arg1[%arg4, %arg5] valid[%arg5, %arg4] : tensor
// CHECK:       gir.store %arg0, %arg1[%arg4, %arg5] valid[%arg5, %arg4] nontemporal {note} : tensor
// CHECK:       gir.store %arg2, %arg3[] nontemporal : tensor<f16, #gir.at<reg>>, memref<f16, #gir.at<sram>>
func.func @store(%t: tensor<1x16xf32, #gir.at<reg>>, %y: memref<4x64xf32, #gir.at<dram>>,
                 %u: tensor<f16, #gir.at<reg>>, %s: memref<f16, #gir.at<sram>>, %i: index, %v: index) {
  gir.store %t, %y[%i, %i] : tensor<1x16xf32, #gir.at<reg>>, memref<4x64xf32, #gir.at<dram>>
  gir.store %t, %y[%i, %v] valid [%v, %i] : tensor<1x16xf32, #gir.at<reg>>, memref<4x64xf32, #gir.at<dram>>
  gir.store %t, %y[%i, %v] valid [%v, %i] nontemporal {note} : tensor<1x16xf32, #gir.at<reg>>, memref<4x64xf32, #gir.at<dram>>
  gir.store %u, %s[] nontemporal : tensor<f16, #gir.at<reg>>, memref<f16, #gir.at<sram>>
  return
}

// CHECK-LABEL: @gather
// CHECK:       gir.gather %arg0[%arg2, %arg2] : tensor<10x?xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>, tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
// CHECK:       gir.gather %arg1[%arg2] : memref<?xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
func.func @gather(%t: tensor<10x?xf32, #gir.at<dram>>, %m: memref<?xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>) {
  %0 = gir.gather %t[%i, %i] : tensor<10x?xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>, tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
  %1 = gir.gather %m[%i] : memref<?xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
  return
}

// CHECK-LABEL: @gather_in_pass
// CHECK:       gir.gather %arg0[%arg1] pass 2 : tensor<8xf32, #gir.at<dram>>
func.func @gather_in_pass(%t: tensor<8xf32, #gir.at<dram>>, %i: tensor<4xindex, #gir.at<reg>>) {
  %0 = gir.gather %t[%i] pass 2 : tensor<8xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<4xf32, #gir.at<reg>>
  return
}

// CHECK-LABEL: @scatter
// CHECK:       %{{.*}} = gir.scatter %arg0 into %arg1[%arg3, %arg3] kind <add> : tensor<4xf32, #gir.at<reg>> into
// CHECK-SAME:    tensor<10x?xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>, tensor<4xindex, #gir.at<reg>>] -> tensor<10x?xf32, #gir.at<dram>>
// CHECK:       gir.scatter %arg0 into %arg2[%arg3] kind <maximumf> valid[%arg4] : tensor<4xf32, #gir.at<reg>> into memref<?xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>]
// CHECK:       gir.scatter %arg0 into %arg2[%arg3] {note} : tensor
func.func @scatter(%v: tensor<4xf32, #gir.at<reg>>, %d: tensor<10x?xf32, #gir.at<dram>>, %m: memref<?xf32, #gir.at<dram>>,
                   %i: tensor<4xindex, #gir.at<reg>>, %n: index) {
  %0 = gir.scatter %v into %d[%i, %i] kind <add> : tensor<4xf32, #gir.at<reg>> into tensor<10x?xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>, tensor<4xindex, #gir.at<reg>>] -> tensor<10x?xf32, #gir.at<dram>>
  gir.scatter %v into %m[%i] kind <maximumf> valid [%n] : tensor<4xf32, #gir.at<reg>> into memref<?xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>]
  gir.scatter %v into %m[%i] {note} : tensor<4xf32, #gir.at<reg>> into memref<?xf32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>]
  return
}
