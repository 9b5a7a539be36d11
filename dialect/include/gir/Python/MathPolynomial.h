//===- MathPolynomial.h - gir-math-polynomial -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A C++ pass that the Python pipelines need and that upstream doesn't have.
//
//===----------------------------------------------------------------------===//

#ifndef GIR_PYTHON_MATHPOLYNOMIAL_H
#define GIR_PYTHON_MATHPOLYNOMIAL_H

namespace gir {

/// Registers `gir-math-polynomial{ops=...}`.
void registerMathPolynomialPass();

} // namespace gir

#endif // GIR_PYTHON_MATHPOLYNOMIAL_H
