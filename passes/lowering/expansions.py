"""Elementwise ops that upstream's conversions get wrong, or not at all, written out in simpler ones.

- integer divisions trap on the host where C leaves them undefined: by zero, and the least number
  by -1. Lanes past an edge hold anything, so that no divisor may trap
- `math.isnan` and its kin are comparisons
- integer powers are square-and-multiply, in as many lanes as there are
- functions that LLVM has no accurate intrinsic of are calls of the C library, lane by lane, unless `gir-expand-math`
  expands them
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from powerfusion.core._mlir import bits_of, create, element_of, i64_array, index_constant
from powerfusion.mlir import ir
from powerfusion.passes.lowering.float8 import decode, encode, is_f8


def with_element(type_: ir.Type, element: ir.Type) -> ir.Type:
    """A scalar's or vector's type with another element type."""
    return ir.VectorType.get(type_.shape, element) if isinstance(type_, ir.VectorType) else element


def is_narrow(type_: ir.Type) -> bool:
    """True for floats below f32, and vectors of them."""
    return isinstance(element_of(type_), (ir.F16Type, ir.BF16Type)) or is_f8(type_)


def widen(value: ir.Value) -> ir.Value:
    """A narrow float in f32; anything else as it is."""
    if not is_narrow(value.type):
        return value
    if is_f8(value.type):
        return decode(value)
    return create("arith.extf", [value], [with_element(value.type, ir.F32Type.get())]).result


def convert_float(value: ir.Value, element: ir.Type) -> ir.Value:
    """A float as another float type, through f32 between f64 and a narrow type."""
    source = element_of(value.type)
    if source == element:
        return value
    if is_f8(value.type):
        return convert_float(decode(value), element)
    if is_f8(element):
        return encode(convert_float(value, ir.F32Type.get()), element)
    widths = {ir.FloatType(source).width, ir.FloatType(element).width}
    if (is_narrow(source) and is_narrow(element)) or widths == {16, 64}:
        value = convert_float(value, ir.F32Type.get())
        source = element_of(value.type)
    name = "arith.extf" if ir.FloatType(element).width > ir.FloatType(source).width else "arith.truncf"
    return create(name, [value], [with_element(value.type, element)]).result


def constant(type_: ir.Type, value: ir.Attribute) -> ir.Value:
    """A scalar constant, or a vector of it."""
    if is_f8(type_):
        return convert_float(constant(with_element(type_, ir.F32Type.get()), _wide_attribute(value)), element_of(type_))
    if isinstance(type_, ir.VectorType):
        value = ir.DenseElementsAttr.get_splat(type_, value)
    return create("arith.constant", results=[type_], attributes={"value": value}).result


def _wide_attribute(value: ir.Attribute) -> ir.Attribute:
    return ir.FloatAttr.get(ir.F32Type.get(), ir.FloatAttr(value).value)


def zero(type_: ir.Type) -> ir.Value:
    """Zero of a scalar or vector type."""
    element = element_of(type_)
    is_float = isinstance(element, ir.FloatType)
    return constant(type_, ir.FloatAttr.get(element, 0.0) if is_float else ir.IntegerAttr.get(element, 0))


# -- integers ----------------------------------------------------------------------------------

SIGNED_DIVISIONS = frozenset({"arith.divsi", "arith.remsi", "arith.ceildivsi", "arith.floordivsi"})
DIVISIONS = SIGNED_DIVISIONS | {"arith.divui", "arith.remui", "arith.ceildivui"}
EQ, SLT = 0, 2
OEQ, OGE, OLT, UNO = 1, 3, 4, 14


def compare(name: str, predicate: int, left: ir.Value, right: ir.Value) -> ir.Value:
    """An integer or float comparison."""
    attributes = {"predicate": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), predicate)}
    flag = with_element(left.type, ir.IntegerType.get_signless(1))
    return create(name, [left, right], [flag], attributes).result


def _same(name: str, left: ir.Value, right: ir.Value) -> ir.Value:
    return create(name, [left, right], [left.type]).result


def _select(flag: ir.Value, true: ir.Value, false: ir.Value) -> ir.Value:
    return create("arith.select", [flag, true, false], [true.type]).result


def _integer(type_: ir.Type, value: int) -> ir.Value:
    return constant(type_, ir.IntegerAttr.get(element_of(type_), value))


def harmless_divisor(name: str, dividend: ir.Value, divisor: ir.Value) -> ir.Value:
    """The divisor, or 1 where dividing by it would trap: least / 1 is what least / -1 wraps to."""
    type_ = divisor.type
    element = element_of(type_)
    traps = compare("arith.cmpi", EQ, divisor, zero(type_))
    if name in SIGNED_DIVISIONS:
        least = -(1 << (bits_of(element) - 1))
        minus = compare("arith.cmpi", EQ, divisor, _integer(type_, -1))
        overflows = compare("arith.cmpi", EQ, dividend, _integer(type_, least))
        traps = _same("arith.ori", traps, _same("arith.andi", minus, overflows))
    return _select(traps, _integer(type_, 1), divisor)


def _powers(base: ir.Value, exponent: ir.Value, multiply: str) -> ir.Value:
    """`base` to the power of `exponent`, read as unsigned: one squaring per bit."""
    element = element_of(base.type)
    one = constant(
        base.type, ir.IntegerAttr.get(element, 1) if multiply == "arith.muli" else ir.FloatAttr.get(element, 1.0)
    )
    steps = index_constant(bits_of(element_of(exponent.type)))
    carried = [one, base, exponent]
    loop = create(
        "scf.for", [index_constant(0), steps, index_constant(1), *carried], [v.type for v in carried], regions=1
    )
    types = [ir.IndexType.get(), *(value.type for value in carried)]
    block = loop.regions[0].blocks.append(*types, arg_locs=[loop.location] * len(types))
    with ir.InsertionPoint(block):
        _, power, square, rest = block.arguments
        bit = _same("arith.andi", rest, _integer(rest.type, 1))
        taken = compare("arith.cmpi", EQ, bit, _integer(rest.type, 1))
        power = _select(taken, _same(multiply, power, square), power)
        rest = _same("arith.shrui", rest, _integer(rest.type, 1))
        create("scf.yield", [power, _same(multiply, square, square), rest])
    return loop.results[0]


def _ipowi(operands: Sequence[ir.Value], _: ir.Type) -> ir.Value:
    """Wraps around; to a negative power only 1 and -1 aren't 0."""
    base, exponent = operands
    power = _powers(base, exponent, "arith.muli")
    type_ = base.type
    one, minus = _integer(type_, 1), _integer(type_, -1)
    odd = _same("arith.andi", exponent, one)
    is_odd = compare("arith.cmpi", EQ, odd, one)
    of_minus = _select(is_odd, minus, one)
    inverse = _select(compare("arith.cmpi", EQ, base, minus), of_minus, zero(type_))
    inverse = _select(compare("arith.cmpi", EQ, base, one), one, inverse)
    return _select(compare("arith.cmpi", SLT, exponent, zero(type_)), inverse, power)


def _fpowi(operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    """In f64, as rounding errors add up with the exponent."""
    base, exponent = operands
    wide = convert_float(base, ir.F64Type.get())
    negative = compare("arith.cmpi", SLT, exponent, zero(exponent.type))
    size = _select(negative, _same("arith.subi", zero(exponent.type), exponent), exponent)
    power = _powers(wide, size, "arith.mulf")
    one = constant(wide.type, ir.FloatAttr.get(ir.F64Type.get(), 1.0))
    return convert_float(_select(negative, _same("arith.divf", one, power), power), element_of(result))


# -- classes of floats -------------------------------------------------------------------------


SMALLEST_NORMAL = {
    "f64": 2.0**-1022,
    "f32": 2.0**-126,
    "f16": 2.0**-14,
    "bf16": 2.0**-126,
    "f8E4M3FN": 2.0**-6,
    "f8E5M2": 2.0**-14,
}


def _compare_magnitude(predicate: int, value: ir.Value, number: float) -> ir.Value:
    """How a float's magnitude, an exactly widened one, compares with a number."""
    value = widen(value)
    magnitude = create("math.absf", [value], [value.type]).result
    bound = constant(value.type, ir.FloatAttr.get(element_of(value.type), number))
    return compare("arith.cmpf", predicate, magnitude, bound)


def _isnan(operands: Sequence[ir.Value], _: ir.Type) -> ir.Value:
    value = widen(operands[0])
    return compare("arith.cmpf", UNO, value, value)


def _isinf(operands: Sequence[ir.Value], _: ir.Type) -> ir.Value:
    return _compare_magnitude(OEQ, operands[0], math.inf)


def _isfinite(operands: Sequence[ir.Value], _: ir.Type) -> ir.Value:
    return _compare_magnitude(OLT, operands[0], math.inf)


def _isnormal(operands: Sequence[ir.Value], result: ir.Type) -> ir.Value:
    smallest = SMALLEST_NORMAL[str(element_of(operands[0].type))]
    return _same("arith.andi", _isfinite(operands, result), _compare_magnitude(OGE, operands[0], smallest))


EXPANSIONS: dict[str, Callable[[Sequence[ir.Value], ir.Type], ir.Value]] = {
    "math.ipowi": _ipowi,
    "math.fpowi": _fpowi,
    "math.isnan": _isnan,
    "math.isinf": _isinf,
    "math.isfinite": _isfinite,
    "math.isnormal": _isnormal,
}


# -- the C library -----------------------------------------------------------------------------

# Upstream expands log1p and expm1 by definition, which loses every digit near 0; LLVM has no
# intrinsics of the others.
LIBM = {
    "math.log1p": "log1p",
    "math.expm1": "expm1",
    "math.erf": "erf",
    "math.erfc": "erfc",
    "math.cbrt": "cbrt",
    "math.asinh": "asinh",
    "math.acosh": "acosh",
    "math.atanh": "atanh",
}


def call_lanes(function: str, operands: Sequence[ir.Value], type_: ir.Type) -> ir.Value:
    """A function of the C library on scalars, or on each lane of vectors; f32 or f64."""
    element = element_of(type_)
    name = function + ("f" if element == ir.F32Type.get() else "")
    symbol = declared(name, [element] * len(operands), element, pure=True)
    if not isinstance(type_, ir.VectorType):
        return _call(symbol, operands, element)
    value = zero(type_)
    for lane in range(type_.shape[0]):
        place = {"static_position": i64_array([lane])}
        scalars = [create("vector.extract", [operand], [element], place).result for operand in operands]
        value = create("vector.insert", [_call(symbol, scalars, element), value], [type_], place).result
    return value


def _call(symbol: str, operands: Sequence[ir.Value], element: ir.Type) -> ir.Value:
    return create("func.call", operands, [element], {"callee": ir.FlatSymbolRefAttr.get(symbol)}).result


def module_block() -> ir.Block:
    """The block of the module that is being written to."""
    module = ir.InsertionPoint.current.block.owner
    while module.operation.name != "builtin.module":
        module = module.operation.parent
    return module.operation.regions[0].blocks[0]


def declared(symbol: str, inputs: Sequence[ir.Type], result: ir.Type, *, pure: bool = False) -> str:
    """Declares a C function at the end of the module, unless that was done before; gives its name."""
    block = module_block()
    for op in block.operations:
        if op.operation.name == "func.func" and ir.StringAttr(op.operation.attributes["sym_name"]).value == symbol:
            return symbol
    attributes: dict[str, ir.Attribute] = {
        "sym_name": ir.StringAttr.get(symbol),
        "sym_visibility": ir.StringAttr.get("private"),
        "function_type": ir.TypeAttr.get(ir.FunctionType.get(list(inputs), [result])),
    }
    if pure:
        attributes["llvm.readnone"] = ir.UnitAttr.get()
    with ir.InsertionPoint(block):
        create("func.func", attributes=attributes, regions=1)
    return symbol
