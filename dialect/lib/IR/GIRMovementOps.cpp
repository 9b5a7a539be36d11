//===- GIRMovementOps.cpp - Ops that move data -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Movement.h"
#include "Verification.h"
#include "gir/IR/GIR.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace gir;

//===----------------------------------------------------------------------===//
// What several ops share
//===----------------------------------------------------------------------===//

AffineExpr gir::getBytes(MLIRContext *context, Type element,
                         ArrayRef<OpFoldResult> extents,
                         SmallVectorImpl<OpFoldResult> &symbols) {
  AffineExpr bytes = getAffineConstantExpr(getElementBytes(element), context);
  for (OpFoldResult extent : extents) {
    if (std::optional<int64_t> constant = getConstantIntValue(extent)) {
      bytes = bytes * *constant;
      continue;
    }
    bytes = bytes * getAffineSymbolExpr(symbols.size(), context);
    symbols.push_back(extent);
  }
  return bytes;
}

int64_t gir::getElementBytes(Type element) {
  if (element.isIndex())
    return 8;
  return element.isIntOrFloat()
             ? llvm::divideCeil(element.getIntOrFloatBitWidth(), 8)
             : 0;
}

/// The extents of a shaped value; its dynamic sizes are the value itself.
static SmallVector<OpFoldResult> getExtents(Value value) {
  auto type = cast<ShapedType>(value.getType());
  Builder builder(value.getContext());
  return llvm::map_to_vector(type.getShape(), [&](int64_t size) {
    return ShapedType::isDynamic(size)
               ? OpFoldResult(value)
               : OpFoldResult(builder.getIndexAttr(size));
  });
}

/// The bytes of a tile, or of those of its elements that are there.
static AffineExpr getBytesOfTile(Value tile, ValueRange valid,
                                 SmallVectorImpl<OpFoldResult> &symbols) {
  return getBytes(
      tile.getContext(), cast<ShapedType>(tile.getType()).getElementType(),
      valid.empty() ? getExtents(tile) : getAsOpFoldResult(valid), symbols);
}

/// Forgets valid extents that leave out nothing.
template <typename OpT>
static LogicalResult dropValidOfAll(OpT op, RankedTensorType tile,
                                    PatternRewriter &rewriter) {
  if (op.getValid().empty())
    return failure();
  for (auto [extent, size] : llvm::zip_equal(op.getValid(), tile.getShape())) {
    std::optional<int64_t> constant = getConstantIntValue(extent);
    if (!constant || ShapedType::isDynamic(size) || *constant < size)
      return failure();
  }
  rewriter.modifyOpInPlace(op, [&] { op.getValidMutable().clear(); });
  return success();
}

//===----------------------------------------------------------------------===//
// MoveOp
//===----------------------------------------------------------------------===//

AtAttr MoveOp::getSourceAt() { return getAt(getSource().getType()); }
AtAttr MoveOp::getResultAt() { return getAt(getResult().getType()); }
ShapedType MoveOp::getMovedType() {
  return cast<ShapedType>(getResult().getType());
}

AffineExpr MoveOp::getMovedBytes(SmallVectorImpl<OpFoldResult> &symbols) {
  return getBytesOfTile(getSource(), {}, symbols);
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
  // (C4)
  if (getPassAttr().getInt() < 0)
    return emitOpError("expected a pass of at least 0, got ")
           << getPassAttr().getInt();
  // (C2)
  bool keeps = getPass() > 0 && getResultAt().getLevel() != Level::dram;
  if (source.getEncoding() == result.getEncoding() && !keeps)
    return emitOpError(
               "expected operand and result in different places, got both at ")
           << source.getEncoding();
  // (C3)
  if (!getOver())
    return success();
  if (static_cast<int64_t>(getOver()->size()) != result.getRank())
    return emitOpError("expected 'over' to have a name per dimension of ")
           << result << ", got " << *getOver();
  llvm::SmallPtrSet<Attribute, 4> names;
  for (StringAttr name : getOver()->getAsRange<StringAttr>())
    if (!name.empty() && !names.insert(name).second)
      return emitOpError("expected 'over' to have each name once, got ")
             << *getOver();
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

AffineExpr LoadOp::getMovedBytes(SmallVectorImpl<OpFoldResult> &symbols) {
  return getBytesOfTile(getResult(), getValid(), symbols);
}

// load(x[i] valid [n]) -> load(x[i]) where n is the tile's size
LogicalResult LoadOp::canonicalize(LoadOp op, PatternRewriter &rewriter) {
  return dropValidOfAll(op, cast<RankedTensorType>(op.getResult().getType()),
                        rewriter);
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

AffineExpr StoreOp::getMovedBytes(SmallVectorImpl<OpFoldResult> &symbols) {
  return getBytesOfTile(getValue(), getValid(), symbols);
}

// store(t, y[i] valid [n]) -> store(t, y[i]) where n is the tile's size
LogicalResult StoreOp::canonicalize(StoreOp op, PatternRewriter &rewriter) {
  return dropValidOfAll(op, cast<RankedTensorType>(op.getValue().getType()),
                        rewriter);
}

LogicalResult StoreOp::verify() {
  // (C1) (C2) (C3) (C4)
  return verifyWindow(*this, cast<RankedTensorType>(getValue().getType()),
                      cast<MemRefType>(getDest().getType()),
                      getIndices().size(), getValid().size());
}

//===----------------------------------------------------------------------===//
// GatherOp and ScatterOp
//===----------------------------------------------------------------------===//

/// Checks the number of index tensors.
static LogicalResult verifyIndexCount(Operation *op, OperandRange indices,
                                      ShapedType table) {
  if (!indices.empty() &&
      static_cast<int64_t>(indices.size()) == table.getRank())
    return success();
  return op->emitOpError("expected at least one index tensor and as many as "
                         "the table has dimensions, ")
         << table.getRank() << ", got " << indices.size();
}

/// Checks element type and shape of index tensors.
static LogicalResult verifyIndexTypes(Operation *op, OperandRange indices,
                                      RankedTensorType tile) {
  for (Type type : indices.getTypes()) {
    auto index = cast<RankedTensorType>(type);
    if (!index.getElementType().isIndex() ||
        index.getShape() != tile.getShape())
      return op->emitOpError("expected indices of ")
             << tile << " with its shape and elements of type index, got "
             << index;
  }
  return success();
}

AtAttr GatherOp::getSourceAt() { return getAt(getSource().getType()); }
AtAttr GatherOp::getResultAt() { return getAt(getResult().getType()); }
ShapedType GatherOp::getMovedType() {
  return cast<ShapedType>(getResult().getType());
}

AffineExpr GatherOp::getMovedBytes(SmallVectorImpl<OpFoldResult> &symbols) {
  return getBytes(getContext(), getMovedType().getElementType(),
                  getExtents(getIndices().front()), symbols);
}

void GatherOp::getEffects(
    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  if (isa<MemRefType>(getSource().getType()))
    effects.emplace_back(MemoryEffects::Read::get(), &getSourceMutable(),
                         SideEffects::DefaultResource::get());
}

LogicalResult GatherOp::verify() {
  auto source = cast<ShapedType>(getSource().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  // (C1)
  if (failed(verifyIndexCount(*this, getIndices(), source)))
    return failure();
  // (C2)
  if (failed(verifyIndexTypes(*this, getIndices(), result)))
    return failure();
  // (C3)
  if (source.getElementType() != result.getElementType())
    return emitOpError("expected elements of type ")
           << source.getElementType() << ", got " << result.getElementType();
  // (C4)
  if (getPassAttr().getInt() < 0)
    return emitOpError("expected a pass of at least 0, got ")
           << getPassAttr().getInt();
  return success();
}

AtAttr ScatterOp::getSourceAt() { return getAt(getValue().getType()); }
AtAttr ScatterOp::getResultAt() { return getAt(getDest().getType()); }
ShapedType ScatterOp::getMovedType() {
  return cast<ShapedType>(getValue().getType());
}

AffineExpr ScatterOp::getMovedBytes(SmallVectorImpl<OpFoldResult> &symbols) {
  return getBytesOfTile(getValue(), getValid(), symbols);
}

void ScatterOp::getEffects(
    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  if (!isa<MemRefType>(getDest().getType()))
    return;
  if (getKind())
    effects.emplace_back(MemoryEffects::Read::get(), &getDestMutable(),
                         SideEffects::DefaultResource::get());
  effects.emplace_back(MemoryEffects::Write::get(), &getDestMutable(),
                       SideEffects::DefaultResource::get());
}

// scatter(v into y[i] valid [n]) -> scatter(v into y[i]) where n is the tile's
// size
LogicalResult ScatterOp::canonicalize(ScatterOp op, PatternRewriter &rewriter) {
  return dropValidOfAll(op, cast<RankedTensorType>(op.getValue().getType()),
                        rewriter);
}

LogicalResult ScatterOp::verify() {
  auto value = cast<RankedTensorType>(getValue().getType());
  auto dest = cast<ShapedType>(getDest().getType());
  // (C1)
  if (failed(verifyIndexCount(*this, getIndices(), dest)))
    return failure();
  // (C2)
  if (failed(verifyIndexTypes(*this, getIndices(), value)))
    return failure();
  // (C3)
  if (value.getElementType() != dest.getElementType() ||
      (getKind() && !suits(*getKind(), value.getElementType())))
    return emitOpError("expected one element type, which suits the kind, got ")
           << value.getElementType() << " into " << dest.getElementType();
  // (C4)
  bool graph = isa<RankedTensorType>(dest);
  if (!getValid().empty() &&
      (graph || static_cast<int64_t>(getValid().size()) != value.getRank()))
    return emitOpError("expected no valid extents")
           << (graph ? "" : " or " + std::to_string(value.getRank()))
           << ", got " << getValid().size();
  // (C5)
  Type result = getResult() ? getResult().getType() : Type();
  if (result == (graph ? Type(getDest().getType()) : Type()))
    return success();
  InFlightDiagnostic diagnostic =
      emitOpError("expected a result of the type of a tensor to scatter into, "
                  "and none for a memref, got ");
  if (result)
    return diagnostic << result << " for " << dest;
  return diagnostic << "none for " << dest;
}
