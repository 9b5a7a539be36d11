"""One `arith` or `math` op on single elements, as what writes it in C is given it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc.scalars import Helper

Values = list[ir.Value]


@dataclass(frozen=True)
class Scalar:
    """One op on single elements.

    Attributes:
        name: The op's.
        operands: As one computes with them.
        elements: The operands' element types.
        results: The results' element types.
        attributes: The op's.
        helper: Calls a function, and takes it along if it is one of ours.
        location: The op's.
    """

    name: str
    operands: Sequence[ir.Value]
    elements: Sequence[ir.Type]
    results: Sequence[ir.Type]
    attributes: Mapping[str, Any]
    helper: Helper
    location: ir.Location


Writer = Callable[[Scalar], Values]
