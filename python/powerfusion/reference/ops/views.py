"""Views: the same elements under other indices. At dram and sram they move nothing; at reg the machine may have to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from powerfusion.errors import OutOfBounds
from powerfusion.reference.program import Instruction, integer
from powerfusion.reference.registry import meaning
from powerfusion.reference.types import Array, Type
from powerfusion.reference.values import Store, Tile, normalized


@meaning("gir.permute")
def permute(op: Instruction, x: Tile) -> Tile:
    """Dimension `i` of the result is dimension `perm[i]` of the operand."""
    return x.view(lambda a: np.transpose(a, op.attributes["perm"]))


@meaning("gir.broadcast")
def broadcast(op: Instruction, x: Tile, *sizes: Tile) -> Tile:
    """The operand, repeated along the new dimensions `dims`."""
    dims, rest = op.attributes["dims"], iter(sizes)
    lead = x.data.ndim - (len(op.type.shape) - len(dims))  # In a combiner, many at once.
    new = {lead + dim: op.type.shape[dim] for dim in dims}
    counts = {axis: integer(next(rest)) if size is None else size for axis, size in new.items()}

    def rename(a: Array) -> Array:
        wider = np.expand_dims(a, tuple(counts))
        return np.broadcast_to(wider, [counts.get(axis, size) for axis, size in enumerate(wider.shape)])

    return x.view(rename)


@meaning("gir.slice")
def take_slice(op: Instruction, x: Tile, *operands: Tile) -> Tile:
    """`sizes[i]` elements from `offsets[i]` on, every `strides[i]`-th; dimensions in `drop` are left out."""
    _, offsets, sizes, strides = op.groups([x, *operands])
    box = boxed(op, x.shape, offsets, sizes, strides)
    drop = op.get("drop", ())
    return x.view(lambda a: np.squeeze(a[box], drop))


@meaning("gir.insert")
def insert(op: Instruction, x: Tile, into: Tile, *operands: Tile) -> Tile:
    """`into` with the box that `gir.slice` would take replaced by `x`."""
    _, _, offsets, sizes, strides = op.groups([x, into, *operands])
    box = boxed(op, into.shape, offsets, sizes, strides)
    wider = x.view(lambda a: np.expand_dims(a, op.get("drop", ())))
    places = np.arange(into.data.size).reshape(into.shape)[box].ravel()
    inserted = [Store(s.key, np.where(s.places < 0, -1, places[s.places])) for s in x.stores]
    return normalized(
        Tile(
            data=_replaced(into.data, box, wider.data),
            real=_replaced(_mask(into), box, _mask(wider)),
            addresses=None
            if into.addresses is None or wider.addresses is None
            else _replaced(into.addresses, box, wider.addresses),
            stores=(*into.stores, *inserted),
        )
    )


@meaning("gir.concat")
def concat(op: Instruction, *parts: Tile) -> Tile:
    """The operands behind one another along `dim`."""
    dim = op.attributes["dim"]
    data = np.concatenate([part.data for part in parts], dim)
    positions = np.arange(data.size).reshape(data.shape)
    starts = np.cumsum([0, *(part.shape[dim] for part in parts)])
    stores: list[Store] = []
    for part, start in zip(parts, starts, strict=False):
        places = np.take(positions, np.arange(start, start + part.shape[dim]), dim).ravel()
        stores += [Store(s.key, np.where(s.places < 0, -1, places[s.places])) for s in part.stores]
    addresses = [part.addresses for part in parts if part.addresses is not None]
    return normalized(
        Tile(
            data=data,
            real=np.concatenate([_mask(part) for part in parts], dim),
            addresses=np.concatenate(addresses, dim) if len(addresses) == len(parts) else None,
            stores=tuple(stores),
        )
    )


@meaning("gir.pad")
def pad(op: Instruction, x: Tile, value: Tile, *operands: Tile) -> Tile:
    """`low[i]` elements before the operand and `high[i]` behind it in dimension `i`, each `value`."""
    _, _, low, high = op.groups([x, value, *operands])
    widths = list(zip(op.mixed("static_low", low), op.mixed("static_high", high), strict=True))
    data = np.pad(x.data, widths, constant_values=value.data[()])
    return Tile(data, None if x.real is None else np.pad(x.real, widths, constant_values=True))


@meaning("gir.window")
def window(op: Instruction, x: Tile) -> Tile:
    """Every neighbourhood: `y[.., o, .., w] = x[.., o * stride + w * dilation, ..]`."""

    def rename(a: Array) -> Array:
        for dim, size, stride, dilation in zip(
            *(op.attributes[name] for name in ("dims", "sizes", "strides", "dilations")), strict=True
        ):
            count = (a.shape[dim] - dilation * (size - 1) - 1) // stride + 1
            index = np.arange(count)[:, None] * stride + np.arange(size) * dilation
            a = np.moveaxis(np.take(a, index, dim), dim + 1, -1)
        return a

    return x.view(rename)


@meaning("gir.reshape")
def reshape(op: Instruction, x: Tile, *sizes: Tile) -> Tile:
    """The same elements in row-major order, counted in other dimensions."""
    return x.view(lambda a: np.reshape(a, shape_of(op.type, sizes)))


def shape_of(type_: Type, sizes: Sequence[Tile]) -> tuple[int, ...]:
    """A type's sizes, the dynamic ones from operands."""
    rest = iter(sizes)
    return tuple(integer(next(rest)) if size is None else size for size in type_.shape)


def boxed(
    op: Instruction, shape: Sequence[int], offsets: Sequence[Tile], sizes: Sequence[Tile], strides: Sequence[Tile]
) -> tuple[slice, ...]:
    """The box of a slice or insert.

    Raises:
        OutOfBounds: It leaves the tensor.
    """
    box: list[slice] = []
    for dim, (offset, size, stride) in enumerate(
        zip(
            op.mixed("static_offsets", offsets),
            op.mixed("static_sizes", sizes),
            op.mixed("static_strides", strides),
            strict=True,
        )
    ):
        last = offset + (size - 1) * stride
        if size > 0 and not (0 <= offset < shape[dim] and 0 <= last < shape[dim]):
            raise OutOfBounds(f"takes elements {offset} to {last} of dimension {dim}, which has {shape[dim]}")
        box.append(slice(offset, offset + (size - 1) * stride + 1 if size > 0 else offset, stride))
    return tuple(box)


def _replaced(old: Array, box: tuple[slice, ...], new: Array) -> Array:
    made = np.array(old)
    made[box] = new
    return made


def _mask(tile: Tile) -> Array:
    return np.ones(tile.shape, np.bool_) if tile.real is None else tile.real
