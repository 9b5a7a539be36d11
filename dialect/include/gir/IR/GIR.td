//===- GIR.td - The GIR dialect, whole ------------------------*- tablegen -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one file that mlir-tblgen reads for C++ and Python.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_IR_GIR
#define GIR_IR_GIR

include "gir/IR/GIRMachine.td"
include "gir/IR/GIRStructureOps.td"
include "gir/IR/GIRMovementOps.td"
include "gir/IR/GIRMemoryOps.td"
include "gir/IR/GIRViewOps.td"
include "gir/IR/GIRCombiningOps.td"
include "gir/IR/GIRComputationOps.td"

#endif // GIR_IR_GIR
