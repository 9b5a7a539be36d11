"""`gir-join-readers`: what is computed element by element joins the one kernel that moves it on.

Rewrite:
    %0 = gir.kernel (%x) { relu of %x }                          ⇒   %1 = gir.kernel (%x, %y) {
    %1 = gir.kernel (%a = %0, %b = %y) { gir.concat of %a, %b }        gir.concat of relu of %x, %y }

A kernel that only moves values and computes them one by one joins a reader of the same kind, though the
two don't run over the same space: `gir-merge-kernels` wants that, to share loads; here the store and the
load between them cancel (`forward_views`), through slices, concatenations, permutations and reshapes, which
move nothing. No element is computed twice: a value that its reader repeats, or reads at computed
places, stays stored. A result that somebody else reads as well is stored as before, and not loaded.

A reshape of the function between the two becomes one in the reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    entry_block,
    functions,
    integers,
    operations,
    segments,
    shape_of,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.fusion.drop_units import drop_units
from powerfusion.passes.fusion.forward_views import sort_parts
from powerfusion.passes.fusion.merge_kernels import merge
from powerfusion.passes.fusion.rebuild import drop_unused_inputs, is_naive, sort_block, used_values

VIEWS = ("gir.permute", "gir.slice", "gir.reshape", "gir.concat", "gir.insert")
OTHERS = ("gir.move", "gir.return", "gir.iota", "gir.broadcast", "gir.pad", "gir.assert", "tensor.splat", "tensor.dim")
REPEATING = ("gir.broadcast", "gir.window", "gir.gather")
FUNCTION_VIEWS = ("tensor.expand_shape", "tensor.collapse_shape")


@register_pass
@dataclass(frozen=True)
class JoinReadersPass(Pass):
    """Joins elementwise kernels with the kernels that move their results on."""

    name: ClassVar[str] = "gir-join-readers"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})
    max_ops: int = option(256, help="Ops in two kernels together beyond which they aren't joined")

    def run(self, op: ir.Operation) -> None:
        """Joins what can be in each block, readers first in program order."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                self._run_on(block)

    def _run_on(self, block: ir.Block) -> None:
        candidates = [op for op in operations(block) if is_naive(op) and is_elementwise(op)]
        if not any(map(_moves, candidates)):
            return
        elementwise, joined = set(candidates), set[ir.Operation]()
        for kernel in candidates:
            reader = kernel
            while (producer := self._producer(reader, elementwise)) is not None:
                elementwise -= {producer, reader}
                joined -= {producer, reader}
                _take_views_in(reader, producer)
                reader = merge([producer, reader])
                sort_parts(reader)
                elementwise.add(reader)
                joined.add(reader)
        if joined:
            sort_block(block)
        for kernel in [op for op in operations(block) if op in joined]:
            drop_units(drop_unused_inputs(kernel))

    def _producer(self, reader: ir.Operation, elementwise: set[ir.Operation]) -> ir.Operation | None:
        """The first kernel whose result a reader may take over."""
        arguments = entry_block(reader).arguments
        for value, argument in zip(segments(reader)[0], arguments, strict=True):
            root = _kernel_result(value)
            producer = None if root is None else defining_op(root)
            if producer is None or producer not in elementwise or producer == reader:
                continue
            if not any(map(_moves, (producer, reader))) or _repeats(argument):
                continue
            count = sum(len(operations(entry_block(op))) for op in (producer, reader))
            if count <= self.max_ops and not _is_needed_between(producer, reader):
                return producer
        return None


def is_elementwise(kernel: ir.Operation) -> bool:
    """Whether a kernel only moves values and computes them one by one."""
    return all(
        op.name in VIEWS or op.name in OTHERS or (op.name.startswith(("arith.", "math.")) and not op.regions)
        for op in operations(entry_block(kernel))
    )


def _moves(kernel: ir.Operation) -> bool:
    return any(op.name in VIEWS for op in operations(entry_block(kernel)))


def _kernel_result(value: ir.Value) -> ir.Value | None:
    """The kernel's result that a value is, or that static reshapes which nobody else reads are of."""
    op = defining_op(value)
    while op is not None and op.name in FUNCTION_VIEWS:
        if DYNAMIC in (*shape_of(value), *shape_of(op.operands[0])) or sum(1 for _ in value.uses) > 1:
            return None
        value = op.operands[0]
        op = defining_op(value)
    return value if op is not None and op.name == "gir.kernel" else None


def _repeats(argument: ir.Value) -> bool:
    """Whether what a kernel loads of an argument is read more than once, as far as its results say."""
    stack = [argument]
    seen: set[ir.Value] = set()
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        for use in value.uses:
            op = use.owner.operation
            if op.name in REPEATING and not _adds_units(op):
                return True
            stack.extend(op.results)
    return False


def _adds_units(op: ir.Operation) -> bool:
    """Whether an op is a broadcast along dimensions of size 1, which repeats nothing."""
    return op.name == "gir.broadcast" and all(shape_of(op.result)[dim] == 1 for dim in integers(op.attributes["dims"]))


def _is_needed_between(producer: ir.Operation, reader: ir.Operation) -> bool:
    """True if a third op needs the producer and is needed by the reader, but for reshapes that are taken in."""
    inside = {producer, reader}
    stack = [op for op in map(defining_op, used_values(reader)) if op is not None]
    seen: set[ir.Operation] = set()
    direct = {op for op in stack if op.name in FUNCTION_VIEWS and _is_taken_in(op, producer)}
    while stack:
        op = stack.pop()
        if op in seen or op in inside or op in direct:
            continue
        seen.add(op)
        sources = [source for source in map(defining_op, used_values(op)) if source is not None]
        if producer in sources:
            return True
        stack.extend(sources)
    return False


def _is_taken_in(view: ir.Operation, producer: ir.Operation) -> bool:
    root = _kernel_result(view.result)
    return root is not None and defining_op(root) == producer


def _take_views_in(reader: ir.Operation, producer: ir.Operation) -> None:
    """Makes reshapes of the function between two kernels reshapes at dram in the second."""
    block = entry_block(reader)
    for at, (value, argument) in enumerate(zip(segments(reader)[0], list(block.arguments), strict=True)):
        root = _kernel_result(value)
        if root is None or root == value or defining_op(root) != producer:
            continue
        type_, view = argument.type, defining_op(value)
        reader.operands[at] = root
        argument.set_type(gir.tensor_at("dram", root.type.shape, root.type.element_type))
        with ir.InsertionPoint.at_block_begin(block), reader.location if view is None else view.location:
            made = create("gir.reshape", [argument], [type_]).result
        argument.replace_all_uses_except(made, made.owner.operation)
        _erase_views(value)


def _erase_views(value: ir.Value) -> None:
    """Erases reshapes of the function that nobody reads any more."""
    op = defining_op(value)
    while op is not None and op.name in FUNCTION_VIEWS and not any(True for _ in op.result.uses):
        source = op.operands[0]
        op.erase()
        op = defining_op(source)
