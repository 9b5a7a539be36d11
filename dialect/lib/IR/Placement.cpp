//===- Placement.cpp - Verification of placed kernels -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Placement.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace gir;

LogicalResult gir::verifyUnplaced(Region &body) {
  WalkResult walk = body.walk([](Operation *op) {
    auto ofPass = dyn_cast<PassOpInterface>(op);
    auto move = dyn_cast<MoveOp>(op);
    if ((!ofPass || ofPass.getPass() == 0) && (!move || !move.getOver()))
      return WalkResult::advance();
    op->emitOpError(
        "expected neither pass nor over in a kernel without a nest");
    return WalkResult::interrupt();
  });
  return failure(walk.wasInterrupted());
}

LogicalResult gir::verifyGraphForm(Region &body) {
  WalkResult walk = body.walk([](Operation *op) {
    for (Type type :
         llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
      if (isa<BaseMemRefType>(type)) {
        op->emitOpError("expected graph form in a kernel with a nest, got ")
            << type;
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// over
//===----------------------------------------------------------------------===//

static LogicalResult verifyOverOf(MoveOp move, NestAttr nest) {
  auto type = cast<RankedTensorType>(move.getResult().getType());
  bool stores = move.getResultAt().getLevel() == Level::dram;
  if (!move.getOver()) {
    if (stores || move.getSourceAt().getLevel() == Level::dram)
      return move.emitOpError("expected 'over' on a move from or to dram in a "
                              "kernel with a nest, got none");
    return success();
  }
  for (auto [index, name] :
       llvm::enumerate(move.getOver()->getAsRange<StringAttr>())) {
    if (name.empty())
      continue;
    std::optional<size_t> dim = nest.getDim(name);
    if (!dim)
      return move.emitOpError("expected to run over dimensions of the nest, "
                              "got ")
             << name << " with nest " << nest;
    int64_t size = nest.getSizes()[*dim], moved = type.getDimSize(index);
    if (stores && !ShapedType::isDynamic(size) &&
        !ShapedType::isDynamic(moved) && size != moved)
      return move.emitOpError("expected dimension ")
             << index << " of size " << size << " to run over " << name
             << ", got " << moved;
  }
  return success();
}

LogicalResult gir::verifyOver(Region &body, NestAttr nest) {
  WalkResult walk = body.walk([&](MoveOp move) {
    return failed(verifyOverOf(move, nest)) ? WalkResult::interrupt()
                                            : WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

namespace {

/// When a value of a placed kernel is there.
struct Flow {
  /// The nest's dimension over which each of its own runs; null where unknown.
  SmallVector<StringAttr> dims;
  /// The pass in which it is made.
  uint64_t pass = 0;
  /// It is there once that pass has ended, and not before.
  bool ended = false;
};

/// Follows values through a kernel's body, in order.
class PassVerifier {
public:
  explicit PassVerifier(NestAttr nest) : nest(nest) {}

  LogicalResult verify(Operation *op) {
    for (Value operand : op->getOperands()) {
      auto found = flows.find(operand);
      // What is stored stays: views and the return put passes together.
      bool stays = isTensorAt(operand.getType(), Level::dram) &&
                   !isa<PassOpInterface>(op);
      if (found == flows.end() || stays)
        continue;
      if (failed(verifyUse(op, operand, found->second)))
        return failure();
    }
    if (op->getNumResults() != 0 && isa<TensorType>(op->getResultTypes()[0]))
      follow(op);
    return success();
  }

private:
  bool streams(const Flow &flow) const {
    return !flow.ended && llvm::any_of(flow.dims, [&](StringAttr name) {
      return name && nest.isSwept(name);
    });
  }

  /// The pass in which an op runs over swept dimensions, if it is known to.
  std::optional<uint64_t> getStreamingPass(Operation *op) const {
    for (Value operand : op->getOperands())
      if (auto found = flows.find(operand);
          found != flows.end() && streams(found->second))
        return found->second.pass;
    return std::nullopt;
  }

  LogicalResult emitMisuse(Operation *op, Value operand, uint64_t got,
                           const Twine &expected) const {
    InFlightDiagnostic diagnostic = op->emitOpError("expected ")
                                    << expected << ", got a use in pass " << got
                                    << ": bring it there with a gir.move or "
                                       "gir.broadcast of that pass";
    if (Operation *made = operand.getDefiningOp())
      diagnostic.attachNote(made->getLoc()) << "it is made here";
    return diagnostic;
  }

  LogicalResult verifyUse(Operation *op, Value operand,
                          const Flow &flow) const {
    if (auto ofPass = dyn_cast<PassOpInterface>(op)) {
      if (ofPass.getPass() < flow.pass)
        return emitMisuse(op, operand, ofPass.getPass(),
                          "a value of pass " + Twine(flow.pass) +
                              " to be used in that pass or later");
      return success();
    }
    std::optional<uint64_t> pass = getStreamingPass(op);
    if (!pass)
      return success();
    if (flow.ended && *pass <= flow.pass)
      return emitMisuse(op, operand, *pass,
                        "a value that pass " + Twine(flow.pass) +
                            " ends with to be used in a later one");
    if (streams(flow) && *pass != flow.pass)
      return emitMisuse(op, operand, std::max(*pass, flow.pass),
                        "a value that runs over swept dimensions in pass " +
                            Twine(std::min(*pass, flow.pass)) +
                            " to be used in that pass");
    return success();
  }

  /// The dimensions of the operands, one by one the first known.
  SmallVector<StringAttr> merge(ValueRange operands, int64_t rank) const {
    SmallVector<StringAttr> dims(rank);
    for (Value operand : operands) {
      auto found = flows.find(operand);
      if (found == flows.end() ||
          static_cast<int64_t>(found->second.dims.size()) != rank)
        continue;
      for (auto [dim, name] : llvm::zip(dims, found->second.dims))
        if (!dim)
          dim = name;
    }
    return dims;
  }

  /// The dimensions of one operand.
  SmallVector<StringAttr> dimsOf(Value operand) const {
    return merge(operand, cast<RankedTensorType>(operand.getType()).getRank());
  }

  /// The dimensions of a view, by those of what it looks at.
  SmallVector<StringAttr> getDimsOfView(Operation *op, int64_t rank) const {
    SmallVector<StringAttr> dims = dimsOf(op->getOperand(0));
    if (auto permute = dyn_cast<PermuteOp>(op))
      return llvm::map_to_vector(permute.getPerm(),
                                 [&](int64_t dim) { return dims[dim]; });
    if (auto broadcast = dyn_cast<BroadcastOp>(op))
      for (int64_t dim : broadcast.getDims())
        dims.insert(dims.begin() + dim, StringAttr());
    if (auto slice = dyn_cast<SliceOp>(op))
      for (int64_t dim : llvm::reverse(slice.getDrop()))
        dims.erase(dims.begin() + dim);
    // A window's further dimensions lie within a step.
    dims.resize(rank);
    return dims;
  }

  SmallVector<StringAttr> getDims(Operation *op) const {
    auto result = dyn_cast<RankedTensorType>(op->getResultTypes()[0]);
    int64_t rank = result ? result.getRank() : 0;
    if (auto move = dyn_cast<MoveOp>(op); move && move.getOver())
      return llvm::map_to_vector(
          move.getOver()->getAsRange<StringAttr>(),
          [](StringAttr name) { return name.empty() ? StringAttr() : name; });
    if (isa<PermuteOp, BroadcastOp, SliceOp, WindowOp, PadOp>(op))
      return getDimsOfView(op, rank);
    if (isa<MoveOp, GatherOp, ConcatOp>(op) ||
        isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
            op->getDialect()))
      return merge(op->getOperands(), rank);
    return SmallVector<StringAttr>(rank);
  }

  /// When an op's results are there, apart from what it reduces itself.
  Flow getFlow(Operation *op) const {
    Flow made;
    for (Value operand : op->getOperands()) {
      auto found = flows.find(operand);
      if (found == flows.end() || found->second.pass < made.pass)
        continue;
      made.ended = found->second.ended ||
                   (made.ended && found->second.pass == made.pass);
      made.pass = found->second.pass;
    }
    if (auto ofPass = dyn_cast<PassOpInterface>(op)) {
      made.ended &= ofPass.getPass() == made.pass;
      made.pass = ofPass.getPass();
    }
    return made;
  }

  void follow(Operation *op) {
    Flow made = getFlow(op);
    if (auto computation = dyn_cast<ComputationOpInterface>(op)) {
      followComputation(computation, made);
      return;
    }
    made.dims = getDims(op);
    for (Value result : op->getResults())
      flows[result] = made;
  }

  void followComputation(ComputationOpInterface op, const Flow &made) {
    SmallVector<StringAttr> names(op.getIterators().size());
    for (auto [number, operand] : llvm::enumerate(op->getOperands())) {
      auto found = flows.find(operand);
      if (found == flows.end())
        continue;
      for (auto [dim, name] :
           llvm::zip(op.getOperandDims(number), found->second.dims))
        if (!names[dim])
          names[dim] = name;
    }
    for (OpResult result : op->getResults()) {
      SmallVector<int64_t> dims = op.getResultDims(result.getResultNumber());
      Flow flow = made;
      for (auto [dim, name] : llvm::enumerate(names))
        flow.ended |= name && nest.isSwept(name) &&
                      !llvm::is_contained(dims, static_cast<int64_t>(dim));
      for (int64_t dim : dims)
        flow.dims.push_back(names[dim]);
      // Payload runs over none.
      flow.dims.resize(cast<RankedTensorType>(result.getType()).getRank());
      flows[result] = flow;
    }
  }

  NestAttr nest;
  llvm::DenseMap<Value, Flow> flows;
};

} // namespace

LogicalResult gir::verifyPasses(Region &body, NestAttr nest) {
  if (nest.getSweep().empty())
    return success();
  PassVerifier verifier(nest);
  WalkResult walk = body.walk<WalkOrder::PreOrder>([&](Operation *op) {
    return failed(verifier.verify(op)) ? WalkResult::interrupt()
                                       : WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}
