//===- GIRTiling.cpp - TilingInterface of views and computation -*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream's interface, for transforms of other compilers: one model for all
// ops, on top of what GIRWindows.h says of each. A tile is the op itself on the
// windows of its operands, which are cut out by tensor.extract_slice.
//
//===----------------------------------------------------------------------===//

#include "Amounts.h"
#include "Tiling.h"
#include "gir/IR/GIR.h"
#include "gir/IR/GIRWindows.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace gir;

using Box = ArrayRef<OpFoldResult>;

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {
/// Makes the tile of one op for a window of its iteration domain.
class Tiler {
public:
  Tiler(Operation *op, OpBuilder &builder, Box offsets, Box sizes)
      : op(op), builder(builder), amounts(op, &builder) {
    for (OpFoldResult offset : offsets)
      this->offsets.push_back(amounts.plain(offset));
    for (OpFoldResult size : sizes)
      this->sizes.push_back(amounts.plain(size));
  }

  FailureOr<TilingResult> tile();

private:
  bool canTile();
  Value cut(Value value, const Window &window);
  RankedTensorType resultType(unsigned number = 0);
  SmallVector<Value> dynamicSizes(ArrayRef<int64_t> dims);
  Value make(ArrayRef<Value> tiles);
  Operation *cloneWith(ArrayRef<Type> types, ArrayRef<Value> operands);

  Operation *op;
  OpBuilder &builder;
  Amounts amounts;
  SmallVector<OpFoldResult> offsets, sizes;
  OperandWindows windows;
  SmallVector<Operation *> slices;
};
} // namespace

/// True if a computation's op takes extents that are counted from a tile's own
/// start, so that it is a tile already.
static bool hasValidExtents(Operation *op) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<ReduceOp, ScanOp, ContractOp>(
          [](auto computation) { return !computation.getValid().empty(); })
      .Default(false);
}

bool Tiler::canTile() {
  if (hasValidExtents(op))
    return false;
  SmallVector<OpFoldResult> domain = getDomainSizes(op, nullptr);
  // Along its own dimension a scan would have to go on from the tile before.
  if (auto scan = dyn_cast<ScanOp>(op)) {
    OpFoldResult all = domain[scan.getDim()], part = sizes[scan.getDim()];
    std::optional<int64_t> known = getConstantIntValue(part);
    return known && all && known == getConstantIntValue(all);
  }
  // Windows' own sizes are attributes.
  if (auto window = dyn_cast<WindowOp>(op))
    for (OpFoldResult size : Box(sizes).take_back(window.getDims().size()))
      if (!getConstantIntValue(size))
        return false;
  // Row-major order within a tile is that within the whole only if the tile is
  // the same elements on both sides.
  if (isa<ReshapeOp>(op)) {
    int64_t left = 1, right = 1;
    for (OpFoldResult size : windows[0]->sizes)
      left *= getConstantIntValue(size).value_or(0);
    for (OpFoldResult size : sizes)
      right *= getConstantIntValue(size).value_or(0);
    return left == right && left != 0;
  }
  return true;
}

Value Tiler::cut(Value value, const Window &window) {
  SmallVector<OpFoldResult> strides(window.offsets.size(), amounts.number(1));
  auto slice = tensor::ExtractSliceOp::create(
      builder, op->getLoc(), value, window.offsets, window.sizes, strides);
  slices.push_back(slice);
  return slice;
}

RankedTensorType Tiler::resultType(unsigned number) {
  Window window = getResultWindow(op, number, offsets, sizes, &builder);
  SmallVector<int64_t> shape;
  for (OpFoldResult size : window.sizes)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  return tensorOf(op->getResult(number)).clone(shape);
}

/// The sizes of the tile along those of `dims` that are dynamic.
SmallVector<Value> Tiler::dynamicSizes(ArrayRef<int64_t> dims) {
  SmallVector<Value> values;
  for (int64_t dim : dims)
    if (auto value = dyn_cast<Value>(sizes[dim]))
      values.push_back(value);
  return values;
}

/// The op on the tiles of its operands.
Value Tiler::make(ArrayRef<Value> tiles) {
  Location loc = op->getLoc();
  SmallVector<int64_t> all =
      llvm::to_vector(llvm::seq<int64_t>(0, sizes.size()));
  auto split = [](Box mixed) {
    std::pair<SmallVector<Value>, SmallVector<int64_t>> parts;
    dispatchIndexOpFoldResults(mixed, parts.first, parts.second);
    return parts;
  };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](BroadcastOp broadcast) -> Value {
        return BroadcastOp::create(builder, loc, resultType(), tiles[0],
                                   dynamicSizes(broadcast.getDims()),
                                   broadcast.getDims(), broadcast.getPass());
      })
      .Case([&](ReshapeOp) -> Value {
        return ReshapeOp::create(builder, loc, resultType(), tiles[0],
                                 dynamicSizes(all));
      })
      .Case([&](SliceOp slice) -> Value {
        // The window is cut out whole; the steps are still to be made in it.
        SmallVector<OpFoldResult> counts;
        int64_t next = 0;
        for (int64_t dim : llvm::seq<int64_t>(0, windows[0]->sizes.size()))
          counts.push_back(llvm::is_contained(slice.getDrop(), dim)
                               ? amounts.number(1)
                               : sizes[next++]);
        auto [values, numbers] = split(counts);
        return SliceOp::create(builder, loc, resultType(), tiles[0],
                               ValueRange(), values, slice.getStrides(),
                               SmallVector<int64_t>(counts.size(), 0), numbers,
                               slice.getStaticStrides(), slice.getDrop());
      })
      .Case([&](WindowOp window) -> Value {
        SmallVector<int64_t> counts;
        for (OpFoldResult size : Box(sizes).take_back(window.getDims().size()))
          counts.push_back(*getConstantIntValue(size));
        return WindowOp::create(builder, loc, resultType(), tiles[0],
                                window.getDims(), counts, window.getStrides(),
                                window.getDilations());
      })
      .Case([&](PadOp pad) -> Value {
        auto [low, lows] = split(windows[0]->before);
        auto [high, highs] = split(windows[0]->behind);
        return PadOp::create(builder, loc, resultType(), tiles[0],
                             pad.getValue(), low, high, lows, highs);
      })
      .Case([&](IotaOp iota) -> Value {
        OpFoldResult start = offsets[iota.getDim()];
        if (iota.getOffset())
          start = amounts.add(start, iota.getOffset());
        Value offset = getValueOrCreateConstantIndexOp(builder, loc, start);
        return IotaOp::create(builder, loc, resultType(), iota.getDim(),
                              iota.getPass(), offset, dynamicSizes(all));
      });
}

/// Not mlir::clone, which can't clone a region without blocks.
Operation *Tiler::cloneWith(ArrayRef<Type> types, ArrayRef<Value> operands) {
  OperationState state(op->getLoc(), op->getName(), operands, types,
                       op->getAttrs());
  IRMapping mapping;
  for (Region &region : op->getRegions()) {
    Region *made = state.addRegion();
    if (!region.empty())
      region.cloneInto(made, mapping);
  }
  return builder.create(state);
}

FailureOr<TilingResult> Tiler::tile() {
  std::optional<OperandWindows> found =
      getOperandWindows(op, offsets, sizes, &builder);
  if (!found)
    return failure();
  windows = std::move(*found);
  if (!canTile())
    return failure();
  SmallVector<Value> tiles;
  for (auto [value, window] : llvm::zip(op->getOperands(), windows))
    tiles.push_back(window ? cut(value, *window) : value);
  Operation *made = nullptr;
  if (isa<BroadcastOp, ReshapeOp, SliceOp, WindowOp, PadOp, IotaOp>(op)) {
    made = make(tiles).getDefiningOp();
  } else {
    // Accumulators give their types to results.
    SmallVector<Type> types;
    if (auto init = dyn_cast<DestinationStyleOpInterface>(op))
      for (OpOperand &operand : init.getDpsInitsMutable())
        types.push_back(tiles[operand.getOperandNumber()].getType());
    else if (auto scan = dyn_cast<ScanOp>(op))
      for (unsigned number = 0; number < op->getNumResults(); ++number)
        types.push_back(
            tensorOf(tiles[number])
                .clone(tensorOf(op->getResult(number)).getElementType()));
    else
      types.push_back(resultType());
    made = cloneWith(types, tiles);
  }
  return TilingResult{
      {made}, llvm::to_vector_of<Value>(made->getResults()), slices};
}

//===----------------------------------------------------------------------===//
// The interface
//===----------------------------------------------------------------------===//

namespace {
template <typename OpT>
struct TilingModel
    : public TilingInterface::ExternalModel<TilingModel<OpT>, OpT> {
  SmallVector<utils::IteratorType> getLoopIteratorTypes(Operation *op) const {
    auto computation = dyn_cast<ComputationOpInterface>(op);
    if (!computation)
      return SmallVector<utils::IteratorType>(
          tensorOf(op->getResult(0)).getRank(), utils::IteratorType::parallel);
    return llvm::map_to_vector(computation.getIterators(),
                               [](Iterator iterator) {
                                 return iterator == Iterator::parallel
                                            ? utils::IteratorType::parallel
                                            : utils::IteratorType::reduction;
                               });
  }

  SmallVector<Range> getIterationDomain(Operation *op,
                                        OpBuilder &builder) const {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(op);
    return llvm::map_to_vector(
        getDomainSizes(op, &builder), [&](OpFoldResult size) {
          return Range{builder.getIndexAttr(0), size, builder.getIndexAttr(1)};
        });
  }

  FailureOr<TilingResult> getTiledImplementation(Operation *op,
                                                 OpBuilder &builder,
                                                 Box offsets, Box sizes) const {
    return Tiler(op, builder, offsets, sizes).tile();
  }

  LogicalResult
  getResultTilePosition(Operation *op, OpBuilder &builder, unsigned number,
                        Box offsets, Box sizes,
                        SmallVector<OpFoldResult> &resultOffsets,
                        SmallVector<OpFoldResult> &resultSizes) const {
    Window window = getResultWindow(op, number, offsets, sizes, &builder);
    resultOffsets = window.offsets;
    resultSizes = window.sizes;
    return success();
  }

  LogicalResult getIterationDomainTileFromResultTile(
      Operation *op, OpBuilder &builder, unsigned number, Box offsets,
      Box sizes, SmallVectorImpl<OpFoldResult> &domainOffsets,
      SmallVectorImpl<OpFoldResult> &domainSizes) const {
    std::optional<Window> window =
        getDomainWindow(op, number, offsets, sizes, &builder);
    if (!window)
      return failure();
    domainOffsets.assign(window->offsets);
    domainSizes.assign(window->sizes);
    return success();
  }

  /// The tile of a result. Payload and scanned dimensions are made whole, and
  /// the rest of them has to be left out again.
  FailureOr<TilingResult> generateResultTileValue(Operation *op,
                                                  OpBuilder &builder,
                                                  unsigned number, Box offsets,
                                                  Box sizes) const {
    SmallVector<OpFoldResult> from, count;
    if (failed(getIterationDomainTileFromResultTile(
            op, builder, number, offsets, sizes, from, count)))
      return failure();
    FailureOr<TilingResult> made =
        getTiledImplementation(op, builder, from, count);
    if (failed(made))
      return failure();
    Window window = getResultWindow(op, number, from, count, &builder);
    Value tile = made->tiledValues[number];
    SmallVector<OpFoldResult> inner;
    bool whole = true;
    for (auto [have, want, offset, first] :
         llvm::zip(window.sizes, sizes, offsets, window.offsets)) {
      bool same = isEqualConstantIntOrValue(have, want) &&
                  isEqualConstantIntOrValue(first, offset);
      inner.push_back(same ? OpFoldResult(builder.getIndexAttr(0)) : offset);
      whole &= same;
    }
    if (!whole) {
      SmallVector<OpFoldResult> strides(inner.size(), builder.getIndexAttr(1));
      tile = tensor::ExtractSliceOp::create(builder, op->getLoc(), tile, inner,
                                            sizes, strides);
    }
    return TilingResult{made->tiledOps, {tile}, made->generatedSlices};
  }
};

template <typename... OpTs> void attachTo(MLIRContext &context) {
  (OpTs::template attachInterface<TilingModel<OpTs>>(context), ...);
}
} // namespace

void gir::attachTilingInterface(MLIRContext &context) {
  attachTo<BroadcastOp, ConcatOp, ContractOp, GatherOp, IotaOp, PadOp,
           PermuteOp, ReduceOp, ReshapeOp, ScanOp, SliceOp, WindowOp>(context);
}
