//===- GIR.h - The GIR dialect -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dialect, attributes, types, interfaces and ops: the only header that users
// include.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_GIR_H
#define GIR_IR_GIR_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

#include "gir/IR/GIRDialect.h.inc"
#include "gir/IR/GIREnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "gir/IR/GIRAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "gir/IR/GIRTypes.h.inc"

namespace gir {

/// True for what GIR computes on: floats, index, and signless integers of at
/// most 64 bits.
bool isNumber(mlir::Type type);

/// True if a tensor of that shape has less than 2^60 elements, as far as its
/// sizes are known.
bool hasCountableElements(llvm::ArrayRef<int64_t> shape);

/// Where a value is: the `#gir.at` of a tensor's encoding or of a memref's
/// memory space, or null.
AtAttr getAt(mlir::Type type);

/// True for a tensor with `#gir.at`.
bool isTensorAt(mlir::Type type);

/// True for a tensor with `#gir.at` of that level.
bool isTensorAt(mlir::Type type, Level level);

/// True for a memref whose memory space is `#gir.at`.
bool isMemRefAt(mlir::Type type);

/// The type that a kernel's block argument has for an input of type `type`:
/// tensors and memrefs are at `dram` inside, everything else is as it was.
mlir::Type getTypeInKernel(mlir::Type type);

} // namespace gir

#include "gir/IR/GIRInterfaces.h.inc"

#define GET_OP_CLASSES
#include "gir/IR/GIROps.h.inc"

#endif // GIR_IR_GIR_H
