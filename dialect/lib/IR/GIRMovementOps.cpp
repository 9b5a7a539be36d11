//===- GIRMovementOps.cpp - Ops that move data -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "gir/IR/GIR.h"

using namespace mlir;
using namespace gir;

//===----------------------------------------------------------------------===//
// MoveOp
//===----------------------------------------------------------------------===//

AtAttr MoveOp::getSourceAt() { return getAt(getSource().getType()); }
AtAttr MoveOp::getResultAt() { return getAt(getResult().getType()); }
ShapedType MoveOp::getMovedType() {
  return cast<ShapedType>(getResult().getType());
}

LogicalResult MoveOp::verify() {
  auto source = cast<RankedTensorType>(getSource().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  // (C1)
  if (source.getShape() != result.getShape() ||
      source.getElementType() != result.getElementType())
    return emitOpError("expected a result with the operand's shape and element "
                       "type, got ")
           << result << " from " << source;
  // (C2)
  if (source.getEncoding() == result.getEncoding())
    return emitOpError(
               "expected operand and result in different places, got both at ")
           << source.getEncoding();
  return success();
}

//===----------------------------------------------------------------------===//
// LoadOp and StoreOp
//===----------------------------------------------------------------------===//

/// Checks a tile against the window of a memref that it stands for.
static LogicalResult verifyWindow(Operation *op, RankedTensorType tile,
                                  MemRefType memref, size_t indices,
                                  size_t valid) {
  // (C1)
  if (static_cast<int64_t>(indices) != memref.getRank() ||
      tile.getRank() != memref.getRank())
    return op->emitOpError("expected indices and a tile of rank ")
           << memref.getRank() << ", got " << indices << " indices and "
           << tile;
  // (C2)
  if (tile.getElementType() != memref.getElementType())
    return op->emitOpError("expected elements of type ")
           << memref.getElementType() << ", got " << tile.getElementType();
  // (C3)
  if (valid != 0 && static_cast<int64_t>(valid) != memref.getRank())
    return op->emitOpError("expected no valid extents or ")
           << memref.getRank() << ", got " << valid;
  // (C4)
  if (!tile.hasStaticShape())
    return op->emitOpError("expected a tile of static shape, got ") << tile;
  return success();
}

AtAttr LoadOp::getSourceAt() { return getAt(getSource().getType()); }
AtAttr LoadOp::getResultAt() { return getAt(getResult().getType()); }
ShapedType LoadOp::getMovedType() {
  return cast<ShapedType>(getResult().getType());
}

LogicalResult LoadOp::verify() {
  // (C1) (C2) (C3) (C4)
  if (failed(verifyWindow(*this, cast<RankedTensorType>(getResult().getType()),
                          cast<MemRefType>(getSource().getType()),
                          getIndices().size(), getValid().size())))
    return failure();
  // (C3)
  if (getClip() && !getValid().empty())
    return emitOpError("expected either valid extents or clip, got both");
  return success();
}

AtAttr StoreOp::getSourceAt() { return getAt(getValue().getType()); }
AtAttr StoreOp::getResultAt() { return getAt(getDest().getType()); }
ShapedType StoreOp::getMovedType() {
  return cast<ShapedType>(getValue().getType());
}

LogicalResult StoreOp::verify() {
  // (C1) (C2) (C3) (C4)
  return verifyWindow(*this, cast<RankedTensorType>(getValue().getType()),
                      cast<MemRefType>(getDest().getType()),
                      getIndices().size(), getValid().size());
}

//===----------------------------------------------------------------------===//
// GatherOp
//===----------------------------------------------------------------------===//

AtAttr GatherOp::getSourceAt() { return getAt(getSource().getType()); }
AtAttr GatherOp::getResultAt() { return getAt(getResult().getType()); }
ShapedType GatherOp::getMovedType() {
  return cast<ShapedType>(getResult().getType());
}

LogicalResult GatherOp::verify() {
  auto source = cast<ShapedType>(getSource().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  // (C1)
  if (getIndices().empty() ||
      static_cast<int64_t>(getIndices().size()) != source.getRank())
    return emitOpError("expected at least one index tensor and as many as the "
                       "source has dimensions, ")
           << source.getRank() << ", got " << getIndices().size();
  // (C2)
  for (Type type : getIndices().getTypes()) {
    auto index = cast<RankedTensorType>(type);
    if (!index.getElementType().isIndex() ||
        index.getShape() != result.getShape())
      return emitOpError("expected indices with the result's shape and "
                         "elements of type index, got ")
             << index << " for " << result;
  }
  // (C3)
  if (source.getElementType() != result.getElementType())
    return emitOpError("expected elements of type ")
           << source.getElementType() << ", got " << result.getElementType();
  return success();
}
