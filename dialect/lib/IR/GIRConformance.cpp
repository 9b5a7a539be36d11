//===- GIRConformance.cpp - Programs against their machine -------*- C++
//-*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One walk over a module that says which machine it is for: places exist,
// computation is beside an engine, movement goes along links. The module is
// verified before what is in it, so ops may still be malformed here: only types
// of operands and results are looked at, never accessors or interfaces.
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIR.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace gir;

namespace {

/// An engine with its spaces as sets.
struct EngineSpaces {
  EngineAttr engine;
  llvm::SmallDenseSet<Attribute, 4> reads, writes;
};

/// The machine with what is asked of it for each op.
class Checker {
public:
  explicit Checker(MachineAttr machine) : machine(machine) {
    for (EngineAttr engine : machine.getEngines()) {
      EngineSpaces spaces{engine, {}, {}};
      spaces.reads.insert_range(engine.getReads());
      spaces.writes.insert_range(engine.getWrites());
      for (auto op : engine.getOps().getAsRange<StringAttr>())
        engines[op.getValue()].push_back(spaces);
    }
    for (LinkAttr link : machine.getLinks())
      links.insert({link.getSource(), link.getResult()});
  }

  /// The space of a type; null where it has no place. Complains, once per
  /// place, where the machine has no such space.
  FailureOr<SpaceAttr> getSpace(Type type, Location loc);
  /// Checks the places of an op's results and of its blocks' arguments.
  LogicalResult verifyPlaces(Operation *op);
  LogicalResult verifyEngine(Operation *op);
  LogicalResult verifyLink(Operation *op);
  LogicalResult verifyScope(Operation *op);

private:
  InFlightDiagnostic emit(Operation *op) {
    return op->emitOpError() << "on machine " << machine.getName() << ": ";
  }
  InFlightDiagnostic complainOfEngines(Operation *op, StringRef opClass,
                                       StringRef role, unsigned number,
                                       SpaceAttr got, bool reads);

  MachineAttr machine;
  llvm::StringMap<SmallVector<EngineSpaces>> engines;
  llvm::DenseSet<std::pair<Attribute, Attribute>> links;
  llvm::DenseMap<AtAttr, SpaceAttr> spaces;
};

} // namespace

FailureOr<SpaceAttr> Checker::getSpace(Type type, Location loc) {
  AtAttr at = getAt(type);
  if (!at)
    return SpaceAttr();
  auto [entry, isNew] = spaces.try_emplace(at);
  if (isNew)
    entry->second = machine.getSpace(at);
  if (entry->second)
    return entry->second;
  InFlightDiagnostic diag = emitError(loc)
                            << "on machine " << machine.getName()
                            << ": expected a space at "
                            << stringifyLevel(at.getLevel()) << ", one of ";
  auto there =
      llvm::make_filter_range(machine.getSpaces(), [&](SpaceAttr space) {
        return space.getLevel() == at.getLevel();
      });
  llvm::interleaveComma(there, diag,
                        [&](SpaceAttr space) { diag << space.getName(); });
  diag << ", got " << at.getSpace();
  return failure();
}

LogicalResult Checker::verifyPlaces(Operation *op) {
  for (Type type : op->getResultTypes())
    if (failed(getSpace(type, op->getLoc())))
      return failure();
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (BlockArgument argument : block.getArguments())
        if (failed(getSpace(argument.getType(), argument.getLoc())))
          return failure();
  return success();
}

/// What kind of computation an op is; empty where it is none.
static StringRef getOpClass(Operation *op) {
  if (isa<ReduceOp, AllReduceOp>(op))
    return "reduce";
  if (isa<ScanOp>(op))
    return "scan";
  if (isa<ContractOp>(op))
    return "contract";
  bool elementwise = op->hasTrait<OpTrait::Elementwise>() || isa<IotaOp>(op);
  return elementwise ? "elementwise" : "";
}

InFlightDiagnostic Checker::complainOfEngines(Operation *op, StringRef opClass,
                                              StringRef role, unsigned number,
                                              SpaceAttr got, bool reads) {
  InFlightDiagnostic diag = emit(op)
                            << "expected " << role << " #" << number
                            << " in a space that an engine for " << opClass
                            << (reads ? " reads" : " writes") << " (";
  auto &there = engines[opClass];
  llvm::interleaveComma(there, diag, [&](const EngineSpaces &spaces) {
    diag << spaces.engine.getName().getValue() << ": "
         << (reads ? spaces.engine.getReads() : spaces.engine.getWrites());
  });
  diag << (there.empty() ? "none" : "") << "), got " << got.getName()
       << (reads ? "; move it to such a space first"
                 : "; compute it in such a space and move it then");
  return diag;
}

LogicalResult Checker::verifyEngine(Operation *op) {
  StringRef opClass = getOpClass(op);
  if (opClass.empty())
    return success();
  // The engines that are left after each operand and result; the one that
  // leaves none is what the message is about.
  SmallVector<EngineSpaces *> left;
  for (EngineSpaces &spaces : engines[opClass])
    left.push_back(&spaces);
  auto check = [&](Type type, StringRef role, unsigned number, bool reads) {
    FailureOr<SpaceAttr> space = getSpace(type, op->getLoc());
    if (failed(space) || !*space)
      return LogicalResult(space);
    llvm::erase_if(left, [&](EngineSpaces *spaces) {
      auto &set = reads ? spaces->reads : spaces->writes;
      return !set.contains(space->getName());
    });
    if (!left.empty())
      return success();
    return LogicalResult(
        complainOfEngines(op, opClass, role, number, *space, reads));
  };
  for (auto [number, type] : llvm::enumerate(op->getOperandTypes()))
    if (failed(check(type, "operand", number, /*reads=*/true)))
      return failure();
  for (auto [number, type] : llvm::enumerate(op->getResultTypes()))
    if (failed(check(type, "result", number, /*reads=*/false)))
      return failure();
  return success();
}

/// The type of what a movement gives or writes: every movement reads its first
/// operand and has a result with a place, or writes the next operand with one.
static Type findDestination(Operation *op) {
  for (Type type : op->getResultTypes())
    if (getAt(type))
      return type;
  for (Value operand : op->getOperands().drop_front())
    if (getAt(operand.getType()))
      return operand.getType();
  return {};
}

LogicalResult Checker::verifyLink(Operation *op) {
  if (!isa<MovementOpInterface>(op) || op->getNumOperands() == 0)
    return success();
  Type source = op->getOperand(0).getType(), dest = findDestination(op);
  if (!dest || !getAt(source))
    return success();
  FailureOr<SpaceAttr> from = getSpace(source, op->getLoc());
  FailureOr<SpaceAttr> to = getSpace(dest, op->getLoc());
  if (failed(from) || failed(to))
    return failure();
  StringAttr fromName = from->getName(), toName = to->getName();
  if (fromName == toName || links.contains({fromName, toName}))
    return success();
  InFlightDiagnostic diag = emit(op) << "expected a movement along a link, got "
                                     << fromName << " to " << toName << "; ";
  auto ways = llvm::make_filter_range(machine.getLinks(), [&](LinkAttr link) {
    return link.getSource() == fromName;
  });
  diag << "from " << fromName << " links go to ";
  llvm::interleaveComma(ways, diag,
                        [&](LinkAttr link) { diag << link.getResult(); });
  if (ways.empty())
    diag << "no space";
  return diag;
}

LogicalResult Checker::verifyScope(Operation *op) {
  if (!isa<ParallelOp, SyncOp, AllReduceOp>(op) || machine.getScopes().empty())
    return success();
  auto scope = dyn_cast_or_null<ScopeAttr>(
      op->getInherentAttr("scope").value_or(Attribute()));
  auto isIt = [&](LimitsAttr limits) {
    return limits.getScope() == static_cast<HardwareScope>(scope.getValue());
  };
  if (!scope || llvm::any_of(machine.getScopes(), isIt))
    return success();
  InFlightDiagnostic diag = emit(op)
                            << "expected a scope that the machine has, one of ";
  llvm::interleaveComma(machine.getScopes(), diag, [&](LimitsAttr limits) {
    diag << stringifyHardwareScope(limits.getScope());
  });
  return diag << ", got " << stringifyScope(scope.getValue());
}

LogicalResult MachineAttr::verifyModule(Operation *module) const {
  if (!isa<ModuleOp>(module)) // (C5)
    return module->emitError("expected gir.machine on a module, got it on ")
           << module->getName();
  Checker checker(*this);
  WalkResult walked =
      module->walk<WalkOrder::PreOrder>([&](Operation *op) -> WalkResult {
        // A module inside with a machine of its own is for that one.
        if (op != module && isa<ModuleOp>(op) &&
            op->getDiscardableAttr("gir.machine"))
          return WalkResult::skip();
        if (failed(checker.verifyPlaces(op)) || // (C6)
            failed(checker.verifyEngine(op)) || // (C7)
            failed(checker.verifyLink(op)) ||   // (C8)
            failed(checker.verifyScope(op)))    // (C10)
          return WalkResult::interrupt();
        return WalkResult::advance();
      });
  return failure(walked.wasInterrupted());
}

LogicalResult GIRDialect::verifyOperationAttribute(Operation *op,
                                                   NamedAttribute attribute) {
  if (attribute.getName() != "gir.machine")
    return success();
  auto machine = dyn_cast<MachineAttr>(attribute.getValue());
  if (!machine)
    return op->emitOpError("expected #gir.machine as gir.machine, got ")
           << attribute.getValue();
  return machine.verifyModule(op);
}
