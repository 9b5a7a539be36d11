//===- Amounts.h - Arithmetic on sizes that may not be known --*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_LIB_IR_AMOUNTS_H
#define GIR_LIB_IR_AMOUNTS_H

#include "mlir/IR/Builders.h"

namespace gir {

/// Computes with integers, and with values where there is a builder to make ops
/// with. What can't be known is null.
class Amounts {
public:
  Amounts(mlir::Operation *op, mlir::OpBuilder *builder)
      : context(op->getContext()), loc(op->getLoc()), builder(builder) {}

  mlir::OpFoldResult number(int64_t value) const;
  /// The same amount, an attribute where it is constant.
  mlir::OpFoldResult plain(mlir::OpFoldResult amount) const;
  mlir::OpFoldResult add(mlir::OpFoldResult a, mlir::OpFoldResult b) const;
  mlir::OpFoldResult subtract(mlir::OpFoldResult a, mlir::OpFoldResult b) const;
  mlir::OpFoldResult multiply(mlir::OpFoldResult a, mlir::OpFoldResult b) const;
  mlir::OpFoldResult floordiv(mlir::OpFoldResult a, int64_t b) const;
  mlir::OpFoldResult min(mlir::OpFoldResult a, mlir::OpFoldResult b) const;
  mlir::OpFoldResult max(mlir::OpFoldResult a, mlir::OpFoldResult b) const;
  /// `amount` within 0 and `upper`.
  mlir::OpFoldResult clamp(mlir::OpFoldResult amount,
                           mlir::OpFoldResult upper) const;
  /// The size of a dimension of a tensor or memref.
  mlir::OpFoldResult dim(mlir::Value value, int64_t dim) const;
  llvm::SmallVector<mlir::OpFoldResult> dims(mlir::Value value) const;
  llvm::SmallVector<mlir::OpFoldResult> mixed(llvm::ArrayRef<int64_t> integers,
                                              mlir::ValueRange values) const;

private:
  enum class Kind { add, subtract, multiply, floordiv, min, max };
  mlir::OpFoldResult apply(Kind kind, mlir::OpFoldResult a,
                           mlir::OpFoldResult b) const;

  mlir::MLIRContext *context;
  mlir::Location loc;
  mlir::OpBuilder *builder;
};

} // namespace gir

#endif // GIR_LIB_IR_AMOUNTS_H
