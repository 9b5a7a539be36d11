"""What each op of a kernel becomes in linalg: one function per op, by name.

A function gets the op and what its operands have become, values of the function without a place,
and gives what its results become.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    element_of,
    i32_array,
    i64_array,
    integers,
    is_tensor,
    mixed,
    segments,
    split_mixed,
)
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.raising.kernels import Size
from powerfusion.passes.raising.linalg_ops import (
    Mapped,
    empty,
    fill,
    generic,
    index_value,
    projection,
    sizes_of,
)

MOST_ELEMENTS = 1 << 60
Writer = Callable[[ir.Operation, "Writing"], Sequence[ir.Value]]
WRITERS: dict[str, Writer] = {}


@dataclass
class Writing:
    """What the values of a kernel have become."""

    values: dict[ir.Value, ir.Value]

    def value(self, value: ir.Value) -> ir.Value:
        """A value of the kernel as a value of the function; those of the function stay."""
        return self.values.get(value, value)

    def size(self, size: Size) -> Size:
        """A size of the kernel as one of the function."""
        return size if isinstance(size, int) else self.value(size)

    def copy(self, op: ir.Operation) -> None:
        """Copies an op on scalars and plain tensors."""
        types = [plain(result.type) for result in op.results]
        operands = [self.value(operand) for operand in op.operands]
        made = create(op.name, operands, types, attributes_of(op), loc=op.location)
        self.values |= dict(zip(op.results, made.results, strict=True))


def writes(name: str) -> Callable[[Writer], Writer]:
    """Registers what an op becomes."""

    def register(function: Writer) -> Writer:
        if name in WRITERS:
            raise ValueError(f"'{name}' is written twice")
        WRITERS[name] = function
        return function

    return register


def plain(type_: ir.Type) -> ir.Type:
    """A type without a place."""
    return shaped(type_) if isinstance(type_, ir.RankedTensorType) else type_


def shaped(type_: ir.RankedTensorType) -> ir.RankedTensorType:
    """A tensor type without a place."""
    return ir.RankedTensorType.get(list(type_.shape), type_.element_type)


def result_sizes(op: ir.Operation, dynamic: Sequence[ir.Value], writing: Writing) -> list[Size]:
    """The sizes of an op's result, of which operands give the dynamic ones in order."""
    given = iter(dynamic)
    return [writing.value(next(given)) if size == DYNAMIC else size for size in op.results[0].type.shape]


# -- elementwise -----------------------------------------------------------------------------


def is_elementwise(op: ir.Operation) -> bool:
    """True for arith and math on tensors."""
    return op.name.startswith(("arith.", "math.")) and any(is_tensor(value) for value in op.operands)


def write_elementwise(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    """One op on elements; scalars among its operands are read by the body."""
    operands = [writing.value(operand) for operand in op.operands]
    tensors = [value for value in operands if is_tensor(value)]
    sizes = sizes_of(tensors[0])
    rank = len(sizes)
    elements = [element_of(result.type) for result in op.results]

    def body(arguments: list[ir.Value]) -> list[ir.Value]:
        given = iter(arguments)
        scalars = [next(given) if is_tensor(value) else value for value in operands]
        return list(create(op.name, scalars, elements, attributes_of(op), loc=op.location).results)

    ins = [projection(value, rank, range(rank)) for value in tensors]
    outs = [projection(empty(sizes, element, op.location), rank, range(rank)) for element in elements]
    return generic(ins, outs, [False] * rank, body, op.location)


@writes("arith.constant")
def _constant(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    attribute, type_ = op.attributes["value"], plain(op.result.type)
    if isinstance(type_, ir.RankedTensorType):
        if not type_.has_static_shape:
            raise unsupported(op, "of dynamic size", "splat the number by tensor.splat, which states the sizes")
        if not (isinstance(attribute, ir.DenseElementsAttr) and attribute.is_splat):
            raise unsupported(op, "of several values", "make the constant outside of the kernel, as an input")
        attribute = ir.DenseElementsAttr.get_splat(type_, attribute.get_splat_value())
    return [create("arith.constant", results=[type_], attributes={"value": attribute}, loc=op.location).result]


@writes("tensor.splat")
def _splat(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    scalar, *sizes = op.operands
    return [fill(writing.value(scalar), result_sizes(op, sizes, writing), op.location)]


@writes("gir.iota")
def _iota(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    offset, sizes = segments(op)
    dim = op.attributes["dim"]
    rank, index = op.result.type.rank, ir.IndexType.get()

    def body(_: list[ir.Value]) -> list[ir.Value]:
        value = create("linalg.index", results=[index], attributes={"dim": dim}, loc=op.location).result
        added = [writing.value(value) for value in offset]
        return [create("arith.addi", [value, *added], [index], loc=op.location).result if added else value]

    out = empty(result_sizes(op, sizes, writing), index, op.location)
    return generic([], [projection(out, rank, range(rank))], [False] * rank, body, op.location)


@writes("gir.assert")
def _assert(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    condition = writing.value(op.operands[0])
    rank = condition.type.rank

    def body(arguments: list[ir.Value]) -> list[ir.Value]:
        create("cf.assert", arguments[:1], attributes={"msg": op.attributes["message"]}, loc=op.location)
        return arguments[:1]

    out = empty(sizes_of(condition), element_of(condition.type), op.location)
    operands = [projection(value, rank, range(rank)) for value in (condition, out)]
    generic(operands[:1], operands[1:], [False] * rank, body, op.location)
    return []


# -- movement and views ----------------------------------------------------------------------


@writes("gir.move")
def _move(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    return [writing.value(op.operands[0])]


@writes("gir.gather")
def _gather(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    table, *indices = (writing.value(operand) for operand in op.operands)
    sizes, element = sizes_of(indices[0]), element_of(op.result.type)
    rank = len(sizes)

    def body(arguments: list[ir.Value]) -> list[ir.Value]:
        return [create("tensor.extract", [table, *arguments[: len(indices)]], [element], loc=op.location).result]

    ins = [projection(value, rank, range(rank)) for value in indices]
    out = projection(empty(sizes, element, op.location), rank, range(rank))
    return generic(ins, [out], [False] * rank, body, op.location)


def copied(source: Mapped, sizes: Sequence[Size], loc: ir.Location) -> list[ir.Value]:
    """A tensor of those sizes whose elements are read from another through a map."""
    rank = len(sizes)
    out = empty(sizes, element_of(source.value.type), loc)
    return generic([source], [projection(out, rank, range(rank))], [False] * rank, lambda a: a[:1], loc)


@writes("gir.broadcast")
def _broadcast(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    source, *given = op.operands
    value, new = writing.value(source), integers(op.attributes["dims"])
    rank = op.result.type.rank
    kept = [dim for dim in range(rank) if dim not in new]
    dynamic, own = iter(given), iter(sizes_of(value))
    sizes: list[Size] = []
    for dim, static in enumerate(op.result.type.shape):
        size = next(own) if dim in kept else static
        sizes.append(writing.value(next(dynamic)) if size == DYNAMIC else size)
    return copied(projection(value, rank, kept), sizes, op.location)


@writes("gir.permute")
def _permute(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    value, perm = writing.value(op.operands[0]), integers(op.attributes["perm"])
    sizes = sizes_of(value)
    dims = [perm.index(dim) for dim in range(len(perm))]
    return copied(projection(value, len(perm), dims), [sizes[source] for source in perm], op.location)


@writes("gir.window")
def _window(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    value = writing.value(op.operands[0])
    dims, *steps = (integers(op.attributes[name]) for name in ("dims", "sizes", "strides", "dilations"))
    sizes, strides, dilations = steps
    if any(max(size, stride, size * dilation) >= MOST_ELEMENTS for size, stride, dilation in zip(*steps, strict=True)):
        raise unsupported(op, "of that reach", "expected sizes, strides and dilations of less than 2^60 elements")
    outer = sizes_of(value)
    rank = len(outer) + len(dims)
    exprs: list[ir.AffineExpr] = [ir.AffineExpr.get_dim(dim) for dim in range(len(outer))]
    for at, dim in enumerate(dims):
        place = ir.AffineExpr.get_dim(len(outer) + at)
        exprs[dim] = ir.AffineExpr.get_dim(dim) * strides[at] + place * dilations[at]
        outer[dim] = _windows(outer[dim], dilations[at] * (sizes[at] - 1), strides[at])
    return copied(Mapped(value, ir.AffineMap.get(rank, 0, exprs)), [*outer, *sizes], op.location)


def _windows(size: Size, reach: int, stride: int) -> Size:
    """How many windows fit: none, one for what reaches to the end, and one per stride before."""
    if isinstance(size, int):
        return max((size - reach - 1) // stride + 1, 0)
    less = _index_op("arith.subi", size, reach + 1)
    fit = _index_op("arith.addi", _index_op("arith.floordivsi", less, stride) if stride != 1 else less, 1)
    return _index_op("arith.maxsi", fit, 0)


def _index_op(name: str, lhs: Size, rhs: Size) -> ir.Value:
    return create(name, [index_value(lhs), index_value(rhs)], [ir.IndexType.get()]).result


@writes("gir.slice")
def _slice(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    if 0 in op.result.type.shape:  # upstream refuses any offset in an empty dimension
        drop, sizes = integers(op.attributes["drop"]), mixed(op, segments(op)[2], "static_sizes")
        kept = [writing.size(size) for dim, size in enumerate(sizes) if dim not in drop]
        return [empty(kept, element_of(op.result.type), op.location)]
    return [_boxed("tensor.extract_slice", op, [op.operands[0]], plain(op.result.type), writing)]


@writes("gir.insert")
def _insert(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    if 0 in op.operands[0].type.shape:
        return [writing.value(op.operands[1])]
    return [_boxed("tensor.insert_slice", op, list(op.operands)[:2], plain(op.result.type), writing)]


def _boxed(name: str, op: ir.Operation, values: Sequence[ir.Value], type_: ir.Type, writing: Writing) -> ir.Value:
    """A tensor op with a box, from a view with one."""
    names = ("static_offsets", "static_sizes", "static_strides")
    cut = segments(op)[len(values) :]
    parts = [split_mixed([writing.size(s) for s in mixed(op, c, n)]) for c, n in zip(cut, names, strict=True)]
    attributes = {n: i64_array(static) for n, (_, static) in zip(names, parts, strict=True)}
    attributes["operandSegmentSizes"] = i32_array([*[1] * len(values), *(len(dynamic) for dynamic, _ in parts)])
    operands = [*map(writing.value, values), *(value for dynamic, _ in parts for value in dynamic)]
    return create(name, operands, [type_], attributes, loc=op.location).result


@writes("gir.concat")
def _concat(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    operands = [writing.value(operand) for operand in op.operands]
    attributes = {"dim": op.attributes["dim"]}
    return [create("tensor.concat", operands, [plain(op.result.type)], attributes, loc=op.location).result]


@writes("gir.pad")
def _pad(op: ir.Operation, writing: Writing) -> list[ir.Value]:
    (source,), (border,), *amounts = segments(op)
    parts = [
        split_mixed([writing.size(s) for s in mixed(op, c, n)])
        for c, n in zip(amounts, ("static_low", "static_high"), strict=True)
    ]
    (low, static_low), (high, static_high) = parts
    attributes = {
        "static_low": i64_array(static_low),
        "static_high": i64_array(static_high),
        "operandSegmentSizes": i32_array([1, len(low), len(high)]),
    }
    value = writing.value(source)
    made = create("tensor.pad", [value, *low, *high], [plain(op.result.type)], attributes, regions=1, loc=op.location)
    rank = value.type.rank
    block = made.regions[0].blocks.append(*[ir.IndexType.get()] * rank, arg_locs=[op.location] * rank)
    with ir.InsertionPoint(block):
        create("tensor.yield", [writing.value(border)], loc=op.location)
    return [made.result]


def unsupported(op: ir.Operation, what: str, help: str) -> UnsupportedError:
    """The error for an op that linalg can't say."""
    return UnsupportedError(f"'{op.name}' {what} has no equivalent in linalg", location=op.location, help=help)
