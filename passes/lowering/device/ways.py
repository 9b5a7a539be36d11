"""Which of a machine's intrinsics do an op on a run of elements: the op's own, or others that come to the same.

A way is a few steps, each one call. It is told which operands are runs and which are numbers.

    arith.divf a, b     ⇒   t = reciprocal b;  mulf a, t          without a division
    arith.subf a, 3     ⇒   addf a, -3                            without a difference with a number
    arith.addf a, 3     ⇒   t = fill 3;  addf a, t                without a sum with a number
    math.exp a : f16    ⇒   t = extf a;  t = exp t;  truncf t     without one of halves
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from powerfusion.machines.emission import CONVERSIONS, OPERANDS, Emission, Intrinsic

COMMUTES = frozenset(
    f"arith.{name}"
    for name in (
        "addf",
        "mulf",
        "maximumf",
        "minimumf",
        "maxnumf",
        "minnumf",
        "addi",
        "muli",
        "maxsi",
        "minsi",
        "maxui",
    )
)
RUN, NUMBER = "run", "number"
WIDE = "f32"
WIDENED = -16
"""The temporary that an op's first operand is widened to; those of others are below it."""


@dataclass(frozen=True)
class Operand:
    """What a step takes.

    Attributes:
        kind: `RUN` or `NUMBER`.
        at: Which of the op's operands it is; -1 and less are temporaries.
        negated: Whether it is less itself.
        inverted: Whether it is one by itself.
        constant: A number that is known, in its place.
    """

    kind: str
    at: int = 0
    negated: bool = False
    inverted: bool = False
    constant: float | None = None


@dataclass(frozen=True)
class Step:
    """One call.

    Attributes:
        intrinsic: Which.
        operands: What it takes.
        dtype: Of what it takes.
        into: Which temporary it writes; None for the result.
    """

    intrinsic: Intrinsic
    operands: tuple[Operand, ...]
    dtype: str
    into: int | None = None

    @property
    def result(self) -> str:
        """The element type of what it makes."""
        return self.intrinsic.result or self.dtype


def way_of(
    emission: Emission, name: str, dtype: str, kinds: Sequence[str], result: str | None = None
) -> list[Step] | None:
    """The steps that do an op on elements of a type; None where the machine has none.

    Args:
        emission: The machine's.
        name: The op's.
        dtype: The operands' element type.
        kinds: `RUN` or `NUMBER`, per operand; one is a run.
        result: The result's element type, where it is another.
    """
    operands = tuple(Operand(kind, at) for at, kind in enumerate(kinds))
    if name in CONVERSIONS or result not in (None, dtype):
        found = next(emission.intrinsics_for(name, dtype, result), None) if result else None
        return [Step(found, operands, dtype)] if found else None
    for how in (_own, _rewritten, _filled, _widened):
        found = how(emission, name, dtype, operands)
        if found is not None:
            return found
    return None


def _own(emission: Emission, name: str, dtype: str, operands: tuple[Operand, ...]) -> list[Step] | None:
    """One call."""
    orders = [operands, operands[::-1]] if name in COMMUTES else [operands]
    for order in orders:
        wanted = {formal for formal, operand in zip(OPERANDS, order, strict=False) if operand.kind == NUMBER}
        for intrinsic in emission.intrinsics_for(name, dtype):
            if len(intrinsic.operands) == len(order) and set(intrinsic.scalars) == wanted:
                return [Step(intrinsic, order, dtype)]
    return None


def _rewritten(emission: Emission, name: str, dtype: str, operands: tuple[Operand, ...]) -> list[Step] | None:
    """Another op that comes to the same."""
    how = REWRITES.get(name)
    return None if how is None else how(emission, dtype, operands)


def _divided(emission: Emission, dtype: str, operands: tuple[Operand, ...]) -> list[Step] | None:
    left, right = operands
    if right.kind == NUMBER and emission.scalar_division:
        return _own(emission, "arith.mulf", dtype, (left, Operand(NUMBER, right.at, inverted=True)))
    turned = _own(emission, "reciprocal", dtype, (Operand(RUN, right.at),))
    if turned is None:
        return None
    first = replace(turned[0], into=-1)
    if right.kind == NUMBER:
        fill = _own(emission, "fill", dtype, (right,))
        if fill is None:
            return None
        begin = [replace(fill[0], into=-1), replace(first, operands=(Operand(RUN, -1),))]
    else:
        begin = [first]
    rest = _own(emission, "arith.mulf", dtype, (left, Operand(RUN, -1)))
    return None if rest is None else [*begin, *rest]


def _subtracted(emission: Emission, dtype: str, operands: tuple[Operand, ...]) -> list[Step] | None:
    left, right = operands
    if right.kind != NUMBER:
        return None
    return _own(emission, "arith.addf", dtype, (left, Operand(NUMBER, right.at, negated=True)))


def _negated(emission: Emission, dtype: str, operands: tuple[Operand, ...]) -> list[Step] | None:
    return _own(emission, "arith.mulf", dtype, (operands[0], Operand(NUMBER, constant=-1.0)))


REWRITES: dict[str, Callable[[Emission, str, tuple[Operand, ...]], list[Step] | None]] = {
    "arith.divf": _divided,
    "arith.subf": _subtracted,
    "arith.negf": _negated,
}


def _filled(emission: Emission, name: str, dtype: str, operands: tuple[Operand, ...]) -> list[Step] | None:
    """A number is written to a temporary first."""
    at = next((at for at, operand in enumerate(operands) if operand.kind == NUMBER), None)
    if at is None or name == "fill":
        return None
    fill = _own(emission, "fill", dtype, (operands[at],))
    full = (*operands[:at], Operand(RUN, -1), *operands[at + 1 :])
    rest = _own(emission, name, dtype, full)
    if fill is None or rest is None:
        return None
    return [replace(fill[0], into=-1), *rest]


def _widened(emission: Emission, name: str, dtype: str, operands: tuple[Operand, ...]) -> list[Step] | None:
    """Runs are widened, and what comes of them is rounded again, as an op on a narrow type is defined."""
    widen = next(emission.intrinsics_for("arith.extf", dtype, WIDE), None)
    narrow = next(emission.intrinsics_for("arith.truncf", WIDE, dtype), None)
    if widen is None or narrow is None:
        return None
    steps = way_of(emission, name, WIDE, [operand.kind for operand in operands])
    if steps is None:
        return None
    runs = [operand for operand in operands if operand.kind == RUN]
    wide = {operand.at: WIDENED - at for at, operand in enumerate(runs)}
    made = wide[runs[0].at]
    begin = [Step(widen, (operand,), dtype, wide[operand.at]) for operand in runs]
    within = [
        replace(
            step,
            operands=tuple(replace(one, at=wide.get(one.at, one.at)) for one in step.operands),
            into=made if step.into is None else step.into,
        )
        for step in steps
    ]
    return [*begin, *within, Step(narrow, (Operand(RUN, made),), WIDE)]
