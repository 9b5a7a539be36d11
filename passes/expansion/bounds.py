"""What values are at least, as far as their computation says: whether what a sum is divided by may be zero.

`sum of x / s` is `(sum of x) / s`, but where s is zero: each quotient is infinite there, or not a number, and no sum of
the x says which. So a factor is taken out of a sum only if it is known to be finite.
"""

from __future__ import annotations

import math

from powerfusion.core._mlir import bits_of, element_of
from powerfusion.passes.expansion.algebra import CASTS, Algebra, Atoms, NotSeparableError, Term, number_of
from powerfusion.passes.expansion.cascades import EXTREMES, Cascade
from powerfusion.passes.expansion.folds import Fold
from powerfusion.passes.expansion.functions import Moment
from powerfusion.passes.expansion.values import View, is_elementwise

TINY = 1e-30  # a quotient of it stays far from f32's largest number
SMALL, SMALL_BITS = 4096, 8
DEEPEST = 32
BOUNDED = ("math.tanh", "math.erf", "math.sin", "math.cos")


class Bounds:
    """Bounds of row values of a cascade."""

    def __init__(self, algebra: Algebra, cascade: Cascade) -> None:
        self.algebra = algebra
        self.folds = {fold.result: fold for fold in cascade.folds}

    def is_tame(self, view: View, exponent: int) -> bool:
        """Whether a factor, or one over it, is finite or NaN."""
        if exponent < 0:
            return self.lowest(view) >= TINY
        if (value := number_of(view)) is not None:
            return math.isfinite(value)
        if not is_elementwise(view) or view.op is None:
            return False
        operands = self.algebra.values.operands(view)
        match view.op.name:
            case "math.rsqrt":
                return self.lowest(operands[0]) >= TINY
            case "arith.divf":
                return self.is_tame(operands[0], 1) and self.lowest(operands[1]) >= TINY
            case "arith.negf" | "arith.extf":
                return self.is_tame(operands[0], 1)
            case name:
                return name in BOUNDED

    def stay_low(self, atoms: Atoms) -> bool:
        """Whether the late part of an exponent is never infinity, but may be minus infinity or NaN."""
        return all((factor < 0 and self.lowest(view) > -math.inf) or self.is_tame(view, 1) for factor, view in atoms)

    def is_small(self, view: View) -> bool:
        """Whether a factor is no larger than some thousands, so that products with it don't overflow."""
        if (value := number_of(view)) is not None:
            return abs(value) <= SMALL
        if not is_elementwise(view) or view.op is None:
            return False
        name = view.op.name
        if name in ("arith.uitofp", "arith.sitofp"):
            return bits_of(element_of(view.op.operands[0].type)) <= SMALL_BITS
        operands = self.algebra.values.operands(view)
        if name == "arith.select":
            return all(map(self.is_small, operands[1:]))
        return name in BOUNDED or (name in CASTS and self.is_small(operands[0]))

    def parts(self, term: Term) -> bool:
        """Whether a term's parts may be multiplied before its power is; True if then vanishing powers must be seen to.

        The program multiplied in its own order; in another, a product of large parts is infinite where a small power
        would have come between them.
        """
        if not all(exponent > 0 or self.lowest(view) >= TINY for view, exponent in term.parts):
            raise NotSeparableError("a divisor that may be zero")
        large = [view for view, exponent in term.parts if exponent > 0 and not self.is_small(view)]
        if len(large) > 1 and (len(set(large)) > 1 or term.exponent is None):
            raise NotSeparableError("a product that may overflow")
        return len(large) > 1

    def lowest(self, view: View, depth: int = 0) -> float:
        """What a view is at least, where it is a number."""
        if (value := number_of(view)) is not None:
            return value
        if view.value in self.folds:
            return self._of_fold(self.folds[view.value], depth)
        if not is_elementwise(view) or view.op is None or depth > DEEPEST:
            return -math.inf
        operands = self.algebra.values.operands(view)
        name = view.op.name
        if name in ("math.exp", "math.exp2", "math.absf", "arith.uitofp"):
            return 0.0
        if name == "arith.mulf" and operands[0] == operands[1]:
            return 0.0
        lows = [self.lowest(operand, depth + 1) for operand in operands]
        match name:
            case "arith.addf":
                return sum(lows)
            case "arith.mulf" if min(lows) >= 0:
                known = [number_of(operand) for operand in operands]
                return lows[0] * lows[1] if any(value is not None for value in known) else 0.0
            case "arith.divf" if min(lows) >= 0:
                divisor = number_of(operands[1])
                return lows[0] / divisor if divisor else 0.0
            case "math.log" | "math.log2" if lows[0] >= TINY:
                return math.log(lows[0]) if name == "math.log" else math.log2(lows[0])
            case "math.sqrt":
                return math.sqrt(max(lows[0], 0.0))
            case "arith.maximumf":
                return max(lows)
            case "arith.minimumf":
                return min(lows)
            case "arith.extf":
                return lows[0]
            case _:
                return -math.inf

    def _of_fold(self, fold: Fold, depth: int) -> float:
        """A sum of what isn't negative isn't; one that has a power of zero in it is at least that."""
        start = self.lowest(self.algebra.values.view(fold.init, fold.rows))
        if fold.kind != "add" or start < 0:
            return -math.inf
        if fold.made_of is None:
            factors = fold.factors
            squared = len(factors) == 2 and factors[0] == factors[1]
            return start if squared or all(self.lowest(view, depth + 1) >= 0 for view in factors) else -math.inf
        if isinstance(fold.made_of, Moment):
            return start if fold.made_of.scale > 0 else -math.inf
        if isinstance(fold.made_of, list) and all(self._is_positive(term, depth) for term in fold.made_of):
            return start + max(self._peak(term) for term in fold.made_of)
        return -math.inf

    def _is_positive(self, term: Term, depth: int) -> bool:
        views = [view for view, _ in (*term.parts, *term.rows)]
        return term.scale > 0 and all(self.lowest(view, depth + 1) >= 0 for view in views)

    def _peak(self, term: Term) -> float:
        """The term of the element that is the maximum, if that is what the exponent subtracts."""
        power = term.exponent
        if term.parts or term.rows or term.masks or power is None or len(power.rows) != 1:
            return 0.0
        ((coefficient, view),) = power.rows
        maximum = self.folds.get(view.value)
        if maximum is None or maximum.kind not in EXTREMES or maximum.made_of is not None:
            return 0.0
        given, shift = self.algebra.normal(((1.0, maximum.factors[0]),))
        wanted, offset = self.algebra.normal(power.spread)
        start = self.algebra.values.view(maximum.init, maximum.rows)
        infinite = number_of(start)
        same = wanted == {key: -coefficient * value for key, value in given.items()} and offset == -coefficient * shift
        return term.scale / 2 if same and infinite is not None and math.isinf(infinite) else 0.0
