"""Calls are a loop: which writes of a program find their lines where its last call left them.

    call 1   x at 0x1000   y at 0x9000        y is read line by line before it is written,
    call 2   x at 0x5000   y at 0x9000        and is still there, if x and y fit in the cache

What a program makes, results and what passes between its kernels, lies in the same memory in each call, as an
allocator gives back what was freed; what it is given lies elsewhere each time. So where all that a call touches fits
in the cache, writes into what it made read nothing first: the rule of `arriving`, of the loop around all kernels.
"""

from __future__ import annotations

from powerfusion.core._mlir import defining_op
from powerfusion.mlir import ir
from powerfusion.passes.analysis.least_bytes import VIEWS
from powerfusion.passes.analysis.ledger_views import Root


def memory_of(root: object) -> object:
    """The tensor or buffer that a box lies in, given its root, which may be a view of the function's."""
    while isinstance(root, ir.Value):
        op = defining_op(root)
        if op is None or op.name not in VIEWS:
            break
        root = op.operands[0]
    return root


def is_made(memory: object) -> bool:
    """Whether a buffer is the program's own, and not its caller's."""
    if isinstance(memory, ir.Value):
        return defining_op(memory) is not None
    return isinstance(memory, Root) and not memory.is_given
