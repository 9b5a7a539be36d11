"""Windows: which part of a value a tile is, and how it is computed from parts of its operands.

A window has an axis per dimension. `TileEmitter.tile(value, window)` makes the tile of a value at
`reg` for a window by asking for the windows of its operands that it needs, down to loads; within
a scope each (value, window) is made once.

    y = permute x [1, 0]     tile(y, [i, j])  needs  tile(x, [j, i])
    y = broadcast v dims [1] tile(y, [i, j])  needs  tile(v, [i])
    y = pad x low [1, 0]     tile(y, [i, j])  needs  tile(x, [i - 1, j]), clipped
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    constant_of,
    create,
    defining_op,
    i32_array,
    i64_array,
    index_constant,
    integer_of,
    integers,
    mixed,
    producer,
    segments,
    split_mixed,
)
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import Extent, InputDim, ResultDim, SumOf, extent


@dataclass(frozen=True)
class Axis:
    """A window's extent along one dimension.

    Attributes:
        start: First index, an SSA value of type index.
        size: Elements of the tile, static.
        valid: How many of them are there, an SSA value; None is all.
        clip: True where the window may stick out of the value on either side.
    """

    start: ir.Value
    size: int
    valid: ir.Value | None = None
    clip: bool = False


Window = tuple[Axis, ...]


def index_op(name: str, operands: Sequence[ir.Value]) -> ir.Value:
    """An arith op on indices."""
    return create(name, operands, [ir.IndexType.get()]).result


def affine_apply(map_: ir.AffineMap, operands: Sequence[ir.Value]) -> ir.Value:
    """`affine.apply` of a map with dimensions only."""
    return create("affine.apply", operands, [ir.IndexType.get()], {"map": ir.AffineMapAttr.get(map_)}).result


def affine_min(map_: ir.AffineMap, operands: Sequence[ir.Value]) -> ir.Value:
    """`affine.min` of a map."""
    return create("affine.min", operands, [ir.IndexType.get()], {"map": ir.AffineMapAttr.get(map_)}).result


@dataclass
class TileEmitter:
    """Makes tiles of a kernel's values, in the new kernel whose insertion point is current.

    Attributes:
        values: What the old kernel's block arguments and scalars are in the new one.
        reduce_tile: Makes the results of a reduction for a window: loops belong to the caller.
        outputs: The memrefs of the kernel's results.
        scopes: Tiles already made, innermost scope last.
    """

    values: dict[ir.Value, ir.Value]
    reduce_tile: Callable[[ir.Operation, Window], list[ir.Value]]
    outputs: Sequence[ir.Value]
    scopes: list[dict[tuple[ir.Value, Window], ir.Value]] = field(default_factory=lambda: [{}])

    # -- scalars and sizes -------------------------------------------------------------------

    def scalar(self, value: ir.Value) -> ir.Value:
        """A scalar of the old kernel in the new one; what computes it is made on the way."""
        if value in self.values:
            return self.values[value]
        op = defining_op(value)
        if op is None:
            raise AssertionError(f"block argument without a value: {value}")
        if op.name == "tensor.dim":
            dim = integer_of(op.operands[1])
            if dim is None:
                raise UnsupportedError(
                    "the size of a dimension that isn't a constant can't be tiled",
                    location=op.location,
                    help="expected tensor.dim of a constant dimension",
                )
            return self.size(op.operands[0], dim)
        operands = [self.scalar(operand) for operand in op.operands]
        with self._at_kernel_top():
            made = create(op.name, operands, [r.type for r in op.results], attributes_of(op), loc=op.location)
        for old, new in zip(op.results, made.results, strict=True):
            self.values[old] = new
        return self.values[value]

    def _at_kernel_top(self) -> ir.InsertionPoint:
        """Scalars are made where every loop sees them: just before the first nest."""
        return self.top if self.top is not None else ir.InsertionPoint.current

    top: ir.InsertionPoint | None = None

    def amount(self, size: int | ir.Value) -> ir.Value:
        """A number or an index value of the old kernel, as an index value of the new one."""
        if isinstance(size, int):
            return index_constant(size)
        return self.scalar(size)

    def size(self, value: ir.Value, dim: int) -> ir.Value:
        """The size of a value's dimension, at the kernel's top."""
        with self._at_kernel_top():
            return self._size(extent(value, dim))

    def _size(self, found: Extent) -> ir.Value:
        match found:
            case int():
                return index_constant(found)
            case InputDim(argument, dim):
                return create("memref.dim", [self.values[argument], index_constant(dim)], [ir.IndexType.get()]).result
            case ResultDim(number, dim):
                return create("memref.dim", [self.outputs[number], index_constant(dim)], [ir.IndexType.get()]).result
            case SumOf(parts):
                return reduce(lambda a, b: index_op("arith.addi", [a, b]), map(self._size, parts))
            case _:
                return self.scalar(found)

    # -- places at dram ----------------------------------------------------------------------

    def place(self, value: ir.Value) -> ir.Value:
        """The memref that a value at dram is, through its views."""
        if value in self.values:
            return self.values[value]
        op = producer(value)
        with self._at_kernel_top():
            match op.name:
                case "gir.slice":
                    made = self._subview(op, self.place(op.operands[0]), 1)
                case "gir.permute":
                    made = transpose(self.place(op.operands[0]), integers(op.attributes["perm"]))
                case name:
                    raise UnsupportedError(
                        f"a value at dram that '{name}' makes inside of a kernel can't be read there",
                        location=op.location,
                        help="end the kernel with it, or keep it at reg",
                    )
        self.values[value] = made
        return made

    def _subview(self, op: ir.Operation, memref: ir.Value, first: int) -> ir.Value:
        return self.subview(op, memref, segments(op)[first : first + 3])

    def subview(self, op: ir.Operation, memref: ir.Value, cut: Sequence[Sequence[ir.Value]]) -> ir.Value:
        """The box of a `gir.slice` or `gir.insert` in a memref."""
        names = ("static_offsets", "static_sizes", "static_strides")
        operands = [self.scalar(value) for group in cut for value in group]
        static = [list(op.attributes[name]) for name in names]
        drop = integers(op.attributes["drop"])
        return subview(memref, operands, [len(group) for group in cut], static, drop)

    # -- tiles at reg ------------------------------------------------------------------------

    def known(self, value: ir.Value, window: Window) -> ir.Value | None:
        """A tile made before in a scope that is still open."""
        for scope in reversed(self.scopes):
            if (value, window) in scope:
                return scope[value, window]
        return None

    def _remembered(self, value: ir.Value, window: Window) -> ir.Value:
        known = self.known(value, window)
        assert known is not None, "just made"
        return known

    def remember(self, value: ir.Value, window: Window, tile: ir.Value) -> ir.Value:
        """Keeps a tile for the innermost scope."""
        self.scopes[-1][value, window] = tile
        return tile

    def tile(self, value: ir.Value, window: Window) -> ir.Value:
        """The tile of a value at reg for a window."""
        known = self.known(value, window)
        if known is not None:
            return known
        op = producer(value)
        with op.location:
            match op.name:
                case "gir.move":
                    made = self._load(op, window)
                case "gir.permute":
                    made = self._permute(op, window)
                case "gir.broadcast":
                    made = self._broadcast(op, window)
                case "gir.iota":
                    made = self._iota(op, window)
                case "gir.pad":
                    made = self._pad(op, window)
                case "gir.gather":
                    table, *indices = op.operands
                    tiles = [self.tile(index, window) for index in indices]
                    made = create("gir.gather", [self.place(table), *tiles], [_tile_type(value, window)]).result
                case "tensor.splat":
                    made = create("tensor.splat", [self.scalar(op.operands[0])], [_tile_type(value, window)]).result
                case "arith.constant":
                    made = self._constant(op, window)
                case "gir.reduce":
                    for result, tile in zip(op.results, self.reduce_tile(op, window), strict=True):
                        self.remember(result, window, tile)
                    return self._remembered(value, window)
                case _:
                    return self._elementwise(op, value, window)
            return self.remember(value, window, made)

    def _load(self, op: ir.Operation, window: Window) -> ir.Value:
        source = op.operands[0]
        producer = defining_op(source)
        if producer is not None and producer.name == "gir.move":
            return self.tile(producer.operands[0], window)
        memref = self.place(source)
        clip = any(axis.clip for axis in window)
        valid = [] if clip else valid_extents(window)
        attributes: dict[str, ir.Attribute] = {"operandSegmentSizes": i32_array([1, len(window), len(valid)])}
        if clip:
            attributes["clip"] = ir.UnitAttr.get()
        operands = [memref, *(axis.start for axis in window), *valid]
        return create("gir.load", operands, [_tile_type(op.result, window)], attributes).result

    def _permute(self, op: ir.Operation, window: Window) -> ir.Value:
        perm = integers(op.attributes["perm"])
        inner = tuple(window[perm.index(dim)] for dim in range(len(perm)))
        tile = self.tile(op.operands[0], inner)
        return create("gir.permute", [tile], [_tile_type(op.result, window)], {"perm": i64_array(perm)}).result

    def _broadcast(self, op: ir.Operation, window: Window) -> ir.Value:
        new = integers(op.attributes["dims"])
        inner = tuple(axis for dim, axis in enumerate(window) if dim not in new)
        tile = self.tile(op.operands[0], inner)
        return create("gir.broadcast", [tile], [_tile_type(op.result, window)], {"dims": i64_array(new)}).result

    def _iota(self, op: ir.Operation, window: Window) -> ir.Value:
        return iota(ir.IntegerAttr(op.attributes["dim"]).value, window)

    def _constant(self, op: ir.Operation, window: Window) -> ir.Value:
        value = constant_of(op.result)
        if not isinstance(value, ir.DenseElementsAttr) or not value.is_splat:
            raise UnsupportedError(
                "a constant in a kernel that isn't a splat can't be tiled",
                location=op.location,
                help="pass it to the kernel as an input",
            )
        splat = ir.DenseElementsAttr.get_splat(_tile_type(op.result, window), value.get_splat_value())
        return create("arith.constant", results=[splat.type], attributes={"value": splat}).result

    def _elementwise(self, op: ir.Operation, value: ir.Value, window: Window) -> ir.Value:
        if not op.name.startswith(("arith.", "math.")):
            raise UnsupportedError(f"'{op.name}' can't be tiled", location=op.location)
        tiles = [
            self.tile(operand, window) if isinstance(operand.type, ir.RankedTensorType) else self.scalar(operand)
            for operand in op.operands
        ]
        types = [_tile_type(result, window) for result in op.results]
        made = create(op.name, tiles, types, attributes_of(op), loc=op.location)
        for old, new in zip(op.results, made.results, strict=True):
            self.remember(old, window, new)
        return self._remembered(value, window)

    def _pad(self, op: ir.Operation, window: Window) -> ir.Value:
        """The operand's tile where the window is inside of it, the border's value elsewhere."""
        source, border = op.operands[0], op.operands[1]
        low, high = pad_amounts(op)
        inner: list[Axis] = []
        padded: list[int] = []
        for dim, axis in enumerate(window):
            if low[dim] == 0 and high[dim] == 0:
                inner.append(axis)
                continue
            start = index_op("arith.subi", [axis.start, self.amount(low[dim])])
            inner.append(Axis(start, axis.size, None, clip=True))
            padded.append(dim)
        tile = self.tile(source, tuple(inner))
        outside = create("tensor.splat", [self.scalar(border)], [tile.type]).result
        for dim in padded:
            inside = self._inside(dim, tuple(inner), self.size(source, dim))
            tile = create("arith.select", [inside, tile, outside], [tile.type]).result
        return tile

    def _inside(self, dim: int, window: Window, size: ir.Value) -> ir.Value:
        """Where along `dim` a clipped window is inside of a value of that size."""
        places = iota(dim, window)
        flags = ir.RankedTensorType.get(places.type.shape, ir.IntegerType.get_signless(1), places.type.encoding)
        bounds = [create("tensor.splat", [bound], [places.type]).result for bound in (index_constant(0), size)]
        tests = [_compare(predicate, places, bound, flags) for predicate, bound in zip((SGE, SLT), bounds, strict=True)]
        return create("arith.andi", tests, [flags]).result


SGE, SLT = 5, 2


def _compare(predicate: int, left: ir.Value, right: ir.Value, type_: ir.Type) -> ir.Value:
    attribute = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), predicate)
    return create("arith.cmpi", [left, right], [type_], {"predicate": attribute}).result


def iota(dim: int, window: Window) -> ir.Value:
    """The indices along one dimension of a window."""
    type_ = gir.tensor_at("reg", [axis.size for axis in window], ir.IndexType.get())
    attributes = {
        "dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), dim),
        "operandSegmentSizes": i32_array([1, 0]),
    }
    return create("gir.iota", [window[dim].start], [type_], attributes).result


def valid_extents(window: Window) -> list[ir.Value]:
    """The `valid` operands of a window: none where the whole tile is there."""
    if all(axis.valid is None for axis in window):
        return []
    return [index_constant(axis.size) if axis.valid is None else axis.valid for axis in window]


def pad_amounts(op: ir.Operation) -> tuple[list[int | ir.Value], list[int | ir.Value]]:
    """The lows and highs of a `gir.pad`."""
    cut = segments(op)
    return mixed(op, cut[2], "static_low"), mixed(op, cut[3], "static_high")


def _tile_type(value: ir.Value, window: Window) -> ir.RankedTensorType:
    return gir.tensor_at("reg", [axis.size for axis in window], value.type.element_type)


def transpose(memref: ir.Value, perm: Sequence[int]) -> ir.Value:
    """A memref with its dimensions reordered, as a view."""
    type_ = memref.type
    strides, offset = type_.get_strides_and_offset()
    layout = ir.StridedLayoutAttr.get(offset, [strides[p] for p in perm])
    shape = [type_.shape[p] for p in perm]
    result = ir.MemRefType.get(shape, type_.element_type, layout, type_.memory_space)
    map_ = ir.AffineMap.get_permutation(list(perm))
    return create("memref.transpose", [memref], [result], {"permutation": ir.AffineMapAttr.get(map_)}).result


def subview(
    memref: ir.Value,
    operands: Sequence[ir.Value],
    counts: Sequence[int],
    static: Sequence[Sequence[int]],
    drop: Sequence[int],
) -> ir.Value:
    """A `memref.subview`; its layout follows from the memref's and from what is static.

    Along a static size of 0 or 1 the stride means nothing, and neither does the offset of an
    empty box. They are made plain, as upstream's verifiers and expansions take nothing else.
    """
    type_ = memref.type
    strides, offset = type_.get_strides_and_offset()
    (offsets, sizes, steps), operands, counts = _plain_box(static, operands, counts)
    dynamic = ir.ShapedType.get_dynamic_stride_or_offset()
    new_strides = [_product(s, step, dynamic) for s, step in zip(strides, steps, strict=True)]
    new_offset = offset
    for start, stride in zip(offsets, strides, strict=True):
        new_offset = _sum(new_offset, _product(stride, start, dynamic), dynamic)
    kept = [dim for dim in range(len(sizes)) if dim not in drop]
    layout = ir.StridedLayoutAttr.get(new_offset, [new_strides[dim] for dim in kept])
    result = ir.MemRefType.get([sizes[dim] for dim in kept], type_.element_type, layout, type_.memory_space)
    attributes = {
        "static_offsets": i64_array(offsets),
        "static_sizes": i64_array(sizes),
        "static_strides": i64_array(steps),
        "operandSegmentSizes": i32_array([1, *counts]),
    }
    return create("memref.subview", [memref, *operands], [result], attributes).result


def _plain_box(
    static: Sequence[Sequence[int]], operands: Sequence[ir.Value], counts: Sequence[int]
) -> tuple[list[list[int]], list[ir.Value], list[int]]:
    """Offsets, sizes and strides, with offset 0 where the size is 0, and stride 1 where it is 0 or 1."""
    given = iter(operands)
    offsets, sizes, steps = ([next(given) if n == DYNAMIC else n for n in group] for group in static)
    offsets = [0 if size == 0 else start for start, size in zip(offsets, sizes, strict=True)]
    steps = [1 if size in (0, 1) else step for step, size in zip(steps, sizes, strict=True)]
    parts = [split_mixed(group) for group in (offsets, sizes, steps)]
    dynamic = [value for values, _ in parts for value in values]
    return [numbers for _, numbers in parts], dynamic, [len(values) for values, _ in parts]


def _product(a: int, b: int, dynamic: int) -> int:
    if 0 in (a, b):
        return 0
    return dynamic if DYNAMIC in (a, b) or dynamic in (a, b) else a * b


def _sum(a: int, b: int, dynamic: int) -> int:
    return dynamic if dynamic in (a, b) else a + b
