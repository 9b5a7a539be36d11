"""On which line of a TOML file a key stands. `tomllib` reads values and forgets; this reads lines and skips values.

The text has been through `tomllib` before, so it is valid, and anything but keys, brackets and strings is passed over.
"""

from __future__ import annotations

import json
import re

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n,]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?!")|\'\'\'.*?\'\'\'(?!\')|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\n#]+")
_CLOSING = re.compile(r"[^\]]*\]?\]?")
_INLINE = re.compile(r"[ \t]*")


def key_lines(text: str) -> dict[Path, int]:
    """The line of each key, table and element, by its path: `("space", 1, "level")` is in the second `[[space]]`."""
    return _Reader(text).read()


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of a path, or of the nearest thing around it that is there."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Reader:
    """A cursor over the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.arrays: dict[Path, int] = {}

    def read(self) -> dict[Path, int]:
        table: Path = ()
        while self.skip(_BLANK) and self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
        return self.lines

    def skip(self, pattern: re.Pattern[str]) -> bool:
        """Passes over what a pattern matches here; it may be nothing."""
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at + 1
        return True

    def note(self, path: Path) -> None:
        self.lines.setdefault(path, self.text.count("\n", 0, self.at) + 1)

    def header(self) -> Path:
        """`[table]` or `[[table]]`; gives the path of what follows."""
        array = self.text.startswith("[[", self.at)
        line_start = self.at
        self.at += 2 if array else 1
        keys = self.keys()
        self.skip(_CLOSING)
        path: Path = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            if array and number == len(keys) - 1:
                self.arrays[path] = self.arrays.get(path, -1) + 1
            if path in self.arrays:
                path = (*path, self.arrays[path])
        end, self.at = self.at, line_start
        self.note(path)
        self.at = end
        return path

    def keys(self) -> list[str]:
        """A dotted key."""
        found = list[str]()
        while True:
            self.skip(_INLINE)
            found.append(self.key())
            self.skip(_INLINE)
            if not self.text.startswith(".", self.at):
                return found
            self.at += 1

    def key(self) -> str:
        match = _BARE.match(self.text, self.at)
        if match:
            self.at = match.end()
            return match.group()
        start = self.at
        self.skip(_STRING)
        quoted = self.text[start : self.at]
        return unquote(quoted)

    def pair(self, table: Path) -> None:
        """`key = value`."""
        start = self.at
        path: Path = (*table, *self.keys())
        end, self.at = self.at, start
        self.note(path)
        self.at = end
        self.skip(_INLINE)
        self.at += 1  # the equals sign
        self.skip(_INLINE)
        self.value(path)

    def value(self, path: Path) -> None:
        first = self.text[self.at : self.at + 1]
        if first == "[":
            self.array(path)
        elif first == "{":
            self.at += 1
            while self.skip(_BLANK) and self.at < len(self.text) and self.text[self.at] != "}":
                self.pair(path)
            self.at += 1
        elif first in ('"', "'"):
            self.skip(_STRING)
        else:
            self.skip(_SCALAR)

    def array(self, path: Path) -> None:
        self.at += 1
        number = 0
        while self.skip(_BLANK) and self.at < len(self.text) and self.text[self.at] != "]":
            self.note((*path, number))
            self.value((*path, number))
            number += 1
        self.at += 1


def unquote(quoted: str) -> str:
    """A quoted key's text."""
    if quoted.startswith("'"):
        return quoted[1:-1]
    try:
        return str(json.loads(quoted))
    except ValueError:
        return quoted[1:-1]
