//===- PythonPass.cpp - A pass whose body is Python -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C++ half of a Python pass. The Python half is powerfusion.core.native:
// its `run_pass` looks the pass up, runs it, and turns an exception into the
// plain description of a diagnostic, which is emitted here.
//
//===----------------------------------------------------------------------===//

#include <Python.h>

#include "gir/Python/PythonPass.h"

#include "gir/IR/GIR.h"

#include "mlir/CAPI/IR.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using gir::PythonOptionSpec;
using gir::PythonPassSpec;

namespace {

constexpr const char *kNativeModule = "powerfusion.core.native";
constexpr const char *kOperationCapsule =
    "powerfusion.mlir.ir.Operation._CAPIPtr";
constexpr const char *kLocationCapsule =
    "powerfusion.mlir.ir.Location._CAPIPtr";

//===----------------------------------------------------------------------===//
// CPython in RAII clothes
//===----------------------------------------------------------------------===//

/// Holds the GIL, from whatever thread.
struct GilGuard {
  GilGuard() : state(PyGILState_Ensure()) {}
  ~GilGuard() { PyGILState_Release(state); }
  GilGuard(const GilGuard &) = delete;
  GilGuard &operator=(const GilGuard &) = delete;
  PyGILState_STATE state;
};

struct DecRef {
  void operator()(PyObject *object) const { Py_XDECREF(object); }
};
/// An owned reference; null after a Python error.
using PyRef = std::unique_ptr<PyObject, DecRef>;

std::string toString(PyObject *object) {
  PyRef text(object ? PyObject_Str(object) : nullptr);
  const char *utf8 = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  if (!utf8) {
    PyErr_Clear();
    return "<unprintable>";
  }
  return utf8;
}

/// Takes the pending Python error as `Type: message`.
std::string takeError() {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  PyRef ownedType(type), ownedValue(value), ownedTrace(trace);
  std::string name =
      type ? reinterpret_cast<PyTypeObject *>(type)->tp_name : "error";
  return name + ": " + toString(value);
}

//===----------------------------------------------------------------------===//
// PythonPass
//===----------------------------------------------------------------------===//

/// What a pass that failed says. Taken while the GIL is held, emitted after it
/// was released: a diagnostic handler may want the GIL on another thread.
struct Failure {
  std::string message;
  std::optional<Location> location;
  SmallVector<std::string> notes;
};

/// One option of one pass object: owns the `Pass::Option` and can hand its
/// value to Python.
struct BoundOption {
  virtual ~BoundOption() = default;
  virtual PyObject *value() const = 0;
};

PyObject *toPython(bool value) { return PyBool_FromLong(value); }
PyObject *toPython(int64_t value) { return PyLong_FromLongLong(value); }
PyObject *toPython(double value) { return PyFloat_FromDouble(value); }
PyObject *toPython(const std::string &value) {
  return PyUnicode_FromStringAndSize(value.data(), value.size());
}

template <typename T> struct ScalarOption final : BoundOption {
  ScalarOption(Pass &pass, const PythonOptionSpec &spec, const T &init)
      : option(pass, spec.name, llvm::cl::desc(spec.help),
               llvm::cl::init(init)) {}
  PyObject *value() const override {
    return toPython(static_cast<const T &>(option.getValue()));
  }
  Pass::Option<T> option;
};

struct IntegersOption final : BoundOption {
  IntegersOption(Pass &pass, const PythonOptionSpec &spec,
                 ArrayRef<int64_t> init)
      : option(pass, spec.name, llvm::cl::desc(spec.help),
               llvm::cl::list_init(init)) {}
  PyObject *value() const override {
    PyRef tuple(PyTuple_New(static_cast<Py_ssize_t>(option.size())));
    if (!tuple)
      return nullptr;
    for (auto [index, element] :
         llvm::enumerate(llvm::make_range(option.begin(), option.end()))) {
      PyObject *item = toPython(element);
      if (!item)
        return nullptr;
      PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(index), item);
    }
    return tuple.release();
  }
  Pass::ListOption<int64_t> option;
};

std::unique_ptr<BoundOption> bindOption(Pass &pass,
                                        const PythonOptionSpec &spec) {
  return std::visit(
      [&](const auto &init) -> std::unique_ptr<BoundOption> {
        using T = std::decay_t<decltype(init)>;
        if constexpr (std::is_same_v<T, std::vector<int64_t>>)
          return std::make_unique<IntegersOption>(pass, spec, init);
        else
          return std::make_unique<ScalarOption<T>>(pass, spec, init);
      },
      spec.defaultValue);
}

/// A spec as the registry keeps it, with a type ID of its own: MLIR takes two
/// passes of one ID for the same pass.
struct RegisteredSpec {
  explicit RegisteredSpec(PythonPassSpec spec) : spec(std::move(spec)) {}
  PythonPassSpec spec;
  SelfOwningTypeID typeID;
};

class PythonPass final : public Pass {
public:
  explicit PythonPass(const RegisteredSpec &registered)
      : Pass(registered.typeID, anchorOf(registered.spec)),
        registered(registered) {
    for (const PythonOptionSpec &option : spec().options)
      options.push_back(bindOption(*this, option));
  }

  StringRef getName() const override { return spec().name; }
  StringRef getArgument() const override { return spec().name; }
  StringRef getDescription() const override { return spec().summary; }

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<gir::GIRDialect, affine::AffineDialect, arith::ArithDialect,
                    cf::ControlFlowDialect, func::FuncDialect,
                    linalg::LinalgDialect, LLVM::LLVMDialect, math::MathDialect,
                    memref::MemRefDialect, omp::OpenMPDialect, scf::SCFDialect,
                    tensor::TensorDialect, vector::VectorDialect>();
  }

protected:
  void runOnOperation() override;

  bool canScheduleOn(RegisteredOperationName name) const override {
    return !spec().anchor || name.getStringRef() == *spec().anchor;
  }

  // The clone starts from the defaults; Pass::clone copies the values over.
  std::unique_ptr<Pass> clonePass() const override {
    return std::make_unique<PythonPass>(registered);
  }

private:
  static std::optional<StringRef> anchorOf(const PythonPassSpec &spec) {
    if (!spec.anchor)
      return std::nullopt;
    return StringRef(*spec.anchor);
  }

  const PythonPassSpec &spec() const { return registered.spec; }

  PyObject *optionsDict() const;
  std::string pipelineText();
  std::optional<Failure> callPython(Operation *before);
  Failure describe(PyObject *failure, Operation *before);

  const RegisteredSpec &registered;
  SmallVector<std::unique_ptr<BoundOption>> options;
};

PyObject *PythonPass::optionsDict() const {
  PyRef dict(PyDict_New());
  if (!dict)
    return nullptr;
  for (auto [optionSpec, option] : llvm::zip_equal(spec().options, options)) {
    PyRef value(option->value());
    if (!value ||
        PyDict_SetItemString(dict.get(), optionSpec.name.c_str(), value.get()))
      return nullptr;
  }
  return dict.release();
}

/// The pipeline that runs this pass, and only this, on the IR of the
/// reproducer: that is the anchor alone, in a module.
std::string PythonPass::pipelineText() {
  std::string text;
  llvm::raw_string_ostream os(text);
  StringRef anchor = getOperation()->getName().getStringRef();
  bool nested = anchor != ModuleOp::getOperationName();
  os << ModuleOp::getOperationName() << '(';
  if (nested)
    os << anchor << '(';
  printAsTextualPipeline(os);
  os << (nested ? "))" : ")");
  return text;
}

void PythonPass::runOnOperation() {
  // The IR before the pass is only printed if the pass fails; copying it costs
  // far less than the pass, and no constant is copied.
  OwningOpRef<Operation *> before(getOperation()->clone());
  std::optional<Failure> failure;
  {
    GilGuard gil;
    failure = callPython(*before);
  }
  if (!failure)
    return;

  Location here = getOperation()->getLoc();
  InFlightDiagnostic error = emitError(failure->location.value_or(here));
  error << failure->message;
  for (const std::string &note : failure->notes)
    error.attachNote() << note;
  error.report();
  signalPassFailure();
}

/// Runs `run_pass(name, op, options)`; none when the pass succeeded.
std::optional<Failure> PythonPass::callPython(Operation *before) {
  PyRef module(PyImport_ImportModule(kNativeModule));
  PyRef capsule(PyCapsule_New(getOperation(), kOperationCapsule, nullptr));
  PyRef values(optionsDict());
  PyRef result(module && capsule && values
                   ? PyObject_CallMethod(module.get(), "run_pass", "sOO",
                                         spec().name.c_str(), capsule.get(),
                                         values.get())
                   : nullptr);
  if (result && result.get() == Py_None)
    return std::nullopt;
  if (result)
    return describe(result.get(), before);

  if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
    // The main thread gets its KeyboardInterrupt once MLIR has unwound.
    PyErr_Clear();
    PyErr_SetInterrupt();
    return Failure{"pass '" + spec().name + "' was interrupted", {}, {}};
  }
  return Failure{
      "pass '" + spec().name + "' can't run: " + takeError(), {}, {}};
}

/// Reads a powerfusion.core.native.Failure.
Failure PythonPass::describe(PyObject *object, Operation *before) {
  Failure failure;
  PyRef message(PyObject_GetAttrString(object, "message"));
  failure.message = toString(message.get());

  PyRef location(PyObject_GetAttrString(object, "location"));
  if (location && PyCapsule_IsValid(location.get(), kLocationCapsule))
    failure.location = Location::getFromOpaquePointer(
        PyCapsule_GetPointer(location.get(), kLocationCapsule));

  PyRef notes(PyObject_GetAttrString(object, "notes"));
  PyRef items(notes ? PySequence_Fast(notes.get(), "notes is no sequence")
                    : nullptr);
  for (Py_ssize_t i = 0; items && i < PySequence_Fast_GET_SIZE(items.get());
       ++i)
    failure.notes.push_back(toString(PySequence_Fast_GET_ITEM(items.get(), i)));

  PyRef wanted(PyObject_GetAttrString(object, "wants_reproducer"));
  if (wanted && PyObject_IsTrue(wanted.get()) == 1) {
    std::string ir;
    llvm::raw_string_ostream os(ir);
    before->print(os, OpPrintingFlags().enableDebugInfo());
    PyRef note(PyObject_CallMethod(object, "write_reproducer", "ss", ir.c_str(),
                                   pipelineText().c_str()));
    if (note)
      failure.notes.push_back(toString(note.get()));
  }
  PyErr_Clear();
  return failure;
}

} // namespace

LogicalResult gir::registerPythonPass(PythonPassSpec spec) {
  if (PassInfo::lookup(spec.name))
    return failure();
  // The registry refers to the names and calls the factory for as long as the
  // process lives, so that the spec lives as long.
  auto *registered = new RegisteredSpec(std::move(spec));
  mlir::registerPass([registered]() -> std::unique_ptr<Pass> {
    return std::make_unique<PythonPass>(*registered);
  });
  return success();
}
