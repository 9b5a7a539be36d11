//===- HostEngine.cpp - powerfusion._native._host --------------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module in the LLVM dialect as code of this process, and as an object file.
// The bindings' ExecutionEngine always notifies perf, which writes each program
// to a folder of the user's, and holds Python's lock while it generates code.
//
//===----------------------------------------------------------------------===//

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "mlir/Bindings/Python/NanobindAdaptors.h"

#include "mlir/CAPI/IR.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/OpenMP/OpenMPToLLVMIRTranslation.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/TargetSelect.h"

// emit/memory.c
extern "C" {
void *_mlir_memref_to_llvm_alloc(size_t size);
void _mlir_memref_to_llvm_free(void *memory);
void _pf_release_memory();
}

namespace nb = nanobind;
using namespace mlir;

namespace {

[[noreturn]] void fail(llvm::Error error) {
  throw std::runtime_error(llvm::toString(std::move(error)));
}

/// Code for this very processor, optimised at `level`, 0 to 3.
class HostEngine {
public:
  HostEngine(MlirModule module, int level,
             const std::vector<std::string> &libraries, bool keepObject) {
    static const bool targets = [] {
      llvm::InitializeNativeTarget();
      llvm::InitializeNativeTargetAsmParser();
      llvm::InitializeNativeTargetAsmPrinter();
      return true;
    }();
    (void)targets;
    nb::gil_scoped_release released;
    Operation *op = unwrap(mlirModuleGetOperation(module));
    registerBuiltinDialectTranslation(*op->getContext());
    registerLLVMDialectTranslation(*op->getContext());
    registerOpenMPDialectTranslation(*op->getContext());

    auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
    if (!builder)
      fail(builder.takeError());
    if (keepObject)
      builder->setRelocationModel(llvm::Reloc::PIC_);
    auto machine = builder->createTargetMachine();
    if (!machine)
      fail(machine.takeError());
    auto transformer =
        makeOptimizingTransformer(level, /*sizeLevel=*/0, machine->get());
    SmallVector<StringRef> paths(libraries.begin(), libraries.end());
    ExecutionEngineOptions options;
    options.transformer = transformer;
    options.jitCodeGenOptLevel = static_cast<llvm::CodeGenOptLevel>(level);
    options.sharedLibPaths = paths;
    options.enableObjectDump = keepObject;
    options.enableGDBNotificationListener = false;
    options.enablePerfNotificationListener = false;
    auto created = ExecutionEngine::create(op, options, std::move(*machine));
    if (!created)
      fail(created.takeError());
    engine = std::move(*created);
    engine->registerSymbols([](llvm::orc::MangleAndInterner mangle) {
      llvm::orc::SymbolMap symbols;
      auto add = [&](StringRef name, auto *function) {
        symbols[mangle(name)] = {llvm::orc::ExecutorAddr::fromPtr(function),
                                 llvm::JITSymbolFlags::Exported};
      };
      add("_mlir_memref_to_llvm_alloc", _mlir_memref_to_llvm_alloc);
      add("_mlir_memref_to_llvm_free", _mlir_memref_to_llvm_free);
      return symbols;
    });
  }

  uint64_t lookup(const std::string &symbol) {
    nb::gil_scoped_release released;
    auto address = engine->lookup(symbol);
    if (!address)
      fail(address.takeError());
    return reinterpret_cast<uint64_t>(*address);
  }

  void writeObject(const std::string &path) {
    nb::gil_scoped_release released;
    engine->dumpToObjectFile(path);
  }

private:
  std::unique_ptr<ExecutionEngine> engine;
};

} // namespace

NB_MODULE(_host, m) {
  m.doc() = "Modules in the LLVM dialect as code of this process.";
  nb::class_<HostEngine>(m, "HostEngine")
      .def(nb::init<MlirModule, int, const std::vector<std::string> &, bool>(),
           nb::arg("module"), nb::arg("level") = 3,
           nb::arg("libraries") = std::vector<std::string>(),
           nb::arg("keep_object") = false)
      .def("lookup", &HostEngine::lookup, nb::arg("symbol"),
           "The address of a symbol.")
      .def_prop_ro_static(
          "free",
          [](nb::handle) {
            return reinterpret_cast<uint64_t>(&_mlir_memref_to_llvm_free);
          },
          "The address of what gives a program's memory back.")
      .def("write_object", &HostEngine::writeObject, nb::arg("path"),
           "Writes the object file; wants `keep_object` and a lookup before.");
  m.def("release_memory", &_pf_release_memory,
        "Gives memory that is kept for results back to the system.");
}
