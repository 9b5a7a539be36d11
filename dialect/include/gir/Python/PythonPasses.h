//===- PythonPasses.h - PowerFusion's passes for any host -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The whole interface of the embedding library: a compiler links GIR::GIR and
// GIR::PythonPasses, calls one function, and finds every PowerFusion pass in
// its pass registry, written in Python or not.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_PYTHON_PYTHONPASSES_H
#define GIR_PYTHON_PYTHONPASSES_H

#include "llvm/Support/LogicalResult.h"

namespace gir {

/// Registers all of PowerFusion's passes in this process's pass registry.
///
/// Starts CPython if the host hasn't: with the interpreter that the build was
/// configured for, or the one that the environment variable PF_PYTHON names;
/// without its signal handlers; and with the GIL released afterwards, so that
/// passes run from any thread. It is never shut down, because MLIR's registry
/// lives as long as the process.
///
/// Fails, with one line on stderr, if the powerfusion package can't be
/// imported. Later calls do nothing and return what the first one did.
llvm::LogicalResult registerPythonPasses();

} // namespace gir

#endif // GIR_PYTHON_PYTHONPASSES_H
