//===- PythonPasses.cpp - PowerFusion's passes for any host ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Starts CPython in a host that has none, and has powerfusion.core.native
// register the passes. The registering code itself is in the package's native
// extension, which this process then loads like any Python process does: there
// is one copy of it, whoever the host is.
//
//===----------------------------------------------------------------------===//

#include <Python.h>

#include "gir/Python/PythonPasses.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <dlfcn.h>
#include <string>

using namespace llvm;

namespace {

LogicalResult fail(const std::string &message) {
  errs() << "error: powerfusion's passes can't be registered: " << message
         << '\n';
  return failure();
}

/// Extension modules take CPython's symbols from the process. A host that
/// loaded us with local symbols doesn't offer them, so that libpython is
/// raised to global ones here.
void offerSymbolsOfPython() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&Py_IsInitialized), &info) &&
      info.dli_fname)
    dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

/// The interpreter whose environment holds the package. An interpreter is
/// found by its path: the virtual environment around it is then the one that
/// the imports come from.
std::string interpreterPath() {
  const char *knob = std::getenv("PF_PYTHON");
  return knob && *knob ? knob : PF_PYTHON_EXECUTABLE;
}

LogicalResult startPython() {
  std::string path = interpreterPath();
  // CPython would quietly take another one.
  if (!sys::fs::can_execute(path))
    return fail("there is no Python interpreter at " + path +
                "; PF_PYTHON names one");
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  config.install_signal_handlers = 0;
  config.parse_argv = 0;
  PyStatus status =
      PyConfig_SetBytesString(&config, &config.program_name, path.c_str());
  if (!PyStatus_Exception(status))
    status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status))
    return fail("CPython doesn't start with " + path + ": " +
                (status.err_msg ? status.err_msg : "unknown reason"));
  // The thread that started the interpreter holds the GIL until here.
  PyEval_SaveThread();
  return success();
}

/// The pending Python error in one line.
std::string takeError() {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  PyObject *text = value ? PyObject_Str(value) : nullptr;
  const char *utf8 = text ? PyUnicode_AsUTF8(text) : nullptr;
  std::string message =
      type ? reinterpret_cast<PyTypeObject *>(type)->tp_name : "error";
  message += ": ";
  message += utf8 ? utf8 : "<unprintable>";
  PyErr_Clear();
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(trace);
  return message.substr(0, message.find('\n'));
}

/// Imports the package from the environment, or else from the tree that this
/// library was built in.
PyObject *importNative() {
  constexpr const char *name = "powerfusion.core.native";
  PyObject *module = PyImport_ImportModule(name);
  if (module || !PyErr_ExceptionMatches(PyExc_ModuleNotFoundError))
    return module;
  PyErr_Clear();
  PyObject *path = PySys_GetObject("path"); // borrowed
  PyObject *root = PyUnicode_FromString(PF_PACKAGE_ROOT);
  if (path && root)
    PyList_Append(path, root);
  Py_XDECREF(root);
  return PyImport_ImportModule(name);
}

LogicalResult registerAll() {
  if (!Py_IsInitialized() && failed(startPython()))
    return failure();
  offerSymbolsOfPython();
  PyGILState_STATE gil = PyGILState_Ensure();
  PyObject *module = importNative();
  PyObject *result =
      module ? PyObject_CallMethod(module, "register_all", nullptr) : nullptr;
  std::string problem = result ? "" : takeError();
  Py_XDECREF(result);
  Py_XDECREF(module);
  PyGILState_Release(gil);
  return problem.empty() ? success()
                         : fail(problem + " (interpreter " + interpreterPath() +
                                "; PF_PYTHON chooses another)");
}

} // namespace

LogicalResult gir::registerPythonPasses() {
  static LogicalResult result = registerAll();
  return result;
}
