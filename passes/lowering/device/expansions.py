"""Functions that a machine has no intrinsic for, as ops that it has some for: polynomials on whole tiles.

    %0 = math.erf %x        ⇒   %c = arith.maximumf (arith.minimumf %x, 4), -4
                                %0 = %c * (P(%c * %c) / Q(%c * %c))

Narrow floats are widened first and rounded at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from powerfusion.core._mlir import create
from powerfusion.machines.emission import Emission
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.ways import NUMBER, RUN, WIDE, way_of
from powerfusion.passes.scheduling.kernels import ops_in

ERF_MOST = 4.0
ERF_P = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
ERF_Q = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)
"""As in `emitc/helpers.c`, highest powers first."""
NEEDED = (
    ("arith.minimumf", (RUN, NUMBER)),
    ("arith.maximumf", (RUN, NUMBER)),
    ("arith.mulf", (RUN, RUN)),
    ("arith.mulf", (RUN, NUMBER)),
    ("arith.addf", (RUN, NUMBER)),
    ("arith.divf", (RUN, RUN)),
)


def expand_functions(function: ir.Operation, emission: Emission) -> None:
    """Writes those of a kernel as other ops."""
    if any(way_of(emission, name, WIDE, kinds) is None for name, kinds in NEEDED):
        return
    for op in ops_in(function):
        how = EXPANSIONS.get(op.name)
        if how is None or not isinstance(op.result.type, ir.RankedTensorType):
            continue
        type_ = op.result.type
        dtype = str(type_.element_type)
        if way_of(emission, op.name, dtype, [RUN]) is not None or not _can_be(dtype, emission):
            continue
        with ir.InsertionPoint(op), op.location:
            op.result.replace_all_uses_with(_widened(how, op.operands[0]))
        op.erase()


def _can_be(dtype: str, emission: Emission) -> bool:
    """Whether elements are such as one computes with, or can be made into those and back."""
    conversions = (
        way_of(emission, "arith.extf", dtype, [RUN], WIDE),
        way_of(emission, "arith.truncf", WIDE, [RUN], dtype),
    )
    return dtype == WIDE or all(conversions)


def _widened(how: Callable[[ir.Value], ir.Value], x: ir.Value) -> ir.Value:
    wide = ir.RankedTensorType.get(x.type.shape, ir.F32Type.get(), x.type.encoding)
    if x.type == wide:
        return how(x)
    made = how(create("arith.extf", [x], [wide]).result)
    return create("arith.truncf", [made], [x.type]).result


def _op(name: str, *operands: ir.Value) -> ir.Value:
    return create(f"arith.{name}", operands, [operands[0].type]).result


def _number(number: float, like: ir.Value) -> ir.Value:
    value = ir.DenseElementsAttr.get_splat(like.type, ir.FloatAttr.get(ir.F32Type.get(), number))
    return create("arith.constant", results=[like.type], attributes={"value": value}).result


def _polynomial(x: ir.Value, factors: Sequence[float]) -> ir.Value:
    """A polynomial, factors of the highest power first."""
    first, second, *rest = factors
    begin = _op("addf", _op("mulf", x, _number(first, x)), _number(second, x))
    return reduce(lambda made, factor: _op("addf", _op("mulf", made, x), _number(factor, x)), rest, begin)


def _erf(x: ir.Value) -> ir.Value:
    held = _op("maximumf", _op("minimumf", x, _number(ERF_MOST, x)), _number(-ERF_MOST, x))
    square = _op("mulf", held, held)
    quotient = _op("divf", _polynomial(square, ERF_P), _polynomial(square, ERF_Q))
    return _op("mulf", held, quotient)


EXPANSIONS: dict[str, Callable[[ir.Value], ir.Value]] = {"math.erf": _erf}
"""How functions are written."""
