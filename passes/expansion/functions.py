"""What a reduction folds, other than sums of products: squares about a mean, monotone functions.

`algebra` takes terms of a sum apart; here a value is read as one function of what runs, whose other operands are late.
"""

from __future__ import annotations

from dataclasses import dataclass

from powerfusion.core._mlir import constant_of
from powerfusion.mlir import ir
from powerfusion.passes.expansion.algebra import CASTS, Algebra, NotSeparableError, factor_of
from powerfusion.passes.expansion.values import View, is_elementwise

# -- squares about the mean --------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """A multiple of the square of what runs less something late.

    Attributes:
        scale: The multiple.
        running: What runs.
        center: What is taken from it, which is the sum of `running` over a count.
        total: That sum.
    """

    scale: float
    running: View
    center: View
    total: ir.Value


def moment_of(algebra: Algebra, view: View) -> Moment:
    """The square that a view is; raises NotSeparableError."""
    scale = 1.0
    while view.op is not None and is_elementwise(view):
        operands = algebra.values.operands(view)
        name = view.op.name
        if name == "arith.mulf" and operands[0] == operands[1]:
            return about_mean(algebra, scale, operands[0])
        if name in ("math.powf", "math.fpowi") and _exponent(operands[1]) == 2:
            return about_mean(algebra, scale, operands[0])
        if name in ("arith.mulf", "arith.divf") and (factor := factor_of(operands[1])) is not None:
            scale, view = scale * factor if name == "arith.mulf" else scale / factor, operands[0]
        elif name in CASTS:
            view = operands[0]
        else:
            break
    raise NotSeparableError("no square")


def _exponent(view: View) -> float | None:
    constant = constant_of(view.value)
    if isinstance(constant, ir.DenseElementsAttr) and constant.is_splat:
        constant = constant.get_splat_value()
    return float(constant.value) if isinstance(constant, (ir.FloatAttr, ir.IntegerAttr)) else None


def about_mean(algebra: Algebra, scale: float, view: View) -> Moment:
    """The square of a difference from a mean."""
    while view.op is not None and view.op.name in CASTS:
        view = algebra.values.operands(view)[0]
    if view.op is None or view.op.name != "arith.subf":
        raise NotSeparableError("no difference")
    running, center = algebra.values.operands(view)
    if algebra.is_row(running):
        running, center = center, running
    below = center
    while below.op is not None and below.op.name in CASTS:
        below = algebra.values.operands(below)[0]
    if algebra.is_late(running) or algebra.is_row(running) or not algebra.is_row(center):
        raise NotSeparableError("no difference from a mean")
    if below.value in algebra.late:  # divided by one
        return Moment(scale, running, center, below.value)
    if below.op is None or below.op.name not in ("arith.divf", "arith.mulf"):
        raise NotSeparableError("no mean")
    total, count = algebra.values.operands(below)
    if below.op.name == "arith.mulf" and total.value not in algebra.late:
        total, count = count, total
    if total.value not in algebra.late or algebra.is_late(count):
        raise NotSeparableError("no mean")
    return Moment(scale, running, center, total.value)


# -- monotone functions ------------------------------------------------------------------------------

RISING = ("math.exp", "math.exp2", "math.log", "math.log2", "math.sqrt", "math.tanh", "math.erf", *CASTS)
PARTIAL = ("math.log", "math.log2", "math.sqrt")  # undefined below zero
BETWEEN = ("arith.addf", "arith.subf", "arith.maximumf", "arith.minimumf")


@dataclass(frozen=True)
class Step:
    """One op of a chain: which operands the chain is, and all of them."""

    op: ir.Operation
    positions: tuple[int, ...]
    operands: tuple[View, ...]


@dataclass(frozen=True)
class Chain:
    """A function of one value that runs over what is folded, its other operands known at the end.

    It rises or falls, or falls and then rises if its largest value is asked for: that is one of its ends', of the
    largest x or of the smallest. Where `f(x)` is undefined for some x, as infinity less infinity is, it is so for one
    of these two, or for zero.

    Attributes:
        leaf: What runs.
        steps: From the inside.
        scaled: Whether the first multiplies by something late, which is undefined for zero if that is infinite.
    """

    leaf: View
    steps: tuple[Step, ...]
    scaled: bool


def chain_of(algebra: Algebra, view: View, *, largest: bool) -> Chain:
    """The chain that a view is, of which the largest or the smallest is asked for; raises NotSeparableError."""
    steps: list[Step] = []
    rises, scaled = True, False
    while algebra.is_late(view):
        if scaled or not is_elementwise(view) or view.op is None:
            raise NotSeparableError("a maximum of what isn't elementwise, or multiplied too late")
        name, operands = view.op.name, algebra.values.operands(view)
        running = tuple(at for at, operand in enumerate(operands) if not algebra.is_row(operand))
        inside = {operands[at] for at in running}
        if len(inside) != 1:
            raise NotSeparableError("a maximum of several values that run")
        others = [operand for at, operand in enumerate(operands) if at not in running]
        if name == "math.absf" or (name == "arith.mulf" and not others):
            if not (largest and rises) or any(step.op.name in PARTIAL for step in steps[:-1]):
                raise NotSeparableError("a function that has or may have more between its ends than at them")
            rises = False
        elif others == [] and len(running) > 1:
            raise NotSeparableError(f"'{name}' of one value twice")
        elif name == "arith.mulf" or (name == "arith.divf" and running == (0,)):
            (other,) = others
            factor = factor_of(other)
            scaled = factor is None
            rises = rises and factor is not None and factor > 0
        elif name in ("arith.addf", "arith.subf", "arith.negf"):
            rises = rises and name != "arith.negf" and not (name == "arith.subf" and running == (1,))
        elif name not in (*RISING, *BETWEEN):
            raise NotSeparableError(f"'{name}' isn't monotone, or not always defined")
        steps.append(Step(view.op, running, tuple(operands)))
        view = inside.pop()
    return Chain(view, tuple(reversed(steps)), scaled)
