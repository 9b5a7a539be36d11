//===- GIRComputationOps.td - Ops that compute ---*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_COMPUTATION_OPS
#define GIR_IR_COMPUTATION_OPS

include "gir/IR/GIRBase.td"
include "mlir/Dialect/Vector/IR/VectorAttributes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def GIR_CombiningKinds : TypedArrayAttrBase<Vector_CombiningKindAttr, "combining kinds">;

def GIR_ReduceOp : GIR_Op<"reduce", [RecursiveMemoryEffects, RecursivelySpeculatable,
    AttrSizedOperandSegments, AllTypesMatch<["inits", "results"]> /* (C4) */]> {
  let summary = "folds dimensions away, starting from given values";
  let description = [{
    Combines the elements along `dims` with the values of `inits`. With `kinds`,
    input `k` is folded into init `k` by kind `k`, in any order. With a combiner,
    the inputs are visited in row-major order of `dims`; it takes one element of
    each input, then the accumulators, and yields the new accumulators.

    `valid`, in tile form, says how many elements of the tile are there in each
    dimension; the others take no part.

    ```
    x[r, c] into m[r]  --dims [1]-->  y[r] = m[r] + x[r, 0] + x[r, 1] + ...
    ```

    Constraints:
    - (C1) either kinds or a combiner
    - (C2) at least one input and one init; the inputs have one shape
    - (C3) `dims` are strictly increasing dimensions of the inputs
    - (C4) an init has the inputs' sizes less `dims`, and its result's type
    - (C5) with kinds, there is one per input and per init, and it suits the element type
    - (C6) a combiner takes elements, then accumulators, and yields accumulators
    - (C7) `valid` has no operand or one per dimension of the inputs

    Produced by: `convert-linalg-to-gir`.
    Lowered by: `gir-tile`, then `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @reduce(%x: tensor<4x8xf32, #gir.at<reg>>, %m: tensor<4xf32, #gir.at<reg>>) {
      %0 = gir.reduce %x into %m dims [1] kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
      %1 = gir.reduce %x into %m dims [1] combiner {
      ^bb0(%element: f32, %accumulator: f32):
        gir.yield %element : f32
      } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins Variadic<GIR_RegTensor>:$inputs, Variadic<GIR_RegTensor>:$inits,
      Variadic<Index>:$valid, DenseI64ArrayAttr:$dims, OptionalAttr<GIR_CombiningKinds>:$kinds);
  let results = (outs Variadic<GIR_RegTensor>:$results);
  let regions = (region MaxSizedRegion<1>:$combiner);
  let assemblyFormat = [{
    $inputs `into` $inits `dims` $dims (`valid` `[` $valid^ `]`)? (`kinds` $kinds^)?
    (`combiner` $combiner^)? attr-dict `:` type($inputs) `into` type($inits)
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def GIR_IotaOp : GIR_Op<"iota", [Pure, AttrSizedOperandSegments]> {
  let summary = "each element's own index along one dimension";
  let description = [{
    Element `[i0, i1, ...]` is `i_dim`, plus `offset` where one is given (tile
    form: the tile's place). `sizes` gives the dynamic sizes of the result.

    ```
    iota dim 1 : 2x3  =  [ 0 1 2 ]
                         [ 0 1 2 ]
    ```

    Constraints:
    - (C1) `dim` is a dimension of the result
    - (C2) the result's elements are of type index
    - (C3) one size per dynamic dimension of the result

    Produced by: `convert-linalg-to-gir` from `linalg.index`.
    Lowered by: `gir-tile`, then `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @iota() {
      %0 = gir.iota dim 1 : tensor<4x8xindex, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins I64Attr:$dim, Optional<Index>:$offset, Variadic<Index>:$sizes);
  let results = (outs GIR_RegTensor:$result);
  let assemblyFormat = [{
    `dim` $dim (`offset` `(` $offset^ `)`)? (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def GIR_AssertOp : GIR_Op<"assert", [MemoryEffects<[MemWrite]>]> {
  let summary = "fails the program unless every element holds";
  let description = [{
    If an element of `condition` is false, the call of the program fails with
    `message` once it has ended; the results are then not given to the caller.
    `valid`, in tile form, says how many elements are there in each dimension.

    Constraints:
    - (C1) the elements of `condition` are of type i1
    - (C2) `valid` has no operand or one per dimension of `condition`

    Produced by: `convert-linalg-to-gir` from `cf.assert` in an operator's body.
    Lowered by: `gir-tile`, then `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @assert(%c: tensor<4x8xi1, #gir.at<reg>>) {
      gir.assert %c, "expected positive variance" : tensor<4x8xi1, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_RegTensor:$condition, Variadic<Index>:$valid, StrAttr:$message);
  let assemblyFormat = [{
    $condition `,` $message (`valid` `[` $valid^ `]`)? attr-dict `:` type($condition)
  }];
  let hasVerifier = 1;
}

#endif // GIR_IR_COMPUTATION_OPS
