"""Tiles: a kernel's values, window by window.

`TileEmitter.tile(value, window)` makes the tile of a value for a window by asking for the windows
of its operands that it needs, down to loads; within a scope each (value, window) is made once. How
an op's tile is made stands in one table, filled by `@tiled` (see `rules`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce

from powerfusion.core._mlir import (
    attributes_of,
    create,
    defining_op,
    i32_array,
    index_constant,
    integer_of,
    integers,
    producer,
    segments,
)
from powerfusion.dialects import gir
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import Extent, InputDim, QuotientOf, ResultDim, SumOf, extent
from powerfusion.passes.tiling import memrefs
from powerfusion.passes.tiling.windows import (
    Window,
    affine_apply,
    affine_map,
    index_op,
    places,
    splat,
    tile_type,
    valid_extents,
)

Rule = Callable[["TileEmitter", ir.Operation, Window], Sequence[ir.Value | None]]
ELEMENTWISE = "arith and math"
_RULES: dict[str, Rule] = {}


def tiled(*names: str) -> Callable[[Rule], Rule]:
    """Registers how ops of these names are tiled: (emitter, op, window of its results) -> their tiles.

    Raises:
        ValueError: One of them has a rule already.
    """

    def register(rule: Rule) -> Rule:
        for name in names:
            if name in _RULES:
                raise ValueError(f"'{name}' has a rule already")
            _RULES[name] = rule
        return rule

    return register


def rule_of(op: ir.Operation) -> Rule:
    """How an op is tiled.

    Raises:
        UnsupportedError: Nothing says how.
    """
    name = ELEMENTWISE if op.name.startswith(("arith.", "math.")) and op.name not in _RULES else op.name
    if name not in _RULES:
        raise UnsupportedError(
            f"'{op.name}' can't be tiled",
            location=op.location,
            help="expected gir, arith and math ops on tensors in a kernel",
        )
    return _RULES[name]


@dataclass
class TileEmitter:
    """Makes tiles of a kernel's values, in the new kernel whose insertion point is current.

    Attributes:
        values: What the old kernel's block arguments, scalars and stored values are in the new one.
        reduce_tile: Makes the results of a reduction for a window: loops belong to the caller.
        outputs: The memrefs of the kernel's results.
        scopes: Tiles already made, innermost scope last.
        top: Where scalars are made, so that every loop sees them: just before the first nest.
    """

    values: dict[ir.Value, ir.Value]
    reduce_tile: Callable[[ir.Operation, Window], Sequence[ir.Value | None]]
    outputs: Sequence[ir.Value]
    scopes: list[dict[tuple[ir.Value, Window], ir.Value]] = field(default_factory=lambda: [{}])
    top: ir.InsertionPoint | None = None

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
        return self.top if self.top is not None else ir.InsertionPoint.current

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
            case QuotientOf(whole, divisor):
                floor = affine_map(1, lambda d: ir.AffineExpr.get_floor_div(d, divisor))
                return affine_apply(floor, [self._size(whole)])
            case _:
                return self.scalar(found)

    # -- places at dram ----------------------------------------------------------------------

    def is_placed(self, value: ir.Value) -> bool:
        """Whether a value at dram is a memref, or a view that a memref can be."""
        if value in self.values:
            return True
        op = defining_op(value)
        if op is None or op.name not in ("gir.slice", "gir.permute", "gir.reshape"):
            return False
        source = op.operands[0]
        if op.name == "gir.reshape":
            return source in self.values and memrefs.is_contiguous(self.values[source])
        return self.is_placed(source)

    def place(self, value: ir.Value) -> ir.Value:
        """The memref that a value at dram is, through its views."""
        if value in self.values:
            return self.values[value]
        op = producer(value)
        assert self.is_placed(value), f"'{op.name}' is stored before it is read"
        with self._at_kernel_top():
            source = self.place(op.operands[0])
            match op.name:
                case "gir.slice":
                    made = self.subview(op, source, segments(op)[1:4])
                case "gir.permute":
                    made = memrefs.transpose(source, integers(op.attributes["perm"]))
                case _:
                    sizes = [self.size(value, dim) for dim in range(value.type.rank)]
                    made = memrefs.reshape(source, value.type.shape, sizes)
        self.values[value] = made
        return made

    def subview(self, op: ir.Operation, memref: ir.Value, cut: Sequence[Sequence[ir.Value]]) -> ir.Value:
        """The box of a `gir.slice` or `gir.insert` in a memref."""
        names = ("static_offsets", "static_sizes", "static_strides")
        operands = [self.scalar(value) for group in cut for value in group]
        static = [list(op.attributes[name]) for name in names]
        drop = integers(op.attributes["drop"])
        return memrefs.subview(memref, operands, [len(group) for group in cut], static, drop)

    # -- tiles at reg ------------------------------------------------------------------------

    def known(self, value: ir.Value, window: Window) -> ir.Value | None:
        """A tile made before in a scope that is still open."""
        for scope in reversed(self.scopes):
            if (value, window) in scope:
                return scope[value, window]
        return None

    def remember(self, value: ir.Value, window: Window, tile: ir.Value) -> ir.Value:
        """Keeps a tile for the innermost scope."""
        self.scopes[-1][value, window] = tile
        return tile

    def tile(self, value: ir.Value, window: Window) -> ir.Value:
        """The tile at reg of a value for a window; a value at dram is loaded."""
        known = self.known(value, window)
        if known is not None:
            return known
        if gir.is_at(value, "dram") and self.is_placed(value):
            return self.remember(value, window, self._load(value, window))
        op = producer(value)
        with op.location:
            tiles = rule_of(op)(self, op, window)
        for result, tile in zip(op.results, tiles, strict=True):
            if tile is not None:  # A reduction's result without payload has the window's first dimensions.
                self.remember(result, window[: result.type.rank], tile)
        made = tiles[ir.OpResult(value).result_number]
        assert made is not None, f"'{op.name}' makes what it is asked for"
        return made

    def _load(self, value: ir.Value, window: Window) -> ir.Value:
        memref, type_ = self.place(value), tile_type(value, window)
        if any(axis.size > 1 and axis.step != 1 for axis in window):
            return create("gir.gather", [memref, *(places(dim, window) for dim in range(len(window)))], [type_]).result
        clip = any(axis.clip for axis in window)
        valid = [] if clip else valid_extents(window)
        attributes: dict[str, ir.Attribute] = {"operandSegmentSizes": i32_array([1, len(window), len(valid)])}
        if clip:
            attributes["clip"] = ir.UnitAttr.get()
        operands = [memref, *(axis.start for axis in window), *valid]
        return create("gir.load", operands, [type_], attributes).result

    def splat(self, scalar: ir.Value, type_: ir.Type) -> ir.Value:
        """A tile of a scalar of the old kernel."""
        return splat(self.scalar(scalar), type_)
