//===- GIR.cpp - C API of the GIR dialect -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gir-c/GIR.h"

#include "gir/IR/GIR.h"
#include "mlir/CAPI/AffineMap.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/CAPI/Support.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(GIR, gir, ::gir::GIRDialect)

bool girAttributeIsAAt(MlirAttribute attr) {
  return isa<gir::AtAttr>(unwrap(attr));
}

MlirTypeID girAtAttrGetTypeID(void) { return wrap(gir::AtAttr::getTypeID()); }

MlirAttribute girAtAttrGet(MlirContext context, MlirGirLevel level,
                           MlirStringRef space, MlirAttribute layout) {
  MLIRContext *ctx = unwrap(context);
  return wrap(Attribute(gir::AtAttr::getChecked(
      [ctx] { return emitError(UnknownLoc::get(ctx)); }, ctx,
      static_cast<gir::Level>(level),
      space.length ? StringAttr::get(ctx, unwrap(space)) : StringAttr(),
      dyn_cast_or_null<gir::LanesAttr>(unwrap(layout)))));
}

MlirGirLevel girAtAttrGetLevel(MlirAttribute attr) {
  return static_cast<MlirGirLevel>(cast<gir::AtAttr>(unwrap(attr)).getLevel());
}

MlirStringRef girAtAttrGetSpace(MlirAttribute attr) {
  StringAttr space = cast<gir::AtAttr>(unwrap(attr)).getSpace();
  return wrap(space ? space.getValue() : StringRef());
}

MlirAttribute girAtAttrGetLayout(MlirAttribute attr) {
  return wrap(Attribute(cast<gir::AtAttr>(unwrap(attr)).getLayout()));
}

bool girAttributeIsALanes(MlirAttribute attr) {
  return isa<gir::LanesAttr>(unwrap(attr));
}

MlirTypeID girLanesAttrGetTypeID(void) {
  return wrap(gir::LanesAttr::getTypeID());
}

MlirAttribute girLanesAttrGet(MlirContext context, intptr_t rank,
                              const int64_t *lanes, const int64_t *elements) {
  MLIRContext *ctx = unwrap(context);
  return wrap(Attribute(gir::LanesAttr::getChecked(
      [ctx] { return emitError(UnknownLoc::get(ctx)); }, ctx,
      ArrayRef(lanes, rank), ArrayRef(elements, rank))));
}

intptr_t girLanesAttrGetRank(MlirAttribute attr) {
  return cast<gir::LanesAttr>(unwrap(attr)).getLanes().size();
}

int64_t girLanesAttrGetLanes(MlirAttribute attr, intptr_t dim) {
  return cast<gir::LanesAttr>(unwrap(attr)).getLanes()[dim];
}

int64_t girLanesAttrGetElements(MlirAttribute attr, intptr_t dim) {
  return cast<gir::LanesAttr>(unwrap(attr)).getElements()[dim];
}

bool girAttributeIsAMachine(MlirAttribute attr) {
  return isa<gir::MachineAttr>(unwrap(attr));
}

MlirTypeID girMachineAttrGetTypeID(void) {
  return wrap(gir::MachineAttr::getTypeID());
}

MlirAttribute girMachinePartGetFields(MlirAttribute part) {
  return llvm::TypeSwitch<Attribute, MlirAttribute>(unwrap(part))
      .Case<gir::MachineAttr, gir::SpaceAttr, gir::LinkAttr, gir::EngineAttr,
            gir::LimitsAttr, gir::CacheAttr>([](auto known) {
        return wrap(static_cast<Attribute>(known.getFields()));
      })
      .Default(MlirAttribute{nullptr});
}

bool girAttributeIsANest(MlirAttribute attr) {
  return isa<gir::NestAttr>(unwrap(attr));
}

MlirTypeID girNestAttrGetTypeID(void) {
  return wrap(gir::NestAttr::getTypeID());
}

MlirAttribute girNestAttrGet(MlirContext context, intptr_t rank,
                             const MlirGirNestDim *dims, intptr_t sweptCount,
                             const MlirStringRef *swept) {
  MLIRContext *ctx = unwrap(context);
  SmallVector<StringAttr> names, sweep;
  SmallVector<int64_t> sizes, perGroup, perUnit, perStep, bounds;
  for (const MlirGirNestDim &dim : ArrayRef(dims, rank)) {
    names.push_back(StringAttr::get(ctx, unwrap(dim.name)));
    sizes.push_back(dim.size);
    perGroup.push_back(dim.perGroup);
    perUnit.push_back(dim.perUnit);
    perStep.push_back(dim.perStep);
    bounds.push_back(dim.bound);
  }
  for (MlirStringRef name : ArrayRef(swept, sweptCount))
    sweep.push_back(StringAttr::get(ctx, unwrap(name)));
  return wrap(Attribute(gir::NestAttr::getChecked(
      [ctx] { return emitError(UnknownLoc::get(ctx)); }, ctx, ArrayRef(names),
      ArrayRef(sizes), ArrayRef(perGroup), ArrayRef(perUnit), ArrayRef(perStep),
      ArrayRef(bounds), ArrayRef(sweep))));
}

intptr_t girNestAttrGetRank(MlirAttribute attr) {
  return cast<gir::NestAttr>(unwrap(attr)).getNames().size();
}

MlirGirNestDim girNestAttrGetDim(MlirAttribute attr, intptr_t dim) {
  auto nest = cast<gir::NestAttr>(unwrap(attr));
  return {wrap(nest.getNames()[dim].getValue()),
          nest.getSizes()[dim],
          nest.getPerGroup()[dim],
          nest.getPerUnit()[dim],
          nest.getPerStep()[dim],
          nest.getBounds()[dim]};
}

intptr_t girNestAttrGetSweptCount(MlirAttribute attr) {
  return cast<gir::NestAttr>(unwrap(attr)).getSweep().size();
}

MlirStringRef girNestAttrGetSwept(MlirAttribute attr, intptr_t index) {
  return wrap(cast<gir::NestAttr>(unwrap(attr)).getSweep()[index].getValue());
}

bool girTypeIsAToken(MlirType type) {
  return isa<gir::TokenType>(unwrap(type));
}

MlirTypeID girTokenTypeGetTypeID(void) {
  return wrap(gir::TokenType::getTypeID());
}

MlirType girTokenTypeGet(MlirContext context) {
  return wrap(Type(gir::TokenType::get(unwrap(context))));
}

bool girOperationIsMovement(MlirOperation op) {
  return isa<gir::MovementOpInterface>(unwrap(op));
}

MlirAttribute girMovementGetSourceAt(MlirOperation op) {
  return wrap(
      Attribute(cast<gir::MovementOpInterface>(unwrap(op)).getSourceAt()));
}

MlirAttribute girMovementGetResultAt(MlirOperation op) {
  return wrap(
      Attribute(cast<gir::MovementOpInterface>(unwrap(op)).getResultAt()));
}

MlirType girMovementGetMovedType(MlirOperation op) {
  return wrap(Type(cast<gir::MovementOpInterface>(unwrap(op)).getMovedType()));
}

MlirAffineMap girMovementGetMovedBytes(MlirOperation op,
                                       void (*symbol)(MlirValue,
                                                      void *userData),
                                       void *userData) {
  SmallVector<OpFoldResult> symbols;
  AffineExpr bytes =
      cast<gir::MovementOpInterface>(unwrap(op)).getMovedBytes(symbols);
  for (OpFoldResult value : symbols)
    symbol(wrap(cast<Value>(value)), userData);
  return wrap(AffineMap::get(0, symbols.size(), bytes));
}

bool girMovementIsAsynchronous(MlirOperation op) {
  return cast<gir::MovementOpInterface>(unwrap(op)).isAsynchronous();
}
