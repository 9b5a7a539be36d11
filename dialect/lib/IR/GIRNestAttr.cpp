//===- GIRNestAttr.cpp - How dimensions are dealt out -------*- C++ -*-===//
//
// Part of PowerFusion, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gir/IR/GIR.h"

#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace gir;

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

namespace {

/// The parameters of a nest, as they are read.
struct NestParts {
  SmallVector<StringAttr> names, sweep;
  SmallVector<int64_t> sizes, perGroup, perUnit, perStep, bounds;
};

} // namespace

static ParseResult parseName(AsmParser &parser, StringAttr &name) {
  std::string text;
  if (parser.parseKeywordOrString(&text))
    return failure();
  name = parser.getBuilder().getStringAttr(text);
  return success();
}

/// dim ::= name `=` (integer | `?`) `:` integer `:` integer `:` integer
///         (`upto` integer)?
static ParseResult parseDim(AsmParser &parser, NestParts &parts) {
  int64_t &size = parts.sizes.emplace_back(ShapedType::kDynamic);
  int64_t &bound = parts.bounds.emplace_back(ShapedType::kDynamic);
  if (parseName(parser, parts.names.emplace_back()) || parser.parseEqual())
    return failure();
  if (failed(parser.parseOptionalQuestion()) && parser.parseInteger(size))
    return failure();
  if (parser.parseColon() ||
      parser.parseInteger(parts.perGroup.emplace_back()) ||
      parser.parseColon() ||
      parser.parseInteger(parts.perUnit.emplace_back()) ||
      parser.parseColon() || parser.parseInteger(parts.perStep.emplace_back()))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("upto")))
    return parser.parseInteger(bound);
  return success();
}

/// nest ::= `<` `[` dim,* `]` (`,` `sweep` `=` `[` name,* `]`)? `>`
Attribute NestAttr::parse(AsmParser &parser, Type) {
  NestParts parts;
  auto parseSwept = [&] {
    return parseName(parser, parts.sweep.emplace_back());
  };
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                     [&] { return parseDim(parser, parts); }))
    return {};
  if (succeeded(parser.parseOptionalComma()) &&
      (parser.parseKeyword("sweep") || parser.parseEqual() ||
       parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                      parseSwept)))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<NestAttr>(
      parser.getContext(), ArrayRef(parts.names), ArrayRef(parts.sizes),
      ArrayRef(parts.perGroup), ArrayRef(parts.perUnit),
      ArrayRef(parts.perStep), ArrayRef(parts.bounds), ArrayRef(parts.sweep));
}

void NestAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(
      llvm::seq<size_t>(0, getNames().size()), printer, [&](size_t dim) {
        printer.printKeywordOrString(getNames()[dim]);
        printer << " = ";
        if (ShapedType::isDynamic(getSizes()[dim]))
          printer << '?';
        else
          printer << getSizes()[dim];
        printer << " : " << getPerGroup()[dim] << " : " << getPerUnit()[dim]
                << " : " << getPerStep()[dim];
        if (!ShapedType::isDynamic(getBounds()[dim]))
          printer << " upto " << getBounds()[dim];
      });
  printer << ']';
  if (!getSweep().empty()) {
    printer << ", sweep = [";
    llvm::interleaveComma(getSweep(), printer, [&](StringAttr name) {
      printer.printKeywordOrString(name);
    });
    printer << ']';
  }
  printer << '>';
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

LogicalResult
NestAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                 ArrayRef<StringAttr> names, ArrayRef<int64_t> sizes,
                 ArrayRef<int64_t> perGroup, ArrayRef<int64_t> perUnit,
                 ArrayRef<int64_t> perStep, ArrayRef<int64_t> bounds,
                 ArrayRef<StringAttr> sweep) {
  // (C1)
  if (names.empty() ||
      llvm::any_of(ArrayRef{sizes, perGroup, perUnit, perStep, bounds},
                   [&](ArrayRef<int64_t> counts) {
                     return counts.size() != names.size();
                   }))
    return emitError() << "expected at least one dimension, and all counts of "
                          "each, got "
                       << names.size();
  llvm::SmallPtrSet<Attribute, 4> seen;
  for (StringAttr name : names)
    if (name.empty() || !seen.insert(name).second)
      return emitError() << "expected each dimension to have a name of its "
                            "own, got "
                         << name;
  for (auto [dim, name] : llvm::enumerate(names)) {
    int64_t size = sizes[dim], group = perGroup[dim], unit = perUnit[dim],
            step = perStep[dim], bound = bounds[dim];
    bool dynamic = ShapedType::isDynamic(size);
    // (C2)
    if (step < 1 || unit < step || group < unit ||
        (!dynamic && (size < 0 || group > std::max<int64_t>(size, 1))))
      return emitError() << "expected 1 <= per step <= per unit <= per group "
                            "<= size for "
                         << name << ", got " << step << ", " << unit << ", "
                         << group << " and "
                         << (dynamic ? "a dynamic size" : Twine(size).str());
    // (C3)
    if (!ShapedType::isDynamic(bound) && (!dynamic || bound < group))
      return emitError() << "expected a bound only for a dynamic size, of at "
                            "least a group's part, got "
                         << bound << " for " << name;
  }
  // (C4)
  llvm::SmallPtrSet<Attribute, 4> swept;
  for (StringAttr name : sweep)
    if (!seen.contains(name) || !swept.insert(name).second)
      return emitError() << "expected to sweep dimensions of the nest, each "
                            "once, got "
                         << name;
  return success();
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

std::optional<size_t> NestAttr::getDim(StringAttr name) const {
  const auto *found = llvm::find(getNames(), name);
  if (found == getNames().end())
    return std::nullopt;
  return found - getNames().begin();
}

bool NestAttr::isSwept(StringAttr name) const {
  return llvm::is_contained(getSweep(), name);
}
