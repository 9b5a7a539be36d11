//===- GIRMovementOps.td - Ops that move data ---*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_MOVEMENT_OPS
#define GIR_IR_MOVEMENT_OPS

include "gir/IR/GIRBase.td"
include "mlir/Dialect/Vector/IR/VectorAttributes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class GIR_MovementOp<string mnemonic, list<Trait> traits = []> : GIR_Op<mnemonic,
    !listconcat([DeclareOpInterfaceMethods<GIR_MovementOpInterface>], traits)>;

def GIR_MoveOp : GIR_MovementOp<"move", [Pure, GIR_PassOpInterface]> {
  let summary = "brings a whole value to another level";
  let description = [{
    Graph form's movement: the result is the operand, elsewhere. It moves each
    distinct element of its operand once.

    In a kernel with a nest `over` names, per dimension of the tensor, the
    dimension of the nest over which it runs, or none; and `pass` is the traversal
    of the swept dimensions in which the move happens. From `reg` to `reg` in a
    later pass keeps the value from one pass to the other.

    ```
    dram [ x ]  --move-->  reg [ x ]
    ```

    Constraints:
    - (C1) operand and result have one shape and element type
    - (C2) operand and result are in different places, or in the same at `reg` or
      `sram` in a later pass than 0
    - (C3) `over` has a name per dimension of the tensor, each but the empty one once
    - (C4) `pass` isn't negative

    Produced by: `convert-linalg-to-gir`.
    Lowered by: `gir-tile` as `gir.load` and `gir.store`.

    Example:

    ```mlir
    func.func @move(%x: tensor<4x8xf32, #gir.at<dram>>) {
      %0 = gir.move %x : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
      %1 = gir.move %0 pass 1 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<reg>>
      %2 = gir.move %1 pass 1 over ["r", ""] : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_Tensor:$source, DefaultValuedAttr<I64Attr, "0">:$pass, OptionalAttr<StrArrayAttr>:$over);
  let results = (outs GIR_Tensor:$result);
  let assemblyFormat = [{
    $source (`pass` $pass^)? (`over` $over^)? attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def GIR_LoadOp : GIR_MovementOp<"load", [AttrSizedOperandSegments]> {
  let summary = "reads a window of a memref into a tile";
  let description = [{
    Tile form's movement to `reg`: the tile is the window of the memref at the
    given indices. `valid` says how many elements of the window are there in each
    dimension; the rest of the tile is unspecified and is not accessed. With
    `clip` the window may stick out on any side, by any amount.

    ```
    memref  |..........|
    window       [...valid...:  unspecified ]
    ```

    Constraints:
    - (C1) one index per dimension of the memref, and a tile of that rank
    - (C2) tile and memref have one element type
    - (C3) `valid` has no operand or one per dimension, and excludes `clip`
    - (C4) the tile's shape is static

    Produced by: `gir-tile`.
    Lowered by: `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @load(%x: memref<4x?xf32, #gir.at<dram>>, %i: index, %v: index) {
      %one = arith.constant 1 : index
      %0 = gir.load %x[%i, %i] valid [%one, %v] : memref<4x?xf32, #gir.at<dram>> -> tensor<1x16xf32, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins Arg<GIR_MemRef, "what is read", [MemRead]>:$source,
      Variadic<Index>:$indices, Variadic<Index>:$valid, UnitAttr:$clip);
  let results = (outs GIR_RegTensor:$result);
  let assemblyFormat = [{
    $source `[` $indices `]` (`valid` `[` $valid^ `]`)? (`clip` $clip^)? attr-dict
    `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def GIR_StoreOp : GIR_MovementOp<"store", [AttrSizedOperandSegments]> {
  let summary = "writes a tile to a window of a memref";
  let description = [{
    Tile form's movement from `reg`. `valid` says how many elements of the tile
    are written in each dimension. With `nontemporal` the data passes by the
    caches: nobody reads it soon.

    Constraints:
    - (C1) one index per dimension of the memref, and a tile of that rank
    - (C2) tile and memref have one element type
    - (C3) `valid` has no operand or one per dimension
    - (C4) the tile's shape is static

    Produced by: `gir-tile`.
    Lowered by: `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @store(%t: tensor<1x16xf32, #gir.at<reg>>, %y: memref<4x64xf32, #gir.at<dram>>, %i: index) {
      gir.store %t, %y[%i, %i] : tensor<1x16xf32, #gir.at<reg>>, memref<4x64xf32, #gir.at<dram>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_RegTensor:$value, Arg<GIR_MemRef, "what is written", [MemWrite]>:$dest,
      Variadic<Index>:$indices, Variadic<Index>:$valid, UnitAttr:$nontemporal);
  let assemblyFormat = [{
    $value `,` $dest `[` $indices `]` (`valid` `[` $valid^ `]`)? (`nontemporal` $nontemporal^)? attr-dict
    `:` type($value) `,` type($dest)
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def GIR_GatherOp : GIR_MovementOp<"gather", [AlwaysSpeculatable, GIR_PassOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "reads elements of a table at computed indices";
  let description = [{
    Each element of the result is the element of `source` at the indices that the
    index tensors hold in its place. Indices outside of `source` give an
    unspecified element and access nothing. In graph form `source` is a tensor, in
    tile form a memref. Elements whose indices differ only in what a `gir.iota`
    counts are a row, and a row is asked for at once; rows are asked for one by one.

    ```
    source  [ a b c d ]    index  [ 2 0 2 ]  -->  [ c a c ]
    ```

    Constraints:
    - (C1) one index tensor per dimension of the source, and at least one
    - (C2) the index tensors hold elements of type `index` and have the result's shape
    - (C3) source and result have one element type
    - (C4) `pass` isn't negative

    Produced by: `convert-linalg-to-gir`, from `tensor.extract` in a body.
    Lowered by: `gir-tile`, then `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @gather(%table: tensor<10x8xf32, #gir.at<dram>>, %r: tensor<4x8xindex, #gir.at<reg>>,
                      %c: tensor<4x8xindex, #gir.at<reg>>) {
      %0 = gir.gather %table[%r, %c] : tensor<10x8xf32, #gir.at<dram>>[tensor<4x8xindex, #gir.at<reg>>, tensor<4x8xindex, #gir.at<reg>>] -> tensor<4x8xf32, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins AnyTypeOf<[GIR_DramTensor, GIR_MemRef]>:$source,
      Variadic<GIR_RegTensor>:$indices, DefaultValuedAttr<I64Attr, "0">:$pass);
  let results = (outs GIR_RegTensor:$result);
  let assemblyFormat = [{
    $source `[` $indices `]` (`pass` $pass^)? attr-dict
    `:` type($source) `[` type($indices) `]` `->` type($result)
  }];
  let hasVerifier = 1;
}

def GIR_ScatterOp : GIR_MovementOp<"scatter", [AlwaysSpeculatable, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "writes elements to computed places of a table";
  let description = [{
    Each element of `value` is written to the element of `dest` at the indices that
    the index tensors hold in its place; those outside of `dest` are dropped. With a
    `kind` it is combined with what is there, in any order; without one, any one
    of several elements with one place stays. `valid`, in tile form, says how many
    elements are there in each dimension. In graph form the result is `dest` with
    these elements; in tile form `dest` is a memref, and there is no result. Elements
    whose indices differ only in what a `gir.iota` counts are a row, written at once.

    ```
    value [ a b c ]   index [ 2 0 2 ]   kind add   dest [ p q r ]  -->  [ p+b q r+a+c ]
    ```

    Constraints:
    - (C1) one index tensor per dimension of `dest`, and at least one
    - (C2) the index tensors hold elements of type `index` and have the shape of `value`
    - (C3) `value` and `dest` have one element type, which suits the kind
    - (C4) `valid` has no operand or one per dimension of `value`, and none in graph form
    - (C5) a tensor `dest` has a result of its type, a memref none

    Produced by: `convert-linalg-to-gir`.
    Lowered by: `gir-tile`, then `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @histogram(%v: tensor<4xi32, #gir.at<reg>>, %i: tensor<4xindex, #gir.at<reg>>,
                         %d: tensor<10xi32, #gir.at<dram>>, %m: memref<10xi32, #gir.at<dram>>, %n: index) {
      %0 = gir.scatter %v into %d[%i] kind <add> : tensor<4xi32, #gir.at<reg>> into tensor<10xi32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>] -> tensor<10xi32, #gir.at<dram>>
      gir.scatter %v into %m[%i] valid [%n] : tensor<4xi32, #gir.at<reg>> into memref<10xi32, #gir.at<dram>>[tensor<4xindex, #gir.at<reg>>]
      return
    }
    ```
  }];
  let arguments = (ins GIR_RegTensor:$value, AnyTypeOf<[GIR_DramTensor, GIR_MemRef]>:$dest,
      Variadic<GIR_RegTensor>:$indices, Variadic<Index>:$valid,
      OptionalAttr<Vector_CombiningKindAttr>:$kind);
  let results = (outs Optional<GIR_DramTensor>:$result);
  let assemblyFormat = [{
    $value `into` $dest `[` $indices `]` (`kind` $kind^)? (`valid` `[` $valid^ `]`)? attr-dict
    `:` type($value) `into` type($dest) `[` type($indices) `]` (`->` type($result)^)?
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

#endif // GIR_IR_MOVEMENT_OPS
