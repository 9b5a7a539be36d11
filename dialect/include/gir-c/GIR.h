//===- GIR.h - C API of the GIR dialect -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_C_GIR_H
#define GIR_C_GIR_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(GIR, gir);

/// Levels, as in the enum of the dialect.
enum MlirGirLevel {
  MlirGirLevelDram = 0,
  MlirGirLevelSram = 1,
  MlirGirLevelReg = 2
};

/// True for `#gir.at`.
MLIR_CAPI_EXPORTED bool girAttributeIsAAt(MlirAttribute attr);
MLIR_CAPI_EXPORTED MlirTypeID girAtAttrGetTypeID(void);
/// Makes `#gir.at`; an empty `space` and a null `layout` leave those out.
/// Reports an error and gives null where the attribute would be invalid.
MLIR_CAPI_EXPORTED MlirAttribute girAtAttrGet(MlirContext context,
                                              enum MlirGirLevel level,
                                              MlirStringRef space,
                                              MlirAttribute layout);
MLIR_CAPI_EXPORTED enum MlirGirLevel girAtAttrGetLevel(MlirAttribute attr);
/// The name of the space, empty where there is none.
MLIR_CAPI_EXPORTED MlirStringRef girAtAttrGetSpace(MlirAttribute attr);
/// The layout, a null attribute where there is none.
MLIR_CAPI_EXPORTED MlirAttribute girAtAttrGetLayout(MlirAttribute attr);

/// True for `#gir.lanes`.
MLIR_CAPI_EXPORTED bool girAttributeIsALanes(MlirAttribute attr);
MLIR_CAPI_EXPORTED MlirTypeID girLanesAttrGetTypeID(void);
/// Makes `#gir.lanes`. Reports an error and gives null where it would be
/// invalid.
MLIR_CAPI_EXPORTED MlirAttribute girLanesAttrGet(MlirContext context,
                                                 intptr_t rank,
                                                 const int64_t *lanes,
                                                 const int64_t *elements);
MLIR_CAPI_EXPORTED intptr_t girLanesAttrGetRank(MlirAttribute attr);
MLIR_CAPI_EXPORTED int64_t girLanesAttrGetLanes(MlirAttribute attr,
                                                intptr_t dim);
MLIR_CAPI_EXPORTED int64_t girLanesAttrGetElements(MlirAttribute attr,
                                                   intptr_t dim);

/// True if the op implements MovementOpInterface.
MLIR_CAPI_EXPORTED bool girOperationIsMovement(MlirOperation op);
MLIR_CAPI_EXPORTED MlirAttribute girMovementGetSourceAt(MlirOperation op);
MLIR_CAPI_EXPORTED MlirAttribute girMovementGetResultAt(MlirOperation op);
MLIR_CAPI_EXPORTED MlirType girMovementGetMovedType(MlirOperation op);

#ifdef __cplusplus
}
#endif

#endif // GIR_C_GIR_H
