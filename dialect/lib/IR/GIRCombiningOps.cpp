//===- GIRCombiningOps.cpp - Ops that fold many values into one -*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Combining.h"
#include "Verification.h"
#include "gir/IR/GIR.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace gir;

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

bool gir::suits(vector::CombiningKind kind, Type type) {
  using vector::CombiningKind;
  switch (kind) {
  case CombiningKind::ADD:
  case CombiningKind::MUL:
    return type.isIntOrIndexOrFloat();
  case CombiningKind::MINNUMF:
  case CombiningKind::MAXNUMF:
  case CombiningKind::MINIMUMF:
  case CombiningKind::MAXIMUMF:
    return isa<FloatType>(type);
  default:
    return type.isIntOrIndex();
  }
}

/// The float that a kind leaves every float as it is with. Sums need the
/// negative zero: 0.0 + -0.0 is 0.0. The kinds that prefer numbers to NaN give
/// another NaN than they had with NaN alone.
static APFloat neutralFloat(vector::CombiningKind kind,
                            const llvm::fltSemantics &semantics) {
  using vector::CombiningKind;
  auto farthest = [&](bool negative) {
    return APFloat::semanticsHasInf(semantics)
               ? APFloat::getInf(semantics, negative)
               : APFloat::getLargest(semantics, negative);
  };
  switch (kind) {
  case CombiningKind::ADD:
    return APFloat::getZero(semantics, /*Negative=*/true);
  case CombiningKind::MUL:
    return APFloat::getOne(semantics);
  case CombiningKind::MINIMUMF:
    return farthest(/*negative=*/false);
  case CombiningKind::MAXIMUMF:
    return farthest(/*negative=*/true);
  default:
    return APFloat::getNaN(semantics);
  }
}

static APInt neutralInteger(vector::CombiningKind kind, unsigned width) {
  using vector::CombiningKind;
  switch (kind) {
  case CombiningKind::MUL:
    return APInt(width, 1);
  case CombiningKind::AND:
  case CombiningKind::MINUI:
    return APInt::getAllOnes(width);
  case CombiningKind::MINSI:
    return APInt::getSignedMaxValue(width);
  case CombiningKind::MAXSI:
    return APInt::getSignedMinValue(width);
  default:
    return APInt::getZero(width);
  }
}

/// The value of that type that combines to what it is combined with.
static TypedAttr neutralElement(vector::CombiningKind kind, Type type) {
  if (auto number = dyn_cast<FloatType>(type))
    return FloatAttr::get(number,
                          neutralFloat(kind, number.getFloatSemantics()));
  unsigned width = type.isIndex() ? IndexType::kInternalStorageBitWidth
                                  : cast<IntegerType>(type).getWidth();
  return IntegerAttr::get(type, neutralInteger(kind, width));
}

//===----------------------------------------------------------------------===//
// What the ops share
//===----------------------------------------------------------------------===//

ParseResult gir::parseAlgebra(OpAsmParser &parser, AlgebraAttr &algebra,
                              ArrayAttr &identity) {
  auto value = Algebra::ordered;
  if (succeeded(parser.parseOptionalLess())) {
    SMLoc loc = parser.getCurrentLocation();
    StringRef name;
    if (parser.parseKeyword(&name) || parser.parseGreater())
      return failure();
    std::optional<Algebra> known = symbolizeAlgebra(name);
    if (!known)
      return parser.emitError(
                 loc, "expected ordered, associative or commutative, got '")
             << name << "'";
    value = *known;
  }
  algebra = AlgebraAttr::get(parser.getContext(), value);
  if (failed(parser.parseOptionalKeyword("identity")))
    return success();
  return parser.parseAttribute(identity);
}

void gir::printAlgebra(OpAsmPrinter &printer, Operation *, AlgebraAttr algebra,
                       ArrayAttr identity) {
  if (algebra && algebra.getValue() != Algebra::ordered)
    printer << " <" << stringifyAlgebra(algebra.getValue()) << ">";
  if (identity)
    printer << " identity " << identity;
}

/// The number of dimensions that aren't payload: the inputs' lowest rank.
static int64_t commonRank(ValueRange inputs) {
  int64_t rank = tensorOf(inputs.front()).getRank();
  for (Value input : inputs)
    rank = std::min(rank, tensorOf(input).getRank());
  return rank;
}

/// The sizes that the inputs begin with.
static ArrayRef<int64_t> commonShape(ValueRange inputs) {
  return tensorOf(inputs.front()).getShape().take_front(commonRank(inputs));
}

/// What one step takes of a tensor whose first `outer` dimensions are gone
/// over: an element, or a tensor of the payload's shape.
static Type stepType(RankedTensorType type, int64_t outer) {
  if (type.getRank() == outer)
    return type.getElementType();
  AtAttr at = getAt(type);
  auto plain =
      AtAttr::get(type.getContext(), at.getLevel(), at.getSpace(), LanesAttr());
  return RankedTensorType::get(type.getShape().drop_front(outer),
                               type.getElementType(), plain);
}

template <typename CombiningOp>
static LogicalResult verifyEither(CombiningOp op) {
  if (op.getKinds().has_value() == !op.getCombiner().empty())
    return op.emitOpError("expected either kinds or a combiner, got ")
           << (op.getKinds() ? "both" : "neither");
  return success();
}

/// Checks that the inputs begin with one shape.
static LogicalResult verifyInputs(Operation *op, ValueRange inputs) {
  size_t rank = commonRank(inputs);
  for (Value input : inputs)
    if (!shapesAgree(tensorOf(input).getShape().take_front(rank),
                     commonShape(inputs)))
      return op->emitOpError("expected inputs of one shape, got ")
             << input.getType() << " and " << inputs.front().getType();
  return success();
}

/// Checks that an init begins with the sizes `kept` and goes on with those of
/// its input's payload, where there is such an input.
static LogicalResult verifyInit(Operation *op, Value init,
                                ArrayRef<int64_t> kept, Value input,
                                int64_t common) {
  SmallVector<int64_t> expected(kept);
  ArrayRef<int64_t> shape = tensorOf(init).getShape();
  llvm::append_range(
      expected, input ? tensorOf(input).getShape().drop_front(common)
                      : shape.drop_front(std::min(kept.size(), shape.size())));
  if (!shapesAgree(shape, expected))
    return op->emitOpError("expected an init of sizes [")
           << expected << "], got " << init.getType();
  return success();
}

/// Checks that there is a kind per input that suits the types.
template <typename CombiningOp>
static LogicalResult verifyKinds(CombiningOp op, ValueRange accumulators) {
  if (!op.getKinds())
    return success();
  if (op.getKinds()->size() != op.getInputs().size() ||
      accumulators.size() != op.getInputs().size())
    return op.emitOpError("expected one kind and one init per input, got ")
           << op.getKinds()->size() << " and " << accumulators.size() << " for "
           << op.getInputs().size();
  for (auto [kind, input, init] : llvm::zip(
           op.getKinds()->template getAsRange<vector::CombiningKindAttr>(),
           op.getInputs(), accumulators)) {
    Type element = getElementTypeOrSelf(input);
    if (element != getElementTypeOrSelf(init) ||
        !suits(kind.getValue(), element))
      return op.emitOpError("expected a kind and an init that suit ")
             << element << ", got " << kind << " and " << init.getType();
  }
  return success();
}

static LogicalResult verifyValid(Operation *op, ValueRange valid,
                                 int64_t rank) {
  if (!valid.empty() && static_cast<int64_t>(valid.size()) != rank)
    return op->emitOpError("expected no valid extents or ")
           << rank << ", got " << valid.size();
  return success();
}

/// Checks that there is an identity per accumulator just where one is needed.
template <typename CombiningOp>
static LogicalResult verifyIdentity(CombiningOp op, ValueRange accumulators) {
  bool needed = op.getAlgebra() != Algebra::ordered;
  if (op.getKinds() && (needed || op.getIdentity()))
    return op.emitOpError("expected algebra and identity only with a combiner, "
                          "got them with ")
           << *op.getKinds();
  if (!needed && op.getIdentity())
    return op.emitOpError("expected no identity of an ordered combiner, got ")
           << *op.getIdentity();
  if (!needed)
    return success();
  size_t number = op.getIdentity() ? op.getIdentity()->size() : 0;
  if (number != accumulators.size())
    return op.emitOpError("expected one identity per accumulator, got ")
           << number << " for " << accumulators.size();
  for (auto [value, accumulator] : llvm::zip(*op.getIdentity(), accumulators)) {
    auto typed = dyn_cast<TypedAttr>(value);
    Type element = getElementTypeOrSelf(accumulator);
    if (!typed || typed.getType() != element)
      return op.emitOpError("expected an identity of type ")
             << element << ", got " << value;
  }
  return success();
}

/// Checks that a combiner that isn't ordered can combine accumulators: its
/// elements are of their types.
template <typename CombiningOp>
static LogicalResult verifySymmetric(CombiningOp op, ValueRange accumulators) {
  if (op.getAlgebra() == Algebra::ordered)
    return success();
  auto types = [](ValueRange values) {
    return llvm::map_to_vector(
        values, [](Value value) { return getElementTypeOrSelf(value); });
  };
  SmallVector<Type> elements = types(op.getInputs()),
                    into = types(accumulators);
  if (elements != into)
    return op.emitOpError("expected elements of the accumulators' types (")
           << into << ") for a combiner that is "
           << stringifyAlgebra(op.getAlgebra()) << ", got (" << elements << ")";
  return success();
}

/// Checks what a combiner takes and yields. Apart from verify(), which runs
/// before the combiner's own ops are known to be valid.
template <typename CombiningOp>
static LogicalResult verifyCombiner(CombiningOp op, ValueRange inits,
                                    int64_t outer) {
  if (op.getCombiner().empty())
    return success();
  SmallVector<Type> expected, accumulators;
  for (Value input : op.getInputs())
    expected.push_back(stepType(tensorOf(input), commonRank(op.getInputs())));
  for (Value init : inits)
    accumulators.push_back(stepType(tensorOf(init), outer));
  llvm::append_range(expected, accumulators);
  Block &block = op.getCombiner().front();
  if (block.getArgumentTypes() != TypeRange(expected))
    return op.emitOpError("expected a combiner that takes (")
           << expected << "), got (" << block.getArgumentTypes() << ")";
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield)
    return op.emitOpError("expected a combiner that ends in gir.yield, got ")
           << block.getTerminator()->getName();
  if (yield.getOperandTypes() != TypeRange(accumulators))
    return op.emitOpError("expected a combiner that yields (")
           << accumulators << "), got (" << yield.getOperandTypes() << ")";
  return success();
}

template <typename CombiningOp> static Algebra algebraOf(CombiningOp op) {
  return op.getKinds() ? Algebra::commutative : op.getAlgebra();
}

template <typename CombiningOp>
static SmallVector<TypedAttr> neutralElementsOf(CombiningOp op) {
  SmallVector<TypedAttr> elements;
  if (op.getKinds())
    for (auto [kind, input] : llvm::zip(
             op.getKinds()->template getAsRange<vector::CombiningKindAttr>(),
             op.getInputs()))
      elements.push_back(
          neutralElement(kind.getValue(), getElementTypeOrSelf(input)));
  else if (op.getIdentity())
    for (TypedAttr value : op.getIdentity()->template getAsRange<TypedAttr>())
      elements.push_back(value);
  return elements;
}

/// All of `rank` dimensions but `dims`.
static SmallVector<int64_t> keptDims(int64_t rank, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> kept;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(dims, dim))
      kept.push_back(dim);
  return kept;
}

//===----------------------------------------------------------------------===//
// ReduceOp
//===----------------------------------------------------------------------===//

int64_t ReduceOp::getCommonRank() { return commonRank(getInputs()); }

LogicalResult ReduceOp::verify() {
  // (C1)
  if (failed(verifyEither(*this)))
    return failure();
  // (C2)
  if (getInputs().empty() || getInits().empty())
    return emitOpError("expected at least one input and one init, got ")
           << getInputs().size() << " and " << getInits().size();
  if (failed(verifyInputs(*this, getInputs())))
    return failure();
  // (C3)
  ArrayRef<int64_t> common = commonShape(getInputs());
  if (!areDimsOf(getDims(), common.size()))
    return emitOpError("expected strictly increasing dimensions of ")
           << getInputs().front().getType() << ", got [" << getDims() << "]";
  // (C4)
  bool paired = (getKinds() || getAlgebra() != Algebra::ordered) &&
                getInits().size() == getInputs().size();
  SmallVector<int64_t> kept = dropDims(common, getDims());
  for (auto [index, init] : llvm::enumerate(getInits()))
    if (failed(verifyInit(*this, init, kept,
                          paired ? getInputs()[index] : Value(),
                          common.size())))
      return failure();
  // (C5) (C7) (C8) (C9)
  return success(succeeded(verifyValid(*this, getValid(), common.size())) &&
                 succeeded(verifyKinds(*this, getInits())) &&
                 succeeded(verifyIdentity(*this, getInits())) &&
                 succeeded(verifySymmetric(*this, getInits())));
}

LogicalResult ReduceOp::verifyRegions() {
  // (C6)
  return verifyCombiner(*this, getInits(), getCommonRank() - getDims().size());
}

SmallVector<Iterator> ReduceOp::getIterators() {
  SmallVector<Iterator> iterators(getCommonRank(), Iterator::parallel);
  for (int64_t dim : getDims())
    iterators[dim] = Iterator::reduction;
  return iterators;
}

SmallVector<int64_t> ReduceOp::getOperandDims(unsigned number) {
  size_t inputs = getInputs().size();
  if (number < inputs)
    return keptDims(getCommonRank(), {});
  return number < inputs + getInits().size() ? getResultDims(number - inputs)
                                             : SmallVector<int64_t>();
}

SmallVector<int64_t> ReduceOp::getResultDims(unsigned) {
  return keptDims(getCommonRank(), getDims());
}

Algebra ReduceOp::getCombiningAlgebra() { return algebraOf(*this); }

SmallVector<TypedAttr> ReduceOp::getNeutralElements() {
  return neutralElementsOf(*this);
}

//===----------------------------------------------------------------------===//
// ScanOp
//===----------------------------------------------------------------------===//

int64_t ScanOp::getCommonRank() { return commonRank(getInputs()); }

LogicalResult
ScanOp::inferReturnTypes(MLIRContext *, std::optional<Location> location,
                         ValueRange operands, DictionaryAttr attributes,
                         OpaqueProperties properties, RegionRange regions,
                         SmallVectorImpl<Type> &inferred) {
  ScanOpAdaptor op(operands, attributes, properties, regions);
  // (C2)
  if (op.getInputs().empty() || op.getInputs().size() != op.getInits().size())
    return emitOptionalError(
        location, "expected at least one input, and one init per input, got ",
        op.getInputs().size(), " and ", op.getInits().size());
  // (C10)
  for (auto [input, init] : llvm::zip(op.getInputs(), op.getInits())) {
    auto type = dyn_cast<RankedTensorType>(input.getType());
    auto accumulator = dyn_cast<RankedTensorType>(init.getType());
    if (!type || !accumulator)
      return emitOptionalError(location, "expected tensors, got ",
                               input.getType(), " and ", init.getType());
    inferred.push_back(type.clone(accumulator.getElementType()));
  }
  llvm::append_range(inferred, op.getInits().getTypes());
  return success();
}

LogicalResult ScanOp::verify() {
  // (C1)
  if (failed(verifyEither(*this)))
    return failure();
  // (C2)
  if (getInputs().empty() || getInputs().size() != getInits().size())
    return emitOpError(
               "expected at least one input, and one init per input, got ")
           << getInputs().size() << " and " << getInits().size();
  if (failed(verifyInputs(*this, getInputs())))
    return failure();
  // (C3)
  ArrayRef<int64_t> common = commonShape(getInputs());
  int64_t dim = getDimAttr().getInt(), rank = common.size();
  if (dim < 0 || dim >= rank)
    return emitOpError("expected a dimension below ")
           << rank << ", got " << dim;
  // (C4)
  for (auto [input, init] : llvm::zip(getInputs(), getInits()))
    if (failed(verifyInit(*this, init, dropDims(common, dim), input, rank)))
      return failure();
  // (C5) (C7) (C8) (C9)
  return success(succeeded(verifyValid(*this, getValid(), rank)) &&
                 succeeded(verifyKinds(*this, getInits())) &&
                 succeeded(verifyIdentity(*this, getInits())) &&
                 succeeded(verifySymmetric(*this, getInits())));
}

LogicalResult ScanOp::verifyRegions() {
  // (C6)
  return verifyCombiner(*this, getInits(), getCommonRank() - 1);
}

SmallVector<Iterator> ScanOp::getIterators() {
  SmallVector<Iterator> iterators(getCommonRank(), Iterator::parallel);
  iterators[getDim()] = Iterator::scan;
  return iterators;
}

SmallVector<int64_t> ScanOp::getOperandDims(unsigned number) {
  size_t inputs = getInputs().size();
  return number < inputs + getInits().size() ? getResultDims(number)
                                             : SmallVector<int64_t>();
}

SmallVector<int64_t> ScanOp::getResultDims(unsigned number) {
  if (number < getInputs().size())
    return keptDims(getCommonRank(), {});
  return keptDims(getCommonRank(), static_cast<int64_t>(getDim()));
}

Algebra ScanOp::getCombiningAlgebra() { return algebraOf(*this); }

SmallVector<TypedAttr> ScanOp::getNeutralElements() {
  return neutralElementsOf(*this);
}

//===----------------------------------------------------------------------===//
// AllReduceOp
//===----------------------------------------------------------------------===//

LogicalResult AllReduceOp::verify() {
  // (C1)
  if (failed(verifyEither(*this)))
    return failure();
  // (C2)
  if (getInputs().empty())
    return emitOpError("expected at least one input, got none");
  // (C2) (C3)
  if (failed(verifyInputs(*this, getInputs())) ||
      failed(verifyKinds(*this, getInputs())))
    return failure();
  // (C5)
  if (!getKinds() && getAlgebra() == Algebra::ordered)
    return emitOpError(
        "expected an associative or commutative combiner, got an ordered one");
  if (failed(verifyIdentity(*this, getInputs())))
    return failure();
  // (C6)
  if (getScope() == Scope::unit)
    return emitOpError("expected a scope coarser than a unit, got ")
           << stringifyScope(getScope());
  // (C7)
  auto units = (*this)->getParentOfType<ParallelOp>();
  if (!units || units.getScope() != Scope::unit)
    return emitOpError("expected a gir.parallel <unit> around it, got ")
           << (units ? stringifyScope(units.getScope()) : "none");
  return success();
}

LogicalResult AllReduceOp::verifyRegions() {
  // (C4)
  return verifyCombiner(*this, getInputs(), commonRank(getInputs()));
}

SmallVector<Iterator> AllReduceOp::getIterators() {
  return SmallVector<Iterator>(commonRank(getInputs()), Iterator::parallel);
}

SmallVector<int64_t> AllReduceOp::getOperandDims(unsigned) {
  return keptDims(commonRank(getInputs()), {});
}

SmallVector<int64_t> AllReduceOp::getResultDims(unsigned) {
  return keptDims(commonRank(getInputs()), {});
}

Algebra AllReduceOp::getCombiningAlgebra() { return algebraOf(*this); }

SmallVector<TypedAttr> AllReduceOp::getNeutralElements() {
  return neutralElementsOf(*this);
}
