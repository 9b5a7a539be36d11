"""Says how many operations there are below each anchor.

    pf-opt --gir-count-ops in.mlir     in.mlir:1:1: remark: 12 operations

With a limit it fails where there are more: a test can hold a pipeline to what it promises.

Contract: changes nothing; takes any IR. The anchor itself isn't counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core.diagnostics import emit_remark
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir


@register_pass
@dataclass(frozen=True)
class CountOpsPass(Pass):
    """Count the operations below each anchor."""

    name: ClassVar[str] = "gir-count-ops"
    anchor: ClassVar[str | None] = None

    limit: int = option(0, help="Fail where there are more operations than this; 0 is no limit")

    def run(self, op: ir.Operation) -> None:
        """Emits a remark with the number, or an error beyond the limit."""
        count = count_ops(op)
        if self.limit and count > self.limit:
            raise UnsupportedError(
                f"expected at most {self.limit} operations, got {count}",
                location=op.location,
                help="raise the limit, or look at the IR before it with --mlir-print-ir-before=gir-count-ops",
            )
        emit_remark(op.location, f"{count} operations")


def count_ops(op: ir.Operation) -> int:
    """Number of operations nested in `op`, itself not counted."""
    count = -1

    def visit(_: ir.Operation) -> ir.WalkResult:
        nonlocal count
        count += 1
        return ir.WalkResult.ADVANCE

    op.walk(visit)
    return count
