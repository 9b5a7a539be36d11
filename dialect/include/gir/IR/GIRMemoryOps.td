//===- GIRMemoryOps.td - Memory on the chip, and what runs beside the program ---*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tile form's movement from memref to memref, at once or under way, the buffers
// that it fills, and the barriers after which others may read them.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_MEMORY_OPS
#define GIR_IR_MEMORY_OPS

include "gir/IR/GIRMovementOps.td"

def GIR_Token : Type<CPred<"::llvm::isa<::gir::TokenType>($_self)">, "token", "::gir::TokenType">,
    BuildableType<"$_builder.getType<::gir::TokenType>()">;

def GIR_CopyOp : GIR_Op<"copy", [AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<GIR_MovementOpInterface, ["isAsynchronous"]>]> {
  let summary = "starts to copy a window of one memref to another";
  let description = [{
    The window of `source` at its indices goes to that of `dest` at its own, both of
    the given sizes. The copy is under way until its token is waited for: before
    that, nobody touches the window of `dest` or writes to that of `source`.

    ```
    source  |...[ window ]....|  - - - ->  dest  |[ window ]...|
    ```

    Constraints:
    - (C1) one index and one size per dimension, of both memrefs
    - (C2) both memrefs have one element type
    - (C3) the memrefs are in different places
    - (C4) static sizes aren't negative or larger than the memrefs'
    - (C5) the token is waited for: it reaches a `gir.wait`, directly or through
      the iterations of a loop

    Produced by: whoever schedules, by hand.
    Lowered by: `convert-gir-to-vector` as a copy that is done at once.

    Example:

    ```mlir
    func.func @copy(%x: memref<4x?xf32, #gir.at<dram>>, %b: memref<1x64xf32, #gir.at<sram>>, %i: index, %n: index) {
      %c0 = arith.constant 0 : index
      %t = gir.copy %x[%i, %c0], %b[%c0, %c0] [1, %n] : memref<4x?xf32, #gir.at<dram>> -> memref<1x64xf32, #gir.at<sram>>
      gir.wait %t
      return
    }
    ```
  }];
  let arguments = (ins Arg<GIR_MemRef, "what is read", [MemRead]>:$source,
      Variadic<Index>:$source_indices, Arg<GIR_MemRef, "what is written", [MemWrite]>:$dest,
      Variadic<Index>:$dest_indices, Variadic<Index>:$sizes, DenseI64ArrayAttr:$static_sizes);
  let results = (outs GIR_Token:$token);
  let assemblyFormat = [{
    $source `[` $source_indices `]` `,` $dest `[` $dest_indices `]`
    custom<DynamicIndexList>($sizes, $static_sizes) attr-dict `:` type($source) `->` type($dest)
  }];
  let hasVerifier = 1;
}

def GIR_WaitOp : GIR_Op<"wait", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "goes on when copies are done";
  let description = [{
    Behind it the windows of the copies whose tokens it takes may be used.

    Constraints:
    - (C1) at least one token

    Produced by: whoever schedules, by hand.
    Lowered by: `convert-gir-to-vector` as nothing: its copies are done already.

    Example:

    ```mlir
    func.func @wait(%t: !gir.token, %u: !gir.token) {
      gir.wait %t, %u
      return
    }
    ```
  }];
  let arguments = (ins Variadic<GIR_Token>:$tokens);
  let assemblyFormat = "$tokens attr-dict";
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def GIR_StageOp : GIR_MovementOp<"stage", [AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "a window of a memref, brought near";
  let description = [{
    The window at the given indices and sizes, at `sram`: a buffer of its own and a
    copy where that is a scratchpad, the same bytes and no instruction where it is
    a cache. So the window of `source` isn't written while the result is in use.
    `upto` bounds the dynamic sizes, where a bound is known. The result lives to the
    end of the block.

    ```
    dram  |...[ window ]....|  -->  sram  [ window ]
    ```

    Constraints:
    - (C1) one index and one size per dimension of the source
    - (C2) the result has these sizes and the source's element type
    - (C3) the source is at `dram`, the result at `sram`, row-major
    - (C4) `upto` is empty or has a bound of at least 1 per dynamic size
    - (C5) static sizes aren't negative or larger than the source's

    Produced by: `gir-tile`.
    Lowered by: `convert-gir-to-vector` as `memref.subview`.

    Example:

    ```mlir
    func.func @stage(%x: memref<4x?xf32, #gir.at<dram>>, %i: index, %n: index) {
      %c0 = arith.constant 0 : index
      %0 = gir.stage %x[%i, %c0] [1, %n] : memref<4x?xf32, #gir.at<dram>> -> memref<1x?xf32, #gir.at<sram>>
      %1 = gir.stage %x[%i, %c0] [1, %n] upto [4096] : memref<4x?xf32, #gir.at<dram>> -> memref<1x?xf32, #gir.at<sram>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_MemRef:$source, Variadic<Index>:$indices, Variadic<Index>:$sizes,
      DenseI64ArrayAttr:$static_sizes, DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$upto);
  let results = (outs GIR_MemRef:$result);
  let assemblyFormat = [{
    $source `[` $indices `]` custom<DynamicIndexList>($sizes, $static_sizes) (`upto` $upto^)?
    attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def GIR_AllocOp : GIR_Op<"alloc"> {
  let summary = "a buffer on the chip";
  let description = [{
    Memory at `sram`, not written yet, which lives to the end of the block. `upto`
    bounds its dynamic sizes, for the space is set aside beforehand.

    Constraints:
    - (C1) one size per dynamic dimension
    - (C2) one bound per dynamic dimension, of at least 1
    - (C3) the buffer is at `sram`, row-major

    Produced by: `gir-tile`.
    Lowered by: `convert-gir-to-vector` as `memref.alloc`.

    Example:

    ```mlir
    func.func @alloc(%n: index) {
      %0 = gir.alloc sizes(%n) upto [65536] : memref<1x?xf32, #gir.at<sram>>
      %1 = gir.alloc : memref<32xf32, #gir.at<sram>>
      return
    }
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes, DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$upto);
  let results = (outs Res<GIR_MemRef, "the buffer", [MemAlloc]>:$result);
  let assemblyFormat = [{
    (`sizes` `(` $sizes^ `)`)? (`upto` $upto^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def GIR_SyncOp : GIR_Op<"sync", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits for the other units of a scope";
  let description = [{
    No unit of the scope goes on before all have come here; what they wrote to
    memory of that scope is then seen by all of them. Every unit comes here.

    Constraints:
    - (C1) stands in a `gir.parallel <unit>`, in no parallel within that
    - (C2) the scope is `group` or `cluster`

    Produced by: whoever schedules, by hand.
    Lowered by: `convert-gir-to-vector`, which runs the units up to it one by one.

    Example:

    ```mlir
    func.func @sync(%n: index) {
      gir.kernel "meet" (%k = %n : index) -> () {
        gir.parallel <group> (%g) in (%k) {
          gir.parallel <unit> (%u) in (%k) {
            gir.sync <group>
          }
        }
      }
      return
    }
    ```
  }];
  let arguments = (ins GIR_ScopeAttr:$scope);
  let assemblyFormat = "$scope attr-dict";
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

#endif // GIR_IR_MEMORY_OPS
