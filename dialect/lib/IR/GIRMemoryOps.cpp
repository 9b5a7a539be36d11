//===- GIRMemoryOps.cpp - Buffers, copies and barriers -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Movement.h"
#include "Verification.h"
#include "gir/IR/GIR.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace gir;

/// Checks that static sizes of a window fit a memref.
static LogicalResult verifyFits(Operation *op, ArrayRef<int64_t> sizes,
                                MemRefType memref) {
  for (auto [dim, size, whole] : llvm::enumerate(sizes, memref.getShape()))
    if (!ShapedType::isDynamic(size) &&
        (size < 0 || (!ShapedType::isDynamic(whole) && size > whole)))
      return op->emitOpError("expected a window inside dimension ")
             << dim << " of " << memref << ", got " << size << " elements";
  return success();
}

/// Checks bounds of dynamic sizes.
static LogicalResult verifyBounds(Operation *op, ArrayRef<int64_t> bounds,
                                  size_t dynamic) {
  if (bounds.size() == dynamic &&
      llvm::all_of(bounds, [](int64_t bound) { return bound >= 1; }))
    return success();
  return op->emitOpError("expected a bound of at least 1 for each of ")
         << dynamic << " dynamic sizes, got [" << bounds << "]";
}

/// Checks that a buffer is at sram and row-major.
static LogicalResult verifyBuffer(Operation *op, MemRefType buffer) {
  if (getAt(buffer).getLevel() == Level::sram &&
      buffer.getLayout().isIdentity())
    return success();
  return op->emitOpError("expected a row-major buffer at sram, got ") << buffer;
}

//===----------------------------------------------------------------------===//
// CopyOp
//===----------------------------------------------------------------------===//

AtAttr CopyOp::getSourceAt() { return getAt(getSource().getType()); }
AtAttr CopyOp::getResultAt() { return getAt(getDest().getType()); }
bool CopyOp::isAsynchronous() { return true; }

ShapedType CopyOp::getMovedType() {
  return RankedTensorType::get(
      getStaticSizes(),
      cast<MemRefType>(getSource().getType()).getElementType());
}

AffineExpr CopyOp::getMovedBytes(SmallVectorImpl<OpFoldResult> &symbols) {
  Builder builder(getContext());
  return getBytes(getContext(), getMovedType().getElementType(),
                  getMixedValues(getStaticSizes(), getSizes(), builder),
                  symbols);
}

/// The values to which an op hands on a token that it takes: none, if it keeps
/// it. Looks at no op's verified structure, for users are verified later.
static SmallVector<Value> getCarried(OpOperand &use) {
  SmallVector<Value> carried;
  Operation *user = use.getOwner();
  unsigned index = use.getOperandNumber();
  auto addResult = [&](Operation *op, unsigned number) {
    if (number < op->getNumResults())
      carried.push_back(op->getResult(number));
  };
  auto addIterArg = [&](Operation *loop, unsigned number) {
    for (Region &region : loop->getRegions())
      if (!region.empty() && number + 1 < region.getNumArguments())
        carried.push_back(region.getArgument(number + 1));
  };
  // Lower bound, upper bound and step come first.
  if (isa<scf::ForOp>(user) && index >= 3) {
    addIterArg(user, index - 3);
    addResult(user, index - 3);
  }
  if (isa<scf::YieldOp>(user))
    if (Operation *parent = user->getParentOp()) {
      addResult(parent, index);
      if (isa<scf::ForOp>(parent))
        addIterArg(parent, index);
    }
  return carried;
}

/// True if a token reaches a wait, or an op that this doesn't know.
static bool isWaitedFor(Value token) {
  llvm::SmallSetVector<Value, 4> reached;
  reached.insert(token);
  for (size_t next = 0; next < reached.size(); ++next)
    for (OpOperand &use : reached[next].getUses()) {
      if (!isa<scf::ForOp, scf::YieldOp>(use.getOwner()))
        return true;
      for (Value carried : getCarried(use))
        reached.insert(carried);
    }
  return false;
}

LogicalResult CopyOp::verify() {
  auto source = cast<MemRefType>(getSource().getType());
  auto dest = cast<MemRefType>(getDest().getType());
  size_t rank = source.getRank();
  // (C1)
  if (dest.getRank() != source.getRank() || getSourceIndices().size() != rank ||
      getDestIndices().size() != rank || getStaticSizes().size() != rank ||
      !isMixed(getStaticSizes(), getSizes().size()))
    return emitOpError("expected two memrefs of one rank, and an index into "
                       "each and a size per dimension, got ")
           << getSourceIndices().size() << " and " << getDestIndices().size()
           << " indices and " << getStaticSizes().size() << " sizes for "
           << source << " and " << dest;
  // (C2)
  if (source.getElementType() != dest.getElementType())
    return emitOpError("expected elements of type ")
           << source.getElementType() << ", got " << dest.getElementType();
  // (C3)
  if (getSourceAt() == getResultAt())
    return emitOpError("expected memrefs in different places, got both at ")
           << getSourceAt();
  // (C4)
  if (failed(verifyFits(*this, getStaticSizes(), source)) ||
      failed(verifyFits(*this, getStaticSizes(), dest)))
    return failure();
  // (C5)
  if (!isWaitedFor(getToken()))
    return emitOpError("expected a token that is waited for, got one that "
                       "reaches no gir.wait");
  return success();
}

//===----------------------------------------------------------------------===//
// WaitOp
//===----------------------------------------------------------------------===//

LogicalResult WaitOp::verify() {
  // (C1)
  if (getTokens().empty())
    return emitOpError("expected at least one token to wait for, got none");
  return success();
}

// wait(t, t) -> wait(t)
LogicalResult WaitOp::canonicalize(WaitOp op, PatternRewriter &rewriter) {
  llvm::SmallSetVector<Value, 4> tokens(op.getTokens().begin(),
                                        op.getTokens().end());
  if (tokens.size() == op.getTokens().size())
    return failure();
  rewriter.modifyOpInPlace(
      op, [&] { op.getTokensMutable().assign(tokens.getArrayRef()); });
  return success();
}

//===----------------------------------------------------------------------===//
// StageOp and AllocOp
//===----------------------------------------------------------------------===//

AtAttr StageOp::getSourceAt() { return getAt(getSource().getType()); }
AtAttr StageOp::getResultAt() { return getAt(getResult().getType()); }
ShapedType StageOp::getMovedType() {
  return cast<ShapedType>(getResult().getType());
}

AffineExpr StageOp::getMovedBytes(SmallVectorImpl<OpFoldResult> &symbols) {
  Builder builder(getContext());
  return getBytes(getContext(), getMovedType().getElementType(),
                  getMixedValues(getStaticSizes(), getSizes(), builder),
                  symbols);
}

void StageOp::getEffects(
    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  auto *resource = SideEffects::DefaultResource::get();
  effects.emplace_back(MemoryEffects::Read::get(), &getSourceMutable(),
                       resource);
  OpResult result = getOperation()->getResult(0);
  effects.emplace_back(MemoryEffects::Allocate::get(), result, resource);
  effects.emplace_back(MemoryEffects::Write::get(), result, resource);
}

LogicalResult StageOp::verify() {
  auto source = cast<MemRefType>(getSource().getType());
  auto result = cast<MemRefType>(getResult().getType());
  size_t rank = source.getRank();
  // (C1)
  if (getIndices().size() != rank || getStaticSizes().size() != rank ||
      !isMixed(getStaticSizes(), getSizes().size()))
    return emitOpError("expected one index and one size per dimension of ")
           << source << ", got " << getIndices().size() << " and "
           << getStaticSizes().size();
  // (C2)
  if (result.getShape() != getStaticSizes() ||
      result.getElementType() != source.getElementType())
    return emitOpError("expected a window of sizes [")
           << getStaticSizes() << "] of " << source << ", got " << result;
  // (C3)
  if (getSourceAt().getLevel() != Level::dram)
    return emitOpError("expected a source at dram, got ") << source;
  if (failed(verifyBuffer(*this, result)))
    return failure();
  // (C4)
  if (!getUpto().empty() &&
      failed(verifyBounds(*this, getUpto(), getSizes().size())))
    return failure();
  // (C5)
  return verifyFits(*this, getStaticSizes(), source);
}

LogicalResult AllocOp::verify() {
  auto buffer = cast<MemRefType>(getResult().getType());
  size_t dynamic = buffer.getNumDynamicDims();
  // (C1)
  if (getSizes().size() != dynamic)
    return emitOpError("expected one size per dynamic dimension, got ")
           << getSizes().size() << " for " << dynamic;
  // (C2)
  if (failed(verifyBounds(*this, getUpto(), dynamic)))
    return failure();
  // (C3)
  return verifyBuffer(*this, buffer);
}

//===----------------------------------------------------------------------===//
// SyncOp
//===----------------------------------------------------------------------===//

LogicalResult SyncOp::verify() {
  // (C1)
  auto around = (*this)->getParentOfType<ParallelOp>();
  if (!around || around.getScope() != Scope::unit)
    return emitOpError("expected to stand in a gir.parallel <unit>, got ")
           << (around ? stringifyScope(around.getScope()) : "none around it");
  // (C2)
  if (getScope() != Scope::group && getScope() != Scope::cluster)
    return emitOpError("expected scope group or cluster, got ")
           << stringifyScope(getScope());
  return success();
}

// sync <group>; sync <cluster> -> sync <cluster>, in either order
LogicalResult SyncOp::canonicalize(SyncOp op, PatternRewriter &rewriter) {
  for (Operation *beside : {op->getPrevNode(), op->getNextNode()})
    if (auto sync = dyn_cast_or_null<SyncOp>(beside))
      if (sync.getScope() <= op.getScope()) {
        rewriter.eraseOp(op);
        return success();
      }
  return failure();
}
