"""Machines in the IR: `#gir.machine` from a description of `powerfusion.machines`, and back.

The attribute holds what passes and verifiers ask: all fields but the title and the sources of numbers.

    module.operation.attributes["gir.machine"] = to_attribute(find("mlu372"), context)
    machine_of(module)                       # the Machine, or None
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, cast

from powerfusion.dialects import gir
from powerfusion.errors import MachineError
from powerfusion.machines.model import DTYPES, Cache, Engine, Link, Machine, ScopeLimits, Space
from powerfusion.mlir import ir

NAME = "gir.machine"
"""The attribute of a module that says which machine it is for."""
_KEYWORDS = ("level", "scope", "kind")


def to_attribute(machine: Machine, context: ir.Context) -> ir.Attribute:
    """A machine as an attribute.

    Raises:
        MachineError: The machine is wrong, as the attribute's verifier says.
    """
    try:
        return ir.Attribute.parse(attribute_text(machine), context)
    except ir.MLIRError as error:
        said = "; ".join(diagnostic.message for diagnostic in error.error_diagnostics)
        raise MachineError(f"machine {machine.name} is wrong: {said}") from error


def from_attribute(attribute: ir.Attribute) -> Machine:
    """The machine of an attribute; its title is its name, its numbers have no sources.

    Raises:
        MachineError: It is no `#gir.machine`.
    """
    if not gir.MachineAttr.isinstance(attribute):
        raise MachineError(f"expected #gir.machine, got {attribute}")
    fields = _fields(attribute)
    parts = {"spaces": Space, "links": Link, "engines": Engine, "scopes": ScopeLimits, "caches": Cache}
    held = {name: tuple(cls(**_fields(part)) for part in fields.get(name, ())) for name, cls in parts.items()}
    return Machine(name=fields["name"], title=fields["name"], launch_ns=fields.get("launch_ns"), **cast(Any, held))


def machine_of(module: ir.Module) -> Machine | None:
    """The machine that a module is for; None where it doesn't say."""
    attributes = module.operation.attributes
    return from_attribute(attributes[NAME]) if NAME in attributes else None


def as_attribute_has_it(machine: Machine) -> Machine:
    """The machine without what the attribute leaves out: `from_attribute(to_attribute(m))` equals this."""

    def bare(record: Any) -> Any:
        ordered = {}
        if isinstance(record, Engine):
            ordered = {"rates": _by_dtype(dict(record.rates)), "limits": tuple(sorted(record.limits))}
        return dataclasses.replace(record, sources=(), **ordered)

    names = ("spaces", "links", "engines", "scopes", "caches")
    parts = {name: tuple(bare(record) for record in getattr(machine, name)) for name in names}
    return dataclasses.replace(machine, title=machine.name, sources=(), **parts)


def attribute_text(machine: Machine) -> str:
    """The text of the attribute: `#gir.machine<"mlu372" spaces [...] ...>`."""
    words = [_string(machine.name)]
    if machine.launch_ns is not None:
        words.append(f"launch_ns {_float(machine.launch_ns)}")
    for name in ("spaces", "links", "engines", "scopes", "caches"):
        parts = [f"<{', '.join(_part_fields(record))}>" for record in getattr(machine, name)]
        if parts or name == "spaces":
            words.append(f"{name} [{', '.join(parts)}]")
    return f"#gir.machine<{' '.join(words)}>"


def _part_fields(record: Any) -> Iterator[str]:
    """`field = value` of what is known and isn't a default."""
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        given = value is not None and (value != field.default or field.name in _KEYWORDS)
        if given and field.name != "sources":
            yield f"{field.name} = {_text(field.name, value)}"


def _text(name: str, value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return _float(value)
        case str():
            return value if name in _KEYWORDS else _string(value)
        case _ if name in ("rates", "limits"):
            entries = (f"{_string(key)}{_entry(number)}" for key, number in value)
            return f"{{{', '.join(entries)}}}"
        case _:
            return f"[{', '.join(map(_string, value))}]"


def _entry(number: float | None) -> str:
    """What follows a dictionary's key; nothing where the number is unknown."""
    if number is None:
        return ""
    return f" = {_float(number)}" if isinstance(number, float) else f" = {number} : i64"


def _string(text: str) -> str:
    """A string as MLIR reads it: bytes that aren't printable stand in hexadecimal."""
    encoded = text.encode()
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:02X}" for b in encoded) + '"'


def _float(number: float) -> str:
    """An f64 as MLIR reads it: digits before and after the point."""
    mantissa, _, exponent = repr(float(number)).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{'e' + exponent if exponent else ''} : f64"


def _fields(part: ir.Attribute) -> dict[str, Any]:
    """A part's fields as Python has them."""
    fields = gir.machine_fields(part)
    return {named.name: _value(named.name, named.attr) for named in ir.DictAttr(fields)}


def _value(name: str, attribute: ir.Attribute) -> Any:
    match attribute:
        case ir.BoolAttr() | ir.IntegerAttr() | ir.FloatAttr() | ir.StringAttr():
            return attribute.value
        case ir.DictAttr():
            entries = {
                entry.name: None if isinstance(entry.attr, ir.UnitAttr) else _value(entry.name, entry.attr)
                for entry in attribute
            }
            return _by_dtype(entries) if name == "rates" else tuple(sorted(entries.items()))
        case ir.ArrayAttr() if name in ("reads", "writes", "ops"):
            return tuple(ir.StringAttr(entry).value for entry in attribute)
        case _:
            return tuple(cast(Any, attribute))


def _by_dtype(rates: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Rates in the order in which dtypes are listed."""
    return tuple(sorted(rates.items(), key=lambda rate: (DTYPES.index(rate[0]) if rate[0] in DTYPES else 99, rate[0])))
