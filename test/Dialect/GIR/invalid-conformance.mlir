// Programs that their machine has no place, engine, link or scope for.
// RUN: %pf-opt %s --split-input-file --verify-diagnostics

#m = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>]>
// expected-error @+1 {{expected gir.machine on a module, got it on func.func}}
func.func private @machine_c5() attributes {gir.machine = #m}

// -----

// expected-error @+1 {{expected #gir.machine as gir.machine, got "sm_90"}}
module attributes {gir.machine = "sm_90"} {
  func.func private @machine_c5_type()
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  // expected-error @+1 {{on machine "two": expected a space at reg, one of "vr", "wr", got "nram"}}
  func.func @machine_c6_argument(%x: tensor<8xf32, #gir.at<reg, space = "nram">>) {
    return
  }
}

// -----

// A name at another level is none.
#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c6_level(%x: memref<8xf32, #gir.at<dram>>, %i: index) {
    // expected-error @+1 {{expected a space at dram, one of "ddr", got "vr"}}
    %0 = memref.alloc() : memref<8xf32, #gir.at<dram, space = "vr">>
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c7_operand(%x: tensor<8xf32, #gir.at<reg, space = "wr">>) {
    // expected-error @+1 {{expected operand #0 in a space that an engine for elementwise reads (simd: ["vr"]), got "wr"; move it to such a space first}}
    %0 = arith.addf %x, %x : tensor<8xf32, #gir.at<reg, space = "wr">>
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c7_math(%x: tensor<8xf32, #gir.at<reg, space = "wr">>) {
    // expected-error @+1 {{'math.exp' op on machine "two": expected operand #0 in a space that an engine for elementwise reads}}
    %0 = math.exp %x : tensor<8xf32, #gir.at<reg, space = "wr">>
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c7_result(%x: tensor<4x4xf32, #gir.at<reg>>, %y: tensor<4x4xf32, #gir.at<reg, space = "wr">>) {
    // expected-error @+1 {{expected result #0 in a space that an engine for contract writes (matrix: ["vr"]), got "wr"; compute it in such a space and move it then}}
    %0 = gir.contract %x, %y into %y maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : tensor<4x4xf32, #gir.at<reg>>, tensor<4x4xf32, #gir.at<reg, space = "wr">> into tensor<4x4xf32, #gir.at<reg, space = "wr">>
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c7_iota() {
    // expected-error @+1 {{expected result #0 in a space that an engine for elementwise writes (simd: ["vr"]), got "wr"}}
    %0 = gir.iota dim 0 : tensor<8xindex, #gir.at<reg, space = "wr">>
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c7_none(%x: tensor<8xf32, #gir.at<reg>>, %i: tensor<f32, #gir.at<reg>>) {
    // expected-error @+1 {{expected operand #0 in a space that an engine for scan reads (none), got "vr"}}
    %0, %1 = gir.scan %x into %i dim 0 kinds [#vector.kind<add>] : tensor<8xf32, #gir.at<reg>> into tensor<f32, #gir.at<reg>>
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c8_move(%x: tensor<8xf32, #gir.at<reg>>) {
    // expected-error @+1 {{'gir.move' op on machine "two": expected a movement along a link, got "vr" to "wr"; from "vr" links go to "ddr"}}
    %0 = gir.move %x : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<reg, space = "wr">>
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c8_dead_end(%x: tensor<8xf32, #gir.at<reg, space = "wr">>) {
    // expected-error @+1 {{got "wr" to "ddr"; from "wr" links go to no space}}
    %0 = gir.move %x : tensor<8xf32, #gir.at<reg, space = "wr">> -> tensor<8xf32, #gir.at<dram>>
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c8_stage(%x: memref<8xf32, #gir.at<dram>>, %i: index) {
    // expected-error @+1 {{'gir.stage' op on machine "two": expected a movement along a link, got "ddr" to "l1"}}
    %0 = gir.stage %x[%i] [4] : memref<8xf32, #gir.at<dram>> -> memref<4xf32, #gir.at<sram>>
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c8_copy(%x: memref<8xf32, #gir.at<dram>>, %y: memref<8xf32, #gir.at<sram>>, %i: index) {
    // expected-error @+1 {{'gir.copy' op on machine "two": expected a movement along a link, got "ddr" to "l1"}}
    %t = gir.copy %x[%i], %y[%i] [4] : memref<8xf32, #gir.at<dram>> -> memref<8xf32, #gir.at<sram>>
    gir.wait %t
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c8_load(%x: memref<8xf32, #gir.at<sram>>, %i: index) {
    // expected-error @+1 {{'gir.load' op on machine "two": expected a movement along a link, got "l1" to "vr"; from "l1" links go to no space}}
    %0 = gir.load %x[%i] : memref<8xf32, #gir.at<sram>> -> tensor<8xf32, #gir.at<reg>>
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]>
module attributes {gir.machine = #m} {
  func.func @machine_c8_store(%t: tensor<8xf32, #gir.at<reg, space = "wr">>, %y: memref<8xf32, #gir.at<dram>>, %i: index) {
    // expected-error @+1 {{'gir.store' op on machine "two": expected a movement along a link, got "wr" to "ddr"}}
    gir.store %t, %y[%i] : tensor<8xf32, #gir.at<reg, space = "wr">>, memref<8xf32, #gir.at<dram>>
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]
  scopes [<scope = group, count = 4>, <scope = unit, count = 1>]>
module attributes {gir.machine = #m} {
  func.func @machine_c10_parallel(%n: index) {
    // expected-error @+1 {{on machine "two": expected a scope that the machine has, one of group, unit, got cluster}}
    gir.parallel <cluster> (%i) in (%n) {
    }
    return
  }
}

// -----

#m = #gir.machine<"two"
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache>,
          <name = "vr", level = reg, scope = unit, kind = registers>,
          <name = "wr", level = reg, scope = unit, kind = registers>]
  links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">, <source = "ddr", result = "wr">]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise", "reduce"]>,
           <name = "matrix", reads = ["wr", "vr"], writes = ["vr"], ops = ["contract"]>]
  scopes [<scope = group, count = 4>, <scope = unit, count = 1>]>
module attributes {gir.machine = #m} {
  func.func @machine_c10_sync() {
    // expected-error @+1 {{on machine "two": expected a scope that the machine has, one of group, unit, got cluster}}
    gir.sync <cluster>
    return
  }
}
