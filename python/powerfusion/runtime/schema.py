"""Reading JSON into frozen dataclasses: every key is known and every value has its type, or an error says which."""

from __future__ import annotations

import json
import types
from collections.abc import Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from powerfusion.errors import ArtifactError

Json = dict[str, Any]


def parse_object(text: bytes, what: str) -> Json:
    """Parses a JSON object.

    Args:
        text: UTF-8.
        what: Names it in errors.

    Raises:
        ArtifactError: It is malformed, repeats a key, or isn't an object.
    """
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{what} isn't JSON: {error}") from error
    if not isinstance(found, dict):
        raise ArtifactError(f"expected {what} to be an object, got {name_of(found)}")
    return cast(Json, found)


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        repeated = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise ValueError(f"key '{repeated}' stands twice")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def read(type_: Any, value: Any, key: str) -> Any:
    """A JSON value as a type: a dataclass, `tuple[T, ...]`, `dict[str, T]`, `T | None`, int, str, bool, or Any.

    Args:
        type_: What it should be.
        value: What was parsed.
        key: Where it stood, as `signature.arguments[0].dtype`.

    Raises:
        ArtifactError: It is something else; names the key.
    """
    origin, arguments = get_origin(type_), get_args(type_)
    if type_ is Any:
        return value
    if isinstance(type_, type) and is_dataclass(type_):
        return _read_dataclass(type_, _expect(value, dict, key), key)
    if origin is tuple:
        items = cast("Sequence[Any]", _expect(value, list, key))
        return tuple(read(arguments[0], item, f"{key}[{at}]") for at, item in enumerate(items))
    if origin is dict:
        return {name: read(arguments[1], item, f"{key}.{name}") for name, item in _expect(value, dict, key).items()}
    if origin in (Union, types.UnionType):
        rest = next(argument for argument in arguments if argument is not types.NoneType)
        return None if value is None else read(rest, value, key)
    return _expect(value, cast(type, type_), key)


def _expect(value: Any, type_: type, key: str) -> Any:
    if type(value) is not type_:  # a bool is an int, but not here
        raise ArtifactError(f"manifest: expected '{key}' to be {NAMES[type_]}, got {name_of(value)}")
    return value


def _read_dataclass(type_: type, value: Json, key: str) -> Any:
    hints = get_type_hints(type_)
    known = {field.name: field for field in fields(type_)}
    dot = f"{key}." if key else ""
    for name in value:
        if name not in known:
            raise ArtifactError(f"manifest: there is no key '{dot}{name}'")
    for name, field in known.items():
        if name not in value and field.default is MISSING and field.default_factory is MISSING:
            raise ArtifactError(f"manifest: the key '{dot}{name}' is missing")
    return type_(**{name: read(hints[name], item, f"{dot}{name}") for name, item in value.items()})


NAMES: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    types.NoneType: "null",
}


def name_of(value: Any) -> str:
    """What a JSON value is, in words."""
    return NAMES.get(type(value), type(value).__name__)
