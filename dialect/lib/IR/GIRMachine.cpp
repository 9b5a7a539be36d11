//===- GIRMachine.cpp - The machine that a program is for -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What machines' attributes must satisfy, and their fields as queries see them.
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIR.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace gir;

using EmitError = function_ref<InFlightDiagnostic()>;

//===----------------------------------------------------------------------===//
// Fields
//===----------------------------------------------------------------------===//

namespace {

/// Collects fields for a dictionary; what isn't known is left out.
class Fields {
public:
  explicit Fields(MLIRContext *context) : builder(context) {}

  Fields &add(StringRef key, Attribute value) {
    if (value)
      fields.push_back(builder.getNamedAttr(key, value));
    return *this;
  }
  Fields &add(StringRef key, std::optional<int64_t> value) {
    return value ? add(key, builder.getI64IntegerAttr(*value)) : *this;
  }
  Fields &addInt(StringRef key, int64_t value) {
    return add(key, builder.getI64IntegerAttr(value));
  }
  Fields &addBool(StringRef key, bool value) {
    return add(key, builder.getBoolAttr(value));
  }
  Fields &addText(StringRef key, StringRef value) {
    return add(key, builder.getStringAttr(value));
  }
  template <typename Part>
  Fields &addParts(StringRef key, ArrayRef<Part> parts) {
    return add(key, builder.getArrayAttr(llvm::map_to_vector(
                        parts, [](Part part) -> Attribute { return part; })));
  }
  DictionaryAttr take() { return builder.getDictionaryAttr(fields); }

private:
  Builder builder;
  SmallVector<NamedAttribute> fields;
};

} // namespace

DictionaryAttr SpaceAttr::getFields() const {
  return Fields(getContext())
      .add("name", getName())
      .addText("level", stringifyLevel(getLevel()))
      .addText("scope", stringifyHardwareScope(getScope()))
      .addText("kind", stringifySpaceKind(getKind()))
      .add("capacity_bytes", getCapacityBytes())
      .addInt("reserve_bytes", getReserveBytes())
      .add("pool_bytes", getPoolBytes())
      .addInt("granule_bytes", getGranuleBytes())
      .addInt("alignment_bytes", getAlignmentBytes())
      .addBool("write_allocate", getWriteAllocate())
      .take();
}

DictionaryAttr LinkAttr::getFields() const {
  return Fields(getContext())
      .add("source", getSource())
      .add("result", getResult())
      .add("bandwidth_bytes_per_ns", getBandwidthBytesPerNs())
      .add("latency_ns", getLatencyNs())
      .add("instruction", getInstruction())
      .addBool("asynchronous", getAsynchronous())
      .take();
}

DictionaryAttr EngineAttr::getFields() const {
  return Fields(getContext())
      .add("name", getName())
      .add("reads", getReads())
      .add("writes", getWrites())
      .add("ops", getOps())
      .add("rates", getRates())
      .add("limits", getLimits())
      .take();
}

DictionaryAttr LimitsAttr::getFields() const {
  return Fields(getContext())
      .addText("scope", stringifyHardwareScope(getScope()))
      .add("called", getCalled())
      .add("count", getCount())
      .add("max_count", getMaxCount())
      .add("barrier", getBarrier())
      .add("barrier_ns", getBarrierNs())
      .take();
}

DictionaryAttr CacheAttr::getFields() const {
  return Fields(getContext())
      .add("name", getName())
      .add("caches", getCaches())
      .add("capacity_bytes", getCapacityBytes())
      .addInt("granule_bytes", getGranuleBytes())
      .addText("scope", stringifyHardwareScope(getScope()))
      .add("bandwidth_bytes_per_ns", getBandwidthBytesPerNs())
      .take();
}

DictionaryAttr MachineAttr::getFields() const {
  return Fields(getContext())
      .add("name", getName())
      .add("launch_ns", getLaunchNs())
      .addParts("spaces", getSpaces())
      .addParts("links", getLinks())
      .addParts("engines", getEngines())
      .addParts("scopes", getScopes())
      .addParts("caches", getCaches())
      .take();
}

/// The value of a key among a part's fields.
static FailureOr<Attribute> queryFields(DictionaryAttr fields,
                                        DataLayoutEntryKey key) {
  auto name = dyn_cast<StringAttr>(key);
  Attribute value = name ? fields.get(name) : Attribute();
  if (!value)
    return failure();
  return value;
}

FailureOr<Attribute> SpaceAttr::query(DataLayoutEntryKey key) const {
  return queryFields(getFields(), key);
}
FailureOr<Attribute> LinkAttr::query(DataLayoutEntryKey key) const {
  return queryFields(getFields(), key);
}
FailureOr<Attribute> EngineAttr::query(DataLayoutEntryKey key) const {
  return queryFields(getFields(), key);
}
FailureOr<Attribute> LimitsAttr::query(DataLayoutEntryKey key) const {
  return queryFields(getFields(), key);
}
FailureOr<Attribute> CacheAttr::query(DataLayoutEntryKey key) const {
  return queryFields(getFields(), key);
}

/// The part of a name, as an attribute, or null.
template <typename Part>
static Attribute findNamed(ArrayRef<Part> parts, StringAttr name) {
  const auto *found =
      llvm::find_if(parts, [&](Part part) { return part.getName() == name; });
  return found == parts.end() ? Attribute() : Attribute(*found);
}

FailureOr<Attribute> MachineAttr::query(DataLayoutEntryKey key) const {
  auto name = dyn_cast<StringAttr>(key);
  if (!name)
    return failure();
  for (Attribute part :
       {findNamed(getSpaces(), name), findNamed(getEngines(), name),
        findNamed(getCaches(), name)})
    if (part)
      return part;
  return queryFields(getFields(), key);
}

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

/// Complains of a name that no space has.
static LogicalResult verifyIsSpace(EmitError emitError,
                                   ArrayRef<SpaceAttr> spaces, StringRef what,
                                   ArrayAttr names) {
  for (auto name : names.getAsRange<StringAttr>()) {
    if (findNamed(spaces, name))
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
  auto nameOf = [](auto part) -> Attribute { return part.getName(); };
  auto ends = [&](LinkAttr link) -> Attribute {
    return builder.getArrayAttr({link.getSource(), link.getResult()});
  };
  auto scopeOf = [&](LimitsAttr limits) -> Attribute {
    return builder.getStringAttr(stringifyHardwareScope(limits.getScope()));
  };
  for (Attribute repeated : {findRepeated(llvm::map_range(spaces, nameOf)),
                             findRepeated(llvm::map_range(engines, nameOf)),
                             findRepeated(llvm::map_range(caches, nameOf)),
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

SpaceAttr MachineAttr::getSpace(StringAttr name) const {
  return cast_or_null<SpaceAttr>(findNamed(getSpaces(), name));
}

SpaceAttr MachineAttr::getSpace(AtAttr at) const {
  for (SpaceAttr space : getSpaces())
    if (space.getLevel() == at.getLevel() &&
        (!at.getSpace() || at.getSpace() == space.getName()))
      return space;
  return {};
}
