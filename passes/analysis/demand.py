"""Which elements of each value of a program in graph form are needed for certain: from results back to operands.

    y = slice (exp x) [0][4][1]        of y all, of exp x and so of x elements 0 to 3
    s = reduce <add> x dims [1]        of s row 2, of x row 2

What isn't known to be needed isn't said to be: a program may move less than all, never less than this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import defining_op, entry_block, integers, is_tensor, operations, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.boxes import (
    MOST_BOXES,
    Box,
    Span,
    common,
    most,
    reshaped,
    union_volume,
    volume,
    whole,
    without,
)
from powerfusion.passes.analysis.extents import Extents
from powerfusion.passes.analysis.ledger_names import contracted
from powerfusion.passes.analysis.spaces import folded_input
from powerfusion.symbolic import Count, product

ELEMENTWISE = ("arith.", "math.", "gir.move", "tensor.cast")
RESHAPES = ("gir.reshape", "tensor.expand_shape", "tensor.collapse_shape")


@dataclass
class Demand:
    """What is needed of a value.

    Attributes:
        boxes: Elements that are needed; a box of its whole shape where all are.
        some: At least this many are, no telling which.
        gathered: As many are looked up, at indices that nobody knows; rows looked up twice count twice.
    """

    boxes: list[Box] = field(default_factory=list)
    some: Count = 0
    gathered: Count = 0

    def add(self, other: Demand) -> None:
        """Notes what another use needs."""
        self.boxes = list(dict.fromkeys([*self.boxes, *other.boxes]))
        self.some = most([self.some, other.some])
        self.gathered = self.gathered + other.gathered

    def settle(self, shape: Sequence[Count]) -> None:
        """Leaves out what is empty or said twice; parts that are all of a shape become its whole box."""
        every = whole(shape)
        kept = [box for box in self.boxes if volume(box) != 0]
        if every in kept or (kept and union_volume(kept) == product(shape)):
            kept = [every]
        if len(kept) > MOST_BOXES:
            sized = [(size, box) for box in kept if isinstance(size := volume(box), int)]
            kept = [box for _, box in sorted(sized, key=lambda each: -each[0])[:MOST_BOXES]]
        self.boxes = kept

    def elements(self, shape: Sequence[Count]) -> Count:
        """How many elements of a value of a shape are needed: at most all."""
        needed = most([union_volume(self.boxes), self.some]) + self.gathered
        every = product(shape)
        return min(needed, every) if isinstance(needed, int) and isinstance(every, int) else needed

    @property
    def is_empty(self) -> bool:
        """True where nothing is known to be needed."""
        return not self.boxes and self.some == 0 and self.gathered == 0


Needs = Iterator[tuple[ir.Value, Demand]]


@dataclass
class Demands:
    """The demand of each value of a function, or of a kernel alone."""

    extents: Extents
    by_value: dict[ir.Value, Demand] = field(default_factory=dict)
    kernel: ir.Operation | None = None  # the one whose body is walked

    def of_function(self, function: ir.Operation, is_stored: Callable[[ir.Value], bool]) -> None:
        """Walks a function; of what it returns, or a library takes, all that `is_stored` says a kernel makes."""
        self._walk(operations(entry_block(function)), is_stored)

    def of_kernel(self, kernel: ir.Operation) -> None:
        """Walks a kernel all of whose results are needed."""
        for result in filter(is_tensor, kernel.results):
            self.need(result, Demand([whole(self.shape(result))]))
        self._enter(kernel)

    def need(self, value: ir.Value, demand: Demand) -> None:
        """Notes that something of a value is needed."""
        if not demand.is_empty:
            self.by_value.setdefault(value, Demand()).add(demand)

    def of(self, value: ir.Value) -> Demand:
        """What is needed of a value, by all its uses that have been walked."""
        found = self.by_value.get(value) or Demand()
        if found.boxes:
            found.settle(self.shape(value))
        return found

    def shape(self, value: ir.Value) -> list[Count]:
        """The shape of a value of the function, or of the kernel that is walked."""
        if self.kernel is not None and _is_inside(value, self.kernel):
            return self.extents.shape_inside(self.kernel, value)
        return self.extents.shape(value)

    # -- the walk ----------------------------------------------------------------------------

    def _walk(self, ops: Sequence[ir.Operation], is_stored: Callable[[ir.Value], bool]) -> None:
        for op in reversed(ops):
            if op.name in ("func.return", "gir.extern"):
                given = segments(op)[0] if op.name == "gir.extern" else op.operands
                for value in filter(is_tensor, given):
                    if is_stored(value):
                        self.need(value, Demand([whole(self.shape(value))]))
            elif op.name == "gir.kernel":
                self._enter(op)
            elif op.name == "gir.alternatives":
                *body, end = operations(entry_block(op))
                for result, value in zip(op.results, end.operands, strict=True):
                    self.need(value, self.of(result))
                self._walk(body, is_stored)
            else:
                self._back(op)

    def _enter(self, kernel: ir.Operation) -> None:
        block = entry_block(kernel)
        *body, end = operations(block)
        for result, value in zip(kernel.results, end.operands, strict=True):
            self.need(value, self.of(result))
        self.kernel = kernel
        self._walk(body, lambda _: False)
        needed = [self.of(argument) for argument in block.arguments]
        self.kernel = None
        for value, demand in zip(segments(kernel)[0], needed, strict=True):
            self.need(value, demand)

    def _back(self, op: ir.Operation) -> None:
        """From what is needed of an op's results to what is of its operands."""
        if op.name == "gir.assert":
            self.need(op.operands[0], Demand([whole(self.shape(op.operands[0]))]))
            return
        rule = RULES.get(op.name) or (_elementwise if op.name.startswith(ELEMENTWISE) else None)
        for result in filter(is_tensor, op.results):
            demand = self.of(result)
            if rule is not None and not demand.is_empty:
                for value, needed in rule(self, op, result, demand):
                    self.need(value, needed)


def _is_inside(value: ir.Value, kernel: ir.Operation) -> bool:
    op = defining_op(value)
    return (value.owner.owner.operation if op is None else op.parent.operation) == kernel


# -- rules: what of an op's operands is needed for a part of a result ---------------------------


def _elementwise(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    """The same elements."""
    for value in filter(is_tensor, op.operands):
        yield value, Demand(list(demand.boxes), demand.some, demand.gathered)


def _permute(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    perm = integers(op.attributes["perm"])
    boxes = [tuple(box[perm.index(dim)] for dim in range(len(perm))) for box in demand.boxes]
    yield op.operands[0], Demand(boxes, demand.some, demand.gathered)


def _broadcast(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    new = integers(op.attributes["dims"])
    boxes = [tuple(span for dim, span in enumerate(box) if dim not in new) for box in demand.boxes]
    yield op.operands[0], Demand(boxes)


def _reshape(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    """Boxes that are boxes in the other shape, too; of others how many elements they have."""
    source = op.operands[0]
    needed = Demand([], demand.some, demand.gathered)
    for box in demand.boxes:
        found = reshaped(box, walk.shape(result), walk.shape(source))
        needed.add(Demand([], volume(box)) if found is None else Demand(found))
    yield source, needed


def _box(walk: Demands, op: ir.Operation) -> Box:
    """The box that a slice or an insertion names."""
    assert walk.kernel is not None
    names, dynamic = ("static_offsets", "static_sizes", "static_strides"), segments(op)[-3:]
    parts = [walk.extents.box(walk.kernel, op, name, each) for name, each in zip(names, dynamic, strict=True)]
    return tuple(zip(*parts, strict=True))


def _slice(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    drop, cut = integers(op.attributes["drop"]), _box(walk, op)
    boxes: list[Box] = []
    for box in demand.boxes:
        spans = iter(box)
        kept = [(0, 1, 1) if dim in drop else next(spans) for dim in range(len(cut))]
        boxes.append(tuple(_within(inner, outer) for inner, outer in zip(kept, cut, strict=True)))
    yield op.operands[0], Demand(boxes, demand.some, demand.gathered)


def _within(inner: Span, outer: Span) -> Span:
    """A span of what another span takes."""
    (offset, size, stride), (start, _, step) = inner, outer
    return (start + offset * step, size, 1 if size == 1 else stride * step)


def _concat(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    dim = ir.IntegerAttr(op.attributes["dim"]).value
    shape, low = walk.shape(result), 0
    for value in op.operands:
        size = walk.shape(value)[dim]
        yield value, Demand(_cut(demand.boxes, dim, low, size, shape[dim]))
        low = low + size


def _cut(boxes: Sequence[Box], dim: int, low: Count, size: Count, extent: Count) -> list[Box]:
    """What of boxes lies in a part of one dimension, counted from its beginning."""
    found = [(box, common(box[dim], low, size, extent)) for box in boxes]
    return [(*box[:dim], span, *box[dim + 1 :]) for box, span in found if span is not None]


def _pad(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    assert walk.kernel is not None
    source, boxes = op.operands[0], demand.boxes
    low = walk.extents.box(walk.kernel, op, "static_low", segments(op)[2])
    for dim, (size, extent) in enumerate(zip(walk.shape(source), walk.shape(result), strict=True)):
        boxes = _cut(boxes, dim, low[dim], size, extent)
    yield source, Demand(boxes)


def _insert(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    """Of the source what is needed of its box; of the destination what is needed beside it."""
    source, dest = op.operands[0], op.operands[1]
    drop, hole, shape = integers(op.attributes["drop"]), _box(walk, op), walk.shape(result)
    if whole(shape) in demand.boxes:
        yield source, Demand([whole(walk.shape(source))])
    elif all(stride == 1 or size == 1 for _, size, stride in hole):
        boxes = demand.boxes
        for dim, (low, size, _) in enumerate(hole):
            boxes = _cut(boxes, dim, low, size, shape[dim])
        yield source, Demand([tuple(span for dim, span in enumerate(box) if dim not in drop) for box in boxes])
    yield dest, Demand([part for box in demand.boxes for part in without(box, hole)])


def _window(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    """All from first to last where neighbourhoods meet, else their beginnings."""
    dims = integers(op.attributes["dims"])
    strides, dilations = (integers(op.attributes[name]) for name in ("strides", "dilations"))
    boxes: list[Box] = []
    for box in demand.boxes:
        source = list(box[: len(box) - len(dims)])
        for entry, dim in enumerate(dims):
            offset, count, step = source[dim]
            first, width, apart = box[len(source) + entry]
            apart, step = apart * dilations[entry], step * strides[entry]
            start = offset * strides[entry] + first * dilations[entry]
            if apart == 1 and isinstance(width, int) and isinstance(step, int) and step <= width:
                source[dim] = (start, (count + -1) * step + width, 1)
            elif count == 1:
                source[dim] = (start, width, apart)
            else:
                source[dim] = (start, count, step)
        boxes.append(tuple(source))
    yield op.operands[0], Demand(boxes)


def _gather(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    """Of the table as many elements as are looked up, of indices the same as of the result."""
    table, *indices = op.operands
    yield table, Demand(gathered=demand.elements(walk.shape(result)))
    for value in indices:
        yield value, Demand(list(demand.boxes), demand.some, demand.gathered)


def _scatter(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    """All indices; all values where all of the table is needed; of the table below what is needed of the result."""
    value, dest, *indices = op.operands
    every = [whole(walk.shape(value))]
    for index in indices:
        yield index, Demand(list(every))
    if whole(walk.shape(result)) in demand.boxes:
        yield value, Demand(every)
    yield dest, Demand(list(demand.boxes), demand.some, demand.gathered)


def _reduce(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    inputs, inits, _ = segments(op)
    dims, number = integers(op.attributes["dims"]), ir.OpResult(result).result_number
    yield inits[number], Demand(list(demand.boxes), demand.some, demand.gathered)
    shared = min(value.type.rank for value in inputs)
    own = folded_input(inputs, number, result.type.rank + len(dims))
    for value in [own] if "kinds" in op.attributes else dict.fromkeys(inputs):
        shape = walk.shape(value)
        boxes = [_unfolded(box, dims, shape, shape[shared:] if value != own else ()) for box in demand.boxes]
        yield value, Demand(boxes, demand.some * product(shape[dim] for dim in dims) if value == own else 0)


def _unfolded(box: Box, dims: Sequence[int], shape: Sequence[Count], payload: Sequence[Count]) -> Box:
    """What of an input a part of a result is folded from; of payload that isn't the result's own nothing is known."""
    spans = iter(box)
    common_rank = len(shape) - len(payload)
    found = [(0, shape[dim], 1) if dim in dims else next(spans) for dim in range(common_rank)]
    return (*found, *((0, 0, 1) for _ in payload))


def _scan(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    """All that comes before, in the order of the scan."""
    inputs, inits, _ = segments(op)
    dim, number = ir.IntegerAttr(op.attributes["dim"]).value, ir.OpResult(result).result_number
    is_final = number >= len(inputs)
    own = inputs[number % len(inputs)]
    shared = min(value.type.rank for value in inputs)
    for value in [own] if "kinds" in op.attributes else dict.fromkeys(inputs):
        shape = walk.shape(value)
        boxes: list[Box] = []
        for box in demand.boxes:
            along = (0, shape[dim], 1) if is_final else _before(op, box[dim], shape[dim])
            found = (*box[:dim], along, *box[dim if is_final else dim + 1 :])
            payload = value.type.rank - shared
            boxes.append(found if value == own else (*found[:shared], *((0, 0, 1) for _ in range(payload))))
        yield value, Demand(boxes)
    dropped = [box if is_final else (*box[:dim], *box[dim + 1 :]) for box in demand.boxes]
    yield inits[number % len(inits)], Demand(dropped)


def _before(op: ir.Operation, span: Span, extent: Count) -> Span:
    """What a scan has seen when it has come to the end of a span."""
    offset, size, stride = span
    less = 1 if "exclusive" in op.attributes else 0
    if "reverse" in op.attributes:
        return (offset + less, extent + offset * -1 + -less, 1)
    return (0, offset + (size + -1) * stride + (1 - less), 1)


def _contract(walk: Demands, op: ir.Operation, result: ir.Value, demand: Demand) -> Needs:
    *sides, given = contracted(op)
    for value, dims in zip(op.operands, sides, strict=False):
        shape = walk.shape(value)
        boxes = [
            tuple(
                box[given.index(dim)] if dim in given else (0, size, 1) for dim, size in zip(dims, shape, strict=True)
            )
            for box in demand.boxes
        ]
        yield value, Demand(boxes)
    yield op.operands[2], Demand(list(demand.boxes), demand.some, demand.gathered)


Rule = Callable[[Demands, ir.Operation, ir.Value, Demand], Needs]
RULES: dict[str, Rule] = {
    "gir.permute": _permute,
    "gir.broadcast": _broadcast,
    "gir.slice": _slice,
    "gir.concat": _concat,
    "gir.pad": _pad,
    "gir.insert": _insert,
    "gir.window": _window,
    "gir.gather": _gather,
    "gir.scatter": _scatter,
    "gir.reduce": _reduce,
    "gir.scan": _scan,
    "gir.contract": _contract,
    **dict.fromkeys(RESHAPES, _reshape),
}
