"""`gir-inline-scopes`: what a scope of stack memory holds stands in its place, where nothing is allocated there.

Rewrite:
    omp.loop_nest (%i) ... {                  omp.loop_nest (%i) ... {
      memref.alloca_scope {              ⇒      vector.store %v, %y[%i]
        vector.store %v, %y[%i]               }
      }
    }

Upstream's conversion to OpenMP puts one around each loop's body, which has room for one block; `canonicalize` leaves
it where an op may allocate for all that it knows, as a call of one of LLVM's intrinsics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import operations, walk_numbered
from powerfusion.core.passes import Pass, register_pass
from powerfusion.mlir import ir

SCOPE = "memref.alloca_scope"
ALLOCATING = ("memref.alloca", "llvm.alloca")


@register_pass
@dataclass(frozen=True)
class InlineScopesPass(Pass):
    """Takes scopes of stack memory away in which there is none."""

    name: ClassVar[str] = "gir-inline-scopes"

    def run(self, op: ir.Operation) -> None:
        """Rewrites a module, inner scopes first."""
        for scope in reversed([each for _, each in walk_numbered(op) if each.name == SCOPE]):
            if not any(each.name in ALLOCATING for _, each in walk_numbered(scope)):
                _inline(scope)


def _inline(scope: ir.Operation) -> None:
    """Moves what a scope of one block holds in front of it."""
    *body, end = operations(scope.regions[0].blocks[0])
    for op in body:
        op.move_before(scope)
    for result, value in zip(scope.results, end.operands, strict=True):
        result.replace_all_uses_with(value)
    scope.erase()
