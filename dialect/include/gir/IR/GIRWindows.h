//===- GIRWindows.h - What a window of a result needs ---------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The windows of operands behind TilingInterface, for callers that make no ops:
// ledgers and placing. One function per op says how its dimensions hang
// together.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_GIRWINDOWS_H
#define GIR_IR_GIRWINDOWS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include <optional>
#include <vector>

namespace gir {

/// A box of a tensor. Amounts are attributes or values; a null one isn't known.
struct Window {
  llvm::SmallVector<mlir::OpFoldResult> offsets, sizes;
  /// What the result's window asks for beside the tensor, before and behind:
  /// the border of a pad. Zero elsewhere.
  llvm::SmallVector<mlir::OpFoldResult> before, behind;
};

/// A window per operand; none for operands that aren't tensors.
using OperandWindows = std::vector<std::optional<Window>>;

/// Per operand the least box that holds all that a box of the op's iteration
/// domain reads; more where a reshape's dimensions aren't in step. With a
/// builder, amounts that only the program knows become ops; without, they are
/// null. No value if the op doesn't say.
std::optional<OperandWindows> getOperandWindows(
    mlir::Operation *op, llvm::ArrayRef<mlir::OpFoldResult> offsets,
    llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::OpBuilder *builder);

/// The box of the iteration domain that makes a box of a result.
std::optional<Window>
getDomainWindow(mlir::Operation *op, unsigned result,
                llvm::ArrayRef<mlir::OpFoldResult> offsets,
                llvm::ArrayRef<mlir::OpFoldResult> sizes,
                mlir::OpBuilder *builder);

/// The box of a result that a box of the iteration domain makes.
Window getResultWindow(mlir::Operation *op, unsigned result,
                       llvm::ArrayRef<mlir::OpFoldResult> offsets,
                       llvm::ArrayRef<mlir::OpFoldResult> sizes,
                       mlir::OpBuilder *builder);

/// The sizes of the iteration domain: of the result for views, of all that is
/// gone over for computations.
llvm::SmallVector<mlir::OpFoldResult> getDomainSizes(mlir::Operation *op,
                                                     mlir::OpBuilder *builder);

} // namespace gir

#endif // GIR_IR_GIRWINDOWS_H
