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

func.func private @machine_c9() attributes {
  // expected-error @+1 {{expected a launch to cost 0 or more as f64, got -1.0}}
  x = #gir.machine<"m" launch_ns -1.0 : f64 spaces [<name = "d", level = dram, scope = device, kind = memory>, <name = "s", level = sram, scope = group, kind = cache>, <name = "r", level = reg, scope = unit, kind = registers>]>
}
