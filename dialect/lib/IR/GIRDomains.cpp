//===- GIRDomains.cpp - What ops go over ----------------------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WindowMaker.h"
#include "gir/IR/GIR.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace gir;

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The size of one dimension of what a computation goes over.
static OpFoldResult domainSize(ComputationOpInterface op, int64_t iteration,
                               const WindowMaker &make) {
  std::optional<std::pair<Value, int64_t>> dynamic;
  for (OpOperand &operand : op->getOpOperands())
    for (auto [dim, over] :
         llvm::enumerate(op.getOperandDims(operand.getOperandNumber()))) {
      if (over != iteration)
        continue;
      if (!tensorOf(operand.get()).isDynamicDim(dim))
        return make.dim(operand.get(), dim);
      if (!dynamic)
        dynamic = std::pair(operand.get(), dim);
    }
  return dynamic ? make.dim(dynamic->first, dynamic->second) : OpFoldResult();
}

/// The result's sizes, given those that are dynamic in order.
static SmallVector<OpFoldResult>
sizesOf(Value result, const WindowMaker &make,
        function_ref<OpFoldResult(int64_t)> dynamic) {
  SmallVector<OpFoldResult> sizes;
  for (auto [dim, size] : llvm::enumerate(tensorOf(result).getShape()))
    sizes.push_back(ShapedType::isDynamic(size) ? make.plain(dynamic(dim))
                                                : make.number(size));
  return sizes;
}

SmallVector<OpFoldResult> gir::getDomainSizes(Operation *op,
                                              OpBuilder *builder) {
  WindowMaker make(op, builder);
  auto given = [&](auto sized) {
    auto next = sized.getSizes().begin();
    return sizesOf(sized.getResult(), make, [&](int64_t) { return *next++; });
  };
  return llvm::TypeSwitch<Operation *, SmallVector<OpFoldResult>>(op)
      .Case<IotaOp, ReshapeOp>(given)
      .Case([&](ComputationOpInterface computation) {
        SmallVector<OpFoldResult> sizes;
        for (int64_t dim :
             llvm::seq<int64_t>(0, computation.getIterators().size()))
          sizes.push_back(domainSize(computation, dim, make));
        return sizes;
      })
      .Case([&](BroadcastOp broadcast) {
        auto next = broadcast.getSizes().begin();
        int64_t kept = 0;
        SmallVector<OpFoldResult> sizes;
        for (auto [dim, size] :
             llvm::enumerate(tensorOf(broadcast.getResult()).getShape())) {
          bool isNew = llvm::is_contained(broadcast.getDims(),
                                          static_cast<int64_t>(dim));
          if (!isNew)
            sizes.push_back(make.dim(broadcast.getSource(), kept++));
          else
            sizes.push_back(ShapedType::isDynamic(size)
                                ? make.plain(Value(*next++))
                                : make.number(size));
        }
        return sizes;
      })
      .Case([&](PermuteOp permute) {
        return sizesOf(permute.getResult(), make, [&](int64_t dim) {
          return make.dim(permute.getSource(), permute.getPerm()[dim]);
        });
      })
      .Case([&](SliceOp slice) {
        SmallVector<OpFoldResult> sizes =
            make.mixed(slice.getStaticSizes(), slice.getSizes());
        return make
            .select(sizes, sizes, otherDims(sizes.size(), slice.getDrop()))
            .sizes;
      })
      .Case([&](ConcatOp concat) {
        return sizesOf(concat.getResult(), make, [&](int64_t dim) {
          OpFoldResult size = make.dim(concat.getInputs().front(), dim);
          if (dim == static_cast<int64_t>(concat.getDim()))
            for (Value input : concat.getInputs().drop_front())
              size = make.add(size, make.dim(input, dim));
          return size;
        });
      })
      .Case([&](WindowOp window) {
        return sizesOf(window.getResult(), make, [&](int64_t dim) {
          OpFoldResult size = make.dim(window.getSource(), dim);
          const int64_t *entry = llvm::find(window.getDims(), dim);
          if (entry == window.getDims().end())
            return size;
          int64_t e = entry - window.getDims().begin();
          int64_t last = window.getDilations()[e] * (window.getSizes()[e] - 1);
          return make.add(make.floordiv(make.add(size, make.number(-last - 1)),
                                        window.getStrides()[e]),
                          make.number(1));
        });
      })
      .Case([&](PadOp pad) {
        SmallVector<OpFoldResult> low =
            make.mixed(pad.getStaticLow(), pad.getLow());
        SmallVector<OpFoldResult> high =
            make.mixed(pad.getStaticHigh(), pad.getHigh());
        return sizesOf(pad.getResult(), make, [&](int64_t dim) {
          return make.add(make.add(low[dim], make.dim(pad.getSource(), dim)),
                          high[dim]);
        });
      })
      .Case([&](GatherOp gather) {
        return make.dims(gather.getIndices().front());
      })
      .Default(
          [&](Operation *other) { return make.dims(other->getOperand(0)); });
}

std::optional<Window> gir::getDomainWindow(Operation *op, unsigned result,
                                           Box offsets, Box sizes,
                                           OpBuilder *builder) {
  WindowMaker make(op, builder);
  auto computation = dyn_cast<ComputationOpInterface>(op);
  if (!computation)
    return make.select(offsets, sizes,
                       llvm::to_vector(llvm::seq<int64_t>(0, offsets.size())));
  SmallVector<Iterator> iterators = computation.getIterators();
  SmallVector<int64_t> dims = computation.getResultDims(result);
  Window window;
  for (int64_t iteration : llvm::seq<int64_t>(0, iterators.size())) {
    int64_t position = llvm::find(dims, iteration) - dims.begin();
    // What a scan shows at one place hangs on all places before it.
    if (position == static_cast<int64_t>(dims.size()) ||
        iterators[iteration] == Iterator::scan)
      make.push(window, make.number(0),
                domainSize(computation, iteration, make));
    else
      make.push(window, offsets[position], sizes[position]);
  }
  return window;
}

Window gir::getResultWindow(Operation *op, unsigned result, Box offsets,
                            Box sizes, OpBuilder *builder) {
  WindowMaker make(op, builder);
  auto computation = dyn_cast<ComputationOpInterface>(op);
  if (!computation)
    return make.select(offsets, sizes,
                       llvm::to_vector(llvm::seq<int64_t>(0, offsets.size())));
  Window window =
      make.select(offsets, sizes, computation.getResultDims(result));
  RankedTensorType type = tensorOf(op->getResult(result));
  // Payload of a result is that of its init, which is known where it is not.
  for (int64_t dim : llvm::seq<int64_t>(window.offsets.size(), type.getRank()))
    make.push(window, make.number(0), make.number(type.getDimSize(dim)));
  return window;
}
