//===- AffineSystem.h - Index arithmetic as linear constraints --*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where an access of tile form can reach: the indices of the parallels and
// loops around it are variables, their bounds are constraints, and each
// coordinate of the memref is a linear expression in them. Upstream's
// Presburger library then answers questions about such systems exactly.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_LIB_ANALYSIS_AFFINESYSTEM_H
#define GIR_LIB_ANALYSIS_AFFINESYSTEM_H

#include "mlir/Analysis/Presburger/IntegerRelation.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Value.h"

#include <map>
#include <optional>
#include <vector>

namespace gir::analysis {

/// A sum of variables times coefficients, and a constant.
struct Linear {
  std::map<unsigned, int64_t> terms;
  int64_t constant = 0;

  static Linear number(int64_t value) { return Linear{{}, value}; }
  static Linear variable(unsigned id) { return Linear{{{id, 1}}, 0}; }

  Linear operator+(const Linear &other) const;
  Linear operator-(const Linear &other) const;
  Linear operator*(int64_t factor) const;
  bool isConstant() const { return terms.empty(); }
};

/// What a variable stands for; two instances of an access share the symbols.
struct Variable {
  mlir::Value value;
  /// The dimension of a memref whose size this is, or -1.
  int64_t dim = -1;
  bool isSymbol = false;
};

/// Variables and the constraints on them.
class AffineSystem {
public:
  /// A value as a linear expression, none where it isn't one.
  std::optional<Linear> read(mlir::Value value);

  /// Expressions that a value is at most: all operands of a minimum.
  std::optional<llvm::SmallVector<Linear>> upperBounds(mlir::Value value);

  /// The size of a memref's dimension.
  Linear size(mlir::Value memref, int64_t dim);

  /// A new variable with 0 <= variable <= last, for each of several `last`.
  Linear within(llvm::ArrayRef<Linear> last);

  /// A new variable without bounds.
  Linear fresh();

  /// What stands around an op up to, and without, `limit`: the conditions of
  /// `scf.if`s. Where one isn't affine, the system holds more than there is.
  void assumeConditions(mlir::Operation *op, mlir::Operation *limit);

  void addNonNegative(Linear expression);
  void addZero(Linear expression);

  /// The constraints as upstream has them, all variables as dimensions: a
  /// polyhedron for each way in which minima may come out.
  std::vector<mlir::presburger::IntegerPolyhedron> polyhedra() const;

  /// Appends another system: symbols are shared, other variables get a new
  /// number. Gives the new number of each of its variables.
  llvm::SmallVector<unsigned> append(const AffineSystem &other);

  unsigned size() const { return variables.size(); }
  /// True where a question to integer programming would take too long.
  bool isLarge() const;
  bool hasSymbols() const;
  /// The variable that stands for a value, none where the value isn't one.
  std::optional<unsigned> variableOf(mlir::Value value) const;

  /// False where the system may hold points that no run reaches.
  bool exact = true;
  llvm::SmallVector<Variable> variables;

private:
  std::optional<Linear> compute(mlir::Value value);
  std::optional<Linear> readArgument(mlir::BlockArgument argument);
  std::optional<Linear> readLoopIndex(mlir::scf::ForOp loop);
  std::optional<Linear> readExpr(mlir::AffineExpr expr,
                                 llvm::ArrayRef<Linear> dims,
                                 llvm::ArrayRef<Linear> symbols);
  std::optional<llvm::SmallVector<Linear>> readMap(mlir::AffineMap map,
                                                   mlir::ValueRange operands);
  std::optional<Linear> floorDiv(const Linear &value, int64_t divisor);
  void assumeCondition(mlir::Value condition, bool holds);
  Linear symbol(mlir::Value value, int64_t dim, bool isSize);

  llvm::DenseMap<mlir::Value, std::optional<Linear>> known;
  llvm::SmallVector<Linear> nonNegative, zero;
  /// Of each group one is zero: the minimum is one of its operands.
  std::vector<std::vector<Linear>> choices;
};

} // namespace gir::analysis

#endif // GIR_LIB_ANALYSIS_AFFINESYSTEM_H
