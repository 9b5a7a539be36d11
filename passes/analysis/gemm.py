"""Which contractions are products of matrices as BLAS has them, and how their operands lie.

BLAS knows matrices whose columns lie one behind another; a row-major one is its transposed. So the result's dimension
along which it is contiguous is `m`, the factor that has it is BLAS' first one:

    c(i, j) += a(i, k) * b(j, k)    row-major      m = j of b, n = i of a, k;  b transposed, a as it is

Dimensions of one kind that lie behind one another in all that has them are one, as those of a picture in a convolution
of single elements. What is left over, dimensions that both factors have and others that don't fit, is a loop of calls;
what is left over of those that are summed, of calls that add.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from math import prod

from powerfusion.core._mlir import DYNAMIC, defining_op, element_of, i64_array, integers
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import loops_of
from powerfusion.passes.placement.layouts import loaded_layout, row_major

ATTRIBUTE = "gir.product"
FACTORS = 2
"""Of a contraction; what it adds to, or its result, stands behind them."""
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
            Along what has no step there calls add to what the first of them wrote.
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

    @property
    def adds(self) -> bool:
        """Whether calls add to what others wrote."""
        return any(not loop.steps[2] for loop in self.loops)

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


def gemm_of(contraction: ir.Operation, packed: Mapping[int, Sequence[int]] | None = None) -> Gemm | None:
    """A contraction as BLAS computes it, of factors that are whole inputs of a kernel; None where it can't.

    The result is taken to be row-major, in the order of the contraction's dimensions.

    Args:
        contraction: In a kernel in graph form.
        packed: By factor, the order of its dimensions in a tensor that it is copied to first.
    """
    operands = list(contraction.operands)
    into = operands[FACTORS]
    types = {str(element_of(value.type)) for value in operands}
    strides = [
        _packed(value, packed[at]) if packed and at in packed else _strides_of(value)
        for at, value in enumerate(operands[:FACTORS])
    ]
    strides.append(row_major(into.type.shape))
    if len(types) != 1 or not types <= ROUTINES.keys() or DYNAMIC in list(into.type.shape):
        return None
    sizes: dict[int, int] = {}
    steps: dict[int, list[int]] = {}
    for at, (value, map_, own) in enumerate(zip(operands, contraction.attributes["maps"], strides, strict=True)):
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


def is_packed(value: ir.Value) -> bool:
    """Whether a factor is better copied first: one that isn't all of an input, and windows."""
    op = defining_op(value)
    while op is not None and op.operands:
        if op.name == "gir.window":
            return True
        op = defining_op(op.operands[0])
    return _strides_of(value) is None


def _packed(value: ir.Value, order: Sequence[int]) -> tuple[int, ...] | None:
    """How a factor lies in a row-major tensor that has its dimensions in some order."""
    shape = list(value.type.shape)
    strides = row_major([shape[dim] for dim in order])
    return (
        None if strides is None or DYNAMIC in shape else tuple(strides[order.index(dim)] for dim in range(len(shape)))
    )


def _strides_of(value: ir.Value) -> tuple[int, ...] | None:
    """How a factor lies in the input of which it is all; None where it is something else."""
    source = value
    while (op := defining_op(source)) is not None:
        source = op.operands[0]
    shapes = [list(each.type.shape) for each in (value, source)]
    if any(DYNAMIC in shape for shape in shapes) or prod(shapes[0]) != prod(shapes[1]):
        return None
    return _strides_at_reg(value)


def _strides_at_reg(value: ir.Value) -> tuple[int, ...] | None:
    """How a value lies in an input: that of a load, or of what is only renamed of one."""
    op = defining_op(value)
    if op is None:
        return None
    match op.name:
        case "gir.move":
            layout = loaded_layout(op.operands[0])
            return None if layout is None or layout.offset or layout.steps else layout.strides
        case "gir.reshape":
            below, plain = _strides_at_reg(op.operands[0]), row_major(op.operands[0].type.shape)
            return row_major(value.type.shape) if below is not None and below == plain else None
        case "gir.permute":
            below = _strides_at_reg(op.operands[0])
            return None if below is None else tuple(below[dim] for dim in integers(op.attributes["perm"]))
        case _:
            return None


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
    for row, column, k in product(rows, columns, summed):
        rest = tuple(loop for loop in loops if loop not in (row, column, k))
        for first, m, n in ((1, column, row), (0, row, column)):
            made = _gemm(first, m, n, k, rest)
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
