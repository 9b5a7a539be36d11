"""`gir-forward-concats`: who reads tensors side by side reads these tensors.

Rewrite:
    %0 = gir.kernel "concat" (%x, %y) { gir.concat of stores of %x, %y }
    %1 = gir.kernel (%a = %0) { gir.move %a ... gir.move (gir.slice %a [0] [4]) }
  ⇒ %1 = gir.kernel (%a = %x, %b = %y) { gir.concat (gir.move %a), (gir.move %b) ... gir.move (gir.slice %a [0] [4]) }

Putting tensors side by side computes nothing: a kernel that does no more needs to run only where others than kernels
want the whole. Each load of it, through slices and permutations, is one of those parts that it takes something of;
where these are several they are put together at reg. No load has more elements than before, and what the kernel itself
loaded and stored is saved.

All readers must take parts at constant places; if one doesn't, a gather for instance, the kernel runs as before and
nothing changes. Parts are inputs, through slices and permutations, or hold one number everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    attributes_of,
    create,
    defining_op,
    entry_block,
    functions,
    has_uses,
    i64_array,
    integers,
    operations,
    segments,
    shape_of,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.drop_results import drop_results
from powerfusion.passes.fusion.rebuild import KernelCopy, is_naive

Shape = tuple[int, ...]
PLACES = ("offsets", "sizes", "strides")


@register_pass
@dataclass(frozen=True)
class ForwardConcatsPass(Pass):
    """Lets kernels read the parts of a concatenation."""

    name: ClassVar[str] = "gir-forward-concats"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites the readers of each kernel of a module, those that read before those that they read."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for kernel in reversed(operations(block)):
                    if is_naive(kernel):
                        _forward(kernel)


@dataclass(frozen=True)
class _View:
    """A slice or a permutation: the op's name, its attributes and the shape that it gives."""

    name: str
    attributes: dict[str, ir.Attribute]
    shape: Shape

    def without(self, units: Sequence[int]) -> tuple[_View, tuple[int, ...]]:
        """The view of what lacks dimensions of size 1, and those of its result that this then lacks."""
        if self.name == "gir.permute":
            perm = integers(self.attributes["perm"])
            left = [dim for dim in perm if dim not in units]
            lacking = tuple(at for at, dim in enumerate(perm) if dim in units)
            attributes = {"perm": i64_array([sorted(left).index(dim) for dim in left])}
        else:
            columns = [integers(self.attributes[f"static_{name}"]) for name in PLACES]
            kept = [dim for dim in range(len(columns[0])) if dim not in units]
            drop = integers(self.attributes["drop"])
            there = [dim for dim in range(len(columns[0])) if dim not in drop]
            lacking = tuple(at for at, dim in enumerate(there) if dim in units)
            attributes = self.attributes | {
                f"static_{name}": i64_array([column[dim] for dim in kept])
                for name, column in zip(PLACES, columns, strict=True)
            }
            attributes["drop"] = i64_array([kept.index(dim) for dim in drop if dim in kept])
        shape = tuple(size for dim, size in enumerate(self.shape) if dim not in lacking)
        return _View(self.name, attributes, shape), lacking


@dataclass(frozen=True)
class _Part:
    """One of the tensors that stand side by side.

    Attributes:
        shape: Its shape.
        source: The value of the function that it is of; None of one that holds one number everywhere.
        views: What is done to that, in order.
        units: Dimensions of size 1 that it has and what the views give hasn't.
        number: The number that it holds otherwise.
    """

    shape: Shape
    source: ir.Value | None
    views: tuple[_View, ...] = ()
    units: tuple[int, ...] = ()
    number: ir.Attribute | None = None

    def seen(self, view: _View) -> _Part:
        """The part through one more view."""
        own, units = view.without(self.units)
        return replace(self, shape=view.shape, views=(*self.views, own), units=units)

    def load(self, inside: Callable[[ir.Value], ir.Value], element: ir.Type) -> ir.Value:
        """The part at `reg`, made at the insertion point."""
        type_ = gir.tensor_at("reg", list(self.shape), element)
        if self.source is None:
            assert self.number is not None, "a part is one or the other"
            splat = ir.DenseElementsAttr.get_splat(type_, self.number)
            return create("arith.constant", [], [type_], {"value": splat}).result
        value = inside(self.source)
        for view in self.views:
            value = create(
                view.name, [value], [gir.tensor_at("dram", list(view.shape), element)], view.attributes
            ).result
        inner = [size for dim, size in enumerate(self.shape) if dim not in self.units]
        value = create("gir.move", [value], [gir.tensor_at("reg", inner, element)]).result
        if not self.units:
            return value
        zero = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 0)
        return create("gir.broadcast", [value], [type_], {"dims": i64_array(self.units), "pass": zero}).result


@dataclass(frozen=True)
class _Row:
    """Parts side by side along a dimension."""

    dim: int
    parts: tuple[_Part, ...]

    def seen(self, view: _View) -> _Row:
        """The row through a view."""
        if view.name == "gir.permute":
            perm = integers(view.attributes["perm"])
            shapes = [tuple(part.shape[dim] for dim in perm) for part in self.parts]
            turned = (part.seen(replace(view, shape=shape)) for part, shape in zip(self.parts, shapes, strict=True))
            return _Row(perm.index(self.dim), tuple(turned))
        dim = self.dim - sum(dropped < self.dim for dropped in integers(view.attributes["drop"]))
        return _Row(dim, tuple(self._cut(view, dim)))

    def _cut(self, view: _View, dim: int) -> Iterator[_Part]:
        """What a slice takes of each part, where it takes any."""
        begins, sizes, steps = (integers(view.attributes[f"static_{name}"]) for name in PLACES)
        begin, size, step = begins[self.dim], sizes[self.dim], steps[self.dim]
        start = 0
        for part in self.parts:
            end = start + part.shape[self.dim]
            first = max(-((begin - start) // step), 0)  # of the elements that the slice takes, those of this part
            behind = min(-((begin - end) // step), size)
            if first < behind:
                begins[self.dim], sizes[self.dim] = begin + first * step - start, behind - first
                attributes = view.attributes | {
                    "static_offsets": i64_array(begins),
                    "static_sizes": i64_array(sizes),
                }
                shape = list(view.shape)
                if self.dim not in integers(view.attributes["drop"]):
                    shape[dim] = behind - first
                yield part.seen(_View(view.name, attributes, tuple(shape)))
            start = end

    def load(self, inside: Callable[[ir.Value], ir.Value], element: ir.Type, shape: Sequence[int]) -> ir.Value:
        """The whole at `reg`, made at the insertion point."""
        loaded = [part.load(inside, element) for part in self.parts]
        if len(loaded) == 1:
            return loaded[0]
        attributes = {"dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), self.dim)}
        return create("gir.concat", loaded, [gir.tensor_at("reg", list(shape), element)], attributes).result


def _forward(kernel: ir.Operation) -> None:
    """Lets readers of a kernel's results load the parts that these are put together from."""
    returned = operations(entry_block(kernel))[-1].operands
    done = False
    for result, value in zip(kernel.results, returned, strict=True):
        row = _row(kernel, value)
        if row is None or not has_uses(result) or not all(_is_readable(use) for use in result.uses):
            continue
        readers = list(dict.fromkeys(use.owner.operation for use in result.uses))
        for reader in readers:
            _rebuild(reader, result, row)
        count("concatenations forwarded")
        done = True
    if not done:
        return
    if any(has_uses(result) for result in kernel.results):
        drop_results(kernel)
    else:
        kernel.erase()


def _row(kernel: ir.Operation, value: ir.Value) -> _Row | None:
    """What a kernel puts together and returns; None where it does more than that."""
    op = defining_op(value)
    if op is None or op.name != "gir.concat" or any(inner.name == "gir.assert" for inner in _body(kernel)):
        return None
    inputs: dict[ir.Value, ir.Value] = dict(zip(entry_block(kernel).arguments, segments(kernel)[0], strict=True))
    parts: list[_Part] = []
    for operand in op.operands:
        part = _part(operand, inputs)
        if part is None:
            return None
        parts.append(part)
    return _Row(ir.IntegerAttr(op.attributes["dim"]).value, tuple(parts))


def _body(kernel: ir.Operation) -> list[ir.Operation]:
    return operations(entry_block(kernel))


def _part(stored: ir.Value, inputs: dict[ir.Value, ir.Value]) -> _Part | None:
    """What is stored as it was loaded, or as one number; None where it is something else."""
    store = defining_op(stored)
    load = None if store is None or store.name != "gir.move" else defining_op(store.operands[0])
    if load is None or DYNAMIC in shape_of(stored):
        return None
    units: tuple[int, ...] = ()
    if load.name == "gir.broadcast" and (inner := defining_op(load.operands[0])) is not None:
        units, load = tuple(integers(load.attributes["dims"])), inner
        if any(shape_of(stored)[dim] != 1 for dim in units):
            return None
    if load.name == "arith.constant":
        number = load.attributes["value"]
        splat = isinstance(number, ir.DenseElementsAttr) and number.is_splat
        return _Part(shape_of(stored), None, number=number.get_splat_value()) if splat else None
    if load.name != "gir.move":
        return None
    value, views = load.operands[0], list[_View]()
    while (op := defining_op(value)) is not None:
        if not _is_view(op):
            return None
        views.insert(0, _view(op))
        value = op.operands[0]
    return _Part(shape_of(stored), inputs[value], tuple(views), units) if value in inputs else None


def _is_view(op: ir.Operation) -> bool:
    """Whether an op shows elements at constant places of what is at dram."""
    if not gir.is_at(op.results[0], "dram"):
        return False
    return op.name == "gir.permute" or (op.name == "gir.slice" and len(op.operands) == 1)


def _view(op: ir.Operation) -> _View:
    return _View(op.name, attributes_of(op), shape_of(op.result))


def _is_readable(use: ir.OpOperand) -> bool:
    """Whether a use of a kernel's result is by a kernel that loads it, or parts of it at constant places."""
    reader = use.owner.operation
    if not is_naive(reader) or use.operand_number >= len(segments(reader)[0]):
        return False
    stack = [entry_block(reader).arguments[use.operand_number]]
    while stack:
        for inner in stack.pop().uses:
            op = inner.owner.operation
            if _is_view(op):
                stack.append(op.result)
            elif op.name != "gir.move" or not gir.is_at(op.result, "reg"):
                return False
    return True


def _rebuild(reader: ir.Operation, result: ir.Value, row: _Row) -> None:
    """Makes a reader anew that loads the parts of a row in place of what they were put together to."""
    inputs = segments(reader)[0]
    rows = {
        argument: row for argument, value in zip(entry_block(reader).arguments, inputs, strict=True) if value == result
    }

    def emit(op: ir.Operation, copy: KernelCopy) -> bool:
        if not op.operands or op.operands[0] not in rows:
            return False
        seen = rows[op.operands[0]]
        if _is_view(op):
            rows[op.result] = seen.seen(_view(op))
            return True
        with op.location:
            copy.known[op.result] = seen.load(copy.inside, op.result.type.element_type, shape_of(op.result))
        return True

    KernelCopy(reader, [part.source for part in row.parts if part.source is not None], emit).run()
