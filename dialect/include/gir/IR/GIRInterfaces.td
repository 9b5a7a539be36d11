//===- GIRInterfaces.td - What passes ask ops ---*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interfaces by which passes and ledgers ask an op what it does, in place of
// lists of ops.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_INTERFACES
#define GIR_IR_INTERFACES

include "mlir/IR/OpBase.td"

def GIR_MovementOpInterface : OpInterface<"MovementOpInterface"> {
  let cppNamespace = "::gir";
  let description = [{
    An op that moves data from one place to another. Passes and ledgers ask it
    what moves and between which levels, and never keep lists of ops.
  }];
  let methods = [
    InterfaceMethod<"Where the data comes from.", "::gir::AtAttr", "getSourceAt">,
    InterfaceMethod<"Where the data goes to.", "::gir::AtAttr", "getResultAt">,
    InterfaceMethod<"The window that moves: its shape and element type.",
                    "::mlir::ShapedType", "getMovedType">,
    InterfaceMethod<[{
        The bytes that one execution of the op moves, of its whole window: a
        semi-affine expression without dimensions, whose symbol `k` is
        `symbols[k]`. A symbol is an index, or a tensor, which stands for its
        dynamic sizes in order, one symbol each. Truth values take a byte and
        an index eight. A clipped load's window is counted whole.
      }], "::mlir::AffineExpr", "getMovedBytes",
      (ins "::llvm::SmallVectorImpl<::mlir::OpFoldResult> &":$symbols)>,
    InterfaceMethod<"Whether the data is there only once its token is waited for.",
                    "bool", "isAsynchronous", (ins), [{}], [{ return false; }]>,
  ];
}

def GIR_PassOpInterface : OpInterface<"PassOpInterface"> {
  let cppNamespace = "::gir";
  let description = [{
    An op that says in which traversal of the swept dimensions it happens, and so
    can bring a value into a later one.
  }];
  let methods = [
    InterfaceMethod<"The traversal, from 0 on.", "uint64_t", "getPass">,
  ];
}

def GIR_ComputationOpInterface : OpInterface<"ComputationOpInterface"> {
  let cppNamespace = "::gir";
  let description = [{
    An op that computes over a space of iteration dimensions. Its operands and
    results run over some of these; further dimensions of theirs are payload, that
    each step takes whole. Elementwise ops of `arith` and `math` don't have it: they
    are parallel in all dimensions.
  }];
  let methods = [
    InterfaceMethod<"How the computation runs over each of its dimensions.",
                    "::llvm::SmallVector<::gir::Iterator>", "getIterators">,
    InterfaceMethod<[{
        The iteration dimensions that the leading dimensions of an operand run over,
        in order; none for what isn't a tensor.
      }], "::llvm::SmallVector<int64_t>", "getOperandDims", (ins "unsigned":$number)>,
    InterfaceMethod<"The iteration dimensions that the leading dimensions of a result run over.",
                    "::llvm::SmallVector<int64_t>", "getResultDims", (ins "unsigned":$number)>,
    InterfaceMethod<[{
        What may be assumed of the combination along dimensions that aren't parallel;
        `commutative` where there are none.
      }], "::gir::Algebra", "getCombiningAlgebra">,
    InterfaceMethod<[{
        One value per accumulator that combines to what it is combined with; empty
        where nothing is combined or such a value isn't known.
      }], "::llvm::SmallVector<::mlir::TypedAttr>", "getNeutralElements">,
  ];
}

#endif // GIR_IR_INTERFACES
