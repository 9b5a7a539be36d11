"""File length: over 400 lines asks to be split, over 800 fails."""

from __future__ import annotations

from collections.abc import Iterator

from lint.tree import Tree, Violation

WARN_LINES = 400
FAIL_LINES = 800
SUFFIXES = (".py", ".h", ".cpp", ".td", ".mlir", ".md", ".sh", ".cmake", ".txt", ".cfg", ".toml")
# Programs that an exporter wrote, weights included: data, not source.
DATA = ("examples/", "benchmarks/workloads/")


def check(tree: Tree) -> Iterator[Violation]:
    """Yields a warning or a violation for each long file."""
    for path in tree.select(*SUFFIXES):
        if path.endswith(".mlir") and path.startswith(DATA):
            continue
        count = tree.text(path).count("\n")
        if count > WARN_LINES:
            message = f"{count} lines, expected at most {WARN_LINES} ({FAIL_LINES} fails): split the file"
            yield Violation(path, 1, message, fatal=count > FAIL_LINES)
