//===- GIRComputationOps.cpp - Ops that compute -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "gir/IR/GIR.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace gir;

//===----------------------------------------------------------------------===//
// ReduceOp
//===----------------------------------------------------------------------===//

/// True if a combining kind can combine elements of that type.
static bool suits(vector::CombiningKind kind, Type type) {
  using vector::CombiningKind;
  switch (kind) {
  case CombiningKind::ADD:
  case CombiningKind::MUL:
    return type.isIntOrIndexOrFloat();
  case CombiningKind::MINNUMF:
  case CombiningKind::MAXNUMF:
  case CombiningKind::MINIMUMF:
  case CombiningKind::MAXIMUMF:
    return isa<FloatType>(type);
  default:
    return type.isIntOrIndex();
  }
}

LogicalResult ReduceOp::verify() {
  // (C1)
  if (getKinds().has_value() == !getCombiner().empty())
    return emitOpError("expected either kinds or a combiner, got ")
           << (getKinds() ? "both" : "neither");
  // (C2)
  if (getInputs().empty() || getInits().empty())
    return emitOpError("expected at least one input and one init, got ")
           << getInputs().size() << " and " << getInits().size();
  auto first = cast<RankedTensorType>(getInputs().front().getType());
  for (Value input : getInputs())
    if (!shapesAgree(cast<RankedTensorType>(input.getType()).getShape(),
                     first.getShape()))
      return emitOpError("expected inputs of one shape, got ")
             << input.getType() << " and " << first;
  // (C3)
  if (!areDimsOf(getDims(), first.getRank()))
    return emitOpError("expected strictly increasing dimensions of ")
           << first << ", got [" << getDims() << "]";
  // (C4)
  SmallVector<int64_t> kept = dropDims(first.getShape(), getDims());
  for (Value init : getInits())
    if (!shapesAgree(cast<RankedTensorType>(init.getType()).getShape(), kept))
      return emitOpError("expected an init of sizes [")
             << kept << "], got " << init.getType();
  // (C7)
  if (!getValid().empty() &&
      static_cast<int64_t>(getValid().size()) != first.getRank())
    return emitOpError("expected no valid extents or ")
           << first.getRank() << ", got " << getValid().size();
  if (!getKinds())
    return success();
  // (C5)
  if (getKinds()->size() != getInputs().size() ||
      getInits().size() != getInputs().size())
    return emitOpError("expected one kind and one init per input, got ")
           << getKinds()->size() << " and " << getInits().size() << " for "
           << getInputs().size();
  for (auto [kind, input, init] :
       llvm::zip(getKinds()->getAsRange<vector::CombiningKindAttr>(),
                 getInputs(), getInits())) {
    Type element = getElementTypeOrSelf(input);
    if (element != getElementTypeOrSelf(init) ||
        !suits(kind.getValue(), element))
      return emitOpError("expected a kind and an init that suit ")
             << element << ", got " << kind << " and " << init.getType();
  }
  return success();
}

// Apart from verify(), which runs before the combiner's own ops are known to be
// valid.
LogicalResult ReduceOp::verifyRegions() {
  if (getCombiner().empty())
    return success();
  SmallVector<Type> expected, accumulators;
  for (Value input : getInputs())
    expected.push_back(getElementTypeOrSelf(input));
  for (Value init : getInits())
    accumulators.push_back(getElementTypeOrSelf(init));
  llvm::append_range(expected, accumulators);
  // (C6)
  Block &block = getCombiner().front();
  if (block.getArgumentTypes() != TypeRange(expected))
    return emitOpError("expected a combiner that takes (")
           << expected << "), got (" << block.getArgumentTypes() << ")";
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield)
    return emitOpError("expected a combiner that ends in gir.yield, got ")
           << block.getTerminator()->getName();
  if (yield.getOperandTypes() != TypeRange(accumulators))
    return emitOpError("expected a combiner that yields (")
           << accumulators << "), got (" << yield.getOperandTypes() << ")";
  return success();
}

//===----------------------------------------------------------------------===//
// IotaOp
//===----------------------------------------------------------------------===//

LogicalResult IotaOp::verify() {
  auto result = cast<RankedTensorType>(getResult().getType());
  // (C1)
  int64_t dim = getDim();
  if (dim < 0 || dim >= result.getRank())
    return emitOpError("expected a dimension below ")
           << result.getRank() << ", got " << dim;
  // (C2)
  if (!result.getElementType().isIndex())
    return emitOpError("expected elements of type index, got ")
           << result.getElementType();
  // (C3)
  if (getSizes().size() != static_cast<size_t>(result.getNumDynamicDims()))
    return emitOpError("expected one size per dynamic dimension, got ")
           << getSizes().size() << " for " << result.getNumDynamicDims();
  return success();
}

//===----------------------------------------------------------------------===//
// AssertOp
//===----------------------------------------------------------------------===//

LogicalResult AssertOp::verify() {
  auto type = cast<RankedTensorType>(getCondition().getType());
  // (C1)
  if (!type.getElementType().isInteger(1))
    return emitOpError("expected elements of type i1, got ")
           << type.getElementType();
  // (C2)
  if (!getValid().empty() &&
      static_cast<int64_t>(getValid().size()) != type.getRank())
    return emitOpError("expected no valid extents or ")
           << type.getRank() << ", got " << getValid().size();
  return success();
}
