"""`gir-size-constants`: constants of dynamic shape get their sizes.

Rewrite:
    %0 = arith.constant dense<0> : tensor<32x?xi32>     ⇒     %c = arith.constant 0 : i32
    %1 = gir.move %0 : ... -> the kernel's result             %0 = tensor.splat %c[%n] : tensor<32x?xi32>

Upstream's folders make such of `x ^ x`, whatever the shape: a constant whose type doesn't say how large it is. What it
is computed or stored with has the same size (`Spaces`), which the kernel takes, or states for its result, or an
operand says; the constant is made anew with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    entry_block,
    functions,
    has_uses,
    index_constant,
    integers,
    is_tensor,
    operations,
    segments,
    shape_of,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim, spaces_of
from powerfusion.passes.fusion.rebuild import KernelCopy, is_naive

Size = ir.Value | tuple[ir.Value, int]
"""A value of the function that is a size, or whose dimension has it."""


@register_pass
@dataclass(frozen=True)
class SizeConstantsPass(Pass):
    """Makes constants of dynamic shape from a number and sizes."""

    name: ClassVar[str] = "gir-size-constants"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites every kernel of a module that has such constants and that nobody has placed."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for kernel in filter(is_naive, operations(block)):
                    found = list(filter(_is_open, operations(entry_block(kernel))))
                    if found:
                        _size(kernel, found)


def _is_open(op: ir.Operation) -> bool:
    """Whether an op is a constant that doesn't say how large it is, and that is used."""
    return op.name == "arith.constant" and bool(_dynamic(op.result)) and has_uses(op.result)


def _size(kernel: ir.Operation, constants: list[ir.Operation]) -> None:
    spaces = spaces_of(kernel)
    known: dict[Dim, Size] = {}
    for value, dim, size in _known_sizes(kernel):
        known.setdefault(spaces.find((value, dim)), size)
    sizes: dict[ir.Operation, list[ir.Value]] = {}
    for op in constants:
        classes = [spaces.find((op.result, dim)) for dim in _dynamic(op.result)]
        if any(found not in known for found in classes):
            raise UnsupportedError(
                f"a constant of type {op.result.type} whose size nothing gives isn't supported",
                location=op.location,
                help="make the size static, or remove the computation that folds to a constant",
            )
        with ir.InsertionPoint(kernel), kernel.location:
            sizes[op] = [_outside(known[found]) for found in classes]
    added = [size for group in sizes.values() for size in group]
    KernelCopy(kernel, added, lambda op, copy: _fill(op, copy, sizes)).run()
    count("constants with sizes", len(constants))


def _known_sizes(kernel: ir.Operation) -> Iterator[tuple[ir.Value, int, Size]]:
    """The dynamic dimensions of a kernel's values whose size the function knows: what is stated, said, or taken."""
    inputs, sizes = segments(kernel)
    block = entry_block(kernel)
    stated = iter(sizes)
    for value in operations(block)[-1].operands:
        yield from ((value, dim, next(stated)) for dim in _dynamic(value))
    for op in operations(block):
        said = zip(_said_dims(op), list(op.operands)[-len(_said_dims(op)) :], strict=False)
        for dim, size in said:
            if isinstance(size.owner, ir.Block):
                yield op.result, dim, inputs[ir.BlockArgument(size).arg_number]
    for value, argument in zip(inputs, block.arguments, strict=True):
        yield from ((argument, dim, (value, dim)) for dim in _dynamic(argument))


def _said_dims(op: ir.Operation) -> list[int]:
    """The dimensions of an op's result whose sizes are its last operands."""
    match op.name:
        case "gir.iota" | "tensor.splat" | "gir.reshape":
            return _dynamic(op.result)
        case "gir.broadcast":
            return [dim for dim in integers(op.attributes["dims"]) if dim in _dynamic(op.result)]
        case _:
            return []


def _dynamic(value: ir.Value) -> list[int]:
    return [dim for dim, size in enumerate(shape_of(value)) if size == DYNAMIC] if is_tensor(value) else []


def _outside(size: Size) -> ir.Value:
    """A size as a value of the function."""
    if isinstance(size, ir.Value):
        return size
    value, dim = size
    return create("tensor.dim", [value, index_constant(dim)], [ir.IndexType.get()]).result


def _fill(op: ir.Operation, copy: KernelCopy, sizes: Mapping[ir.Operation, list[ir.Value]]) -> bool:
    """Emits a constant with its sizes."""
    if op not in sizes:
        return False
    with op.location:
        number = op.attributes["value"].get_splat_value()
        scalar = create("arith.constant", results=[number.type], attributes={"value": number}).result
        operands = [scalar, *(copy.inside(size) for size in sizes[op])]
        copy.known[op.result] = create("tensor.splat", operands, [op.result.type]).result
    return True
