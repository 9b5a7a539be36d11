//===- Verification.h - What the verifiers share -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_LIB_IR_VERIFICATION_H
#define GIR_LIB_IR_VERIFICATION_H

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLExtras.h"

namespace gir {

/// True if two sizes may be one: equal, or one of them dynamic.
inline bool sizesAgree(int64_t a, int64_t b) {
  return a == b || mlir::ShapedType::isDynamic(a) ||
         mlir::ShapedType::isDynamic(b);
}

/// True if `dims` increase strictly and lie in [0, rank).
inline bool areDimsOf(llvm::ArrayRef<int64_t> dims, int64_t rank) {
  int64_t previous = -1;
  for (int64_t dim : dims) {
    if (dim <= previous || dim >= rank)
      return false;
    previous = dim;
  }
  return true;
}

/// `shape` without the dimensions `dims`.
inline llvm::SmallVector<int64_t> dropDims(llvm::ArrayRef<int64_t> shape,
                                           llvm::ArrayRef<int64_t> dims) {
  llvm::SmallVector<int64_t> kept;
  for (auto [index, size] : llvm::enumerate(shape))
    if (!llvm::is_contained(dims, static_cast<int64_t>(index)))
      kept.push_back(size);
  return kept;
}

/// True if a list of integers and operands is whole: one operand per integer
/// that stands for one.
inline bool isMixed(llvm::ArrayRef<int64_t> integers, size_t operands) {
  return static_cast<size_t>(
             llvm::count_if(integers, mlir::ShapedType::isDynamic)) == operands;
}

/// True if the shapes have one rank and their sizes agree.
inline bool shapesAgree(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) {
           return sizesAgree(std::get<0>(pair), std::get<1>(pair));
         });
}

/// True if a combining kind can combine elements of that type.
bool suits(mlir::vector::CombiningKind kind, mlir::Type type);

} // namespace gir

#endif // GIR_LIB_IR_VERIFICATION_H
