//===- GIRMachineFields.cpp - What machines know -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fields of machines' attributes by name, for DLTI's queries and for Python.
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIR.h"

using namespace mlir;
using namespace gir;

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
