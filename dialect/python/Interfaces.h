//===- Interfaces.h - Python faces of GIR's interfaces --------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_PYTHON_INTERFACES_H
#define GIR_PYTHON_INTERFACES_H

#include "mlir/Bindings/Python/Nanobind.h"

/// `computation` and `operand_windows`.
void bindComputation(nanobind::module_ &m);

#endif // GIR_PYTHON_INTERFACES_H
