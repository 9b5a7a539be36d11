// Upstream's queries ask a machine: by the name of a space, an engine or a cache and then a field, or a field of its own.
// RUN: %pf-opt %s --transform-interpreter --verify-diagnostics -o /dev/null
#q = #gir.machine<"q" launch_ns 4.0e+03 : f64
  spaces [<name = "ddr", level = dram, scope = device, kind = memory>,
          <name = "l1", level = sram, scope = group, kind = cache, capacity_bytes = 4096>,
          <name = "vr", level = reg, scope = unit, kind = registers>]
  engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["scan"], rates = {f32 = 8.0 : f64}>]
  caches [<name = "L3", caches = "ddr", scope = device>]>
module attributes {gir.machine = #q, transform.with_named_sequence} {
  // expected-remark @+5 {{capacity 4096 : i64}}
  // expected-remark @+4 {{kind "cache"}}
  // expected-remark @+3 {{reads ["vr"]}}
  // expected-remark @+2 {{line 64 : i64}}
  // expected-remark @+1 {{launch 4.000000e+03 : f64}}
  func.func private @f()

  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %f = transform.structured.match ops{["func.func"]} in %root : (!transform.any_op) -> !transform.any_op
    %0 = transform.dlti.query ["l1", "capacity_bytes"] at %f : (!transform.any_op) -> !transform.any_param
    transform.debug.emit_param_as_remark %0, "capacity" at %f : !transform.any_param, !transform.any_op
    %1 = transform.dlti.query ["l1", "kind"] at %f : (!transform.any_op) -> !transform.any_param
    transform.debug.emit_param_as_remark %1, "kind" at %f : !transform.any_param, !transform.any_op
    %2 = transform.dlti.query ["simd", "reads"] at %f : (!transform.any_op) -> !transform.any_param
    transform.debug.emit_param_as_remark %2, "reads" at %f : !transform.any_param, !transform.any_op
    %3 = transform.dlti.query ["L3", "granule_bytes"] at %f : (!transform.any_op) -> !transform.any_param
    transform.debug.emit_param_as_remark %3, "line" at %f : !transform.any_param, !transform.any_op
    %4 = transform.dlti.query ["launch_ns"] at %f : (!transform.any_op) -> !transform.any_param
    transform.debug.emit_param_as_remark %4, "launch" at %f : !transform.any_param, !transform.any_op
    transform.yield
  }
}

