"""The functions of `helpers.c`, by name, and which others each calls."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("helpers.c")
_FUNCTION = re.compile(r"^((?://[^\n]*\n)+static inline [^\n(]*?(\w+)\(.*?^}\n)", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"\bpf_\w+")


@cache
def functions() -> dict[str, str]:
    """The text of each function, with its comment, in the order of the file."""
    return {match[2]: match[1] for match in _FUNCTION.finditer(SOURCE.read_text())}


def needed(names: Iterable[str]) -> list[str]:
    """The texts of some functions and of all that these call, callees first."""
    known = functions()
    found: set[str] = set()
    rest = list(names)
    while rest:
        name = rest.pop()
        if name not in found:
            found.add(name)
            rest += [other for other in _NAME.findall(known[name]) if other in known]
    return [text for name, text in known.items() if name in found]
