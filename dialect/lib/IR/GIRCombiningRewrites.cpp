//===- GIRCombiningRewrites.cpp - Folders of what computes ----*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fold starts from an init, so that even one over a single element computes:
// what is known here is only that no loop is needed.
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIR.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace gir;

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// combine(element, accumulator) on whole tensors.
static Value combine(OpBuilder &builder, Location loc, Attribute kind,
                     Value element, Value accumulator) {
  return vector::makeArithReduction(
      builder, loc, cast<vector::CombiningKindAttr>(kind).getValue(), element,
      accumulator);
}

LogicalResult ReduceOp::canonicalize(ReduceOp op, PatternRewriter &rewriter) {
  // reduce(x into i, dims [], kinds [k]) -> k(x, i)
  if (!op.getDims().empty() || !op.getKinds() ||
      op.getInputs().getTypes() != op.getInits().getTypes())
    return failure();
  SmallVector<Value> results;
  for (auto [kind, input, init] :
       llvm::zip(*op.getKinds(), op.getInputs(), op.getInits()))
    results.push_back(combine(rewriter, op.getLoc(), kind, input, init));
  rewriter.replaceOp(op, results);
  return success();
}

LogicalResult ScanOp::canonicalize(ScanOp op, PatternRewriter &rewriter) {
  // scan(x into i, kinds [k]) of one element -> k(x, i); exclusive: i, k(x, i)
  auto isStatic = [](Type type) {
    return cast<RankedTensorType>(type).hasStaticShape() &&
           !getAt(type).getLayout();
  };
  if (!op.getKinds() || !op.getValid().empty() ||
      !llvm::all_of(op.getOperandTypes(), isStatic) ||
      tensorOf(op.getInputs().front()).getDimSize(op.getDim()) != 1)
    return failure();
  Location loc = op.getLoc();
  SmallVector<Value> scanned, finals;
  for (auto [kind, input, init] :
       llvm::zip(*op.getKinds(), op.getInputs(), op.getInits())) {
    Value element =
        ReshapeOp::create(rewriter, loc, init.getType(), input, ValueRange());
    finals.push_back(combine(rewriter, loc, kind, element, init));
    scanned.push_back(ReshapeOp::create(
        rewriter, loc, input.getType(),
        op.getExclusive() ? init : finals.back(), ValueRange()));
  }
  llvm::append_range(scanned, finals);
  rewriter.replaceOp(op, scanned);
  return success();
}

OpFoldResult IotaOp::fold(FoldAdaptor) {
  // iota along a dimension of size 1 -> 0
  RankedTensorType type = tensorOf(getResult());
  if (getOffset() || !type.hasStaticShape() || type.getNumElements() == 0 ||
      type.getDimSize(getDim()) != 1)
    return {};
  return DenseElementsAttr::get(
      type, Attribute(IntegerAttr::get(type.getElementType(), 0)));
}
