//===- GIRStructureOps.td - Kernels and parallelism ---*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_STRUCTURE_OPS
#define GIR_IR_STRUCTURE_OPS

include "gir/IR/GIRBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def GIR_KernelOp : GIR_Op<"kernel", [AttrSizedOperandSegments, IsolatedFromAbove,
    RecursiveMemoryEffects, SingleBlock,
    SingleBlockImplicitTerminator<"::gir::ReturnOp">]> {
  let summary = "one operator's code on the device, inline";
  let description = [{
    Takes and gives plain values of the function around it, so that a kernel can
    stand wherever its operator stood; inside, each tensor input is a tensor at
    `dram`, each memref input a memref at `dram`. In graph form the kernel
    returns tensors, in tile form it has no results and writes to memrefs.
    `sizes` gives the dynamic sizes of the results, in order.

    With a nest the kernel is placed: graph form whose movements say over which
    of the nest's dimensions they run and in which pass they happen. A reduction
    over a swept dimension ends its pass: its result is there after it, and only
    an op with a later `pass` brings it into one.

    Constraints:
    - (C1) one block argument per input: the input's type, moved to `dram`; tensors
      and memrefs of numbers
    - (C2) what is returned has the results' shapes and element types
    - (C3) one size per dynamic dimension of the results
    - (C4) `arith` and `math` compute on tensors at `reg` only
    - (C5) results are tensors of numbers, without encoding
    - (C6) without a nest, nothing in the body has a `pass` or `over`
    - (C7) with a nest, the body has no memrefs
    - (C8) with a nest, moves from and to `dram` have `over`; names in it are the
      nest's, and a size moved to `dram` is that of its dimension
    - (C9) with a nest, a value that runs over a swept dimension is used in its own
      pass, and one that its pass ends with isn't used within that pass; a later
      one is reached through an op of that `pass`

    Produced by: `convert-linalg-to-gir`.
    Lowered by: `gir-tile`, then `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @relu(%x: tensor<?x8xf32>, %n: index) -> tensor<?x8xf32> {
      %y = gir.kernel "relu" (%a = %x : tensor<?x8xf32>, %m = %n : index) sizes(%n) -> (tensor<?x8xf32>) {
        %0 = gir.move %a : tensor<?x8xf32, #gir.at<dram>> -> tensor<?x8xf32, #gir.at<reg>>
        %1 = math.absf %0 : tensor<?x8xf32, #gir.at<reg>>
        %2 = gir.move %1 : tensor<?x8xf32, #gir.at<reg>> -> tensor<?x8xf32, #gir.at<dram>>
        gir.return %2 : tensor<?x8xf32, #gir.at<dram>>
      }
      return %y : tensor<?x8xf32>
    }
    func.func @center(%x: tensor<?x512xf32>, %n: index) -> tensor<?x512xf32> {
      %y = gir.kernel "center" (%a = %x : tensor<?x512xf32>) sizes(%n)
          nest <[r = ? : 8 : 4 : 1, c = 512 : 512 : 512 : 64], sweep = [c]> -> (tensor<?x512xf32>) {
        %0 = gir.move %a over ["r", "c"] : tensor<?x512xf32, #gir.at<dram>> -> tensor<?x512xf32, #gir.at<sram>>
        %1 = gir.move %0 : tensor<?x512xf32, #gir.at<sram>> -> tensor<?x512xf32, #gir.at<reg>>
        %2 = math.absf %1 : tensor<?x512xf32, #gir.at<reg>>
        %3 = gir.move %0 pass 1 : tensor<?x512xf32, #gir.at<sram>> -> tensor<?x512xf32, #gir.at<reg>>
        %4 = gir.move %2 pass 1 : tensor<?x512xf32, #gir.at<reg>> -> tensor<?x512xf32, #gir.at<reg>>
        %5 = arith.subf %3, %4 : tensor<?x512xf32, #gir.at<reg>>
        %6 = gir.move %5 pass 1 over ["r", "c"] : tensor<?x512xf32, #gir.at<reg>> -> tensor<?x512xf32, #gir.at<dram>>
        gir.return %6 : tensor<?x512xf32, #gir.at<dram>>
      }
      return %y : tensor<?x512xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$inputs, Variadic<Index>:$sizes,
      DefaultValuedStrAttr<StrAttr, "kernel">:$kernel_name, OptionalAttr<GIR_NestAttr>:$nest);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def GIR_ExternOp : GIR_Op<"extern", [AttrSizedOperandSegments, IsolatedFromAbove,
    RecursiveMemoryEffects, SingleBlock,
    SingleBlockImplicitTerminator<"::gir::ReturnOp">]> {
  let summary = "one operator's code from a library";
  let description = [{
    Like a naive `gir.kernel`, but the library routine `kernel_name` does the work.
    The body says what that is, and is what runs where the library isn't there. It
    is never merged with others or split: its operands and results move once each.

    Constraints:
    - (C1) one block argument per input: the input's type, moved to `dram`; tensors
      and memrefs of numbers
    - (C2) what is returned has the results' shapes and element types
    - (C3) one size per dynamic dimension of the results
    - (C4) `arith` and `math` compute on tensors at `reg` only
    - (C5) results are tensors of numbers, without encoding
    - (C6) nothing in the body has a `pass` or `over`
    - (C7) has a name

    Produced by: `gir-call-libraries`, and by hand.
    Lowered by: `gir-tile` as the kernel that its body is.

    Example:

    ```mlir
    func.func @abs(%x: tensor<8xf32>) -> tensor<8xf32> {
      %y = gir.extern "vm.fabs" (%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
        %0 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
        %1 = math.absf %0 : tensor<8xf32, #gir.at<reg>>
        %2 = gir.move %1 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
        gir.return %2 : tensor<8xf32, #gir.at<dram>>
      }
      return %y : tensor<8xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$inputs, Variadic<Index>:$sizes, StrAttr:$kernel_name);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def GIR_LaunchOp : GIR_Op<"launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel that has a name";
  let description = [{
    Calls a function that is one kernel. In graph form operands and results are
    tensors; in tile form the operands are memrefs, outputs among them, and there
    is no result. `shares` lists pairs of operand positions, output then input,
    that are one buffer: the output is written over the input.

    Constraints:
    - (C1) the callee is a function of these operands and results
    - (C2) its body is one `gir.kernel` and a return of the kernel's results, or
      nothing: a kernel without effects is removed
    - (C3) `shares` are pairs of different operands, of one memref type each, and
      every output shares at most one buffer

    Produced by: whoever outlines kernels, by hand.
    Lowered by: `convert-gir-to-vector` as `func.call`.

    Example:

    ```mlir
    func.func private @zero(%x: memref<8xf32>, %y: memref<8xf32>) {
      gir.kernel "zero" (%a = %x : memref<8xf32>, %b = %y : memref<8xf32>) -> () {
        gir.return
      }
      return
    }
    func.func @launch(%x: memref<8xf32>) {
      gir.launch @zero(%x, %x) shares [[1, 0]] : (memref<8xf32>, memref<8xf32>) -> ()
      return
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<AnyType>:$arguments,
      DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$shares);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = [{
    $callee `(` $arguments `)` (`shares` custom<Pairs>($shares)^)? attr-dict
    `:` functional-type($arguments, $results)
  }];
  let hasVerifier = 1;
}

def GIR_AlternativesOp : GIR_Op<"alternatives", [RecursiveMemoryEffects, RecursivelySpeculatable,
    SingleBlock, DeclareOpInterfaceMethods<RegionBranchOpInterface>]> {
  let summary = "several ways to one result, of which one will be taken";
  let description = [{
    All regions give equal results; placing takes the one that costs least. Until
    then the first one counts.

    Constraints:
    - (C1) at least one region
    - (C2) each region yields values of the results' types
    - (C3) in a kernel, results that are tensors are at `reg` or `dram`; outside,
      none has a place
    - (C4) no region takes arguments

    Produced by: whoever knows several ways, by hand.
    Lowered by: `gir-tile` as its first region.

    Example:

    ```mlir
    func.func @twice(%x: f32) -> f32 {
      %0 = gir.alternatives -> (f32) {
        %1 = arith.addf %x, %x : f32
        gir.yield %1 : f32
      } or {
        %two = arith.constant 2.0 : f32
        %1 = arith.mulf %x, %two : f32
        gir.yield %1 : f32
      }
      return %0 : f32
    }
    ```
  }];
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region VariadicRegion<SizedRegion<1>>:$options);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def GIR_ReturnOp : GIR_Op<"return", [Pure, Terminator,
    ParentOneOf<["KernelOp", "ExternOp"]> /* (C1) */]> {
  let summary = "ends a kernel and gives its results";
  let description = [{
    Constraints:
    - (C1) stands in a kernel or in a library operator's body

    Produced by: `convert-linalg-to-gir`, and `gir-tile` without operands.
    Lowered by: `gir-tile` as stores into output memrefs.

    Example:

    ```mlir
    func.func @empty() {
      gir.kernel "empty" () -> () {
        gir.return
      }
      return
    }
    ```
  }];
  let arguments = (ins Variadic<GIR_DramTensor>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
  let builders = [OpBuilder<(ins), [{
    // No operands.
  }]>];
}

def GIR_ParallelOp : GIR_Op<"parallel", [RecursiveMemoryEffects, SingleBlock,
    SingleBlockImplicitTerminator<"::gir::YieldOp">]> {
  let summary = "runs its body once for each index, in any order";
  let description = [{
    One index per count, each from 0 to its count. `scope` says what runs the
    instances: groups share nothing but `dram`, units of one group also `sram`.

    Constraints:
    - (C1) one index argument per count
    - (C2) a scope is finer than that of the parallel around it
    - (C3) stands in a kernel

    Produced by: `gir-tile`.
    Lowered by: `convert-gir-to-vector` as `scf.parallel`.

    Example:

    ```mlir
    func.func @fill(%y: memref<8xf32>, %v: f32) {
      gir.kernel "fill" (%b = %y : memref<8xf32>, %c = %v : f32) -> () {
        %n = arith.constant 8 : index
        gir.parallel <group> (%i) in (%n) {
          %t = tensor.splat %c : tensor<1xf32, #gir.at<reg>>
          gir.store %t, %b[%i] : tensor<1xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
        }
      }
      return
    }
    ```
  }];
  let arguments = (ins GIR_ScopeAttr:$scope, Variadic<Index>:$counts);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def GIR_YieldOp : GIR_Op<"yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["ParallelOp", "ReduceOp", "ScanOp", "AllReduceOp", "AlternativesOp"]> /* (C1) */]> {
  let summary = "ends the body of a parallel, a combiner or an alternative";
  let description = [{
    Constraints:
    - (C1) stands in a parallel, in a combiner or in one of several alternatives
    - (C2) has no operands in a parallel

    Produced by: `gir-tile` and `convert-linalg-to-gir`.
    Lowered by: `convert-gir-to-vector`.

    Example:

    ```mlir
    func.func @loop(%y: memref<8xf32>) {
      gir.kernel "loop" (%b = %y : memref<8xf32>) -> () {
        %n = arith.constant 8 : index
        gir.parallel <group> (%i) in (%n) {
          gir.yield
        }
      }
      return
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
  let builders = [OpBuilder<(ins), [{
    // No operands.
  }]>];
  let hasVerifier = 1;
}

#endif // GIR_IR_STRUCTURE_OPS
