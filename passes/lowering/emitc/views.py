"""Views of tiles in C: nothing but other indices, wherever an element is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING

from powerfusion.core._mlir import integers, mixed, segments
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.code import Number
from powerfusion.passes.lowering.emitc.lowering import TARGET
from powerfusion.passes.lowering.emitc.tiles import Index, renamed, squeezed, viewed
from powerfusion.passes.lowering.registry import lowers, unsupported

if TYPE_CHECKING:
    from powerfusion.passes.lowering.emitc.lowering import EmitcLowering


@lowers("gir.move", to=TARGET)
def lower_move(lowering: EmitcLowering, op: ir.Operation) -> None:
    """From registers to registers, nothing."""
    lowering.bind([op.result], [lowering.tile(op.operands[0])])


@lowers("gir.permute", to=TARGET)
def lower_permute(lowering: EmitcLowering, op: ir.Operation) -> None:
    """Indices in another order."""
    perm = integers(op.attributes["perm"])

    def at(index: Index) -> Index:
        source: list[Number] = [0] * len(perm)
        for dim, other in enumerate(perm):
            source[other] = index[dim]
        return tuple(source)

    _rename(lowering, op, at)


@lowers("gir.broadcast", to=TARGET)
def lower_broadcast(lowering: EmitcLowering, op: ir.Operation) -> None:
    """Indices without the new ones."""
    dims = set(integers(op.attributes["dims"]))
    _rename(lowering, op, lambda index: tuple(at for dim, at in enumerate(index) if dim not in dims))


@lowers("gir.reshape", to=TARGET)
def lower_reshape(lowering: EmitcLowering, op: ir.Operation) -> None:
    """Indices of the same element, counted in other dimensions."""
    source, shape = op.operands[0].type.shape, op.result.type.shape
    if squeezed(source) == squeezed(shape):
        _rename(lowering, op, lambda index: _spread(index, shape, source))
        return
    _rename(lowering, op, lambda index: unravelled(linear(index, shape), source))


def _spread(index: Index, shape: Sequence[int], wanted: Sequence[int]) -> Index:
    """An index with other dimensions of size 1."""
    rest = iter([at for at, size in zip(index, shape, strict=True) if size != 1])
    return tuple(0 if size == 1 else next(rest) for size in wanted)


def linear(index: Sequence[Number], shape: Sequence[int]) -> Number:
    """An element's number, in row-major order."""
    number: Number = 0
    for at, size in zip(index, shape, strict=True):
        number = code.plus(code.times(number, size), at)
    return number


def unravelled(number: Number, shape: Sequence[int]) -> Index:
    """The reverse."""
    index: list[Number] = []
    for dim, size in enumerate(shape):
        step = prod(shape[dim + 1 :])
        if size == 1:
            index.append(0)
            continue
        at = divided(number, step)
        index.append(at if all(other == 1 for other in shape[:dim]) else remainder(at, size))
    return tuple(index)


def divided(number: Number, by: int) -> Number:
    """A number that isn't negative, divided and rounded down."""
    if by == 1:
        return number
    return number // by if isinstance(number, int) else code.binary("div", number, code.value_of(by))


def remainder(number: Number, by: int) -> Number:
    """What dividing a number that isn't negative leaves."""
    return number % by if isinstance(number, int) else code.binary("rem", number, code.value_of(by))


def _rename(lowering: EmitcLowering, op: ir.Operation, at: Callable[[Index], Index]) -> None:
    lowering.bind([op.result], [renamed(lowering.tile(op.operands[0]), op.result.type.shape, at)])


@lowers("gir.window", to=TARGET)
def lower_window(lowering: EmitcLowering, op: ir.Operation) -> None:
    """`o * stride + w * dilation`."""
    dims, strides, dilations = (integers(op.attributes[name]) for name in ("dims", "strides", "dilations"))
    rank = len(op.operands[0].type.shape)

    def at(index: Index) -> Index:
        source = list(index[:rank])
        for entry, dim in enumerate(dims):
            within = code.times(index[rank + entry], dilations[entry])
            source[dim] = code.plus(code.times(source[dim], strides[entry]), within)
        return tuple(source)

    _rename(lowering, op, at)


@lowers("gir.slice", to=TARGET)
def lower_slice(lowering: EmitcLowering, op: ir.Operation) -> None:
    """`offset + i * stride`, and 0 for what is dropped."""
    _, *dynamic = segments(op)
    offsets, strides = (
        [v if isinstance(v, int) else lowering.number(v) for v in mixed(op, part, f"static_{name}")]
        for part, name in ((dynamic[0], "offsets"), (dynamic[2], "strides"))
    )
    dropped = set(integers(op.attributes["drop"])) if "drop" in op.attributes else set[int]()

    def at(index: Index) -> Index:
        rest = iter(index)
        full = [0 if dim in dropped else next(rest) for dim in range(len(offsets))]
        return tuple(
            code.plus(offset, code.times(i, stride)) for offset, i, stride in zip(offsets, full, strides, strict=True)
        )

    _rename(lowering, op, at)


@lowers("gir.concat", to=TARGET)
def lower_concat(lowering: EmitcLowering, op: ir.Operation) -> None:
    """One of the operands, by the index."""
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    tiles = [lowering.tile(operand) for operand in op.operands]
    ends: list[int] = []
    for tile in tiles:
        ends.append((ends[-1] if ends else 0) + tile.shape[dim])

    def at(index: Index) -> ir.Value:
        made: ir.Value | None = None
        for number in reversed(range(len(tiles))):
            begin = ends[number] - tiles[number].shape[dim]
            own = clamped(code.minus(index[dim], begin), tiles[number].shape[dim])
            value = tiles[number].at((*index[:dim], own, *index[dim + 1 :]))
            made = value if made is None else code.choose(code.below(index[dim], ends[number]), value, made)
        assert made is not None
        return made

    lowering.bind([op.result], [viewed(tiles, op.result.type.shape, at)])


def clamped(index: Number, size: int) -> Number:
    """The index of an element that there is, where that isn't the one that is wanted."""
    return 0 if size == 1 else code.most(code.least(index, size - 1), 0)


@lowers("gir.pad", to=TARGET)
def lower_pad(lowering: EmitcLowering, op: ir.Operation) -> None:
    """The value, where the index is in the border."""
    _, (value,), low_part, _ = segments(op)
    low = [v if isinstance(v, int) else lowering.number(v) for v in mixed(op, low_part, "static_low")]
    tile, fill = lowering.tile(op.operands[0]), lowering.scalar(value)

    def at(index: Index) -> ir.Value:
        own = [code.minus(i, before) for i, before in zip(index, low, strict=True)]
        flag: code.Flag = True
        for i, size, whole in zip(own, tile.shape, op.result.type.shape, strict=True):
            flag = code.both(flag, True if size == whole else code.inside(i, size))
        near = tuple(
            i if size == whole else clamped(i, size)
            for i, size, whole in zip(own, tile.shape, op.result.type.shape, strict=True)
        )
        return code.choose(flag, tile.at(near), fill)

    lowering.bind([op.result], [viewed([tile], op.result.type.shape, at)])


unsupported("gir.insert", to=TARGET, why="a view at dram is stored by gir-tile", help="run gir-tile first")
