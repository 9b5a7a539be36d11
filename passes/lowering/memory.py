"""Tiles in and out of memory on the CPU: whole vectors, masked tails, strided lanes.

A tile has at most one dimension that isn't 1, its lanes; it is a scalar or a vector of lanes.
Lanes that lie side by side in memory are a `vector.load`, masked at a tail; others are gathered.
i1 is a byte in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import create, i32_array, i64_array, index_constant, integer_of
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.expansions import compare, constant, with_element, zero

NE, SLT, SGE = 1, 2, 5


def lane_dim(shape: Sequence[int]) -> int | None:
    """The dimension of a tile that isn't 1, None where all are."""
    longer = [dim for dim, size in enumerate(shape) if size != 1]
    if len(longer) > 1:
        raise UnsupportedError(
            f"a tile of shape {list(shape)} can't be lowered to the CPU", help="tile all dimensions but one by 1"
        )
    return longer[0] if longer else None


def register_type(type_: ir.RankedTensorType) -> ir.Type:
    """What a tile becomes: its element type, or a vector of its lanes."""
    dim = lane_dim(type_.shape)
    return type_.element_type if dim is None else ir.VectorType.get([type_.shape[dim]], type_.element_type)


def storage(element: ir.Type) -> ir.Type:
    """How an element lies in memory: i1 as a byte, all others as they are."""
    return ir.IntegerType.get_signless(8) if element == ir.IntegerType.get_signless(1) else element


def host_memref(type_: ir.Type) -> ir.Type:
    """A memref without GIR's place, its elements as they lie in memory; other types stay."""
    if not isinstance(type_, ir.MemRefType):
        return type_
    return ir.MemRefType.get(type_.shape, storage(type_.element_type), type_.layout)


def to_register(value: ir.Value, element: ir.Type) -> ir.Value:
    """A value as it was loaded, as computation wants it."""
    if element != ir.IntegerType.get_signless(1):
        return value
    return compare("arith.cmpi", NE, value, zero(value.type))


def to_storage(value: ir.Value, element: ir.Type) -> ir.Value:
    """A value as it is stored."""
    if element != ir.IntegerType.get_signless(1):
        return value
    return create("arith.extui", [value], [with_element(value.type, storage(element))]).result


def index_vector(lanes: int, start: ir.Value | None = None, stride: ir.Value | None = None) -> ir.Value:
    """`start + stride * [0, 1, ...]` as a vector of indices."""
    type_ = ir.VectorType.get([lanes], ir.IndexType.get())
    value = create("vector.step", results=[type_]).result
    if stride is not None:
        value = create("arith.muli", [value, spread(stride, type_)], [type_]).result
    if start is not None:
        value = create("arith.addi", [value, spread(start, type_)], [type_]).result
    return value


def spread(value: ir.Value, type_: ir.Type) -> ir.Value:
    """A scalar in every lane of a vector type; of a scalar type, the scalar itself."""
    if value.type == type_:
        return value
    return create("vector.broadcast", [value], [type_]).result


def tail_mask(valid: ir.Value | None, lanes: int) -> ir.Value | None:
    """The lanes that are there, None where all are."""
    if valid is None or integer_of(valid) == lanes:
        return None
    return create("vector.create_mask", [valid], [ir.VectorType.get([lanes], ir.IntegerType.get_signless(1))]).result


def clip_flag(indices: Sequence[ir.Value], sizes: Sequence[ir.Value], skip: int | None) -> ir.Value:
    """Whether every index but one is inside of its dimension."""
    flag = constant(ir.IntegerType.get_signless(1), ir.IntegerAttr.get(ir.IntegerType.get_signless(1), 1))
    for dim, (index, size) in enumerate(zip(indices, sizes, strict=True)):
        if dim != skip:
            flag = _and(flag, _inside(index, size))
    return flag


def _and(left: ir.Value, right: ir.Value) -> ir.Value:
    return create("arith.andi", [left, right], [left.type]).result


def _inside(index: ir.Value, size: ir.Value) -> ir.Value:
    low = compare("arith.cmpi", SGE, index, zero(index.type))
    return _and(low, compare("arith.cmpi", SLT, index, size))


def clip_mask(indices: Sequence[ir.Value], sizes: Sequence[ir.Value], dim: int, lanes: int) -> ir.Value:
    """The lanes along `dim` that are inside of a memref, given its sizes."""
    places = index_vector(lanes, indices[dim])
    inside = _inside(places, spread(sizes[dim], places.type))
    return _and(inside, spread(clip_flag(indices, sizes, dim), inside.type))


class Lanes:
    """Where the lanes of a tile lie in a memref: the memref to access, its indices, the stride."""

    def __init__(self, memref: ir.Value, indices: Sequence[ir.Value], dim: int, lanes: int) -> None:
        strides, _ = memref.type.get_strides_and_offset()
        self.lanes = lanes
        self.contiguous = strides[dim] == 1
        if self.contiguous and dim == memref.type.rank - 1:
            self.memref, self.indices, self.stride = memref, list(indices), None
            return
        flat, steps, start = _flatten(memref, indices)
        self.memref, self.indices = flat, [start]
        self.stride = None if self.contiguous else steps[dim]

    def load(self, type_: ir.VectorType, mask: ir.Value | None) -> ir.Value:
        """Reads the lanes; those that are masked out are zero."""
        if self.stride is None and mask is None:
            return create("vector.load", [self.memref, *self.indices], [type_]).result
        mask = self._all() if mask is None else mask
        if self.stride is None:
            return create("vector.maskedload", [self.memref, *self.indices, mask, zero(type_)], [type_]).result
        places = index_vector(self.lanes, None, self.stride)
        return create("vector.gather", [self.memref, *self.indices, places, mask, zero(type_)], [type_]).result

    def store(self, value: ir.Value, mask: ir.Value | None) -> None:
        """Writes the lanes, but those that are masked out."""
        if self.stride is None and mask is None:
            create("vector.store", [value, self.memref, *self.indices])
            return
        mask = self._all() if mask is None else mask
        if self.stride is None:
            create("vector.maskedstore", [self.memref, *self.indices, mask, value])
            return
        places = index_vector(self.lanes, None, self.stride)
        create("vector.scatter", [self.memref, *self.indices, places, mask, value])

    def _all(self) -> ir.Value:
        flag = ir.IntegerType.get_signless(1)
        return constant(ir.VectorType.get([self.lanes], flag), ir.IntegerAttr.get(flag, 1))


def gather(memref: ir.Value, indices: Sequence[ir.Value], sizes: Sequence[ir.Value], type_: ir.VectorType) -> ir.Value:
    """Elements of a memref at vectors of indices; zero where one is outside of its dimension."""
    flat, steps, start = _flatten(memref, [])
    mask: ir.Value | None = None
    places: ir.Value | None = None
    for place, size, step in zip(indices, sizes, steps, strict=True):
        inside = _inside(place, spread(size, place.type))
        mask = inside if mask is None else _and(mask, inside)
        distance = create("arith.muli", [place, spread(step, place.type)], [place.type]).result
        places = distance if places is None else create("arith.addi", [places, distance], [place.type]).result
    return create("vector.gather", [flat, start, places, mask, zero(type_)], [type_]).result


def _flatten(memref: ir.Value, indices: Sequence[ir.Value]) -> tuple[ir.Value, list[ir.Value], ir.Value]:
    """A memref as its buffer, the strides of its dimensions, and where an element lies in it."""
    type_ = memref.type
    rank, index = type_.rank, ir.IndexType.get()
    base_type = ir.MemRefType.get([], type_.element_type)
    metadata = create("memref.extract_strided_metadata", [memref], [base_type, *[index] * (1 + 2 * rank)])
    base, offset, *rest = metadata.results
    steps = list(rest[rank:])
    start = offset
    for place, step in zip(indices, steps, strict=False):  # Fewer indices are zeros behind.
        product = create("arith.muli", [place, step], [index]).result
        start = create("arith.addi", [start, product], [index]).result
    flat_type = ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], type_.element_type)
    attributes = {
        "static_offsets": i64_array([0]),
        "static_sizes": i64_array([ir.ShapedType.get_dynamic_size()]),
        "static_strides": i64_array([1]),
        "operandSegmentSizes": i32_array([1, 0, 1, 0]),
    }
    everything = index_constant((1 << 62) - 1)
    flat = create("memref.reinterpret_cast", [base, everything], [flat_type], attributes).result
    return flat, steps, start
