//===- GIRComputationOps.td - Ops that compute ---*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_COMPUTATION_OPS
#define GIR_IR_COMPUTATION_OPS

include "gir/IR/GIRBase.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def GIR_ContractOp : GIR_Op<"contract", [Pure, DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<GIR_ComputationOpInterface>,
    AllTypesMatch<["acc", "result"]> /* (C8) */]> {
  let summary = "sums of products: matmul and its relatives";
  let description = [{
    Each of `maps` says which iteration dimensions a value runs over: those of
    `lhs`, of `rhs`, of the accumulator. Along the dimensions that the accumulator
    lacks, the products of `lhs` and `rhs` are summed up and added to it, in any
    order. Elements are widened to the accumulator's type first; integers as signed
    ones, or with `unsigned` as unsigned ones. `lhs`, `rhs` and the accumulator may
    be in different spaces at `reg`.

    `valid`, in tile form, says how many steps of each iteration dimension are
    there; the others take no part.

    ```
    (m, n, k):   lhs[m, k]  rhs[k, n]  into  acc[m, n]
    result[m, n] = acc[m, n] + lhs[m, 0] * rhs[0, n] + lhs[m, 1] * rhs[1, n] + ...
    ```

    Constraints:
    - (C1) three maps of equally many dimensions, each a projected permutation
    - (C2) a map has one result per dimension of its value
    - (C3) each iteration dimension is one of `lhs` or `rhs`
    - (C4) sizes along one iteration dimension agree
    - (C5) all floats or all integers, those of `lhs` and `rhs` no wider than the accumulator's
    - (C6) `unsigned` only with integers
    - (C7) `valid` has no operand or one per iteration dimension
    - (C8) the result has the accumulator's type

    Produced by: `convert-linalg-to-gir` from matmuls and convolutions.
    Lowered by: `gir-tile`, then `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @contract(%a: tensor<4x16xbf16, #gir.at<reg>>, %b: tensor<16x8xbf16, #gir.at<reg, space = "wram">>,
                        %c: tensor<4x8xf32, #gir.at<reg>>) {
      %0 = gir.contract %a, %b into %c maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
        : tensor<4x16xbf16, #gir.at<reg>>, tensor<16x8xbf16, #gir.at<reg, space = "wram">> into tensor<4x8xf32, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_RegTensor:$lhs, GIR_RegTensor:$rhs, GIR_RegTensor:$acc,
      Variadic<Index>:$valid, AffineMapArrayAttr:$maps, UnitAttr:$is_unsigned);
  let results = (outs GIR_RegTensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs `into` $acc `maps` $maps (`unsigned` $is_unsigned^)? (`valid` `[` $valid^ `]`)?
    attr-dict `:` type($lhs) `,` type($rhs) `into` type($acc)
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getAccMutable(); }
    /// The map of `lhs` (0), of `rhs` (1), of the accumulator and result (2).
    ::mlir::AffineMap getMap(unsigned position) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getMaps()[position]).getValue();
    }
  }];
  let hasVerifier = 1;
}

def GIR_IotaOp : GIR_Op<"iota", [Pure, AttrSizedOperandSegments, GIR_PassOpInterface,
    DeclareOpInterfaceMethods<GIR_ComputationOpInterface>]> {
  let summary = "each element's own index along one dimension";
  let description = [{
    Element `[i0, i1, ...]` is `i_dim`, plus `offset` where one is given (tile
    form: the tile's place). `sizes` gives the dynamic sizes of the result, `pass` the
    traversal of a swept dimension in which it is there.

    ```
    iota dim 1 : 2x3  =  [ 0 1 2 ]
                         [ 0 1 2 ]
    ```

    Constraints:
    - (C1) `dim` is a dimension of the result
    - (C2) the result's elements are of type index
    - (C3) one size per dynamic dimension of the result
    - (C4) `pass` isn't negative

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
  let arguments = (ins I64Attr:$dim, DefaultValuedAttr<I64Attr, "0">:$pass,
      Optional<Index>:$offset, Variadic<Index>:$sizes);
  let results = (outs GIR_RegTensor:$result);
  let assemblyFormat = [{
    `dim` $dim (`pass` $pass^)? (`offset` `(` $offset^ `)`)? (`sizes` `(` $sizes^ `)`)? attr-dict
    `:` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
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
