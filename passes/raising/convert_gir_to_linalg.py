"""`convert-gir-to-linalg`: kernels in graph form become linalg on tensors again.

The reverse of `convert-linalg-to-gir`, for handing a program back to other compilers and for
checking one form against the other. Movement is left out: a value is the same value wherever it
is. Computation becomes `linalg.generic`, views become tensor ops or generics that copy. A library
operator is written out as its body, of alternatives the first.

    gir.kernel "addf" (%a = %x, %c = %b) {          %0 = linalg.generic copies %b to (d0, d1)
      ... gir.broadcast, arith.addf, gir.move    ⇒   %1 = linalg.generic adds %x and %0
    }

What linalg has no op for is refused: tile form, collectives, combiners of whole tensors, a scatter
whose elements may meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import entry_block, functions, operations, segments
from powerfusion.core.passes import Pass, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.raising import writing_folds  # noqa: F401  # pyright: ignore[reportUnusedImport]  fills the table
from powerfusion.passes.raising.kernels import refine
from powerfusion.passes.raising.writing import WRITERS, Writing, is_elementwise, write_elementwise

KERNELS = ("gir.kernel", "gir.extern")


@register_pass
@dataclass(frozen=True)
class ConvertGirToLinalgPass(Pass):
    """Converts kernels in graph form to linalg and tensor ops."""

    name: ClassVar[str] = "convert-gir-to-linalg"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"graph-form", "naive"})

    def run(self, op: ir.Operation) -> None:
        """Writes every kernel of a module out in place."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                _write_function(block)


def _write_function(block: ir.Block) -> None:
    for op in operations(block):
        if not op.name.startswith("gir."):
            continue
        with ir.InsertionPoint(op), op.location:
            results = _outside(op, Writing({}))
        for old, new in zip(op.results, results, strict=True):
            old.replace_all_uses_with(new)
        op.erase()


def _outside(op: ir.Operation, known: Writing) -> list[ir.Value]:
    """What an op between kernels becomes; its results as values of the function."""
    match op.name:
        case name if name in KERNELS:
            return _write_kernel(op, known)
        case "gir.alternatives":
            return _write_first(op, known)
        case name:
            raise UnsupportedError(
                f"'{name}' outside of a kernel has no equivalent in linalg",
                location=op.location,
                help="expected gir.kernel, gir.extern or gir.alternatives; convert before tiling and outlining",
            )


def _write_first(op: ir.Operation, known: Writing) -> list[ir.Value]:
    """The first alternative, between kernels: these are written, everything else is copied."""
    *inner, end = operations(entry_block(op))
    for child in inner:
        if child.name.startswith("gir."):
            known.values |= dict(zip(child.results, _outside(child, known), strict=True))
        else:
            known.copy(child)
    return [known.value(value) for value in end.operands]


def _write_kernel(op: ir.Operation, known: Writing) -> list[ir.Value]:
    block = entry_block(op)
    if not list(op.results) and any(isinstance(argument.type, ir.MemRefType) for argument in block.arguments):
        raise UnsupportedError(
            f"'{op.name}' in tile form has no equivalent in linalg",
            location=op.location,
            help="convert kernels in graph form, before gir-tile",
        )
    writing = Writing({a: known.value(v) for a, v in zip(block.arguments, segments(op)[0], strict=True)})
    returned = _write_block(block, writing)
    return [refine(writing.value(v), r.type.shape) for v, r in zip(returned, op.results, strict=True)]


def _write_block(block: ir.Block, writing: Writing) -> list[ir.Value]:
    """Writes the ops of a kernel; gives what its terminator names."""
    *inner, end = operations(block)
    for op in inner:
        with op.location:
            _write(op, writing)
    return list(end.operands)


def _write(op: ir.Operation, writing: Writing) -> None:
    if op.name == "gir.alternatives":
        values = _write_block(entry_block(op), writing)
        writing.values |= {old: writing.value(new) for old, new in zip(op.results, values, strict=True)}
    elif op.name in WRITERS:
        made = WRITERS[op.name](op, writing)
        writing.values |= dict(zip(op.results, made, strict=True))
    elif is_elementwise(op):
        writing.values |= dict(zip(op.results, write_elementwise(op, writing), strict=True))
    elif op.name.startswith("gir."):
        raise UnsupportedError(
            f"'{op.name}' has no equivalent in linalg",
            location=op.location,
            help="convert kernels in graph form, before gir-tile",
        )
    else:
        writing.copy(op)
