//===- Accesses.h - What a kernel touches, as affine windows ----*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_LIB_ANALYSIS_ACCESSES_H
#define GIR_LIB_ANALYSIS_ACCESSES_H

#include "AffineSystem.h"

#include "gir/IR/GIR.h"

#include <vector>

namespace gir::analysis {

/// One window that an op reads or writes, element by element.
struct Access {
  mlir::Operation *op;
  /// The memref that the op names, and the allocation or argument behind it.
  mlir::Value memref, root;
  bool writes;
  /// True where elements outside are left out, so that bounds can't be missed.
  bool clipped = false;
  /// False where the indices aren't affine: it may touch anything.
  bool known = true;
  AffineSystem system;
  /// The element's place in `memref` and in `root`, per dimension.
  llvm::SmallVector<Linear> coordinates, rootCoordinates;
};

/// The accesses of a kernel in tile form, in program order.
std::vector<Access> accessesOf(KernelOp kernel);

} // namespace gir::analysis

#endif // GIR_LIB_ANALYSIS_ACCESSES_H
