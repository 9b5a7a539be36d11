//===- DialectPlugin.cpp - GIR for a stock mlir-opt -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   mlir-opt --load-dialect-plugin=GIRDialectPlugin.so in.mlir
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIR.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "GIR", PF_VERSION,
          [](mlir::DialectRegistry *registry) {
            registry->insert<gir::GIRDialect>();
          }};
}
