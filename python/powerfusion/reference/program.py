"""A module as plain data, read once: instructions with numbered values, so that running them asks MLIR nothing.

```
  %2 = gir.move %1 : ...      Instruction(number=7, name="gir.move", operands=(1,), results=(2,), ...)
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powerfusion._native import _pf
from powerfusion.core._mlir import DYNAMIC, attributes_of, defining_op, walk_numbered
from powerfusion.dialects import gir
from powerfusion.errors import SourceError, UnsupportedError
from powerfusion.mlir import ir
from powerfusion.reference.affine import affine_of
from powerfusion.reference.runs import Runs, runs_of
from powerfusion.reference.types import DTYPES, Array, Type, type_of

REPEATING = frozenset(["gir.broadcast", "gir.window"])
"""Ops whose results take no room at `reg`: what reads them reads what they repeat."""
REPLICAS = REPEATING | {"gir.iota", "tensor.splat", "arith.constant"}


@dataclass(frozen=True, eq=False)
class Instruction:
    """One op.

    Attributes:
        number: Its place in a pre-order walk of the module, which is its name in counts.
        name: The op's name.
        operands: Numbers of the values that it takes.
        results: Numbers of the values that it gives.
        operand_types: Their types.
        result_types: Their types.
        attributes: Attributes as Python's and NumPy's own values.
        blocks: The first block of each region.
        location: Where it stands.
        dying: Values that nothing in this block uses after it.
        multiplied: Whether contractions multiply what it brings, and nothing else uses that.
        free: Whether what it makes takes no room at reg: it repeats something, or says where elements are.
        runs: Of a gather or scatter, how it runs through memory.
    """

    number: int
    name: str
    operands: tuple[int, ...]
    results: tuple[int, ...]
    operand_types: tuple[Type, ...]
    result_types: tuple[Type, ...]
    attributes: Mapping[str, Any]
    blocks: tuple[Block, ...]
    location: ir.Location
    dying: tuple[int, ...]
    multiplied: bool = False
    free: bool = False
    runs: Runs | None = None

    @property
    def type(self) -> Type:
        """The type of the only result."""
        return self.result_types[0]

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute, or a default where it is absent."""
        return self.attributes.get(name, default)

    def groups(self, values: Sequence[Any]) -> list[list[Any]]:
        """Operands, or what goes with each, cut by the op's `operandSegmentSizes`."""
        cut: list[list[Any]] = []
        start = 0
        for size in self.attributes["operandSegmentSizes"]:
            cut.append(list(values[start : start + size]))
            start += size
        return cut

    def mixed(self, name: str, dynamic: Sequence[Any]) -> list[int]:
        """A list of integers that is partly attribute and partly operands, in one piece."""
        rest = iter(dynamic)
        return [integer(next(rest)) if size == DYNAMIC else size for size in self.attributes[name]]


@dataclass(frozen=True, eq=False)
class Block:
    """A block: its arguments and instructions, the terminator last."""

    arguments: tuple[int, ...]
    argument_types: tuple[Type, ...]
    instructions: tuple[Instruction, ...]
    unused: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Function:
    """A function with a body."""

    name: str
    body: Block
    public: bool
    constants: Mapping[int, Array]


@dataclass(frozen=True, eq=False)
class Program:
    """A module: its functions, and how many values it has in all."""

    functions: Mapping[str, Function]
    values: int

    def entry(self, name: str | None) -> Function:
        """The function of that name, or the one public function.

        Raises:
            SourceError: There is none, or there are several.
        """
        if name is not None and name in self.functions:
            return self.functions[name]
        found = [function for function in self.functions.values() if function.public and name is None]
        if len(found) == 1:
            return found[0]
        wanted = f"a function '{name}'" if name else "one public function"
        raise SourceError(f"expected {wanted}, got {', '.join(self.functions) or 'none'}")


def integer(value: Any) -> int:
    """The number that a scalar tile holds."""
    return int(value.data)


def read_program(module: ir.Operation) -> Program:
    """Reads a module.

    Raises:
        UnsupportedError: A type or attribute in it has no counterpart here.
    """
    reader = _Reader({op: number for number, op in walk_numbered(module)})
    found: dict[str, Function] = {}
    for op in module.regions[0].blocks[0]:
        if op.operation.name == "func.func" and len(op.operation.regions[0].blocks) > 0:
            function = reader.function(op.operation)
            found[function.name] = function
    return Program(found, len(reader.values))


class _Reader:
    """Gives values their numbers while it reads."""

    def __init__(self, numbers: Mapping[ir.Operation, int]) -> None:
        self.numbers = numbers
        self.values: dict[ir.Value, int] = {}

    def function(self, op: ir.Operation) -> Function:
        """A function with its body."""
        attributes = attributes_of(op)
        visibility = attributes.get("sym_visibility")
        constants: dict[int, Array] = {}
        all_marks: Any = attributes.get("arg_attrs", ())
        for position, marks in enumerate(all_marks):
            if "gir.constant" in marks:
                constants[position] = _decoded(marks["gir.constant"])
        public = visibility is None or ir.StringAttr(visibility).value == "public"
        body = self.block(op.regions[0].blocks[0])
        return Function(ir.StringAttr(attributes["sym_name"]).value, body, public, constants)

    def block(self, block: ir.Block) -> Block:
        """A block with everything in it."""
        arguments = [self._number(argument) for argument in block.arguments]
        types = [type_of(argument.type) for argument in block.arguments]
        ops = [op.operation for op in block]
        local = set(arguments) | {self._number(result) for op in ops for result in op.results}
        instructions: list[Instruction] = []
        seen: set[int] = set()
        for op in reversed(ops):
            used = self._used(op) | {self._number(result) for result in op.results}
            dying = tuple((used & local) - seen)
            seen |= used
            instructions.append(self._instruction(op, dying))
        unused = tuple(argument for argument in arguments if argument not in seen)
        return Block(tuple(arguments), tuple(types), tuple(reversed(instructions)), unused)

    def _instruction(self, op: ir.Operation, dying: tuple[int, ...]) -> Instruction:
        try:
            return Instruction(
                number=self.numbers[op],
                name=op.name,
                operands=tuple(self._number(value) for value in op.operands),
                results=tuple(self._number(value) for value in op.results),
                operand_types=tuple(type_of(value.type) for value in op.operands),
                result_types=tuple(type_of(value.type) for value in op.results),
                attributes={name: _decoded(attribute) for name, attribute in attributes_of(op).items()},
                blocks=tuple(self.block(region.blocks[0]) for region in op.regions if len(region.blocks) > 0),
                location=op.location,
                dying=dying,
                multiplied=len(op.results) == 1 and gir.is_only_multiplied(op.results[0]),
                free=op.name in REPLICAS or gir.is_flag_of_places(op),
                runs=runs_of(op),
            )
        except UnsupportedError as error:
            raise UnsupportedError(error.message, location=error.mlir_location or op.location) from None

    def _used(self, op: ir.Operation) -> set[int]:
        """The values that an op or anything in it takes, and what these only repeat: that lives on."""
        used = {self._number(source) for value in op.operands for source in _sources(value)}
        for region in op.regions:
            for block in region:
                for inner in block:
                    used |= self._used(inner.operation)
        return used

    def _number(self, value: ir.Value) -> int:
        return self.values.setdefault(value, len(self.values))


def _sources(value: ir.Value) -> Iterator[ir.Value]:
    """A value, and what it repeats where it is a broadcast or has neighbourhoods."""
    yield value
    op = defining_op(value)
    while op is not None and op.name in REPEATING:
        yield op.operands[0]
        op = defining_op(op.operands[0])


def _decoded(attribute: Any) -> Any:
    """An attribute as Python's own; what has no counterpart becomes its text."""
    match attribute:
        case ir.BoolAttr() | ir.IntegerAttr() | ir.FloatAttr() | ir.StringAttr():
            return attribute.value
        case ir.FlatSymbolRefAttr():
            return attribute.value
        case ir.UnitAttr():
            return True
        case ir.DenseElementsAttr():
            return _elements(attribute)
        case ir.ArrayAttr():
            return tuple(_decoded(item) for item in attribute)
        case ir.DenseI64ArrayAttr() | ir.DenseI32ArrayAttr():
            return tuple(attribute)
        case ir.AffineMapAttr():
            read: Any = attribute
            return affine_of(read.value)
        case _:
            text = str(attribute)
            return _elements(attribute) if text.startswith("dense_resource") else _word(text)


def _word(text: str) -> str:
    """`#gir.scope<group>` and `#vector.kind<add>` as their words; other text as it is."""
    found = re.fullmatch(r"#[a-z]+\.[a-z_]+<([a-z]\w*)>", text)
    return found.group(1) if found else text


def _elements(attribute: Any) -> Array:
    type_: Any = attribute.type
    dtype = DTYPES.get(str(type_.element_type))
    raw = _pf.raw_elements(attribute, expand_splat=True)
    if raw is None or dtype is None:
        raise UnsupportedError(f"a constant of type {type_} without its elements", help="keep the resource section")
    return np.frombuffer(raw[0], dtype=dtype).reshape(tuple(type_.shape))
