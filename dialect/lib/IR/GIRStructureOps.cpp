//===- GIRStructureOps.cpp - Kernels and parallelism -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Combining.h"
#include "Placement.h"
#include "gir/IR/GIR.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace gir;

//===----------------------------------------------------------------------===//
// What kernels and library operators share
//===----------------------------------------------------------------------===//

/// head ::= string `(` (%arg `=` %value `:` type),* `)` (`sizes` `(` %n,* `)`)?
///          (`nest` nest)? `->` `(` type,* `)` (`attributes` attr-dict)? region
template <typename OpT>
static ParseResult parseKernel(OpAsmParser &parser, OperationState &result) {
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
  NestAttr nest;
  if (std::is_same_v<OpT, KernelOp> &&
      succeeded(parser.parseOptionalKeyword("nest")) &&
      parser.parseCustomAttributeWithFallback(nest, Type(), "nest",
                                              result.attributes))
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
  result.addAttribute(OpT::getOperandSegmentSizeAttr(),
                      parser.getBuilder().getDenseI32ArrayAttr(
                          {static_cast<int32_t>(inputs.size()),
                           static_cast<int32_t>(sizes.size())}));
  Region *body = result.addRegion();
  if (parser.parseRegion(*body, arguments))
    return failure();
  OpT::ensureTerminator(*body, parser.getBuilder(), result.location);
  return success();
}

template <typename OpT>
static void printKernel(OpT op, NestAttr nest, OpAsmPrinter &printer) {
  printer << ' ' << op.getKernelNameAttr() << " (";
  llvm::interleaveComma(llvm::zip(op.getBody().getArguments(), op.getInputs()),
                        printer, [&](auto pair) {
                          printer << std::get<0>(pair) << " = "
                                  << std::get<1>(pair) << " : "
                                  << std::get<1>(pair).getType();
                        });
  printer << ')';
  if (!op.getSizes().empty())
    printer << " sizes(" << op.getSizes() << ')';
  if (nest) {
    printer << " nest ";
    printer.printStrippedAttrOrType(nest);
  }
  printer << " -> (" << op.getResultTypes() << ')';
  SmallVector<StringRef> elided = {OpT::getOperandSegmentSizeAttr(),
                                   op.getKernelNameAttrName()};
  if (nest)
    elided.push_back("nest");
  printer.printOptionalAttrDictWithKeyword(op->getAttrs(), elided);
  printer << ' ';
  printer.printRegion(op.getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/true);
}

/// Checks that a tensor or memref holds numbers, and not too many of them.
static LogicalResult verifyElements(Operation *op, Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || !isa<RankedTensorType, MemRefType>(type))
    return success();
  if (!isNumber(shaped.getElementType()))
    return op->emitOpError("expected elements that are floats, index or "
                           "signless integers of at most 64 bits, got ")
           << type;
  if (!hasCountableElements(shaped.getShape()))
    return op->emitOpError("expected less than 2^60 elements, got ") << type;
  return success();
}

/// Checks a block's arguments against what comes in.
template <typename OpT> static LogicalResult verifyArguments(OpT op) {
  if (op.getBody().getNumArguments() != op.getInputs().size())
    return op.emitOpError("expected one block argument per input, got ")
           << op.getBody().getNumArguments() << " and "
           << op.getInputs().size();
  for (Type type : op.getInputs().getTypes())
    if (failed(verifyElements(op, type)))
      return failure();
  for (auto [argument, input] :
       llvm::zip(op.getBody().getArguments(), op.getInputs()))
    if (argument.getType() != getTypeInKernel(input.getType()))
      return op.emitOpError("expected block argument ")
             << argument.getArgNumber() << " of type "
             << getTypeInKernel(input.getType()) << ", got "
             << argument.getType();
  return success();
}

/// Checks that results are plain tensors.
template <typename OpT> static LogicalResult verifyResults(OpT op) {
  for (Type type : op.getResultTypes())
    if (failed(verifyElements(op, type)))
      return failure();
  for (Type type : op.getResultTypes())
    if (cast<RankedTensorType>(type).getEncoding())
      return op.emitOpError("expected results without encoding, got ") << type;
  return success();
}

/// Checks the number of dynamic sizes.
template <typename OpT> static LogicalResult verifySizes(OpT op) {
  size_t dynamic = 0;
  for (Type type : op.getResultTypes())
    dynamic += cast<RankedTensorType>(type).getNumDynamicDims();
  if (dynamic != op.getSizes().size())
    return op.emitOpError(
               "expected one size per dynamic dimension of the results, got ")
           << op.getSizes().size() << " for " << dynamic;
  return success();
}

/// Checks what is returned against the results.
template <typename OpT> static LogicalResult verifyReturned(OpT op) {
  auto returned = cast<ReturnOp>(op.getBody().front().getTerminator());
  if (returned.getNumOperands() != op->getNumResults())
    return op.emitOpError("expected ")
           << op->getNumResults() << " values to be returned, got "
           << returned.getNumOperands();
  for (auto [index, type] : llvm::enumerate(returned.getOperandTypes())) {
    auto tensor = cast<RankedTensorType>(type);
    auto result = cast<RankedTensorType>(op->getResult(index).getType());
    if (tensor.getShape() != result.getShape() ||
        tensor.getElementType() != result.getElementType())
      return op.emitOpError("expected returned value ")
             << index << " to have shape and element type of " << result
             << ", got " << tensor;
  }
  return success();
}

/// Checks that computation is on tensors at reg.
static LogicalResult verifyComputesAtReg(Region &body) {
  WalkResult walk = body.walk([&](Operation *op) {
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
// KernelOp and ExternOp
//===----------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseKernel<KernelOp>(parser, result);
}

void KernelOp::print(OpAsmPrinter &printer) {
  printKernel(*this, getNestAttr(), printer);
}

LogicalResult KernelOp::verify() {
  // (C1)
  if (failed(verifyArguments(*this)))
    return failure();
  // (C5)
  if (failed(verifyResults(*this)))
    return failure();
  // (C3)
  return verifySizes(*this);
}

// Apart from verify(), which runs before the body's own ops are known to be
// valid.
LogicalResult KernelOp::verifyRegions() {
  // (C2)
  if (failed(verifyReturned(*this)))
    return failure();
  // (C4)
  if (failed(verifyComputesAtReg(getBody())))
    return failure();
  NestAttr nest = getNestAttr();
  // (C6)
  if (!nest)
    return verifyUnplaced(getBody());
  // (C7)
  if (failed(verifyGraphForm(getBody())))
    return failure();
  // (C8)
  if (failed(verifyOver(getBody(), nest)))
    return failure();
  // (C9)
  return verifyPasses(getBody(), nest);
}

ParseResult ExternOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseKernel<ExternOp>(parser, result);
}

void ExternOp::print(OpAsmPrinter &printer) {
  printKernel(*this, NestAttr(), printer);
}

LogicalResult ExternOp::verify() {
  // (C1)
  if (failed(verifyArguments(*this)))
    return failure();
  // (C5)
  if (failed(verifyResults(*this)))
    return failure();
  // (C3)
  if (failed(verifySizes(*this)))
    return failure();
  // (C7)
  if (getKernelName().empty())
    return emitOpError("expected the name of a library routine, got none");
  return success();
}

LogicalResult ExternOp::verifyRegions() {
  // (C2)
  if (failed(verifyReturned(*this)))
    return failure();
  // (C4)
  if (failed(verifyComputesAtReg(getBody())))
    return failure();
  // (C6)
  return verifyUnplaced(getBody());
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

//===----------------------------------------------------------------------===//
// Lists in the assembly
//===----------------------------------------------------------------------===//

/// pairs ::= `[` (`[` integer `,` integer `]`),* `]`
static ParseResult parsePairs(OpAsmParser &parser, DenseI64ArrayAttr &pairs) {
  SmallVector<int64_t> integers;
  auto parsePair = [&]() -> ParseResult {
    return failure(
        parser.parseLSquare() || parser.parseInteger(integers.emplace_back()) ||
        parser.parseComma() || parser.parseInteger(integers.emplace_back()) ||
        parser.parseRSquare());
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, parsePair))
    return failure();
  pairs = parser.getBuilder().getDenseI64ArrayAttr(integers);
  return success();
}

static void printPairs(OpAsmPrinter &printer, Operation *,
                       DenseI64ArrayAttr pairs) {
  printer << '[';
  llvm::interleaveComma(
      llvm::seq<size_t>(0, pairs.size() / 2), printer, [&](size_t pair) {
        printer << '[' << pairs[2 * pair] << ", " << pairs[2 * pair + 1] << ']';
      });
  printer << ']';
}

#define GET_OP_CLASSES
#include "gir/IR/GIROps.cpp.inc"
