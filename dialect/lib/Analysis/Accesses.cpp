//===- Accesses.cpp - What a kernel touches, as affine windows ------------===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Accesses.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace gir::analysis {

namespace {

/// Collects the accesses of a kernel.
class Collector {
public:
  explicit Collector(KernelOp kernel) : kernel(kernel) {}

  void visit(Operation *op);
  std::vector<Access> accesses;

private:
  Access &open(Operation *op, Value memref, bool writes);
  void tile(Access &access, ValueRange indices, ArrayRef<int64_t> shape,
            ValueRange valid);
  void window(Access &access, ValueRange indices, ArrayRef<OpFoldResult> sizes);
  void anywhere(Access &access);
  void close(Access &access);

  KernelOp kernel;
};

} // namespace

/// The extents of a window that is as large as its static sizes.
static SmallVector<SmallVector<Linear>> numbers(ArrayRef<int64_t> shape) {
  SmallVector<SmallVector<Linear>> extents;
  for (int64_t size : shape)
    extents.push_back({Linear::number(size)});
  return extents;
}

/// Where in `source` an element of one of its views is; none if that can't be
/// said in linear terms.
static std::optional<SmallVector<Linear>>
throughView(AffineSystem &system, Operation *view, ArrayRef<Linear> place) {
  if (isa<memref::CastOp>(view))
    return SmallVector<Linear>(place);
  if (auto transpose = dyn_cast<memref::TransposeOp>(view)) {
    SmallVector<Linear> outer(place.size());
    for (auto [at, expr] :
         llvm::enumerate(transpose.getPermutation().getResults()))
      outer[cast<AffineDimExpr>(expr).getPosition()] = place[at];
    return outer;
  }
  auto subview = dyn_cast<memref::SubViewOp>(view);
  if (!subview)
    return std::nullopt;
  llvm::SmallBitVector dropped = subview.getDroppedDims();
  SmallVector<Linear> outer;
  unsigned inner = 0;
  for (auto [dim, offset, stride] :
       llvm::enumerate(subview.getMixedOffsets(), subview.getMixedStrides())) {
    std::optional<int64_t> step = getConstantIntValue(stride);
    std::optional<Linear> start;
    if (auto value = dyn_cast<Value>(offset))
      start = system.read(value);
    else
      start = Linear::number(*getConstantIntValue(offset));
    if (!start || (!step && !dropped.test(dim)))
      return std::nullopt;
    Linear along =
        dropped.test(dim) ? Linear::number(0) : place[inner++] * *step;
    outer.push_back(*start + along);
  }
  return outer;
}

Access &Collector::open(Operation *op, Value memref, bool writes) {
  accesses.push_back(Access{op, memref, memref, writes});
  accesses.back().system.assumeConditions(op, kernel);
  return accesses.back();
}

void Collector::anywhere(Access &access) {
  access.known = false;
  access.system.exact = false;
  access.coordinates.clear();
  auto type = cast<MemRefType>(access.memref.getType());
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    Linear last = access.system.size(access.memref, dim) - Linear::number(1);
    access.coordinates.push_back(access.system.within({last}));
  }
}

/// Follows views down to the root.
void Collector::close(Access &access) {
  access.rootCoordinates = access.coordinates;
  while (Operation *view = access.root.getDefiningOp()) {
    if (!isa<ViewLikeOpInterface, memref::TransposeOp, memref::SubViewOp,
             memref::CastOp, memref::ExpandShapeOp, memref::CollapseShapeOp>(
            view))
      return;
    auto outer = throughView(access.system, view, access.rootCoordinates);
    access.root = view->getOperand(0);
    if (outer) {
      access.rootCoordinates = *outer;
      continue;
    }
    access.known = false;
    access.system.exact = false;
    auto type = cast<MemRefType>(access.root.getType());
    access.rootCoordinates.clear();
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      Linear last = access.system.size(access.root, dim) - Linear::number(1);
      access.rootCoordinates.push_back(access.system.within({last}));
    }
  }
}

void Collector::tile(Access &access, ValueRange indices,
                     ArrayRef<int64_t> shape, ValueRange valid) {
  AffineSystem &system = access.system;
  SmallVector<SmallVector<Linear>> extents = numbers(shape);
  for (auto [dim, value] : llvm::enumerate(valid)) {
    if (auto bounds = system.upperBounds(value))
      extents[dim].append(*bounds);
    else
      system.exact = false;
  }
  for (auto [dim, index] : llvm::enumerate(indices)) {
    std::optional<Linear> start = system.read(index);
    if (!start)
      return anywhere(access);
    for (Linear &extent : extents[dim])
      extent.constant -= 1;
    access.coordinates.push_back(*start + system.within(extents[dim]));
  }
  if (!access.clipped)
    return;
  for (auto [dim, place] : llvm::enumerate(access.coordinates)) {
    system.addNonNegative(place);
    system.addNonNegative(system.size(access.memref, dim) - place -
                          Linear::number(1));
  }
}

void Collector::window(Access &access, ValueRange indices,
                       ArrayRef<OpFoldResult> sizes) {
  AffineSystem &system = access.system;
  for (auto [index, size] : llvm::zip_equal(indices, sizes)) {
    std::optional<Linear> start = system.read(index);
    std::optional<SmallVector<Linear>> extent;
    if (auto value = dyn_cast<Value>(size))
      extent = system.upperBounds(value);
    else
      extent = SmallVector<Linear>{Linear::number(*getConstantIntValue(size))};
    if (!start || !extent)
      return anywhere(access);
    for (Linear &bound : *extent)
      bound.constant -= 1;
    access.coordinates.push_back(*start + system.within(*extent));
  }
}

void Collector::visit(Operation *op) {
  size_t before = accesses.size();
  if (auto load = dyn_cast<LoadOp>(op)) {
    Access &access = open(op, load.getSource(), /*writes=*/false);
    access.clipped = load.getClip();
    tile(access, load.getIndices(), load.getType().getShape(), load.getValid());
  } else if (auto store = dyn_cast<StoreOp>(op)) {
    Access &access = open(op, store.getDest(), /*writes=*/true);
    tile(access, store.getIndices(), store.getValue().getType().getShape(),
         store.getValid());
  } else if (auto copy = dyn_cast<CopyOp>(op)) {
    SmallVector<OpFoldResult> sizes = getMixedValues(
        copy.getStaticSizes(), copy.getSizes(), op->getContext());
    window(open(op, copy.getSource(), false), copy.getSourceIndices(), sizes);
    window(open(op, copy.getDest(), true), copy.getDestIndices(), sizes);
  } else if (auto stage = dyn_cast<StageOp>(op)) {
    SmallVector<OpFoldResult> sizes = getMixedValues(
        stage.getStaticSizes(), stage.getSizes(), op->getContext());
    window(open(op, stage.getSource(), false), stage.getIndices(), sizes);
  } else if (auto gather = dyn_cast<GatherOp>(op)) {
    anywhere(open(op, gather.getSource(), /*writes=*/false));
  } else if (auto scatter = dyn_cast<ScatterOp>(op)) {
    anywhere(open(op, scatter.getDest(), /*writes=*/true));
  }
  for (size_t at = before; at < accesses.size(); ++at)
    close(accesses[at]);
}

std::vector<Access> accessesOf(KernelOp kernel) {
  Collector collector(kernel);
  kernel.getBody().walk([&](Operation *op) { collector.visit(op); });
  return std::move(collector.accesses);
}

} // namespace gir::analysis
