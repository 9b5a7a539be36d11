//===- Races.h - Whether two accesses can meet --------------------------===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_LIB_ANALYSIS_RACES_H
#define GIR_LIB_ANALYSIS_RACES_H

#include "Accesses.h"
#include "Questions.h"

#include <string>

namespace gir::analysis {

/// True for the ops that no unit passes alone.
bool isMeeting(mlir::Operation *op);

/// Whether two instances of a parallel can touch one element through these
/// accesses, without a sync between. Where they can, `element` is one.
Answer askRace(const Access &first, const Access &second, ParallelOp parallel,
               std::string &element);

} // namespace gir::analysis

#endif // GIR_LIB_ANALYSIS_RACES_H
