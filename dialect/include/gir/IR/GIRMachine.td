//===- GIRMachine.td - The machine that a program is for ---*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A machine as an attribute: the same graph of spaces, links, engines and scopes
// as `powerfusion.machines` has, without the sources of its numbers. A module
// that carries one as `gir.machine` is verified against it.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_MACHINE
#define GIR_IR_MACHINE

include "gir/IR/GIRBase.td"
include "mlir/Interfaces/DataLayoutInterfaces.td"

// Part of a machine: its fields are what DLTI queries give, under their names.
class GIR_MachinePartAttr<string name, string mnemonic>
    : GIR_Attr<name, mnemonic, [DeclareAttrInterfaceMethods<DLTIQueryInterface>]> {
  code getFieldsDecl = [{
    /// The fields that are known, by name.
    ::mlir::DictionaryAttr getFields() const;
  }];
}

// An integer that nobody may know.
class GIR_MaybeInt<string desc> : OptionalParameter<"std::optional<int64_t>", desc>;
class GIR_MaybeFloat<string desc> : OptionalParameter<"::mlir::FloatAttr", desc>;
class GIR_MaybeString<string desc> : OptionalParameter<"::mlir::StringAttr", desc>;

def GIR_SpaceAttr : GIR_MachinePartAttr<"Space", "space"> {
  let summary = "one memory of a machine";
  let description = [{
    Each instance of `scope` has one of its own, of `capacity_bytes`; what the
    instances of a group share is `pool_bytes`. An access moves whole granules.

    Constraints:
    - (C1) a space has a name
    - (C2) capacity, pool, granule and alignment are at least 1, the reserve is less
      than the capacity and not negative

    Example:

    ```mlir
    func.func @space() attributes {
      s = #gir.space<name = "nram", level = reg, scope = unit, kind = scratchpad,
                     capacity_bytes = 786432, reserve_bytes = 131072, alignment_bytes = 128>
    } {
      return
    }
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$name, EnumParameter<GIR_Level>:$level,
      EnumParameter<GIR_HardwareScope>:$scope, EnumParameter<GIR_SpaceKind>:$kind,
      GIR_MaybeInt<"bytes of an instance">:$capacity_bytes,
      DefaultValuedParameter<"int64_t", "0">:$reserve_bytes,
      GIR_MaybeInt<"bytes that the instances of a group share">:$pool_bytes,
      DefaultValuedParameter<"int64_t", "1">:$granule_bytes,
      DefaultValuedParameter<"int64_t", "1">:$alignment_bytes,
      DefaultValuedParameter<"bool", "false">:$write_allocate);
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = getFieldsDecl;
  let genVerifyDecl = 1;
}

def GIR_LinkAttr : GIR_MachinePartAttr<"Link", "link"> {
  let summary = "a way from one space to another";
  let description = [{
    In one direction. Bandwidth is of the whole machine, in bytes per nanosecond.

    Constraints:
    - (C1) both ends have names
    - (C2) the bandwidth is more than 0, the latency not negative; both are finite f64

    Example:

    ```mlir
    func.func @link() attributes {
      l = #gir.link<source = "gdram", result = "nram", bandwidth_bytes_per_ns = 3.072e+02 : f64, asynchronous = true>
    } {
      return
    }
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$source, "::mlir::StringAttr":$result,
      GIR_MaybeFloat<"bytes per nanosecond">:$bandwidth_bytes_per_ns,
      GIR_MaybeFloat<"nanoseconds">:$latency_ns, GIR_MaybeString<"what moves the data">:$instruction,
      DefaultValuedParameter<"bool", "false">:$asynchronous);
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = getFieldsDecl;
  let genVerifyDecl = 1;
}

def GIR_EngineAttr : GIR_MachinePartAttr<"Engine", "engine"> {
  let summary = "what computes, and on which spaces";
  let description = [{
    Operands may be in the spaces that it reads, results in those that it writes.
    `rates` are operations per nanosecond of the whole machine by dtype; a dtype
    whose rate is unknown stands alone.

    Constraints:
    - (C1) `reads`, `writes` and `ops` are lists of names, none of them empty
    - (C2) ops are `elementwise`, `reduce`, `scan` and `contract`
    - (C3) rates are f64 of more than 0, limits i64 of at least 1

    Example:

    ```mlir
    func.func @engine() attributes {
      e = #gir.engine<name = "vector", reads = ["nram"], writes = ["nram"], ops = ["elementwise", "reduce"],
                      rates = {f16 = 2.048e+03 : f64, f32}, limits = {granule_bytes = 128 : i64}>
    } {
      return
    }
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::mlir::ArrayAttr":$reads, "::mlir::ArrayAttr":$writes,
      "::mlir::ArrayAttr":$ops, OptionalParameter<"::mlir::DictionaryAttr", "by dtype">:$rates,
      OptionalParameter<"::mlir::DictionaryAttr", "by what they limit">:$limits);
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = getFieldsDecl;
  let genVerifyDecl = 1;
}

def GIR_LimitsAttr : GIR_MachinePartAttr<"Limits", "limits"> {
  let summary = "a scope of parallelism that a machine has";
  let description = [{
    `count` are there (of devices, clusters and groups in the machine, of units in a
    group, of lanes in a unit), and a program may ask for `max_count`.

    Constraints:
    - (C1) counts are at least 1, and a barrier takes no negative time

    Example:

    ```mlir
    func.func @limits() attributes {
      l = #gir.limits<scope = group, called = "cluster", count = 8, barrier = "sync_cluster">
    } {
      return
    }
    ```
  }];
  let parameters = (ins EnumParameter<GIR_HardwareScope>:$scope, GIR_MaybeString<"the vendor's word">:$called,
      GIR_MaybeInt<"how many there are">:$count, GIR_MaybeInt<"how many may be asked for">:$max_count,
      GIR_MaybeString<"what synchronises an instance's units">:$barrier,
      GIR_MaybeFloat<"how long that takes">:$barrier_ns);
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = getFieldsDecl;
  let genVerifyDecl = 1;
}

def GIR_CacheAttr : GIR_MachinePartAttr<"Cache", "cache"> {
  let summary = "a cache that is no memory level";
  let description = [{
    Programs place nothing in it, but accesses to the space that it `caches` hit.

    Constraints:
    - (C1) a cache has a name, and says what it caches
    - (C2) capacity and granule are at least 1, the bandwidth more than 0

    Example:

    ```mlir
    func.func @cache() attributes {
      c = #gir.cache<name = "L2", caches = "global", capacity_bytes = 41943040, granule_bytes = 32, scope = device>
    } {
      return
    }
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::mlir::StringAttr":$caches,
      GIR_MaybeInt<"bytes of an instance">:$capacity_bytes,
      DefaultValuedParameter<"int64_t", "64">:$granule_bytes, EnumParameter<GIR_HardwareScope>:$scope,
      GIR_MaybeFloat<"of all instances">:$bandwidth_bytes_per_ns);
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = getFieldsDecl;
  let genVerifyDecl = 1;
}

def GIR_MachineAttr : GIR_MachinePartAttr<"Machine", "machine"> {
  let summary = "the device that a program is placed for";
  let description = [{
    A graph: spaces, the links between them, and the engines that compute. The first
    space of a level is the one meant by `#gir.at` without a space. A DLTI query by
    the name of a space, an engine or a cache gives that, and one in it a field.

    A module that carries a machine as `gir.machine` is verified against it, once,
    with all that is in it.

    ```
    dram ---link---> sram ---link---> reg <===> engine
    ```

    Constraints:
    - (C1) spaces have names of their own, so have engines and caches; a scope or a
      link is there once
    - (C2) links, engines and caches name spaces of the machine
    - (C3) each level has a space
    - (C4) a space belongs to no outer scope than the spaces of lower levels
    - (C5) a machine stands on a module
    - (C6) in that module, each `#gir.at` is at a space of its level
    - (C7) there, operands of arith, math and of GIR's computations are in spaces that
      an engine for them reads, and their results in spaces that it writes
    - (C8) there, data moves along links
    - (C9) a launch costs 0 or more, as f64
    - (C10) in that module, parallelism and barriers are of scopes that the machine
      has, where it lists any

    Example:

    ```mlir
    module attributes {gir.machine = #gir.machine<"two"
        spaces [<name = "ddr", level = dram, scope = device, kind = memory, granule_bytes = 64>,
                <name = "l1", level = sram, scope = group, kind = scratchpad, capacity_bytes = 65536>,
                <name = "vr", level = reg, scope = unit, kind = registers, capacity_bytes = 4096>]
        links [<source = "ddr", result = "vr">, <source = "vr", result = "ddr">]
        engines [<name = "simd", reads = ["vr"], writes = ["vr"], ops = ["elementwise"]>]
        scopes [<scope = group, count = 4>, <scope = unit, count = 1>]>} {
      func.func @f(%x: tensor<8xf32, #gir.at<dram>>) {
        %0 = gir.move %x : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg, space = "vr">>
        %1 = arith.addf %0, %0 : tensor<8xf32, #gir.at<reg, space = "vr">>
        return
      }
    }
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$name,
      GIR_MaybeFloat<"what a launch costs at least">:$launch_ns,
      ArrayRefParameter<"::gir::SpaceAttr", "memories">:$spaces,
      OptionalArrayRefParameter<"::gir::LinkAttr", "ways between them">:$links,
      OptionalArrayRefParameter<"::gir::EngineAttr", "what computes">:$engines,
      OptionalArrayRefParameter<"::gir::LimitsAttr", "outer to inner">:$scopes,
      OptionalArrayRefParameter<"::gir::CacheAttr", "nearest to the units first">:$caches);
  let assemblyFormat = [{
    `<` $name (`launch_ns` $launch_ns^)? `spaces` `[` $spaces `]` (`links` `[` $links^ `]`)?
    (`engines` `[` $engines^ `]`)? (`scopes` `[` $scopes^ `]`)? (`caches` `[` $caches^ `]`)? `>`
  }];
  let extraClassDeclaration = getFieldsDecl # [{
    /// The space of a name, or null.
    ::gir::SpaceAttr getSpace(::mlir::StringAttr name) const;
    /// The space that a place means, or null.
    ::gir::SpaceAttr getSpace(::gir::AtAttr at) const;
    /// Checks what is in a module.
    ::mlir::LogicalResult verifyModule(::mlir::Operation *module) const;
  }];
  let genVerifyDecl = 1;
  let genMnemonicAlias = 1;
}

#endif // GIR_IR_MACHINE
