//===- GIRStructureOps.cpp - Kernels and parallelism -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIR.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace gir;

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

/// kernel ::= string `(` (%arg `=` %value `:` type),* `)` (`sizes` `(` %n,*
/// `)`)?
///            `->` `(` type,* `)` (`attributes` attr-dict)? region
ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> inputs, sizes;
  SmallVector<Type> inputTypes, resultTypes;
  StringAttr name;
  if (parser.parseAttribute(name, "kernel_name", result.attributes))
    return failure();
  SMLoc inputsLoc = parser.getCurrentLocation();
  auto parseInput = [&]() -> ParseResult {
    Type type;
    if (parser.parseArgument(arguments.emplace_back()) || parser.parseEqual() ||
        parser.parseOperand(inputs.emplace_back()) ||
        parser.parseColonType(type))
      return failure();
    inputTypes.push_back(type);
    arguments.back().type = getTypeInKernel(type);
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseInput))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("sizes")) &&
      parser.parseOperandList(sizes, OpAsmParser::Delimiter::Paren))
    return failure();
  if (parser.parseArrow() || parser.parseLParen())
    return failure();
  if (failed(parser.parseOptionalRParen()) &&
      (parser.parseTypeList(resultTypes) || parser.parseRParen()))
    return failure();
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.resolveOperands(inputs, inputTypes, inputsLoc, result.operands) ||
      parser.resolveOperands(sizes, parser.getBuilder().getIndexType(),
                             result.operands))
    return failure();
  result.addTypes(resultTypes);
  result.addAttribute(getOperandSegmentSizeAttr(),
                      parser.getBuilder().getDenseI32ArrayAttr(
                          {static_cast<int32_t>(inputs.size()),
                           static_cast<int32_t>(sizes.size())}));
  Region *body = result.addRegion();
  if (parser.parseRegion(*body, arguments))
    return failure();
  ensureTerminator(*body, parser.getBuilder(), result.location);
  return success();
}

void KernelOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getKernelNameAttr() << " (";
  llvm::interleaveComma(llvm::zip(getBody().getArguments(), getInputs()),
                        printer, [&](auto pair) {
                          printer << std::get<0>(pair) << " = "
                                  << std::get<1>(pair) << " : "
                                  << std::get<1>(pair).getType();
                        });
  printer << ')';
  if (!getSizes().empty())
    printer << " sizes(" << getSizes() << ')';
  printer << " -> (" << getResultTypes() << ')';
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {getOperandSegmentSizeAttr(), getKernelNameAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/true);
}

LogicalResult KernelOp::verify() {
  // (C1)
  if (getBody().getNumArguments() != getInputs().size())
    return emitOpError("expected one block argument per input, got ")
           << getBody().getNumArguments() << " and " << getInputs().size();
  for (auto [argument, input] :
       llvm::zip(getBody().getArguments(), getInputs()))
    if (argument.getType() != getTypeInKernel(input.getType()))
      return emitOpError("expected block argument ")
             << argument.getArgNumber() << " of type "
             << getTypeInKernel(input.getType()) << ", got "
             << argument.getType();
  // (C3)
  size_t dynamic = 0;
  for (Type type : getResultTypes())
    dynamic += cast<RankedTensorType>(type).getNumDynamicDims();
  if (dynamic != getSizes().size())
    return emitOpError(
               "expected one size per dynamic dimension of the results, got ")
           << getSizes().size() << " for " << dynamic;
  // (C5)
  for (Type type : getResultTypes())
    if (cast<RankedTensorType>(type).getEncoding())
      return emitOpError("expected results without encoding, got ") << type;
  return success();
}

LogicalResult KernelOp::verifyRegions() {
  // (C2)
  auto returned = cast<ReturnOp>(getBody().front().getTerminator());
  if (returned.getNumOperands() != getNumResults())
    return emitOpError("expected ")
           << getNumResults() << " values to be returned, got "
           << returned.getNumOperands();
  for (auto [index, type] : llvm::enumerate(returned.getOperandTypes())) {
    auto tensor = cast<RankedTensorType>(type);
    auto result = cast<RankedTensorType>(getResult(index).getType());
    if (tensor.getShape() != result.getShape() ||
        tensor.getElementType() != result.getElementType())
      return emitOpError("expected returned value ")
             << index << " to have shape and element type of " << result
             << ", got " << tensor;
  }
  // (C4)
  WalkResult walk = getBody().walk([&](Operation *op) {
    if (!isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
            op->getDialect()))
      return WalkResult::advance();
    for (Type type :
         llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
      if (isa<TensorType>(type) && !isTensorAt(type, Level::reg)) {
        op->emitOpError("expected tensors at reg to compute on, got ") << type;
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// ParallelOp
//===----------------------------------------------------------------------===//

/// parallel ::= `<` scope `>` `(` %index,* `)` `in` `(` %count,* `)`
/// (`attributes` attr-dict)? region
ParseResult ParallelOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> counts;
  Builder &builder = parser.getBuilder();
  ScopeAttr scope;
  if (parser.parseCustomAttributeWithFallback(scope, Type(), "scope",
                                              result.attributes) ||
      parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren) ||
      parser.parseKeyword("in") ||
      parser.parseOperandList(counts, OpAsmParser::Delimiter::Paren) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.resolveOperands(counts, builder.getIndexType(), result.operands))
    return failure();
  for (OpAsmParser::Argument &argument : arguments)
    argument.type = builder.getIndexType();
  Region *body = result.addRegion();
  if (parser.parseRegion(*body, arguments))
    return failure();
  ensureTerminator(*body, builder, result.location);
  return success();
}

void ParallelOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printStrippedAttrOrType(getScopeAttr());
  printer << " (" << getBody().getArguments() << ") in (" << getCounts() << ')';
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getScopeAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
}

LogicalResult ParallelOp::verify() {
  // (C1)
  if (getBody().getNumArguments() != getCounts().size() ||
      llvm::any_of(getBody().getArgumentTypes(),
                   [](Type type) { return !type.isIndex(); }))
    return emitOpError("expected one index argument per count, got (")
           << getBody().getArgumentTypes() << ") for " << getCounts().size();
  // (C2)
  if (auto outer = (*this)->getParentOfType<ParallelOp>();
      outer && outer.getScope() >= getScope())
    return emitOpError("expected a scope finer than ")
           << stringifyScope(outer.getScope()) << ", got "
           << stringifyScope(getScope());
  // (C3)
  if (!(*this)->getParentOfType<KernelOp>())
    return emitOpError("expected to stand in a gir.kernel, got none around it");
  return success();
}

//===----------------------------------------------------------------------===//
// YieldOp
//===----------------------------------------------------------------------===//

LogicalResult YieldOp::verify() {
  // (C2)
  if (getNumOperands() != 0 && isa<ParallelOp>((*this)->getParentOp()))
    return emitOpError("expected no operands in a gir.parallel, got ")
           << getNumOperands();
  return success();
}

#define GET_OP_CLASSES
#include "gir/IR/GIROps.cpp.inc"
