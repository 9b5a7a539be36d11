"""GIR in Python: importing this makes the dialect known to every context made afterwards.

    from powerfusion.dialects import gir
    gir.register(context)            # a context that exists already

Ops come from mlir-tblgen (`gir.MoveOp`, ...); attributes and interfaces from the native module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from powerfusion._native._gir import (
    AtAttr,
    LanesAttr,
    MachineAttr,
    NestAttr,
    TokenType,
    is_asynchronous,
    machine_fields,
    moved_bytes,
    movement,
    register_dialect,
    register_dialects,
)
from powerfusion.dialects._gir_interfaces import Computation, OperandWindow, computation, operand_windows
from powerfusion.dialects._gir_ops_gen import *  # noqa: F403  # pyright: ignore[reportAssignmentType]  # ops; `kernel` is ours
from powerfusion.dialects._gir_ops_gen import ExternOp as _GeneratedExternOp
from powerfusion.dialects._gir_ops_gen import KernelOp as _GeneratedKernelOp
from powerfusion.dialects._gir_ops_gen import _Dialect  # pyright: ignore[reportPrivateUsage]  what ops register with
from powerfusion.mlir import ir
from powerfusion.mlir.dialects._ods_common import _cext

__all__ = [
    "AtAttr",
    "Computation",
    "LanesAttr",
    "MachineAttr",
    "NestAttr",
    "NestDim",
    "OperandWindow",
    "TokenType",
    "at",
    "computation",
    "is_asynchronous",
    "is_at",
    "machine_fields",
    "moved_bytes",
    "movement",
    "nest",
    "nest_dims",
    "operand_windows",
    "register",
    "tensor_at",
    "type_in_kernel",
]

register_dialects(ir.get_dialect_registry())
# Else an op that Python didn't make is a plain OpView: the bindings look for `gir` among upstream's dialects only.
_cext.globals.append_dialect_search_prefix(__name__.rpartition(".")[0])


def register(context: ir.Context) -> None:
    """Registers and loads GIR in an existing context."""
    register_dialect(context, load=True)


def at(level: str) -> AtAttr:
    """`#gir.at<level>` in the current context; level is dram, sram or reg."""
    return AtAttr.get(level)


def level_of(type_: ir.Type) -> str | None:
    """The level of a tensor or memref type, or None where it has no `#gir.at`."""
    match type_:
        case ir.RankedTensorType():
            encoding = type_.encoding
        case ir.MemRefType():
            encoding = type_.memory_space
        case _:
            return None
    return AtAttr(encoding).level if encoding is not None and AtAttr.isinstance(encoding) else None


def is_at(value: ir.Value, level: str) -> bool:
    """True if a value is a tensor or memref at `level`."""
    return level_of(value.type) == level


def is_only_multiplied(value: ir.Value) -> bool:
    """Whether a load or a move gave a value that contractions multiply, and nothing else uses."""
    source = value.owner
    if not isinstance(source, (ir.Operation, ir.OpView)) or source.name not in ("gir.load", "gir.move"):
        return False
    uses = list(value.uses)
    return bool(uses) and all(use.owner.name == "gir.contract" and use.operand_number < 2 for use in uses)


def is_flag_of_places(op: ir.Operation) -> bool:
    """Whether an op says of each element whether it is somewhere: a comparison of places, or of such flags.

    Places are those of `gir.iota`, and what is the same everywhere.
    """
    if not op.name.startswith("arith.") or len(op.results) != 1 or not list(op.operands):
        return False
    type_ = op.results[0].type
    if not isinstance(type_, ir.RankedTensorType) or not _is_flag(type_.element_type):
        return False
    return all(_is_of_places(value) for value in op.operands)


def _is_flag(type_: ir.Type) -> bool:
    return isinstance(type_, ir.IntegerType) and type_.width == 1


def _is_of_places(value: ir.Value) -> bool:
    source = value.owner
    if not isinstance(source, (ir.Operation, ir.OpView)):
        return False
    if source.name in ("gir.broadcast", "gir.window"):
        return _is_of_places(source.operands[0])
    return source.name in ("gir.iota", "tensor.splat", "arith.constant") or is_flag_of_places(source.operation)


def tensor_at(level: str, shape: list[int] | tuple[int, ...], element: ir.Type) -> ir.RankedTensorType:
    """A tensor type at `level`; dynamic sizes are `ir.ShapedType.get_dynamic_size()`."""
    return ir.RankedTensorType.get(list(shape), element, at(level))


def type_in_kernel(type_: ir.Type) -> ir.Type:
    """The type of a kernel's block argument for an input of that type: at dram, if it has a place."""
    match type_:
        case ir.RankedTensorType() if type_.encoding is None:
            return tensor_at("dram", type_.shape, type_.element_type)
        case ir.MemRefType() if type_.memory_space is None:
            return ir.MemRefType.get(type_.shape, type_.element_type, type_.layout, at("dram"))
        case _:
            return type_


ALL = 1 << 48
"""A part of a dimension of open size that is all of it, and its bound: no memory has as many elements."""


class NestDim(NamedTuple):
    """How one dimension of a kernel is dealt out.

    Attributes:
        name: What `over` calls it.
        size: Its number of elements; None where that is dynamic.
        per_group: Elements of a group.
        per_unit: Elements of a unit.
        per_step: Elements of a unit's step.
        bound: What a dynamic size is at most, where that is known.
    """

    name: str
    size: int | None
    per_group: int
    per_unit: int
    per_step: int
    bound: int | None = None


def nest(dims: Sequence[NestDim], sweep: Sequence[str] = ()) -> NestAttr:
    """`#gir.nest` of dimensions, outermost first; raises ValueError where it would be invalid."""
    return NestAttr.get(list(dims), list(sweep))


def nest_dims(attribute: NestAttr) -> tuple[NestDim, ...]:
    """The dimensions of a nest, outermost first."""
    return tuple(NestDim(*dim) for dim in attribute.dims)


def _add_entry(op: _GeneratedKernelOp | _GeneratedExternOp, inputs: Sequence[ir.Value]) -> None:
    """Gives a new kernel its block, with an argument per input."""
    types = [type_in_kernel(value.type) for value in inputs]
    op.body.blocks.append(*types, arg_locs=[op.location] * len(types))


def _returned(op: _GeneratedKernelOp | _GeneratedExternOp) -> list[ir.Value]:
    """What a kernel's body returns."""
    *_, end = op.body.blocks[0].operations
    return list(end.operation.operands)


@_cext.register_operation(_Dialect, replace=True)
class KernelOp(_GeneratedKernelOp):
    """A kernel, with a builder that makes its entry block and with names for what is in it.

    Args:
        name: What reports call it.
        inputs: Values of the function; each becomes a block argument, tensors and memrefs at dram.
        sizes: The dynamic sizes of the results, in order.
        results: Types of the results, tensors without encoding.
        nest: How its dimensions are dealt out, once it is placed.
        loc: Location, by default the current one.
        ip: Where to, by default the current insertion point.
    """

    def __init__(
        self,
        name: str,
        inputs: Sequence[ir.Value],
        sizes: Sequence[ir.Value],
        results: Sequence[ir.Type],
        *,
        nest: NestAttr | None = None,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None:
        label = ir.StringAttr.get(name)
        super().__init__(list(results), list(inputs), list(sizes), kernel_name=label, nest=nest, loc=loc, ip=ip)
        _add_entry(self, inputs)

    @property
    def entry(self) -> ir.Block:
        """The block of the body."""
        return self.body.blocks[0]

    @property
    def label(self) -> str:
        """The kernel's name."""
        return ir.StringAttr(self.operation.attributes["kernel_name"]).value

    @property
    def returned(self) -> list[ir.Value]:
        """The values at dram that the body returns, one per result."""
        return _returned(self)


@_cext.register_operation(_Dialect, replace=True)
class ExternOp(_GeneratedExternOp):
    """A library operator, built like a kernel; `name` is the library's routine."""

    def __init__(
        self,
        name: str,
        inputs: Sequence[ir.Value],
        sizes: Sequence[ir.Value],
        results: Sequence[ir.Type],
        *,
        loc: ir.Location | None = None,
        ip: ir.InsertionPoint | None = None,
    ) -> None:
        super().__init__(list(results), list(inputs), list(sizes), ir.StringAttr.get(name), loc=loc, ip=ip)
        _add_entry(self, inputs)

    @property
    def entry(self) -> ir.Block:
        """The block of the body, a naive kernel's."""
        return self.body.blocks[0]

    @property
    def label(self) -> str:
        """The library's routine."""
        return ir.StringAttr(self.operation.attributes["kernel_name"]).value

    @property
    def returned(self) -> list[ir.Value]:
        """The values at dram that the body returns, one per result."""
        return _returned(self)


def kernel(
    name: str,
    inputs: Sequence[ir.Value],
    sizes: Sequence[ir.Value],
    results: Sequence[ir.Type],
    loc: ir.Location | None = None,
) -> KernelOp:
    """Builds a kernel at the insertion point, its entry block in place and still empty."""
    return KernelOp(name, inputs, sizes, results, loc=loc)
