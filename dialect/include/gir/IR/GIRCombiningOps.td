//===- GIRCombiningOps.td - Ops that fold many values into one ---*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reductions, scans and collectives. They share how values are combined: by named
// kinds, or by a region that says what may be assumed of it.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_COMBINING_OPS
#define GIR_IR_COMBINING_OPS

include "gir/IR/GIRBase.td"
include "mlir/Dialect/Vector/IR/VectorAttributes.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def GIR_AlgebraAttr : EnumAttr<GIR_Dialect, GIR_Algebra, "algebra"> {
  let summary = "what may be assumed of a combiner";
  let description = [{
    `ordered`: elements are combined one after the other, in order. `associative`:
    neighbours may be combined first. `commutative`: in any order at all. Rounding
    isn't counted: a sum of floats is commutative.

    Example:

    ```mlir
    func.func @algebra() attributes {a = #gir.algebra<associative>} {
      return
    }
    ```
  }];
  let assemblyFormat = "`<` $value `>`";
}

def GIR_CombiningKinds : TypedArrayAttrBase<Vector_CombiningKindAttr, "combining kinds">;

class GIR_CombiningOp<string mnemonic, list<Trait> traits = []> : GIR_Op<mnemonic,
    !listconcat([DeclareOpInterfaceMethods<GIR_ComputationOpInterface>, RecursiveMemoryEffects], traits)>;

def GIR_ReduceOp : GIR_CombiningOp<"reduce", [RecursivelySpeculatable, AttrSizedOperandSegments,
    DestinationStyleOpInterface, AllTypesMatch<["inits", "results"]> /* (C4) */]> {
  let summary = "folds dimensions away, starting from given values";
  let description = [{
    Combines the elements along `dims` with the values of `inits`. With `kinds`,
    input `k` is folded into init `k` by kind `k`, in any order. With a combiner,
    the inputs are visited in row-major order of `dims`; it takes one element of
    each input, then the accumulators, and yields the new accumulators. What it
    declares (see `#gir.algebra`) permits other orders; `identity` then has one
    value per accumulator that changes nothing.

    The inputs begin with the sizes of the one of lowest rank, and `dims` are among
    those. Further dimensions are payload: each element is then a tensor of that
    shape, at `reg`, in the combiner too.

    `valid`, in tile form, says how many elements of the tile are there in each
    dimension that isn't payload; the others take no part.

    ```
    x[r, c] into m[r]        --dims [1]-->  y[r]    = m[r] + x[r, 0] + x[r, 1] + ...
    x[r, c], v[r, c, p]      --dims [1]-->  y[r], z[r, p]        p is payload
    ```

    Constraints:
    - (C1) either kinds or a combiner
    - (C2) at least one input and one init; the inputs begin with one shape
    - (C3) `dims` are strictly increasing dimensions of that shape
    - (C4) an init has that shape less `dims`, then payload, and its result's type
    - (C5) with kinds, there is one per input and per init, and it suits the element type
    - (C6) a combiner takes elements, then accumulators, and yields accumulators
    - (C7) `valid` has no operand or one per dimension that isn't payload
    - (C8) `identity` has one value per accumulator, of its element type, where a combiner isn't ordered, and isn't there otherwise
    - (C9) a combiner that isn't ordered takes elements of its accumulators' types

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
      %2 = gir.reduce %x into %m dims [1] combiner <commutative> identity [1.0 : f32] {
      ^bb0(%element: f32, %accumulator: f32):
        %p = arith.mulf %element, %accumulator : f32
        gir.yield %p : f32
      } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins Variadic<GIR_RegTensor>:$inputs, Variadic<GIR_RegTensor>:$inits,
      Variadic<Index>:$valid, DenseI64ArrayAttr:$dims, OptionalAttr<GIR_CombiningKinds>:$kinds,
      DefaultValuedAttr<GIR_AlgebraAttr, "::gir::Algebra::ordered">:$algebra, OptionalAttr<ArrayAttr>:$identity);
  let results = (outs Variadic<GIR_RegTensor>:$results);
  let regions = (region MaxSizedRegion<1>:$combiner);
  let assemblyFormat = [{
    $inputs `into` $inits `dims` $dims (`valid` `[` $valid^ `]`)? (`kinds` $kinds^)?
    (`combiner` `` custom<Algebra>($algebra, $identity) $combiner^)? attr-dict
    `:` type($inputs) `into` type($inits)
  }];
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitsMutable(); }
    /// The number of the inputs' dimensions that aren't payload.
    int64_t getCommonRank();
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def GIR_ScanOp : GIR_CombiningOp<"scan", [RecursivelySpeculatable, AttrSizedOperandSegments,
    SameVariadicResultSize, DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "running combinations along one dimension";
  let description = [{
    Visits the elements along `dim` in order, with `reverse` from the last one. The
    accumulators start as `inits` and are combined with one element of each input
    after the other, by `kinds` or by a combiner, as in `gir.reduce`. `scanned` are
    all accumulators: after their element was combined, with `exclusive` before.
    `finals` are the accumulators at the end.

    Dimensions beyond those of the input of lowest rank are payload, as in
    `gir.reduce`. `valid`, in tile form, says how many elements of the tile are
    there; the others take no part, and with `reverse` the last one that is there
    comes first.

    ```
    x [ a  b   c    ]  into i     --add-->   y [ i+a  i+a+b  i+a+b+c ]   final i+a+b+c
                                  exclusive  y [ i    i+a    i+a+b   ]   final i+a+b+c
    ```

    Constraints:
    - (C1) either kinds or a combiner
    - (C2) at least one input, and one init per input; the inputs begin with one shape
    - (C3) `dim` is a dimension of that shape
    - (C4) an init has its input's sizes less `dim`
    - (C5) with kinds, there is one per input, and it suits the element type
    - (C6) a combiner takes elements, then accumulators, and yields accumulators
    - (C7) `valid` has no operand or one per dimension that isn't payload
    - (C8) `identity` has one value per accumulator, of its element type, where a combiner isn't ordered, and isn't there otherwise
    - (C9) a combiner that isn't ordered takes elements of its accumulators' types
    - (C10) `scanned` have the inputs' sizes and the inits' element types, `finals` the inits' types

    Produced by: `convert-linalg-to-gir` from `tm_tensor.scan`-like loops and cumulative sums.
    Lowered by: `gir-tile`, then `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @scan(%x: tensor<4x8xf32, #gir.at<reg>>, %i: tensor<4xf32, #gir.at<reg>>) {
      %0, %1 = gir.scan %x into %i dim 1 exclusive reverse kinds [#vector.kind<add>] : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
      %2, %3 = gir.scan %x into %i dim 1 combiner <associative> identity [0xFF800000 : f32] {
      ^bb0(%element: f32, %accumulator: f32):
        %m = arith.maximumf %element, %accumulator : f32
        gir.yield %m : f32
      } : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
      return
    }
    ```
  }];
  let arguments = (ins Variadic<GIR_RegTensor>:$inputs, Variadic<GIR_RegTensor>:$inits,
      Variadic<Index>:$valid, I64Attr:$dim, UnitAttr:$exclusive, UnitAttr:$reverse,
      OptionalAttr<GIR_CombiningKinds>:$kinds,
      DefaultValuedAttr<GIR_AlgebraAttr, "::gir::Algebra::ordered">:$algebra, OptionalAttr<ArrayAttr>:$identity);
  let results = (outs Variadic<GIR_RegTensor>:$scanned, Variadic<GIR_RegTensor>:$finals);
  let regions = (region MaxSizedRegion<1>:$combiner);
  let assemblyFormat = [{
    $inputs `into` $inits `dim` $dim (`exclusive` $exclusive^)? (`reverse` $reverse^)?
    (`valid` `[` $valid^ `]`)? (`kinds` $kinds^)?
    (`combiner` `` custom<Algebra>($algebra, $identity) $combiner^)? attr-dict
    `:` type($inputs) `into` type($inits)
  }];
  let extraClassDeclaration = [{
    /// The number of the inputs' dimensions that aren't payload.
    int64_t getCommonRank();
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def GIR_AllReduceOp : GIR_CombiningOp<"all_reduce", [AllTypesMatch<["inputs", "results"]> /* (C2) */]> {
  let summary = "combines what the units of a scope hold";
  let description = [{
    Every unit of the scope brings its own `inputs`, and each gets the same results:
    element by element the combination over all units, by `kinds` or by a combiner
    as in `gir.reduce`. An `associative` combiner gets the units in order. Every
    unit reaches it; barriers and scratch that it takes are its own.

    ```
    unit 0 [ a b ]             unit 0 [ a+c b+d ]
    unit 1 [ c d ]   --add-->  unit 1 [ a+c b+d ]
    ```

    Constraints:
    - (C1) either kinds or a combiner
    - (C2) at least one input; the inputs begin with one shape; results have their types
    - (C3) with kinds, there is one per input, and it suits the element type
    - (C4) a combiner takes elements, then accumulators, and yields accumulators
    - (C5) a combiner isn't ordered, and has one `identity` per accumulator, of its element type
    - (C6) the scope is coarser than a unit
    - (C7) stands in a `gir.parallel <unit>`

    Produced by: `gir-tile`, where a reduction is split over units.
    Lowered by: `convert-gir-to-vector`, through scratch at `sram` and barriers.

    Example:

    ```mlir
    func.func @all_reduce(%y: memref<8xf32>) {
      gir.kernel "total" (%b = %y : memref<8xf32>) -> () {
        %n = arith.constant 8 : index
        gir.parallel <group> () in () {
          gir.parallel <unit> (%u) in (%n) {
            %t = gir.load %b[%u] : memref<8xf32, #gir.at<dram>> -> tensor<1xf32, #gir.at<reg>>
            %s = gir.all_reduce <group> %t kinds [#vector.kind<add>] : tensor<1xf32, #gir.at<reg>>
            gir.store %s, %b[%u] : tensor<1xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
          }
        }
      }
      return
    }
    ```
  }];
  let arguments = (ins GIR_ScopeAttr:$scope, Variadic<GIR_RegTensor>:$inputs,
      OptionalAttr<GIR_CombiningKinds>:$kinds,
      DefaultValuedAttr<GIR_AlgebraAttr, "::gir::Algebra::ordered">:$algebra, OptionalAttr<ArrayAttr>:$identity);
  let results = (outs Variadic<GIR_RegTensor>:$results);
  let regions = (region MaxSizedRegion<1>:$combiner);
  let assemblyFormat = [{
    $scope $inputs (`kinds` $kinds^)? (`combiner` `` custom<Algebra>($algebra, $identity) $combiner^)?
    attr-dict `:` type($inputs)
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

#endif // GIR_IR_COMBINING_OPS
