//===- GIRChoiceOps.cpp - Alternatives and launches -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIR.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace gir;

//===----------------------------------------------------------------------===//
// LaunchOp
//===----------------------------------------------------------------------===//

/// True if a function's body is one kernel and a return of its results, or only
/// a return: what a kernel without effects comes to.
static bool isOneKernel(func::FuncOp function) {
  if (!llvm::hasSingleElement(function.getBody()))
    return false;
  Block &block = function.getBody().front();
  auto returned =
      dyn_cast_or_null<func::ReturnOp>(block.empty() ? nullptr : &block.back());
  if (!returned || !llvm::hasNItemsOrLess(block, 2))
    return false;
  if (llvm::hasSingleElement(block))
    return returned.getNumOperands() == 0;
  auto kernel = dyn_cast<KernelOp>(block.front());
  return kernel && llvm::equal(kernel.getResults(), returned.getOperands());
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &tables) {
  // (C1)
  auto function =
      tables.lookupNearestSymbolFrom<func::FuncOp>(*this, getCalleeAttr());
  if (!function)
    return emitOpError("expected a function to launch, got none named ")
           << getCalleeAttr();
  auto type = FunctionType::get(getContext(), getArguments().getTypes(),
                                getResultTypes());
  if (function.getFunctionType() != type)
    return (emitOpError("expected a function of type ")
            << type << ", got " << function.getFunctionType())
               .attachNote(function.getLoc())
           << "it is defined here";
  // (C2)
  if (!isOneKernel(function))
    return emitOpError("expected a function whose body is one gir.kernel and a "
                       "return of its results")
               .attachNote(function.getLoc())
           << "it is defined here";
  return success();
}

LogicalResult LaunchOp::verify() {
  // (C3)
  llvm::SmallSet<int64_t, 4> outputs;
  int64_t count = getArguments().size();
  ArrayRef<int64_t> shares = getShares();
  if (shares.size() % 2 != 0)
    return emitOpError("expected pairs of operand positions, got [")
           << shares << "]";
  for (size_t pair = 0; pair < shares.size(); pair += 2) {
    int64_t output = shares[pair], input = shares[pair + 1];
    if (output < 0 || output >= count || input < 0 || input >= count ||
        output == input)
      return emitOpError("expected pairs of two of ")
             << count << " operands, got [" << output << ", " << input << "]";
    Type type = getArguments()[output].getType();
    if (!isa<MemRefType>(type) || type != getArguments()[input].getType())
      return emitOpError("expected memrefs of one type to share a buffer, got ")
             << type << " and " << getArguments()[input].getType();
    if (!outputs.insert(output).second)
      return emitOpError("expected an output to share one buffer, got two for ")
             << output;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// AlternativesOp
//===----------------------------------------------------------------------===//

/// alternatives ::= `->` `(` type,* `)` (`attributes` attr-dict)? region
///                  (`or` region)*
ParseResult AlternativesOp::parse(OpAsmParser &parser, OperationState &result) {
  if (parser.parseArrow() || parser.parseLParen())
    return failure();
  if (failed(parser.parseOptionalRParen()) &&
      (parser.parseTypeList(result.types) || parser.parseRParen()))
    return failure();
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  do {
    if (parser.parseRegion(*result.addRegion(), {}))
      return failure();
  } while (succeeded(parser.parseOptionalKeyword("or")));
  return success();
}

void AlternativesOp::print(OpAsmPrinter &printer) {
  printer << " -> (" << getResultTypes() << ')';
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs());
  printer << ' ';
  llvm::interleave(
      getOptions(), printer,
      [&](Region &region) {
        printer.printRegion(region, /*printEntryBlockArgs=*/false,
                            /*printBlockTerminators=*/true);
      },
      " or ");
}

void AlternativesOp::getSuccessorRegions(
    RegionBranchPoint point, SmallVectorImpl<RegionSuccessor> &regions) {
  if (!point.isParent()) {
    regions.push_back(
        RegionSuccessor(getOperation(), getOperation()->getResults()));
    return;
  }
  for (Region &region : getOptions())
    regions.push_back(RegionSuccessor(&region));
}

LogicalResult AlternativesOp::verify() {
  // (C1)
  if (getOptions().empty())
    return emitOpError("expected at least one region, got none");
  // (C4)
  for (Region &region : getOptions())
    if (region.getNumArguments() != 0)
      return emitOpError("expected regions without arguments, got ")
             << region.getNumArguments();
  // (C3)
  bool inside = (*this)->getParentOfType<KernelOp>() ||
                (*this)->getParentOfType<ExternOp>();
  for (Type type : getResultTypes()) {
    AtAttr at = getAt(type);
    if (!inside && at)
      return emitOpError("expected results without a place outside of kernels, "
                         "got ")
             << type;
    if (inside && isa<TensorType>(type) &&
        (!at || at.getLevel() == Level::sram))
      return emitOpError("expected tensors at reg or dram in a kernel, got ")
             << type;
  }
  return success();
}

LogicalResult AlternativesOp::verifyRegions() {
  // (C2)
  for (Region &region : getOptions()) {
    auto yield = dyn_cast<YieldOp>(region.front().getTerminator());
    if (!yield || yield.getOperandTypes() != getResultTypes())
      return emitOpError("expected each region to yield (")
             << getResultTypes() << ")";
  }
  return success();
}

// alternatives { a } -> a
LogicalResult AlternativesOp::canonicalize(AlternativesOp op,
                                           PatternRewriter &rewriter) {
  if (op.getOptions().size() != 1)
    return failure();
  Block &block = op.getOptions().front().front();
  Operation *yield = block.getTerminator();
  SmallVector<Value> results(yield->getOperands());
  rewriter.eraseOp(yield);
  rewriter.inlineBlockBefore(&block, op);
  rewriter.replaceOp(op, results);
  return success();
}
