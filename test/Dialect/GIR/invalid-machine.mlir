// RUN: %pf-opt %s --split-input-file --verify-diagnostics

func.func private @space_c1() attributes {
  // expected-error @+1 {{expected a name of the space, got ""}}
  x = #gir.space<name = "", level = reg, scope = unit, kind = registers>
}

// -----

func.func private @space_c2_capacity() attributes {
  // expected-error @+1 {{expected sizes of at least 1 in space "s", got }}
  x = #gir.space<name = "s", level = reg, scope = unit, kind = registers, capacity_bytes = 0>
}

// -----

func.func private @space_c2_pool() attributes {
  // expected-error @+1 {{expected sizes of at least 1 in space "s", got }}
  x = #gir.space<name = "s", level = reg, scope = unit, kind = registers, pool_bytes = -1>
}

// -----

func.func private @space_c2_granule() attributes {
  // expected-error @+1 {{expected sizes of at least 1 in space "s", got }}
  x = #gir.space<name = "s", level = reg, scope = unit, kind = registers, granule_bytes = 0>
}

// -----

func.func private @space_c2_alignment() attributes {
  // expected-error @+1 {{expected sizes of at least 1 in space "s", got }}
  x = #gir.space<name = "s", level = reg, scope = unit, kind = registers, alignment_bytes = -8>
}

// -----

func.func private @space_c2_reserve() attributes {
  // expected-error @+1 {{expected a reserve from 0 to less than the capacity of space "s", got 64}}
  x = #gir.space<name = "s", level = reg, scope = unit, kind = registers, capacity_bytes = 64, reserve_bytes = 64>
}

// -----

func.func private @space_c2_negative() attributes {
  // expected-error @+1 {{expected a reserve from 0 to less than the capacity of space "s", got -1}}
  x = #gir.space<name = "s", level = reg, scope = unit, kind = registers, reserve_bytes = -1>
}

// -----

func.func private @link_c1() attributes {
  // expected-error @+1 {{expected names of two spaces, got "a" and ""}}
  x = #gir.link<source = "a", result = "">
}

// -----

func.func private @link_c2_bandwidth() attributes {
  // expected-error @+1 {{expected a bandwidth of more than 0 as f64, got 0.0}}
  x = #gir.link<source = "a", result = "b", bandwidth_bytes_per_ns = 0.0 : f64>
}

// -----

func.func private @link_c2_type() attributes {
  // expected-error @+1 {{expected a bandwidth of more than 0 as f64, got 1.000000e+00 : f32}}
  x = #gir.link<source = "a", result = "b", bandwidth_bytes_per_ns = 1.0 : f32>
}

// -----

func.func private @link_c2_infinite() attributes {
  // expected-error @+1 {{expected a bandwidth of more than 0 as f64, got 0x7FF0}}
  x = #gir.link<source = "a", result = "b", bandwidth_bytes_per_ns = 0x7FF0000000000000 : f64>
}

// -----

func.func private @link_c2_latency() attributes {
  // expected-error @+1 {{expected a latency of 0 or more as f64, got -1.0}}
  x = #gir.link<source = "a", result = "b", latency_ns = -1.0 : f64>
}

// -----

func.func private @engine_c1_empty() attributes {
  // expected-error @+1 {{expected a list of names for engine "e", got []}}
  x = #gir.engine<name = "e", reads = [], writes = ["a"], ops = ["scan"]>
}

// -----

func.func private @engine_c1_number() attributes {
  // expected-error @+1 {{expected a list of names for engine "e", got [3]}}
  x = #gir.engine<name = "e", reads = ["a"], writes = [3], ops = ["scan"]>
}

// -----

func.func private @engine_c2() attributes {
  // expected-error @+1 {{expected elementwise, reduce, scan or contract as ops of engine "e", got "sort"}}
  x = #gir.engine<name = "e", reads = ["a"], writes = ["a"], ops = ["sort"]>
}

// -----

func.func private @engine_c3_rate() attributes {
  // expected-error @+1 {{expected a rate of more than 0 as f64, got "f32" = 3}}
  x = #gir.engine<name = "e", reads = ["a"], writes = ["a"], ops = ["scan"], rates = {f32 = 3}>
}

// -----

func.func private @engine_c3_zero() attributes {
  // expected-error @+1 {{expected a rate of more than 0 as f64, got "f32" = 0.0}}
  x = #gir.engine<name = "e", reads = ["a"], writes = ["a"], ops = ["scan"], rates = {f32 = 0.0 : f64}>
}

// -----

func.func private @engine_c3_limit() attributes {
  // expected-error @+1 {{expected a limit of at least 1 as i64, got "m" = 0}}
  x = #gir.engine<name = "e", reads = ["a"], writes = ["a"], ops = ["scan"], limits = {m = 0}>
}

// -----

func.func private @limits_c1() attributes {
  // expected-error @+1 {{expected counts of at least 1 for scope unit, got 0 and 1}}
  x = #gir.limits<scope = unit, count = 0>
}

// -----

func.func private @limits_c1_time() attributes {
  // expected-error @+1 {{expected a barrier to take 0 or more as f64, got -1.0}}
  x = #gir.limits<scope = unit, barrier_ns = -1.0 : f64>
}

// -----

func.func private @cache_c1() attributes {
  // expected-error @+1 {{expected names of a cache and of a space, got "L2" and ""}}
  x = #gir.cache<name = "L2", caches = "", scope = device>
}

// -----

func.func private @cache_c2() attributes {
  // expected-error @+1 {{expected sizes of at least 1 and a bandwidth of more than 0 in cache "L2"}}
  x = #gir.cache<name = "L2", caches = "a", capacity_bytes = 0, scope = device>
}

// -----

func.func private @cache_c2_bandwidth() attributes {
  // expected-error @+1 {{expected sizes of at least 1 and a bandwidth of more than 0 in cache "L2"}}
  x = #gir.cache<name = "L2", caches = "a", scope = device, bandwidth_bytes_per_ns = -1.0 : f64>
}

// -----

func.func private @machine_c1_space() attributes {
  // expected-error @+1 {{expected spaces, engines, caches, scopes and links of machine "m" to differ, got "r" twice}}
  x = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>, <name = "r", level = reg, scope = unit, kind = registers>]>
}

// -----

func.func private @machine_c1_link() attributes {
  // expected-error @+1 {{expected spaces, engines, caches, scopes and links of machine "m" to differ, got ["d", "r"] twice}}
  x = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>] links [<source = "d", result = "r">, <source = "d", result = "r", asynchronous = true>]>
}

// -----

func.func private @machine_c1_engine() attributes {
  // expected-error @+1 {{expected spaces, engines, caches, scopes and links of machine "m" to differ, got "e" twice}}
  x = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>] engines [<name = "e", reads = ["r"], writes = ["r"], ops = ["scan"]>, <name = "e", reads = ["r"], writes = ["r"], ops = ["scan"]>]>
}

// -----

func.func private @machine_c1_scope() attributes {
  // expected-error @+1 {{expected spaces, engines, caches, scopes and links of machine "m" to differ, got "unit" twice}}
  x = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>] scopes [<scope = unit>, <scope = unit, count = 2>]>
}

// -----

func.func private @machine_c1_cache() attributes {
  // expected-error @+1 {{expected spaces, engines, caches, scopes and links of machine "m" to differ, got "L2" twice}}
  x = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>] caches [<name = "L2", caches = "d", scope = device>, <name = "L2", caches = "d", scope = device>]>
}

// -----

func.func private @machine_c2_link() attributes {
  // expected-error @+1 {{expected a link to name a space, one of "d", "s", "r", got "w"}}
  x = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>] links [<source = "d", result = "w">]>
}

// -----

func.func private @machine_c2_reads() attributes {
  // expected-error @+1 {{expected an engine to name a space, one of "d", "s", "r", got "w"}}
  x = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>] engines [<name = "e", reads = ["w"], writes = ["r"], ops = ["scan"]>]>
}

// -----

func.func private @machine_c2_writes() attributes {
  // expected-error @+1 {{expected an engine to name a space, one of "d", "s", "r", got "w"}}
  x = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>] engines [<name = "e", reads = ["r"], writes = ["w"], ops = ["scan"]>]>
}

// -----

func.func private @machine_c2_cache() attributes {
  // expected-error @+1 {{expected a cache to name a space, one of "d", "s", "r", got "w"}}
  x = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>] caches [<name = "L2", caches = "w", scope = device>]>
}

// -----

func.func private @machine_c3() attributes {
  // expected-error @+1 {{expected a space at each level in machine "m", got none at sram}}
  x = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>]>
}

// -----

func.func private @machine_c4() attributes {
  // expected-error @+1 {{expected space "w" at reg to belong to a group or less, as "s" at sram does, got cluster}}
  x = #gir.machine<"m" spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>, <name = "w", level = reg, scope = cluster, kind = registers>]>
}

// -----

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

func.func private @machine_c9() attributes {
  // expected-error @+1 {{expected a launch to cost 0 or more as f64, got -1.0}}
  x = #gir.machine<"m" launch_ns -1.0 : f64 spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>]>
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
