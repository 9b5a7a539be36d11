"""What the checks share: which files are ours, and what a violation looks like."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, order=True)
class Violation:
    """One finding; `fatal` is false for what is only a warning."""

    path: str
    line: int
    message: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {'' if self.fatal else 'warning: '}{self.message}"


@dataclass(frozen=True)
class Tree:
    """A checkout and the files that belong to it: tracked ones and new ones that git doesn't ignore.

    Attributes:
        root: The checkout.
        paths: Relative paths with forward slashes, sorted; symlinks are left out, their targets are ours already.
    """

    root: Path
    paths: tuple[str, ...]

    @classmethod
    def of(cls, root: Path) -> Tree:
        """Asks git which files there are."""
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        names = sorted({name for name in listed.stdout.split("\0") if name})
        return cls(root, tuple(n for n in names if (root / n).is_file() and not (root / n).is_symlink()))

    def select(self, *suffixes: str, under: Iterable[str] = ("",)) -> list[str]:
        """Paths that end in one of `suffixes` and lie in one of the folders `under` (each ends in a slash)."""
        folders = tuple(under)
        return [p for p in self.paths if PurePosixPath(p).suffix in suffixes and p.startswith(folders)]

    def text(self, path: str) -> str:
        """The file's text; bytes that aren't UTF-8 come out as replacement characters."""
        return (self.root / path).read_text(encoding="utf-8", errors="replace")
