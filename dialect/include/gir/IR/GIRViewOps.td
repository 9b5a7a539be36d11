//===- GIRViewOps.td - Other names for the same bytes, and replication ---*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_VIEW_OPS
#define GIR_IR_VIEW_OPS

include "gir/IR/GIRBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def GIR_PermuteOp : GIR_Op<"permute", [Pure]> {
  let summary = "reorders dimensions";
  let description = [{
    Dimension `i` of the result is dimension `perm[i]` of the operand. A view at
    `dram` and `sram`; at `reg` an instruction.

    ```
    x[a, b, c]  --[2, 0, 1]-->  y[c, a, b]
    ```

    Constraints:
    - (C1) `perm` is a permutation of the operand's dimensions
    - (C2) the result's sizes are the operand's, reordered
    - (C3) operand and result have one element type and are in one place

    Produced by: `convert-linalg-to-gir`.
    Lowered by: `gir-tile`.

    Example:

    ```mlir
    func.func @permute(%x: tensor<4x8xf32, #gir.at<reg>>) {
      %0 = gir.permute %x [1, 0] : tensor<4x8xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_Tensor:$source, DenseI64ArrayAttr:$perm);
  let results = (outs GIR_Tensor:$result);
  let assemblyFormat = "$source $perm attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def GIR_BroadcastOp : GIR_Op<"broadcast", [Pure, GIR_PassOpInterface]> {
  let summary = "repeats a value along new dimensions";
  let description = [{
    `dims` are the result's new dimensions; the others are the operand's, in
    order. `sizes` gives the dynamic ones among the new. `pass` says in which
    traversal of a swept dimension the copies are there: a reduction's result, in
    the next.

    ```
    v[r]  --dims [1]-->  y[r, c] = v[r]
    ```

    Constraints:
    - (C1) `dims` are strictly increasing dimensions of the result, all but the operand's
    - (C2) the result's other sizes are the operand's
    - (C3) operand and result have one element type and are in one place
    - (C4) one size per dynamic new dimension
    - (C5) `pass` isn't negative

    Produced by: `convert-linalg-to-gir`.
    Lowered by: `gir-tile`, then `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @broadcast(%v: tensor<4xf32, #gir.at<reg>>, %n: index) {
      %0 = gir.broadcast %v dims [1] sizes(%n) : tensor<4xf32, #gir.at<reg>> -> tensor<4x?xf32, #gir.at<reg>>
      %1 = gir.broadcast %v dims [0] pass 1 : tensor<4xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_Tensor:$source, Variadic<Index>:$sizes, DenseI64ArrayAttr:$dims,
      DefaultValuedAttr<I64Attr, "0">:$pass);
  let results = (outs GIR_Tensor:$result);
  let assemblyFormat = [{
    $source `dims` $dims (`pass` $pass^)? (`sizes` `(` $sizes^ `)`)? attr-dict
    `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def GIR_SliceOp : GIR_Op<"slice", [Pure, AttrSizedOperandSegments]> {
  let summary = "a strided box of a tensor";
  let description = [{
    Takes `sizes[i]` elements from `offsets[i]` on, every `strides[i]`-th; then
    leaves out the dimensions in `drop`, whose size is 1. A view at `dram` and
    `sram`; at `reg` an instruction.

    ```
    x[0 .. 7]  --[1][3][2]-->  x[1], x[3], x[5]
    ```

    Constraints:
    - (C1) one offset, size and stride per dimension of the operand, as integer or operand
    - (C2) `drop` are strictly increasing dimensions, of size 1
    - (C3) the result's sizes are `sizes` less those dropped, same element type and place
    - (C4) static boxes are inside the operand

    Produced by: `convert-linalg-to-gir`.
    Lowered by: `gir-tile` as `memref.subview`.

    Example:

    ```mlir
    func.func @slice(%x: tensor<4x8xf32, #gir.at<dram>>, %o: index) {
      %0 = gir.slice %x [%o, 0] [1, 4] [1, 2] drop [0] : tensor<4x8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_Tensor:$source, Variadic<Index>:$offsets, Variadic<Index>:$sizes,
      Variadic<Index>:$strides, DenseI64ArrayAttr:$static_offsets, DenseI64ArrayAttr:$static_sizes,
      DenseI64ArrayAttr:$static_strides, DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$drop);
  let results = (outs GIR_Tensor:$result);
  let assemblyFormat = [{
    $source custom<DynamicIndexList>($offsets, $static_offsets)
    custom<DynamicIndexList>($sizes, $static_sizes)
    custom<DynamicIndexList>($strides, $static_strides)
    (`drop` $drop^)? attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def GIR_ConcatOp : GIR_Op<"concat", [Pure]> {
  let summary = "tensors side by side along one dimension";
  let description = [{
    The operands' elements follow one another along `dim`. At `dram` no bytes move:
    whoever stores the operands stores them in their places. At `reg` it is an
    instruction.

    ```
    [ a ][ b b ]  -->  [ a b b ]
    ```

    Constraints:
    - (C1) at least one operand; `dim` is a dimension
    - (C2) operands and result have one rank, element type and place
    - (C3) sizes agree but along `dim`, where they add up

    Produced by: `convert-linalg-to-gir`.
    Lowered by: `gir-tile` as stores to subviews of one output.

    Example:

    ```mlir
    func.func @concat(%a: tensor<2x8xf32, #gir.at<dram>>, %b: tensor<3x8xf32, #gir.at<dram>>) {
      %0 = gir.concat %a, %b dim 0 : (tensor<2x8xf32, #gir.at<dram>>, tensor<3x8xf32, #gir.at<dram>>) -> tensor<5x8xf32, #gir.at<dram>>
      return
    }
    ```
  }];
  let arguments = (ins Variadic<GIR_Tensor>:$inputs, I64Attr:$dim);
  let results = (outs GIR_Tensor:$result);
  let assemblyFormat = "$inputs `dim` $dim attr-dict `:` functional-type($inputs, $result)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def GIR_InsertOp : GIR_Op<"insert", [Pure, AttrSizedOperandSegments,
    AllTypesMatch<["dest", "result"]> /* (C4) */]> {
  let summary = "a tensor at dram whose strided box is another tensor";
  let description = [{
    `dest` with the box at `offsets`, `sizes`, `strides` taken from `source`, whose
    missing dimensions are those in `drop`, of size 1. Like `gir.concat` it moves
    nothing: both operands are stored in their places, `dest` first.

    Constraints:
    - (C1) one offset, size and stride per dimension of `dest`, as integer or operand
    - (C2) `drop` are strictly increasing dimensions, of size 1
    - (C3) the source's sizes are `sizes` less those dropped, same element type and place
    - (C4) the result has the type of `dest`
    - (C5) static boxes are inside `dest`

    Produced by: `convert-linalg-to-gir`.
    Lowered by: `gir-tile` as stores to one output.

    Example:

    ```mlir
    func.func @insert(%s: tensor<2xf32, #gir.at<dram>>, %d: tensor<4x8xf32, #gir.at<dram>>, %o: index) {
      %0 = gir.insert %s into %d [%o, 0] [1, 2] [1, 1] drop [0] : tensor<2xf32, #gir.at<dram>> into tensor<4x8xf32, #gir.at<dram>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_DramTensor:$source, GIR_DramTensor:$dest, Variadic<Index>:$offsets,
      Variadic<Index>:$sizes, Variadic<Index>:$strides, DenseI64ArrayAttr:$static_offsets,
      DenseI64ArrayAttr:$static_sizes, DenseI64ArrayAttr:$static_strides,
      DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$drop);
  let results = (outs GIR_DramTensor:$result);
  let assemblyFormat = [{
    $source `into` $dest custom<DynamicIndexList>($offsets, $static_offsets)
    custom<DynamicIndexList>($sizes, $static_sizes)
    custom<DynamicIndexList>($strides, $static_strides)
    (`drop` $drop^)? attr-dict `:` type($source) `into` type($dest)
  }];
  let hasVerifier = 1;
}

def GIR_PadOp : GIR_Op<"pad", [Pure, AttrSizedOperandSegments,
    TypesMatchWith<"value has the element type", "source", "value",
                   "::llvm::cast<::mlir::RankedTensorType>($_self).getElementType()"> /* (C3) */]> {
  let summary = "a tensor with a border of one value";
  let description = [{
    `low[i]` elements before and `high[i]` behind in dimension `i`, each `value`.

    ```
    [ a b ]  --low [1] high [2]-->  [ v a b v v ]
    ```

    Constraints:
    - (C1) one low and one high per dimension, as integer or operand
    - (C2) none is negative, and static sizes add up: low + size + high
    - (C3) `value` has the element type; operand and result have one place

    Produced by: `convert-linalg-to-gir`.
    Lowered by: `gir-tile` as a clipped `gir.load` and a select.

    Example:

    ```mlir
    func.func @pad(%x: tensor<2x8xf32, #gir.at<reg>>, %v: f32) {
      %0 = gir.pad %x low [1, 0] high [2, 0] value %v : tensor<2x8xf32, #gir.at<reg>> -> tensor<5x8xf32, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_RegTensor:$source, AnyType:$value, Variadic<Index>:$low, Variadic<Index>:$high,
      DenseI64ArrayAttr:$static_low, DenseI64ArrayAttr:$static_high);
  let results = (outs GIR_RegTensor:$result);
  let assemblyFormat = [{
    $source `low` custom<DynamicIndexList>($low, $static_low)
    `high` custom<DynamicIndexList>($high, $static_high) `value` $value attr-dict
    `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def GIR_WindowOp : GIR_Op<"window", [Pure]> {
  let summary = "every neighbourhood of a fixed size, one beside the other";
  let description = [{
    Entry `e` of `dims`, `sizes`, `strides` and `dilations` says what is taken along
    dimension `dims[e]`: neighbourhoods of `sizes[e]` elements, `dilations[e]` apart,
    every `strides[e]`-th one. That dimension then counts neighbourhoods, and a
    dimension of size `sizes[e]` comes behind all others:
    `y[.., o, .., w] = x[.., o * stride + w * dilation, ..]`. Elements appear as often
    as they are in a neighbourhood; a movement of the result moves each once. A view
    at `dram` and `sram`; at `reg` an instruction.

    ```
    x [ a b c d ]   --dims [0] sizes [3]-->   y [ a b c ]
                                                [ b c d ]
    ```

    Constraints:
    - (C1) `dims` are strictly increasing dimensions of the operand
    - (C2) one size, stride and dilation per entry of `dims`, each at least 1
    - (C3) a neighbourhood fits: dilation * (size - 1) < n for a static extent n
    - (C4) the result has the operand's sizes, (n - dilation * (size - 1) - 1) floordiv stride + 1 in `dims`, then `sizes`
    - (C5) operand and result have one element type and are in one place

    Produced by: `convert-linalg-to-gir` from the maps of convolutions and pooling.
    Lowered by: `gir-tile`, then `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @window(%x: tensor<2x9x8xf32, #gir.at<reg>>) {
      %0 = gir.window %x dims [1, 2] sizes [3, 3] strides [2, 1] dilations [1, 2] : tensor<2x9x8xf32, #gir.at<reg>> -> tensor<2x4x4x3x3xf32, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_Tensor:$source, DenseI64ArrayAttr:$dims, DenseI64ArrayAttr:$sizes,
      DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations);
  let results = (outs GIR_Tensor:$result);
  let assemblyFormat = [{
    $source `dims` $dims `sizes` $sizes `strides` $strides `dilations` $dilations attr-dict
    `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def GIR_ReshapeOp : GIR_Op<"reshape", [Pure]> {
  let summary = "the same elements, counted in other dimensions";
  let description = [{
    Operand and result have the same elements in row-major order. `sizes` gives the
    dynamic sizes of the result; together the sizes hold as many elements as the
    operand has. A view at `dram` and `sram`; at `reg` an instruction.

    ```
    [ a b c ]   --reshape 3x2-->   [ a b ]
    [ d e f ]                      [ c d ]
                                   [ e f ]
    ```

    Constraints:
    - (C1) one size per dynamic dimension of the result
    - (C2) static shapes have equally many elements
    - (C3) operand and result have one element type and are in one place

    Produced by: `convert-linalg-to-gir` from `tensor.expand_shape`, `tensor.collapse_shape`.
    Lowered by: `gir-tile`, then `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @reshape(%x: tensor<?x6xf32, #gir.at<dram>>, %n: index) {
      %0 = gir.reshape %x sizes(%n) : tensor<?x6xf32, #gir.at<dram>> -> tensor<?x2x3xf32, #gir.at<dram>>
      return
    }
    ```
  }];
  let arguments = (ins GIR_Tensor:$source, Variadic<Index>:$sizes);
  let results = (outs GIR_Tensor:$result);
  let assemblyFormat = [{
    $source (`sizes` `(` $sizes^ `)`)? attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

#endif // GIR_IR_VIEW_OPS
