//===- OptExtension.cpp - powerfusion._native._pf -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What Python needs from MLIR's C++ and the upstream bindings don't give:
// registering passes, mlir-opt's and mlir-lsp-server's mains, running a pass
// manager without the GIL, generalising a named op, and a constant's bytes. IR
// objects cross as capsules, so that nothing here depends on the bindings' own
// library.
//
//===----------------------------------------------------------------------===//

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include "mlir/Bindings/Python/NanobindAdaptors.h"

#include "gir/Analysis/Check.h"
#include "gir/IR/GIR.h"
#include "gir/Python/PythonPass.h"

#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Pass.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"

namespace nb = nanobind;
using namespace mlir;

namespace {

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

gir::PythonOptionValue parseDefault(const std::string &kind, nb::handle value) {
  if (kind == "bool")
    return nb::cast<bool>(value);
  if (kind == "int")
    return nb::cast<int64_t>(value);
  if (kind == "float")
    return nb::cast<double>(value);
  if (kind == "str")
    return nb::cast<std::string>(value);
  if (kind == "ints")
    return nb::cast<std::vector<int64_t>>(value);
  throw nb::value_error(("unknown kind of option: " + kind).c_str());
}

using OptionTuple =
    std::tuple<std::string, std::string, nb::object, std::string>;

void registerPythonPass(std::string name, std::string summary,
                        std::optional<std::string> anchor,
                        const std::vector<OptionTuple> &options) {
  gir::PythonPassSpec spec;
  spec.name = name;
  spec.summary = std::move(summary);
  spec.anchor = std::move(anchor);
  for (const auto &[optionName, kind, value, help] : options)
    spec.options.push_back({optionName, help, parseDefault(kind, value)});
  if (failed(gir::registerPythonPass(std::move(spec))))
    throw nb::value_error(
        ("a pass named '" + name + "' is registered already").c_str());
}

/// A diagnostic as Python sees it: location, message, notes.
using DiagnosticTuple =
    std::tuple<MlirLocation, std::string, std::vector<std::string>>;

/// Whether Python called `PassManager.add` with a function. The bindings then
/// call it without taking the GIL. Their class is in no header.
bool holdsCallback(PassManager &manager) {
  return llvm::any_of(manager.getPasses(), [](Pass &pass) {
    return StringRef(typeid(pass).name()).contains("ExternalPass");
  });
}

/// Runs a pass manager on this thread alone.
LogicalResult runWithoutThreads(PassManager &manager, Operation *op) {
  MLIRContext *context = op->getContext();
  bool threaded = context->isMultithreadingEnabled();
  context->disableMultithreading();
  LogicalResult result = manager.run(op);
  context->disableMultithreading(!threaded);
  return result;
}

/// Runs a pass manager with the GIL released, so that Python passes run on the
/// pass manager's threads. Diagnostics wait until the GIL is back, because
/// Python handlers may be attached. Returns whether it succeeded, and the
/// errors unless `emitErrors`.
std::pair<bool, std::vector<DiagnosticTuple>>
runPassManager(MlirPassManager wrapped, MlirOperation op, bool emitErrors) {
  PassManager &manager = *unwrap(wrapped);
  MLIRContext *context = unwrap(op)->getContext();
  std::vector<Diagnostic> diagnostics;
  LogicalResult result = failure();
  {
    ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
      diagnostics.push_back(std::move(diagnostic));
      return success();
    });
    if (holdsCallback(manager)) {
      result = runWithoutThreads(manager, unwrap(op));
    } else {
      nb::gil_scoped_release release;
      result = manager.run(unwrap(op));
    }
  }

  std::vector<DiagnosticTuple> errors;
  for (Diagnostic &diagnostic : diagnostics) {
    bool isError = diagnostic.getSeverity() == DiagnosticSeverity::Error;
    if (emitErrors || !isError || succeeded(result)) {
      context->getDiagEngine().emit(std::move(diagnostic));
      continue;
    }
    std::vector<std::string> notes;
    for (Diagnostic &note : diagnostic.getNotes())
      notes.push_back(note.str());
    errors.emplace_back(wrap(diagnostic.getLocation()), diagnostic.str(),
                        std::move(notes));
  }
  return {succeeded(result), std::move(errors)};
}

void emitDiagnostic(MlirLocation location, const std::string &severity,
                    const std::string &message,
                    const std::vector<std::string> &notes) {
  DiagnosticSeverity kind = llvm::StringSwitch<DiagnosticSeverity>(severity)
                                .Case("error", DiagnosticSeverity::Error)
                                .Case("warning", DiagnosticSeverity::Warning)
                                .Default(DiagnosticSeverity::Remark);
  Diagnostic diagnostic(unwrap(location), kind);
  diagnostic << message;
  for (const std::string &note : notes)
    diagnostic.attachNote() << note;
  unwrap(location).getContext()->getDiagEngine().emit(std::move(diagnostic));
}

//===----------------------------------------------------------------------===//
// Mains of MLIR's tools
//===----------------------------------------------------------------------===//

/// Hides from --help what libLLVM's back ends and optimisers registered when
/// they were loaded. MLIR registers its own options later, on demand. The
/// hidden ones still work, and --help-hidden shows them.
void hideOptionsOfLLVM() {
  for (const auto &entry : llvm::cl::getRegisteredOptions()) {
    llvm::cl::Option *option = entry.second;
    bool generic = llvm::any_of(option->Categories, [](auto *category) {
      return category->getName() == "Generic Options" ||
             category->getName() == "Color Options";
    });
    if (!generic && !option->ArgStr.starts_with("mlir-") &&
        option->getOptionHiddenFlag() == llvm::cl::NotHidden)
      option->setHiddenFlag(llvm::cl::Hidden);
  }
}

DialectRegistry &optRegistry() {
  static DialectRegistry *registry = [] {
    auto *made = new DialectRegistry;
    registerAllDialects(*made);
    registerAllExtensions(*made);
    registerAllToLLVMIRTranslations(*made);
    registerAllFromLLVMIRTranslations(*made);
    registerAllGPUToLLVMIRTranslations(*made);
    made->insert<gir::GIRDialect>();
    return made;
  }();
  return *registry;
}

/// What a tool's main takes: pointers into `args`, and a null behind them.
std::vector<char *> pointersTo(std::vector<std::string> &args) {
  std::vector<char *> argv;
  for (std::string &arg : args)
    argv.push_back(arg.data());
  argv.push_back(nullptr);
  return argv;
}

int optMain(std::vector<std::string> args) {
  std::vector<char *> argv = pointersTo(args);
  // The bindings register all passes when they are imported; a host that got
  // here without them hasn't.
  if (!PassInfo::lookup("canonicalize"))
    registerAllPasses();
  hideOptionsOfLLVM();
  llvm::cl::AddExtraVersionPrinter(
      [](raw_ostream &os) { os << "PowerFusion " PF_VERSION "\n"; });
  DialectRegistry &registry = optRegistry();
  nb::gil_scoped_release release;
  return asMainReturnCode(
      MlirOptMain(static_cast<int>(args.size()), argv.data(),
                  "PowerFusion optimizer driver\n", registry));
}

int lspMain(std::vector<std::string> args) {
  std::vector<char *> argv = pointersTo(args);
  hideOptionsOfLLVM();
  DialectRegistry &registry = optRegistry();
  nb::gil_scoped_release release;
  return asMainReturnCode(
      MlirLspServerMain(static_cast<int>(args.size()), argv.data(), registry));
}

//===----------------------------------------------------------------------===//
// Helpers on IR
//===----------------------------------------------------------------------===//

std::optional<MlirOperation> generalizeNamedOp(MlirOperation op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(unwrap(op));
  if (!linalgOp)
    return std::nullopt;
  IRRewriter rewriter(linalgOp);
  FailureOr<linalg::GenericOp> generic =
      linalg::generalizeNamedOp(rewriter, linalgOp);
  if (failed(generic))
    return std::nullopt;
  return wrap(generic->getOperation());
}

/// The elements of a constant as they lie in memory and whether there is only
/// one for all; none for an attribute that has no bytes.
std::optional<std::pair<nb::bytes, bool>> rawElements(MlirAttribute wrapped,
                                                      bool expandSplat) {
  Attribute attr = unwrap(wrapped);
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return std::nullopt;
    ArrayRef<char> data = blob->getData();
    return {{nb::bytes(data.data(), data.size()), false}};
  }
  auto elements = dyn_cast<DenseIntOrFPElementsAttr>(attr);
  if (!elements)
    return std::nullopt;
  bool isSplat = elements.isSplat();
  int64_t count = isSplat && !expandSplat ? 1 : elements.getNumElements();
  std::string bytes;
  if (elements.getElementType().isInteger(1)) {
    // MLIR packs these; everything else keeps a truth value in a byte.
    for (bool value : llvm::make_range(elements.value_begin<bool>(),
                                       elements.value_begin<bool>() + count))
      bytes.push_back(value ? 1 : 0);
    return {{nb::bytes(bytes.data(), bytes.size()), isSplat}};
  }
  ArrayRef<char> data = elements.getRawData();
  if (!isSplat || count == 1)
    return {{nb::bytes(data.data(), data.size()), isSplat}};
  bytes.reserve(data.size() * count);
  for (int64_t i = 0; i < count; ++i)
    bytes.append(data.data(), data.size());
  return {{nb::bytes(bytes.data(), bytes.size()), true}};
}

} // namespace

NB_MODULE(_pf, m) {
  m.doc() = "PowerFusion's host of Python passes, and helpers on IR.";
  m.attr("LLVM_VERSION") = LLVM_VERSION_STRING;
  gir::registerCheckPass();

  m.def("register_pass", &registerPythonPass, nb::arg("name"),
        nb::arg("summary"), nb::arg("anchor").none(), nb::arg("options"),
        "Registers a Python pass; options are (name, kind, default, help).");
  m.def("opt_main", &optMain, nb::arg("argv"),
        "Runs mlir-opt's main; returns the exit code.");
  m.def("lsp_main", &lspMain, nb::arg("argv"),
        "Runs mlir-lsp-server's main on standard input and output; returns the "
        "exit code.");
  m.def("run_pass_manager", &runPassManager, nb::arg("manager"),
        nb::arg("operation"), nb::arg("emit_errors"),
        "Runs a pass manager with the GIL released; returns whether it "
        "succeeded and its errors as (location, message, notes).");
  m.def("emit_diagnostic", &emitDiagnostic, nb::arg("location"),
        nb::arg("severity"), nb::arg("message"),
        nb::arg("notes") = std::vector<std::string>(),
        "Reports an error, a warning or a remark.");
  m.def(
      "keep_alive", [](nb::object object) { object.release(); },
      nb::arg("object"), "Keeps an object alive for ever.");
  m.def("generalize_named_op", &generalizeNamedOp, nb::arg("op"),
        "Replaces a named linalg op by a linalg.generic and returns that; None "
        "if it can't be. The old op's wrapper is invalid afterwards.");
  m.def("raw_elements", &rawElements, nb::arg("attr"), nb::kw_only(),
        nb::arg("expand_splat") = false,
        "The bytes of a dense or dense_resource constant and whether it is a "
        "splat, of which there is one element unless `expand_splat`.");
}
