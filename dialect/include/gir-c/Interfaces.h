//===- Interfaces.h - C API: what GIR ops compute, and of what -*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_C_INTERFACES_H
#define GIR_C_INTERFACES_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Takes `count` numbers that belong to operand or result `number`.
typedef void (*MlirGirNumbersCallback)(intptr_t number, intptr_t count,
                                       const int64_t *numbers, void *userData);

/// True if the op implements ComputationOpInterface; the others ask for that.
MLIR_CAPI_EXPORTED bool girOperationIsComputation(MlirOperation op);
/// One number per iteration dimension: 0 parallel, 1 reduction, 2 scan.
MLIR_CAPI_EXPORTED void
girComputationGetIterators(MlirOperation op, MlirGirNumbersCallback callback,
                           void *userData);
/// For each operand and result the iteration dimensions that it runs over.
MLIR_CAPI_EXPORTED void
girComputationGetOperandDims(MlirOperation op, MlirGirNumbersCallback callback,
                             void *userData);
MLIR_CAPI_EXPORTED void
girComputationGetResultDims(MlirOperation op, MlirGirNumbersCallback callback,
                            void *userData);
/// The algebra's name, in static storage.
MLIR_CAPI_EXPORTED MlirStringRef girComputationGetAlgebra(MlirOperation op);
/// One value per accumulator that changes nothing, as an array attribute.
MLIR_CAPI_EXPORTED MlirAttribute
girComputationGetNeutralElements(MlirOperation op);

/// The windows of operands that a window of a result needs. For each operand
/// that is a tensor, `callback` gets offsets, then sizes, then what is asked
/// for before and then behind the tensor: `4 x count` numbers. A number that
/// isn't known is mlirShapedTypeGetDynamicStrideOrOffset(), on the way in too.
/// False if the op doesn't say.
MLIR_CAPI_EXPORTED bool
girOperationGetOperandWindows(MlirOperation op, intptr_t result, intptr_t rank,
                              const int64_t *offsets, const int64_t *sizes,
                              MlirGirNumbersCallback callback, void *userData);

#ifdef __cplusplus
}
#endif

#endif // GIR_C_INTERFACES_H
