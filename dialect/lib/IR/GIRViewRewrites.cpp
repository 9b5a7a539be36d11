//===- GIRViewRewrites.cpp - Folders of the views -------------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// None changes a value, bit by bit, or what any movement moves. Views have no
// pass of their own and take the latest of their operands', so that a
// broadcast, which has one, is never made from an op that has none.
//
//===----------------------------------------------------------------------===//

#include "Verification.h"
#include "gir/IR/GIR.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace gir;

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// A splat of the result's type where the operand is one. Only at `reg`: a
/// constant elsewhere would have to be brought there.
static OpFoldResult foldSplat(Attribute operand, Value result) {
  auto splat = dyn_cast_or_null<SplatElementsAttr>(operand);
  RankedTensorType type = tensorOf(result);
  if (!splat || !isTensorAt(type, Level::reg) || !type.hasStaticShape() ||
      type.getNumElements() == 0)
    return {};
  return DenseElementsAttr::get(type, splat.getSplatValue<Attribute>());
}

/// All of `rank` dimensions but `dims`.
static SmallVector<int64_t> otherDims(int64_t rank, ArrayRef<int64_t> dims) {
  return llvm::filter_to_vector(llvm::seq<int64_t>(0, rank), [&](int64_t dim) {
    return !llvm::is_contained(dims, dim);
  });
}

static bool isIdentity(ArrayRef<int64_t> perm) {
  return llvm::equal(perm, llvm::seq<int64_t>(0, perm.size()));
}

//===----------------------------------------------------------------------===//
// PermuteOp
//===----------------------------------------------------------------------===//

OpFoldResult PermuteOp::fold(FoldAdaptor adaptor) {
  // permute(x, [0, 1, ...]) -> x
  if (isIdentity(getPerm()) && getSource().getType() == getResult().getType())
    return getSource();
  // permute(permute(x, p), q) -> permute(x, p[q])
  if (auto inner = getSource().getDefiningOp<PermuteOp>()) {
    setPerm(llvm::map_to_vector(
        getPerm(), [&](int64_t dim) { return inner.getPerm()[dim]; }));
    getSourceMutable().assign(inner.getSource());
    return getResult();
  }
  return foldSplat(adaptor.getSource(), getResult());
}

/// The operand of `sizes` for each dynamic new dimension of a broadcast.
static DenseMap<int64_t, Value> sizesByDim(BroadcastOp op) {
  DenseMap<int64_t, Value> sizes;
  auto next = op.getSizes().begin();
  for (int64_t dim : op.getDims())
    if (tensorOf(op.getResult()).isDynamicDim(dim))
      sizes[dim] = *next++;
  return sizes;
}

LogicalResult PermuteOp::canonicalize(PermuteOp op, PatternRewriter &rewriter) {
  // permute(broadcast(x, dims), p) -> broadcast(permute(x, q), dims of p)
  auto inner = op.getSource().getDefiningOp<BroadcastOp>();
  if (!inner)
    return failure();
  RankedTensorType source = tensorOf(inner.getSource());
  SmallVector<int64_t> kept =
      otherDims(tensorOf(inner.getResult()).getRank(), inner.getDims());
  DenseMap<int64_t, Value> sizesOf = sizesByDim(inner);
  SmallVector<int64_t> dims, perm, shape;
  SmallVector<Value> sizes;
  for (auto [position, dim] : llvm::enumerate(op.getPerm())) {
    if (llvm::is_contained(inner.getDims(), dim)) {
      dims.push_back(position);
      if (Value size = sizesOf.lookup(dim))
        sizes.push_back(size);
      continue;
    }
    perm.push_back(llvm::find(kept, dim) - kept.begin());
    shape.push_back(source.getDimSize(perm.back()));
  }
  Value value = inner.getSource();
  if (!isIdentity(perm)) {
    // A layout would have to be reordered with the dimensions.
    if (getAt(source).getLayout())
      return failure();
    value = PermuteOp::create(rewriter, op.getLoc(), source.clone(shape), value,
                              perm);
  }
  rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), value, sizes, dims,
                                           inner.getPass());
  return success();
}

//===----------------------------------------------------------------------===//
// BroadcastOp
//===----------------------------------------------------------------------===//

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  // broadcast(x, dims []) -> x. In a later pass it is the copy that brings x
  // there.
  if (getDims().empty() && getPass() == 0 &&
      getSource().getType() == getResult().getType())
    return getSource();
  return foldSplat(adaptor.getSource(), getResult());
}

LogicalResult BroadcastOp::canonicalize(BroadcastOp op,
                                        PatternRewriter &rewriter) {
  // broadcast(broadcast(x, d), e) -> broadcast(x, d and e), in one pass
  auto inner = op.getSource().getDefiningOp<BroadcastOp>();
  if (!inner || inner.getPass() != op.getPass())
    return failure();
  SmallVector<int64_t> kept =
      otherDims(tensorOf(op.getResult()).getRank(), op.getDims());
  DenseMap<int64_t, Value> sizesOf = sizesByDim(op);
  for (auto [dim, size] : sizesByDim(inner))
    sizesOf[kept[dim]] = size;
  SmallVector<int64_t> dims(op.getDims());
  for (int64_t dim : inner.getDims())
    dims.push_back(kept[dim]);
  llvm::sort(dims);
  SmallVector<Value> sizes;
  for (int64_t dim : dims)
    if (Value size = sizesOf.lookup(dim))
      sizes.push_back(size);
  rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), inner.getSource(),
                                           sizes, dims, op.getPass());
  return success();
}

//===----------------------------------------------------------------------===//
// SliceOp
//===----------------------------------------------------------------------===//

namespace {
/// A strided box, each number an attribute or a value.
struct Box {
  explicit Box(SliceOp op)
      : offsets(getMixedValues(op.getStaticOffsets(), op.getOffsets(),
                               op.getContext())),
        sizes(getMixedValues(op.getStaticSizes(), op.getSizes(),
                             op.getContext())),
        strides(getMixedValues(op.getStaticStrides(), op.getStrides(),
                               op.getContext())) {}

  SliceOp create(OpBuilder &builder, Location loc, Type type, Value source,
                 ArrayRef<int64_t> drop) const {
    SmallVector<Value> values[3];
    SmallVector<int64_t> numbers[3];
    dispatchIndexOpFoldResults(offsets, values[0], numbers[0]);
    dispatchIndexOpFoldResults(sizes, values[1], numbers[1]);
    dispatchIndexOpFoldResults(strides, values[2], numbers[2]);
    return SliceOp::create(builder, loc, type, source, values[0], values[1],
                           values[2], numbers[0], numbers[1], numbers[2], drop);
  }

  SmallVector<OpFoldResult> offsets, sizes, strides;
};
} // namespace

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  // slice(x) -> x where the box is all of x. Types are equal, so sizes are too;
  // a dynamic size may be another.
  auto all = [](ArrayRef<int64_t> numbers, int64_t number) {
    return llvm::all_of(numbers, [=](int64_t n) { return n == number; });
  };
  if (getSource().getType() == getResult().getType() &&
      tensorOf(getSource()).hasStaticShape() && all(getStaticOffsets(), 0) &&
      all(getStaticStrides(), 1))
    return getSource();
  return foldSplat(adaptor.getSource(), getResult());
}

/// a + b * c, or null where that isn't known.
static OpFoldResult addMultiple(OpFoldResult a, OpFoldResult b, OpFoldResult c,
                                Builder &builder) {
  if (isConstantIntValue(b, 0))
    return a;
  std::optional<int64_t> x = getConstantIntValue(a), y = getConstantIntValue(b),
                         z = getConstantIntValue(c);
  int64_t result;
  if (!x || !y || !z || llvm::MulOverflow(*y, *z, result) ||
      llvm::AddOverflow(*x, result, result))
    return {};
  return builder.getIndexAttr(result);
}

/// a * b, or null where that isn't known.
static OpFoldResult multiply(OpFoldResult a, OpFoldResult b, Builder &builder) {
  if (isConstantIntValue(a, 1))
    return b;
  if (isConstantIntValue(b, 1))
    return a;
  return addMultiple(builder.getIndexAttr(0), a, b, builder);
}

LogicalResult SliceOp::canonicalize(SliceOp op, PatternRewriter &rewriter) {
  // slice(slice(x, inner), outer) -> slice(x, outer in inner)
  auto inner = op.getSource().getDefiningOp<SliceOp>();
  if (!inner)
    return failure();
  Box box(inner), outer(op);
  SmallVector<int64_t> drop(inner.getDrop());
  SmallVector<int64_t> kept = otherDims(box.offsets.size(), drop);
  for (auto [dim, to] : llvm::enumerate(kept)) {
    box.offsets[to] = addMultiple(box.offsets[to], outer.offsets[dim],
                                  box.strides[to], rewriter);
    box.strides[to] = multiply(box.strides[to], outer.strides[dim], rewriter);
    box.sizes[to] = outer.sizes[dim];
    if (!box.offsets[to] || !box.strides[to])
      return failure();
  }
  for (int64_t dim : op.getDrop())
    drop.push_back(kept[dim]);
  llvm::sort(drop);
  SliceOp made =
      box.create(rewriter, op.getLoc(), op.getType(), inner.getSource(), drop);
  rewriter.replaceOp(op, made);
  return success();
}

//===----------------------------------------------------------------------===//
// ConcatOp
//===----------------------------------------------------------------------===//

OpFoldResult ConcatOp::fold(FoldAdaptor adaptor) {
  // concat(x) -> x
  if (getInputs().size() == 1 &&
      getInputs().front().getType() == getResult().getType())
    return getInputs().front();
  // concat(splat, splat) -> splat
  Attribute first = adaptor.getInputs().front();
  auto isAlike = [&](Attribute input) {
    auto a = dyn_cast_or_null<SplatElementsAttr>(first),
         b = dyn_cast_or_null<SplatElementsAttr>(input);
    return a && b &&
           a.getSplatValue<Attribute>() == b.getSplatValue<Attribute>();
  };
  return llvm::all_of(adaptor.getInputs(), isAlike)
             ? foldSplat(first, getResult())
             : OpFoldResult();
}

/// The slice that two slices side by side along `dim` of their results are, or
/// null.
static SliceOp joinSlices(SliceOp first, SliceOp second, int64_t dim,
                          OpBuilder &builder, Location loc) {
  if (!first || !second || first.getSource() != second.getSource() ||
      first.getDrop() != second.getDrop())
    return {};
  Box box(first), next(second);
  int64_t along = otherDims(box.offsets.size(), first.getDrop())[dim];
  std::optional<int64_t> size = getConstantIntValue(box.sizes[along]),
                         more = getConstantIntValue(next.sizes[along]);
  OpFoldResult behind = addMultiple(box.offsets[along], box.sizes[along],
                                    box.strides[along], builder);
  if (!size || !more || !behind ||
      !isEqualConstantIntOrValue(behind, next.offsets[along]))
    return {};
  next.offsets[along] = box.offsets[along];
  next.sizes[along] = box.sizes[along];
  if (box.offsets != next.offsets || box.sizes != next.sizes ||
      box.strides != next.strides)
    return {};
  box.sizes[along] = builder.getIndexAttr(*size + *more);
  SmallVector<int64_t> shape(tensorOf(first.getResult()).getShape());
  shape[dim] = *size + *more;
  return box.create(builder, loc, tensorOf(first.getResult()).clone(shape),
                    first.getSource(), first.getDrop());
}

LogicalResult ConcatOp::canonicalize(ConcatOp op, PatternRewriter &rewriter) {
  // concat(a, concat(b, c)) -> concat(a, b, c), along one dimension
  // concat(slice(x, 0 to 4), slice(x, 4 to 8)) -> concat(slice(x, 0 to 8))
  SmallVector<Value> inputs;
  bool changed = false;
  for (Value input : op.getInputs()) {
    auto inner = input.getDefiningOp<ConcatOp>();
    if (inner && inner.getDim() == op.getDim()) {
      llvm::append_range(inputs, inner.getInputs());
      changed = true;
      continue;
    }
    SliceOp joined = inputs.empty()
                         ? SliceOp()
                         : joinSlices(inputs.back().getDefiningOp<SliceOp>(),
                                      input.getDefiningOp<SliceOp>(),
                                      op.getDim(), rewriter, op.getLoc());
    if (!joined) {
      inputs.push_back(input);
      continue;
    }
    inputs.back() = joined;
    changed = true;
  }
  if (!changed)
    return failure();
  rewriter.replaceOpWithNewOp<ConcatOp>(op, op.getType(), inputs, op.getDim());
  return success();
}

//===----------------------------------------------------------------------===//
// PadOp
//===----------------------------------------------------------------------===//

OpFoldResult PadOp::fold(FoldAdaptor adaptor) {
  // pad(x) by nothing -> x
  auto none = [](ArrayRef<int64_t> amounts) {
    return llvm::all_of(amounts, [](int64_t amount) { return amount == 0; });
  };
  if (none(getStaticLow()) && none(getStaticHigh()) &&
      getSource().getType() == getResult().getType())
    return getSource();
  // pad(splat) with the same value -> splat
  auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getSource());
  if (splat && splat.getSplatValue<Attribute>() == adaptor.getValue())
    return foldSplat(splat, getResult());
  return {};
}

//===----------------------------------------------------------------------===//
// WindowOp
//===----------------------------------------------------------------------===//

OpFoldResult WindowOp::fold(FoldAdaptor adaptor) {
  // window(x, dims []) -> x
  if (getDims().empty() && getSource().getType() == getResult().getType())
    return getSource();
  return foldSplat(adaptor.getSource(), getResult());
}

LogicalResult WindowOp::canonicalize(WindowOp op, PatternRewriter &rewriter) {
  // window(x) of sizes and strides 1 -> reshape(x). A reshape of dynamic sizes
  // would need them as values.
  auto one = [](int64_t number) { return number == 1; };
  if (!llvm::all_of(op.getSizes(), one) ||
      !llvm::all_of(op.getStrides(), one) || !op.getType().hasStaticShape())
    return failure();
  rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getSource(),
                                         ValueRange());
  return success();
}

//===----------------------------------------------------------------------===//
// ReshapeOp
//===----------------------------------------------------------------------===//

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  // reshape(x) -> x where its sizes are known to be x's: with one dynamic size
  // it follows from the others, unless there are no elements at all.
  RankedTensorType type = tensorOf(getResult());
  if (getSource().getType() == type &&
      (type.hasStaticShape() || (type.getNumDynamicDims() == 1 &&
                                 !llvm::is_contained(type.getShape(), 0))))
    return getSource();
  // reshape(reshape(x)) -> reshape(x)
  if (auto inner = getSource().getDefiningOp<ReshapeOp>()) {
    getSourceMutable().assign(inner.getSource());
    return getResult();
  }
  return foldSplat(adaptor.getSource(), getResult());
}
