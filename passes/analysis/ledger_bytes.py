"""Byte expressions: what one execution of each moving op reads and writes; one place per op.

Two forms look an op's operands up in ways of their own; an expression only says which of them is
read or written, and how much of it:

    gir.load   reads the window of its memref that is there, writes as much of its tile
    gir.store  the reverse
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from powerfusion.core._mlir import mixed, segments
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_access import Access, Box, Look, place_of
from powerfusion.passes.analysis.ledger_lookups import rows_of, table_bytes
from powerfusion.passes.analysis.ledger_numbers import Number, UnknownIndex, add, minimum, positive, subtract
from powerfusion.passes.analysis.ledger_runs import runs_of
from powerfusion.passes.analysis.ledger_tiles import Elements, accessed_elements
from powerfusion.passes.analysis.sizes import element_bytes

Expression = Callable[[ir.Operation, Look], Iterable[Access]]
EXPRESSIONS: dict[str, Expression] = {}
_E = TypeVar("_E", bound=Expression)


def bytes_of(name: str) -> Callable[[_E], _E]:
    """Declares the byte expression of an op; a second one is refused."""

    def declare(expression: _E) -> _E:
        if name in EXPRESSIONS:
            raise ValueError(f"'{name}' has a byte expression already")
        EXPRESSIONS[name] = expression
        return expression

    return declare


@bytes_of("gir.move")
def _move(op: ir.Operation, look: Look) -> Iterable[Access]:
    return (
        *look.accessed(op.operands[0], op, "read"),
        *look.accessed(op.result, op, "write"),
    )


@bytes_of("gir.load")
def _load(op: ir.Operation, look: Look) -> Iterable[Access]:
    source, result = op.operands[0], op.result
    memref = look.buffer(source)
    starts, valid = _window(op, look, 1, len(source.type.shape))
    counts = _there(valid, result.type.shape)
    if "clip" in op.attributes:
        ends = [minimum(add(s, size), end) for s, size, end in zip(starts, counts, memref.sizes, strict=True)]
        starts = [positive(start) for start in starts]
        counts = tuple(positive(subtract(end, start)) for start, end in zip(starts, ends, strict=True))
    element = element_bytes(result)
    return (
        Access(place_of(source), "read", counts, element, memref.box(starts)),
        Access(place_of(result), "write", counts, element),
    )


@bytes_of("gir.store")
def _store(op: ir.Operation, look: Look) -> Iterable[Access]:
    value, dest = op.operands[0], op.operands[1]
    starts, valid = _window(op, look, 2, len(dest.type.shape))
    counts = _there(valid, value.type.shape)
    element = element_bytes(value)
    streamed = "nontemporal" in op.attributes
    return (
        Access(place_of(value), "read", counts, element),
        Access(place_of(dest), "write", counts, element, look.buffer(dest).box(starts), nontemporal=streamed),
    )


@bytes_of("gir.copy")
def _copy(op: ir.Operation, look: Look) -> Iterable[Access]:
    (source,), source_indices, (dest,), dest_indices, sizes = segments(op)
    counts = _mixed_numbers(op, sizes, look)
    element = element_bytes(source)
    boxes = [
        look.buffer(memref).box([look.number(index) for index in indices])
        for memref, indices in ((source, source_indices), (dest, dest_indices))
    ]
    return (
        Access(place_of(source), "read", counts, element, boxes[0]),
        Access(place_of(dest), "write", counts, element, boxes[1]),
    )


@bytes_of("gir.stage")
def _stage(op: ir.Operation, look: Look) -> Iterable[Access]:
    (source,), indices, sizes = segments(op)
    counts = _mixed_numbers(op, sizes, look)
    element = element_bytes(source)
    return (
        Access(
            place_of(source),
            "read",
            counts,
            element,
            look.buffer(source).box([look.number(index) for index in indices]),
        ),
        Access(place_of(op.result), "write", counts, element, look.buffer(op.result).box([0] * len(counts))),
    )


@bytes_of("gir.gather")
def _gather(op: ir.Operation, look: Look) -> Iterable[Access]:
    table, *indices = op.operands
    found = accessed_elements(indices, table, (), look)
    return (
        _looked_up(_each(found, place_of(table), "read", op.result), indices, table, found, look),
        _each(found, place_of(op.result), "write", op.result, scattered=False),
    )


@bytes_of("gir.scatter")
def _scatter(op: ir.Operation, look: Look) -> Iterable[Access]:
    (value,), (dest,), indices, valid = segments(op)
    found = accessed_elements(indices, dest, valid, look)
    there = _looked_up(_each(found, place_of(dest), "write", value), indices, dest, found, look)
    combined = [replace(there, direction="read")] if "kind" in op.attributes else []
    return (
        _each(found, place_of(value), "read", value, scattered=False),
        *combined,
        there,
    )


def _looked_up(access: Access, indices: Sequence[ir.Value], table: ir.Value, found: Elements, look: Look) -> Access:
    """An access of elements one by one, with the rows that they are in."""
    rows = rows_of(indices, table, found.axes, look)
    access = replace(access, rows=rows, table_bytes=table_bytes(table, look))
    try:
        return replace(access, runs=runs_of(indices, table, found, look))
    except UnknownIndex:
        return replace(access, runs=replace(access, exact=False))


def _each(found: Elements, at: gir.AtAttr, direction: str, value: ir.Value, *, scattered: bool = True) -> Access:
    """Elements that are accessed one by one."""
    box = Box(None, 0, ()) if scattered else None
    return Access(
        at,
        direction,
        found.counts,
        element_bytes(value),
        box,
        scattered=scattered,
        exact=found.exact,
        axes=found.axes,
        masks=found.masks,
    )


@bytes_of("gir.extern")
def _extern(op: ir.Operation, look: Look) -> Iterable[Access]:
    for argument in op.regions[0].blocks[0].arguments:
        if isinstance(argument.type, ir.ShapedType):
            yield from look.accessed(argument, op, "read")
    for value in op.results:
        yield from look.accessed(value, op, "write")


def _window(op: ir.Operation, look: Look, first: int, rank: int) -> tuple[list[Number], list[Number]]:
    """The indices and valid extents behind the first operands."""
    operands = list(op.operands)[first:]
    return [look.number(index) for index in operands[:rank]], [look.number(size) for size in operands[rank:]]


def _there(valid: Sequence[Number], shape: Sequence[int]) -> tuple[Number, ...]:
    if not valid:
        return tuple(shape)
    return tuple(_within(extent, size) for extent, size in zip(valid, shape, strict=True))


def _within(extent: Number, size: int) -> Number:
    """A valid extent, no more than its tile; what is open is taken to be right."""
    if isinstance(extent, int):
        return max(min(extent, size), 0)
    return extent


def _mixed_numbers(op: ir.Operation, sizes: Sequence[ir.Value], look: Look) -> tuple[Number, ...]:
    return tuple(
        size if isinstance(size, int) else look.number(size) for size in mixed(op, list(sizes), "static_sizes")
    )
