//===- Questions.cpp - What is asked of systems -------------------------===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Questions.h"

#include "mlir/Analysis/Presburger/IntegerRelation.h"

using namespace mlir;
using namespace gir::analysis;

Answer gir::analysis::ask(const AffineSystem &system,
                          SmallVectorImpl<int64_t> *witness) {
  if (system.isLarge())
    return Answer::open;
  for (const presburger::IntegerPolyhedron &wrong : system.polyhedra()) {
    auto sample = wrong.findIntegerSample();
    if (!sample)
      continue;
    if (!system.exact || system.hasSymbols())
      return Answer::open;
    if (witness)
      for (const llvm::DynamicAPInt &value : *sample)
        witness->push_back(static_cast<int64_t>(value));
    return Answer::refuted;
  }
  return Answer::proved;
}

int64_t gir::analysis::evaluate(const Linear &expression,
                                ArrayRef<int64_t> witness) {
  int64_t sum = expression.constant;
  for (auto [id, factor] : expression.terms)
    sum += factor * witness[id];
  return sum;
}

std::string gir::analysis::point(ArrayRef<Linear> place,
                                 ArrayRef<int64_t> witness) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "[";
  llvm::interleaveComma(place, os, [&](const Linear &coordinate) {
    os << evaluate(coordinate, witness);
  });
  os << "]";
  return text;
}
