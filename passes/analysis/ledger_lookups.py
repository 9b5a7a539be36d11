"""Lookups: where the elements of a gather or scatter lie, as far as indices say.

An index that counts along a dimension says that neighbours there are neighbours in the table; one that
was loaded says nothing. What is looked up by different elements of a loaded index is taken to be in
different rows, each of which lies as the rest of the address says:

    %r = gir.load %ids[%t]         one row for each element of %ids
    %c = gir.iota dim 1            along the row
    gir.gather %table[%r, %c]      whole rows, each touched once in all its parts
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import defining_op, integers, is_tensor, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_access import Box, Buffer, Look, Rows
from powerfusion.passes.analysis.ledger_numbers import Axis, Number, UnknownIndex, add, counter, multiply, scale

WIDEST_GRANULE = 256  # bytes; granules of all machines divide it
CASTS = ("arith.index_cast", "arith.index_castui", "arith.extsi", "arith.extui", "arith.trunci")


@dataclass
class Index:
    """One index of a lookup.

    Attributes:
        along: The dimensions of the result that it counts along.
        offset: What it begins at.
        loaded: Ops that it was loaded by, and the dimensions of the result that theirs are; None for no dimension.
    """

    along: tuple[int, ...] = ()
    offset: Number = 0
    loaded: list[tuple[ir.Operation, tuple[int, ...]]] = field(default_factory=list)


def rows_of(indices: Sequence[ir.Value], table: ir.Value, axes: Sequence[Axis], look: Look) -> Rows | None:
    """The rows of what is looked up, with a row of its own for each element of a loaded index; None where unknown.

    Args:
        indices: One for each dimension of the table.
        table: A memref or tensor.
        axes: The dimensions of the result, where its elements are accessed one by one.
        look: The form's look.
    """
    try:
        buffer = look.buffer(table)
        found = [_index(value, tuple(range(value.type.rank)), look) for value in indices]
        return _box(buffer, found, indices[0], axes, look)
    except UnknownIndex:
        return None


def table_bytes(table: ir.Value, look: Look) -> int | None:
    """All that there is to look up in a memref or tensor; None where its sizes are open, or it has no place yet."""
    try:
        buffer = look.buffer(table)
    except UnknownIndex:
        return None
    sizes = [size for size in buffer.sizes if isinstance(size, int)]
    return math.prod(sizes) * buffer.element if len(sizes) == len(buffer.sizes) else None


def _index(value: ir.Value, dims: tuple[int, ...], look: Look) -> Index:
    """An index whose dimensions are some of the result's.

    Raises:
        UnknownIndex: It isn't counted, nor loaded.
    """
    op = defining_op(value)
    match op.name if op is not None else "":
        case "gir.iota" if op is not None:
            offset = segments(op)[0]
            along = dims[ir.IntegerAttr(op.attributes["dim"]).value]
            return Index((along,), look.number(offset[0]) if offset else 0)
        case "gir.permute" if op is not None:
            perm = integers(op.attributes["perm"])
            return _index(op.operands[0], tuple(dims[perm.index(dim)] for dim in range(len(perm))), look)
        case "gir.broadcast" if op is not None:
            new = integers(op.attributes["dims"])
            return _index(op.operands[0], tuple(dim for at, dim in enumerate(dims) if at not in new), look)
        case "gir.load" | "gir.move" if op is not None:
            return Index(loaded=[(op, dims)])
        case name if op is not None and name in CASTS:
            return _index(op.operands[0], dims, look)
        case "arith.select" if op is not None and _is_one_value(op.operands[2]):
            return _index(op.operands[1], dims, look)
        case name if op is not None and name.startswith("arith.") and any(map(is_tensor, op.operands)):
            return _computed([_index(operand, dims, look) for operand in op.operands if is_tensor(operand)])
        case "arith.constant" | "tensor.splat":
            return Index()
        case _:
            raise UnknownIndex("an index that isn't loaded")


def _is_one_value(value: ir.Value) -> bool:
    """True for a tile of one value, as that which indices past an edge are given: it is no row of the table."""
    op = defining_op(value)
    return op is not None and op.name in ("arith.constant", "tensor.splat")


def _computed(parts: Sequence[Index]) -> Index:
    """An index that is computed: what was loaded decides, with whatever was added."""
    loaded = [each for part in parts for each in part.loaded]
    if not loaded or any(part.along for part in parts):
        raise UnknownIndex("an index that is computed from counting")
    return Index(loaded=loaded)


def _box(buffer: Buffer, found: Sequence[Index], result: ir.Value, axes: Sequence[Axis], look: Look) -> Rows:
    loaded = [each for index in found for each in index.loaded]
    rows = {dim for _, dims in loaded for dim in dims}
    strides: dict[int, Number] = {}
    offset: Number = 0
    span: Number = 1
    for index, stride, size in zip(found, buffer.strides, buffer.sizes, strict=True):
        if index.along and not rows & set(index.along):
            offset = add(offset, multiply(index.offset, stride))
            strides |= {dim: add(strides.get(dim, 0), stride) for dim in index.along}
            span = add(span, multiply(add(size, -1), stride))
    if not isinstance(span, int):
        raise UnknownIndex("rows of open size")
    begin, counts = look.begin(result), look.part(result) or look.shape(result)
    pitch = -(-(span * buffer.element) // WIDEST_GRANULE) * WIDEST_GRANULE // buffer.element
    offset = add(offset, _phase(buffer, found))
    pitch += WIDEST_GRANULE // buffer.element
    if begin is None:
        shift, more = _by_address(loaded, pitch, look)
        offset, strides = add(offset, shift), strides | more
    else:
        for dim in sorted(rows, reverse=True):
            strides[dim] = pitch
            pitch *= _closed(look.shape(result)[dim])
        for dim, low in enumerate(begin):
            offset = add(offset, multiply(low, strides.get(dim, 0)))
    root = ("rows", buffer.root)
    if not axes:
        return Rows(Box(root, offset, tuple(strides.get(dim, 0) for dim in range(len(counts)))), counts)
    for dim, axis in enumerate(axes):
        if axis.size > 1:
            offset = add(offset, scale(counter(axis), _closed(strides.get(dim, 0))))
    return Rows(Box(root, offset, ()), ())


def _by_address(
    loaded: Sequence[tuple[ir.Operation, tuple[int, ...]]], pitch: int, look: Look
) -> tuple[Number, dict[int, Number]]:
    """Rows in the order of the index's own elements in memory."""
    if not loaded:
        return 0, {}
    ((op, dims),) = loaded if len(loaded) == 1 else (loaded[0],)
    if len(loaded) > 1 or op.name != "gir.load":
        raise UnknownIndex("an index of several tensors")
    source = look.buffer(op.operands[0])
    box = source.box([look.number(value) for value in list(op.operands)[1 : 1 + len(dims)]])
    strides = {dim: multiply(stride, pitch) for dim, stride in zip(dims, box.strides, strict=True)}
    return multiply(box.offset, pitch), strides


def _phase(buffer: Buffer, found: Sequence[Index]) -> int:
    """Where in a granule a row begins: as badly as may be, where all begin at multiples of some bytes."""
    steps = [stride for index, stride in zip(found, buffer.strides, strict=True) if index.loaded]
    known = [step * buffer.element if isinstance(step, int) else buffer.element for step in steps]
    return (WIDEST_GRANULE - math.gcd(WIDEST_GRANULE, *known)) // buffer.element


def _closed(number: Number) -> int:
    if not isinstance(number, int):
        raise UnknownIndex("an open size")
    return number
