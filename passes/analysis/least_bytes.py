"""The least that a program must move from and to DRAM, whatever a compiler does.

Each element of a live-in that is touched must come in once, each element of a live-out must go
out once. Where a full reduction over T must have ended before T is used again, what of T doesn't
fit on chip comes in twice: + max(0, |T| - on-chip capacity).

    live-in [x] ---touched---> ... ---> [y] live-out         |touched x| + |y|
    max(T) feeds T - max(T):   T on chip: once; else the rest again

A matrix product of live-ins that is a live-out moves no less than its pebbling bound says
(`least_bytes_contractions`). A library operator cuts the program: what it takes and gives moves once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from powerfusion.core._mlir import (
    constant_of,
    defining_op,
    entry_block,
    functions,
    integers,
    is_tensor,
    operations,
    segments,
)
from powerfusion.mlir import ir
from powerfusion.passes.analysis.extents import Extents
from powerfusion.passes.analysis.least_bytes_contractions import products_of
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.symbolic import Count, product, total

VIEWS = ("tensor.cast", "tensor.expand_shape", "tensor.collapse_shape")
PARTIAL = ("gir.slice", "gir.gather", "gir.insert")  # not all of what they read need be in what they give
PLAIN = (*VIEWS, "gir.move", "gir.permute", "gir.reshape")  # an element of what they give is one of what they take
WINDOW = ("dims", "sizes", "strides", "dilations")
DROPPING = (("gir.slice", 0), ("gir.window", 0), ("gir.gather", 0), ("gir.insert", 1))  # the operand that they read so
ENDS = ("func.return", "gir.extern", "gir.yield", "gir.assert")
MOST_BOXES = 64  # beyond this many the union isn't worked out
Box = tuple[tuple[Count, Count, Count], ...]  # offset, size, stride per dimension
SolidBox = tuple[tuple[int, int], ...]  # offset, size


def least_dram_bytes(module: ir.Module, given: Mapping[int, tuple[int, ...] | int], on_chip_bytes: int) -> Count:
    """The least bytes from and to DRAM of a program in graph form."""
    return total(_Least(function, Extents(given), on_chip_bytes).bytes() for function in functions(module.operation))


def least_of_kernel(kernel: ir.Operation, extents: Extents) -> Count:
    """The least bytes from and to DRAM of a kernel alone: what it touches of its inputs, and its results, once."""
    least = _Least(kernel, extents, 0)
    for value, argument in zip(segments(kernel)[0], entry_block(kernel).arguments, strict=True):
        if is_tensor(value):
            least.note(kernel, value, argument)
    incoming = total(least.touched(value, boxes) for value, boxes in least.boxes.items())
    return incoming + total(least.volume(result) for result in kernel.results if is_tensor(result))


@dataclass
class _Least:
    function: ir.Operation
    extents: Extents
    on_chip_bytes: int
    boxes: dict[ir.Value, dict[ir.Value, list[Box | None]]] = field(default_factory=dict)  # per view of a live-in
    gathered: dict[ir.Value, Count] = field(default_factory=dict)

    def bytes(self) -> Count:
        """All terms together."""
        block = entry_block(self.function)
        ops = list(_flattened(block))
        self.kernels = [op for op in ops if op.name == "gir.kernel"]
        externs = [op for op in ops if op.name == "gir.extern"]
        for kernel in self.kernels:
            for value, argument in zip(segments(kernel)[0], entry_block(kernel).arguments, strict=True):
                if is_tensor(value):
                    self._touch(kernel, value, argument)
        incoming = total(self.touched(value, boxes) for value, boxes in self.boxes.items())
        returned = {_root(value) for value in operations(block)[-1].operands if is_tensor(value)}
        taken = {_root(value) for op in externs for value in segments(op)[0] if is_tensor(value)}
        outgoing = total(self.volume(value) for value in returned | taken if _is_from_kernel(value))
        own = total(self.volume(value) for op in externs for value in {*_tensors(op), *op.results})
        once = incoming + outgoing + self._reloads()
        return self._at_least(once, self._pebbling()) + own

    def _at_least(self, count: Count, bound: int) -> Count:
        """The larger of a count and a bound; of what is open, the count."""
        return max(count, bound) if isinstance(count, int) else count

    def _pebbling(self) -> int:
        """The largest pebbling bound of a contraction from live-ins to a live-out."""
        most = 0
        for kernel in self.kernels:
            fresh = all(_is_live_in(_root(value)) for value in segments(kernel)[0] if is_tensor(value))
            given = all(_is_returned(result) for result in kernel.results)
            if fresh and given:
                products = products_of(kernel, self.extents)
                most = max([most, *(product.least_bytes(self.on_chip_bytes) for product in products)])
        return most

    # -- live-ins ----------------------------------------------------------------------------

    def _touch(self, kernel: ir.Operation, value: ir.Value, argument: ir.Value) -> None:
        """Notes which boxes of a live-in a kernel reads."""
        if _is_live_in(_root(value)):
            self.note(kernel, value, argument)

    def note(self, kernel: ir.Operation, value: ir.Value, argument: ir.Value) -> None:
        """Notes which boxes of a tensor of the function a kernel reads."""
        root = _root(value)
        boxes = self.boxes.setdefault(root, {}).setdefault(_root(value, ("tensor.cast",)), [])
        for use in argument.uses:
            op = use.owner.operation
            if op.name == "tensor.dim":
                continue
            if op.name == "gir.window":
                boxes.append(self._begun(kernel, op))
                continue
            if op.name == "gir.gather":
                self.gathered[root] = self.gathered.get(root, 0) + self._asked(kernel, op.result)
                continue
            boxes.append(self._box(kernel, op) if op.name == "gir.slice" else None)

    def _asked(self, kernel: ir.Operation, value: ir.Value) -> Count:
        """Elements of a value in a kernel that are needed for certain: all, or those of the slice that most are of."""
        slices: list[tuple[ir.Operation, ir.Operation]] = []
        stack: list[tuple[ir.Operation, ir.Value, bool]] = [(kernel, value, True)]
        seen: set[tuple[ir.Value, bool]] = set()
        while stack:
            where, each, plain = stack.pop()
            if (each, plain) in seen:
                continue
            seen.add((each, plain))
            for use in each.uses:
                op, number = use.owner.operation, use.operand_number
                if op.name in ENDS or (op.name == "gir.return" and where == self.function):
                    return product(self.extents.shape_inside(kernel, value))
                if op.name == "gir.return":
                    stack.append((where, where.results[number], plain))
                elif op.name == "gir.kernel":
                    arguments = list(entry_block(op).arguments)
                    stack += [(op, argument, plain) for argument in arguments[number : number + 1]]
                elif op.name == "gir.slice" and plain:
                    slices.append((where, op))
                elif (op.name, number) not in DROPPING:
                    alike = plain and op.name.startswith((*PLAIN, "arith.", "math."))
                    stack += [(where, result, alike) for result in op.results]
        return _most([self._asked(where, op.result) for where, op in slices])

    def _box(self, kernel: ir.Operation, op: ir.Operation) -> Box:
        cut = segments(op)[1:4]
        names = ("static_offsets", "static_sizes", "static_strides")
        parts = [self.extents.box(kernel, op, name, dynamic) for name, dynamic in zip(names, cut, strict=True)]
        return tuple(zip(*parts, strict=True))

    def _begun(self, kernel: ir.Operation, op: ir.Operation) -> Box:
        """What of an input windows touch for sure: all from first to last where they meet, else their beginnings."""
        shape = self.extents.shape_inside(kernel, op.result)
        dims, widths, strides, dilations = (integers(op.attributes[name]) for name in WINDOW)
        box: list[tuple[Count, Count, Count]] = [(0, size, 1) for size in shape[: op.operands[0].type.rank]]
        for dim, width, stride, dilation in zip(dims, widths, strides, dilations, strict=True):
            meet = dilation == 1 and stride <= width
            last = (shape[dim] + -1) * stride
            box[dim] = (0, last + width, 1) if meet else (0, shape[dim], stride)
        return tuple(box)

    def touched(self, value: ir.Value, views: Mapping[ir.Value, list[Box | None]]) -> Count:
        """The distinct elements of a live-in in boxes, and as many as are gathered; at most all of it.

        Boxes of different views may overlap in any way: the view that touches most counts.
        """
        whole = self.volume(value)
        unions: list[Count] = []
        for boxes in views.values():
            known = [box for box in boxes if box is not None]
            if len(known) < len(boxes):
                return whole
            unions.append(_union(list(dict.fromkeys(known))) if known else 0)
        touched = (_most(unions) + self.gathered.get(value, 0)) * element_bytes(value)
        if isinstance(touched, int) and isinstance(whole, int):
            return min(touched, whole)
        return touched

    def volume(self, value: ir.Value) -> Count:
        """The bytes of all of a tensor."""
        return product([*self.extents.shape(value), element_bytes(value)])

    # -- what must come in twice -------------------------------------------------------------

    def _reloads(self) -> Count:
        """What of a tensor must be read again because a full reduction over it feeds its use."""
        again: dict[ir.Value, Count] = {}
        for kernel in self.kernels:
            for op in operations(entry_block(kernel)):
                if op.name == "gir.reduce" and len(integers(op.attributes["dims"])) == segments(op)[0][0].type.rank:
                    for root in self._used_after(op):
                        again[root] = self._excess(root)
        return total(again.values())

    def _excess(self, value: ir.Value) -> Count:
        volume = self.volume(value)
        return max(0, volume - self.on_chip_bytes) if isinstance(volume, int) else 0

    def _used_after(self, reduce: ir.Operation) -> set[ir.Value]:
        """Live-ins under a full reduction that are combined with what depends on it."""
        under = self._live_ins(segments(reduce)[0])
        late: set[ir.Value] = set()
        found: set[ir.Value] = set()
        for kernel in self.kernels:
            inputs = segments(kernel)[0]
            for argument, value in zip(entry_block(kernel).arguments, inputs, strict=True):
                if _root(value) in late or value in late:
                    late.add(argument)
            for op in operations(entry_block(kernel)):
                if op == reduce:
                    late.update(op.results)
                    continue
                if not any(operand in late for operand in op.operands):
                    continue
                late.update(op.results)
                fresh = [operand for operand in op.operands if operand not in late and is_tensor(operand)]
                found |= self._live_ins(fresh) & under
            returned = operations(entry_block(kernel))[-1].operands
            late.update(result for result, value in zip(kernel.results, returned, strict=True) if value in late)
        return found

    def _live_ins(self, values: list[ir.Value]) -> set[ir.Value]:
        """The live-ins that some values are computed from as a whole, through kernels."""
        found: set[ir.Value] = set()
        seen: set[ir.Value] = set()
        stack = list(values)
        while stack:
            value = stack.pop()
            if value in seen or not is_tensor(value):
                continue
            seen.add(value)
            op = defining_op(value)
            if op is None and (outer := self._outside(value)) is not None:
                stack.append(outer)
            elif op is None or op.name == "arith.constant":
                found.add(value)
            elif op.name == "gir.kernel":
                stack.append(operations(entry_block(op))[-1].operands[ir.OpResult(value).result_number])
            elif op.name not in PARTIAL:
                stack.extend(op.operands)
        return {value for value in found if _is_live_in(value)}

    def _outside(self, argument: ir.Value) -> ir.Value | None:
        for kernel in self.kernels:
            arguments = list(entry_block(kernel).arguments)
            if argument in arguments:
                return segments(kernel)[0][arguments.index(argument)]
        return None


def _root(value: ir.Value, through: Sequence[str] = VIEWS) -> ir.Value:
    """The tensor that a view of the function shows."""
    op = defining_op(value)
    while op is not None and op.name in through:
        value = op.operands[0]
        op = defining_op(value)
    return value


def _flattened(block: ir.Block) -> Iterator[ir.Operation]:
    """The ops of a block; of alternatives the first."""
    for op in operations(block):
        if op.name == "gir.alternatives":
            yield from _flattened(entry_block(op))
        else:
            yield op


def _tensors(op: ir.Operation) -> list[ir.Value]:
    """The tensors that a library operator takes."""
    return [value for value in segments(op)[0] if is_tensor(value)]


def _is_returned(value: ir.Value) -> bool:
    """True for what the function returns."""
    return any(use.owner.operation.name == "func.return" for use in value.uses)


def _is_live_in(value: ir.Value) -> bool:
    """True for an argument, for a constant that isn't the same everywhere, and for what a library gives."""
    op = defining_op(value)
    if op is not None and op.name == "gir.extern":
        return True
    if op is None:
        return value.owner.owner.operation.name == "func.func"
    constant = constant_of(value)
    return constant is not None and not (isinstance(constant, ir.DenseElementsAttr) and constant.is_splat)


def _is_from_kernel(value: ir.Value) -> bool:
    """True for what a kernel stores: constants are copied, and what nobody wrote isn't."""
    op = defining_op(value)
    return op is not None and op.name == "gir.kernel"


def _union(boxes: list[Box]) -> Count:
    """How many elements some boxes hold together; where that can't be said, the most that one holds."""
    volumes = [product(size for _, size, _ in box) for box in boxes]
    if len(boxes) == 1:
        return volumes[0]
    solid = [box for box in map(_numbers, boxes) if box is not None]
    return _most([*volumes, _solid_union(solid) if len(solid) <= MOST_BOXES else 0])


def _most(counts: Sequence[Count]) -> Count:
    """The largest of some counts that are numbers; the first where none is, 0 of none."""
    numbers = [count for count in counts if isinstance(count, int)]
    return max(numbers) if numbers else next(iter(counts), 0)


def _numbers(box: Box) -> SolidBox | None:
    """A box whose sizes are known and that has no holes."""
    solid: list[tuple[int, int]] = []
    for offset, size, stride in box:
        if not isinstance(offset, int) or not isinstance(size, int) or (stride != 1 and size != 1):
            return None
        solid.append((offset, size))
    return tuple(solid)


def _solid_union(boxes: list[SolidBox]) -> int:
    """Elements in the union of boxes without holes, summed dimension by dimension."""
    boxes = [box for box in boxes if all(size > 0 for _, size in box)]
    if not boxes:
        return 0
    if not boxes[0]:
        return 1
    cuts = sorted({edge for (offset, size), *_ in boxes for edge in (offset, offset + size)})
    count = 0
    for low, high in pairwise(cuts):
        covering = [box[1:] for box in boxes if box[0][0] <= low and box[0][0] + box[0][1] >= high]
        count += (high - low) * _solid_union(covering)
    return count
