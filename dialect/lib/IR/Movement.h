//===- Movement.h - What movement ops count by -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_LIB_IR_MOVEMENT_H
#define GIR_LIB_IR_MOVEMENT_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/OpDefinition.h"

namespace gir {

/// The bytes that an element takes in memory; 0 if it has no size of its own.
int64_t getElementBytes(mlir::Type element);

/// The product of an element's bytes and the extents; those that aren't known
/// become symbols.
mlir::AffineExpr getBytes(mlir::MLIRContext *context, mlir::Type element,
                          llvm::ArrayRef<mlir::OpFoldResult> extents,
                          llvm::SmallVectorImpl<mlir::OpFoldResult> &symbols);

} // namespace gir

#endif // GIR_LIB_IR_MOVEMENT_H
