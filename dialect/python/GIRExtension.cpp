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

#include "gir-c/GIR.h"
#include "mlir/Bindings/Python/Diagnostics.h"
#include "mlir/Bindings/Python/Nanobind.h"
#include "mlir/Bindings/Python/NanobindAdaptors.h"
#include <nanobind/stl/optional.h>
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

NB_MODULE(_gir, m) {
  m.doc() = "The GIR dialect: registration, attributes, interfaces.";

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
          return girAtAttrGet(context, parseLevel(level),
                              mlirStringRefCreate(space.data(), space.size()),
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
    MlirStringRef space = girAtAttrGetSpace(self);
    return std::string(space.data ? space.data : "", space.length);
  });
  at.def_property_readonly(
      "layout", [](MlirAttribute self) -> std::optional<MlirAttribute> {
        MlirAttribute layout = girAtAttrGetLayout(self);
        if (mlirAttributeIsNull(layout))
          return std::nullopt;
        return layout;
      });

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
}
