"""Which ops are expanded, and into what."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from powerfusion.core._mlir import element_of
from powerfusion.mlir import ir
from powerfusion.passes.lowering.functions import (
    error_function,
    exponentials,
    hyperbolic,
    logarithms,
    powers,
    roots,
    trigonometric,
)
from powerfusion.passes.lowering.functions.lanes import Real

Function = Callable[..., Real]

FUNCTIONS: Mapping[str, Function] = {
    "math.cos": trigonometric.cos,
    "math.erf": error_function.erf,
    "math.exp": exponentials.exp,
    "math.exp2": exponentials.exp2,
    "math.expm1": exponentials.expm1,
    "math.log": logarithms.log,
    "math.log10": logarithms.log10,
    "math.log1p": logarithms.log1p,
    "math.log2": logarithms.log2,
    "math.powf": powers.power,
    "math.rsqrt": roots.rsqrt,
    "math.sin": trigonometric.sin,
    "math.tanh": hyperbolic.tanh,
}
"""Of each the function of its operands, and of the instructions that there are."""
WITHOUT_INSTRUCTIONS = frozenset({"math.cos", "math.sin"})
"""Those that have no use for any."""


def is_f32(type_: ir.Type) -> bool:
    """True for f32, and for vectors of it whose number of lanes is known."""
    if isinstance(type_, ir.VectorType) and type_.scalable:
        return False
    return element_of(type_) == ir.F32Type.get()


def is_expanded(name: str, type_: ir.Type) -> bool:
    """Whether an op with a result of some type is."""
    return name in FUNCTIONS and is_f32(type_)
