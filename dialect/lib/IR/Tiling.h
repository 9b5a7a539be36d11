//===- Tiling.h - TilingInterface of views and computation ----*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_LIB_IR_TILING_H
#define GIR_LIB_IR_TILING_H

#include "mlir/IR/MLIRContext.h"

namespace gir {

/// Attaches upstream's TilingInterface to the ops, which are loaded.
void attachTilingInterface(mlir::MLIRContext &context);

} // namespace gir

#endif // GIR_LIB_IR_TILING_H
