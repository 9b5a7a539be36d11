"""Rebuilding kernels: copying ops with their operands replaced, ordering a block anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from powerfusion.core._mlir import defining_op, entry_block, functions, has_uses, operations, segments
from powerfusion.dialects import gir
from powerfusion.mlir import ir

ISOLATED = ("gir.kernel", "gir.extern")
DISCARDED = ("gir.slice", "gir.permute", "tensor.dim")


def is_naive(kernel: ir.Operation) -> bool:
    """Whether an op is a kernel that nobody has placed: with a nest, what it moves has been decided."""
    return kernel.name == "gir.kernel" and "nest" not in kernel.attributes


def naive_kernels(module: ir.Operation) -> Iterator[ir.Operation]:
    """The kernels of a module that nobody has placed; they may be rewritten on the way."""
    for function in functions(module):
        for block in function.regions[0].blocks:
            yield from filter(is_naive, operations(block))


def used_values(op: ir.Operation) -> list[ir.Value]:
    """What an op and the ops in its regions use; a kernel's body uses nothing else."""
    found = list(op.operands)
    for region in [] if op.name in ISOLATED else op.regions:
        for block in region.blocks:
            for inner in operations(block):
                found += used_values(inner)
    return found


def captured_values(op: ir.Operation) -> list[ir.Value]:
    """What the ops in an op's regions use of what is outside of them, each value once."""
    used: dict[ir.Value, None] = {}
    own: set[ir.Value] = set()
    stack = [block for region in op.regions for block in region.blocks]
    while stack:
        block = stack.pop()
        own.update(block.arguments)
        for inner in operations(block):
            own.update(inner.results)
            used |= dict.fromkeys(inner.operands)
            stack += [nested for region in inner.regions for nested in region.blocks]
    return [value for value in used if value not in own]


def copy_op(op: ir.Operation, known: dict[ir.Value, ir.Value]) -> ir.Operation:
    """Copies an op to the insertion point, with operands, inner regions' included, replaced."""
    made = op.clone().operation
    replace_used(made, known)
    known.update(zip(op.results, made.results, strict=True))
    return made


def replace_used(op: ir.Operation, known: Mapping[ir.Value, ir.Value]) -> None:
    """Replaces what an op and the ops in its regions use."""
    for at, operand in enumerate(op.operands):
        if operand in known:
            op.operands[at] = known[operand]
    for region in op.regions:
        for block in region.blocks:
            for inner in operations(block):
                replace_used(inner, known)


def unique(values: Sequence[ir.Value]) -> list[ir.Value]:
    """Values without repetition, in order."""
    return list(dict.fromkeys(values))


@dataclass
class KernelCopy:
    """Makes a kernel anew, some ops replaced and other inputs taken, in place of the old one.

    Attributes:
        old: The kernel, which is erased.
        added: Further inputs; inputs that the copy doesn't use are left out.
        replace: Emits something else for an op and says so; ops are copied otherwise.
    """

    old: ir.Operation
    added: Sequence[ir.Value]
    replace: Callable[[ir.Operation, KernelCopy], bool]
    known: dict[ir.Value, ir.Value] = field(default_factory=dict)

    def inside(self, value: ir.Value) -> ir.Value:
        """The block argument of the copy for a value of the function."""
        return self.outer[value]

    def run(self) -> ir.Operation:
        """Makes the copy at the old kernel's place."""
        inputs, sizes = segments(self.old)
        everything = unique([*inputs, *self.added])
        block = entry_block(self.old)
        with ir.InsertionPoint(self.old), self.old.location:
            draft = self._copy(everything, inputs, sizes, block)
        return draft

    def _copy(
        self, everything: list[ir.Value], inputs: list[ir.Value], sizes: list[ir.Value], block: ir.Block
    ) -> ir.Operation:
        name = ir.StringAttr(self.old.attributes["kernel_name"]).value
        types = [result.type for result in self.old.results]
        made = gir.kernel(name, everything, sizes, types, self.old.location).operation
        arguments = list(entry_block(made).arguments)
        self.outer = dict(zip(everything, arguments, strict=True))
        self.known |= {old: self.outer[value] for old, value in zip(block.arguments, inputs, strict=True)}
        with ir.InsertionPoint(entry_block(made)):
            for op in operations(block):
                if not self.replace(op, self):
                    copy_op(op, self.known)
        for old, new in zip(self.old.results, made.results, strict=True):
            old.replace_all_uses_with(new)
        self.old.erase()
        return drop_unused_inputs(made)


def drop_unused_inputs(kernel: ir.Operation) -> ir.Operation:
    """The kernel without inputs that its body doesn't use; made anew if there are any."""
    inputs, sizes = segments(kernel)
    block = entry_block(kernel)
    for op in reversed(operations(block)):
        if op.name in DISCARDED and not has_uses(op.result):
            op.erase()
    used = [at for at, argument in enumerate(block.arguments) if has_uses(argument)]
    if len(used) == len(inputs):
        return kernel
    with ir.InsertionPoint(kernel), kernel.location:
        name = ir.StringAttr(kernel.attributes["kernel_name"]).value
        kept = [inputs[at] for at in used]
        made = gir.kernel(name, kept, sizes, [result.type for result in kernel.results], kernel.location).operation
        new = entry_block(made)
        known: dict[ir.Value, ir.Value] = {
            block.arguments[at]: argument for at, argument in zip(used, new.arguments, strict=True)
        }
        with ir.InsertionPoint(new):
            for op in operations(block):
                copy_op(op, known)
    for old, result in zip(kernel.results, made.results, strict=True):
        old.replace_all_uses_with(result)
    kernel.erase()
    return made


def erase_unused(kernel: ir.Operation) -> None:
    """Erases pure ops of a kernel that nothing uses."""
    for op in reversed(operations(entry_block(kernel))):
        if _asserts(op) or op.name == "gir.return" or any(has_uses(result) for result in op.results):
            continue
        op.erase()


def _asserts(op: ir.Operation) -> bool:
    """Whether an op or one in its regions can fail the program."""
    inner = (inner for region in op.regions for block in region.blocks for inner in operations(block))
    return op.name == "gir.assert" or any(map(_asserts, inner))


def sort_block(block: ir.Block) -> None:
    """Orders a block's ops so that each stands behind what it uses; otherwise as they were."""
    body = operations(block)
    inside = set(body)
    placed: set[ir.Operation] = set()
    ordered: list[ir.Operation] = []
    for root in body:
        stack = [root]
        while stack:
            op = stack[-1]
            if op in placed:
                stack.pop()
                continue
            waits = [d for d in map(defining_op, used_values(op)) if d in inside and d not in placed]
            if waits:
                stack.extend(waits)
                continue
            placed.add(op)
            ordered.append(op)
            stack.pop()
    for before, after in pairwise(ordered):
        after.move_after(before)
