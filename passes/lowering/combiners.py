"""Combiners on the CPU: regions, or named kinds, applied to whole tiles at a time.

A reduction or scan visits the slices of its inputs along the folded dimensions, in order. The
region that combines two scalars is emitted on slices: each op becomes one per row. Where a
combiner's arguments are tensors (payload), or it holds more than arithmetic, it is emitted once
per element instead. An associative one folds neighbouring lanes first, in a tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from powerfusion.core._mlir import attributes_of, create, element_of, i64_array, integers, operations, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.elementwise import combine, constant, convert_float, elementwise, is_narrow
from powerfusion.passes.lowering.expansions import with_element
from powerfusion.passes.lowering.extents import Extents, Flag, choose
from powerfusion.passes.lowering.memory import spread
from powerfusion.passes.lowering.reductions import kind_of
from powerfusion.passes.lowering.registers import (
    Indices,
    Tile,
    each_row,
    extract,
    lane_dim,
    lanes_of,
    linear,
    pick,
    rows_of,
    tile_of,
)
from powerfusion.passes.lowering.transposes import can_transpose, transpose

if TYPE_CHECKING:
    from powerfusion.passes.lowering.function import VectorLowering

ARITHMETIC = ("arith.", "math.")


# -- one combination -----------------------------------------------------------------------------


def evaluate(lowering: VectorLowering, op: ir.Operation, elements: Sequence[Tile], given: Sequence[Tile]) -> list[Tile]:
    """Combines elements with accumulators: tiles of one shape, or single elements and their payload."""
    if "kinds" in op.attributes:
        return [
            each_row(lambda x, a, at=at: combine(kind_of(op, at), x, spread(a, x.type), op.location), element, before)
            for at, (element, before) in enumerate(zip(elements, given, strict=True))
        ]
    block = op.regions[0].blocks[0]
    lowering.bind(block.arguments, [*elements, *given])
    if not is_arithmetic(op):
        lowering.emit_block(block)
        return [lowering.value(value) for value in operations(block)[-1].operands]
    columns = [rows_of(tile) for tile in [*elements, *given]]
    made: list[list[ir.Value]] = []
    for at in range(max(map(len, columns))):
        rows = [column[at] if len(column) > 1 else column[0] for column in columns]
        made.append(_evaluate_row(lowering, block, rows))
    return [tile_of(rows) for rows in zip(*made, strict=True)]


def _evaluate_row(lowering: VectorLowering, block: ir.Block, rows: Sequence[ir.Value]) -> list[ir.Value]:
    """The region on vectors: what it takes from outside is the same in all lanes."""
    lanes = next((row.type for row in rows if isinstance(row.type, ir.VectorType)), rows[0].type)
    known = {argument: spread_like(row, lanes) for argument, row in zip(block.arguments, rows, strict=True)}

    def inside(value: ir.Value) -> ir.Value:
        return known[value] if value in known else spread_like(lowering.scalar(value), lanes)

    for op in operations(block)[:-1]:
        types = [with_element(lanes, result.type) for result in op.results]
        if op.name == "arith.constant":
            made = [constant(types[0], op.attributes["value"])]
        else:
            operands = [inside(value) for value in op.operands]
            made = elementwise(op.name, operands, types, attributes_of(op), op.location)
        known |= dict(zip(op.results, made, strict=True))
    return [inside(value) for value in operations(block)[-1].operands]


def is_arithmetic(op: ir.Operation) -> bool:
    """Whether a combiner can be emitted on vectors: scalars, and nothing but arithmetic on them."""
    block = op.regions[0].blocks[0]
    scalars = not any(isinstance(argument.type, ir.ShapedType) for argument in block.arguments)
    return scalars and all(
        inner.name.startswith(ARITHMETIC) and not any(isinstance(r.type, ir.ShapedType) for r in inner.results)
        for inner in operations(block)[:-1]
    )


def spread_like(value: ir.Value, lanes: ir.Type) -> ir.Value:
    """A scalar in as many lanes as a vector type has; a vector as it is."""
    return spread(value, with_element(lanes, element_of(value.type)))


def combine_tiles(lowering: VectorLowering, op: ir.Operation, members: Sequence[Sequence[Tile]]) -> list[Tile]:
    """Combines several units' tiles, in order, element by element."""
    wide = [[widened(op, tile) for tile in member] for member in members]
    shapes = [tuple(operand.type.shape) for operand in op.operands]
    made = wide[0]
    for member in wide[1:]:
        made = combine_elements(lowering, op, (shapes, shapes), member, made)
    return [narrowed(op, tile, value.type.element_type) for tile, value in zip(made, op.operands, strict=True)]


def combine_elements(
    lowering: VectorLowering,
    op: ir.Operation,
    shapes: tuple[Sequence[tuple[int, ...]], Sequence[tuple[int, ...]]],
    elements: Sequence[Tile],
    given: Sequence[Tile],
) -> list[Tile]:
    """Combines tiles whose leading dimensions are in common; what follows is one element's payload."""
    if "kinds" in op.attributes or is_arithmetic(op):
        return evaluate(lowering, op, elements, given)
    rank = min(map(len, shapes[0]))
    count = int(np.prod(shapes[0][0][:rank], dtype=np.int64))
    parts = [[linear(shape).reshape(count, *shape[rank:]) for shape in side] for side in shapes]
    made: list[list[Tile]] = []
    for at in range(count):
        sides = [
            [pick([tile], part[at]) for tile, part in zip(tiles, numbers, strict=True)]
            for tiles, numbers in zip((elements, given), parts, strict=True)
        ]
        made.append(evaluate(lowering, op, *sides))
    return [pick(column, linear(shape)) for column, shape in zip(zip(*made, strict=True), shapes[1], strict=True)]


def widened(op: ir.Operation, tile: Tile) -> Tile:
    """Narrow floats in f32 where they are added or multiplied by kinds, as only the end is rounded."""
    if "kinds" not in op.attributes or not is_narrow(rows_of(tile)[0].type):
        return tile
    return each_row(lambda row: convert_float(row, ir.F32Type.get()), tile)


def narrowed(op: ir.Operation, tile: Tile, element: ir.Type) -> Tile:
    """The reverse of `widened`: rounded once."""
    if "kinds" not in op.attributes or not is_narrow(element):
        return tile
    return each_row(lambda row: convert_float(row, element), tile)


# -- reductions ----------------------------------------------------------------------------------


class Slices:
    """The slices of some tiles along folded dimensions.

    Args:
        shapes: Of the inputs; they begin with one shape, what follows is payload.
        dims: The folded dimensions.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], dims: Sequence[int]) -> None:
        self.rank = min(map(len, shapes))
        self.common = shapes[0][: self.rank]
        self.shapes = list(shapes)
        self.dims = list(dims)
        self.places = list(np.ndindex(*(self.common[dim] for dim in dims)))
        self.kept = [tuple(s for dim, s in enumerate(shape) if dim not in dims) for shape in shapes]
        self._numbers = [self._sliced(shape) for shape in shapes]

    def _sliced(self, shape: tuple[int, ...]) -> Indices:
        """Each element's number: slices first, then the shape of each."""
        rest = [dim for dim in range(len(shape)) if dim not in self.dims]
        moved = np.transpose(linear(shape), [*self.dims, *rest])
        return moved.reshape(len(self.places), *(shape[dim] for dim in rest))

    def at(self, tile: Tile, which: int, number: int) -> Tile:
        """Slice `number` of tile `which`."""
        return pick([tile], self._numbers[which][number])

    def all_of(self, tile: Tile, which: int) -> list[Tile]:
        """All slices of tile `which`, in order; lanes that become slices are turned together."""
        shape = self.shapes[which]
        rows = rows_of(tile)
        long = [dim for dim in range(len(shape)) if shape[dim] != 1]
        turned = len(long) == 2 and [dim for dim in self.dims if shape[dim] != 1] == long[1:]
        if turned and all(row == rows[0] for row in rows):
            type_ = ir.VectorType.get([len(rows)], element_of(rows[0].type))
            return [spread(extract(rows[0], lane), type_) for lane in range(shape[long[1]])]
        if turned and can_transpose(shape, [long[1], long[0]]):
            return list(rows_of(transpose(tile)))
        return [self.at(tile, which, number) for number in range(len(self.places))]

    def stacked(self, slices: Sequence[Tile], which: int) -> Tile:
        """The reverse: one tile of all its slices, in order."""
        numbers = self._numbers[which]
        inverse = np.empty(numbers.size, np.int64)
        inverse[numbers.reshape(-1)] = np.arange(numbers.size)
        shape = list(self.kept[which])
        for dim in self.dims:
            shape.insert(dim, self.common[dim])
        return pick(slices, inverse.reshape(shape))

    def flag(self, extents: Extents, number: int) -> Flag:
        """Whether a slice is there."""
        place = [0] * len(self.common)
        for dim, index in zip(self.dims, self.places[number], strict=True):
            place[dim] = index
        return extents.flag(place)


def reduce_by_combiner(lowering: VectorLowering, op: ir.Operation) -> None:
    """Folds slice by slice, or lanes in a tree first where the combiner permits it."""
    inputs, inits, valid = segments(op)
    shapes = [tuple(value.type.shape) for value in inputs]
    dims = integers(op.attributes["dims"])
    tiles = [lowering.value(value) for value in inputs]
    slices = Slices(shapes, dims)
    counts = [lowering.scalar(value) for value in valid]
    extents = Extents.of(slices.common, counts, dims)
    starts = [lowering.value(value) for value in inits]
    kept = slices.kept, [tuple(value.type.shape) for value in inits]
    lane = lane_dim(shapes[0])
    if is_associative(op) and is_arithmetic(op) and lane in dims and len(slices.places) == lanes_of(shapes[0]):
        given = _fold_tree(lowering, op, tiles, starts, extents)
    else:
        given = starts
        every = [slices.all_of(tile, which) for which, tile in enumerate(tiles)]
        for number, elements in enumerate(zip(*every, strict=True)):
            made = combine_elements(lowering, op, kept, elements, given)
            given = chosen(slices.flag(extents, number), made, given)
    left = [Extents.left(shape, counts, dims) for shape in kept[1]]
    lowering.bind(op.results, [e.merged(one, other) for e, one, other in zip(left, given, starts, strict=True)])


def chosen(flag: Flag, true: Sequence[Tile], false: Sequence[Tile]) -> list[Tile]:
    """Tiles, or others, by a flag."""
    return [each_row(lambda t, f: choose(flag, t, f), one, other) for one, other in zip(true, false, strict=True)]


def is_associative(op: ir.Operation) -> bool:
    """Whether a combiner declares that neighbours may be combined first."""
    return "algebra" in op.attributes and "ordered" not in str(op.attributes["algebra"])


def _fold_tree(
    lowering: VectorLowering, op: ir.Operation, tiles: Sequence[Tile], given: Sequence[Tile], extents: Extents
) -> list[Tile]:
    """Each row's lanes folded two by two, later with earlier, then into the accumulators.

    Where the later one isn't there the earlier one stays: a combiner's identity needn't be one to itself, as with
    an infinity that is subtracted from itself.
    """
    dim = lane_dim(extents.shape)
    assert dim is not None, "expected lanes"
    lanes = extents.shape[dim]
    mask = _padded(extents.mask([0] * len(extents.shape)), lanes)
    folded: list[list[ir.Value]] = []
    for rows in zip(*map(rows_of, tiles), strict=True):
        parts = [shuffled(row, [*range(lanes), *[-1] * (_width(lanes) - lanes)]) for row in rows]
        there = mask
        for size in _halves(lanes):
            later, sooner = ([shuffled(part, range(start, size, 2)) for part in parts] for start in (1, 0))
            flags = there if isinstance(there, bool) else shuffled(there, range(1, size, 2))
            made = evaluate(lowering, op, later, sooner)
            parts = [choose(flags, rows_of(tile)[0], before) for tile, before in zip(made, sooner, strict=True)]
            there = there if isinstance(there, bool) else shuffled(there, range(0, size, 2))
        folded.append([extract(part, 0) for part in parts])
    shape = tuple(size for at, size in enumerate(extents.shape) if at != dim)
    elements = [pick([tile_of([row[which] for row in folded])], linear(shape)) for which in range(len(tiles))]
    any_there = mask if isinstance(mask, bool) else extract(mask, 0)
    return chosen(any_there, evaluate(lowering, op, elements, given), given)


def _width(lanes: int) -> int:
    return 1 << (lanes - 1).bit_length()


def _halves(lanes: int) -> list[int]:
    """16, 8, 4, 2 for up to 16 lanes."""
    return [1 << step for step in range((lanes - 1).bit_length(), 0, -1)]


def _padded(mask: Flag, lanes: int) -> Flag:
    """Flags for as many lanes as the next power of two; those added don't hold."""
    if mask is False or (mask is True and lanes == _width(lanes)):
        return mask
    i1 = ir.IntegerType.get_signless(1)
    type_ = ir.VectorType.get([lanes], i1)
    known = constant(type_, ir.IntegerAttr.get(i1, 1)) if isinstance(mask, bool) else mask
    none = constant(type_, ir.IntegerAttr.get(i1, 0))
    return shuffled(known, [*range(lanes), *[lanes] * (_width(lanes) - lanes)], none)


def shuffled(left: ir.Value, mask: Sequence[int], right: ir.Value | None = None) -> ir.Value:
    """A vector's lanes, or another's of its length behind them, in another order."""
    type_ = ir.VectorType.get([len(mask)], element_of(left.type))
    operands = [left, left if right is None else right]
    return create("vector.shuffle", operands, [type_], {"mask": i64_array(list(mask))}).result
