"""Building naive kernels: what every raised operator does on its way in and out.

A `KernelBuilder` collects what a kernel takes (tensors, sizes, scalars), opens it in place of the
operator, and moves operands to `reg` and results back to `dram`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import DYNAMIC, create, defining_op, element_of, entry_block, integer_of, mixed, segments
from powerfusion.dialects import gir
from powerfusion.mlir import ir

Size = int | ir.Value


def size_of(value: ir.Value, dim: int) -> Size:
    """The size of a tensor's dimension at function level: a number, or an index value.

    Looks through what states its sizes (`gir.kernel`, `tensor.empty`, `tensor.cast`), so that no
    size depends on a kernel; otherwise makes a `tensor.dim` at the insertion point.
    """
    static = value.type.shape[dim]
    if static != DYNAMIC:
        return static
    op = defining_op(value)
    if op is not None:
        if op.name == "tensor.cast":
            return size_of(op.operands[0], dim)
        if op.name == "tensor.empty":
            return list(op.operands)[_dynamic_before(value.type, dim)]
        if op.name == "gir.kernel":
            skipped = sum(
                _dynamic_before(result.type, result.type.rank) for result in op.results if _before(result, value)
            )
            return segments(op)[1][skipped + _dynamic_before(value.type, dim)]
    index = create(
        "arith.constant",
        results=[ir.IndexType.get()],
        attributes={"value": ir.IntegerAttr.get(ir.IndexType.get(), dim)},
    )
    return create("tensor.dim", [value, index.result], [ir.IndexType.get()]).result


def _dynamic_before(type_: ir.RankedTensorType, dim: int) -> int:
    return sum(size == DYNAMIC for size in type_.shape[:dim])


def _before(result: ir.OpResult, value: ir.Value) -> bool:
    return result.result_number < ir.OpResult(value).result_number


def refine(value: ir.Value, shape: Sequence[int]) -> ir.Value:
    """Casts a tensor at function level to a shape that knows more of its sizes."""
    if list(value.type.shape) == list(shape):
        return value
    type_ = ir.RankedTensorType.get(list(shape), value.type.element_type, value.type.encoding)
    return create("tensor.cast", [value], [type_]).result


def simplify_size(size: Size) -> Size:
    """An index value that is a constant becomes its number."""
    if isinstance(size, int):
        return size
    known = integer_of(size)
    return size if known is None else known


@dataclass
class KernelBuilder:
    """A kernel under construction: inputs are added first, `open` makes the op, then the body."""

    name: str
    loc: ir.Location
    inputs: list[ir.Value] = field(default_factory=list)
    op: ir.Operation | None = None

    def add(self, value: ir.Value) -> None:
        """Makes a value of the function an input of the kernel."""
        if value not in self.inputs:
            self.inputs.append(value)

    def add_sizes(self, sizes: Sequence[Size]) -> None:
        """Makes the dynamic ones among some sizes inputs of the kernel."""
        for size in sizes:
            if not isinstance(size, int):
                self.add(size)

    def open(self, results: Sequence[ir.Type], sizes: Sequence[ir.Value]) -> ir.InsertionPoint:
        """Makes the kernel at the insertion point; what follows belongs into the point returned."""
        made = gir.kernel(self.name, self.inputs, list(sizes), list(results), self.loc).operation
        self.op = made
        return ir.InsertionPoint(entry_block(made))

    def inside(self, value: ir.Value) -> ir.Value:
        """The block argument that stands for an input."""
        assert self.op is not None, "open() comes before the body"
        return entry_block(self.op).arguments[self.inputs.index(value)]

    def size_inside(self, size: Size) -> Size:
        """A size as the body sees it."""
        return size if isinstance(size, int) else self.inside(size)

    def close(self, values: Sequence[ir.Value]) -> list[ir.Value]:
        """Stores values at `dram` unless they are there, returns them; gives the kernel's results."""
        assert self.op is not None, "open() comes before the body"
        create("gir.return", [store(value, self.loc) for value in values], loc=self.loc)
        return list(self.op.results)


def move(value: ir.Value, level: str, loc: ir.Location) -> ir.Value:
    """Moves a value to a level."""
    type_ = gir.tensor_at(level, value.type.shape, element_of(value.type))
    return create("gir.move", [value], [type_], loc=loc).result


def load(value: ir.Value, loc: ir.Location) -> ir.Value:
    """Moves a value from `dram` to `reg`."""
    return move(value, "reg", loc)


def store(value: ir.Value, loc: ir.Location) -> ir.Value:
    """Moves a value from `reg` to `dram`; what is at `dram` stays."""
    return value if gir.is_at(value, "dram") else move(value, "dram", loc)


def zero_of(type_: ir.Type) -> ir.Attribute:
    """Zero of an element type."""
    return ir.FloatAttr.get(type_, 0.0) if isinstance(type_, ir.FloatType) else ir.IntegerAttr.get(type_, 0)


def splat(scalar: ir.Value, shape: Sequence[int], sizes: Sequence[ir.Value], loc: ir.Location) -> ir.Value:
    """A scalar as a tensor at `reg`; `sizes` are the dynamic ones."""
    return create("tensor.splat", [scalar, *sizes], [gir.tensor_at("reg", list(shape), scalar.type)], loc=loc).result


def dropped_dims(sizes: Sequence[int], shape: Sequence[int]) -> list[int]:
    """Which unit dimensions of a box a rank-reduced type leaves out, as upstream reads it."""
    dropped: list[int] = []
    kept = list(shape)
    for dim, size in enumerate(sizes):
        if (
            kept
            and kept[0] == size
            and not (size == 1 and len(sizes) - dim > len(kept) and _rest_fits(sizes[dim + 1 :], kept))
        ):
            kept.pop(0)
            continue
        dropped.append(dim)
    return dropped


def _rest_fits(sizes: Sequence[int], shape: Sequence[int]) -> bool:
    """True if the sizes left could still hold the whole shape, so that a unit may go first."""
    return False if len(sizes) < len(shape) else list(sizes[len(sizes) - len(shape) :]) == list(shape)


def mixed_box(op: ir.Operation, first: int) -> tuple[list[Size], list[Size], list[Size]]:
    """Offsets, sizes and strides of a tensor slice; `first` is the segment of the offsets."""
    cut = segments(op)
    boxes = (("static_offsets", 0), ("static_sizes", 1), ("static_strides", 2))
    offsets, sizes, strides = ([simplify_size(v) for v in mixed(op, cut[first + at], name)] for name, at in boxes)
    return offsets, sizes, strides
