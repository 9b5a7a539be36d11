"""Asking a cache for memory that is needed later."""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import create
from powerfusion.mlir import ir

NEAREST, NEAR = 3, 2
"""Where it comes to, as `memref.prefetch` counts: the first cache, the second."""


def prefetch(memref: ir.Value, indices: Sequence[ir.Value], cache: int) -> None:
    """Asks for the line of an element that will be read, which may lie behind a memref's end."""
    attributes = {
        "isWrite": ir.BoolAttr.get(False),
        "isDataCache": ir.BoolAttr.get(True),
        "localityHint": ir.IntegerAttr.get(ir.IntegerType.get_signless(32), cache),
    }
    create("memref.prefetch", [memref, *indices], attributes=attributes)
