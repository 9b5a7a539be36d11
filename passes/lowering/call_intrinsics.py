"""`gir-call-intrinsics`: what is left of math becomes calls of LLVM's intrinsics, which every device has.

Rewrite:
    %1 = math.sqrt %0 : vector<4xf32>
  ⇒ %1 = llvm.call_intrinsic "llvm.sqrt.v4f32"(%0) : (vector<4xf32>) -> vector<4xf32>

Upstream's conversions to nvvm and rocdl make calls of the vendors' libraries of the same ops, which need a toolkit to
link them. The functions here are exact, or rounded once: an instruction, or a few that LLVM knows. Functions that are
neither are what `gir-expand-math` is for; one that neither pass knows is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import element_of
from powerfusion.core.passes import Pass, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.functions.table import FUNCTIONS
from powerfusion.passes.lowering.intrinsics import intrinsic, number

EXACT = {
    "math.absf": "fabs",
    "math.absi": "abs",
    "math.ceil": "ceil",
    "math.copysign": "copysign",
    "math.ctlz": "ctlz",
    "math.ctpop": "ctpop",
    "math.cttz": "cttz",
    "math.floor": "floor",
    "math.fma": "fma",
    "math.round": "round",
    "math.roundeven": "roundeven",
    "math.sqrt": "sqrt",
    "math.trunc": "trunc",
}
WITH_FLAG = frozenset({"abs", "ctlz", "cttz"})
"""Those that take a flag as well: whether what would be out of range may give anything; it may not."""


@register_pass
@dataclass(frozen=True)
class CallIntrinsicsPass(Pass):
    """Calls LLVM's intrinsics for exact functions."""

    name: ClassVar[str] = "gir-call-intrinsics"

    def run(self, op: ir.Operation) -> None:
        """Replaces the ops in place, in modules of kernels.

        Raises:
            UnsupportedError: A function is neither expanded nor an intrinsic.
        """
        for found in list(_math_ops(op)):
            if found.name not in EXACT:
                raise _unknown(found)
            short = EXACT[found.name]
            type_ = found.result.type
            with ir.InsertionPoint(found), found.location:
                flags = [number(1, 0)] if short in WITH_FLAG else []
                made = intrinsic(f"{short}.{_suffix(type_)}", [*found.operands, *flags], type_)
            found.result.replace_all_uses_with(made)
            found.erase()


def _math_ops(op: ir.Operation) -> Iterator[ir.Operation]:
    for region in op.regions:
        for block in region:
            for inside in block.operations:
                operation = inside.operation
                if operation.name.startswith("math."):
                    yield operation
                yield from _math_ops(operation)


def _suffix(type_: ir.Type) -> str:
    """How an intrinsic's name says a type: f32, v4f32."""
    element = str(element_of(type_))
    return f"v{type_.shape[0]}{element}" if isinstance(type_, ir.VectorType) else element


def _unknown(op: ir.Operation) -> UnsupportedError:
    element = element_of(op.result.type)
    return UnsupportedError(
        f"'{op.name}' of {element} can't be lowered to gpu: there is no library of functions on the device",
        location=op.location,
        help="compute it in f32" if op.name in FUNCTIONS else None,
    )
