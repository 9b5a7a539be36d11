//===- Interfaces.cpp - C API: what GIR ops compute, and of what ----------===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gir-c/Interfaces.h"

#include "gir/IR/GIR.h"
#include "gir/IR/GIRWindows.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Support.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

static gir::ComputationOpInterface computationOf(MlirOperation op) {
  return cast<gir::ComputationOpInterface>(unwrap(op));
}

bool girOperationIsComputation(MlirOperation op) {
  return isa<gir::ComputationOpInterface>(unwrap(op));
}

void girComputationGetIterators(MlirOperation op,
                                MlirGirNumbersCallback callback,
                                void *userData) {
  SmallVector<int64_t> numbers = llvm::map_to_vector(
      computationOf(op).getIterators(),
      [](gir::Iterator iterator) { return static_cast<int64_t>(iterator); });
  callback(0, numbers.size(), numbers.data(), userData);
}

void girComputationGetOperandDims(MlirOperation op,
                                  MlirGirNumbersCallback callback,
                                  void *userData) {
  gir::ComputationOpInterface computation = computationOf(op);
  for (unsigned number = 0; number < computation->getNumOperands(); ++number) {
    SmallVector<int64_t> dims = computation.getOperandDims(number);
    callback(number, dims.size(), dims.data(), userData);
  }
}

void girComputationGetResultDims(MlirOperation op,
                                 MlirGirNumbersCallback callback,
                                 void *userData) {
  gir::ComputationOpInterface computation = computationOf(op);
  for (unsigned number = 0; number < computation->getNumResults(); ++number) {
    SmallVector<int64_t> dims = computation.getResultDims(number);
    callback(number, dims.size(), dims.data(), userData);
  }
}

MlirStringRef girComputationGetAlgebra(MlirOperation op) {
  return wrap(gir::stringifyAlgebra(computationOf(op).getCombiningAlgebra()));
}

MlirAttribute girComputationGetNeutralElements(MlirOperation op) {
  gir::ComputationOpInterface computation = computationOf(op);
  auto elements =
      llvm::to_vector_of<Attribute>(computation.getNeutralElements());
  return wrap(Attribute(ArrayAttr::get(computation->getContext(), elements)));
}

bool girOperationGetOperandWindows(MlirOperation op, intptr_t result,
                                   intptr_t rank, const int64_t *offsets,
                                   const int64_t *sizes,
                                   MlirGirNumbersCallback callback,
                                   void *userData) {
  Operation *operation = unwrap(op);
  Builder builder(operation->getContext());
  auto amounts = [&](const int64_t *numbers) {
    return llvm::map_to_vector(ArrayRef(numbers, rank),
                               [&](int64_t number) -> OpFoldResult {
                                 if (ShapedType::isDynamic(number))
                                   return {};
                                 return builder.getIndexAttr(number);
                               });
  };
  std::optional<gir::Window> domain = gir::getDomainWindow(
      operation, result, amounts(offsets), amounts(sizes), nullptr);
  if (!domain)
    return false;
  std::optional<gir::OperandWindows> windows = gir::getOperandWindows(
      operation, domain->offsets, domain->sizes, nullptr);
  if (!windows)
    return false;
  for (auto [number, window] : llvm::enumerate(*windows)) {
    if (!window)
      continue;
    SmallVector<int64_t> numbers;
    for (auto part : {&gir::Window::offsets, &gir::Window::sizes,
                      &gir::Window::before, &gir::Window::behind})
      for (OpFoldResult amount : (*window).*part) {
        std::optional<int64_t> known =
            amount ? getConstantIntValue(amount) : std::nullopt;
        numbers.push_back(known.value_or(ShapedType::kDynamic));
      }
    callback(number, window->offsets.size(), numbers.data(), userData);
  }
  return true;
}
