"""Calls of a machine's functions, from the templates of its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from powerfusion.core._mlir import create
from powerfusion.machines.emission import Call, parse_call
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc import code
from powerfusion.passes.lowering.emitc.code import Number

MARK = "//= "
"""Begins a line that says which op the next line is of; `powerfusion.emit.device` takes it away and keeps it."""


def emit_value(call: Call, callee: str, given: Mapping[str, Number], type_: ir.Type) -> ir.Value:
    """Writes a call that gives a number of a type; arguments as of `emit_call`."""
    return _create(call, callee, given, [type_]).result


def emit_call(call: Call, callee: str, given: Mapping[str, Number], op: ir.Operation | None = None) -> None:
    """Writes a call.

    Args:
        call: The template.
        callee: Its name, where that depends on more than the template.
        given: What stands for the template's names: numbers, pointers, elements.
        op: What it is a part of.
    """
    _create(call, callee, given, [], op)


def _create(
    call: Call, callee: str, given: Mapping[str, Number], types: Sequence[ir.Type], op: ir.Operation | None = None
) -> ir.Operation:
    operands: list[ir.Value] = []
    arguments: list[ir.Attribute] = []
    for argument in call.arguments:
        if argument.word:
            arguments.append(ir.Attribute.parse(f'#emitc.opaque<"{argument.word}">'))
            continue
        value = given[argument.name]
        if argument.factor != 1 or argument.shift:
            value = code.plus(code.times(value, argument.factor), argument.shift)
        arguments.append(ir.IntegerAttr.get(ir.IndexType.get(), len(operands)))
        operands.append(code.value_of(value))
    if op is not None:
        mark(op)
    attributes = {"callee": ir.StringAttr.get(callee), "args": ir.ArrayAttr.get(arguments)}
    return create("emitc.call_opaque", operands, list(types), attributes)


def mark(op: ir.Operation) -> None:
    """Says which op the next line is of."""
    code.verbatim(f"{MARK}{op.name} {_place(op)}".rstrip())


def _place(op: ir.Operation) -> str:
    """Where an op is from, in a line without braces."""
    return (
        str(op.location).removeprefix("loc(").removesuffix(")").replace("{", "(").replace("}", ")").split("\n")[0][:200]
    )


def emit_plain(text: str) -> None:
    """Writes a call without operands, as a wait is one."""
    call = parse_call(text)
    emit_call(call, call.callee, {})
