//===- Placement.h - Verification of placed kernels -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_LIB_IR_PLACEMENT_H
#define GIR_LIB_IR_PLACEMENT_H

#include "gir/IR/GIR.h"

namespace gir {

/// Checks that nothing in a body says where or when it runs in a nest.
llvm::LogicalResult verifyUnplaced(mlir::Region &body);

/// Checks that no op of a body takes or gives a memref.
llvm::LogicalResult verifyGraphForm(mlir::Region &body);

/// Checks `over` of the moves from and to `dram` against the nest.
llvm::LogicalResult verifyOver(mlir::Region &body, NestAttr nest);

/// Checks that values are used in the passes in which they are there, as far as
/// `over` tells over which dimensions they run. One walk.
llvm::LogicalResult verifyPasses(mlir::Region &body, NestAttr nest);

} // namespace gir

#endif // GIR_LIB_IR_PLACEMENT_H
