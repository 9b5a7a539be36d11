//===- Interfaces.cpp - Python faces of GIR's interfaces ------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interfaces.h"

#include "gir-c/Interfaces.h"
#include "mlir-c/BuiltinTypes.h"
#include "mlir/Bindings/Python/NanobindAdaptors.h"
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

using Dims = std::vector<int64_t>;
using Amounts = std::vector<std::optional<int64_t>>;
/// Offsets, sizes, and what is asked for before and behind the tensor.
using Window = std::tuple<Amounts, Amounts, Amounts, Amounts>;

/// Collects what a C function says of one operand or result after the other.
template <typename Ask> static std::vector<Dims> collect(Ask ask) {
  std::vector<Dims> all;
  ask(
      [](intptr_t, intptr_t count, const int64_t *numbers, void *into) {
        static_cast<std::vector<Dims> *>(into)->emplace_back(numbers,
                                                             numbers + count);
      },
      &all);
  return all;
}

using Computation = std::tuple<std::vector<std::string>, std::vector<Dims>,
                               std::vector<Dims>, std::string, MlirAttribute>;

static std::optional<Computation> getComputation(MlirOperation op) {
  if (!girOperationIsComputation(op))
    return std::nullopt;
  static const char *const kinds[] = {"parallel", "reduction", "scan"};
  std::vector<std::string> iterators;
  auto numbers = collect([&](MlirGirNumbersCallback callback, void *into) {
    girComputationGetIterators(op, callback, into);
  });
  for (int64_t kind : numbers.front())
    iterators.emplace_back(kinds[kind]);
  auto operands = collect([&](MlirGirNumbersCallback callback, void *into) {
    girComputationGetOperandDims(op, callback, into);
  });
  auto results = collect([&](MlirGirNumbersCallback callback, void *into) {
    girComputationGetResultDims(op, callback, into);
  });
  MlirStringRef algebra = girComputationGetAlgebra(op);
  return Computation(std::move(iterators), std::move(operands),
                     std::move(results),
                     std::string(algebra.data, algebra.length),
                     girComputationGetNeutralElements(op));
}

static std::optional<std::vector<std::optional<Window>>>
getOperandWindows(MlirOperation op, const Amounts &offsets,
                  const Amounts &sizes, intptr_t result) {
  if (result < 0 || result >= mlirOperationGetNumResults(op))
    throw nb::value_error("expected the number of a result");
  MlirType type = mlirValueGetType(mlirOperationGetResult(op, result));
  if (!mlirTypeIsARankedTensor(type))
    return std::nullopt;
  size_t rank = mlirShapedTypeGetRank(type);
  if (offsets.size() != rank || sizes.size() != rank)
    throw nb::value_error(("expected " + std::to_string(rank) +
                           " offsets and sizes, got " +
                           std::to_string(offsets.size()) + " and " +
                           std::to_string(sizes.size()))
                              .c_str());
  int64_t unknown = mlirShapedTypeGetDynamicSize();
  auto plain = [&](const Amounts &amounts) {
    Dims numbers;
    for (std::optional<int64_t> amount : amounts)
      numbers.push_back(amount.value_or(unknown));
    return numbers;
  };
  std::vector<std::optional<Window>> windows(mlirOperationGetNumOperands(op));
  auto take = [](intptr_t number, intptr_t count, const int64_t *numbers,
                 void *into) {
    Amounts parts[4];
    for (Amounts &part : parts)
      for (intptr_t dim = 0; dim < count; ++dim, ++numbers)
        part.push_back(*numbers == mlirShapedTypeGetDynamicSize()
                           ? std::nullopt
                           : std::optional(*numbers));
    static_cast<std::vector<std::optional<Window>> *>(into)->at(number) =
        Window(parts[0], parts[1], parts[2], parts[3]);
  };
  Dims from = plain(offsets), counts = plain(sizes);
  if (!girOperationGetOperandWindows(op, result, rank, from.data(),
                                     counts.data(), take, &windows))
    return std::nullopt;
  return windows;
}

void bindComputation(nb::module_ &m) {
  m.def("computation", getComputation, nb::arg("op"),
        "(iterators, dims per operand, dims per result, algebra, neutral "
        "elements) of an op that goes over iteration dimensions, else None.");
  m.def("operand_windows", getOperandWindows, nb::arg("op"), nb::arg("offsets"),
        nb::arg("sizes"), nb::arg("result") = 0,
        "Per operand (offsets, sizes, before, behind) of what a window of a "
        "result needs, None where it isn't a tensor; None if the op doesn't "
        "say. None stands for amounts that aren't known.");
}
