//===- AffineSystem.cpp - Index arithmetic as linear constraints ----------===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AffineSystem.h"

#include "gir/IR/GIR.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace gir::analysis {

//===----------------------------------------------------------------------===//
// Linear
//===----------------------------------------------------------------------===//

Linear Linear::operator+(const Linear &other) const {
  Linear sum = *this;
  sum.constant += other.constant;
  for (auto [id, factor] : other.terms)
    if ((sum.terms[id] += factor) == 0)
      sum.terms.erase(id);
  return sum;
}

Linear Linear::operator*(int64_t factor) const {
  Linear product;
  if (factor == 0)
    return product;
  product.constant = constant * factor;
  for (auto [id, own] : terms)
    product.terms[id] = own * factor;
  return product;
}

Linear Linear::operator-(const Linear &other) const {
  return *this + other * -1;
}

//===----------------------------------------------------------------------===//
// Variables and constraints
//===----------------------------------------------------------------------===//

Linear AffineSystem::fresh() {
  variables.push_back(Variable{});
  return Linear::variable(variables.size() - 1);
}

void AffineSystem::addNonNegative(Linear expression) {
  nonNegative.push_back(std::move(expression));
}

void AffineSystem::addZero(Linear expression) {
  zero.push_back(std::move(expression));
}

Linear AffineSystem::within(ArrayRef<Linear> last) {
  Linear made = fresh();
  addNonNegative(made);
  for (const Linear &bound : last)
    addNonNegative(bound - made);
  return made;
}

Linear AffineSystem::symbol(Value value, int64_t dim, bool isSize) {
  for (auto [id, variable] : llvm::enumerate(variables))
    if (variable.isSymbol && variable.value == value && variable.dim == dim)
      return Linear::variable(id);
  variables.push_back(Variable{value, dim, /*isSymbol=*/true});
  Linear made = Linear::variable(variables.size() - 1);
  if (isSize)
    addNonNegative(made);
  return made;
}

/// The memref of the function that a kernel's argument is.
static Value outside(Value memref) {
  auto argument = dyn_cast<BlockArgument>(memref);
  if (!argument)
    return memref;
  auto kernel = dyn_cast<KernelOp>(argument.getOwner()->getParentOp());
  return kernel ? kernel.getInputs()[argument.getArgNumber()] : memref;
}

/// The dimension of a subview's sizes that is dimension `dim` of its result.
static unsigned outerDim(memref::SubViewOp subview, int64_t dim) {
  llvm::SmallBitVector dropped = subview.getDroppedDims();
  unsigned outer = 0;
  for (int64_t kept = -1; outer < dropped.size(); ++outer)
    if (!dropped.test(outer) && ++kept == dim)
      break;
  return outer;
}

Linear AffineSystem::size(Value memref, int64_t dim) {
  memref = outside(memref);
  while (auto cast = memref.getDefiningOp<memref::CastOp>())
    memref = outside(cast.getSource());
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(dim))
    return Linear::number(type.getDimSize(dim));
  unsigned at =
      llvm::count_if(type.getShape().take_front(dim), ShapedType::isDynamic);
  std::optional<Linear> found;
  if (auto subview = memref.getDefiningOp<memref::SubViewOp>())
    found = read(subview.getSizes()[llvm::count_if(
        subview.getStaticSizes().take_front(outerDim(subview, dim)),
        ShapedType::isDynamic)]);
  else if (auto transpose = memref.getDefiningOp<memref::TransposeOp>())
    return size(transpose.getIn(), transpose.getPermutation().getDimPosition(
                                       static_cast<unsigned>(dim)));
  else if (auto alloc = memref.getDefiningOp<AllocOp>())
    found = read(alloc.getSizes()[at]);
  else if (auto alloc = memref.getDefiningOp<memref::AllocOp>())
    found = read(alloc.getDynamicSizes()[at]);
  return found ? *found : symbol(memref, dim, /*isSize=*/true);
}

bool AffineSystem::isLarge() const {
  constexpr unsigned maxVariables = 40, maxCases = 64;
  unsigned cases = 1;
  for (const std::vector<Linear> &choice : choices)
    cases = std::min<unsigned>(cases * choice.size(), maxCases + 1);
  return variables.size() > maxVariables || cases > maxCases;
}

bool AffineSystem::hasSymbols() const {
  return llvm::any_of(variables, [](const Variable &v) { return v.isSymbol; });
}

std::optional<unsigned> AffineSystem::variableOf(Value value) const {
  for (auto [id, variable] : llvm::enumerate(variables))
    if (!variable.isSymbol && variable.value == value)
      return id;
  return std::nullopt;
}

SmallVector<unsigned> AffineSystem::append(const AffineSystem &other) {
  SmallVector<unsigned> renamed;
  for (const Variable &variable : other.variables) {
    if (variable.isSymbol) {
      Linear shared = symbol(variable.value, variable.dim, variable.dim >= 0);
      renamed.push_back(shared.terms.begin()->first);
      continue;
    }
    variables.push_back(variable);
    renamed.push_back(variables.size() - 1);
  }
  auto rename = [&](const Linear &expression) {
    Linear made = Linear::number(expression.constant);
    for (auto [id, factor] : expression.terms)
      made.terms[renamed[id]] += factor;
    return made;
  };
  for (const Linear &expression : other.nonNegative)
    addNonNegative(rename(expression));
  for (const Linear &expression : other.zero)
    addZero(rename(expression));
  for (const std::vector<Linear> &choice : other.choices)
    llvm::transform(choice, std::back_inserter(choices.emplace_back()), rename);
  exact &= other.exact;
  return renamed;
}

std::vector<presburger::IntegerPolyhedron> AffineSystem::polyhedra() const {
  using namespace presburger;
  auto row = [&](const Linear &expression) {
    SmallVector<int64_t> coefficients(variables.size() + 1, 0);
    for (auto [id, factor] : expression.terms)
      coefficients[id] = factor;
    coefficients.back() = expression.constant;
    return coefficients;
  };
  std::vector<IntegerPolyhedron> made(
      1, IntegerPolyhedron(PresburgerSpace::getSetSpace(variables.size())));
  for (const Linear &expression : nonNegative)
    made.front().addInequality(row(expression));
  for (const Linear &expression : zero)
    made.front().addEquality(row(expression));
  for (const std::vector<Linear> &choice : choices) {
    std::vector<IntegerPolyhedron> split;
    for (const IntegerPolyhedron &one : made)
      for (const Linear &expression : choice)
        split.emplace_back(one).addEquality(row(expression));
    made = std::move(split);
  }
  return made;
}

//===----------------------------------------------------------------------===//
// Reading index arithmetic
//===----------------------------------------------------------------------===//

std::optional<Linear> AffineSystem::read(Value value) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  std::optional<Linear> made = compute(value);
  known[value] = made;
  return made;
}

std::optional<Linear> AffineSystem::floorDiv(const Linear &value,
                                             int64_t divisor) {
  if (divisor <= 0)
    return std::nullopt;
  Linear quotient = fresh();
  Linear remainder = value - quotient * divisor;
  addNonNegative(remainder);
  addNonNegative(Linear::number(divisor - 1) - remainder);
  return quotient;
}

std::optional<Linear> AffineSystem::compute(Value value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return Linear::number(*constant);
  if (auto argument = dyn_cast<BlockArgument>(value))
    return readArgument(argument);
  Operation *op = value.getDefiningOp();
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    std::optional<int64_t> at = dim.getConstantIndex();
    if (!at)
      return std::nullopt;
    return size(dim.getSource(), *at);
  }
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    auto found = readMap(apply.getAffineMap(), apply.getMapOperands());
    return found ? std::optional<Linear>(found->front()) : std::nullopt;
  }
  if (isa<affine::AffineMinOp, arith::MinSIOp, arith::MinUIOp>(op)) {
    auto bounds = upperBounds(value);
    if (!bounds)
      return std::nullopt;
    Linear made = fresh();
    std::vector<Linear> choice;
    for (const Linear &bound : *bounds) {
      addNonNegative(bound - made);
      choice.push_back(bound - made);
    }
    choices.push_back(std::move(choice));
    return made;
  }
  if (op->getNumOperands() != 2 || !value.getType().isIndex())
    return std::nullopt;
  std::optional<Linear> left = read(op->getOperand(0));
  std::optional<Linear> right = read(op->getOperand(1));
  if (!left || !right)
    return std::nullopt;
  if (isa<arith::AddIOp>(op))
    return *left + *right;
  if (isa<arith::SubIOp>(op))
    return *left - *right;
  if (isa<arith::MulIOp>(op)) {
    if (right->isConstant())
      return *left * right->constant;
    if (left->isConstant())
      return *right * left->constant;
  }
  return std::nullopt;
}

std::optional<Linear> AffineSystem::readArgument(BlockArgument argument) {
  Operation *parent = argument.getOwner()->getParentOp();
  if (auto kernel = dyn_cast<KernelOp>(parent)) {
    if (!argument.getType().isIndex())
      return std::nullopt;
    Value outer = kernel.getInputs()[argument.getArgNumber()];
    if (std::optional<Linear> found = read(outer))
      return found;
    return symbol(outer, -1, /*isSize=*/false);
  }
  if (auto parallel = dyn_cast<ParallelOp>(parent)) {
    auto count = upperBounds(parallel.getCounts()[argument.getArgNumber()]);
    if (!count)
      return std::nullopt;
    for (Linear &bound : *count)
      bound.constant -= 1;
    Linear made = within(*count);
    variables[made.terms.begin()->first].value = argument;
    return made;
  }
  if (auto loop = dyn_cast<scf::ForOp>(parent);
      loop && loop.getInductionVar() == argument)
    return readLoopIndex(loop);
  return std::nullopt;
}

std::optional<Linear> AffineSystem::readLoopIndex(scf::ForOp loop) {
  std::optional<Linear> lower = read(loop.getLowerBound());
  auto upper = upperBounds(loop.getUpperBound());
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  if (!lower || !upper || !step || *step <= 0)
    return std::nullopt;
  Linear trip = within({});
  variables[trip.terms.begin()->first].value = loop.getInductionVar();
  Linear index = *lower + trip * *step;
  for (const Linear &bound : *upper)
    addNonNegative(bound - index - Linear::number(1));
  return index;
}

std::optional<SmallVector<Linear>> AffineSystem::upperBounds(Value value) {
  if (auto minimum = value.getDefiningOp<affine::AffineMinOp>())
    return readMap(minimum.getAffineMap(), minimum.getOperands());
  if (Operation *op = value.getDefiningOp();
      op && isa<arith::MinSIOp, arith::MinUIOp>(op)) {
    auto left = upperBounds(op->getOperand(0));
    auto right = upperBounds(op->getOperand(1));
    if (!left || !right)
      return std::nullopt;
    left->append(*right);
    return left;
  }
  std::optional<Linear> found = read(value);
  if (!found)
    return std::nullopt;
  return SmallVector<Linear>{*found};
}

std::optional<SmallVector<Linear>> AffineSystem::readMap(AffineMap map,
                                                         ValueRange operands) {
  SmallVector<Linear> given;
  for (Value operand : operands) {
    std::optional<Linear> found = read(operand);
    if (!found)
      return std::nullopt;
    given.push_back(*found);
  }
  ArrayRef<Linear> all(given);
  SmallVector<Linear> results;
  for (AffineExpr expr : map.getResults()) {
    std::optional<Linear> found =
        readExpr(expr, all.take_front(map.getNumDims()),
                 all.drop_front(map.getNumDims()));
    if (!found)
      return std::nullopt;
    results.push_back(*found);
  }
  return results;
}

std::optional<Linear> AffineSystem::readExpr(AffineExpr expr,
                                             ArrayRef<Linear> dims,
                                             ArrayRef<Linear> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Linear::number(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<Linear> left = readExpr(binary.getLHS(), dims, symbols);
  std::optional<Linear> right = readExpr(binary.getRHS(), dims, symbols);
  if (!left || !right)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add)
    return *left + *right;
  if (!right->isConstant())
    return std::nullopt;
  int64_t factor = right->constant;
  switch (expr.getKind()) {
  case AffineExprKind::Mul:
    return *left * factor;
  case AffineExprKind::FloorDiv:
    return floorDiv(*left, factor);
  case AffineExprKind::CeilDiv:
    return floorDiv(*left + Linear::number(factor - 1), factor);
  case AffineExprKind::Mod: {
    std::optional<Linear> quotient = floorDiv(*left, factor);
    if (!quotient)
      return std::nullopt;
    return *left - *quotient * factor;
  }
  default:
    return std::nullopt;
  }
}

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

void AffineSystem::assumeConditions(Operation *op, Operation *limit) {
  for (Operation *inner = op; inner != limit; inner = inner->getParentOp()) {
    Operation *parent = inner->getParentOp();
    if (auto branch = dyn_cast<scf::IfOp>(parent)) {
      bool then = inner->getParentRegion() == &branch.getThenRegion();
      assumeCondition(branch.getCondition(), then);
    } else if (isa<scf::WhileOp, AlternativesOp>(parent)) {
      exact = false;
    }
  }
}

void AffineSystem::assumeCondition(Value condition, bool holds) {
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  std::optional<Linear> left, right;
  if (compare) {
    left = read(compare.getLhs());
    right = read(compare.getRhs());
  }
  if (!left || !right) {
    exact = false;
    return;
  }
  arith::CmpIPredicate predicate = compare.getPredicate();
  if (!holds)
    predicate = arith::invertPredicate(predicate);
  Linear one = Linear::number(1);
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return addZero(*left - *right);
  case arith::CmpIPredicate::slt:
    return addNonNegative(*right - *left - one);
  case arith::CmpIPredicate::sle:
    return addNonNegative(*right - *left);
  case arith::CmpIPredicate::sgt:
    return addNonNegative(*left - *right - one);
  case arith::CmpIPredicate::sge:
    return addNonNegative(*left - *right);
  default:
    exact = false;
  }
}

} // namespace gir::analysis
