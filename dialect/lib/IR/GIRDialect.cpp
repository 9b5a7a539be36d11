//===- GIRDialect.cpp - The dialect and its registration -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tiling.h"
#include "gir/IR/GIR.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace gir;

#include "gir/IR/GIRDialect.cpp.inc"
#include "gir/IR/GIREnums.cpp.inc"
#include "gir/IR/GIRInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "gir/IR/GIRAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "gir/IR/GIRTypes.cpp.inc"

void GIRDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "gir/IR/GIRAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "gir/IR/GIRTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "gir/IR/GIROps.cpp.inc"
      >();
  attachTilingInterface(*getContext());
}

// What folds gives is a splat or a scalar; both are constants of arith.
Operation *GIRDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                           Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

AtAttr gir::getAt(Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return dyn_cast_or_null<AtAttr>(tensor.getEncoding());
  if (auto memref = dyn_cast<MemRefType>(type))
    return dyn_cast_or_null<AtAttr>(memref.getMemorySpace());
  return {};
}

bool gir::isNumber(Type type) {
  return type.isIndex() || isa<FloatType>(type) ||
         (type.isSignlessInteger() && type.getIntOrFloatBitWidth() <= 64);
}

bool gir::hasCountableElements(ArrayRef<int64_t> shape) {
  constexpr int64_t most = int64_t(1) << 60;
  if (llvm::is_contained(shape, 0))
    return true;
  int64_t count = 1;
  for (int64_t size : shape)
    if (!ShapedType::isDynamic(size) &&
        (llvm::MulOverflow(count, size, count) || count >= most))
      return false;
  return true;
}

bool gir::isTensorAt(Type type) {
  return isa<RankedTensorType>(type) && getAt(type);
}

bool gir::isTensorAt(Type type, Level level) {
  return isTensorAt(type) && getAt(type).getLevel() == level;
}

bool gir::isMemRefAt(Type type) { return isa<MemRefType>(type) && getAt(type); }

Type gir::getTypeInKernel(Type type) {
  auto dram = AtAttr::get(type.getContext(), Level::dram);
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return tensor.getEncoding() ? type : Type(tensor.cloneWithEncoding(dram));
  if (auto memref = dyn_cast<MemRefType>(type))
    return memref.getMemorySpace()
               ? type
               : Type(MemRefType::get(memref.getShape(),
                                      memref.getElementType(),
                                      memref.getLayout(), dram));
  return type;
}
