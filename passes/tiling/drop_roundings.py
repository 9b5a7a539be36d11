"""`gir-drop-roundings`: what a kernel rounds to 16 bits and widens again stays in f32, where that is asked for.

Rewrite:
    %1 = arith.truncf %0 : f32 to bf16                          %1 = arith.truncf %0 : f32 to bf16
    gir.store %1, %y                                            gir.store %1, %y
    %2 = gir.broadcast %1 : bf16                         ⇒
    %3 = arith.extf %2 : bf16 to f32                            %3 = gir.broadcast %0 : f32
    %4 = arith.mulf %a, %b : bf16                               %4 = arith.mulf (arith.extf %a), (arith.extf %b) : f32
    %5 = arith.addf %4, %c : bf16                               %5 = arith.addf %4, (arith.extf %c) : f32
    gir.store %5, %z                                            gir.store (arith.truncf %5), %z

The option is `excess-precision`, and off: then nothing happens. With it, arithmetic on f16 and bf16 is arithmetic on
f32, and a value that one op of a kernel rounds and another one widens, on whatever way at `reg`, isn't rounded. Factors
of a contraction needn't be, either, if their sums are wider than they. What is stored, at any level, is rounded, and so
is what a reduction takes and what a loop carries.

A result is then nearer to that of the program in f32, but another where kernels are fused in another way. What is too
large for f16 in the middle of a kernel is a number there, not an infinity. Decision 0058.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from powerfusion.core._mlir import attributes_of, create, defining_op, element_of, is_tensor
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.kernels import ops_in, tiled_kernels

ROUNDING, WIDENING = "arith.truncf", "arith.extf"
VIEWS = ("gir.broadcast", "gir.concat", "gir.move", "gir.permute", "gir.reshape", "gir.slice")
BITWISE = ("arith.bitcast", "arith.constant")  # which are about 16 bits, and no arithmetic


@register_pass
@dataclass(frozen=True)
class DropRoundingsPass(Pass):
    """Leaves in f32 what a kernel rounds to 16 bits and widens again."""

    name: ClassVar[str] = "gir-drop-roundings"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    excess_precision: bool = option(False, help="Whether roundings between the ops of one kernel may be left out")

    def run(self, op: ir.Operation) -> None:
        """Rewrites every kernel in place."""
        if not self.excess_precision:
            return
        for kernel in tiled_kernels(op):
            rewriter = _Rewriter()
            for inside in ops_in(kernel):
                rewriter.visit(inside)


@dataclass
class _Rewriter:
    """Rewrites the ops of a kernel, which come in order.

    Attributes:
        known: Values of 16 bits, and what they were rounded from; None where they were loaded, or carried.
    """

    known: dict[ir.Value, ir.Value | None] = field(default_factory=dict)

    def visit(self, op: ir.Operation) -> None:
        """Rewrites an op, if it is one that needn't have its operands rounded."""
        if op.name == WIDENING:
            self._widen(op)
        elif op.name == "gir.contract":
            self._multiply(op)
        elif op.name.startswith(("arith.", "math.")) and op.name not in (ROUNDING, *BITWISE):
            self._compute(op)

    def _widen(self, op: ir.Operation) -> None:
        wide = self._wide(op.operands[0])
        if wide is None:
            return
        count("roundings left out")
        if wide.type == op.result.type:
            op.result.replace_all_uses_with(wide)
            op.erase()
        else:  # to f64
            op.operands[0] = wide

    def _multiply(self, op: ir.Operation) -> None:
        if _is_narrow(op.operands[2]):
            return
        for at in range(2):
            wide = self._wide(op.operands[at])
            if wide is not None:
                op.operands[at] = wide
                count("roundings left out")

    def _compute(self, op: ir.Operation) -> None:
        """Computes in f32 what was computed in 16 bits."""
        if not any(map(_is_narrow, (*op.operands, *op.results))):
            return
        types = [_in_f32(result.type) if _is_narrow(result) else result.type for result in op.results]
        with ir.InsertionPoint(op), op.location:
            count("roundings left out", sum(self._wide(value) is not None for value in op.operands))
            made = create(op.name, self._operands(op), types, attributes_of(op))
            for old, new in zip(op.results, made.results, strict=True):
                rounded = create(ROUNDING, [new], [old.type]).result if _is_narrow(old) else new
                old.replace_all_uses_with(rounded)
        op.erase()

    def _operands(self, op: ir.Operation) -> list[ir.Value]:
        """An op's operands, in f32 those of 16 bits."""
        return [self._as_f32(value) if _is_narrow(value) else value for value in op.operands]

    def _as_f32(self, value: ir.Value) -> ir.Value:
        return self._wide(value) or create(WIDENING, [value], [_in_f32(value.type)]).result

    def _wide(self, value: ir.Value) -> ir.Value | None:
        """What a value was rounded from, in its own shape; None where it was made in 16 bits."""
        if not _is_narrow(value):
            return None
        if value not in self.known:
            self.known[value] = self._find(value)
        return self.known[value]

    def _find(self, value: ir.Value) -> ir.Value | None:
        op = defining_op(value)
        if op is None:
            return None
        if op.name == ROUNDING:
            (source,) = op.operands
            return source if isinstance(element_of(source.type), ir.F32Type) else None
        if op.name not in VIEWS or not any(self._wide(operand) for operand in op.operands):
            return None
        with ir.InsertionPoint.after(op), op.location:
            return create(op.name, self._operands(op), [_in_f32(value.type)], attributes_of(op)).result


def _is_narrow(value: ir.Value) -> bool:
    """Whether a value is a tile of floats of 16 bits."""
    return is_tensor(value) and isinstance(element_of(value.type), (ir.F16Type, ir.BF16Type))


def _in_f32(type_: ir.RankedTensorType) -> ir.RankedTensorType:
    return ir.RankedTensorType.get(type_.shape, ir.F32Type.get(), type_.encoding)
