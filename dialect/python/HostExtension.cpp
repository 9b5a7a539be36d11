//===- HostExtension.cpp - powerfusion._native._host -----------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module in the LLVM dialect as object code of this host, and object code as
// code of this process. The two are apart, so that what runs at once, what is
// kept for later and what is linked to a library is the same code.
//
//     LLVM dialect ── compile ──► object code ── HostCode ──► addresses
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
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/CompileUtils.h"
#include "llvm/ExecutionEngine/Orc/Core.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/ExecutionEngine/Orc/SelfExecutorProcessControl.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

// emit/memory.c
extern "C" {
void *_mlir_memref_to_llvm_alloc(size_t size);
void _mlir_memref_to_llvm_free(void *memory);
void _pf_release_memory();
}

// emit/half.c: functions that code of a processor without such instructions
// calls; only their addresses are of use here.
extern "C" {
void __truncsfhf2();
void __truncdfhf2();
void __extendhfsf2();
void __truncsfbf2();
void __truncdfbf2();
}

namespace nb = nanobind;
using namespace mlir;
namespace orc = llvm::orc;

namespace {

[[noreturn]] void fail(llvm::Error error) {
  throw std::runtime_error(llvm::toString(std::move(error)));
}

template <typename T> T take(llvm::Expected<T> expected) {
  if (!expected)
    fail(expected.takeError());
  return std::move(*expected);
}

/// Code for this very processor, which may be put at any address.
orc::JITTargetMachineBuilder hostTarget() {
  static const bool targets = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmParser();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)targets;
  orc::JITTargetMachineBuilder builder =
      take(orc::JITTargetMachineBuilder::detectHost());
  builder.setRelocationModel(llvm::Reloc::PIC_);
  builder.setCodeModel(llvm::CodeModel::Small);
  return builder;
}

std::string describeHost() {
  orc::JITTargetMachineBuilder builder = hostTarget();
  return builder.getTargetTriple().str() + " " + builder.getCPU() + " " +
         builder.getFeatures().getString();
}

/// Object code of a module, optimised at `level`, 0 to 3.
std::unique_ptr<llvm::MemoryBuffer> compile(Operation *op, int level) {
  registerBuiltinDialectTranslation(*op->getContext());
  registerLLVMDialectTranslation(*op->getContext());
  registerOpenMPDialectTranslation(*op->getContext());
  orc::JITTargetMachineBuilder builder = hostTarget();
  builder.setCodeGenOptLevel(static_cast<llvm::CodeGenOptLevel>(level));
  std::unique_ptr<llvm::TargetMachine> machine =
      take(builder.createTargetMachine());
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(op, context);
  if (!module)
    throw std::runtime_error("the module can't be translated to LLVM IR");
  ExecutionEngine::setupTargetTripleAndDataLayout(module.get(), machine.get());
  auto optimise =
      makeOptimizingTransformer(level, /*sizeLevel=*/0, machine.get());
  if (llvm::Error error = optimise(module.get()))
    fail(std::move(error));
  return take(orc::SimpleCompiler(*machine)(*module));
}

/// Object code in this process, for as long as this lives.
class HostCode {
public:
  HostCode(nb::bytes object, const std::vector<std::string> &libraries) {
    llvm::StringRef bytes(object.c_str(), object.size());
    nb::gil_scoped_release released;
    session.emplace(take(orc::SelfExecutorProcessControl::Create()));
    layer.emplace(*session, session->getExecutorProcessControl().getMemMgr());
    if (llvm::Error error = load(bytes, libraries)) {
      end();
      fail(std::move(error));
    }
  }

  HostCode(const HostCode &) = delete;

  ~HostCode() {
    nb::gil_scoped_release released;
    end();
  }

  uint64_t lookup(const std::string &symbol) {
    nb::gil_scoped_release released;
    return take(session->lookup({program}, symbol)).getAddress().getValue();
  }

private:
  llvm::Error load(llvm::StringRef bytes,
                   const std::vector<std::string> &libraries) {
    using Generator = orc::DynamicLibrarySearchGenerator;
    constexpr char prefix = 0; // ELF has none.
    program = &session->createBareJITDylib("program");
    orc::SymbolMap memory;
    auto add = [&](StringRef name, auto *function) {
      memory[session->intern(name)] = {orc::ExecutorAddr::fromPtr(function),
                                       llvm::JITSymbolFlags::Exported};
    };
    add("_mlir_memref_to_llvm_alloc", _mlir_memref_to_llvm_alloc);
    add("_mlir_memref_to_llvm_free", _mlir_memref_to_llvm_free);
    add("__truncsfhf2", __truncsfhf2);
    add("__truncdfhf2", __truncdfhf2);
    add("__extendhfsf2", __extendhfsf2);
    add("__truncsfbf2", __truncsfbf2);
    add("__truncdfbf2", __truncdfbf2);
    if (llvm::Error error =
            program->define(orc::absoluteSymbols(std::move(memory))))
      return error;
    for (const std::string &library : libraries) {
      auto generator = Generator::Load(library.c_str(), prefix);
      if (!generator)
        return generator.takeError();
      program->addGenerator(std::move(*generator));
    }
    auto process = Generator::GetForCurrentProcess(prefix);
    if (!process)
      return process.takeError();
    program->addGenerator(std::move(*process));
    return layer->add(*program,
                      llvm::MemoryBuffer::getMemBufferCopy(bytes, "program"));
  }

  void end() {
    if (llvm::Error error = session->endSession())
      llvm::consumeError(std::move(error));
  }

  std::optional<orc::ExecutionSession> session;
  std::optional<orc::ObjectLinkingLayer> layer;
  orc::JITDylib *program = nullptr;
};

} // namespace

NB_MODULE(_host, m) {
  m.doc() = "Modules in the LLVM dialect as object code, and as code of this "
            "process.";
  m.def(
      "compile",
      [](MlirModule module, int level) {
        std::unique_ptr<llvm::MemoryBuffer> object;
        {
          nb::gil_scoped_release released;
          object = compile(unwrap(mlirModuleGetOperation(module)), level);
        }
        return nb::bytes(object->getBufferStart(), object->getBufferSize());
      },
      nb::arg("module"), nb::arg("level") = 3,
      "Object code for this very processor.");
  m.def("processor", &describeHost,
        "What code is compiled for: triple, processor and its features.");
  nb::class_<HostCode>(m, "HostCode")
      .def(nb::init<nb::bytes, const std::vector<std::string> &>(),
           nb::arg("object"), nb::arg("libraries") = std::vector<std::string>(),
           "Loads object code, which may call functions of these libraries.")
      .def("lookup", &HostCode::lookup, nb::arg("symbol"),
           "The address of a symbol: of the program, or of results' memory.");
  m.def("release_memory", &_pf_release_memory,
        "Gives memory that is kept for results back to the system.");
}
