//===- Check.h - gir-check --------------------------------------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_ANALYSIS_CHECK_H
#define GIR_ANALYSIS_CHECK_H

namespace gir {

/// Registers `gir-check`, which proves, refutes or leaves open that kernels in
/// tile form stay in bounds, have no races, fill their outputs and synchronise.
void registerCheckPass();

} // namespace gir

#endif // GIR_ANALYSIS_CHECK_H
