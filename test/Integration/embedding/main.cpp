//===- main.cpp - A compiler that embeds PowerFusion ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   embedding FILE [PIPELINE]
//
// Reads a module, runs passes of its own choice between PowerFusion's from its
// own PassManager, and prints what comes out.
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIR.h"
#include "gir/Python/PythonPasses.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

int main(int argc, char **argv) {
  if (argc < 2) {
    llvm::errs() << "usage: embedding FILE [PIPELINE]\n";
    return 2;
  }

  registerTransformsPasses();
  if (failed(gir::registerPythonPasses()))
    return 1;

  DialectRegistry registry;
  registry.insert<arith::ArithDialect, func::FuncDialect, gir::GIRDialect,
                  linalg::LinalgDialect, math::MathDialect,
                  tensor::TensorDialect>();
  MLIRContext context(registry);

  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(argv[1], sources, &context);
  if (!module)
    return 1;

  PassManager manager(&context);
  StringRef pipeline =
      argc > 2 ? argv[2] : "canonicalize,convert-linalg-to-gir,cse";
  if (failed(parsePassPipeline(pipeline, manager)) ||
      failed(manager.run(*module)))
    return 1;
  module->print(llvm::outs());
  return 0;
}
