"""The terms that a sum consists of, each a part that runs over what is folded times a part that doesn't.

    exp(x - a) / s * v    =    v  *  e^(x - a)  *  1 / s
                            parts    exponent     rows

`a` and `s` are results of reductions over the same elements (late values): they are known only at the end, where `rows`
and the late half of the exponent are applied. Sums, differences, products, quotients and exponentials are taken apart
by their own laws, constants and casts on the way; whatever doesn't depend on late values stays whole.

Not everything that is separable on paper may be separated: a difference such as `x - a` is exact where its halves
cancel, and its halves' sums aren't. So a sum is taken apart only if no term is bare of what is folded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from powerfusion.core._mlir import constant_of, element_of
from powerfusion.mlir import ir
from powerfusion.passes.expansion.values import Values, View, is_elementwise

MOST_TERMS = 8
CASTS = ("arith.extf", "arith.truncf")

Atoms = tuple[tuple[float, View], ...]


class NotSeparableError(Exception):
    """A term that can't be taken apart, or not without losing digits."""


@dataclass(frozen=True)
class Exponent:
    """A power: of e or of 2, to the sum of a part that runs over what is folded and one that is known at the end."""

    base: str
    spread: Atoms
    rows: Atoms

    def scaled(self, factor: float) -> Exponent:
        """The power's power."""
        return Exponent(self.base, _scaled(self.spread, factor), _scaled(self.rows, factor))


@dataclass(frozen=True)
class Term:
    """A product.

    Attributes:
        scale: A constant factor.
        parts: Factors without late values, or divisors.
        rows: Late factors that don't run over what is folded, or divisors.
        exponent: A power that has both.
        masks: Flags without late values, and what each must be; the term is zero elsewhere.
    """

    scale: float = 1.0
    parts: tuple[tuple[View, int], ...] = ()
    rows: tuple[tuple[View, int], ...] = ()
    exponent: Exponent | None = None
    masks: tuple[tuple[View, bool], ...] = ()

    def times(self, other: Term) -> Term:
        """The product of two terms."""
        return Term(
            self.scale * other.scale,
            (*self.parts, *other.parts),
            (*self.rows, *other.rows),
            _joined(self.exponent, other.exponent),
            (*self.masks, *other.masks),
        )

    def inverse(self) -> Term:
        """One over the term."""
        if self.masks:
            raise NotSeparableError("a divisor that is zero in part")
        return Term(
            1 / self.scale,
            tuple((view, -power) for view, power in self.parts),
            tuple((view, -power) for view, power in self.rows),
            self.exponent.scaled(-1) if self.exponent else None,
        )

    @property
    def is_bare(self) -> bool:
        """Whether it doesn't run over what is folded."""
        return not self.parts and not (self.exponent and self.exponent.spread)


def _scaled(atoms: Atoms, factor: float) -> Atoms:
    return tuple((coefficient * factor, view) for coefficient, view in atoms)


def _joined(one: Exponent | None, other: Exponent | None) -> Exponent | None:
    if one is None or other is None:
        return one or other
    if one.base != other.base:
        raise NotSeparableError("powers of different bases")
    return Exponent(one.base, (*one.spread, *other.spread), (*one.rows, *other.rows))


def number_of(view: View) -> float | None:
    """The number that a view is everywhere."""
    op = view.op
    spread = op is not None and op.name == "tensor.splat"
    constant = constant_of(op.operands[0] if op is not None and spread else view.value)
    if isinstance(constant, ir.DenseElementsAttr) and constant.is_splat:
        constant = constant.get_splat_value()
    if isinstance(constant, (ir.FloatAttr, ir.IntegerAttr)) and isinstance(element_of(view.value.type), ir.FloatType):
        return float(constant.value)
    return None


class Algebra:
    """Takes values apart.

    Args:
        values: The graph.
        late: Results of reductions that are known only at the end.
        folded: Names of the dimensions that are folded.
    """

    def __init__(self, values: Values, late: frozenset[ir.Value], folded: frozenset[int]) -> None:
        self.values, self.late, self.folded = values, late, folded

    def is_late(self, view: View) -> bool:
        """Whether a view needs a late value."""
        return bool(self.values.reached(view.value) & self.late)

    def is_row(self, view: View) -> bool:
        """Whether a view doesn't run over what is folded."""
        return not self.folded & set(view.names)

    # -- products and sums -------------------------------------------------------------------------

    def terms(self, view: View) -> list[Term]:
        """The terms whose sum a view is; raises NotSeparableError."""
        number = number_of(view)
        if number is not None and number != 0 and math.isfinite(number):
            return [Term(scale=number)]
        if not self.is_late(view):
            return [Term(parts=((view, 1),))]
        if self.is_row(view):
            return [Term(rows=((view, 1),))]
        if not is_elementwise(view) or view.op is None:
            raise NotSeparableError(f"'{view.op.name if view.op else 'an argument'}' of a late value")
        found = self._apart(view.op.name, self.values.operands(view))
        if len(found) > MOST_TERMS:
            raise NotSeparableError("too many terms")
        return found

    def _apart(self, name: str, operands: Sequence[View]) -> list[Term]:
        match name:
            case "arith.addf" | "arith.subf":
                sign = 1 if name == "arith.addf" else -1
                left, right = map(self.terms, operands)
                found = [*left, *(replace(term, scale=sign * term.scale) for term in right)]
                if any(term.is_bare for term in found):
                    raise NotSeparableError("a difference whose halves may cancel")
                return found
            case "arith.negf":
                return [replace(term, scale=-term.scale) for term in self.terms(operands[0])]
            case "arith.mulf":
                left, right = map(self.terms, operands)
                return [one.times(other) for one in left for other in right]
            case "arith.divf":
                below = self.terms(operands[1])
                if len(below) != 1:
                    raise NotSeparableError("a sum as divisor")
                return [term.times(below[0].inverse()) for term in self.terms(operands[0])]
            case "arith.extf" | "arith.truncf":
                return self.terms(operands[0])
            case "math.exp" | "math.exp2":
                return [Term(exponent=self.exponent(name, operands[0]))]
            case "arith.select" if not self.is_late(operands[0]):
                return self._masked(*operands)
            case "math.powf" if (base := number_of(operands[0]) or 0.0) > 0 and base != 1 and math.isfinite(base):
                if base == 2:
                    return [Term(exponent=self.exponent("math.exp2", operands[1]))]
                return [Term(exponent=self.exponent("math.exp", operands[1]).scaled(math.log(base)))]
            case "math.cosh":
                power = self.exponent("math.exp", operands[0])
                return [Term(0.5, exponent=power), Term(0.5, exponent=power.scaled(-1))]
            case _:
                raise NotSeparableError(f"'{name}' of a late value")

    def _masked(self, flag: View, true: View, false: View) -> list[Term]:
        """The terms of both sides, each where it is taken."""
        return [
            replace(term, masks=(*term.masks, (flag, taken)))
            for side, taken in ((true, True), (false, False))
            if number_of(side) != 0
            for term in self.terms(side)
        ]

    # -- exponents ---------------------------------------------------------------------------------

    def exponent(self, base: str, view: View) -> Exponent:
        """A power of a sum."""
        atoms = self.linear(view, whole=False)
        if any(not self.is_row(view) and self.is_late(view) for _, view in atoms):
            raise NotSeparableError("an exponent that isn't a sum")
        spread = tuple((c, v) for c, v in atoms if not self.is_row(v))
        return Exponent(base, spread, tuple((c, v) for c, v in atoms if self.is_row(v)))

    def linear(self, view: View, *, whole: bool) -> Atoms:
        """A view as a sum of multiples.

        Args:
            view: Of floats.
            whole: Also take apart what doesn't need late values, to compare sums; else that stays as it is computed.
        """
        if not (whole or self.is_late(view)) or not is_elementwise(view) or view.op is None:
            return ((1.0, view),)
        operands = self.values.operands(view)
        match view.op.name:
            case "arith.addf":
                return sum((self.linear(operand, whole=whole) for operand in operands), ())
            case "arith.subf":
                left, right = (self.linear(operand, whole=whole) for operand in operands)
                return (*left, *_scaled(right, -1))
            case "arith.negf":
                return _scaled(self.linear(operands[0], whole=whole), -1)
            case "arith.mulf":
                for factor, other in (operands, operands[::-1]):
                    if (number := factor_of(factor)) is not None:
                        return _scaled(self.linear(other, whole=whole), number)
            case "arith.divf" if (number := factor_of(operands[1])) is not None:
                return _scaled(self.linear(operands[0], whole=whole), 1 / number)
            case name if name in CASTS:
                return self.linear(operands[0], whole=whole)
            case _:
                pass
        return ((1.0, view),)

    def normal(self, atoms: Atoms) -> tuple[dict[View, float], float]:
        """A sum taken apart as far as it goes: the coefficient of each value, and the constant."""
        found: dict[View, float] = {}
        constant = 0.0
        for coefficient, view in atoms:
            for factor, atom in self.linear(view, whole=True):
                if (number := number_of(atom)) is not None:
                    constant += coefficient * factor * number
                else:
                    found[atom] = found.get(atom, 0.0) + coefficient * factor
        return found, constant


def factor_of(view: View) -> float | None:
    """The finite number other than zero that a view is everywhere."""
    number = number_of(view)
    return number if number is not None and number != 0 and math.isfinite(number) else None


def ratio(one: dict[View, float], other: dict[View, float]) -> float | None:
    """The number that makes one sum of another, if there is one."""
    if not one or one.keys() != other.keys():
        return None
    ratios = [one[view] / other[view] for view in one if other[view]]
    if len(ratios) < len(one) or not all(math.isclose(ratios[0], each, rel_tol=1e-12) for each in ratios):
        return None
    return ratios[0]
