//===- GIRWindows.cpp - What a window of a result needs -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIRWindows.h"
#include "Verification.h"
#include "WindowMaker.h"
#include "gir/IR/GIR.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace gir;

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// One op at a time
//===----------------------------------------------------------------------===//

static Window windowOf(BroadcastOp op, Box offsets, Box sizes,
                       const WindowMaker &make) {
  return make.select(offsets, sizes, otherDims(offsets.size(), op.getDims()));
}

static Window windowOf(PermuteOp op, Box offsets, Box sizes,
                       const WindowMaker &make) {
  return make.select(offsets, sizes, invertPermutationVector(op.getPerm()));
}

static Window windowOf(SliceOp op, Box offsets, Box sizes,
                       const WindowMaker &make) {
  SmallVector<OpFoldResult> from =
      make.mixed(op.getStaticOffsets(), op.getOffsets());
  SmallVector<OpFoldResult> steps =
      make.mixed(op.getStaticStrides(), op.getStrides());
  Window window;
  int64_t next = 0;
  for (int64_t dim : llvm::seq<int64_t>(0, from.size())) {
    if (llvm::is_contained(op.getDrop(), dim)) {
      make.push(window, from[dim], make.number(1));
      continue;
    }
    make.push(window,
              make.add(from[dim], make.multiply(offsets[next], steps[dim])),
              make.span(sizes[next], steps[dim]));
    ++next;
  }
  return window;
}

/// An operand has what is between its own first and last element along the
/// dimension of the concatenation.
static OperandWindows windowsOf(ConcatOp op, Box offsets, Box sizes,
                                const WindowMaker &make) {
  OperandWindows windows;
  int64_t along = op.getDim();
  OpFoldResult start = make.number(0);
  for (Value input : op.getInputs()) {
    Window window = make.select(
        offsets, sizes, llvm::to_vector(llvm::seq<int64_t>(0, offsets.size())));
    OpFoldResult length = make.dim(input, along);
    OpFoldResult first = make.subtract(offsets[along], start);
    OpFoldResult begin = make.clamp(first, length);
    OpFoldResult end = make.clamp(make.add(first, sizes[along]), length);
    window.offsets[along] = begin;
    window.sizes[along] = make.subtract(end, begin);
    windows.push_back(window);
    start = make.add(start, length);
  }
  return windows;
}

static Window windowOf(WindowOp op, Box offsets, Box sizes,
                       const WindowMaker &make) {
  int64_t rank = tensorOf(op.getSource()).getRank();
  Window window =
      make.select(offsets, sizes, llvm::to_vector(llvm::seq<int64_t>(0, rank)));
  for (auto [entry, dim] : llvm::enumerate(op.getDims())) {
    OpFoldResult stride = make.number(op.getStrides()[entry]),
                 dilation = make.number(op.getDilations()[entry]);
    int64_t inner = rank + entry;
    window.offsets[dim] = make.add(make.multiply(offsets[dim], stride),
                                   make.multiply(offsets[inner], dilation));
    // Either may have no element; then there is nothing between them.
    OpFoldResult outerSpan = make.span(sizes[dim], stride),
                 innerSpan = make.span(sizes[inner], dilation);
    bool empty = getConstantIntValue(sizes[dim]) == 0 ||
                 getConstantIntValue(sizes[inner]) == 0;
    window.sizes[dim] =
        empty ? make.number(0)
              : make.subtract(make.add(outerSpan, innerSpan), make.number(1));
  }
  return window;
}

static Window windowOf(PadOp op, Box offsets, Box sizes,
                       const WindowMaker &make) {
  SmallVector<OpFoldResult> low = make.mixed(op.getStaticLow(), op.getLow());
  Window window;
  for (auto [dim, offset, size] : llvm::enumerate(offsets, sizes)) {
    OpFoldResult length = make.dim(op.getSource(), dim);
    OpFoldResult first = make.subtract(offset, low[dim]);
    OpFoldResult begin = make.clamp(first, length);
    OpFoldResult end = make.clamp(make.add(first, size), length);
    OpFoldResult inside = make.subtract(end, begin);
    OpFoldResult before =
        make.clamp(make.subtract(make.number(0), first), size);
    window.offsets.push_back(begin);
    window.sizes.push_back(inside);
    window.before.push_back(before);
    window.behind.push_back(make.subtract(make.subtract(size, before), inside));
  }
  return window;
}

//===----------------------------------------------------------------------===//
// ReshapeOp
//===----------------------------------------------------------------------===//

namespace {
/// Neighbouring dimensions of an operand and of a result that hold the same
/// elements.
struct Group {
  SmallVector<int64_t> source, result;
};
} // namespace

/// Takes dimensions off both shapes, from their ends where `step` is -1, until
/// what was taken is equally large on both sides.
static std::optional<Group> takeGroup(ArrayRef<int64_t> source,
                                      ArrayRef<int64_t> result, int64_t step) {
  Group group;
  int64_t left = 1, right = 1;
  auto take = [step](ArrayRef<int64_t> shape, SmallVector<int64_t> &taken,
                     int64_t &product) {
    int64_t number = taken.size();
    if (number == static_cast<int64_t>(shape.size()))
      return false;
    int64_t index = step > 0 ? number : shape.size() - 1 - number;
    // Without elements, or without a number, sizes tell nothing.
    if (shape[index] <= 0 || llvm::MulOverflow(product, shape[index], product))
      return false;
    taken.push_back(index);
    return true;
  };
  while (group.source.empty() || group.result.empty() || left != right) {
    bool behind =
        group.source.empty() || (left < right && !group.result.empty());
    if (!(behind ? take(source, group.source, left)
                 : take(result, group.result, right)))
      return std::nullopt;
  }
  llvm::sort(group.source);
  llvm::sort(group.result);
  return group;
}

/// Pairs off the dimensions of a reshape, as finely as their sizes tell.
static SmallVector<Group> groupsOf(ReshapeOp op) {
  ArrayRef<int64_t> source = tensorOf(op.getSource()).getShape(),
                    result = tensorOf(op.getResult()).getShape();
  SmallVector<Group> front, back;
  int64_t i = 0, j = 0;
  while (auto group = takeGroup(source, result, 1)) {
    for (int64_t &dim : group->source)
      dim += i;
    for (int64_t &dim : group->result)
      dim += j;
    i += group->source.size();
    j += group->result.size();
    source = source.drop_front(group->source.size());
    result = result.drop_front(group->result.size());
    front.push_back(*group);
  }
  while (auto group = takeGroup(source, result, -1)) {
    source = source.drop_back(group->source.size());
    result = result.drop_back(group->result.size());
    for (int64_t &dim : group->source)
      dim += i;
    for (int64_t &dim : group->result)
      dim += j;
    back.push_back(*group);
  }
  Group rest;
  for (int64_t dim : llvm::seq<int64_t>(0, source.size()))
    rest.source.push_back(i + dim);
  for (int64_t dim : llvm::seq<int64_t>(0, result.size()))
    rest.result.push_back(j + dim);
  if (!rest.source.empty() || !rest.result.empty())
    front.push_back(rest);
  llvm::append_range(front, llvm::reverse(back));
  return front;
}

namespace {
/// A dimension of a result's window, as it counts in a group's row-major order.
struct Digit {
  int64_t offset, size, stride;
};
} // namespace

/// The digits of a window in the dimensions `dims` of a static shape; none
/// where they aren't known.
static std::optional<SmallVector<Digit>> digitsOf(ArrayRef<int64_t> dims,
                                                  RankedTensorType type,
                                                  Box offsets, Box sizes) {
  SmallVector<Digit> digits;
  int64_t stride = 1;
  for (int64_t dim : llvm::reverse(dims)) {
    if (!offsets[dim] || !sizes[dim] || type.isDynamicDim(dim))
      return std::nullopt;
    std::optional<int64_t> offset = getConstantIntValue(offsets[dim]),
                           size = getConstantIntValue(sizes[dim]);
    if (!offset || !size)
      return std::nullopt;
    digits.push_back({*offset, *size, stride});
    stride *= type.getDimSize(dim);
  }
  return digits;
}

/// Adds the box of the dimensions `shape` that holds the elements of a window,
/// the least one where the dimensions are in step.
static void pushDigits(Window &window, ArrayRef<int64_t> shape,
                       ArrayRef<Digit> digits, const WindowMaker &make) {
  bool empty = llvm::any_of(digits, [](Digit d) { return d.size < 1; });
  int64_t block = 1;
  for (int64_t size : shape)
    block *= size;
  for (int64_t size : shape) {
    // Positions modulo `block` are what is left to this dimension and those
    // behind it: what counts in multiples of it is nothing to them.
    int64_t volume = block / size, first = 0, last = 0;
    for (Digit digit : digits) {
      int64_t step = digit.stride % block;
      first += digit.offset * step;
      last += (digit.offset + digit.size - 1) * step;
    }
    if (empty)
      make.push(window, make.number(0), make.number(0));
    else if (first / block == last / block)
      make.push(
          window, make.number(first % block / volume),
          make.number(last % block / volume - first % block / volume + 1));
    else
      make.push(window, make.number(0), make.number(size));
    block = volume;
  }
}

static Window windowOf(ReshapeOp op, Box offsets, Box sizes,
                       const WindowMaker &make) {
  RankedTensorType source = tensorOf(op.getSource()),
                   result = tensorOf(op.getResult());
  Window window;
  for (const Group &group : groupsOf(op)) {
    bool single = group.source.size() == 1 && group.result.size() == 1;
    auto isUnit = [&](int64_t dim) { return result.getDimSize(dim) == 1; };
    // Dimensions of size 1 beside one of the same size change nothing.
    int64_t only = -1, others = 0;
    for (int64_t dim : group.result)
      if (!isUnit(dim) || single) {
        only = dim;
        ++others;
      }
    if (group.source.size() == 1 && others == 1 &&
        sizesAgree(source.getDimSize(group.source[0]),
                   result.getDimSize(only))) {
      make.push(window, offsets[only], sizes[only]);
      continue;
    }
    auto digits = digitsOf(group.result, result, offsets, sizes);
    SmallVector<int64_t> shape = llvm::map_to_vector(
        group.source, [&](int64_t dim) { return source.getDimSize(dim); });
    if (digits && llvm::none_of(shape, ShapedType::isDynamic) &&
        !llvm::is_contained(shape, 0)) {
      pushDigits(window, shape, *digits, make);
      continue;
    }
    for (int64_t dim : group.source)
      make.pushWhole(window, op.getSource(), dim);
  }
  return window;
}

//===----------------------------------------------------------------------===//
// All ops
//===----------------------------------------------------------------------===//

/// Windows of what goes over iteration dimensions; payload is taken whole.
static OperandWindows windowsOf(ComputationOpInterface op, Box offsets,
                                Box sizes, const WindowMaker &make) {
  OperandWindows windows;
  SmallVector<Iterator> iterators = op.getIterators();
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType())) {
      windows.push_back(std::nullopt);
      continue;
    }
    Window window = make.select(offsets, sizes,
                                op.getOperandDims(operand.getOperandNumber()));
    int64_t rank = tensorOf(operand.get()).getRank();
    for (int64_t dim : llvm::seq<int64_t>(window.offsets.size(), rank))
      make.pushWhole(window, operand.get(), dim);
    windows.push_back(window);
  }
  return windows;
}

/// Windows of what works on elements in one place: each operand's is the
/// result's.
static OperandWindows sameWindows(Operation *op, Box offsets, Box sizes,
                                  const WindowMaker &make) {
  OperandWindows windows;
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type || type.getRank() != static_cast<int64_t>(offsets.size()))
      windows.push_back(std::nullopt);
    else
      windows.push_back(
          make.select(offsets, sizes,
                      llvm::to_vector(llvm::seq<int64_t>(0, offsets.size()))));
  }
  return windows;
}

std::optional<OperandWindows> gir::getOperandWindows(Operation *op, Box offsets,
                                                     Box sizes,
                                                     OpBuilder *builder) {
  WindowMaker make(op, builder);
  auto alone = [&](auto view) -> std::optional<OperandWindows> {
    OperandWindows windows(op->getNumOperands());
    windows[0] = windowOf(view, offsets, sizes, make);
    return windows;
  };
  return llvm::TypeSwitch<Operation *, std::optional<OperandWindows>>(op)
      .Case<BroadcastOp, PermuteOp, SliceOp, WindowOp, PadOp, ReshapeOp>(alone)
      .Case([&](ConcatOp concat) {
        return windowsOf(concat, offsets, sizes, make);
      })
      .Case([&](GatherOp gather) {
        OperandWindows windows = sameWindows(op, offsets, sizes, make);
        windows[0] = isa<RankedTensorType>(gather.getSource().getType())
                         ? std::optional(make.whole(gather.getSource()))
                         : std::nullopt;
        return windows;
      })
      .Case([&](ComputationOpInterface computation) {
        return windowsOf(computation, offsets, sizes, make);
      })
      .Default([&](Operation *other) -> std::optional<OperandWindows> {
        if (isa<MoveOp>(other) || other->hasTrait<OpTrait::Elementwise>())
          return sameWindows(op, offsets, sizes, make);
        return std::nullopt;
      });
}
