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
#include "Questions.h"
#include "Races.h"

#include "mlir/Analysis/Presburger/PresburgerRelation.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using namespace gir;
using namespace gir::analysis;

namespace {

/// What a question came to over all its parts.
struct Tally {
  unsigned proved = 0, refuted = 0, open = 0;

  void add(Answer answer) {
    ++(answer == Answer::proved    ? proved
       : answer == Answer::refuted ? refuted
                                   : open);
  }
};

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

Answer KernelChecker::race(const Access &first, const Access &second,
                           ParallelOp parallel) {
  std::string element;
  Answer answer = askRace(first, second, parallel, element);
  if (answer == Answer::refuted)
    refute(first.op, "races: two instances of a parallel touch element " +
                         Twine(element) + ", and one of them writes");
  return answer;
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
