"""Tiles in registers on the CPU: vectors of lanes, one for each row.

A tile's lanes are its last dimension that isn't 1. Where it has no further long dimension it is one
vector, or a scalar where all are 1; else it is as many vectors as there are rows, in row-major
order, and every op on it becomes an op per row:

    tensor<2x1x3x8xf32>  ->  6 x vector<8xf32>         tensor<1x16xf32>  ->  vector<16xf32>

So a view that only renames rows costs nothing, and one that crosses lanes is shuffles, see `pick`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from powerfusion.core._mlir import create, element_of, i64_array
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir

LARGEST_TILE_BYTES = 64 << 10  # twice the vector registers' 2 KiB would spill; this keeps LLVM's time sane
LARGEST_ROW_COUNT = 4096

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """A tile with more than one long dimension: its rows, in row-major order."""

    rows: tuple[ir.Value, ...]


Tile = ir.Value | Rows


def lanes_of(shape: Sequence[int]) -> int:
    """How many lanes each row of a tile has."""
    return next((size for size in reversed(shape) if size != 1), 1)


def lane_dim(shape: Sequence[int]) -> int | None:
    """The dimension of a tile that its lanes lie along, None where all are 1."""
    return next((dim for dim in reversed(range(len(shape))) if shape[dim] != 1), None)


def row_count(shape: Sequence[int]) -> int:
    """How many rows a tile has."""
    return prod(shape) // max(lanes_of(shape), 1)


def row_type(type_: ir.RankedTensorType) -> ir.Type:
    """The type of each row of a tile: its element type, or a vector of its lanes."""
    lanes = lanes_of(type_.shape)
    return type_.element_type if lanes == 1 else ir.VectorType.get([lanes], type_.element_type)


def row_indices(shape: Sequence[int]) -> list[tuple[int, ...]]:
    """The place of each row in its tile: an index per dimension, 0 along the lanes."""
    dim = lane_dim(shape)
    return list(np.ndindex(*(1 if at == dim else size for at, size in enumerate(shape))))


def rows_of(tile: Tile) -> list[ir.Value]:
    """A tile's rows."""
    return list(tile.rows) if isinstance(tile, Rows) else [tile]


def tile_of(rows: Sequence[ir.Value]) -> Tile:
    """The tile of some rows."""
    return rows[0] if len(rows) == 1 else Rows(tuple(rows))


def check_size(type_: ir.Type, location: ir.Location) -> None:
    """Refuses a tile that no registers hold.

    Raises:
        UnsupportedError: It is empty, dynamic, or beyond the limits.
    """
    if not isinstance(type_, ir.RankedTensorType):
        return
    if not type_.has_static_shape or 0 in type_.shape:
        raise UnsupportedError(
            f"a tile of type {type_} can't be lowered", location=location, help="expected a static, non-empty shape"
        )
    size = prod(type_.shape) * element_bytes(type_.element_type)
    if size > LARGEST_TILE_BYTES or row_count(type_.shape) > LARGEST_ROW_COUNT:
        raise UnsupportedError(
            f"a tile of {size} bytes in {row_count(type_.shape)} rows can't be lowered to the CPU",
            location=location,
            help=f"expected at most {LARGEST_TILE_BYTES} bytes and {LARGEST_ROW_COUNT} rows: use smaller steps",
        )


def element_bytes(element: ir.Type) -> int:
    """Bytes of an element in memory: i1 takes one, an index eight."""
    if isinstance(element, ir.IndexType):
        return 8
    width = ir.FloatType(element).width if isinstance(element, ir.FloatType) else ir.IntegerType(element).width
    return max(width // 8, 1)


def linear(shape: Sequence[int]) -> Indices:
    """Each element's number in row-major order, in the tile's own shape."""
    return np.arange(prod(shape), dtype=np.int64).reshape(tuple(shape))


def each_row(function: Callable[..., ir.Value], *tiles: Tile) -> Tile:
    """A function applied row by row; a tile of one row stands beside each row of the others."""
    columns = [rows_of(tile) for tile in tiles]
    count = max(len(column) for column in columns)
    return tile_of([function(*(c[0] if len(c) == 1 else c[at] for c in columns)) for at in range(count)])


# -- views that cross lanes --------------------------------------------------------------------


def pick(sources: Sequence[Tile], wanted: Indices, lanes: int | None = None) -> Tile:
    """The tile whose elements are some elements of others.

    Args:
        sources: Of one element type; their elements are numbered through, in row-major order.
        wanted: Per element of the result the number of the source's.
        lanes: How many lanes each row gets, by default those of a tile of the shape of `wanted`.
    """
    places: list[tuple[ir.Value, int]] = []
    for row in (row for source in sources for row in rows_of(source)):
        count = row.type.shape[0] if isinstance(row.type, ir.VectorType) else 1
        places += [(row, lane) for lane in range(count)]
    numbers = wanted.reshape(-1, lanes_of(wanted.shape) if lanes is None else lanes)
    element = element_of(places[0][0].type)
    return tile_of([_pick_row([places[number] for number in row.tolist()], element) for row in numbers])


def _pick_row(places: Sequence[tuple[ir.Value, int]], element: ir.Type) -> ir.Value:
    """A vector of lanes of others; one place is a scalar."""
    first = places[0][0]
    if len(places) == 1:
        return extract(first, places[0][1])
    type_ = ir.VectorType.get([len(places)], element)
    if all(place == places[0] for place in places):
        return create("vector.broadcast", [extract(*places[0])], [type_]).result
    whole = [(first, lane) for lane in range(len(places))]
    if first.type == type_ and list(places) == whole:
        return first
    vectors = list(dict.fromkeys(value for value, _ in places))
    if not isinstance(first.type, ir.VectorType) or len(vectors) > len(places) // 2:
        return create("vector.from_elements", [extract(*place) for place in places], [type_]).result
    made = _shuffle(first, first, [lane if value == first else -1 for value, lane in places])
    for vector in vectors[1:]:
        moved = _shuffle(vector, vector, [lane if value == vector else -1 for value, lane in places])
        blend = [len(places) + at if value == vector else at for at, (value, _) in enumerate(places)]
        made = _shuffle(made, moved, blend)
    return made


def _shuffle(left: ir.Value, right: ir.Value, mask: Sequence[int]) -> ir.Value:
    type_ = ir.VectorType.get([len(mask)], element_of(left.type))
    return create("vector.shuffle", [left, right], [type_], {"mask": i64_array(mask)}).result


def extract(value: ir.Value, lane: int) -> ir.Value:
    """One lane of a vector; of a scalar, the scalar itself."""
    if not isinstance(value.type, ir.VectorType):
        return value
    place = {"static_position": i64_array([lane])}
    return create("vector.extract", [value], [element_of(value.type)], place).result


def extract_at(value: ir.Value, lane: ir.Value) -> ir.Value:
    """One lane of a vector, its number known only when the program runs."""
    if not isinstance(value.type, ir.VectorType):
        return value
    place = {"static_position": i64_array([ir.ShapedType.get_dynamic_size()])}
    return create("vector.extract", [value, lane], [element_of(value.type)], place).result


# -- what old values and types have become -------------------------------------------------------


def register_types(type_: ir.Type) -> list[ir.Type]:
    """The types that a value of tile form becomes: one per row of a tile, none for a token."""
    match type_:
        case ir.RankedTensorType():
            return [row_type(type_)] * row_count(type_.shape)
        case _ if str(type_) == "!gir.token":
            return []
        case _:
            return [type_]


def regroup(types: Sequence[ir.Type], values: Sequence[ir.Value]) -> list[Tile]:
    """The reverse of flattening: values of `register_types`, as one tile per type."""
    rest = list(values)
    made: list[Tile] = []
    for type_ in types:
        count = len(register_types(type_))
        taken, rest = rest[:count], rest[count:]
        made.append(taken[0] if count == 1 else Rows(tuple(taken)))
    return made
