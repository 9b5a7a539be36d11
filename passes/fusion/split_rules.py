"""How each op of a kernel is written over split dimensions, and which dimensions it needs whole: a rule per op.

A rule has two halves that belong together: `_WHOLE` says which dimensions of its operands and results an op needs
as they are, `_EMIT` how it is written where others are several. An op without a rule needs all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from powerfusion.core._mlir import (
    DYNAMIC,
    constant_index,
    create,
    entry_block,
    i32_array,
    i64_array,
    index_constant,
    integers,
    is_tensor,
    mixed,
    segments,
    shape_of,
    split_mixed,
)
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim, Spaces, loops_of, unchanged_dims
from powerfusion.passes.fusion.rebuild import copy_op

Parts = Callable[[ir.Value, int], list[int]]
"""The sizes that a dimension of a value is split into."""
PLAIN = ("gir.move", "gir.assert", "gir.return", "tensor.splat")
SHIFTS = ("gir.slice", "gir.concat", "gir.window")


@dataclass
class Splitter:
    """Copies a kernel's ops with dimensions split.

    Attributes:
        parts: The sizes that each dimension of a value of the old kernel is split into.
        known: The new kernel's value for each one of the old.
    """

    parts: Parts
    known: dict[ir.Value, ir.Value] = field(default_factory=dict)

    def copy(self, op: ir.Operation) -> None:
        """Emits what an op is in the new kernel."""
        emit = _EMIT.get(op.name)
        with op.location:
            self.clone(op) if emit is None else emit(self, op)

    def clone(self, op: ir.Operation, attributes: Mapping[str, ir.Attribute] | None = None) -> ir.Operation:
        """A copy of an op whose operands and results are the new ones, with other attributes."""
        made = copy_op(op, self.known)
        for name, attribute in (attributes or {}).items():
            made.attributes[name] = attribute
        for old, new in zip(op.results, made.results, strict=True):
            new.set_type(self.type_of(old))
        return made

    def clone_sized(
        self, op: ir.Operation, dims: Sequence[int], first: int, attributes: Mapping[str, ir.Attribute] | None = None
    ) -> ir.Operation:
        """The same of an op whose operands from the `first` on are the dynamic sizes of some dimensions."""
        made = self.clone(op, attributes)
        parts = [self.parts(op.result, dim) for dim in dims if op.result.type.shape[dim] == DYNAMIC]
        with ir.InsertionPoint(made):
            for at, own in enumerate(parts, first):
                made.operands[at] = outer_size(made.operands[at], own)
        return made

    def type_of(self, value: ir.Value) -> ir.Type:
        """The type of a value in the new kernel."""
        type_ = value.type
        if not isinstance(type_, ir.RankedTensorType):
            return type_
        shape = [size for dim in range(type_.rank) for size in self.parts(value, dim)]
        return ir.RankedTensorType.get(shape, type_.element_type, type_.encoding)

    def numbers(self, value: ir.Value) -> list[list[int]]:
        """What the dimensions of a value are numbered in the new kernel."""
        numbers: list[list[int]] = []
        count = 0
        for dim in range(value.type.rank):
            length = len(self.parts(value, dim))
            numbers.append(list(range(count, count + length)))
            count += length
        return numbers

    def renumbered(self, value: ir.Value, dims: Sequence[int]) -> list[int]:
        """Some dimensions of a value, by their new numbers."""
        numbers = self.numbers(value)
        return [new for dim in dims for new in numbers[dim]]


def outer_size(size: ir.Value, parts: Sequence[int]) -> ir.Value:
    """The outermost part of a dynamic size that is split."""
    if len(parts) == 1:
        return size
    return create("arith.divui", [size, index_constant(prod(parts[1:]))], [size.type]).result


def whole_dims(op: ir.Operation) -> Iterator[Dim]:
    """The dimensions of an op's operands and results that can't be split."""
    if _is_elementwise(op):
        whole = _whole_constant(op)
    elif op.name in _WHOLE:
        whole = _WHOLE[op.name](op)
    else:
        whole = _all_dims(op)
    yield from whole


def tie_more(spaces: Spaces, op: ir.Operation) -> None:
    """Ties what a view at dram leaves as it is; at reg `spaces` has done so."""
    if op.name in SHIFTS:
        for source in filter(is_tensor, op.operands):
            for dim, result in unchanged_dims(op, source):
                spaces.tie((source, dim), (op.result, result))


def _is_elementwise(op: ir.Operation) -> bool:
    return op.name in PLAIN or (op.name.startswith(("arith.", "math.")) and not op.regions)


def _all_dims(op: ir.Operation) -> list[Dim]:
    tensors = filter(is_tensor, [*op.operands, *op.results])
    return [(value, dim) for value in tensors for dim in range(value.type.rank)]


# -- what is needed whole ----------------------------------------------------------------------


def _whole_constant(op: ir.Operation) -> list[Dim]:
    """A constant is split if it is one number everywhere, and says how large it is."""
    value = op.attributes["value"] if op.name == "arith.constant" else None
    splat = isinstance(value, ir.DenseElementsAttr) and value.is_splat and DYNAMIC not in shape_of(op.result)
    return [] if value is None or splat else _all_dims(op)


def _nothing_whole(_: ir.Operation) -> list[Dim]:
    return []


def _whole_reduce(op: ir.Operation) -> list[Dim]:
    """Dimensions of payload stand in the combiner, too."""
    inputs, _, valid = segments(op)
    combiner = entry_block(op).arguments if op.regions[0].blocks else ()
    alike = all(shape_of(value) == shape_of(inputs[0]) for value in inputs)
    return [] if alike and not valid and not any(map(is_tensor, combiner)) else _all_dims(op)


def _whole_scan(op: ir.Operation) -> list[Dim]:
    """What is scanned has one order."""
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    return _whole_reduce(op) or [(value, dim) for value in segments(op)[0]]


def _whole_contract(op: ir.Operation) -> list[Dim]:
    return [] if len(op.operands) == len(op.attributes["maps"]) else _all_dims(op)


def _whole_gather(op: ir.Operation) -> list[Dim]:
    """Computed indices count the table's dimensions as they are."""
    table = op.operands[0]
    return [(table, dim) for dim in range(table.type.rank)] if is_tensor(table) else _all_dims(op)


def _whole_scatter(op: ir.Operation) -> list[Dim]:
    dest = segments(op)[1][0]
    return [(dest, dim) for dim in range(dest.type.rank)] if is_tensor(dest) else _all_dims(op)


def _whole_iota(op: ir.Operation) -> list[Dim]:
    return _all_dims(op) if segments(op)[0] else []


def _whole_shift(op: ir.Operation) -> list[Dim]:
    """All dimensions but those that are as they were."""
    sources = list(filter(is_tensor, op.operands))
    kept = [(source, *pair) for source in sources for pair in unchanged_dims(op, source)]
    same = {(source, dim) for source, dim, _ in kept} | {(op.result, result) for *_, result in kept}
    return [dim for dim in _all_dims(op) if dim not in same]


def _whole_pad(op: ir.Operation) -> list[Dim]:
    lows, highs = _widths(op)
    padded = [dim for dim, (low, high) in enumerate(zip(lows, highs, strict=True)) if low != 0 or high != 0]
    return [(value, dim) for value in (op.operands[0], op.result) for dim in padded]


_WHOLE: dict[str, Callable[[ir.Operation], list[Dim]]] = {
    "gir.broadcast": _nothing_whole,
    "gir.permute": _nothing_whole,
    "gir.reshape": _nothing_whole,
    "tensor.dim": _nothing_whole,
    "gir.reduce": _whole_reduce,
    "gir.scan": _whole_scan,
    "gir.contract": _whole_contract,
    "gir.gather": _whole_gather,
    "gir.scatter": _whole_scatter,
    "gir.iota": _whole_iota,
    "gir.slice": _whole_shift,
    "gir.concat": _whole_shift,
    "gir.window": _whole_shift,
    "gir.pad": _whole_pad,
}


# -- how it is written -------------------------------------------------------------------------


def _constant(splitter: Splitter, op: ir.Operation) -> None:
    """A number everywhere stays one; anything else isn't split."""
    value, type_ = op.attributes["value"], splitter.type_of(op.result)
    if type_ == op.result.type:
        splitter.clone(op)
    else:
        splitter.clone(op, {"value": ir.DenseElementsAttr.get_splat(type_, value.get_splat_value())})


def _dims(splitter: Splitter, op: ir.Operation) -> None:
    """A broadcast along all parts of new dimensions; a reduction of all parts of those that it folds."""
    dims = integers(op.attributes["dims"])
    if op.name == "gir.broadcast":
        splitter.clone_sized(op, dims, 1, {"dims": i64_array(splitter.renumbered(op.result, dims))})
    else:
        splitter.clone(op, {"dims": i64_array(splitter.renumbered(op.operands[0], dims))})


def _filled(splitter: Splitter, op: ir.Operation) -> None:
    """One number everywhere, of the parts' sizes."""
    splitter.clone_sized(op, range(op.result.type.rank), 1)


def _permute(splitter: Splitter, op: ir.Operation) -> None:
    """Parts of a dimension move together."""
    perm = splitter.renumbered(op.operands[0], integers(op.attributes["perm"]))
    splitter.clone(op, {"perm": i64_array(perm)})


def _reshape(splitter: Splitter, op: ir.Operation) -> None:
    """Nothing where both sides have the same parts."""
    source = splitter.known[op.operands[0]]
    if source.type == splitter.type_of(op.result) and DYNAMIC not in shape_of(source):
        splitter.known[op.result] = source
    else:
        splitter.clone_sized(op, range(op.result.type.rank), 1)


def _dim(splitter: Splitter, op: ir.Operation) -> None:
    """The size of all parts of a dimension together."""
    source, dim = op.operands[0], constant_index(op.operands[1])
    operands = [splitter.known[source], index_constant(splitter.numbers(source)[dim][0])]
    outer = create("tensor.dim", operands, [ir.IndexType.get()]).result
    inner = splitter.parts(source, dim)[1:]
    whole = create("arith.muli", [outer, index_constant(prod(inner))], [outer.type]).result if inner else outer
    splitter.known[op.result] = whole


def _along(splitter: Splitter, op: ir.Operation) -> None:
    """A scan or a concatenation along its dimension, by the new number."""
    (dim,) = splitter.renumbered(op.operands[0], [ir.IntegerAttr(op.attributes["dim"]).value])
    splitter.clone(op, {"dim": _i64(dim)})


def _iota(splitter: Splitter, op: ir.Operation) -> None:
    """The index of a dimension is computed from those of its parts: `i * 8 + j`."""
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    first, *others = splitter.numbers(op.result)[dim]
    dims = range(op.result.type.rank)
    made = splitter.clone_sized(op, dims, 0, {"dim": _i64(first)})
    total = made.result
    for number in others:
        steps = [index_constant(total.type.shape[number]), *made.operands]
        scaled = create("arith.muli", [total, create("tensor.splat", steps, [total.type]).result], [total.type]).result
        inner = splitter.clone_sized(op, dims, 0, {"dim": _i64(number)}).result
        total = create("arith.addi", [scaled, inner], [total.type]).result
    splitter.known[op.result] = total


def _contract(splitter: Splitter, op: ir.Operation) -> None:
    """An iteration dimension for each part."""
    maps = list(op.attributes["maps"])
    lengths: dict[int, int] = {}
    for value, map_ in zip(op.operands, maps, strict=True):
        lengths |= {loop: len(splitter.parts(value, dim)) for dim, loop in enumerate(loops_of(map_))}
    starts = {loop: sum(lengths[other] for other in lengths if other < loop) for loop in lengths}
    count = sum(lengths.values())
    new = [
        ir.AffineMap.get(
            count,
            0,
            [ir.AffineExpr.get_dim(starts[loop] + part) for loop in loops_of(map_) for part in range(lengths[loop])],
        )
        for map_ in maps
    ]
    splitter.clone(op, {"maps": ir.ArrayAttr.get([ir.AffineMapAttr.get(map_) for map_ in new])})


def _window(splitter: Splitter, op: ir.Operation) -> None:
    splitter.clone(op, {"dims": i64_array(splitter.renumbered(op.operands[0], integers(op.attributes["dims"])))})


def _slice(splitter: Splitter, op: ir.Operation) -> None:
    """A box that takes all parts of what it took whole."""
    source = op.operands[0]
    cut = segments(op)
    boxes = [
        [entry if isinstance(entry, int) else splitter.known[entry] for entry in mixed(op, cut[1 + at], name)]
        for at, name in enumerate(("static_offsets", "static_sizes", "static_strides"))
    ]
    offsets, sizes, strides = list[list[int | ir.Value]](), list[list[int | ir.Value]](), list[list[int | ir.Value]]()
    for dim, (offset, size, stride) in enumerate(zip(*boxes, strict=True)):
        parts = splitter.parts(source, dim)
        split = len(parts) > 1
        offsets.append([0] * len(parts) if split else [offset])
        sizes.append([*parts] if split else [size])
        strides.append([1] * len(parts) if split else [stride])
    flat = [split_mixed([entry for group in groups for entry in group]) for groups in (offsets, sizes, strides)]
    attributes = {
        name: i64_array(static)
        for name, (_, static) in zip(("static_offsets", "static_sizes", "static_strides"), flat, strict=True)
    }
    attributes["drop"] = i64_array(splitter.renumbered(source, integers(op.attributes["drop"])))
    attributes["operandSegmentSizes"] = i32_array([1, *(len(dynamic) for dynamic, _ in flat)])
    operands = [splitter.known[source], *(value for dynamic, _ in flat for value in dynamic)]
    splitter.known[op.result] = create("gir.slice", operands, [splitter.type_of(op.result)], attributes).result


def _pad(splitter: Splitter, op: ir.Operation) -> None:
    """A border around dimensions that aren't split."""
    source = op.operands[0]
    groups = [
        [
            entry
            for dim, width in enumerate(widths)
            for entry in ([0] * len(splitter.parts(source, dim)) if width == 0 else [width])
        ]
        for widths in _widths(op)
    ]
    names = ("static_low", "static_high")
    splitter.clone(op, {n: i64_array(split_mixed(group)[1]) for n, group in zip(names, groups, strict=True)})


def _widths(op: ir.Operation) -> list[list[int | ir.Value]]:
    cut = segments(op)
    return [mixed(op, cut[at], name) for at, name in ((2, "static_low"), (3, "static_high"))]


def _i64(value: int) -> ir.Attribute:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)


_EMIT: dict[str, Callable[[Splitter, ir.Operation], None]] = {
    "arith.constant": _constant,
    "tensor.splat": _filled,
    "gir.broadcast": _dims,
    "gir.permute": _permute,
    "gir.reshape": _reshape,
    "tensor.dim": _dim,
    "gir.reduce": _dims,
    "gir.scan": _along,
    "gir.contract": _contract,
    "gir.iota": _iota,
    "gir.slice": _slice,
    "gir.concat": _along,
    "gir.window": _window,
    "gir.pad": _pad,
}
