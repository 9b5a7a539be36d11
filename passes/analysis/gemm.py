"""Which contractions are products of matrices as BLAS has them, and how their operands lie.

BLAS knows matrices whose columns lie one behind another; a row-major one is its transposed. So the result's dimension
along which it is contiguous is `m`, the factor that has it is BLAS' first one:

    c(i, j) += a(i, k) * b(j, k)    row-major      m = j of b, n = i of a, k;  b transposed, a as it is

Dimensions of one kind that lie behind one another in all that has them are one, as those of a picture in a convolution
of single elements. What is left over, dimensions that both factors have and others that don't fit, is a loop of calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import prod

from powerfusion.core._mlir import DYNAMIC, defining_op, element_of, i64_array, integers
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import loops_of
from powerfusion.passes.placement.layouts import loaded_layout, row_major

ATTRIBUTE = "gir.product"
ROUTINES = {"f32": "sgemm", "f64": "dgemm"}
LARGEST = 2**31 - 1
"""What BLAS' numbers can be."""

Steps = tuple[int, int, int]
"""How far elements are apart along a loop: in both factors and in the result; 0 where one lacks it."""


@dataclass(frozen=True)
class Loop:
    """A dimension of a contraction."""

    size: int
    steps: Steps


@dataclass(frozen=True)
class Gemm:
    """Products of matrices, one for each turn of some loops.

    Attributes:
        factors: Which operand is BLAS' first factor, and which the second.
        sizes: Its m, n and k.
        transposed: Whether each factor is taken transposed.
        leading: How far columns are apart: of the factors, of the result.
        loops: What is done for each index of them; steps are those of the factors, in BLAS' order, and of the result.
    """

    factors: tuple[int, int]
    sizes: Steps
    transposed: tuple[bool, bool]
    leading: Steps
    loops: tuple[Loop, ...] = ()

    @property
    def multiplications(self) -> int:
        """Of one call."""
        return prod(self.sizes)

    def to_attribute(self) -> ir.Attribute:
        """As an attribute of the kernel that it is."""
        return ir.DictAttr.get(
            {
                "factors": i64_array(self.factors),
                "sizes": i64_array(self.sizes),
                "transposed": i64_array(self.transposed),
                "leading": i64_array(self.leading),
                "loops": i64_array([number for loop in self.loops for number in (loop.size, *loop.steps)]),
            }
        )

    @classmethod
    def from_attribute(cls, attribute: ir.Attribute) -> Gemm:
        """The reverse of `to_attribute`."""
        found = {each.name: integers(each.attr) for each in ir.DictAttr(attribute)}
        numbers = found["loops"]
        loops = [numbers[at : at + 4] for at in range(0, len(numbers), 4)]
        first, second = found["factors"]
        left, right = map(bool, found["transposed"])
        return cls(
            (first, second),
            _three(found["sizes"]),
            (left, right),
            _three(found["leading"]),
            tuple(Loop(size, _three(steps)) for size, *steps in loops),
        )


def _three(values: Sequence[int]) -> Steps:
    first, second, third = values
    return first, second, third


def gemm_of(contraction: ir.Operation) -> Gemm | None:
    """A contraction as BLAS computes it, of factors that are whole inputs of a kernel; None where it can't.

    The result is taken to be row-major, in the order of the contraction's dimensions.
    """
    lhs, rhs, into = list(contraction.operands)
    types = {str(element_of(value.type)) for value in (lhs, rhs, into)}
    strides = [_strides_of(lhs), _strides_of(rhs), row_major(into.type.shape)]
    if len(types) != 1 or not types <= ROUTINES.keys() or DYNAMIC in list(into.type.shape):
        return None
    sizes: dict[int, int] = {}
    steps: dict[int, list[int]] = {}
    for at, (value, map_, own) in enumerate(zip((lhs, rhs, into), contraction.attributes["maps"], strides, strict=False)):
        if own is None:
            return None
        for loop, size, stride in zip(loops_of(map_), value.type.shape, own, strict=True):
            sizes[loop] = size
            steps.setdefault(loop, [0, 0, 0])[at] += stride
    if 0 in sizes.values():
        return None
    loops = [Loop(sizes[loop], _three(steps[loop])) for loop in sizes if sizes[loop] > 1]
    found = max(_ways(_joined(loops)), key=lambda way: way.multiplications, default=None)
    return None if found is None or max(*found.sizes, *found.leading) > LARGEST else found


def _strides_of(value: ir.Value) -> tuple[int, ...] | None:
    """How a factor lies in the input of which it is all; None where it is something else."""
    load = defining_op(value)
    if load is None or load.name != "gir.move" or DYNAMIC in list(value.type.shape):
        return None
    layout = loaded_layout(load.operands[0])
    if layout is None or layout.offset or layout.steps:
        return None
    return layout.strides if prod(_input_of(load).type.shape) == prod(value.type.shape) else None


def _input_of(load: ir.Operation) -> ir.Value:
    value = load.operands[0]
    while (op := defining_op(value)) is not None:
        value = op.operands[0]
    return value


# -- joining ---------------------------------------------------------------------------------------


def _joined(loops: Sequence[Loop]) -> list[Loop]:
    """Loops of which each two that lie behind one another, in all that has them, are one."""
    rest = list(loops)
    while (pair := next(_pairs(rest), None)) is not None:
        outer, inner = pair
        rest = [loop for loop in rest if loop not in pair]
        rest.append(replace(inner, size=outer.size * inner.size))
    return rest


def _pairs(loops: Sequence[Loop]) -> Iterator[tuple[Loop, Loop]]:
    return (
        (outer, inner)
        for outer, inner in permutations(loops, 2)
        if all(wide == inner.size * narrow for wide, narrow in zip(outer.steps, inner.steps, strict=True))
    )


# -- choosing --------------------------------------------------------------------------------------

ONE = Loop(1, (0, 0, 0))


def _ways(loops: Sequence[Loop]) -> Iterator[Gemm]:
    """All that one call may do of some loops."""
    summed = [loop for loop in loops if not loop.steps[2]] or [ONE]
    rows, columns = ([loop for loop in loops if loop.steps[2] and not loop.steps[at]] or [ONE] for at in (1, 0))
    if len(summed) > 1:
        return
    for row in rows:
        for column in columns:
            rest = tuple(loop for loop in loops if loop not in (row, column, *summed))
            for first, m, n in ((1, column, row), (0, row, column)):
                made = _gemm(first, m, n, summed[0], rest)
                if made is not None:
                    yield made


def _gemm(first: int, m: Loop, n: Loop, k: Loop, rest: tuple[Loop, ...]) -> Gemm | None:
    """A call whose first factor is operand `first`, with `m`; None where something isn't contiguous."""
    second = 1 - first
    plain, turned = (_leading(*pair, first) for pair in ((m, k), (k, m)))
    left = plain or turned
    right = _leading(k, n, second) or _leading(n, k, second)
    result = _leading(m, n, 2)
    if left is None or right is None or result is None:
        return None
    loops = tuple(Loop(loop.size, (loop.steps[first], loop.steps[second], loop.steps[2])) for loop in rest)
    transposed = (plain is None, _leading(k, n, second) is None)
    return Gemm((first, second), (m.size, n.size, k.size), transposed, (left, right, result), loops)


def _leading(within: Loop, across: Loop, at: int) -> int | None:
    """How far columns of operand `at` are apart that run along `within`; None where they aren't contiguous."""
    if within.size > 1 and within.steps[at] != 1:
        return None
    apart = across.steps[at] if across.size > 1 else within.size
    return apart if apart >= within.size else None
