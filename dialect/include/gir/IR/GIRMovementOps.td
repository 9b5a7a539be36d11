//===- GIRMovementOps.td - Ops that move data ---*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_MOVEMENT_OPS
#define GIR_IR_MOVEMENT_OPS

include "gir/IR/GIRBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class GIR_MovementOp<string mnemonic, list<Trait> traits = []> : GIR_Op<mnemonic,
    !listconcat([DeclareOpInterfaceMethods<GIR_MovementOpInterface>], traits)>;

def GIR_MoveOp : GIR_MovementOp<"move", [Pure]> {
  let summary = "brings a whole value to another level";
  let description = [{
    Graph form's movement: the result is the operand, elsewhere. It moves each
    distinct element of its operand once.

    ```
    dram [ x ]  --move-->  reg [ x ]
    ```

    Constraints:
    - (C1) operand and result have one shape and element type
    - (C2) operand and result are in different places

    Produced by: `convert-linalg-to-gir`.
    Lowered by: `gir-tile` as `gir.load` and `gir.store`.

    Example:

    ```mlir
    func.func @move(%x: tensor<4x8xf32, #gir.at<dram>>) {
      %0 = gir.move %x : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_Tensor:$source);
  let results = (outs GIR_Tensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
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
}

def GIR_StoreOp : GIR_MovementOp<"store", [AttrSizedOperandSegments]> {
  let summary = "writes a tile to a window of a memref";
  let description = [{
    Tile form's movement from `reg`. `valid` says how many elements of the tile
    are written in each dimension.

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
      Variadic<Index>:$indices, Variadic<Index>:$valid);
  let assemblyFormat = [{
    $value `,` $dest `[` $indices `]` (`valid` `[` $valid^ `]`)? attr-dict
    `:` type($value) `,` type($dest)
  }];
  let hasVerifier = 1;
}

def GIR_GatherOp : GIR_MovementOp<"gather", []> {
  let summary = "reads elements of a table at computed indices";
  let description = [{
    Each element of the result is the element of `source` at the indices that the
    index tensors hold in its place. Indices outside of `source` give an
    unspecified element and access nothing. In graph form `source` is a tensor, in
    tile form a memref.

    ```
    source  [ a b c d ]    index  [ 2 0 2 ]  -->  [ c a c ]
    ```

    Constraints:
    - (C1) one index tensor per dimension of the source, and at least one
    - (C2) the index tensors hold elements of type `index` and have the result's shape
    - (C3) source and result have one element type

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
  let arguments = (ins Arg<AnyTypeOf<[GIR_DramTensor, GIR_MemRef]>, "what is read", [MemRead]>:$source,
      Variadic<GIR_RegTensor>:$indices);
  let results = (outs GIR_RegTensor:$result);
  let assemblyFormat = [{
    $source `[` $indices `]` attr-dict `:` type($source) `[` type($indices) `]` `->` type($result)
  }];
  let hasVerifier = 1;
}

#endif // GIR_IR_MOVEMENT_OPS
