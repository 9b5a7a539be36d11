//===- GIR.h - C API of the GIR dialect -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_C_GIR_H
#define GIR_C_GIR_H

#include "mlir-c/AffineMap.h"
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

/// One dimension of a nest. Where there is no static size, or no bound of a
/// dynamic one, that is mlirShapedTypeGetDynamicSize().
typedef struct MlirGirNestDim {
  MlirStringRef name;
  int64_t size, perGroup, perUnit, perStep, bound;
} MlirGirNestDim;

/// True for `#gir.nest`.
MLIR_CAPI_EXPORTED bool girAttributeIsANest(MlirAttribute attr);
MLIR_CAPI_EXPORTED MlirTypeID girNestAttrGetTypeID(void);
/// Makes `#gir.nest`. Reports an error and gives null where it would be
/// invalid.
MLIR_CAPI_EXPORTED MlirAttribute girNestAttrGet(MlirContext context,
                                                intptr_t rank,
                                                const MlirGirNestDim *dims,
                                                intptr_t sweptCount,
                                                const MlirStringRef *swept);
MLIR_CAPI_EXPORTED intptr_t girNestAttrGetRank(MlirAttribute attr);
MLIR_CAPI_EXPORTED MlirGirNestDim girNestAttrGetDim(MlirAttribute attr,
                                                    intptr_t dim);
MLIR_CAPI_EXPORTED intptr_t girNestAttrGetSweptCount(MlirAttribute attr);
MLIR_CAPI_EXPORTED MlirStringRef girNestAttrGetSwept(MlirAttribute attr,
                                                     intptr_t index);

/// True for `#gir.machine`. Its text is parsed like any other attribute's.
MLIR_CAPI_EXPORTED bool girAttributeIsAMachine(MlirAttribute attr);
MLIR_CAPI_EXPORTED MlirTypeID girMachineAttrGetTypeID(void);
/// What is known of a machine, or of a part of one (a space, a link, an engine,
/// limits, a cache): a dictionary from the names of fields. A null attribute
/// for any other attribute.
MLIR_CAPI_EXPORTED MlirAttribute girMachinePartGetFields(MlirAttribute part);

/// True for `!gir.token`.
MLIR_CAPI_EXPORTED bool girTypeIsAToken(MlirType type);
MLIR_CAPI_EXPORTED MlirTypeID girTokenTypeGetTypeID(void);
MLIR_CAPI_EXPORTED MlirType girTokenTypeGet(MlirContext context);

/// True if the op implements MovementOpInterface.
MLIR_CAPI_EXPORTED bool girOperationIsMovement(MlirOperation op);
MLIR_CAPI_EXPORTED MlirAttribute girMovementGetSourceAt(MlirOperation op);
MLIR_CAPI_EXPORTED MlirAttribute girMovementGetResultAt(MlirOperation op);
MLIR_CAPI_EXPORTED MlirType girMovementGetMovedType(MlirOperation op);
/// The bytes that one execution moves, as a map from symbols alone; `symbol` is
/// called for each of them in order, with an index, or with a tensor for each
/// of its dynamic sizes.
MLIR_CAPI_EXPORTED MlirAffineMap girMovementGetMovedBytes(
    MlirOperation op, void (*symbol)(MlirValue, void *userData),
    void *userData);
MLIR_CAPI_EXPORTED bool girMovementIsAsynchronous(MlirOperation op);

#ifdef __cplusplus
}
#endif

#endif // GIR_C_GIR_H
