"""Sizes of a program as numbers or polynomials: the function around the kernels, evaluated.

A size of an argument is a number where it is static or given, else a symbol, `arg0[1]`. What
index arithmetic makes of sizes is followed (`ledger_index`); where it can't be said, as of a choice,
it becomes a symbol of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from powerfusion.core._mlir import (
    DYNAMIC,
    constant_index,
    defining_op,
    entry_block,
    functions,
    integer_of,
    integers,
    mixed,
    operations,
    producer,
    segments,
)
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_index import EVALUATED
from powerfusion.passes.analysis.ledger_numbers import Number, UnknownIndex
from powerfusion.passes.analysis.sizes import Extent, InputDim, QuotientOf, ResultDim, SumOf, extent, resolve
from powerfusion.symbolic import Count, Polynomial, floordiv, product, total


def _launched_size(value: ir.Value, number: int) -> ir.Value | None:
    """The operand of a launch that is the dynamic size of that number of its result, by the launched kernel."""
    launch = producer(value)
    name = ir.FlatSymbolRefAttr(launch.attributes["callee"]).value
    module = launch
    while module.parent is not None:
        module = module.parent.operation
    callee = next((f for f in functions(module) if ir.StringAttr(f.attributes["sym_name"]).value == name), None)
    if callee is None:
        return None
    returned = operations(entry_block(callee))[-1].operands[ir.OpResult(value).result_number]
    kernel = defining_op(returned)
    if kernel is None or kernel.name != "gir.kernel":
        return None
    earlier = list(kernel.results)[: ir.OpResult(returned).result_number]
    skipped = sum(sum(size == DYNAMIC for size in result.type.shape) for result in earlier)
    size = segments(kernel)[1][skipped + number]
    if defining_op(size) is not None:
        return None
    return launch.operands[ir.BlockArgument(size).arg_number]


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
            case "gir.launch" if (sized := _launched_size(value, before)) is not None:
                return self.index(sized)
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
            case _:
                return evaluated(op, [self.index(operand) for operand in op.operands])

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
        return evaluated(op, [self._inside(kernel, resolve(operand)) for operand in op.operands])

    def box(self, kernel: ir.Operation, op: ir.Operation, name: str, dynamic: list[ir.Value]) -> list[Count]:
        """A mixed list of a view's offsets, sizes or strides."""
        return [
            value if isinstance(value, int) else self._inside(kernel, resolve(value))
            for value in mixed(op, dynamic, name)
        ]


def evaluated(op: ir.Operation, operands: list[Count]) -> Count:
    """What index arithmetic makes of sizes; a symbol where that can't be said."""
    numbers: list[Number] = list(operands)
    try:
        found = EVALUATED[op.name](op, numbers) if op.name in EVALUATED else None
    except UnknownIndex:
        found = None
    if isinstance(found, (int, Polynomial)):
        return found
    return Polynomial.symbol(f"{op.name.partition('.')[2]}({', '.join(map(str, operands))})")
