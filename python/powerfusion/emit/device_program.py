"""What is left of a program once its kernels are assembly: their text, and the host's function as a list of steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from powerfusion.core._mlir import DYNAMIC, entry_block, integer_of, integers, operations, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.mlir.dialects.arith import CmpFPredicate
from powerfusion.mlir.dialects.gpu import ObjectAttr  # pyright: ignore[reportAttributeAccessIssue]  of an extension
from powerfusion.passes.lowering.convert_gir_to_vector import is_public
from powerfusion.passes.lowering.gpu.assertions import ZEROED
from powerfusion.runtime.launches import NUMBERS, Launches, Step

COMPARISONS = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")


@dataclass(frozen=True)
class DeviceProgram:
    """A program for a device.

    Attributes:
        assembly: The kernels' text, PTX or AMD's.
        launches: What the host does.
    """

    assembly: str
    launches: Launches


def device_program(module: ir.Module) -> DeviceProgram:
    """Reads a program whose kernels are binaries of assembly text.

    Raises:
        UnsupportedError: The host does something that no step is.
    """
    texts: list[str] = []
    host: ir.Operation | None = None
    for op in (op.operation for op in module.body.operations):
        if op.name == "gpu.binary":
            texts += [ObjectAttr(attribute).object.decode().rstrip("\0") for attribute in op.attributes["objects"]]
            _check_calls(texts[-1], op.location)
        elif op.name == "func.func" and is_public(op):
            host = op
    assert host is not None, "expected a public function"
    return DeviceProgram("\n".join(texts), Reader().read(host))


def _check_calls(assembly: str, location: ir.Location) -> None:
    """Makes sure that kernels call nothing: libraries of the vendor's aren't there when they are loaded."""
    called = re.search(r"\b__(?:nv|ocml|ockl)_\w+", assembly)
    if called:
        raise UnsupportedError(
            f"a kernel calls '{called[0]}', of a library that isn't linked",
            location=location,
            help="compute it otherwise: only functions that are expanded into arithmetic run on a GPU",
        )


class Reader:
    """Reads the host's function."""

    def __init__(self) -> None:
        self.numbers: dict[ir.Value, int] = {}
        self.steps: list[Step] = []

    def read(self, function: ir.Operation) -> Launches:
        """Its steps."""
        if len(function.regions[0].blocks) != 1:
            raise UnsupportedError("branches of the host can't be a list of launches", location=function.location)
        block = entry_block(function)
        arguments = tuple(map(self._number, block.arguments))
        *body, end = operations(block)
        for op in body:
            self._read(op)
        results = tuple(self.numbers[value] for value in end.operands)
        dtypes = tuple(_element(argument.type) for argument in block.arguments)
        return Launches(arguments, dtypes, tuple(self.steps), results)

    def _number(self, value: ir.Value) -> int:
        return self.numbers.setdefault(value, len(self.numbers))

    def _add(self, op: ir.Operation, name: str, operands: Sequence[ir.Value], **data: Any) -> None:
        given = tuple(self.numbers[value] for value in operands)
        self.steps.append(Step(name, given, tuple(map(self._number, op.results)), data))

    def _read(self, op: ir.Operation) -> None:
        operands = list(op.operands)
        match op.name:
            case "arith.constant":
                self._add(op, "constant", [], value=_literal(op), dtype=_element(op.result.type))
            case "arith.cmpi":
                self._add(op, COMPARISONS[ir.IntegerAttr(op.attributes["predicate"]).value], operands)
            case "arith.cmpf":
                how = str(CmpFPredicate(ir.IntegerAttr(op.attributes["predicate"]).value))
                self._add(op, "cmpf", operands, how=how)
            case "arith.sitofp" | "arith.uitofp" | "arith.extf" | "arith.truncf":
                self._add(op, "float", operands, dtype=_element(op.result.type))
            case "arith.index_castui":
                self._add(op, "index_cast", operands)
            case name if name.removeprefix("arith.") in NUMBERS and name.startswith("arith."):
                self._add(op, name.removeprefix("arith."), operands)
            case "memref.alloc":
                made = {"shape": _shape(op.result.type), "dtype": _element(op.result.type)}
                self._add(op, "allocate", operands, **made, zeroed=ZEROED in op.attributes)
            case "memref.load":
                self._add(op, "load", operands)
            case "memref.dealloc":
                pass
            case "memref.cast" | "builtin.unrealized_conversion_cast" | "memref.memory_space_cast":
                self._add(op, "same", operands)
            case "memref.view":
                self._add(op, "bytes_as", operands, shape=_shape(op.result.type), dtype=_element(op.result.type))
            case "memref.dim":
                self._add(op, "dim", operands)
            case "memref.subview":
                boxes = {name: _holes(op, f"static_{name}") for name in ("offsets", "sizes", "strides")}
                self._add(op, "subview", operands, **boxes, kept=_kept(op))
            case "memref.expand_shape":
                shape = _holes(op, "static_output_shape")
                self._add(op, "expand", operands, shape=shape, groups=_groups(op))
            case "memref.collapse_shape":
                self._add(op, "collapse", operands, groups=_groups(op))
            case "memref.extract_strided_metadata":
                self._add(op, "parts", operands)
            case "cf.assert":
                self._add(op, "assert", operands, message=ir.StringAttr(op.attributes["msg"]).value)
            case "gpu.launch_func":
                self._read_launch(op)
            case _:
                raise UnsupportedError(f"'{op.name}' can't be done by the host of a GPU", location=op.location)

    def _read_launch(self, op: ir.Operation) -> None:
        parts = segments(op)
        (grid,), (block,), scratch, given = parts[1], parts[4], parts[10], parts[11]
        kernel = ir.SymbolRefAttr(op.attributes["kernel"]).value[-1]
        size = integer_of(scratch[0]) if scratch else 0
        assert size is not None, "expected a constant size of a group's memory"
        dtypes = [_element(value.type) for value in given]
        self._add(op, "launch", [grid, block, *given], kernel=kernel, shared_bytes=size, dtypes=dtypes)


def _element(type_: ir.Type) -> str:
    return str(type_.element_type if isinstance(type_, ir.MemRefType) else type_)


def _literal(op: ir.Operation) -> Any:
    value = op.attributes["value"]
    if isinstance(value, ir.FloatAttr):
        return value.value.hex()
    if isinstance(value, ir.BoolAttr):
        return bool(value.value)
    if isinstance(value, ir.IntegerAttr):
        return value.value
    raise UnsupportedError(f"a constant of type {op.result.type} can't be the host's", location=op.location)


def _shape(type_: ir.MemRefType) -> list[int | None]:
    return [None if size == DYNAMIC else size for size in type_.shape]


def _holes(op: ir.Operation, name: str) -> list[int | None]:
    return [None if number == DYNAMIC else number for number in integers(op.attributes[name])]


def _groups(op: ir.Operation) -> list[list[int]]:
    return [integers(group) for group in op.attributes["reassociation"]]


def _kept(op: ir.Operation) -> list[int]:
    """The dimensions that a subview's result has: all but as many of size 1 as are missing."""
    source, result = op.operands[0].type, op.result.type
    sizes = integers(op.attributes["static_sizes"])
    strides, _ = source.get_strides_and_offset()
    steps = integers(op.attributes["static_strides"])
    wanted = list(zip(result.shape, result.get_strides_and_offset()[0], strict=True))
    kept: list[int] = []
    for dim, (size, stride, step) in enumerate(zip(sizes, strides, steps, strict=True)):
        own = DYNAMIC if DYNAMIC in (stride, step) else stride * step
        left = len(sizes) - dim
        at = len(kept)
        if at < len(wanted) and (left == len(wanted) - at or wanted[at] == (size, own)):
            kept.append(dim)
    return kept
