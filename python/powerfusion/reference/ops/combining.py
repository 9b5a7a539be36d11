"""Ops that combine many values: reductions, scans, contractions; and iota and assertions.

A combiner's region is run for all parallel positions at once where its ops are elementwise: each of its values then
has the parallel dimensions in front of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from powerfusion.errors import OutOfBounds
from powerfusion.reference.ops.elementwise import compute
from powerfusion.reference.ops.views import shape_of
from powerfusion.reference.program import Block, Instruction, integer
from powerfusion.reference.registry import meaning
from powerfusion.reference.stream import Event, Here, Running
from powerfusion.reference.types import Array, Type
from powerfusion.reference.values import Tile, demand_real

AT_ONCE = ("arith.", "math.", "tensor.splat", "gir.broadcast", "gir.yield")
FLOAT_KINDS = {
    "add": "arith.addf",
    "mul": "arith.mulf",
    "minimumf": "arith.minimumf",
    "maximumf": "arith.maximumf",
    "minnumf": "arith.minnumf",
    "maxnumf": "arith.maxnumf",
}
INTEGER_KINDS = {
    "add": "arith.addi",
    "mul": "arith.muli",
    "minui": "arith.minui",
    "minsi": "arith.minsi",
    "maxui": "arith.maxui",
    "maxsi": "arith.maxsi",
    "xor": "arith.xori",
}
BITWISE: dict[str, Callable[..., Any]] = {"and": np.bitwise_and, "or": np.bitwise_or}


@meaning("gir.reduce")
def reduce(here: Here, op: Instruction, *operands: Tile) -> tuple[Tile, ...]:
    """Folds `dims` away: the accumulators start as `inits` and take in every valid element."""
    inputs, inits, valid = op.groups(operands)
    dims = op.attributes["dims"]
    common = min(x.data.ndim for x in inputs)
    extents = valid_extents(valid, inputs[0].shape[:common])
    cropped = [crop(x, extents, "reduces") for x in inputs]
    kept = [dim for dim in range(common) if dim not in dims]
    inside = tuple(slice(extents[dim]) for dim in kept)
    parts = [replace_data(init, init.data[inside]) for init in inits]
    columns = [np.moveaxis(x, dims, range(len(dims))) for x in cropped]
    columns = [x.reshape(math.prod(x.shape[: len(dims)]), *x.shape[len(dims) :]) for x in columns]
    results = fold(here, op, columns, parts, len(kept))
    return tuple(_placed(init, inside, result) for init, result in zip(inits, results, strict=True))


def fold(here: Here, op: Instruction, columns: Sequence[Array], inits: Sequence[Tile], rank: int) -> list[Array]:
    """Takes the elements along the first axis of each column into the accumulators, which have `rank` dimensions."""
    kinds = op.get("kinds")
    if kinds:
        return [
            combined(kind, halved(kind, x), init.data) if len(x) else init.data
            for kind, x, init in zip(kinds, columns, inits, strict=True)
        ]
    step = combiner(here, op.blocks[0], rank)
    accumulators = [init.data for init in inits]
    for position in range(len(columns[0])):
        accumulators = step([x[position] for x in columns], accumulators)
    return accumulators


def halved(kind: str, x: Array) -> Array:
    """Combines the elements along the first axis, neighbours first, each combination rounded."""
    while len(x) > 1:
        half = len(x) // 2
        pairs = combined(kind, x[:half], x[half : 2 * half])
        x = np.concatenate([pairs, x[2 * half :]]) if len(x) % 2 else pairs
    return x[0]


def combined(kind: str, x: Array, y: Array) -> Array:
    """Two arrays combined by a kind, rounded to their type."""
    if kind in BITWISE:
        return BITWISE[kind](x, y)
    table = INTEGER_KINDS if x.dtype.kind in "bi" else FLOAT_KINDS
    return compute(table[kind], x.dtype, x, y)


def combiner(here: Here, block: Block, rank: int) -> Callable[[list[Array], list[Array]], list[Array]]:
    """A combiner's region as a function of elements and accumulators, each with `rank` parallel dimensions in front."""

    def at_once(elements: list[Array], accumulators: list[Array]) -> list[Array]:
        made = here.run_combiner(block, [Tile(a) for a in (*elements, *accumulators)])
        return [np.broadcast_to(tile.data, a.shape) for tile, a in zip(made, accumulators, strict=True)]

    def singly(elements: list[Array], accumulators: list[Array]) -> list[Array]:
        made = [np.array(a) for a in accumulators]
        for place in np.ndindex(accumulators[0].shape[:rank]):
            one = here.run_combiner(block, [Tile(np.asarray(a[place])) for a in (*elements, *accumulators)])
            for array, tile in zip(made, one, strict=True):
                array[place] = tile.data
        return made

    return at_once if all(op.name.startswith(AT_ONCE) for op in block.instructions) else singly


@meaning("gir.scan")
def scan(here: Here, op: Instruction, *operands: Tile) -> tuple[Tile, ...]:
    """Running combinations along `dim`, then the accumulators at the end; `reverse` begins with the last valid one."""
    inputs, inits, valid = op.groups(operands)
    dim = op.attributes["dim"]
    common = min(x.data.ndim for x in inputs)
    extents = valid_extents(valid, inputs[0].shape[:common])
    inside = tuple(slice(n) for i, n in enumerate(extents) if i != dim)
    columns = [np.moveaxis(crop(x, extents, "scans"), dim, 0) for x in inputs]
    accumulators = [replace_data(init, init.data[inside]).data for init in inits]
    step = _scan_step(here, op, common - 1)
    places = range(len(columns[0]))
    scanned = [np.empty(x.shape, init.data.dtype) for x, init in zip(columns, inits, strict=True)]
    for place in reversed(places) if op.get("reverse") else places:
        before = accumulators
        accumulators = step([x[place] for x in columns], accumulators)
        for array, value in zip(scanned, before if op.get("exclusive") else accumulators, strict=True):
            array[place] = value
    made = [
        _within(here, type_, x.shape, tuple(slice(n) for n in extents), np.moveaxis(array, 0, dim))
        for type_, x, array in zip(op.result_types, inputs, scanned, strict=False)
    ]
    finals = [_placed(init, inside, value) for init, value in zip(inits, accumulators, strict=True)]
    return (*made, *finals)


def _scan_step(here: Here, op: Instruction, rank: int) -> Callable[[list[Array], list[Array]], list[Array]]:
    kinds = op.get("kinds")
    if not kinds:
        return combiner(here, op.blocks[0], rank)
    return lambda x, acc: [combined(kind, a, b) for kind, a, b in zip(kinds, acc, x, strict=True)]


@meaning("gir.contract")
def contract(op: Instruction, lhs: Tile, rhs: Tile, acc: Tile, *valid: Tile) -> Tile:
    """The accumulator plus the products of `lhs` and `rhs`, summed along the dimensions that it lacks."""
    positions = [map_.positions for map_ in op.attributes["maps"]]
    sizes = {
        d: n for tile, dims in zip((lhs, rhs), positions, strict=False) for d, n in zip(dims, tile.shape, strict=True)
    }
    extents = dict(zip(sorted(sizes), valid_extents(valid, [sizes[d] for d in sorted(sizes)]), strict=True))
    a, b = (crop(t, [extents[d] for d in dims], "contracts") for t, dims in zip((lhs, rhs), positions, strict=False))
    inside = tuple(slice(extents[d]) for d in positions[2])
    start = replace_data(acc, acc.data[inside])
    wide = np.float64 if op.type.is_float else np.int64
    if op.get("is_unsigned"):
        a, b = (x.view(f"u{x.dtype.itemsize}") if x.dtype != np.bool_ else x for x in (a, b))
    elif not op.type.is_float:
        a, b = (-x.astype(np.int8) if x.dtype == np.bool_ else x for x in (a, b))
    einsum: Any = np.einsum
    total = einsum(a.astype(wide), list(positions[0]), b.astype(wide), list(positions[1]), list(positions[2]))
    data = (total + start.data.astype(wide)).astype(op.type.dtype)
    return _placed(acc, inside, data)


@meaning("gir.all_reduce")
def all_reduce(here: Here, op: Instruction, *inputs: Tile) -> Running:
    """The combination of what every unit of the scope brings; each of them gets the same.

    What is unspecified in one unit's tile is so in the result.
    """
    brought: list[list[Tile]] = yield Event(op, op.attributes["scope"], list(inputs))
    total = [tile.data for tile in brought[0]]
    kinds = op.get("kinds")
    step = None if kinds else combiner(here, op.blocks[0], min(tile.data.ndim for tile in inputs))
    for other in brought[1:]:
        arrays = [tile.data for tile in other]
        if step:
            total = step(arrays, total)
        else:
            total = [combined(kind, a, b) for kind, a, b in zip(kinds, total, arrays, strict=True)]
    real = _real_everywhere([tile for tiles in brought for tile in tiles])
    return tuple(Tile(array, None if real is None else _spread(real, array.shape)) for array in total)


def _real_everywhere(tiles: Sequence[Tile]) -> Array | None:
    """Where all of some tiles are real, along the dimensions that they have in common."""
    rank = min(tile.data.ndim for tile in tiles)
    flags = [tile.real.all(axis=tuple(range(rank, tile.real.ndim))) for tile in tiles if tile.real is not None]
    return np.logical_and.reduce(flags) if flags else None


def _spread(flags: Array, shape: tuple[int, ...]) -> Array:
    wide = flags.reshape(*flags.shape, *[1] * (len(shape) - flags.ndim))
    return np.array(np.broadcast_to(wide, shape))


@meaning("gir.iota")
def iota(op: Instruction, *operands: Tile) -> Tile:
    """Each element's own index along `dim`, counted from `offset`."""
    offset, sizes = op.groups(operands)
    shape = shape_of(op.type, sizes)
    dim = op.attributes["dim"]
    index = np.arange(shape[dim]) + (integer(offset[0]) if offset else 0)
    return Tile(np.broadcast_to(index.reshape([-1 if d == dim else 1 for d in range(len(shape))]), shape))


@meaning("gir.assert")
def check(here: Here, op: Instruction, condition: Tile, *valid: Tile) -> None:
    """Fails the program, once it has ended, unless every valid element holds."""
    if not crop(condition, valid_extents(valid, condition.shape), "checks").all():
        here.state.failed = here.state.failed or op.attributes["message"]


def valid_extents(valid: Sequence[Tile], shape: Sequence[int]) -> list[int]:
    """How many elements of a tile are there in each dimension.

    Raises:
        OutOfBounds: More than the tile has.
    """
    extents = [integer(extent) for extent in valid] or list(shape)
    for dim, (extent, size) in enumerate(zip(extents, shape, strict=True)):
        if extent > size:
            raise OutOfBounds(f"{extent} elements are said to be valid in dimension {dim} of a tile of {size}")
    return [max(extent, 0) for extent in extents]


def crop(tile: Tile, extents: Sequence[int], use: str) -> Array:
    """The valid elements of a tile.

    Raises:
        UnspecifiedUse: One of them isn't real.
    """
    box = tuple(slice(extent) for extent in extents)
    demand_real(None if tile.real is None else tile.real[box], use)
    return tile.data[box]


def replace_data(init: Tile, data: Array) -> Tile:
    """An accumulator's valid part, which must be real."""
    demand_real(None if init.real is None else init.real[tuple(slice(n) for n in data.shape)], "starts from")
    return Tile(data)


def _placed(init: Tile, inside: tuple[slice, ...], part: Array) -> Tile:
    """An accumulator whose valid part has changed."""
    if part.shape == init.shape:
        return Tile(np.asarray(part))
    data = np.array(init.data)
    data[inside] = part
    return replace(init, data=data)


def _within(here: Here, type_: Type, shape: Sequence[int], box: tuple[slice, ...], part: Array) -> Tile:
    """A tile whose valid part is given and whose other elements are unspecified."""
    if part.shape == tuple(shape):
        return Tile(part)
    data = here.state.garbage(shape, type_)
    data[box] = part
    real = np.zeros(data.shape, np.bool_)
    real[box] = True
    return Tile(data, real)
