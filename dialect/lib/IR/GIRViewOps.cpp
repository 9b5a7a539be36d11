//===- GIRViewOps.cpp - Other names for the same bytes --------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "gir/IR/GIR.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace gir;

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// True if two tensors have one element type and are in one place. A layout
/// says how a tile is dealt out there, and has the tile's own rank.
static bool alike(RankedTensorType a, RankedTensorType b) {
  AtAttr first = getAt(a), second = getAt(b);
  return a.getElementType() == b.getElementType() &&
         first.getLevel() == second.getLevel() &&
         first.getSpace() == second.getSpace();
}

static LogicalResult emitUnlike(Operation *op, RankedTensorType result,
                                RankedTensorType source) {
  return op->emitOpError("expected one element type and one place, got ")
         << result << " from " << source;
}

//===----------------------------------------------------------------------===//
// PermuteOp
//===----------------------------------------------------------------------===//

LogicalResult PermuteOp::verify() {
  RankedTensorType source = tensorOf(getSource()),
                   result = tensorOf(getResult());
  // (C1)
  SmallVector<int64_t> sorted(getPerm());
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, source.getRank())))
    return emitOpError("expected a permutation of ")
           << source.getRank() << " dimensions, got [" << getPerm() << "]";
  // (C2)
  SmallVector<int64_t> shape;
  for (int64_t dim : getPerm())
    shape.push_back(source.getDimSize(dim));
  if (ArrayRef(shape) != result.getShape())
    return emitOpError("expected a result of sizes [")
           << shape << "], got " << result;
  // (C3)
  if (!alike(source, result))
    return emitUnlike(*this, result, source);
  return success();
}

//===----------------------------------------------------------------------===//
// BroadcastOp
//===----------------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  RankedTensorType source = tensorOf(getSource()),
                   result = tensorOf(getResult());
  // (C1)
  if (!areDimsOf(getDims(), result.getRank()) ||
      source.getRank() + static_cast<int64_t>(getDims().size()) !=
          result.getRank())
    return emitOpError("expected new dimensions, strictly increasing, beside "
                       "the operand's ")
           << source.getRank() << " of " << result.getRank() << ", got ["
           << getDims() << "]";
  // (C2)
  if (dropDims(result.getShape(), getDims()) != source.getShape())
    return emitOpError(
               "expected the result's other sizes to be the operand's, got ")
           << result << " from " << source;
  // (C3)
  if (!alike(source, result))
    return emitUnlike(*this, result, source);
  // (C4)
  size_t dynamic = llvm::count_if(
      getDims(), [&](int64_t dim) { return result.isDynamicDim(dim); });
  if (dynamic != getSizes().size())
    return emitOpError("expected one size per dynamic new dimension, got ")
           << getSizes().size() << " for " << dynamic;
  // (C5)
  if (getPassAttr().getInt() < 0)
    return emitOpError("expected a pass of at least 0, got ")
           << getPassAttr().getInt();
  return success();
}

//===----------------------------------------------------------------------===//
// SliceOp and InsertOp
//===----------------------------------------------------------------------===//

/// Checks a strided box of `whole` against the tensor `part` that stands for
/// it.
template <typename BoxOp>
static LogicalResult verifyBox(BoxOp op, RankedTensorType whole,
                               RankedTensorType part) {
  // (C1)
  size_t rank = whole.getRank();
  if (op.getStaticOffsets().size() != rank ||
      op.getStaticSizes().size() != rank ||
      op.getStaticStrides().size() != rank)
    return op.emitOpError("expected ")
           << rank << " offsets, sizes and strides, got "
           << op.getStaticOffsets().size() << ", " << op.getStaticSizes().size()
           << " and " << op.getStaticStrides().size();
  if (!isMixed(op.getStaticOffsets(), op.getOffsets().size()) ||
      !isMixed(op.getStaticSizes(), op.getSizes().size()) ||
      !isMixed(op.getStaticStrides(), op.getStrides().size()))
    return op.emitOpError(
               "expected one operand per dynamic offset, size and stride, got ")
           << op.getOffsets().size() << ", " << op.getSizes().size() << " and "
           << op.getStrides().size() << " for [" << op.getStaticOffsets()
           << "], [" << op.getStaticSizes() << "] and ["
           << op.getStaticStrides() << "]";
  // (C2)
  if (!areDimsOf(op.getDrop(), rank) ||
      llvm::any_of(op.getDrop(),
                   [&](int64_t dim) { return op.getStaticSizes()[dim] != 1; }))
    return op.emitOpError("expected dropped dimensions to increase strictly "
                          "and to have size 1, "
                          "got [")
           << op.getDrop() << "] of sizes [" << op.getStaticSizes() << "]";
  // (C3)
  if (ArrayRef(dropDims(op.getStaticSizes(), op.getDrop())) !=
          part.getShape() ||
      !alike(whole, part))
    return op.emitOpError("expected a box of sizes [")
           << op.getStaticSizes() << "] of " << whole << ", got " << part;
  return success();
}

/// Checks that a box is inside `whole` as far as that is known.
template <typename BoxOp>
static LogicalResult verifyInside(BoxOp op, RankedTensorType whole) {
  for (auto [dim, offset, size, stride, extent] :
       llvm::enumerate(op.getStaticOffsets(), op.getStaticSizes(),
                       op.getStaticStrides(), whole.getShape())) {
    // A box of unknown size may be empty, and an empty box is anywhere.
    if (ShapedType::isDynamic(offset) || ShapedType::isDynamic(extent) ||
        ShapedType::isDynamic(size) || size == 0)
      continue;
    if (offset < 0 || offset >= extent)
      return op.emitOpError("expected a box inside dimension ")
             << dim << " of size " << extent << ", got its first element at "
             << offset;
    if (ShapedType::isDynamic(stride))
      continue;
    int64_t last;
    if (llvm::MulOverflow(size - 1, stride, last) ||
        llvm::AddOverflow(last, offset, last) || last < 0 || last >= extent)
      return op.emitOpError("expected a box inside dimension ")
             << dim << " of size " << extent << ", got " << size
             << " elements from " << offset << " in steps of " << stride;
  }
  return success();
}

LogicalResult SliceOp::verify() {
  // (C1) (C2) (C3)
  if (failed(verifyBox(*this, tensorOf(getSource()), tensorOf(getResult()))))
    return failure();
  // (C4)
  return verifyInside(*this, tensorOf(getSource()));
}

LogicalResult InsertOp::verify() {
  // (C1) (C2) (C3)
  if (failed(verifyBox(*this, tensorOf(getDest()), tensorOf(getSource()))))
    return failure();
  // (C5)
  return verifyInside(*this, tensorOf(getDest()));
}

//===----------------------------------------------------------------------===//
// ConcatOp
//===----------------------------------------------------------------------===//

LogicalResult ConcatOp::verify() {
  RankedTensorType result = tensorOf(getResult());
  int64_t dim = getDim();
  // (C1)
  if (getInputs().empty() || dim < 0 || dim >= result.getRank())
    return emitOpError("expected operands and a dimension below ")
           << result.getRank() << ", got " << getInputs().size()
           << " operands and dimension " << dim;
  int64_t sum = 0;
  for (Value input : getInputs()) {
    RankedTensorType type = tensorOf(input);
    // (C2)
    if (type.getRank() != result.getRank() || !alike(type, result))
      return emitOpError("expected one rank, element type and place, got ")
             << type << " in " << result;
    // (C3)
    for (int64_t other = 0; other < result.getRank(); ++other)
      if (other != dim &&
          !sizesAgree(type.getDimSize(other), result.getDimSize(other)))
        return emitOpError("expected sizes to agree in dimension ")
               << other << ", got " << type << " and " << result;
    if (ShapedType::isDynamic(sum) || type.isDynamicDim(dim))
      sum = ShapedType::kDynamic;
    else if (llvm::AddOverflow(sum, type.getDimSize(dim), sum))
      return emitOpError("expected sizes along dimension ")
             << dim << " that can be added up";
  }
  // (C3)
  if (!sizesAgree(sum, result.getDimSize(dim)))
    return emitOpError("expected sizes along dimension ")
           << dim << " to add up to " << result.getDimSize(dim) << ", got "
           << sum;
  return success();
}

//===----------------------------------------------------------------------===//
// PadOp
//===----------------------------------------------------------------------===//

LogicalResult PadOp::verify() {
  RankedTensorType source = tensorOf(getSource()),
                   result = tensorOf(getResult());
  // (C1)
  size_t rank = source.getRank();
  if (getStaticLow().size() != rank || getStaticHigh().size() != rank ||
      result.getRank() != source.getRank())
    return emitOpError("expected ")
           << rank << " lows and highs and a result of that rank, got "
           << getStaticLow().size() << ", " << getStaticHigh().size() << " and "
           << result;
  if (!isMixed(getStaticLow(), getLow().size()) ||
      !isMixed(getStaticHigh(), getHigh().size()))
    return emitOpError("expected one operand per dynamic low and high, got ")
           << getLow().size() << " and " << getHigh().size() << " for ["
           << getStaticLow() << "] and [" << getStaticHigh() << "]";
  // (C2)
  for (auto [dim, low, high] :
       llvm::enumerate(getStaticLow(), getStaticHigh())) {
    int64_t size = source.getDimSize(dim), padded = result.getDimSize(dim);
    if ((low < 0 && !ShapedType::isDynamic(low)) ||
        (high < 0 && !ShapedType::isDynamic(high)))
      return emitOpError("expected no negative low or high, got ")
             << low << " and " << high << " in dimension " << dim;
    if (llvm::any_of(ArrayRef{low, high, size, padded}, ShapedType::isDynamic))
      continue;
    int64_t sum;
    if (llvm::AddOverflow(low, size, sum) ||
        llvm::AddOverflow(sum, high, sum) || sum != padded)
      return emitOpError("expected dimension ")
             << dim << " of size " << low << " + " << size << " + " << high
             << ", got " << padded;
  }
  // (C3)
  if (!alike(source, result))
    return emitUnlike(*this, result, source);
  return success();
}

//===----------------------------------------------------------------------===//
// WindowOp
//===----------------------------------------------------------------------===//

LogicalResult WindowOp::verify() {
  RankedTensorType source = tensorOf(getSource()),
                   result = tensorOf(getResult());
  // (C1)
  if (!areDimsOf(getDims(), source.getRank()))
    return emitOpError("expected strictly increasing dimensions of ")
           << source << ", got [" << getDims() << "]";
  // (C2)
  size_t entries = getDims().size();
  if (getSizes().size() != entries || getStrides().size() != entries ||
      getDilations().size() != entries)
    return emitOpError("expected ")
           << entries << " sizes, strides and dilations, got "
           << getSizes().size() << ", " << getStrides().size() << " and "
           << getDilations().size();
  SmallVector<int64_t> shape(source.getShape());
  for (auto [dim, size, stride, dilation] :
       llvm::zip(getDims(), getSizes(), getStrides(), getDilations())) {
    if (size < 1 || stride < 1 || dilation < 1)
      return emitOpError("expected sizes, strides and dilations of at least 1, "
                         "got ")
             << size << ", " << stride << " and " << dilation
             << " in dimension " << dim;
    if (ShapedType::isDynamic(shape[dim]))
      continue;
    // (C3)
    int64_t last;
    if (llvm::MulOverflow(dilation, size - 1, last) || last >= shape[dim])
      return emitOpError("expected a window inside dimension ")
             << dim << " of size " << shape[dim] << ", got " << size
             << " elements in steps of " << dilation;
    shape[dim] = (shape[dim] - last - 1) / stride + 1;
  }
  // (C4)
  llvm::append_range(shape, getSizes());
  if (ArrayRef(shape) != result.getShape())
    return emitOpError("expected a result of sizes [")
           << shape << "], got " << result;
  // (C5)
  if (!alike(source, result))
    return emitUnlike(*this, result, source);
  return success();
}

//===----------------------------------------------------------------------===//
// ReshapeOp
//===----------------------------------------------------------------------===//

LogicalResult ReshapeOp::verify() {
  RankedTensorType source = tensorOf(getSource()),
                   result = tensorOf(getResult());
  // (C1)
  if (getSizes().size() != static_cast<size_t>(result.getNumDynamicDims()))
    return emitOpError("expected one size per dynamic dimension, got ")
           << getSizes().size() << " for " << result.getNumDynamicDims();
  // (C2)
  if (source.hasStaticShape() && result.hasStaticShape() &&
      source.getNumElements() != result.getNumElements())
    return emitOpError("expected as many elements as the operand's ")
           << source.getNumElements() << ", got " << result.getNumElements();
  // (C3)
  if (!alike(source, result))
    return emitUnlike(*this, result, source);
  return success();
}
