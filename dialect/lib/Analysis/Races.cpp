//===- Races.cpp - Whether two accesses can meet ------------------------===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Races.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace gir;
using namespace gir::analysis;

bool gir::analysis::isMeeting(Operation *op) {
  return isa<SyncOp, AllReduceOp>(op);
}

static bool containsMeeting(Operation *op) {
  return op
      ->walk([](Operation *inner) {
        return isMeeting(inner) ? WalkResult::interrupt()
                                : WalkResult::advance();
      })
      .wasInterrupted();
}

/// How two ops of a unit's body are separated by syncs.
enum class Interval { same, sameIteration, unknown, different };

/// The ancestor of `op` in `block`, none where it isn't below it.
static Operation *ancestorIn(Block *block, Operation *op) {
  return block->findAncestorOpInBlock(*op);
}

static bool meetingBetween(Operation *first, Operation *second) {
  for (Operation *op = first->getNextNode(); op && op != second;
       op = op->getNextNode())
    if (containsMeeting(op))
      return true;
  return false;
}

/// True if a sync surely stands between two ops of one block, in some order of
/// which `first` comes first.
static bool separated(Operation *first, Operation *second) {
  return first != second && meetingBetween(first, second);
}

static Interval intervalOf(Operation *first, Operation *second, Block *block) {
  Operation *outer = ancestorIn(block, first);
  Operation *other = ancestorIn(block, second);
  if (outer != other) {
    bool ordered = outer->isBeforeInBlock(other);
    return separated(ordered ? outer : other, ordered ? other : outer)
               ? Interval::different
           : containsMeeting(outer) || containsMeeting(other)
               ? Interval::unknown
               : Interval::same;
  }
  if (!containsMeeting(outer) || isMeeting(outer))
    return Interval::same;
  // A loop with syncs: in one iteration they may be apart, and the end of one
  // meets the start of the next.
  auto loop = dyn_cast<scf::ForOp>(outer);
  if (!loop)
    return Interval::unknown;
  Block *body = loop.getBody();
  Interval inner = intervalOf(first, second, body);
  Operation *one = ancestorIn(body, first), *two = ancestorIn(body, second);
  auto reachesEnd = [&](Operation *op) {
    for (Operation *o = op->getNextNode(); o; o = o->getNextNode())
      if (containsMeeting(o))
        return false;
    return true;
  };
  auto reachesStart = [&](Operation *op) {
    for (Operation *o = op->getPrevNode(); o; o = o->getPrevNode())
      if (containsMeeting(o))
        return false;
    return true;
  };
  bool wraps = (reachesEnd(one) && reachesStart(two)) ||
               (reachesEnd(two) && reachesStart(one));
  if (inner == Interval::different)
    return wraps ? Interval::unknown : Interval::different;
  if (inner == Interval::same)
    return wraps ? Interval::unknown : Interval::sameIteration;
  return inner;
}

/// Whether they can where the parallel's index `dim` is larger, or smaller, in
/// the first instance, and those before are equal.
static Answer conflict(const Access &first, const Access &second,
                       ParallelOp parallel, bool samePass, unsigned dim,
                       int sign, std::string &element) {
  AffineSystem both = first.system;
  SmallVector<unsigned> renamed = both.append(second.system);
  auto other = [&](const Linear &expression) {
    Linear made = Linear::number(expression.constant);
    for (auto [id, factor] : expression.terms)
      made = made + Linear::variable(renamed[id]) * factor;
    return made;
  };
  auto equate = [&](Value index) {
    auto left = first.system.variableOf(index);
    auto right = second.system.variableOf(index);
    if (left && right)
      both.addZero(Linear::variable(*left) - Linear::variable(renamed[*right]));
  };
  // What encloses the parallel is the same for both instances.
  for (Operation *op = parallel->getParentOp(); !isa<KernelOp>(op);
       op = op->getParentOp())
    for (Region &region : op->getRegions())
      for (Value index : region.getArguments())
        equate(index);
  if (samePass)
    for (Operation *op = first.op->getParentOp(); op != parallel;
         op = op->getParentOp())
      if (auto loop = dyn_cast<scf::ForOp>(op);
          loop && loop->isProperAncestor(second.op) && containsMeeting(loop))
        equate(loop.getInductionVar());
  Block::BlockArgListType indices = parallel.getBody().getArguments();
  for (unsigned before = 0; before < dim; ++before)
    equate(indices[before]);
  // An index that no coordinate depends on isn't in the systems yet.
  std::optional<Linear> left = both.read(indices[dim]);
  auto right = second.system.variableOf(indices[dim]);
  if (!left)
    return Answer::open;
  Linear own = *left,
         others = right ? Linear::variable(renamed[*right]) : Linear::number(0);
  if (!right) {
    AffineSystem fresh;
    std::optional<Linear> again = fresh.read(indices[dim]);
    SmallVector<unsigned> names = both.append(fresh);
    others = Linear::number(again->constant);
    for (auto [id, factor] : again->terms)
      others = others + Linear::variable(names[id]) * factor;
  }
  both.addNonNegative((own - others) * sign - Linear::number(1));
  for (auto [a, b] :
       llvm::zip_equal(first.rootCoordinates, second.rootCoordinates))
    both.addZero(a - other(b));
  SmallVector<int64_t> witness;
  Answer answer = ask(both, &witness);
  if (answer == Answer::refuted)
    element = point(first.rootCoordinates, witness);
  return answer;
}

Answer gir::analysis::askRace(const Access &first, const Access &second,
                              ParallelOp parallel, std::string &element) {
  Block &body = parallel.getBody().front();
  Interval interval = Interval::same;
  if (containsMeeting(parallel))
    interval = intervalOf(first.op, second.op, &body);
  if (interval == Interval::different)
    return Answer::proved;
  Answer worst = Answer::proved;
  for (unsigned dim = 0; dim < body.getNumArguments(); ++dim)
    for (int sign : {1, -1}) {
      Answer answer =
          conflict(first, second, parallel, interval == Interval::sameIteration,
                   dim, sign, element);
      if (answer == Answer::refuted && interval == Interval::unknown)
        answer = Answer::open;
      if (answer == Answer::refuted)
        return answer;
      if (answer == Answer::open)
        worst = answer;
    }
  return worst;
}
