// A machine as an attribute, and programs that fit it: all five spaces, one of them read by one engine only.
// RUN: %pf-opt %s --split-input-file | FileCheck %s
// RUN: %pf-opt %s --split-input-file --mlir-print-op-generic | %pf-opt --split-input-file -o /dev/null
// RUN: %pf-opt %s --split-input-file --verify-roundtrip -o /dev/null

// What is unknown is left out; a machine is an alias in what is printed.
// CHECK:      #[[FIVE:.*]] = #gir.machine<"five" launch_ns 4.000000e+03 : f64
// CHECK-SAME: spaces[<name = "gdram", level = dram, scope = device, kind = memory, granule_bytes = 64, alignment_bytes = 64>
// CHECK-SAME: links[<source = "gdram", result = "sram", bandwidth_bytes_per_ns = 3.000000e+02 : f64, latency_ns = 8.000000e+02 : f64, asynchronous = true>
// CHECK-SAME: caches[<name = "L2", caches = "gdram", granule_bytes = 32, scope = device>]>
// CHECK:      module attributes {gir.machine = #[[FIVE]]}
#five = #gir.machine<"five" launch_ns 4.0e+03 : f64
  spaces [<name = "gdram", level = dram, scope = device, kind = memory, granule_bytes = 64, alignment_bytes = 64>,
          <name = "sram", level = sram, scope = group, kind = scratchpad, capacity_bytes = 1048576, reserve_bytes = 65536>,
          <name = "nram", level = reg, scope = unit, kind = scratchpad, capacity_bytes = 262144, alignment_bytes = 128>,
          <name = "wram", level = reg, scope = unit, kind = scratchpad, capacity_bytes = 131072, alignment_bytes = 64>,
          <name = "acc", level = reg, scope = unit, kind = registers, capacity_bytes = 65536>]
  links [<source = "gdram", result = "sram", bandwidth_bytes_per_ns = 3.0e+02 : f64, latency_ns = 8.0e+02 : f64, asynchronous = true>,
         <source = "gdram", result = "nram">, <source = "nram", result = "gdram">, <source = "gdram", result = "wram">,
         <source = "sram", result = "nram">, <source = "acc", result = "nram">, <source = "nram", result = "acc">]
  engines [<name = "vector", reads = ["nram"], writes = ["nram"], ops = ["elementwise", "reduce", "scan"]>,
           <name = "matrix", reads = ["nram", "wram", "acc"], writes = ["acc"], ops = ["contract"]>]
  scopes [<scope = group, count = 8, barrier = "sync_cluster">, <scope = unit, count = 4, max_count = 4>]
  caches [<name = "L2", caches = "gdram", granule_bytes = 32, scope = device>]>
!d = tensor<16x16xf32, #gir.at<dram>>
!n = tensor<16x16xf32, #gir.at<reg>>
!nram = tensor<16x16xf32, #gir.at<reg, space = "nram">>
!w = tensor<16x16xf32, #gir.at<reg, space = "wram">>
!a = tensor<16x16xf32, #gir.at<reg, space = "acc">>

module attributes {gir.machine = #five} {
  // Graph form: weights go to wram and are contracted there; the accumulator is moved out before the bias is added.
  // CHECK-LABEL: @graph
  func.func @graph(%x: !d, %weights: !d, %bias: !d, %zero: !a) -> !d {
    %0 = gir.move %x : !d -> !n
    %1 = gir.move %weights : !d -> !w
    %2 = gir.contract %0, %1 into %zero maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
        : !n, !w into !a
    %3 = gir.move %2 : !a -> !n
    %4 = gir.move %bias : !d -> !n
    %5 = arith.addf %3, %4 : !n
    %6 = gir.move %5 : !n -> !d
    return %6 : !d
  }

  // `#gir.at<reg>` and the same with the name of the level's first space are one place to the machine.
  // CHECK-LABEL: @named
  func.func @named(%x: !d) {
    %0 = gir.move %x : !d -> !nram
    %1 = math.exp %0 : !nram
    return
  }

  // What stays within its space needs no link.
  // CHECK-LABEL: @kept
  func.func @kept(%x: !n) {
    %0 = gir.move %x pass 1 : !n -> !n
    return
  }

  // Tile form.
  // CHECK-LABEL: @tile
  func.func @tile(%x: memref<64x64xf32, #gir.at<dram>>, %i: index) {
    %s = gir.stage %x[%i, %i] [16, 16] : memref<64x64xf32, #gir.at<dram>> -> memref<16x16xf32, #gir.at<sram>>
    %b = gir.alloc : memref<16x16xf32, #gir.at<sram, space = "sram">>
    %t = gir.copy %x[%i, %i], %b[%i, %i] [16, 16] : memref<64x64xf32, #gir.at<dram>> -> memref<16x16xf32, #gir.at<sram, space = "sram">>
    gir.wait %t
    %0 = gir.load %s[%i, %i] : memref<16x16xf32, #gir.at<sram>> -> !n
    %1 = arith.negf %0 : !n
    gir.store %1, %x[%i, %i] : !n, memref<64x64xf32, #gir.at<dram>>
    return
  }
}

// -----

// Without a machine nothing is asked: a space may have any name.
// CHECK-LABEL: @no_machine
func.func @no_machine(%x: tensor<4xf32, #gir.at<reg, space = "anything">>) {
  %0 = arith.addf %x, %x : tensor<4xf32, #gir.at<reg, space = "anything">>
  return
}

// -----

// A module inside is for its own machine.
#five = #gir.machine<"five" launch_ns 4.0e+03 : f64
  spaces [<name = "gdram", level = dram, scope = device, kind = memory, granule_bytes = 64, alignment_bytes = 64>,
          <name = "sram", level = sram, scope = group, kind = scratchpad, capacity_bytes = 1048576, reserve_bytes = 65536>,
          <name = "nram", level = reg, scope = unit, kind = scratchpad, capacity_bytes = 262144, alignment_bytes = 128>,
          <name = "wram", level = reg, scope = unit, kind = scratchpad, capacity_bytes = 131072, alignment_bytes = 64>,
          <name = "acc", level = reg, scope = unit, kind = registers, capacity_bytes = 65536>]
  links [<source = "gdram", result = "sram", bandwidth_bytes_per_ns = 3.0e+02 : f64, latency_ns = 8.0e+02 : f64, asynchronous = true>,
         <source = "gdram", result = "nram">, <source = "nram", result = "gdram">, <source = "gdram", result = "wram">,
         <source = "sram", result = "nram">, <source = "acc", result = "nram">, <source = "nram", result = "acc">]
  engines [<name = "vector", reads = ["nram"], writes = ["nram"], ops = ["elementwise", "reduce", "scan"]>,
           <name = "matrix", reads = ["nram", "wram", "acc"], writes = ["acc"], ops = ["contract"]>]
  scopes [<scope = group, count = 8, barrier = "sync_cluster">, <scope = unit, count = 4, max_count = 4>]
  caches [<name = "L2", caches = "gdram", granule_bytes = 32, scope = device>]>
#other = #gir.machine<"other"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise"]>]>
module attributes {gir.machine = #five} {
  module attributes {gir.machine = #other} {
    // CHECK-LABEL: @inside
    func.func @inside(%x: tensor<4xf32, #gir.at<reg, space = "vr">>) {
      %0 = arith.addf %x, %x : tensor<4xf32, #gir.at<reg, space = "vr">>
      return
    }
  }
}
