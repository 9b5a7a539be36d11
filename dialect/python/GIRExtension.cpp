//===- GIRExtension.cpp - Python module of the GIR dialect -------*- C++
//-*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `powerfusion._native._gir`: registers GIR in a context or registry and gives
// its attributes and interfaces Python faces. Ops come from mlir-tblgen.
//
//===----------------------------------------------------------------------===//

#include "Interfaces.h"
#include "gir-c/GIR.h"
#include "mlir-c/BuiltinTypes.h"
#include "mlir/Bindings/Python/Diagnostics.h"
#include "mlir/Bindings/Python/Nanobind.h"
#include "mlir/Bindings/Python/NanobindAdaptors.h"
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace mlir::python::nanobind_adaptors;

static const char *const levels[] = {"dram", "sram", "reg"};

static MlirGirLevel parseLevel(const std::string &name) {
  for (int level = 0; level < 3; ++level)
    if (name == levels[level])
      return static_cast<MlirGirLevel>(level);
  throw nb::value_error(
      ("expected level dram, sram or reg, got '" + name + "'").c_str());
}

/// Makes an attribute; what its verifier says becomes a ValueError.
template <typename Make>
static MlirAttribute makeChecked(MlirContext context, Make make) {
  mlir::python::CollectDiagnosticsToStringScope said(context);
  MlirAttribute made = make();
  std::string message = said.takeMessage();
  if (mlirAttributeIsNull(made))
    throw nb::value_error(message.c_str());
  return made;
}

//===----------------------------------------------------------------------===//
// Nests
//===----------------------------------------------------------------------===//

/// A dimension of a nest as Python sees it: name, size, per group, per unit,
/// per step, bound; None for what isn't known.
using NestDimTuple = std::tuple<std::string, std::optional<int64_t>, int64_t,
                                int64_t, int64_t, std::optional<int64_t>>;

static MlirStringRef toRef(const std::string &text) {
  return mlirStringRefCreate(text.data(), text.size());
}

static std::string toString(MlirStringRef text) {
  return std::string(text.data ? text.data : "", text.length);
}

static MlirAttribute makeNest(const std::vector<NestDimTuple> &dims,
                              const std::vector<std::string> &sweep,
                              MlirContext context) {
  int64_t dynamic = mlirShapedTypeGetDynamicSize();
  std::vector<MlirGirNestDim> made;
  for (const auto &[name, size, group, unit, step, bound] : dims)
    made.push_back({toRef(name), size.value_or(dynamic), group, unit, step,
                    bound.value_or(dynamic)});
  std::vector<MlirStringRef> swept;
  for (const std::string &name : sweep)
    swept.push_back(toRef(name));
  return makeChecked(context, [&] {
    return girNestAttrGet(context, made.size(), made.data(), swept.size(),
                          swept.data());
  });
}

static std::vector<NestDimTuple> getNestDims(MlirAttribute nest) {
  auto known = [](int64_t size) -> std::optional<int64_t> {
    if (size == mlirShapedTypeGetDynamicSize())
      return std::nullopt;
    return size;
  };
  std::vector<NestDimTuple> dims;
  for (intptr_t index = 0; index < girNestAttrGetRank(nest); ++index) {
    MlirGirNestDim dim = girNestAttrGetDim(nest, index);
    dims.emplace_back(toString(dim.name), known(dim.size), dim.perGroup,
                      dim.perUnit, dim.perStep, known(dim.bound));
  }
  return dims;
}

static void bindNest(nb::module_ &m) {
  auto nest = mlir_attribute_subclass(m, "NestAttr", girAttributeIsANest,
                                      girNestAttrGetTypeID);
  nest.def_classmethod(
      "get",
      [](const nb::object &cls, const std::vector<NestDimTuple> &dims,
         const std::vector<std::string> &sweep,
         MlirContext context) { return cls(makeNest(dims, sweep, context)); },
      nb::arg("cls"), nb::arg("dims"), nb::arg("sweep") = nb::list(),
      nb::arg("context") = nb::none(),
      "How dimensions are dealt out; each is (name, size, per group, per unit, "
      "per step, bound).");
  nest.def_property_readonly("dims", getNestDims);
  nest.def_property_readonly("sweep", [](MlirAttribute self) {
    std::vector<std::string> names;
    for (intptr_t index = 0; index < girNestAttrGetSweptCount(self); ++index)
      names.push_back(toString(girNestAttrGetSwept(self, index)));
    return names;
  });
}

//===----------------------------------------------------------------------===//
// Machines
//===----------------------------------------------------------------------===//

static void bindMachine(nb::module_ &m) {
  mlir_attribute_subclass(m, "MachineAttr", girAttributeIsAMachine,
                          girMachineAttrGetTypeID);
  m.def(
      "machine_fields",
      [](MlirAttribute part) -> std::optional<MlirAttribute> {
        MlirAttribute fields = girMachinePartGetFields(part);
        if (mlirAttributeIsNull(fields))
          return std::nullopt;
        return fields;
      },
      nb::arg("part"),
      "What is known of #gir.machine or a part of one, a dictionary; None for "
      "other attributes.");
}

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

static std::optional<std::pair<MlirAffineMap, std::vector<MlirValue>>>
getMovedBytes(MlirOperation op) {
  if (!girOperationIsMovement(op))
    return std::nullopt;
  std::vector<MlirValue> symbols;
  MlirAffineMap bytes = girMovementGetMovedBytes(
      op,
      [](MlirValue value, void *into) {
        static_cast<std::vector<MlirValue> *>(into)->push_back(value);
      },
      &symbols);
  return std::make_pair(bytes, std::move(symbols));
}

static void bindMovement(nb::module_ &m) {
  m.def(
      "movement",
      [](MlirOperation op)
          -> std::optional<std::tuple<MlirAttribute, MlirAttribute, MlirType>> {
        if (!girOperationIsMovement(op))
          return std::nullopt;
        return std::make_tuple(girMovementGetSourceAt(op),
                               girMovementGetResultAt(op),
                               girMovementGetMovedType(op));
      },
      nb::arg("op"),
      "(source, result, moved type) of an op that moves data, else None.");
  m.def(
      "moved_bytes", getMovedBytes, nb::arg("op"),
      "The bytes that one execution of an op moves, as a map from symbols, and "
      "the values of these: an index, or a tensor for each of its dynamic "
      "sizes. None for an op that moves nothing.");
  m.def(
      "is_asynchronous",
      [](MlirOperation op) {
        return girOperationIsMovement(op) && girMovementIsAsynchronous(op);
      },
      nb::arg("op"), "Whether an op's data is there only after a wait.");
}

NB_MODULE(_gir, m) {
  m.doc() = "The GIR dialect: registration, attributes, interfaces.";
  bindComputation(m);

  m.def(
      "register_dialects",
      [](MlirDialectRegistry registry) {
        mlirDialectHandleInsertDialect(mlirGetDialectHandle__gir__(), registry);
      },
      nb::arg("registry"), "Adds GIR to a dialect registry.");
  m.def(
      "register_dialect",
      [](MlirContext context, bool load) {
        MlirDialectHandle handle = mlirGetDialectHandle__gir__();
        mlirDialectHandleRegisterDialect(handle, context);
        if (load)
          mlirDialectHandleLoadDialect(handle, context);
      },
      nb::arg("context"), nb::arg("load") = true,
      "Registers GIR in an existing context.");

  auto lanes = mlir_attribute_subclass(m, "LanesAttr", girAttributeIsALanes,
                                       girLanesAttrGetTypeID);
  lanes.def_classmethod(
      "get",
      [](const nb::object &cls, const std::vector<int64_t> &lanes,
         const std::vector<int64_t> &elements, MlirContext context) {
        if (lanes.size() != elements.size())
          throw nb::value_error(
              "expected as many lane counts as element counts");
        return cls(makeChecked(context, [&] {
          return girLanesAttrGet(context, lanes.size(), lanes.data(),
                                 elements.data());
        }));
      },
      nb::arg("cls"), nb::arg("lanes"), nb::arg("elements"),
      nb::arg("context") = nb::none());
  lanes.def_property_readonly("lanes", [](MlirAttribute self) {
    std::vector<int64_t> counts;
    for (intptr_t dim = 0; dim < girLanesAttrGetRank(self); ++dim)
      counts.push_back(girLanesAttrGetLanes(self, dim));
    return counts;
  });
  lanes.def_property_readonly("elements", [](MlirAttribute self) {
    std::vector<int64_t> counts;
    for (intptr_t dim = 0; dim < girLanesAttrGetRank(self); ++dim)
      counts.push_back(girLanesAttrGetElements(self, dim));
    return counts;
  });

  auto at = mlir_attribute_subclass(m, "AtAttr", girAttributeIsAAt,
                                    girAtAttrGetTypeID);
  at.def_classmethod(
      "get",
      [](const nb::object &cls, const std::string &level,
         const std::string &space, std::optional<MlirAttribute> layout,
         MlirContext context) {
        if (layout && !girAttributeIsALanes(*layout))
          throw nb::value_error("expected a LanesAttr as layout");
        return cls(makeChecked(context, [&] {
          return girAtAttrGet(context, parseLevel(level), toRef(space),
                              layout.value_or(MlirAttribute{nullptr}));
        }));
      },
      nb::arg("cls"), nb::arg("level"), nb::arg("space") = "",
      nb::arg("layout") = nb::none(), nb::arg("context") = nb::none(),
      "Where a value is; level is dram, sram or reg.");
  at.def_property_readonly("level", [](MlirAttribute self) {
    return levels[girAtAttrGetLevel(self)];
  });
  at.def_property_readonly("space", [](MlirAttribute self) {
    return toString(girAtAttrGetSpace(self));
  });
  at.def_property_readonly(
      "layout", [](MlirAttribute self) -> std::optional<MlirAttribute> {
        MlirAttribute layout = girAtAttrGetLayout(self);
        if (mlirAttributeIsNull(layout))
          return std::nullopt;
        return layout;
      });

  auto token = mlir_type_subclass(m, "TokenType", girTypeIsAToken,
                                  girTokenTypeGetTypeID);
  token.def_classmethod(
      "get",
      [](const nb::object &cls, MlirContext context) {
        return cls(girTokenTypeGet(context));
      },
      nb::arg("cls"), nb::arg("context") = nb::none());

  bindNest(m);
  bindMachine(m);
  bindMovement(m);
}
