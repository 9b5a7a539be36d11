//===- Combining.h - How a combiner's algebra is written -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GIR_LIB_IR_COMBINING_H
#define GIR_LIB_IR_COMBINING_H

#include "gir/IR/GIR.h"

namespace gir {

/// (`<` algebra `>`)? (`identity` array)?
mlir::ParseResult parseAlgebra(mlir::OpAsmParser &parser, AlgebraAttr &algebra,
                               mlir::ArrayAttr &identity);
void printAlgebra(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                  AlgebraAttr algebra, mlir::ArrayAttr identity);

} // namespace gir

#endif // GIR_LIB_IR_COMBINING_H
