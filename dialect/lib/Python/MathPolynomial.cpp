//===- MathPolynomial.cpp - gir-math-polynomial ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream has the polynomial approximations of `math` ops as patterns with a
// predicate on the op's name, and no pass with an option that sets it. This is
// that pass; the lowering to vectors runs it.
//
//===----------------------------------------------------------------------===//

#include "gir/Python/MathPolynomial.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace {

struct MathPolynomialPass
    : public PassWrapper<MathPolynomialPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(MathPolynomialPass)

  MathPolynomialPass() = default;
  MathPolynomialPass(const MathPolynomialPass &other) : PassWrapper(other) {}

  StringRef getArgument() const override { return "gir-math-polynomial"; }
  StringRef getDescription() const override {
    return "Approximate the named math ops by polynomials";
  }

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, math::MathDialect,
                    vector::VectorDialect>();
  }

  void runOnOperation() override {
    auto wanted = [this](StringRef name) {
      name.consume_front("math.");
      return llvm::is_contained(*ops, name);
    };
    RewritePatternSet patterns(&getContext());
    populateMathF32ExpansionPatterns(patterns, wanted);
    populateMathPolynomialApproximationPatterns(patterns, wanted);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }

  ListOption<std::string> ops{
      *this, "ops",
      llvm::cl::desc("Names of math ops without their prefix: exp,log,tanh")};
};

} // namespace

void gir::registerMathPolynomialPass() {
  PassRegistration<MathPolynomialPass>();
}
