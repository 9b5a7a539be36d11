//===- PythonPass.h - A pass whose body is Python ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a pass that is written in Python looks to MLIR: an ordinary pass with an
// anchor, a description and typed options. Only this header and its source
// know both MLIR's pass infrastructure and the CPython API.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_PYTHON_PYTHONPASS_H
#define GIR_PYTHON_PYTHONPASS_H

#include "mlir/Support/LLVM.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace gir {

/// The default value of an option; the alternative is the option's type.
using PythonOptionValue =
    std::variant<bool, int64_t, double, std::string, std::vector<int64_t>>;

struct PythonOptionSpec {
  std::string name;
  std::string help;
  PythonOptionValue defaultValue;
};

struct PythonPassSpec {
  /// The pass argument, `gir-...` or `convert-...`.
  std::string name;
  std::string summary;
  /// The op the pass is anchored on; none for a pass that takes any.
  std::optional<std::string> anchor;
  std::vector<PythonOptionSpec> options;
};

/// Registers a Python pass in the process's pass registry, for good. Fails if
/// another pass has this name.
llvm::LogicalResult registerPythonPass(PythonPassSpec spec);

} // namespace gir

#endif // GIR_PYTHON_PYTHONPASS_H
