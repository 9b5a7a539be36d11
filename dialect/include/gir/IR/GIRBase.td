//===- GIRBase.td - Dialect, attributes and interfaces --------*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all GIR ops share: where a value is (#gir.at), how a kernel is dealt out
// (#gir.nest), the scopes of parallelism, and tokens of copies under way.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_BASE
#define GIR_IR_BASE

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/TensorEncoding.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "gir/IR/GIRInterfaces.td"

def GIR_Dialect : Dialect {
  let name = "gir";
  let cppNamespace = "::gir";
  let summary = "Tensor programs in which every movement of data is an op";
  let description = [{
    A computation reads and writes only values beside the arithmetic; everything
    else is moved there and back, by ops that can be counted. Values are builtin
    tensors (and, in tile form, memrefs) that carry `#gir.at<level>`: `dram`,
    `sram` or `reg`. Computation is upstream `arith` and `math` on such tensors.

    Graph form has whole shapes and no loops: it is placed, searched and printed.
    Tile form has loops, windows and static tiles: it is lowered.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
      "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect"];
  let hasConstantMaterializer = 1;
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
}

//===----------------------------------------------------------------------===//
// Enums
//===----------------------------------------------------------------------===//

def GIR_Level : I32Enum<"Level", "memory level", [
    I32EnumCase<"dram", 0>, I32EnumCase<"sram", 1>, I32EnumCase<"reg", 2>]> {
  let cppNamespace = "::gir";
}

def GIR_Scope : I32Enum<"Scope", "scope of parallelism", [
    I32EnumCase<"device", 0>, I32EnumCase<"cluster", 1>, I32EnumCase<"group", 2>,
    I32EnumCase<"unit", 3>]> {
  let cppNamespace = "::gir";
}

// The scopes that a machine may have: those of programs, and lanes.
def GIR_HardwareScope : I32Enum<"HardwareScope", "scope of a machine", [
    I32EnumCase<"device", 0>, I32EnumCase<"cluster", 1>, I32EnumCase<"group", 2>,
    I32EnumCase<"unit", 3>, I32EnumCase<"lane", 4>]> {
  let cppNamespace = "::gir";
}

def GIR_SpaceKind : I32Enum<"SpaceKind", "kind of memory", [
    I32EnumCase<"memory", 0>, I32EnumCase<"scratchpad", 1>, I32EnumCase<"cache", 2>,
    I32EnumCase<"registers", 3>]> {
  let cppNamespace = "::gir";
}

def GIR_Algebra : I32Enum<"Algebra", "what may be assumed of a combiner", [
    I32EnumCase<"ordered", 0>, I32EnumCase<"associative", 1>, I32EnumCase<"commutative", 2>]> {
  let cppNamespace = "::gir";
}

def GIR_Iterator : I32Enum<"Iterator", "how a computation runs over one of its dimensions", [
    I32EnumCase<"parallel", 0>, I32EnumCase<"reduction", 1>, I32EnumCase<"scan", 2>]> {
  let cppNamespace = "::gir";
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

class GIR_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<GIR_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def GIR_LanesAttr : GIR_Attr<"Lanes", "lanes"> {
  let summary = "how a tile is dealt out to the lanes of a unit";
  let description = [{
    Per dimension of the tile: how many lanes lie along it, and how many
    neighbouring elements each lane holds at a time. A tile longer than
    `lanes x elements` is dealt out in several rounds.

    ```
    tensor<1x16>, lanes [1, 4], elements [1, 2]:
      element  0 1 | 2 3 | 4 5 | 6 7 | 8 9 | ...
      lane      0     1     2     3     0    ...
    ```

    Constraints:
    - (C1) as many lane counts as element counts, and at least one
    - (C2) every count is at least 1, and a round is less than 2^63 elements

    Example:

    ```mlir
    func.func @lanes(%x: tensor<1x256xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>) {
      return
    }
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t", "lanes per dimension">:$lanes,
      ArrayRefParameter<"int64_t", "elements per lane and dimension">:$elements);
  let assemblyFormat = "`<` `[` $lanes `]` `,` `[` $elements `]` `>`";
  let genVerifyDecl = 1;
}

def GIR_AtAttr : GIR_Attr<"At", "at",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "where a value is: its level, and optionally space and layout";
  let description = [{
    The encoding of a tensor, or the memory space of a memref. `level` is one of
    three classes, `dram` (seen by all) < `sram` (by a group) < `reg` (by a unit);
    `space` names a memory of the machine where a level has several; `layout` says
    how a tile at `reg` is dealt out to lanes.

    Constraints:
    - (C1) only a value at `reg` has a layout
    - (C2) a layout has as many dimensions as the tensor
    - (C3) a layout covers its tile: lanes x elements divides every static size
    - (C4) a space has a name
    - (C5) elements are numbers: floats, index, or integers of at most 64 bits
      without a sign of their own
    - (C6) a tensor of static size has less than 2^60 elements

    Example:

    ```mlir
    func.func @at(%x: tensor<4x256xf32, #gir.at<dram>>,
                  %t: tensor<1x256xf32, #gir.at<reg, space = "nram">>) {
      return
    }
    ```
  }];
  let parameters = (ins EnumParameter<GIR_Level>:$level,
      OptionalParameter<"::mlir::StringAttr", "name of the space">:$space,
      OptionalParameter<"::gir::LanesAttr", "lanes and elements per dimension">:$layout);
  let assemblyFormat = "`<` $level (`,` struct($space, $layout)^)? `>`";
  let builders = [AttrBuilder<(ins "::gir::Level":$level), [{
    return $_get($_ctxt, level, ::mlir::StringAttr(), ::gir::LanesAttr());
  }]>];
  let genVerifyDecl = 1;
}

def GIR_NestAttr : GIR_Attr<"Nest", "nest"> {
  let summary = "how a kernel's dimensions are dealt out";
  let description = [{
    Per dimension, outermost first: `name = size : per group : per unit : per step`.
    Groups take parts of a dimension, the units of a group parts of those, and a
    unit goes through its part in steps. A dynamic size is written `?`, with
    `upto` a bound where one is known. The dimensions in `sweep` are traversed
    once per pass.

    ```
    r = 16 : 8 : 4 : 2        group 0         |        group 1
                         unit 0   |  unit 1   |   unit 0   |  unit 1
    rows                 0 1, 2 3 | 4 5, 6 7  |   8 9, ... |  ...
    ```

    Constraints:
    - (C1) at least one dimension, each with a name of its own
    - (C2) 1 <= per step <= per unit <= per group <= size, where the size is static
      (and at least 1)
    - (C3) only a dynamic size has a bound, of at least one group's part
    - (C4) what is swept are dimensions, each once

    Example:

    ```mlir
    func.func @nest() attributes {
      placed = #gir.nest<[r = 4096 : 64 : 64 : 1, c = ? : 1024 : 1024 : 64 upto 65536], sweep = [c]>
    } {
      return
    }
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr", "names, outermost first">:$names,
      ArrayRefParameter<"int64_t", "sizes">:$sizes,
      ArrayRefParameter<"int64_t", "elements per group">:$per_group,
      ArrayRefParameter<"int64_t", "elements per unit">:$per_unit,
      ArrayRefParameter<"int64_t", "elements per step">:$per_step,
      ArrayRefParameter<"int64_t", "bounds of dynamic sizes, or dynamic">:$bounds,
      ArrayRefParameter<"::mlir::StringAttr", "names of what is swept">:$sweep);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// The position of a dimension, or none.
    std::optional<size_t> getDim(::mlir::StringAttr name) const;
    /// True for a dimension that is traversed once per pass.
    bool isSwept(::mlir::StringAttr name) const;
  }];
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

class GIR_TensorAt<string level> : Type<CPred<"::gir::isTensorAt($_self, ::gir::Level::" # level # ")">,
    "tensor at " # level, "::mlir::RankedTensorType">;

def GIR_Tensor : Type<CPred<"::gir::isTensorAt($_self)">, "tensor with #gir.at", "::mlir::RankedTensorType">;
def GIR_RegTensor : GIR_TensorAt<"reg">;
def GIR_DramTensor : GIR_TensorAt<"dram">;
def GIR_MemRef : Type<CPred<"::gir::isMemRefAt($_self)">, "memref with #gir.at", "::mlir::MemRefType">;

def GIR_TokenType : TypeDef<GIR_Dialect, "Token"> {
  let mnemonic = "token";
  let summary = "a copy that may still be under way";
  let description = [{
    What `gir.copy` gives and `gir.wait` takes. Loops may carry it.

    Example:

    ```mlir
    func.func @token(%t: !gir.token) {
      gir.wait %t
      return
    }
    ```
  }];
  let builderCall = "$_builder.getType<::gir::TokenType>()";
}

def GIR_ScopeAttr : EnumAttr<GIR_Dialect, GIR_Scope, "scope"> {
  let summary = "a scope of parallelism";
  let description = [{
    `device`, `cluster`, `group` or `unit`, from outer to inner. Lanes are a layout,
    not a scope.

    Example:

    ```mlir
    func.func @scope() attributes {s = #gir.scope<group>} {
      return
    }
    ```
  }];
  let assemblyFormat = "`<` $value `>`";
}

class GIR_Op<string mnemonic, list<Trait> traits = []> : Op<GIR_Dialect, mnemonic, traits>;

#endif // GIR_IR_BASE
