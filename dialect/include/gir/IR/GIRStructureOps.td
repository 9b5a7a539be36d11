//===- GIRStructureOps.td - Kernels and parallelism ---*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_STRUCTURE_OPS
#define GIR_IR_STRUCTURE_OPS

include "gir/IR/GIRBase.td"
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

    Constraints:
    - (C1) one block argument per input: the input's type, moved to `dram`
    - (C2) what is returned has the results' shapes and element types
    - (C3) one size per dynamic dimension of the results
    - (C4) `arith` and `math` compute on tensors at `reg` only
    - (C5) results are tensors without encoding

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
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$inputs, Variadic<Index>:$sizes,
      DefaultValuedStrAttr<StrAttr, "kernel">:$kernel_name);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def GIR_ReturnOp : GIR_Op<"return", [Pure, Terminator, HasParent<"KernelOp"> /* (C1) */]> {
  let summary = "ends a kernel and gives its results";
  let description = [{
    Constraints:
    - (C1) stands in a kernel

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

def GIR_YieldOp : GIR_Op<"yield", [Pure, Terminator,
    ParentOneOf<["ParallelOp", "ReduceOp"]> /* (C1) */]> {
  let summary = "ends the body of a parallel or of a combiner";
  let description = [{
    Constraints:
    - (C1) stands in a parallel or in a reduction's combiner
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
