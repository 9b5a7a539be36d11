//===- GIRMachine.cpp - The machine that a program is for -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What machines' attributes must satisfy.
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIR.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace gir;

using EmitError = function_ref<InFlightDiagnostic()>;

//===----------------------------------------------------------------------===//
// Verifiers of the parts
//===----------------------------------------------------------------------===//

/// True for what is unknown, and for a finite f64 of at least 0; with
/// `positive`, of more than 0.
static bool isMeasure(FloatAttr value, bool positive) {
  if (!value)
    return true;
  if (!value.getType().isF64() || !value.getValue().isFinite())
    return false;
  double number = value.getValueAsDouble();
  return positive ? number > 0 : number >= 0;
}

/// True for what is unknown, and for at least 1.
static bool isCount(std::optional<int64_t> value) {
  return !value || *value >= 1;
}

LogicalResult SpaceAttr::verify(EmitError emitError, StringAttr name, Level,
                                HardwareScope, SpaceKind,
                                std::optional<int64_t> capacity,
                                int64_t reserve, std::optional<int64_t> pool,
                                int64_t granule, int64_t alignment, bool) {
  if (name.getValue().empty()) // (C1)
    return emitError() << "expected a name of the space, got \"\"";
  if (!isCount(capacity) || !isCount(pool) || granule < 1 ||
      alignment < 1) // (C2)
    return emitError() << "expected sizes of at least 1 in space " << name
                       << ", got capacity " << capacity.value_or(1) << ", pool "
                       << pool.value_or(1) << ", granule " << granule
                       << ", alignment " << alignment;
  if (reserve < 0 || (capacity && reserve >= *capacity)) // (C2)
    return emitError() << "expected a reserve from 0 to less than the capacity "
                          "of space "
                       << name << ", got " << reserve;
  return success();
}

LogicalResult LinkAttr::verify(EmitError emitError, StringAttr source,
                               StringAttr result, FloatAttr bandwidth,
                               FloatAttr latency, StringAttr, bool) {
  if (source.getValue().empty() || result.getValue().empty()) // (C1)
    return emitError() << "expected names of two spaces, got " << source
                       << " and " << result;
  if (!isMeasure(bandwidth, /*positive=*/true)) // (C2)
    return emitError() << "expected a bandwidth of more than 0 as f64, got "
                       << bandwidth;
  if (!isMeasure(latency, /*positive=*/false)) // (C2)
    return emitError() << "expected a latency of 0 or more as f64, got "
                       << latency;
  return success();
}

/// The op classes that engines compute.
static constexpr StringLiteral opClasses[] = {"elementwise", "reduce", "scan",
                                              "contract"};

/// The entries of a dictionary that may be null.
static ArrayRef<NamedAttribute> getEntries(DictionaryAttr dictionary) {
  return dictionary ? dictionary.getValue() : ArrayRef<NamedAttribute>();
}

LogicalResult EngineAttr::verify(EmitError emitError, StringAttr name,
                                 ArrayAttr reads, ArrayAttr writes,
                                 ArrayAttr ops, DictionaryAttr rates,
                                 DictionaryAttr limits) {
  for (ArrayAttr list : {reads, writes, ops}) // (C1)
    if (list.empty() || !llvm::all_of(list, llvm::IsaPred<StringAttr>))
      return emitError() << "expected a list of names for engine " << name
                         << ", got " << list;
  for (auto op : ops.getAsRange<StringAttr>()) // (C2)
    if (!llvm::is_contained(opClasses, op.getValue()))
      return emitError() << "expected elementwise, reduce, scan or contract as "
                            "ops of engine "
                         << name << ", got " << op;
  for (NamedAttribute rate : getEntries(rates)) { // (C3)
    auto value = dyn_cast<FloatAttr>(rate.getValue());
    if (!isa<UnitAttr>(rate.getValue()) && (!value || !isMeasure(value, true)))
      return emitError() << "expected a rate of more than 0 as f64, got "
                         << rate.getName() << " = " << rate.getValue();
  }
  for (NamedAttribute limit : getEntries(limits)) {
    auto value = dyn_cast<IntegerAttr>(limit.getValue());
    if (!value || !value.getType().isInteger(64) || value.getInt() < 1) // (C3)
      return emitError() << "expected a limit of at least 1 as i64, got "
                         << limit.getName() << " = " << limit.getValue();
  }
  return success();
}

LogicalResult LimitsAttr::verify(EmitError emitError, HardwareScope scope,
                                 StringAttr, std::optional<int64_t> count,
                                 std::optional<int64_t> maxCount, StringAttr,
                                 FloatAttr barrierNs) {
  if (!isCount(count) || !isCount(maxCount)) // (C1)
    return emitError() << "expected counts of at least 1 for scope "
                       << stringifyHardwareScope(scope) << ", got "
                       << count.value_or(1) << " and " << maxCount.value_or(1);
  if (!isMeasure(barrierNs, /*positive=*/false)) // (C1)
    return emitError() << "expected a barrier to take 0 or more as f64, got "
                       << barrierNs;
  return success();
}

LogicalResult CacheAttr::verify(EmitError emitError, StringAttr name,
                                StringAttr caches,
                                std::optional<int64_t> capacity,
                                int64_t granule, HardwareScope,
                                FloatAttr bandwidth) {
  if (name.getValue().empty() || caches.getValue().empty()) // (C1)
    return emitError() << "expected names of a cache and of a space, got "
                       << name << " and " << caches;
  if (!isCount(capacity) || granule < 1 ||
      !isMeasure(bandwidth, /*positive=*/true)) // (C2)
    return emitError() << "expected sizes of at least 1 and a bandwidth of "
                          "more than 0 in cache "
                       << name;
  return success();
}

//===----------------------------------------------------------------------===//
// Verifier of the machine
//===----------------------------------------------------------------------===//

/// The name that stands a second time, or null.
template <typename Range> static Attribute findRepeated(Range &&names) {
  llvm::DenseSet<Attribute> seen;
  for (Attribute name : names)
    if (!seen.insert(name).second)
      return name;
  return {};
}

static StringAttr nameOf(SpaceAttr space) { return space.getName(); }

/// Complains of a name that no space has.
static LogicalResult verifyIsSpace(EmitError emitError,
                                   ArrayRef<SpaceAttr> spaces, StringRef what,
                                   ArrayAttr names) {
  for (auto name : names.getAsRange<StringAttr>()) {
    if (llvm::is_contained(llvm::map_range(spaces, nameOf), name))
      continue;
    InFlightDiagnostic diag = emitError() << "expected " << what
                                          << " to name a space, one of ";
    llvm::interleaveComma(spaces, diag,
                          [&](SpaceAttr space) { diag << space.getName(); });
    return diag << ", got " << name;
  }
  return success();
}

LogicalResult
MachineAttr::verify(EmitError emitError, StringAttr name, FloatAttr launchNs,
                    ArrayRef<SpaceAttr> spaces, ArrayRef<LinkAttr> links,
                    ArrayRef<EngineAttr> engines, ArrayRef<LimitsAttr> scopes,
                    ArrayRef<CacheAttr> caches) {
  Builder builder(name.getContext());
  auto named = [](auto part) -> Attribute { return part.getName(); };
  auto ends = [&](LinkAttr link) -> Attribute {
    return builder.getArrayAttr({link.getSource(), link.getResult()});
  };
  auto scopeOf = [&](LimitsAttr limits) -> Attribute {
    return builder.getStringAttr(stringifyHardwareScope(limits.getScope()));
  };
  for (Attribute repeated : {findRepeated(llvm::map_range(spaces, named)),
                             findRepeated(llvm::map_range(engines, named)),
                             findRepeated(llvm::map_range(caches, named)),
                             findRepeated(llvm::map_range(scopes, scopeOf)),
                             findRepeated(llvm::map_range(links, ends))})
    if (repeated) // (C1)
      return emitError() << "expected spaces, engines, caches, scopes and "
                            "links of machine "
                         << name << " to differ, got " << repeated << " twice";
  if (!isMeasure(launchNs, /*positive=*/false)) // (C9)
    return emitError() << "expected a launch to cost 0 or more as f64, got "
                       << launchNs;

  for (LinkAttr link : links) // (C2)
    if (failed(verifyIsSpace(emitError, spaces, "a link",
                             cast<ArrayAttr>(ends(link)))))
      return failure();
  for (EngineAttr engine : engines) // (C2)
    if (failed(
            verifyIsSpace(emitError, spaces, "an engine", engine.getReads())) ||
        failed(
            verifyIsSpace(emitError, spaces, "an engine", engine.getWrites())))
      return failure();
  for (CacheAttr cache : caches) // (C2)
    if (failed(verifyIsSpace(emitError, spaces, "a cache",
                             builder.getArrayAttr({cache.getCaches()}))))
      return failure();

  for (Level level : {Level::dram, Level::sram, Level::reg}) // (C3)
    if (llvm::none_of(
            spaces, [&](SpaceAttr space) { return space.getLevel() == level; }))
      return emitError() << "expected a space at each level in machine " << name
                         << ", got none at " << stringifyLevel(level);
  for (SpaceAttr inner : spaces) // (C4)
    for (SpaceAttr outer : spaces)
      if (outer.getLevel() < inner.getLevel() &&
          outer.getScope() > inner.getScope())
        return emitError() << "expected space " << inner.getName() << " at "
                           << stringifyLevel(inner.getLevel())
                           << " to belong to a "
                           << stringifyHardwareScope(outer.getScope())
                           << " or less, as " << outer.getName() << " at "
                           << stringifyLevel(outer.getLevel()) << " does, got "
                           << stringifyHardwareScope(inner.getScope());
  return success();
}
