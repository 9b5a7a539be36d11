"""`convert-linalg-to-gir`: every operator becomes a kernel of its own, in graph form.

Takes functions of linalg on tensors and of tensor ops. Each operator that moves data becomes a
`gir.kernel` that loads its operands from `dram` and stores its results there: the *naive*
program, correct and countable. Indexing maps become movement (`gir.slice`, `gir.permute`,
`gir.broadcast`), bodies become `arith` and `math` on tensors at `reg`, and what a result's map
lacks becomes a `gir.reduce`. Named ops are generalised first. Everything else stays as it is.

    %1 = linalg.generic ins(%x, %b) outs(%0) { addf }
  ⇒ %1 = gir.kernel "addf" (%a = %x, %c = %b) -> (tensor<4x8xf32>) {
      %2 = gir.move %a : dram -> reg
      %3 = gir.move %c : dram -> reg
      %4 = gir.broadcast %3 dims [0]
      %5 = arith.addf %2, %4
      %6 = gir.move %5 : reg -> dram
      gir.return %6
    }
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from powerfusion._native import _pf
from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    entry_block,
    functions,
    has_uses,
    integer_of,
    operations,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.raising import gathers, tensors  # noqa: F401  # pyright: ignore[reportUnusedImport]  they fill the registry
from powerfusion.passes.raising.generic import raise_generic
from powerfusion.passes.raising.kernels import size_of
from powerfusion.passes.raising.named import EXPANSIONS
from powerfusion.passes.raising.operands import MOST_ELEMENTS
from powerfusion.passes.raising.registry import TENSOR_OPS

MOST_BITS = 64
ELEMENTS = "expected floats, index, or signless integers of at most 64 bits, and less than 2^60 of them"
LONGEST_NAME = 3  # ops of a body that a kernel's name lists
AROUND_KERNELS = ("arith.", "math.", "affine.", "index.", "gir.")  # computation on sizes and scalars
KEPT = frozenset(
    {
        "cf.assert",
        "func.return",
        "tensor.cast",
        "tensor.collapse_shape",
        "tensor.dim",
        "tensor.empty",
        "tensor.expand_shape",
        "tensor.extract",
    }
)


@register_pass
@dataclass(frozen=True)
class ConvertLinalgToGirPass(Pass):
    """Converts linalg and tensor operators to naive GIR kernels, one each."""

    name: ClassVar[str] = "convert-linalg-to-gir"
    establishes: ClassVar[frozenset[str]] = frozenset({"graph-form", "naive"})

    def run(self, op: ir.Operation) -> None:
        """Raises every function of a module in place."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                for argument in block.arguments:
                    _check_type(argument.type, function)
                for operator in operations(block):
                    for result in operator.results:
                        _check_type(result.type, operator)
                for operator in operations(block):
                    _checked(_expand, operator)
                for operator in operations(block):
                    _checked(_raise, operator)
            _resolve_sizes(function)


def _checked(rewrite: Callable[[ir.Operation], None], op: ir.Operation) -> None:
    """Rewrites an op; where types or attributes made on the way can't be, the op is one we don't take."""
    name, location = op.name, op.location
    try:
        rewrite(op)
    except ir.MLIRError as error:
        said = [str(diagnostic.message) for diagnostic in error.error_diagnostics]
        raise UnsupportedError(
            f"'{name}' has no form in GIR: {said[0] if said else error}",
            location=location,
            help=ELEMENTS,
        ) from error


def _expand(op: ir.Operation) -> None:
    """Writes out an op that is several operators."""
    if op.name not in EXPANSIONS or not list(op.results):
        return
    with ir.InsertionPoint(op), op.location:
        EXPANSIONS[op.name](op)
    if not has_uses(op.results[0]):
        op.erase()


def _raise(op: ir.Operation) -> None:
    if op.name in TENSOR_OPS:
        if has_uses(op.result):
            with ir.InsertionPoint(op), op.location:
                TENSOR_OPS[op.name](op)
        op.erase()
        return
    if not op.name.startswith("linalg."):
        _check_kept(op)
        return
    name = op.name.removeprefix("linalg.")
    if not all(isinstance(result.type, ir.RankedTensorType) for result in op.results) or not list(op.results):
        raise UnsupportedError(
            f"'{op.name}' on memrefs isn't supported", location=op.location, help="hand over linalg on tensors"
        )
    if op.name != "linalg.generic":
        generic = _pf.generalize_named_op(op)
        if generic is None:
            raise UnsupportedError(
                f"'{op.name}' isn't supported",
                location=op.location,
                help="write it out as linalg.generic and tensor ops before",
            )
        op = generic.operation
    else:
        name = _name(op)
    raise_generic(op, name)
    op.erase()


def _check_kept(op: ir.Operation) -> None:
    """Raises on what no later phase takes, while it still has its location."""
    if op.name in KEPT or op.name.startswith(AROUND_KERNELS):
        return
    raise UnsupportedError(
        f"'{op.name}' isn't supported",
        location=op.location,
        help="expected linalg on tensors, tensor ops, and arith on scalars; no control flow around them",
    )


def _check_type(type_: ir.Type, op: ir.Operation) -> None:
    """Raises on tensors whose elements have no place in memory, or too many."""
    if not isinstance(type_, ir.RankedTensorType):
        return
    element = type_.element_type
    is_integer = isinstance(element, ir.IntegerType) and element.is_signless and element.width <= MOST_BITS
    is_element = is_integer or isinstance(element, ir.FloatType | ir.IndexType)
    if not is_element or prod(size for size in type_.shape if size != DYNAMIC) >= MOST_ELEMENTS:
        raise UnsupportedError(f"'{op.name}' with {type_} isn't supported", location=op.location, help=ELEMENTS)


def _name(op: ir.Operation) -> str:
    """A kernel's name, from what its body does."""
    names = [inner.name.partition(".")[2] for inner in operations(entry_block(op))[:-1]]
    distinct = list(dict.fromkeys(name for name in names if name not in ("constant", "index")))
    return "_".join(distinct[:LONGEST_NAME]) or "copy"


def _resolve_sizes(function: ir.Operation) -> None:
    """Replaces sizes asked of a kernel's result by the sizes that the kernel states."""
    for block in function.regions[0].blocks:
        for op in operations(block):
            if op.name != "tensor.dim":
                continue
            producer, dim = defining_op(op.operands[0]), integer_of(op.operands[1])
            if producer is None or producer.name not in ("gir.kernel", "tensor.cast") or dim is None:
                continue
            with ir.InsertionPoint(op), op.location:
                size = size_of(op.operands[0], dim)
                if isinstance(size, int):
                    index = ir.IndexType.get()
                    attributes = {"value": ir.IntegerAttr.get(index, size)}
                    size = create("arith.constant", results=[index], attributes=attributes).result
            op.result.replace_all_uses_with(size)
            op.erase()
