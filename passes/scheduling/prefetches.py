"""What passes that ask a cache for memory ahead have in common."""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import create, entry_block
from powerfusion.mlir import ir

NEAREST, NEAR = 3, 2
"""Where it comes to, as `memref.prefetch` counts: the first cache, the second."""
LOOPS = ("scf.for", "gir.parallel")
MOST_LINES = 16  # a step asks for: more at once would wait for one another


def prefetch(memref: ir.Value, indices: Sequence[ir.Value], cache: int, *, is_write: bool = False) -> None:
    """Asks for the line of an element that will be read, or written, which may lie behind a memref's end."""
    attributes = {
        "isWrite": ir.BoolAttr.get(is_write),
        "isDataCache": ir.BoolAttr.get(True),
        "localityHint": ir.IntegerAttr.get(ir.IntegerType.get_signless(32), cache),
    }
    create("memref.prefetch", [memref, *indices], attributes=attributes)


def index_of(loop: ir.Operation) -> ir.Value:
    """What counts a loop's steps; of several indices of a parallel the innermost."""
    return entry_block(loop).arguments[-1 if loop.name == "gir.parallel" else 0]
