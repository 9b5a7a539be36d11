"""Import layering: imports go down, never up.

    rank 6  powerfusion (the face), cli, frontend
    rank 5  pipelines
    rank 4  passes, emit
    rank 3  core, machines, model, reference
    rank 2  dialects
    rank 1  mlir (the bindings), _native
    rank 0  runtime, simulate, knobs, errors, symbolic, report

A module may import its own rank and below. `runtime` stands at the bottom because an artifact runs without MLIR and
without this compiler; for the same reason rank 0 sees rank 0 only. In C++, `dialect/` includes nothing of `passes/`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from lint.tree import Tree, Violation

PACKAGE = "powerfusion"
FACE = 6
RANKS = {
    "cli": FACE,
    "frontend": FACE,
    "pipelines": 5,
    "passes": 4,
    "emit": 4,
    "core": 3,
    "machines": 3,
    "model": 3,
    "reference": 3,
    "dialects": 2,
    "mlir": 1,
    "_native": 1,
    "runtime": 0,
    "simulate": 0,
    "knobs": 0,
    "errors": 0,
    "symbolic": 0,
    "report": 0,
}
_INCLUDE = re.compile(r'^\s*#?\s*include\s*[<"]([^>"]+)[>"]')


def check(tree: Tree) -> Iterator[Violation]:
    """Yields each import and each include that goes up."""
    yield from check_python(tree)
    yield from check_cpp(tree)


def check_python(tree: Tree) -> Iterator[Violation]:
    """Yields each Python import of a higher rank."""
    for path in tree.select(".py", under=("python/powerfusion/", "passes/")):
        importer = component(path)
        rank = RANKS.get(importer, FACE)
        for line, imported in imports(tree.text(path)):
            target = RANKS.get(imported, FACE)
            if target <= rank:
                continue
            yield Violation(path, line, f"{name(importer)} imports {name(imported)}, which is above it: {advice(rank)}")


def check_cpp(tree: Tree) -> Iterator[Violation]:
    """Yields each include of something under `passes/` in the dialect."""
    for path in tree.select(".h", ".cpp", ".td", ".inc", under=("dialect/",)):
        for number, text in enumerate(tree.text(path).splitlines(), 1):
            match = _INCLUDE.match(text)
            if match and "passes" in PurePosixPath(match.group(1)).parts:
                yield Violation(
                    path, number, f"dialect/ includes '{match.group(1)}' of passes/: passes use the dialect"
                )


def component(path: str) -> str:
    """First name below the package: `passes/tiling/tile.py` is `passes`, the package's own `__init__` is empty."""
    parts = PurePosixPath(path).parts
    inner = parts if parts[0] == "passes" else parts[2:]
    first = inner[0].removesuffix(".py")
    return "" if first in ("__init__", "__main__") else first


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and component of each import of this package, wherever it stands in the file."""
    try:
        module = ast.parse(source)
    except SyntaxError:
        return  # ruff reports it
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                dotted = [alias.name for alias in names]
            case ast.ImportFrom(module=str(origin), names=names, level=0) if origin == PACKAGE:
                dotted = [f"{origin}.{alias.name}" for alias in names]
            case ast.ImportFrom(module=str(origin), level=0):
                dotted = [origin]
            case _:
                continue
        for full in dotted:
            head, _, rest = full.partition(".")
            if head == PACKAGE:
                yield node.lineno, rest.split(".")[0]


def name(part: str) -> str:
    """A component as a diagnostic calls it."""
    return f"powerfusion.{part}" if part else "powerfusion"


def advice(rank: int) -> str:
    """What the importer may see."""
    allowed = sorted(part for part, other in RANKS.items() if other <= rank)
    return "it may import " + ", ".join(allowed)
