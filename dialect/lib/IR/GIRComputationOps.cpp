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
// ContractOp
//===----------------------------------------------------------------------===//

/// True if values of type `from` can be widened to type `to`, and lose nothing.
static bool widens(Type from, Type to) {
  if (from == to)
    return true;
  bool alike = (isa<FloatType>(from) && isa<FloatType>(to)) ||
               (isa<IntegerType>(from) && isa<IntegerType>(to));
  return alike && from.getIntOrFloatBitWidth() < to.getIntOrFloatBitWidth();
}

/// Checks that the sizes along each iteration dimension agree, where the maps
/// are projected permutations.
static LogicalResult verifyExtents(ContractOp op) {
  SmallVector<int64_t> extents(op.getMap(0).getNumDims(), ShapedType::kDynamic);
  for (unsigned position = 0; position < 3; ++position) {
    auto type = cast<RankedTensorType>(op->getOperand(position).getType());
    for (auto [dim, result] :
         llvm::enumerate(op.getMap(position).getResults())) {
      unsigned iteration = cast<AffineDimExpr>(result).getPosition();
      int64_t size = type.getDimSize(dim);
      if (!sizesAgree(extents[iteration], size))
        return op.emitOpError("expected ")
               << extents[iteration] << " steps of iteration dimension "
               << iteration << ", got " << size << " in " << type;
      if (!ShapedType::isDynamic(size))
        extents[iteration] = size;
    }
  }
  return success();
}

/// Checks the element types.
static LogicalResult verifyElements(ContractOp op) {
  Type lhs = getElementTypeOrSelf(op.getLhs());
  Type rhs = getElementTypeOrSelf(op.getRhs());
  Type acc = getElementTypeOrSelf(op.getAcc());
  if (!acc.isIntOrIndexOrFloat() || !widens(lhs, acc) || !widens(rhs, acc))
    return op.emitOpError("expected elements that widen to ")
           << acc << ", got " << lhs << " and " << rhs;
  if (op.getIsUnsigned() && isa<FloatType>(acc))
    return op.emitOpError("expected integers with unsigned, got ") << acc;
  return success();
}

LogicalResult ContractOp::verify() {
  // (C1)
  if (getMaps().size() != 3)
    return emitOpError("expected 3 maps, got ") << getMaps().size();
  unsigned dims = getMap(0).getNumDims();
  for (unsigned position = 0; position < 3; ++position) {
    AffineMap map = getMap(position);
    if (map.getNumDims() != dims || map.getNumSymbols() != 0 ||
        !map.isProjectedPermutation())
      return emitOpError("expected a projected permutation of ")
             << dims << " dimensions, got " << AffineMapAttr::get(map);
    // (C2)
    auto type = cast<RankedTensorType>(getOperand(position).getType());
    if (map.getNumResults() != type.getRank())
      return emitOpError("expected a map to the ")
             << type.getRank() << " dimensions of " << type << ", got "
             << AffineMapAttr::get(map);
  }
  // (C3)
  for (unsigned dim = 0; dim < dims; ++dim)
    if (!getMap(0).isFunctionOfDim(dim) && !getMap(1).isFunctionOfDim(dim))
      return emitOpError("expected each iteration dimension in the map of lhs "
                         "or rhs, got ")
             << dim << " in neither";
  // (C4) (C5) (C6)
  if (failed(verifyExtents(*this)) || failed(verifyElements(*this)))
    return failure();
  // (C7)
  if (!getValid().empty() && getValid().size() != dims)
    return emitOpError("expected no valid extents or ")
           << dims << ", got " << getValid().size();
  return success();
}

SmallVector<Iterator> ContractOp::getIterators() {
  SmallVector<Iterator> iterators(getMap(0).getNumDims(), Iterator::reduction);
  for (int64_t dim : getResultDims(0))
    iterators[dim] = Iterator::parallel;
  return iterators;
}

SmallVector<int64_t> ContractOp::getOperandDims(unsigned number) {
  SmallVector<int64_t> dims;
  if (number < 3)
    for (AffineExpr result : getMap(number).getResults())
      dims.push_back(cast<AffineDimExpr>(result).getPosition());
  return dims;
}

SmallVector<int64_t> ContractOp::getResultDims(unsigned) {
  return getOperandDims(2);
}

Algebra ContractOp::getCombiningAlgebra() { return Algebra::commutative; }

SmallVector<TypedAttr> ContractOp::getNeutralElements() {
  Type element = getElementTypeOrSelf(getAcc());
  // Sums need the negative zero: 0.0 + -0.0 is 0.0.
  if (auto number = dyn_cast<FloatType>(element))
    return {FloatAttr::get(number,
                           APFloat::getZero(number.getFloatSemantics(), true))};
  return {IntegerAttr::get(element, 0)};
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
  // (C4)
  if (getPassAttr().getInt() < 0)
    return emitOpError("expected a pass of at least 0, got ")
           << getPassAttr().getInt();
  return success();
}

SmallVector<Iterator> IotaOp::getIterators() {
  return SmallVector<Iterator>(
      cast<RankedTensorType>(getResult().getType()).getRank(),
      Iterator::parallel);
}

SmallVector<int64_t> IotaOp::getOperandDims(unsigned) { return {}; }

SmallVector<int64_t> IotaOp::getResultDims(unsigned) {
  return llvm::to_vector(llvm::seq<int64_t>(
      0, cast<RankedTensorType>(getResult().getType()).getRank()));
}

Algebra IotaOp::getCombiningAlgebra() { return Algebra::commutative; }

SmallVector<TypedAttr> IotaOp::getNeutralElements() { return {}; }

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
