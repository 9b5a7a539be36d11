//===- GIRAttributes.cpp - Verifiers of the attributes -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIR.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace gir;

LogicalResult LanesAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                ArrayRef<int64_t> lanes,
                                ArrayRef<int64_t> elements) {
  // (C1)
  if (lanes.size() != elements.size() || lanes.empty())
    return emitError() << "expected as many lane counts as element counts and "
                          "at least one, got "
                       << lanes.size() << " and " << elements.size();
  // (C2)
  for (int64_t count : llvm::concat<const int64_t>(lanes, elements))
    if (count < 1)
      return emitError() << "expected counts of at least 1, got " << count;
  for (auto [lane, element] : llvm::zip(lanes, elements)) {
    int64_t round;
    if (llvm::MulOverflow(lane, element, round))
      return emitError() << "expected rounds of less than 2^63 elements, got "
                         << lane << " x " << element;
  }
  return success();
}

LogicalResult AtAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                             Level level, StringAttr space, LanesAttr layout) {
  // (C1)
  if (layout && level != Level::reg)
    return emitError() << "expected a layout only at reg, got one at "
                       << stringifyLevel(level);
  // (C4)
  if (space && space.empty())
    return emitError() << "expected a space's name, got an empty one";
  return success();
}

LogicalResult
AtAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                       function_ref<InFlightDiagnostic()> emitError) const {
  // The parser asks about a type without an element type, which it has refused.
  if (!elementType)
    return failure();
  // (C5)
  if (!isNumber(elementType))
    return emitError() << "expected elements that are floats, index or "
                          "signless integers of at most 64 bits, got "
                       << elementType;
  // (C6)
  if (!hasCountableElements(shape))
    return emitError() << "expected less than 2^60 elements, got more";
  LanesAttr layout = getLayout();
  if (!layout)
    return success();
  // (C2)
  if (layout.getLanes().size() != shape.size())
    return emitError() << "expected a layout of " << shape.size()
                       << " dimensions, got " << layout.getLanes().size();
  // (C3)
  for (auto [index, size] : llvm::enumerate(shape)) {
    int64_t round = layout.getLanes()[index] * layout.getElements()[index];
    if (!ShapedType::isDynamic(size) && size % round != 0)
      return emitError() << "expected a layout that covers dimension " << index
                         << " of size " << size << ", got rounds of " << round
                         << " elements";
  }
  return success();
}
