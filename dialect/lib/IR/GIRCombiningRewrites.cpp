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
#include "llvm/ADT/TypeSwitch.h"

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

/// The kind of an op whose order nobody can tell: sums and products of floats
/// have none, since their rounding can.
static std::optional<vector::CombiningKind> exactKind(Operation *op) {
  using Kind = vector::CombiningKind;
  return llvm::TypeSwitch<Operation *, std::optional<Kind>>(op)
      .Case([](arith::AddIOp) { return Kind::ADD; })
      .Case([](arith::MulIOp) { return Kind::MUL; })
      .Case([](arith::MaximumFOp) { return Kind::MAXIMUMF; })
      .Case([](arith::MinimumFOp) { return Kind::MINIMUMF; })
      .Case([](arith::MaxNumFOp) { return Kind::MAXNUMF; })
      .Case([](arith::MinNumFOp) { return Kind::MINNUMF; })
      .Case([](arith::MaxSIOp) { return Kind::MAXSI; })
      .Case([](arith::MinSIOp) { return Kind::MINSI; })
      .Case([](arith::MaxUIOp) { return Kind::MAXUI; })
      .Case([](arith::MinUIOp) { return Kind::MINUI; })
      .Case([](arith::AndIOp) { return Kind::AND; })
      .Case([](arith::OrIOp) { return Kind::OR; })
      .Case([](arith::XOrIOp) { return Kind::XOR; })
      .Default([](Operation *) { return std::nullopt; });
}

/// combiner { yield k(x, a) } -> kinds [k], for one accumulator or several that
/// go their own ways.
template <typename CombiningOp>
static LogicalResult nameCombiner(CombiningOp op, PatternRewriter &rewriter) {
  if (op.getKinds() || op.getCombiner().empty())
    return failure();
  Block &block = op.getCombiner().front();
  auto yielded = block.getTerminator()->getOperands();
  unsigned count = yielded.size();
  if (block.getNumArguments() != 2 * count ||
      !llvm::hasNItems(block, count + 1))
    return failure();
  SmallVector<Attribute> kinds;
  for (auto [number, value] : llvm::enumerate(yielded)) {
    Operation *def = value.getDefiningOp();
    std::optional<vector::CombiningKind> kind =
        def ? exactKind(def) : std::nullopt;
    Value element = block.getArgument(number);
    Value running = block.getArgument(count + number);
    if (!kind || !element.getType().isIntOrIndexOrFloat() ||
        (def->getOperands() != ValueRange{element, running} &&
         def->getOperands() != ValueRange{running, element}))
      return failure();
    kinds.push_back(vector::CombiningKindAttr::get(op.getContext(), *kind));
  }
  rewriter.modifyOpInPlace(op, [&] {
    op.setKindsAttr(rewriter.getArrayAttr(kinds));
    op.setAlgebra(Algebra::ordered);
    op->removeAttr(op.getIdentityAttrName());
    rewriter.eraseBlock(&block);
  });
  return success();
}

LogicalResult ReduceOp::canonicalize(ReduceOp op, PatternRewriter &rewriter) {
  if (succeeded(nameCombiner(op, rewriter)))
    return success();
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
  if (succeeded(nameCombiner(op, rewriter)))
    return success();
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

LogicalResult AllReduceOp::canonicalize(AllReduceOp op,
                                        PatternRewriter &rewriter) {
  return nameCombiner(op, rewriter);
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
