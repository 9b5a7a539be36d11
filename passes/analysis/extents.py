"""Sizes of a program as numbers or polynomials: the function around the kernels, evaluated.

A size of an argument is a number where it is static or given, else a symbol, `arg0[1]`. What
index arithmetic makes of sizes is followed; where it can't be said as a polynomial (a division,
a choice) it becomes a symbol of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from powerfusion.core._mlir import (
    DYNAMIC,
    constant_index,
    defining_op,
    entry_block,
    integer_of,
    integers,
    mixed,
    operations,
    segments,
)
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import Extent, InputDim, QuotientOf, ResultDim, SumOf, extent, resolve
from powerfusion.symbolic import Count, Polynomial, floordiv, product, total

CASTS = ("arith.index_cast", "arith.index_castui", "arith.extsi", "arith.extui", "arith.trunci")
_EXACT: dict[str, Callable[[int, int], int]] = {
    "arith.divsi": lambda a, b: int(a / b),
    "arith.divui": lambda a, b: a // b,
    "arith.ceildivsi": lambda a, b: -(-a // b),
    "arith.ceildivui": lambda a, b: -(-a // b),
    "arith.floordivsi": lambda a, b: a // b,
    "arith.remsi": lambda a, b: a - b * int(a / b),
    "arith.remui": lambda a, b: a % b,
    "arith.minsi": min,
    "arith.maxsi": max,
    "arith.minui": min,
    "arith.maxui": max,
}
_COMPARE: tuple[Callable[[int, int], bool], ...] = (
    lambda a, b: a == b,
    lambda a, b: a != b,
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
)


@dataclass
class Extents:
    """The sizes of one function; `given` are shapes, or values of scalars, of arguments by position."""

    given: Mapping[int, tuple[Count, ...] | Count]
    known: dict[ir.Value, Count] = field(default_factory=dict)

    def shape(self, value: ir.Value) -> list[Count]:
        """The shape of a tensor of the function."""
        return [self.size(value, dim) for dim in range(value.type.rank)]

    def size(self, value: ir.Value, dim: int) -> Count:
        """One size of a tensor of the function."""
        static = value.type.shape[dim]
        op = defining_op(value)
        if static != DYNAMIC:
            return static
        if op is None:
            place = ir.BlockArgument(value).arg_number
            shape = self.given.get(place)
            return shape[dim] if isinstance(shape, tuple) else Polynomial.symbol(f"arg{place}[{dim}]")
        before = sum(size == DYNAMIC for size in value.type.shape[:dim])
        match op.name:
            case "tensor.cast":
                return self.size(op.operands[0], dim)
            case "tensor.empty":
                return self.index(list(op.operands)[before])
            case "tensor.expand_shape":
                return self.index(list(op.operands)[1 + before])
            case "tensor.collapse_shape":
                group = list(op.attributes["reassociation"])[dim]
                return product(self.size(op.operands[0], source) for source in integers(group))
            case "gir.kernel" | "gir.extern":
                number = ir.OpResult(value).result_number
                skipped = sum(
                    sum(size == DYNAMIC for size in result.type.shape) for result in list(op.results)[:number]
                )
                return self.index(segments(op)[1][skipped + before])
            case "gir.alternatives":
                number = ir.OpResult(value).result_number
                return self.size(operations(op.regions[0].blocks[0])[-1].operands[number], dim)
            case _:
                return Polynomial.symbol(f"{op.name}[{dim}]")

    def index(self, value: ir.Value) -> Count:
        """An index value of the function."""
        if value not in self.known:
            self.known[value] = self._index(value)
        return self.known[value]

    def _index(self, value: ir.Value) -> Count:
        constant = integer_of(value)
        if constant is not None:
            return constant
        op = defining_op(value)
        if op is None:
            place = ir.BlockArgument(value).arg_number
            number = self.given.get(place)
            return Polynomial.symbol(f"arg{place}") if number is None or isinstance(number, tuple) else number
        match op.name:
            case "tensor.dim" if integer_of(op.operands[1]) is not None:
                return self.size(op.operands[0], constant_index(op.operands[1]))
            case name if name in CASTS:
                return self.index(op.operands[0])
            case "arith.addi":
                return self.index(op.operands[0]) + self.index(op.operands[1])
            case "arith.subi":
                return self.index(op.operands[0]) + self.index(op.operands[1]) * -1
            case "arith.muli":
                return self.index(op.operands[0]) * self.index(op.operands[1])
            case _:
                return self._opaque(op)

    def _opaque(self, op: ir.Operation) -> Count:
        """What isn't a polynomial: computed where its operands are numbers, else a symbol."""
        operands = [self.index(operand) for operand in op.operands]
        numbers = [operand for operand in operands if isinstance(operand, int)]
        if len(numbers) == len(operands):
            if op.name in _EXACT and numbers[1] != 0:
                return _EXACT[op.name](*numbers)
            if op.name == "arith.cmpi":
                return int(_COMPARE[ir.IntegerAttr(op.attributes["predicate"]).value](*numbers))
        if op.name == "arith.select":
            if isinstance(operands[0], int):
                return operands[1] if operands[0] else operands[2]
            if operands[1] == operands[2]:
                return operands[1]
        return Polynomial.symbol(f"{op.name.partition('.')[2]}({', '.join(map(str, operands))})")

    # -- inside of kernels -------------------------------------------------------------------

    def shape_inside(self, kernel: ir.Operation, value: ir.Value) -> list[Count]:
        """The shape of a tensor in a kernel in graph form."""
        return [self._inside(kernel, extent(value, dim)) for dim in range(value.type.rank)]

    def _inside(self, kernel: ir.Operation, found: Extent) -> Count:
        match found:
            case int():
                return found
            case InputDim(argument, dim):
                return self.size(self._outside(kernel, argument), dim)
            case ResultDim(number, dim):
                return self.size(kernel.results[number], dim)
            case SumOf(parts):
                return total(self._inside(kernel, part) for part in parts)
            case QuotientOf(whole, divisor):
                return floordiv(self._inside(kernel, whole), divisor)
            case _ if defining_op(found) is None:
                return self.index(self._outside(kernel, found))
            case _:
                return self._computed(kernel, defining_op(found))

    def index_inside(self, kernel: ir.Operation, value: ir.Value) -> Count:
        """An index value of a kernel in graph form."""
        return self._inside(kernel, resolve(value))

    def _outside(self, kernel: ir.Operation, argument: ir.Value) -> ir.Value:
        return segments(kernel)[0][list(entry_block(kernel).arguments).index(argument)]

    def _computed(self, kernel: ir.Operation, op: ir.Operation) -> Count:
        """Index arithmetic in a kernel."""
        operands = [self._inside(kernel, resolve(operand)) for operand in op.operands]
        match op.name:
            case "arith.addi":
                return operands[0] + operands[1]
            case "arith.muli":
                return operands[0] * operands[1]
            case _:
                return Polynomial.symbol(f"{op.name.partition('.')[2]}({', '.join(map(str, operands))})")

    def box(self, kernel: ir.Operation, op: ir.Operation, name: str, dynamic: list[ir.Value]) -> list[Count]:
        """A mixed list of a view's offsets, sizes or strides."""
        return [
            value if isinstance(value, int) else self._inside(kernel, resolve(value))
            for value in mixed(op, dynamic, name)
        ]
