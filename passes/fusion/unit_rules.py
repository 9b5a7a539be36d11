"""How each op of a kernel is written without dimensions of size 1: a rule per op."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import (
    DYNAMIC,
    constant_index,
    create,
    defining_op,
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
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import captured_values, copy_op, replace_used
from powerfusion.passes.fusion.unit_sizes import has_units, is_extent, renumbered, squeezed

Rule = Callable[["Squeezer", ir.Operation], bool]
_rules: dict[str, Rule] = {}
PLAIN = ("gir.move", "gir.assert", "gir.return", "tensor.splat")


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Registers the rule of some ops."""

    def register(function: Rule) -> Rule:
        _rules.update(dict.fromkeys(names, function))
        return function

    return register


@dataclass
class Squeezer:
    """Copies a kernel's ops without dimensions of size 1.

    Attributes:
        inputs: What the new kernel takes from the function.
        known: The new kernel's value for each one of the old.
        wide: The same with some dimensions of size 1, at reg or stored from there; each is made once.
    """

    inputs: Sequence[ir.Value]
    known: dict[ir.Value, ir.Value]
    wide: dict[tuple[ir.Value, tuple[int, ...]], ir.Value] = field(default_factory=dict)

    def copy(self, op: ir.Operation) -> bool:
        """Emits what an op is in the new kernel; False where no rule says."""
        if op.name in PLAIN or (op.name.startswith(("arith.", "math.")) and not op.regions):
            return _plain(self, op)
        found = _rules.get(op.name)
        if found is not None:
            with op.location:
                return found(self, op)
        if any(is_tensor(value) and has_units(value.type) for value in [*op.operands, *op.results]) or op.regions:
            return False
        copy_op(op, self.known)
        return True

    def clone(self, op: ir.Operation, attributes: dict[str, ir.Attribute] | None = None) -> ir.Operation:
        """A copy of an op whose operands and results are the new ones, with other attributes."""
        made = op.clone().operation
        replace_used(made, self.known)
        for result in made.results:
            result.set_type(squeezed(result.type))
        for name, attribute in (attributes or {}).items():
            made.attributes[name] = attribute
        self.known.update(zip(op.results, made.results, strict=True))
        return made

    def with_units(self, value: ir.Value, dims: Sequence[int]) -> ir.Value:
        """The new value for one at reg, with those of its dimensions of size 1 that are in `dims`."""
        shape, new = shape_of(value), self.known[value]
        kept = [dim for dim, n in enumerate(shape) if n != 1 or dim in dims]
        units = [at for at, dim in enumerate(kept) if shape[dim] == 1]
        if not units:
            return new
        if (value, tuple(kept)) not in self.wide:
            type_ = ir.RankedTensorType.get([shape[dim] for dim in kept], new.type.element_type, new.type.encoding)
            made = create("gir.broadcast", [new], [type_], {"dims": i64_array(units)}).result
            self.wide[value, tuple(kept)] = made
        return self.wide[value, tuple(kept)]

    def stored_with_units(self, value: ir.Value, dims: Sequence[int]) -> ir.Value | None:
        """The same for a value at dram that was stored from reg: what is stored has the dimensions."""
        if not any(shape_of(value)[dim] == 1 for dim in dims):
            return self.known[value]
        source = defining_op(value)
        if source is None or source.name != "gir.move":
            return None
        if (value, tuple(dims)) not in self.wide:
            wide = self.with_units(source.operands[0], dims)
            type_ = ir.RankedTensorType.get(wide.type.shape, wide.type.element_type, value.type.encoding)
            self.wide[value, tuple(dims)] = create("gir.move", [wide], [type_]).result
        return self.wide[value, tuple(dims)]

    def outer_size(self, index: ir.Value) -> ir.Value | None:
        """The function's value that an index of the new kernel is."""
        if not isinstance(index.owner, ir.Block):
            return None
        return self.inputs[ir.BlockArgument(index).arg_number]

    def is_size_of(self, size: int | ir.Value, value: ir.Value, dim: int) -> bool:
        """Whether a size is known to be that of a dimension of a value of the new kernel."""
        static = value.type.shape[dim]
        if isinstance(size, int) or static != DYNAMIC:
            return size == static
        if not isinstance(value.owner, ir.Block):
            return False
        outer = self.outer_size(size)
        tensor = self.inputs[ir.BlockArgument(value).arg_number]
        return outer is not None and is_extent(outer, tensor, dim)


def _plain(squeezer: Squeezer, op: ir.Operation) -> bool:
    """What has one element for each element of its operands."""
    if op.name != "arith.constant" or not is_tensor(op.result):
        squeezer.clone(op)
        return True
    value = op.attributes["value"]
    if not isinstance(value, ir.DenseElementsAttr) or not value.is_splat:
        if has_units(op.result.type):
            return False
        copy_op(op, squeezer.known)
        return True
    type_ = squeezed(op.result.type)
    squeezer.clone(op, {"value": ir.DenseElementsAttr.get_splat(type_, value.get_splat_value())})
    return True


@rule("tensor.dim")
def _dim(squeezer: Squeezer, op: ir.Operation) -> bool:
    """The dimension by its new number; one of size 1 has been folded before."""
    shape = shape_of(op.operands[0])
    (dim,) = renumbered([constant_index(op.operands[1])], shape) or (None,)
    if dim is None:
        squeezer.known[op.result] = index_constant(1)
        return True
    operands = [squeezer.known[op.operands[0]], index_constant(dim)]
    squeezer.known[op.result] = create("tensor.dim", operands, [ir.IndexType.get()]).result
    return True


@rule("gir.broadcast")
def _broadcast(squeezer: Squeezer, op: ir.Operation) -> bool:
    """Only along dimensions that are longer; nothing where there is none."""
    dims = renumbered(integers(op.attributes["dims"]), shape_of(op.result))
    if dims:
        squeezer.clone(op, {"dims": i64_array(dims)})
    else:
        squeezer.known[op.result] = squeezer.known[op.operands[0]]
    return True


@rule("gir.permute")
def _permute(squeezer: Squeezer, op: ir.Operation) -> bool:
    """The order of the others; nothing where that is as it was."""
    perm = renumbered(integers(op.attributes["perm"]), shape_of(op.operands[0]))
    if perm == sorted(perm):
        squeezer.known[op.result] = squeezer.known[op.operands[0]]
    else:
        squeezer.clone(op, {"perm": i64_array(perm)})
    return True


@rule("gir.reshape")
def _reshape(squeezer: Squeezer, op: ir.Operation) -> bool:
    """Nothing where only dimensions of size 1 came or went."""
    if squeezed(op.operands[0].type) == squeezed(op.result.type) and DYNAMIC not in shape_of(op.result):
        squeezer.known[op.result] = squeezer.known[op.operands[0]]
    else:
        squeezer.clone(op)
    return True


@rule("gir.reduce")
def _reduce(squeezer: Squeezer, op: ir.Operation) -> bool:
    """Over the dimensions that are longer; over one of size 1 where there is no other."""
    inputs, _, valid = segments(op)
    shape = shape_of(inputs[0])
    combiner = entry_block(op).arguments if op.regions[0].blocks else ()
    inner = [*combiner, *captured_values(op)]
    if any(map(is_tensor, inner)) or any(shape_of(value) != shape for value in inputs) or valid:
        return False
    dims = integers(op.attributes["dims"])
    kept = [] if renumbered(dims, shape) or not dims else dims[:1]
    new = [
        sum(n != 1 or at in kept for at, n in enumerate(shape[:dim])) for dim in dims if shape[dim] != 1 or dim in kept
    ]
    made = squeezer.clone(op, {"dims": i64_array(new)})
    if not kept:
        return True
    with ir.InsertionPoint(made):
        for at, value in enumerate(inputs):
            made.operands[at] = squeezer.with_units(value, kept)
    return True


@rule("gir.scan")
def _scan(squeezer: Squeezer, op: ir.Operation) -> bool:
    """Along its dimension by the new number; one of size 1 isn't scanned without."""
    inputs, _, valid = segments(op)
    shape, dim = shape_of(inputs[0]), ir.IntegerAttr(op.attributes["dim"]).value
    combiner = entry_block(op).arguments if op.regions[0].blocks else ()
    inner = [*combiner, *captured_values(op)]
    if shape[dim] == 1 or valid or any(map(is_tensor, inner)) or any(shape_of(v) != shape for v in inputs):
        return False
    squeezer.clone(op, {"dim": _i64(renumbered([dim], shape)[0])})
    return True


@rule("gir.iota")
def _iota(squeezer: Squeezer, op: ir.Operation) -> bool:
    """Along its dimension by the new number."""
    shape, dim = shape_of(op.result), ir.IntegerAttr(op.attributes["dim"]).value
    if shape[dim] != 1:
        squeezer.clone(op, {"dim": _i64(renumbered([dim], shape)[0])})
        return True
    offset, sizes = segments(op)
    start = squeezer.known[offset[0]] if offset else index_constant(0)
    operands = [start, *(squeezer.known[size] for size in sizes)]
    squeezer.known[op.result] = create("tensor.splat", operands, [squeezed(op.result.type)]).result
    return True


@rule("gir.contract")
def _contract(squeezer: Squeezer, op: ir.Operation) -> bool:
    """Without iteration dimensions of size 1, if one is left to sum over."""
    maps = [ir.AffineMapAttr(map_).value for map_ in op.attributes["maps"]]
    loops = [[ir.AffineDimExpr(result).position for result in map_.results] for map_ in maps]
    operands = list(op.operands)[:3]
    pairs = [
        pair for value, own in zip(operands, loops, strict=True) for pair in zip(own, shape_of(value), strict=True)
    ]
    units = {loop for loop, n in pairs if n == 1}
    if any(n != 1 for loop, n in pairs if loop in units) or len(op.operands) > 3:
        return False
    kept = [loop for loop in range(maps[0].n_dims) if loop not in units]
    if set(kept) <= set(loops[2]):
        return False
    new = [
        ir.AffineMapAttr.get(
            ir.AffineMap.get(len(kept), 0, [ir.AffineExpr.get_dim(kept.index(loop)) for loop in own if loop in kept])
        )
        for own in loops
    ]
    squeezer.clone(op, {"maps": ir.ArrayAttr.get(new)})
    return True


@rule("gir.gather")
def _gather(squeezer: Squeezer, op: ir.Operation) -> bool:
    """Indices into dimensions of size 1 can only be 0."""
    table, *indices = op.operands
    if not is_tensor(table):
        return False
    kept = [squeezer.known[index] for index, n in zip(indices, shape_of(table), strict=True) if n != 1]
    if not kept:
        return False
    operands = [squeezer.known[table], *kept]
    squeezer.known[op.result] = create("gir.gather", operands, [squeezed(op.result.type)]).result
    return True


@rule("gir.slice")
def _slice(squeezer: Squeezer, op: ir.Operation) -> bool:
    """A box of the other dimensions that drops what it cuts to size 1; nothing where it is the whole."""
    source = op.operands[0]
    shape, boxed, whole = shape_of(source), _box(squeezer, op, 1), True
    new = squeezer.known[source]
    kept = [dim for dim, n in enumerate(shape) if n != 1]
    offsets, sizes, strides = ([group[dim] for dim in kept] for group in boxed)
    for at, box in enumerate(zip(offsets, sizes, strides, strict=True)):
        whole &= box[0] == 0 and box[2] == 1 and squeezer.is_size_of(box[1], new, at)
    if whole:
        squeezer.known[op.result] = new
        return True
    drop = [at for at, size in enumerate(sizes) if size == 1]
    squeezer.known[op.result] = _boxed("gir.slice", [new], (offsets, sizes, strides), drop, squeezed(op.result.type))
    return True


@rule("gir.insert")
def _insert(squeezer: Squeezer, op: ir.Operation) -> bool:
    """The same for a box that is replaced."""
    source, dest = list(op.operands)[:2]
    shape, boxed = shape_of(dest), _box(squeezer, op, 2)
    kept = [dim for dim, n in enumerate(shape) if n != 1]
    if any(boxed[1][dim] != 1 for dim in range(len(shape)) if dim not in kept):
        return False
    offsets, sizes, strides = ([group[dim] for dim in kept] for group in boxed)
    drop = [at for at, size in enumerate(sizes) if size == 1]
    operands = [squeezer.known[source], squeezer.known[dest]]
    if len(sizes) - len(drop) != operands[0].type.rank:
        return False
    made = _boxed("gir.insert", operands, (offsets, sizes, strides), drop, squeezed(op.result.type))
    squeezer.known[op.result] = made
    return True


@rule("gir.concat")
def _concat(squeezer: Squeezer, op: ir.Operation) -> bool:
    """Along its dimension, which operands of size 1 are given again."""
    dim, shape = ir.IntegerAttr(op.attributes["dim"]).value, shape_of(op.result)
    if shape[dim] == 1:
        return False
    dram = gir.is_at(op.result, "dram")
    operands: list[ir.Value] = []
    for value in op.operands:
        wide = squeezer.stored_with_units(value, [dim]) if dram else squeezer.with_units(value, [dim])
        if wide is None:
            return False
        operands.append(wide)
    attributes = {"dim": _i64(renumbered([dim], shape)[0])}
    squeezer.known[op.result] = create("gir.concat", operands, [squeezed(op.result.type)], attributes).result
    return True


@rule("gir.pad")
def _pad(squeezer: Squeezer, op: ir.Operation) -> bool:
    """Around the dimensions that are longer, before or after."""
    cut = segments(op)
    source, value = cut[0][0], cut[1][0]
    lows, highs = (
        [size if isinstance(size, int) else squeezer.known[size] for size in mixed(op, cut[at], name)]
        for at, name in ((2, "static_low"), (3, "static_high"))
    )
    shape = shape_of(op.result)
    padded = [dim for dim, (low, high) in enumerate(zip(lows, highs, strict=True)) if low != 0 or high != 0]
    if any(shape[dim] == 1 for dim in padded):
        return False
    kept = [dim for dim, n in enumerate(shape_of(source)) if n != 1 or dim in padded]
    low, high = (split_mixed([group[dim] for dim in kept]) for group in (lows, highs))
    attributes = {
        "static_low": i64_array(low[1]),
        "static_high": i64_array(high[1]),
        "operandSegmentSizes": i32_array([1, 1, len(low[0]), len(high[0])]),
    }
    operands = [squeezer.with_units(source, padded), squeezer.known[value], *low[0], *high[0]]
    squeezer.known[op.result] = create("gir.pad", operands, [squeezed(op.result.type)], attributes).result
    return True


@rule("gir.window")
def _window(squeezer: Squeezer, op: ir.Operation) -> bool:
    """Neighbourhoods along dimensions that are longer."""
    dims, sizes = integers(op.attributes["dims"]), integers(op.attributes["sizes"])
    shape, made = shape_of(op.operands[0]), shape_of(op.result)
    if 1 in sizes or any(shape[dim] == 1 or made[dim] == 1 for dim in dims):
        return False
    squeezer.clone(op, {"dims": i64_array(renumbered(dims, shape))})
    return True


Box = tuple[list[int | ir.Value], list[int | ir.Value], list[int | ir.Value]]


def _box(squeezer: Squeezer, op: ir.Operation, first: int) -> Box:
    """Offsets, sizes and strides as values of the new kernel."""
    cut = segments(op)
    offsets, sizes, strides = (
        [entry if isinstance(entry, int) else squeezer.known[entry] for entry in mixed(op, cut[first + at], name)]
        for at, name in enumerate(("static_offsets", "static_sizes", "static_strides"))
    )
    return offsets, sizes, strides


def _boxed(name: str, operands: Sequence[ir.Value], box: Box, drop: Sequence[int], type_: ir.Type) -> ir.Value:
    parts = [split_mixed(group) for group in box]
    attributes = {
        "static_offsets": i64_array(parts[0][1]),
        "static_sizes": i64_array(parts[1][1]),
        "static_strides": i64_array(parts[2][1]),
        "drop": i64_array(drop),
        "operandSegmentSizes": i32_array([1] * len(operands) + [len(dynamic) for dynamic, _ in parts]),
    }
    all_operands = [*operands, *(value for dynamic, _ in parts for value in dynamic)]
    return create(name, all_operands, [type_], attributes).result


def _i64(value: int) -> ir.Attribute:
    return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
