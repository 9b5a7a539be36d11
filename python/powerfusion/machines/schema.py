"""Machines as TOML: `load` reads a user's file, with errors at line and key; `to_toml` writes what reads back equal.

The file has the fields of the dataclasses in `model`, and no schema but them:

```toml
name = "mine"
title = "what it is"
launch_ns = 5000

[[space]]
name = "nram"
level = "reg"
scope = "unit"
kind = "scratchpad"
capacity_bytes = 786432
sources = { capacity_bytes = "data sheet, page 3" }

[[link]]                    # source, result, ...
[[engine]]                  # name, reads, writes, ops; rates = { f32 = 24000, f16 = "unknown" }
[[scope]]                   # scope = "group", ...
[[cache]]                   # name, caches, ...
[emit]                      # how programs are written: `emission` says what it holds
[[emit.copy]]               # [[emit.memory]], [[emit.intrinsic]]
```

A number that is left out, or is "unknown", is unknown.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
import tomllib
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from powerfusion.errors import MachineError
from powerfusion.machines import positions
from powerfusion.machines.checks import Complaint, check
from powerfusion.machines.emission import Copy, Emission, Intrinsic, Memory, ScalarCall
from powerfusion.machines.model import Cache, Engine, Link, Machine, ScopeLimits, Space

UNKNOWN = "unknown"
ARRAYS: Mapping[str, tuple[str, type]] = {
    "space": ("spaces", Space),
    "link": ("links", Link),
    "engine": ("engines", Engine),
    "scope": ("scopes", ScopeLimits),
    "cache": ("caches", Cache),
}
"""Name of the array of tables in a file: field of the machine, class of its elements."""
EMIT = "emit"
EMIT_ARRAYS: Mapping[str, tuple[str, type]] = {
    "memory": ("memories", Memory),
    "copy": ("copies", Copy),
    "intrinsic": ("intrinsics", Intrinsic),
    "scalar": ("scalars", ScalarCall),
}
"""The same of the table `emit`."""
_MACHINE_ARRAYS = (*(field for field, _ in ARRAYS.values()), EMIT)
_EMIT_FIELDS = tuple(field for field, _ in EMIT_ARRAYS.values())
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def load(path: Path) -> Machine:
    """Reads a machine from a file.

    Raises:
        MachineError: It can't be read or is wrong; names every line and key that is.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MachineError("the file isn't UTF-8", location=str(path)) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MachineError(f"the file can't be read: {reason}", location=str(path)) from error
    return loads(text, str(path))


def loads(text: str, origin: str = "<text>") -> Machine:
    """Reads a machine from TOML; `origin` is what errors call the file.

    Raises:
        MachineError: The text is wrong.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(error, text, origin) from error
    complaints = list[Complaint]()
    machine = _machine(data, complaints)
    if machine and not complaints:
        complaints = check(machine)
    complaints += _uncited(data)
    if machine is None or complaints:
        raise _error(complaints, positions.key_lines(text.replace("\r\n", "\n")), origin)
    return machine


def emission_from(paths: Sequence[Path]) -> Emission:
    """The table `emit` of the first of some files, with the arrays of all of them.

    Raises:
        MachineError: One is wrong.
    """
    whole: Emission | None = None
    for path in paths:
        text = path.read_text(encoding="utf-8")
        complaints = list[Complaint]()
        table = tomllib.loads(text)[EMIT]
        if whole is None:
            whole = emission_of(table, complaints)
        else:
            more = _arrays(table, EMIT_ARRAYS, (EMIT,), complaints)
            whole = dataclasses.replace(whole, **{field: getattr(whole, field) + more[field] for field in _EMIT_FIELDS})
        if complaints:
            raise _error(complaints, positions.key_lines(text), str(path))
    assert whole is not None, "expected a file"
    return whole


def to_data(machine: Machine) -> dict[str, Any]:
    """A machine as JSON has it: every field is there, what is unknown is null."""
    return {
        **_record_data(machine, skip=_MACHINE_ARRAYS),
        **{field: [_record_data(record) for record in getattr(machine, field)] for _, (field, _) in ARRAYS.items()},
        EMIT: _emission_data(machine.emit) if machine.emit else None,
    }


def _emission_data(emission: Emission) -> dict[str, Any]:
    lists = {field: [_record_data(one) for one in getattr(emission, field)] for field in _EMIT_FIELDS}
    return {**_record_data(emission, skip=_EMIT_FIELDS), **lists}


def to_toml(machine: Machine) -> str:
    """A machine as TOML that `loads` reads back equal."""
    lines = list(_toml_fields(machine, skip=_MACHINE_ARRAYS))
    for name, (field, _) in ARRAYS.items():
        for record in getattr(machine, field):
            lines += ["", f"[[{name}]]", *_toml_fields(record)]
    if machine.emit:
        lines += ["", f"[{EMIT}]", *_toml_fields(machine.emit, skip=_EMIT_FIELDS)]
        for name, (field, _) in EMIT_ARRAYS.items():
            for record in getattr(machine.emit, field):
                lines += ["", f"[[{EMIT}.{name}]]", *_toml_fields(record)]
    return "\n".join(lines) + "\n"


def _syntax_error(error: tomllib.TOMLDecodeError, text: str, origin: str) -> MachineError:
    message = str(error)
    place = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)", message)
    line = int(place.group(1)) if place and place.group(1) else text.count("\n") + 1
    said = message[: place.start()].strip() if place else message
    return MachineError(f"not TOML: {said[:1].lower()}{said[1:]}", location=f"{origin}:{line}")


def _error(complaints: list[Complaint], lines: dict[positions.Path, int], origin: str) -> MachineError:
    """All complaints, in the order of the file."""
    placed = sorted({(positions.line_of(lines, one.path), f"{key_text(one.path)}{one.message}") for one in complaints})
    (line, first), *others = placed
    message = "\n".join([first, *(f"{origin}:{line}: {text}" for line, text in others)])
    return MachineError(
        message,
        location=f"{origin}:{line}",
        help="docs/machines.md and docs/accelerators.md say what such a file holds",
    )


def key_text(path: positions.Path) -> str:
    """A path as a diagnostic begins with it: `space[1].level: `."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return f"{text}: " if text else ""


def _machine(data: dict[str, Any], complaints: list[Complaint]) -> Machine | None:
    given = _arrays(data, ARRAYS, (), complaints)
    plain = {key: value for key, value in data.items() if key not in ARRAYS and key != EMIT}
    if EMIT in data:
        given[EMIT] = emission_of(data[EMIT], complaints)
    return cast(Machine | None, _record(Machine, plain, (), complaints, given))


def emission_of(table: Any, complaints: list[Complaint]) -> Emission | None:
    """The table `emit` of a file; None, and complaints, where it is wrong."""
    if not isinstance(table, dict):
        complaints.append(Complaint((EMIT,), f"expected a table, got {_shown(table)}"))
        return None
    entries = cast(dict[str, Any], table)
    given = _arrays(entries, EMIT_ARRAYS, (EMIT,), complaints)
    plain = {key: value for key, value in entries.items() if key not in EMIT_ARRAYS}
    return cast(Emission | None, _record(Emission, plain, (EMIT,), complaints, given))


def _arrays(
    data: dict[str, Any], kinds: Mapping[str, tuple[str, type]], path: positions.Path, complaints: list[Complaint]
) -> dict[str, Any]:
    """Arrays of tables as the fields that they are."""
    arrays = dict[str, Any]()
    for name, (field, cls) in kinds.items():
        tables = data.get(name, [])
        place = (*path, name)
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            said = ".".join(map(str, place))
            complaints.append(Complaint(place, f"expected tables under [[{said}]], got {_shown(tables)}"))
            continue
        records = [_record(cls, table, (*place, number), complaints) for number, table in enumerate(tables)]
        arrays[field] = tuple(record for record in records if record is not None)
    return arrays


def _record(
    cls: type,
    table: dict[str, Any],
    path: positions.Path,
    complaints: list[Complaint],
    given: Mapping[str, object] | None = None,
) -> object | None:
    """An instance of a dataclass from a table; None, and complaints, where the table is wrong."""
    before = len(complaints)
    hints = _hints(cls)
    values = dict[str, Any](given or {})
    hidden = {Machine: _MACHINE_ARRAYS, Emission: _EMIT_FIELDS}.get(cls, ())
    allowed = [name for name in hints if name not in hidden]
    for key, value in table.items():
        if key not in allowed:
            complaints.append(Complaint((*path, key), _unknown_key(key, cls, allowed, bool(path))))
            continue
        values[key] = _convert(hints[key], value, (*path, key), complaints)
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING and field.name not in values
        if required and field.name in allowed:
            complaints.append(Complaint(path, f"key '{field.name}' is missing"))
    return cls(**values) if len(complaints) == before else None


@cache
def _hints(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _unknown_key(key: str, cls: type, allowed: list[str], nested: bool) -> str:
    known = [*allowed, *EMIT_ARRAYS] if cls is Emission else allowed if nested else [*allowed, *ARRAYS, EMIT]
    close = difflib.get_close_matches(key, known, n=1)
    what = {"ScopeLimits": "scope"}.get(cls.__name__, cls.__name__.lower())
    article = "an" if what[0] in "aeiou" else "a"
    advice = f"did you mean '{close[0]}'?" if close else f"the keys of {article} {what} are {', '.join(known)}"
    return f"unknown key: {advice}"


def _convert(hint: Any, value: Any, path: positions.Path, complaints: list[Complaint]) -> Any:
    """A value as the field's type wants it; complains where it doesn't fit."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = next(argument for argument in arguments if argument is not type(None))
        return None if value == UNKNOWN and inner in (int, float) else _convert(inner, value, path, complaints)
    if origin is Literal:
        return _expect(value in arguments, value, path, complaints, f"one of {', '.join(map(str, arguments))}")
    if origin is tuple:
        return _convert_tuple(arguments[0], value, path, complaints)
    if hint is float:
        numeric = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        checked = _expect(numeric, value, path, complaints, "a number")
        return float(checked) if numeric else 0.0
    if hint is int:
        return _expect(type(value) is int and abs(value) < 2**63, value, path, complaints, "an integer")
    if hint is bool:
        return _expect(isinstance(value, bool), value, path, complaints, "true or false")
    return _expect(isinstance(value, str), value, path, complaints, "a string")


def _convert_tuple(element: Any, value: Any, path: positions.Path, complaints: list[Complaint]) -> Any:
    """A list of names, or a table of pairs."""
    if element is str:
        if not isinstance(value, list):
            return _expect(False, value, path, complaints, "a list of names")
        entries = cast(list[Any], value)
        return tuple(_convert(str, entry, (*path, number), complaints) for number, entry in enumerate(entries))
    if not isinstance(value, dict):
        return _expect(False, value, path, complaints, "a table")
    inner = get_args(element)[1]
    pairs = cast(dict[str, Any], value).items()
    return tuple((key, _convert(inner, entry, (*path, key), complaints)) for key, entry in pairs)


def _expect(holds: bool, value: Any, path: positions.Path, complaints: list[Complaint], what: str) -> Any:
    if not holds:
        complaints.append(Complaint(path, f"expected {what}, got {_shown(value)}"))
    return value


def _shown(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return str(value)


def _uncited(data: dict[str, Any]) -> Iterator[Complaint]:
    """Sources of what isn't there: a mistyped key would otherwise leave its number without one."""
    records: list[tuple[positions.Path, Any]] = [((), data)]
    for name in ARRAYS:
        tables = data.get(name)
        records += [((name, number), table) for number, table in enumerate(tables if isinstance(tables, list) else [])]
    for path, table in records:
        sources = table.get("sources") if isinstance(table, dict) else None
        for key in sources if isinstance(sources, dict) else ():
            inner = [table.get(name) for name in ("rates", "limits")]
            if key not in table and not any(isinstance(pairs, dict) and key in pairs for pairs in inner):
                yield Complaint((*path, "sources", key), f"a source for '{key}', which isn't there")


def _record_data(record: Any, skip: tuple[str, ...] = ()) -> dict[str, Any]:
    hints = _hints(type(record))
    names = [field.name for field in dataclasses.fields(record) if field.name not in skip]
    return {name: _plain(getattr(record, name), hints[name]) for name in names}


def _plain(value: Any, hint: Any) -> Any:
    """Pairs as an object, names as a list."""
    if get_origin(hint) is not tuple:
        return value
    return list(value) if get_args(hint)[0] is str else dict(value)


def _toml_fields(record: Any, skip: tuple[str, ...] = ()) -> Iterator[str]:
    """`key = value` of each field that isn't at its default, or has a source."""
    hints, cited = _hints(type(record)), dict(getattr(record, "sources", ()))
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        said = field.default is dataclasses.MISSING or value != field.default or field.name in cited
        if field.name not in skip and said:
            yield f"{field.name} = {_toml_value(_plain(value, hints[field.name]))}"


def _toml_value(value: Any) -> str:
    match value:
        case None:
            return f'"{UNKNOWN}"'
        case bool():
            return str(value).lower()
        case str():
            return _toml_string(value)
        case list():
            return f"[{', '.join(map(_toml_value, cast(list[Any], value)))}]"
        case dict():
            pairs = cast(dict[str, Any], value).items()
            return f"{{ {', '.join(f'{_toml_key(key)} = {_toml_value(entry)}' for key, entry in pairs)} }}"
        case _:
            return repr(value)


def _toml_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _toml_string(key)


def _toml_string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
