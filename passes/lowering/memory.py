"""Rows of tiles in and out of memory on the CPU: whole vectors, masked tails, strided lanes.

Lanes that lie side by side in memory are a `vector.load`, masked at a tail; others are gathered.
i1 is a byte in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    element_of,
    i32_array,
    i64_array,
    index_constant,
    integer_of,
    integers,
)
from powerfusion.mlir import ir
from powerfusion.mlir.dialects.arith import AtomicRMWKind
from powerfusion.passes.lowering.expansions import compare, constant, with_element, zero
from powerfusion.passes.lowering.extents import Flag
from powerfusion.passes.lowering.intrinsics import intrinsic
from powerfusion.passes.lowering.registers import element_bytes

EQ, NE, SLT, SGE = 0, 1, 2, 5
HALVES = (ir.BF16Type, ir.F16Type)
NONTEMPORAL_BYTES = (16, 32, 64)  # what one store past the caches writes


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
    """`start + stride * [0, 1, ...]` as a vector of indices; where that is known it is a constant."""
    type_ = ir.VectorType.get([lanes], ir.IndexType.get())
    first, step = (default if given is None else integer_of(given) for given, default in ((start, 0), (stride, 1)))
    if first is not None and step is not None:
        numbers = [ir.IntegerAttr.get(ir.IndexType.get(), first + step * lane) for lane in range(lanes)]
        return create("arith.constant", [], [type_], {"value": ir.DenseElementsAttr.get(numbers, type_)}).result
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


def clip_flag(indices: Sequence[ir.Value], sizes: Sequence[ir.Value | None], skip: int | None) -> ir.Value:
    """Whether every index but one is inside of its dimension; where no size is given it is known to be."""
    flag = constant(ir.IntegerType.get_signless(1), ir.IntegerAttr.get(ir.IntegerType.get_signless(1), 1))
    for dim, (index, size) in enumerate(zip(indices, sizes, strict=True)):
        if dim != skip and size is not None:
            flag = _and(flag, _inside(index, size))
    return flag


def _and(left: ir.Value, right: ir.Value) -> ir.Value:
    return create("arith.andi", [left, right], [left.type]).result


def _inside(index: ir.Value, size: ir.Value) -> ir.Value:
    low = compare("arith.cmpi", SGE, index, zero(index.type))
    return _and(low, compare("arith.cmpi", SLT, index, size))


def clip_mask(indices: Sequence[ir.Value], sizes: Sequence[ir.Value | None], dim: int, lanes: int) -> ir.Value:
    """The lanes along `dim` that are inside of a memref, given its sizes where an index may be beyond."""
    flag, size = clip_flag(indices, sizes, dim), sizes[dim]
    if size is None:
        return spread(flag, ir.VectorType.get([lanes], flag.type))
    places = index_vector(lanes, indices[dim])
    inside = _inside(places, spread(size, places.type))
    return _and(inside, spread(flag, inside.type))


class Lanes:
    """Where the lanes of a row lie in a memref: the memref to access, its indices, the stride."""

    def __init__(self, memref: ir.Value, indices: Sequence[ir.Value], dim: int | None, lanes: int) -> None:
        self.lanes = lanes
        if dim is None:
            self.memref, self.indices, self.stride = memref, list(indices), None
            return
        strides, _ = memref.type.get_strides_and_offset()
        self.contiguous = strides[dim] == 1
        if self.contiguous and dim == memref.type.rank - 1:
            self.memref, self.indices, self.stride = memref, list(indices), None
            return
        flat, steps, start = _flatten(memref, indices)
        self.memref, self.indices = flat, [start]
        self.stride = None if self.contiguous else steps[dim]

    def load(self, type_: ir.Type, mask: Flag) -> ir.Value:
        """Reads a row; lanes that are masked out are zero."""
        if mask is False:
            return zero(type_)
        if not isinstance(type_, ir.VectorType):
            return load_if(mask, self.memref, self.indices)
        if self.stride is None and mask is True:
            return create("vector.load", [self.memref, *self.indices], [type_]).result
        mask = self._mask(mask)
        if self.stride is None:
            return _masked_load(self.memref, self.indices, mask, type_)
        places = index_vector(self.lanes, None, self.stride)
        return create("vector.gather", [self.memref, *self.indices, places, mask, zero(type_)], [type_]).result

    def store(self, value: ir.Value, mask: Flag) -> None:
        """Writes a row, but the lanes that are masked out."""
        if mask is False:
            return
        if not isinstance(value.type, ir.VectorType):
            store_if(mask, value, self.memref, self.indices)
            return
        if self.stride is None and mask is True:
            create("vector.store", [value, self.memref, *self.indices])
            return
        mask = self._mask(mask)
        if self.stride is None:
            if isinstance(value.type.element_type, HALVES):
                value = create("arith.bitcast", [value], [_bits_of(value.type)]).result
            create("vector.maskedstore", [_accessed(self.memref), *self.indices, mask, value])
            return
        places = index_vector(self.lanes, None, self.stride)
        create("vector.scatter", [self.memref, *self.indices, places, mask, value])

    def store_past(self, value: ir.Value, aligned: int | None) -> None:
        """Writes the first lanes of a row past the caches, where these can be: in pieces that begin at their size.

        Such stores are seen late, but before the locked add of a parallel loop's barrier.

        Args:
            value: The row, of which as many lanes are there as this has.
            aligned: Of how many bytes the row's address is a multiple for all that is known.
        """
        if self.lanes == 0:
            return
        if isinstance(value.type, ir.VectorType) and value.type.shape != [self.lanes]:
            value = _lanes_of(value, 0, self.lanes)
        size = self.lanes * element_bytes(element_of(value.type))
        most = NONTEMPORAL_BYTES[-1] if aligned is None else aligned
        width = max((width for width in NONTEMPORAL_BYTES if size % width == 0 and width <= most), default=0)
        if not width or self.stride is not None:
            self.store(value, mask=True)
            return
        branch = create("scf.if", [is_at_multiple(self.memref, self.indices, width)], regions=2)
        with ir.InsertionPoint(branch.regions[0].blocks.append()):
            self._store_pieces(value, width)
            create("scf.yield")
        with ir.InsertionPoint(branch.regions[1].blocks.append()):
            self.store(value, mask=True)
            create("scf.yield")

    def _store_pieces(self, value: ir.Value, width: int) -> None:
        attributes = {
            "nontemporal": ir.BoolAttr.get(True),
            "alignment": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), width),
        }
        memref, indices = self.memref, self.indices
        if isinstance(value.type.element_type, HALVES):
            value, memref, indices = _in_pairs(value, *flat_of(memref, indices))
        lanes = width // element_bytes(value.type.element_type)
        for first in range(0, value.type.shape[0], lanes):
            at = [*indices[:-1], add_offset(indices[-1], first)]
            create("vector.store", [_lanes_of(value, first, lanes), memref, *at], attributes=attributes)

    def _mask(self, mask: Flag) -> ir.Value:
        flag = ir.IntegerType.get_signless(1)
        if isinstance(mask, ir.Value):
            return mask
        return constant(ir.VectorType.get([self.lanes], flag), ir.IntegerAttr.get(flag, 1))


def address_of(memref: ir.Value, indices: Sequence[ir.Value]) -> ir.Value:
    """Where an element lies, in bytes."""
    flat, start = flat_of(memref, indices)
    index = ir.IndexType.get()
    base = create("memref.extract_aligned_pointer_as_index", [flat], [index]).result
    size = index_constant(element_bytes(memref.type.element_type))
    place = create("arith.muli", [start, size], [index]).result
    return create("arith.addi", [base, place], [index]).result


def is_at_multiple(memref: ir.Value, indices: Sequence[ir.Value], width: int) -> ir.Value:
    """Whether an element lies at a multiple of `width` bytes."""
    address = address_of(memref, indices)
    rest = create("arith.andi", [address, index_constant(width - 1)], [address.type]).result
    return compare("arith.cmpi", EQ, rest, index_constant(0))


def _masked_load(memref: ir.Value, indices: Sequence[ir.Value], mask: ir.Value, type_: ir.VectorType) -> ir.Value:
    """Lanes side by side; zero where one is masked out."""
    bits = _bits_of(type_) if isinstance(type_.element_type, HALVES) else type_
    made = create("vector.maskedload", [_accessed(memref), *indices, mask, zero(bits)], [bits]).result
    return made if bits == type_ else create("arith.bitcast", [made], [type_]).result


def _accessed(memref: ir.Value) -> ir.Value:
    """A memref as masks take it: of 16-bit floats as of their bits.

    LLVM 22 makes an ordinary access of one whose mask is known, and can't select a last lane of bf16.
    """
    type_ = memref.type
    if not isinstance(type_.element_type, HALVES):
        return memref
    bits = ir.MemRefType.get(type_.shape, ir.IntegerType.get_signless(16), type_.layout, type_.memory_space)
    return create("builtin.unrealized_conversion_cast", [memref], [bits]).result


def _bits_of(type_: ir.VectorType) -> ir.VectorType:
    return ir.VectorType.get(type_.shape, ir.IntegerType.get_signless(16))


def in_pairs(value: ir.Value) -> ir.Value:
    """A vector of 16-bit floats as one of f32 of half as many.

    LLVM 22 has ordinary stores alone for vectors of 16-bit floats, and sees through casts to what has others; not
    through a fence of arithmetic.
    """
    type_ = ir.VectorType.get([value.type.shape[0] // 2], ir.F32Type.get())
    return intrinsic("arithmetic.fence", [create("vector.bitcast", [value], [type_]).result], type_)


def _in_pairs(value: ir.Value, flat: ir.Value, start: ir.Value) -> tuple[ir.Value, ir.Value, list[ir.Value]]:
    """A vector of 16-bit floats, its memref and where it begins there, an even number, as of f32 of half as many."""
    fenced = in_pairs(value)
    of_pairs = ir.MemRefType.get(flat.type.shape, ir.F32Type.get())
    cast = create("builtin.unrealized_conversion_cast", [flat], [of_pairs]).result
    return fenced, cast, [create("arith.divui", [start, index_constant(2)], [start.type]).result]


def flat_of(memref: ir.Value, indices: Sequence[ir.Value]) -> tuple[ir.Value, ir.Value]:
    """The buffer of a memref, and where in it an element lies."""
    flat, _, start = _flatten(memref, indices)
    return flat, start


def _lanes_of(value: ir.Value, first: int, count: int) -> ir.Value:
    """Some lanes of a vector that follow one another."""
    if value.type.shape == [count]:
        return value
    type_ = ir.VectorType.get([count], value.type.element_type)
    places = {"mask": i64_array(range(first, first + count))}
    return create("vector.shuffle", [value, value], [type_], places).result


def load_if(flag: Flag, memref: ir.Value, indices: Sequence[ir.Value]) -> ir.Value:
    """One element, or zero without an access where a flag doesn't hold."""
    element = memref.type.element_type
    if isinstance(flag, bool):
        return create("memref.load", [memref, *indices], [element]).result if flag else zero(element)
    branch = create("scf.if", [flag], [element], regions=2)
    with ir.InsertionPoint(branch.regions[0].blocks.append()):
        create("scf.yield", [create("memref.load", [memref, *indices], [element]).result])
    with ir.InsertionPoint(branch.regions[1].blocks.append()):
        create("scf.yield", [zero(element)])
    return branch.result


def store_if(flag: Flag, value: ir.Value, memref: ir.Value, indices: Sequence[ir.Value]) -> None:
    """Writes one element where a flag holds."""
    if isinstance(flag, bool):
        if flag:
            create("memref.store", [value, memref, *indices])
        return
    branch = create("scf.if", [flag], regions=2)
    with ir.InsertionPoint(branch.regions[0].blocks.append()):
        create("memref.store", [value, memref, *indices])
        create("scf.yield")


def places_in(
    memref: ir.Value, indices: Sequence[ir.Value], sizes: Sequence[ir.Value]
) -> tuple[ir.Value, ir.Value, ir.Value, ir.Value]:
    """Where elements at vectors of indices lie: the buffer, its start, distances from there, which are inside."""
    flat, steps, start = _flatten(memref, [])
    mask: ir.Value | None = None
    places: ir.Value | None = None
    for place, size, step in zip(indices, sizes, steps, strict=True):
        inside = _inside(place, spread(size, place.type))
        mask = inside if mask is None else _and(mask, inside)
        distance = create("arith.muli", [place, spread(step, place.type)], [place.type]).result
        places = distance if places is None else create("arith.addi", [places, distance], [place.type]).result
    assert mask is not None, "expected an index"
    assert places is not None, "expected an index"
    return flat, start, places, mask


def gather(memref: ir.Value, indices: Sequence[ir.Value], sizes: Sequence[ir.Value], type_: ir.Type) -> ir.Value:
    """Elements of a memref at scalars or vectors of indices; zero where one is outside of its dimension."""
    if not isinstance(type_, ir.VectorType):
        return load_if(clip_flag(indices, sizes, None), memref, indices)
    flat, start, places, mask = places_in(memref, indices, sizes)
    return create("vector.gather", [flat, start, places, mask, zero(type_)], [type_]).result


def gather_run(memref: ir.Value, indices: Sequence[ir.Value], sizes: Sequence[ir.Value], type_: ir.Type) -> ir.Value:
    """As `gather`, where all lanes are in one row and side by side: scalars for the place of the first."""
    row = ir.VectorType(type_)
    mask = clip_mask(indices, sizes, len(indices) - 1, row.shape[0])
    return _masked_load(memref, indices, mask, row)


def sizes_of(memref: ir.Value) -> list[ir.Value]:
    """A memref's sizes as values."""
    index = ir.IndexType.get()
    return [create("memref.dim", [memref, index_constant(dim)], [index]).result for dim in range(memref.type.rank)]


def add_offset(index: ir.Value, offset: int) -> ir.Value:
    """An index so much further on."""
    return index if offset == 0 else create("arith.addi", [index, index_constant(offset)], [index.type]).result


def subview(memref: ir.Value, offsets: Sequence[ir.Value], sizes: Sequence[int | ir.Value]) -> ir.Value:
    """A box of a memref, of its rank, without a copy."""
    static = [size if isinstance(size, int) else DYNAMIC for size in sizes]
    dynamic = [size for size in sizes if not isinstance(size, int)]
    attributes = {
        "static_offsets": i64_array([DYNAMIC] * len(offsets)),
        "static_sizes": i64_array(static),
        "static_strides": i64_array([1] * len(static)),
        "operandSegmentSizes": i32_array([1, len(offsets), len(dynamic), 0]),
    }
    type_ = subview_type(memref, attributes, static)
    return create("memref.subview", [memref, *offsets, *dynamic], [type_], attributes).result


def subview_type(memref: ir.Value, attributes: Mapping[str, ir.Attribute], shape: Sequence[int]) -> ir.MemRefType:
    """The type of a box of a memref whose static places, sizes and steps an op's attributes give."""
    given, offset = memref.type.get_strides_and_offset()
    places, sizes, steps = (integers(attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    strides = [_product(stride, step) for stride, step in zip(given, steps, strict=True)]
    for place, stride in zip(places, given, strict=True):
        way = 0 if place == 0 else _product(place, stride)
        offset = DYNAMIC if DYNAMIC in (offset, way) else offset + way
    rest = list(shape)
    kept: list[int] = []
    for size, stride in zip(sizes, strides, strict=True):  # Dimensions that `shape` lacks are of size 1.
        if rest and rest[0] == size:
            kept.append(stride)
            rest.pop(0)
    return ir.MemRefType.get(list(shape), memref.type.element_type, ir.StridedLayoutAttr.get(offset, kept))


def _product(left: int, right: int) -> int:
    return DYNAMIC if DYNAMIC in (left, right) else left * right


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


# -- updates by several threads -------------------------------------------------------------------

# `arith.AtomicRMWKind` of a reduction's kind, for floats and for integers.
ATOMIC: dict[str, tuple[int | None, int | None]] = {
    "add": (AtomicRMWKind.addf, AtomicRMWKind.addi),
    "maximumf": (AtomicRMWKind.maximumf, None),
    "minimumf": (AtomicRMWKind.minimumf, None),
    "maxnumf": (AtomicRMWKind.maxnumf, None),
    "minnumf": (AtomicRMWKind.minnumf, None),
    "maxsi": (None, AtomicRMWKind.maxs),
    "maxui": (None, AtomicRMWKind.maxu),
    "minsi": (None, AtomicRMWKind.mins),
    "minui": (None, AtomicRMWKind.minu),
    "or": (None, AtomicRMWKind.ori),
    "and": (None, AtomicRMWKind.andi),
    "xor": (None, AtomicRMWKind.xori),
}


def has_atomic(kind: str, element: ir.Type) -> bool:
    """Whether `memref.atomic_rmw` combines elements by a kind in one step."""
    of_floats, of_integers = ATOMIC.get(kind.removeprefix("#vector.kind<").removesuffix(">"), (None, None))
    if isinstance(element, ir.FloatType):
        return of_floats is not None and isinstance(element, (ir.F32Type, ir.F64Type))
    return of_integers is not None and isinstance(element, ir.IntegerType) and element.width > 1
