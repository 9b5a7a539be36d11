//===- Amounts.cpp - Arithmetic on sizes that may not be known -*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Amounts.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace gir;

OpFoldResult Amounts::number(int64_t value) const {
  return IntegerAttr::get(IndexType::get(context), value);
}

OpFoldResult Amounts::plain(OpFoldResult amount) const {
  if (!amount)
    return amount;
  std::optional<int64_t> known = getConstantIntValue(amount);
  return known ? number(*known) : amount;
}

static std::optional<int64_t> known(OpFoldResult amount) {
  return amount ? getConstantIntValue(amount) : std::nullopt;
}

OpFoldResult Amounts::apply(Kind kind, OpFoldResult a, OpFoldResult b) const {
  std::optional<int64_t> x = known(a), y = known(b);
  int64_t result = 0;
  if (x && y) {
    bool overflows = false;
    switch (kind) {
    case Kind::add:
      overflows = llvm::AddOverflow(*x, *y, result);
      break;
    case Kind::subtract:
      overflows = llvm::SubOverflow(*x, *y, result);
      break;
    case Kind::multiply:
      overflows = llvm::MulOverflow(*x, *y, result);
      break;
    case Kind::floordiv:
      result = llvm::divideFloorSigned(*x, *y);
      break;
    case Kind::min:
      result = std::min(*x, *y);
      break;
    case Kind::max:
      result = std::max(*x, *y);
      break;
    }
    return overflows ? OpFoldResult() : number(result);
  }
  if (!a || !b || !builder)
    return {};
  AffineExpr s0, s1;
  bindSymbols(context, s0, s1);
  auto expression = [&](AffineExpr e) {
    return plain(
        affine::makeComposedFoldedAffineApply(*builder, loc, e, {a, b}));
  };
  AffineMap both = AffineMap::get(0, 2, {s0, s1}, context);
  switch (kind) {
  case Kind::add:
    return expression(s0 + s1);
  case Kind::subtract:
    return expression(s0 - s1);
  case Kind::multiply:
    return expression(s0 * s1);
  case Kind::floordiv:
    return expression(s0.floorDiv(s1));
  case Kind::min:
    return plain(
        affine::makeComposedFoldedAffineMin(*builder, loc, both, {a, b}));
  case Kind::max:
    return plain(
        affine::makeComposedFoldedAffineMax(*builder, loc, both, {a, b}));
  }
  llvm_unreachable("all kinds are above");
}

OpFoldResult Amounts::add(OpFoldResult a, OpFoldResult b) const {
  if (known(a) == 0)
    return b;
  return known(b) == 0 ? a : apply(Kind::add, a, b);
}

OpFoldResult Amounts::subtract(OpFoldResult a, OpFoldResult b) const {
  return known(b) == 0 ? a : apply(Kind::subtract, a, b);
}

OpFoldResult Amounts::multiply(OpFoldResult a, OpFoldResult b) const {
  if (known(a) == 1)
    return b;
  return known(b) == 1 ? a : apply(Kind::multiply, a, b);
}

OpFoldResult Amounts::floordiv(OpFoldResult a, int64_t b) const {
  return b == 1 ? a : apply(Kind::floordiv, a, number(b));
}

OpFoldResult Amounts::min(OpFoldResult a, OpFoldResult b) const {
  return apply(Kind::min, a, b);
}

OpFoldResult Amounts::max(OpFoldResult a, OpFoldResult b) const {
  return apply(Kind::max, a, b);
}

OpFoldResult Amounts::clamp(OpFoldResult amount, OpFoldResult upper) const {
  return min(max(amount, number(0)), upper);
}

OpFoldResult Amounts::dim(Value value, int64_t dim) const {
  auto type = cast<ShapedType>(value.getType());
  if (!type.isDynamicDim(dim))
    return number(type.getDimSize(dim));
  if (!builder)
    return {};
  if (isa<MemRefType>(type))
    return memref::DimOp::create(*builder, loc, value, dim).getResult();
  return tensor::DimOp::create(*builder, loc, value, dim).getResult();
}

SmallVector<OpFoldResult> Amounts::dims(Value value) const {
  SmallVector<OpFoldResult> sizes;
  for (int64_t index :
       llvm::seq<int64_t>(0, cast<ShapedType>(value.getType()).getRank()))
    sizes.push_back(dim(value, index));
  return sizes;
}

SmallVector<OpFoldResult> Amounts::mixed(ArrayRef<int64_t> integers,
                                         ValueRange values) const {
  SmallVector<OpFoldResult> amounts;
  for (OpFoldResult amount : getMixedValues(integers, values, context))
    amounts.push_back(plain(amount));
  return amounts;
}
