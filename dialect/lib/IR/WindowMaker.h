//===- WindowMaker.h - Windows, dimension by dimension --------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_LIB_IR_WINDOWMAKER_H
#define GIR_LIB_IR_WINDOWMAKER_H

#include "Amounts.h"
#include "gir/IR/GIRWindows.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace gir {

using Box = llvm::ArrayRef<mlir::OpFoldResult>;

/// Makes windows dimension by dimension.
struct WindowMaker : Amounts {
  using Amounts::Amounts;

  /// Adds a dimension to a window that is inside of its tensor.
  void push(Window &window, mlir::OpFoldResult offset,
            mlir::OpFoldResult size) const {
    window.offsets.push_back(offset);
    window.sizes.push_back(size);
    window.before.push_back(number(0));
    window.behind.push_back(number(0));
  }

  /// Adds a dimension whole.
  void pushWhole(Window &window, mlir::Value value, int64_t index) const {
    push(window, number(0), dim(value, index));
  }

  Window whole(mlir::Value value) const {
    Window window;
    for (int64_t index : llvm::seq<int64_t>(
             0, llvm::cast<mlir::ShapedType>(value.getType()).getRank()))
      pushWhole(window, value, index);
    return window;
  }

  Window select(Box offsets, Box sizes, llvm::ArrayRef<int64_t> dims) const {
    Window window;
    for (int64_t index : dims)
      push(window, offsets[index], sizes[index]);
    return window;
  }

  /// The elements from the first to the last one of `count`, `step` apart.
  mlir::OpFoldResult span(mlir::OpFoldResult count,
                          mlir::OpFoldResult step) const {
    if (mlir::getConstantIntValue(step) == 1)
      return count;
    return max(number(0),
               add(multiply(subtract(count, number(1)), step), number(1)));
  }
};

/// All of `rank` dimensions but `dims`.
inline llvm::SmallVector<int64_t> otherDims(int64_t rank,
                                            llvm::ArrayRef<int64_t> dims) {
  return llvm::filter_to_vector(llvm::seq<int64_t>(0, rank), [&](int64_t dim) {
    return !llvm::is_contained(dims, dim);
  });
}

} // namespace gir

#endif // GIR_LIB_IR_WINDOWMAKER_H
