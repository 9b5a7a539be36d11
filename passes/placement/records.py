"""Frozen dataclasses as JSON and back: every field is there, none more, and each has its type."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from powerfusion.errors import CertificateError

Json = Any


def encode(value: object) -> Json:
    """A record as JSON: dataclasses are objects by field, sequences lists, members of enums their values."""
    if is_dataclass(value):
        return {each.name: encode(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [encode(each) for each in cast("Sequence[object]", value)]
    assert value is None or isinstance(value, (int, str)), "records have nothing else"
    return value


def parse(text: str, what: str) -> Json:
    """What a text of JSON has.

    Raises:
        CertificateError: It is malformed, or a key stands twice.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands twice")
        return found

    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise CertificateError(f"{what} isn't JSON: {error}") from error


def decode(type_: Any, value: Json, key: str) -> Any:
    """JSON as a type: a dataclass, a sequence of one type, an enum, `T | None`, int, str or bool.

    Args:
        type_: What it should be.
        value: What was parsed.
        key: Where it stood, for errors.

    Raises:
        CertificateError: It is something else; names the key.
    """
    if is_dataclass(type_):
        return _record(cast("type[Any]", type_), value, key)
    origin, arguments = get_origin(type_), get_args(type_)
    if origin in (Union, types.UnionType):
        (inner,) = (each for each in arguments if each is not types.NoneType)
        return None if value is None else decode(inner, value, key)
    if origin in (tuple, Sequence):
        _check(isinstance(value, list), "a list", value, key)
        return tuple(decode(arguments[0], each, f"{key}[{at}]") for at, each in enumerate(value))
    if isinstance(type_, type) and issubclass(type_, Enum):
        _check(value in [each.value for each in type_], f"one of {[each.value for each in type_]}", value, key)
        return type_(value)
    assert type_ in (int, str, bool), "records have nothing else"
    _check(type(value) is type_, f"of type {type_.__name__}", value, key)
    return value


def _record(type_: type[Any], value: Json, key: str) -> Any:
    _check(isinstance(value, Mapping), "an object", value, key)
    types_ = get_type_hints(type_)
    names = [each.name for each in fields(type_)]
    if set(value) != set(names):
        raise CertificateError(f"expected '{key}' to have the keys {sorted(names)}, got {sorted(value)}")
    return type_(**{name: decode(types_[name], value[name], f"{key}.{name}") for name in names})


def _check(right: bool, expected: str, value: Json, key: str) -> None:
    if not right:
        raise CertificateError(f"expected '{key}' to be {expected}, got {str(value)[:80]!r}")
