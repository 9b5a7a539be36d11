//===- Questions.h - What is asked of systems ---------------------------===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_LIB_ANALYSIS_QUESTIONS_H
#define GIR_LIB_ANALYSIS_QUESTIONS_H

#include "AffineSystem.h"

#include <string>

namespace gir::analysis {

enum class Answer { proved, refuted, open };

/// Whether a system of what would be wrong has a solution. Where it has one and
/// describes the runs exactly, that is refuted, and `witness` a value for each
/// variable.
Answer ask(const AffineSystem &system,
           llvm::SmallVectorImpl<int64_t> *witness = nullptr);

/// An expression's value for a witness.
int64_t evaluate(const Linear &expression, llvm::ArrayRef<int64_t> witness);

/// A place's coordinates for a witness, as `[1, 2]`.
std::string point(llvm::ArrayRef<Linear> place,
                  llvm::ArrayRef<int64_t> witness);

} // namespace gir::analysis

#endif // GIR_LIB_ANALYSIS_QUESTIONS_H
