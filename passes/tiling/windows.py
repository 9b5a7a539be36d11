"""Windows: which part of a value a tile is, and which part of its operand a view's window needs.

A window has an axis per dimension:

    y = permute x [1, 0]           y[i, j]     is  x[j, i]
    y = broadcast v dims [1]       y[i, j]     is  v[i]
    y = slice x [o] [n] [s]        y[i]        is  x[o + i * s]
    y = window x dims [0] ...      y[i, .., w] is  x[i * stride + w * dilation]
    y = pad x low [1]              y[i]        is  x[i - 1], clipped
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from powerfusion.core._mlir import create, i32_array, index_constant, integer_of, integers, mixed, segments
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir

Amount = Callable[[int | ir.Value], ir.Value]
SGE, SLT = 5, 2


@dataclass(frozen=True)
class Axis:
    """A window's extent along one dimension.

    Attributes:
        start: First index, an SSA value of type index.
        size: Elements of the tile, static.
        valid: How many of them are there, an SSA value; None is all.
        clip: True where the window may stick out of the value on either side.
        step: How far elements are apart, a number or an SSA value.
    """

    start: ir.Value
    size: int
    valid: ir.Value | None = None
    clip: bool = False
    step: int | ir.Value = 1


Window = tuple[Axis, ...]


# -- index arithmetic ------------------------------------------------------------------------


def index_op(name: str, operands: Sequence[ir.Value]) -> ir.Value:
    """An arith op on indices."""
    return create(name, operands, [ir.IndexType.get()]).result


def affine_apply(map_: ir.AffineMap, operands: Sequence[ir.Value]) -> ir.Value:
    """`affine.apply` of a map with dimensions only."""
    return create("affine.apply", operands, [ir.IndexType.get()], {"map": ir.AffineMapAttr.get(map_)}).result


def affine_min(map_: ir.AffineMap, operands: Sequence[ir.Value]) -> ir.Value:
    """`affine.min` of a map."""
    return create("affine.min", operands, [ir.IndexType.get()], {"map": ir.AffineMapAttr.get(map_)}).result


def affine_max(map_: ir.AffineMap, operands: Sequence[ir.Value]) -> ir.Value:
    """`affine.max` of a map."""
    return create("affine.max", operands, [ir.IndexType.get()], {"map": ir.AffineMapAttr.get(map_)}).result


def affine_map(dims: int, expression: Callable[..., ir.AffineExpr]) -> ir.AffineMap:
    """The map of one expression over dimensions."""
    return ir.AffineMap.get(dims, 0, [expression(*(ir.AffineDimExpr.get(d) for d in range(dims)))])


def scaled(value: ir.Value, by: int | ir.Value) -> ir.Value:
    """An index times a number."""
    if isinstance(by, int):
        return value if by == 1 else affine_apply(affine_map(1, lambda d: d * by), [value])
    return index_op("arith.muli", [value, by])


def shifted(value: ir.Value, by: int | ir.Value) -> ir.Value:
    """An index plus a number."""
    if isinstance(by, int):
        return value if by == 0 else affine_apply(affine_map(1, lambda d: d + by), [value])
    return index_op("arith.addi", [value, by])


def stepped(step: int | ir.Value, by: int | ir.Value) -> int | ir.Value:
    """A step times a number."""
    if isinstance(step, int) and isinstance(by, int):
        return step * by
    if by == 1:
        return step
    return scaled(index_constant(step) if isinstance(step, int) else step, by)


# -- windows of operands ---------------------------------------------------------------------


def permuted(op: ir.Operation, window: Window) -> Window:
    """The operand's window of a `gir.permute`."""
    perm = integers(op.attributes["perm"])
    return tuple(window[perm.index(dim)] for dim in range(len(perm)))


def narrowed(op: ir.Operation, window: Window) -> Window:
    """The operand's window of a `gir.broadcast`."""
    new = integers(op.attributes["dims"])
    return tuple(axis for dim, axis in enumerate(window) if dim not in new)


def sliced(op: ir.Operation, window: Window, amount: Amount) -> Window:
    """The operand's window of a `gir.slice`; `amount` makes index values of the old kernel new ones."""
    _, *cut = segments(op)
    offsets, _, strides = (
        mixed(op, values, f"static_{name}") for values, name in zip(cut, ("offsets", "sizes", "strides"), strict=True)
    )
    drop = integers(op.attributes["drop"])
    given = iter(window)
    inner: list[Axis] = []
    for dim, (offset, stride) in enumerate(zip(offsets, strides, strict=True)):
        if dim in drop:
            inner.append(Axis(amount(offset), 1))
            continue
        axis = next(given)
        offset, stride = (part if isinstance(part, int) else amount(part) for part in (offset, stride))
        start = shifted(scaled(axis.start, stride), offset)
        inner.append(replace(axis, start=start, step=1 if axis.size == 1 else stepped(axis.step, stride)))
    return tuple(inner)


def widened(op: ir.Operation, window: Window) -> Window:
    """The operand's window of a `gir.window`: of an axis and of the place in its neighbourhood, one has size 1."""
    dims = integers(op.attributes["dims"])
    strides, dilations = integers(op.attributes["strides"]), integers(op.attributes["dilations"])
    rank = len(window) - len(dims)
    inner = list(window[:rank])
    for entry, dim in enumerate(dims):
        outer, place = window[dim], window[rank + entry]
        start = index_op("arith.addi", [scaled(outer.start, strides[entry]), scaled(place.start, dilations[entry])])
        if 1 not in (outer.size, place.size):
            raise UnsupportedError(
                f"a tile of {outer.size} neighbourhoods with {place.size} places of each isn't supported",
                location=op.location,
                help="make the nest's steps 1 along the one or the other",
            )
        longer, by = (outer, strides[entry]) if place.size == 1 else (place, dilations[entry])
        step = 1 if longer.size == 1 else stepped(longer.step, by)
        inner[dim] = Axis(start, longer.size, longer.valid, outer.clip or place.clip, step)
    return tuple(inner)


def swapped_dims(op: ir.Operation, window: Window) -> list[int] | None:
    """How a window's tile is reordered where its length lies within the neighbourhood; None where it isn't."""
    dims = integers(op.attributes["dims"])
    rank = len(window) - len(dims)
    perm = list(range(len(window)))
    for entry, dim in enumerate(dims):
        if window[rank + entry].size != 1:
            perm[dim], perm[rank + entry] = perm[rank + entry], perm[dim]
    return None if perm == list(range(len(window))) else perm


# -- tiles that depend on nothing but their window -------------------------------------------


def tile_type(value: ir.Value, window: Window) -> ir.RankedTensorType:
    """The type of a value's tile for a window."""
    return gir.tensor_at("reg", [axis.size for axis in window], value.type.element_type)


def valid_extents(window: Window) -> list[ir.Value]:
    """The `valid` operands of a window: none where the whole tile is there."""
    if all(axis.valid is None for axis in window):
        return []
    return [index_constant(axis.size) if axis.valid is None else axis.valid for axis in window]


def places(dim: int, window: Window) -> ir.Value:
    """The indices along one dimension of a window, as a tile of it."""
    axis = window[dim]
    type_ = gir.tensor_at("reg", [axis.size for axis in window], ir.IndexType.get())
    if axis.size == 1 or axis.step == 1:
        return _iota(dim, axis.start, type_)
    step = index_constant(axis.step) if isinstance(axis.step, int) else axis.step
    factors = [_iota(dim, index_constant(0), type_), splat(step, type_)]
    distances = create("arith.muli", factors, [type_]).result
    return create("arith.addi", [distances, splat(axis.start, type_)], [type_]).result


def _iota(dim: int, start: ir.Value, type_: ir.Type) -> ir.Value:
    attributes = {
        "dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), dim),
        "operandSegmentSizes": i32_array([0 if integer_of(start) == 0 else 1, 0]),
    }
    return create("gir.iota", [] if integer_of(start) == 0 else [start], [type_], attributes).result


def splat(value: ir.Value, type_: ir.Type) -> ir.Value:
    """A tile that is one scalar everywhere."""
    return create("tensor.splat", [value], [type_]).result


def compare(predicate: int, left: ir.Value, right: ir.Value) -> ir.Value:
    """`arith.cmpi` on tiles."""
    flags = ir.RankedTensorType.get(left.type.shape, ir.IntegerType.get_signless(1), left.type.encoding)
    attribute = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), predicate)
    return create("arith.cmpi", [left, right], [flags], {"predicate": attribute}).result


def inside(dim: int, window: Window, size: ir.Value) -> ir.Value:
    """Where along `dim` a clipped window is inside of a value of that size."""
    found = places(dim, window)
    low, high = splat(index_constant(0), found.type), splat(size, found.type)
    tests = [compare(SGE, found, low), compare(SLT, found, high)]
    return create("arith.andi", tests, [tests[0].type]).result
