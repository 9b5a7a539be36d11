"""`gir-merge-kernels`: operators with the same parallel decomposition become one kernel.

A kernel merges with one that reads its result, or with one that reads the same input, if both run
over the same space in the same way, so that one pass over it serves both:

- the dimensions that they run in parallel are the same, or a producer without reductions runs
  over all that its consumer sweeps;
- nothing that depends on a reduction is spread again over what was reduced, which would take a
  second pass (that is a choice, and `place` makes it);
- no third operator stands between them.

Loads that both make are shared, and stores that only the other read cancel (`forward_stores`), so
bytes at every level and the number of launches only fall.

    %1 = gir.kernel (%x) { max(%x, 0) }       ⇒   %2 = gir.kernel (%x, %y) { max(%x, 0) + %y }
    %2 = gir.kernel (%1, %y) { %1 + %y }
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    create,
    defining_op,
    entry_block,
    functions,
    is_tensor,
    operations,
    segments,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim, Spaces, reduced_classes
from powerfusion.passes.fusion.forward_stores import forward_stores
from powerfusion.passes.fusion.rebuild import copy_op, drop_unused_inputs, sort_block, unique

MERGED_OPS = (
    "gir.move",
    "gir.permute",
    "gir.broadcast",
    "gir.iota",
    "gir.reduce",
    "gir.slice",
    "gir.assert",
    "gir.return",
    "tensor.splat",
    "tensor.dim",
)
LONGEST_NAME = 5  # ops that the name of a merged kernel lists
ELLIPSIS = "_etc"


@register_pass
@dataclass(frozen=True)
class MergeKernelsPass(Pass):
    """Merges kernels that run over the same space in the same way."""

    name: ClassVar[str] = "gir-merge-kernels"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})
    max_ops: int = option(256, help="Ops in a kernel beyond which it is merged no further")

    def run(self, op: ir.Operation) -> None:
        """Merges until nothing merges any more."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                while self._merge_one(block):
                    pass

    def _merge_one(self, block: ir.Block) -> bool:
        for first, second in _candidates(block):
            if len(operations(entry_block(first))) + len(operations(entry_block(second))) > self.max_ops:
                continue
            if _path_between(first, second) or not Merge(first, second).is_legal():
                continue
            merge(first, second)
            return True
        return False


def _candidates(block: ir.Block) -> Iterator[tuple[ir.Operation, ir.Operation]]:
    """Pairs of kernels, in program order, of which the second reads a result or an input of the first."""
    kernels = [op for op in operations(block) if op.name == "gir.kernel"]
    readers: dict[ir.Value, list[ir.Operation]] = {}
    for kernel in kernels:
        for value in unique([v for v in segments(kernel)[0] if is_tensor(v)]):
            producer = defining_op(value)
            if producer is not None and producer.name == "gir.kernel":
                yield producer, kernel
            for other in readers.get(value, []):
                yield other, kernel
            readers.setdefault(value, []).append(kernel)


def _path_between(first: ir.Operation, second: ir.Operation) -> bool:
    """True if a third op needs the first kernel and is needed by the second."""
    reached: set[ir.Operation] = set()
    stack = [use.owner.operation for result in first.results for use in result.uses]
    stack = [op for op in stack if op != second]
    while stack:
        op = stack.pop()
        if op in reached:
            continue
        reached.add(op)
        for result in op.results:
            for use in result.uses:
                user = use.owner.operation
                if user == second:
                    return True
                stack.append(user)
    return False


class Merge:
    """Two kernels as one would be: their ops in one union of dimensions."""

    def __init__(self, first: ir.Operation, second: ir.Operation) -> None:
        self.first, self.second = first, second
        self.bodies = [operations(entry_block(first)), operations(entry_block(second))]

    def is_legal(self) -> bool:
        """Whether one pass over one space serves both."""
        if not all(_is_plain(op) for body in self.bodies for op in body):
            return False
        self.spaces = Spaces()
        for body in self.bodies:
            for op in body:
                self.spaces.read(op)
        self._tie()
        if not self._reads_stored_values_whole():
            return False
        spaces = [space for body in self.bodies if (space := self._space(body)) is not None]
        folded = [self._folded(body) for body in self.bodies]
        if len(spaces) < len(self.bodies):
            return False
        return self._same_decomposition(spaces, folded) and self._one_pass(folded[0] | folded[1])

    def _tie(self) -> None:
        """Ties the second kernel's inputs to what they are in the first."""
        inputs = [segments(kernel)[0] for kernel in (self.first, self.second)]
        arguments = [list(entry_block(kernel).arguments) for kernel in (self.first, self.second)]
        returned = list(self.bodies[0][-1].operands)
        for value, argument in zip(inputs[1], arguments[1], strict=True):
            if not is_tensor(argument):
                continue
            if _comes_from(value, self.first):
                self.spaces.tie_values(returned[ir.OpResult(value).result_number], argument)
            elif value in inputs[0]:
                self.spaces.tie_values(arguments[0][inputs[0].index(value)], argument)

    def _reads_stored_values_whole(self) -> bool:
        """What the first stores, the second loads as it is: its stores can cancel."""
        for value, argument in zip(segments(self.second)[0], entry_block(self.second).arguments, strict=True):
            if _comes_from(value, self.first) and any(not _is_whole_load(use) for use in argument.uses):
                return False
        return True

    def _space(self, body: list[ir.Operation]) -> set[Dim] | None:
        """The classes that a kernel runs over; None where a value has one twice."""
        found: set[Dim] = set()
        for op in body:
            for value in op.results:
                if not is_tensor(value) or not gir.is_at(value, "reg"):
                    continue
                classes = self.spaces.classes(value)
                if len(set(classes)) != len(classes):
                    return None
                found.update(classes)
        return {c for c in found if c[0].type.shape[c[1]] != 1}

    def _folded(self, body: list[ir.Operation]) -> set[Dim]:
        classes = {c for op in body if op.name == "gir.reduce" for c in reduced_classes(self.spaces, op)}
        return {c for c in classes if c[0].type.shape[c[1]] != 1}

    def _same_decomposition(self, spaces: list[set[Dim]], folded: list[set[Dim]]) -> bool:
        parallel = [space - gone for space, gone in zip(spaces, folded, strict=True)]
        if parallel[0] == parallel[1]:
            return spaces[0] == spaces[1] or not folded[0] or not folded[1] or folded[0] == folded[1]
        whole = spaces[0] == spaces[1] and not (folded[0] and folded[1])
        return whole and bool(parallel[0] & parallel[1])

    def _one_pass(self, folded: set[Dim]) -> bool:
        """Nothing that depends on a reduction runs over what was reduced."""
        late: set[ir.Value] = set()
        for op in [*self.bodies[0], *self.bodies[1]]:
            if op.name == "gir.reduce":
                dims = {c for c in self.spaces.classes(segments(op)[0][0])}
                if any(value in late for value in op.operands) and dims & folded:
                    return False
                late.update(op.results)
            elif any(operand in late for operand in op.operands):
                for value in op.results:
                    if is_tensor(value) and set(self.spaces.classes(value)) & folded:
                        return False
                late.update(op.results)
            if op.name == "gir.return" and op == self.bodies[0][-1]:
                self._pass_on(late, list(op.operands))
        return True

    def _pass_on(self, late: set[ir.Value], returned: list[ir.Value]) -> None:
        """The second kernel's inputs are as late as the results of the first that they are."""
        for value, argument in zip(segments(self.second)[0], entry_block(self.second).arguments, strict=True):
            if _comes_from(value, self.first) and returned[ir.OpResult(value).result_number] in late:
                late.add(argument)


def _comes_from(value: ir.Value, op: ir.Operation) -> bool:
    producer = defining_op(value)
    return producer is not None and producer == op


def _is_plain(op: ir.Operation) -> bool:
    return op.name in MERGED_OPS or op.name.startswith(("arith.", "math."))


def _is_whole_load(use: ir.OpOperand) -> bool:
    op = use.owner.operation
    return op.name == "gir.move" and gir.is_at(op.result, "reg")


def merge(first: ir.Operation, second: ir.Operation) -> ir.Operation:
    """Makes one kernel of two, in the second's place, and cancels stores between them."""
    (inputs, first_sizes), (more, second_sizes) = segments(first), segments(second)
    kept = [result for result in first.results if any(use.owner.operation != second for use in result.uses)]
    first_sizes = _sizes_of(first, first_sizes, kept)
    taken = unique([*inputs, *(value for value in more if not _comes_from(value, first))])
    results = [*kept, *second.results]
    names = [ir.StringAttr(kernel.attributes["kernel_name"]).value for kernel in (first, second)]
    location = ir.Location.fused([first.location, second.location])
    with ir.InsertionPoint(second), location:
        types = [result.type for result in results]
        made = gir.kernel(_joined(names), taken, [*first_sizes, *second_sizes], types, location).operation
        block = entry_block(made)
        outer = dict(zip(taken, block.arguments, strict=True))
        known: dict[ir.Value, ir.Value] = {
            a: outer[v] for a, v in zip(entry_block(first).arguments, inputs, strict=True)
        }
        with ir.InsertionPoint(block):
            *body, end = operations(entry_block(first))
            for op in body:
                copy_op(op, known)
            stored = [known.get(value, value) for value in end.operands]
            for argument, value in zip(entry_block(second).arguments, more, strict=True):
                own = _comes_from(value, first)
                known[argument] = stored[ir.OpResult(value).result_number] if own else outer[value]
            *body, end = operations(entry_block(second))
            for op in body:
                copy_op(op, known)
            returned = [stored[ir.OpResult(result).result_number] for result in kept]
            create("gir.return", [*returned, *(known.get(value, value) for value in end.operands)])
    for old, new in zip(results, made.results, strict=True):
        old.replace_all_uses_with(new)
    parent = second.block
    second.erase()
    first.erase()
    forward_stores(made)
    share_loads(made)
    drop_unused_inputs(made)
    sort_block(parent)
    return made


def _joined(names: list[str]) -> str:
    """A name for several kernels: what they do, the first few ops of it."""
    parts = "_".join(names).removesuffix(ELLIPSIS).split("_")
    distinct = list(dict.fromkeys(parts))
    return "_".join(distinct[:LONGEST_NAME]) + (ELLIPSIS if len(distinct) > LONGEST_NAME else "")


def _sizes_of(kernel: ir.Operation, sizes: list[ir.Value], kept: list[ir.Value]) -> list[ir.Value]:
    """The dynamic sizes of those results that are kept."""
    found: list[ir.Value] = []
    remaining = list(sizes)
    for result in kernel.results:
        count = sum(result.type.is_dynamic_dim(dim) for dim in range(result.type.rank))
        if result in kept:
            found += remaining[:count]
        remaining = remaining[count:]
    return found


def share_loads(kernel: ir.Operation) -> None:
    """Loads of one value, and equal views of it, are made once."""
    seen: dict[tuple[ir.Value, str], ir.Operation] = {}
    for op in operations(entry_block(kernel)):
        if op.name not in ("gir.move", "gir.slice", "gir.permute"):
            continue
        key = (op.operands[0], f"{op.name} {op.result.type} {_options(op)}")
        if key not in seen:
            seen[key] = op
            continue
        if list(seen[key].operands) != list(op.operands):
            continue
        op.result.replace_all_uses_with(seen[key].result)
        op.erase()


def _options(op: ir.Operation) -> str:
    return " ".join(f"{name}={op.attributes[name]}" for name in op.attributes)
