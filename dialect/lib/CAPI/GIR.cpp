//===- GIR.cpp - C API of the GIR dialect -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gir-c/GIR.h"

#include "gir/IR/GIR.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/CAPI/Support.h"

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
