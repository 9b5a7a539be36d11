//===- Check.cpp - gir-check ----------------------------------------------===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Four questions about each kernel in tile form, answered on affine windows:
//
//   bounds     does every access stay in its memref?
//   races      can two instances of a parallel touch one element, one of them
//              writing, without a sync between?
//   coverage   is each element of an output written?
//   sync       do all units reach each sync?
//
// A question is asked as a system of linear constraints on integers that has a
// solution where something is wrong. No solution: proved. A solution to a
// system that describes the runs exactly: refuted, and the solution is shown.
// Anything else is left open, to the reference interpreter.
//
//===----------------------------------------------------------------------===//

#include "gir/Analysis/Check.h"

#include "Accesses.h"

#include "mlir/Analysis/Presburger/PresburgerRelation.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using namespace gir;
using namespace gir::analysis;

namespace {

enum class Answer { proved, refuted, open };

/// Whether a system of what would be wrong has a solution.
Answer ask(const AffineSystem &system,
           SmallVectorImpl<int64_t> *witness = nullptr) {
  if (system.isLarge())
    return Answer::open;
  for (const presburger::IntegerPolyhedron &wrong : system.polyhedra()) {
    auto sample = wrong.findIntegerSample();
    if (!sample)
      continue;
    if (!system.exact || system.hasSymbols())
      return Answer::open;
    if (witness)
      for (const llvm::DynamicAPInt &value : *sample)
        witness->push_back(static_cast<int64_t>(value));
    return Answer::refuted;
  }
  return Answer::proved;
}

int64_t evaluate(const Linear &expression, ArrayRef<int64_t> witness) {
  int64_t sum = expression.constant;
  for (auto [id, factor] : expression.terms)
    sum += factor * witness[id];
  return sum;
}

std::string point(ArrayRef<Linear> place, ArrayRef<int64_t> witness) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "[";
  llvm::interleaveComma(place, os, [&](const Linear &coordinate) {
    os << evaluate(coordinate, witness);
  });
  os << "]";
  return text;
}

/// What a question came to over all its parts.
struct Tally {
  unsigned proved = 0, refuted = 0, open = 0;

  void add(Answer answer) {
    ++(answer == Answer::proved    ? proved
       : answer == Answer::refuted ? refuted
                                   : open);
  }
};

/// The ops that no unit passes alone.
bool isMeeting(Operation *op) { return isa<SyncOp, AllReduceOp>(op); }

bool containsMeeting(Operation *op) {
  return op
      ->walk([](Operation *inner) {
        return isMeeting(inner) ? WalkResult::interrupt()
                                : WalkResult::advance();
      })
      .wasInterrupted();
}

//===----------------------------------------------------------------------===//
// One kernel
//===----------------------------------------------------------------------===//

class KernelChecker {
public:
  explicit KernelChecker(KernelOp kernel)
      : kernel(kernel), accesses(accessesOf(kernel)) {}

  bool run(bool report);

private:
  void checkBounds();
  void checkRaces();
  void checkCoverage();
  void checkSyncs();

  Answer bounds(Access &access, unsigned dim);
  Answer race(const Access &first, const Access &second, ParallelOp parallel);
  Answer conflict(const Access &first, const Access &second,
                  ParallelOp parallel, bool samePass, unsigned dim, int sign);
  Answer coverage(Value output);
  void refute(Operation *op, const Twine &message);

  KernelOp kernel;
  std::vector<Access> accesses;
  Tally boundsTally, racesTally, coverageTally, syncTally;
  bool sound = true;
};

} // namespace

void KernelChecker::refute(Operation *op, const Twine &message) {
  sound = false;
  op->emitOpError(message);
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

Answer KernelChecker::bounds(Access &access, unsigned dim) {
  for (bool above : {false, true}) {
    AffineSystem wrong = access.system;
    const Linear &place = access.coordinates[dim];
    Linear size = wrong.size(access.memref, dim);
    wrong.addNonNegative(above ? place - size : place * -1 - Linear::number(1));
    SmallVector<int64_t> witness;
    Answer answer = ask(wrong, &witness);
    if (answer == Answer::refuted)
      refute(
          access.op,
          "is out of bounds: element " + point(access.coordinates, witness) +
              " of " +
              Twine(cast<MemRefType>(access.memref.getType()).getDimSize(dim)) +
              " in dimension " + Twine(dim));
    if (answer != Answer::proved)
      return answer;
  }
  return Answer::proved;
}

void KernelChecker::checkBounds() {
  for (Access &access : accesses) {
    if (access.clipped || isa<GatherOp, ScatterOp>(access.op))
      continue;
    Answer answer = access.known ? Answer::proved : Answer::open;
    for (unsigned dim = 0; dim < access.coordinates.size(); ++dim)
      if (answer == Answer::proved)
        answer = bounds(access, dim);
    boundsTally.add(answer);
  }
}

//===----------------------------------------------------------------------===//
// Races
//===----------------------------------------------------------------------===//

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

Answer KernelChecker::conflict(const Access &first, const Access &second,
                               ParallelOp parallel, bool samePass, unsigned dim,
                               int sign) {
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
  for (Operation *op = parallel->getParentOp(); op != kernel;
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
  if (answer == Answer::refuted) {
    refute(first.op, "races: two instances of a parallel touch element " +
                         point(first.rootCoordinates, witness) +
                         ", and one of them writes");
    if (second.op != first.op)
      sound = false;
  }
  return answer;
}

Answer KernelChecker::race(const Access &first, const Access &second,
                           ParallelOp parallel) {
  Block &body = parallel.getBody().front();
  Interval interval = Interval::same;
  if (containsMeeting(parallel))
    interval = intervalOf(first.op, second.op, &body);
  if (interval == Interval::different)
    return Answer::proved;
  Answer worst = Answer::proved;
  for (unsigned dim = 0; dim < body.getNumArguments(); ++dim)
    for (int sign : {1, -1}) {
      Answer answer = conflict(first, second, parallel,
                               interval == Interval::sameIteration, dim, sign);
      if (answer == Answer::refuted && interval == Interval::unknown)
        answer = Answer::open;
      if (answer == Answer::refuted)
        return answer;
      if (answer == Answer::open)
        worst = answer;
    }
  return worst;
}

void KernelChecker::checkRaces() {
  for (auto [at, first] : llvm::enumerate(accesses))
    for (const Access &second : ArrayRef<Access>(accesses).drop_front(at)) {
      if (first.root != second.root || !(first.writes || second.writes))
        continue;
      for (Operation *op = first.op->getParentOp(); op != kernel;
           op = op->getParentOp()) {
        auto parallel = dyn_cast<ParallelOp>(op);
        if (!parallel || !parallel->isAncestor(second.op) ||
            parallel->isAncestor(first.root.getParentBlock()->getParentOp()))
          continue;
        racesTally.add(race(first, second, parallel));
      }
    }
}

//===----------------------------------------------------------------------===//
// Coverage
//===----------------------------------------------------------------------===//

/// The elements of `root` that an access writes, as a set over its dimensions.
static presburger::PresburgerRelation imageOf(const Access &access) {
  using namespace presburger;
  AffineSystem system = access.system;
  unsigned rank = access.rootCoordinates.size();
  SmallVector<unsigned> places;
  for (const Linear &coordinate : access.rootCoordinates) {
    Linear place = system.fresh();
    system.addZero(place - coordinate);
    places.push_back(place.terms.begin()->first);
  }
  // The fresh variables are the last: all before become locals.
  PresburgerRelation image =
      PresburgerRelation::getEmpty(PresburgerSpace::getSetSpace(rank));
  for (IntegerPolyhedron &part : system.polyhedra()) {
    part.convertVarKind(VarKind::SetDim, 0, system.size() - rank,
                        VarKind::Local);
    image.unionInPlace(part.computeReprWithOnlyDivLocals());
  }
  return image;
}

Answer KernelChecker::coverage(Value output) {
  using namespace presburger;
  auto type = cast<MemRefType>(output.getType());
  if (!type.hasStaticShape())
    return Answer::open;
  AffineSystem box;
  for (int64_t size : type.getShape())
    box.within({Linear::number(size - 1)});
  PresburgerRelation left(box.polyhedra().front());
  for (const Access &access : accesses) {
    if (access.root != output || !access.writes)
      continue;
    if (!access.system.exact || access.system.hasSymbols() ||
        access.system.isLarge())
      return Answer::open;
    left = left.subtract(imageOf(access));
  }
  SmallVector<llvm::DynamicAPInt> sample;
  if (!left.findIntegerSample(sample))
    return Answer::proved;
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(ArrayRef(sample).take_front(type.getRank()), os,
                        [&](const llvm::DynamicAPInt &value) {
                          os << static_cast<int64_t>(value);
                        });
  refute(kernel, "doesn't write element [" + Twine(text) + "] of input " +
                     Twine(cast<BlockArgument>(output).getArgNumber()));
  return Answer::refuted;
}

void KernelChecker::checkCoverage() {
  for (BlockArgument argument : kernel.getBody().getArguments()) {
    if (!isa<MemRefType>(argument.getType()))
      continue;
    auto touches = [&](bool writes) {
      return llvm::any_of(accesses, [&](const Access &access) {
        return access.root == argument && access.writes == writes;
      });
    };
    // What is read as well as written may have been full before.
    if (touches(true) && !touches(false))
      coverageTally.add(coverage(argument));
  }
}

//===----------------------------------------------------------------------===//
// Syncs
//===----------------------------------------------------------------------===//

/// True if a value is the same for all instances of a parallel.
static bool isUniform(Value value, ParallelOp parallel) {
  if (parallel->getParentRegion()->isAncestor(value.getParentRegion()) &&
      !parallel.getBody().isAncestor(value.getParentRegion()))
    return true;
  auto argument = dyn_cast<BlockArgument>(value);
  if (argument) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    return loop && argument == loop.getInductionVar() &&
           isUniform(loop.getLowerBound(), parallel) &&
           isUniform(loop.getUpperBound(), parallel) &&
           isUniform(loop.getStep(), parallel);
  }
  Operation *op = value.getDefiningOp();
  return op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
         llvm::all_of(op->getOperands(), [&](Value operand) {
           return isUniform(operand, parallel);
         });
}

void KernelChecker::checkSyncs() {
  kernel.getBody().walk([&](Operation *op) {
    if (!isMeeting(op))
      return;
    auto parallel = op->getParentOfType<ParallelOp>();
    Answer answer = parallel ? Answer::proved : Answer::open;
    for (Operation *parent = op->getParentOp(); parallel && parent != parallel;
         parent = parent->getParentOp())
      for (Value operand : parent->getOperands())
        if (operand.getType().isIntOrIndex() && !isUniform(operand, parallel))
          answer = Answer::open;
    syncTally.add(answer);
  });
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

bool KernelChecker::run(bool report) {
  checkBounds();
  checkRaces();
  checkCoverage();
  checkSyncs();
  if (!report)
    return sound;
  InFlightDiagnostic remark = kernel.emitRemark();
  auto say = [&](StringRef name, const Tally &tally) {
    remark << name << ": " << tally.proved << " proved, " << tally.refuted
           << " refuted, " << tally.open << " open";
  };
  say("bounds", boundsTally);
  say("; races", racesTally);
  say("; coverage", coverageTally);
  say("; sync", syncTally);
  return sound;
}

namespace {

struct CheckPass : public PassWrapper<CheckPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CheckPass)

  CheckPass() = default;
  CheckPass(const CheckPass &other) : PassWrapper(other) {}

  StringRef getArgument() const override { return "gir-check"; }
  StringRef getDescription() const override {
    return "Prove or refute bounds, races, coverage and sync of tile form";
  }

  void runOnOperation() override {
    bool sound = true;
    getOperation()->walk([&](KernelOp kernel) {
      if (kernel.getResults().empty())
        sound &= KernelChecker(kernel).run(report);
    });
    if (!sound)
      signalPassFailure();
    markAllAnalysesPreserved();
  }

  Option<bool> report{
      *this, "report",
      llvm::cl::desc("Remark on each kernel what is proved and what is open"),
      llvm::cl::init(false)};
};

} // namespace

void gir::registerCheckPass() { PassRegistration<CheckPass>(); }
