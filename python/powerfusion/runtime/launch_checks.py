"""Whether a list of launches that was read from a file is one: steps that are known, of values that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from powerfusion.runtime.launches import FLOAT_COMPARISONS, NUMBERS, STEPS, Launches
from powerfusion.runtime.signature import DTYPES


def problems(launches: Launches) -> Iterator[str]:
    """What is wrong with a list that was read from somewhere."""
    known = set(launches.arguments)
    if len(launches.dtypes) != len(launches.arguments):
        yield f"expected {len(launches.arguments)} dtypes, got {len(launches.dtypes)}"
    for at, step in enumerate(launches.steps):
        if step.name not in NUMBERS and step.name not in STEPS:
            yield f"steps[{at}] is '{step.name}', which nobody knows"
            continue
        yield from (
            f"steps[{at}] takes {number}, which isn't there yet" for number in step.operands if number not in known
        )
        keys = _KEYS.get(step.name, {})
        for key in sorted(keys.keys() ^ step.data.keys()):
            yield f"steps[{at}] {'lacks' if key in keys else 'has an unknown'} '{key}'"
        for key in keys.keys() & step.data.keys():
            if not keys[key](step.data[key]):
                yield f"steps[{at}] has no good '{key}'"
        known.update(step.results)
    yield from (f"gives {number}, which isn't there" for number in launches.results if number not in known)


def _is_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(each is None or type(each) is int for each in value)


def _is_groups(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_sizes, value))


def _is_dtype(value: Any) -> bool:
    return isinstance(value, str) and value in DTYPES


def _are_dtypes(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_dtype, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_KEYS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "allocate": {"shape": _is_sizes, "dtype": _is_dtype, "zeroed": lambda value: type(value) is bool},
    "assert": {"message": _is_text},
    "bytes_as": {"shape": _is_sizes, "dtype": _is_dtype},
    "cmpf": {"how": lambda value: value in FLOAT_COMPARISONS},
    "collapse": {"groups": _is_groups},
    "constant": {"value": lambda value: isinstance(value, int | str), "dtype": _is_dtype},
    "expand": {"shape": _is_sizes, "groups": _is_groups},
    "float": {"dtype": _is_dtype},
    "launch": {"kernel": _is_text, "shared_bytes": lambda value: type(value) is int, "dtypes": _are_dtypes},
    "subview": {"offsets": _is_sizes, "sizes": _is_sizes, "strides": _is_sizes, "kept": _is_sizes},
}
"""What steps say beside their operands."""
