//===- PassPlugin.cpp - PowerFusion's passes for a stock mlir-opt ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   mlir-opt --load-pass-plugin=GIRPassPlugin.so
//            --pass-pipeline='builtin.module(convert-linalg-to-gir)' in.mlir
//
// Takes CPython along; see gir/Python/PythonPasses.h.
//
//===----------------------------------------------------------------------===//

#include "gir/Python/PythonPasses.h"

#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "PowerFusion", PF_VERSION,
          // A failure has said so on stderr; the host then meets passes that it
          // doesn't know and says that too.
          [] { (void)gir::registerPythonPasses(); }};
}
