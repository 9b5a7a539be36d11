"""C as emitc ops: numbers that fold while they are known, and the statements that hold them.

A `Number` is an index: a Python integer while its value is known, else an `int64_t` of the program. A `Flag` is a
condition: a Python bool while it is known, else a `bool`. So `plus(times(i, 1), 0)` writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce as fold

from powerfusion.core._mlir import create, defining_op
from powerfusion.mlir import ir

Number = int | ir.Value
Flag = bool | ir.Value
INT32 = 1 << 31

CMP = {"eq": 0, "ne": 1, "lt": 2, "le": 3, "gt": 4, "ge": 5}


def index_type() -> ir.Type:
    """The type of indices: `int64_t`."""
    return ir.IntegerType.get_signless(64)


def bool_type() -> ir.Type:
    """The type of conditions."""
    return ir.IntegerType.get_signless(1)


def pointer_type(element: ir.Type) -> ir.Type:
    """A pointer to elements of a type."""
    return ir.Type.parse(f"!emitc.ptr<{element}>")


def parameter_type(element: ir.Type, *, const: bool, restrict: bool) -> ir.Type:
    """A pointer as functions take it: opaque to emitc, so that its qualifiers stay out of what is read through it."""
    if not const and not restrict:
        return pointer_type(element)
    text = f"{'const ' if const else ''}{c_name(element)}* {'restrict' if restrict else ''}"
    return ir.Type.parse(f'!emitc.opaque<"{text}">')


def c_name(type_: ir.Type) -> str:
    """What C calls a scalar type."""
    text = str(type_)
    if text in ("f32", "f64"):
        return "float" if text == "f32" else "double"
    if text == "i1":
        return "bool"
    return f"uint{text[2:]}_t" if text.startswith("ui") else f"int{text[1:]}_t"


# -- values ----------------------------------------------------------------------------------------


def literal(text: str, type_: ir.Type) -> ir.Value:
    """Text of C that stands where it is used."""
    return create("emitc.literal", results=[type_], attributes={"value": ir.StringAttr.get(text)}).result


def value_of(number: Number) -> ir.Value:
    """A number as a value."""
    if not isinstance(number, int):
        return number
    if number == -(1 << 63):
        return literal("INT64_MIN", index_type())
    text = str(number) if abs(number) < INT32 else f"INT64_C({number})"
    return literal(f"({text})" if number < 0 else text, index_type())


def flag_of(flag: Flag) -> ir.Value:
    """A condition as a value."""
    return literal("true" if flag else "false", bool_type()) if isinstance(flag, bool) else flag


ARITHMETIC = frozenset(f"emitc.{name}" for name in ("add", "sub", "mul", "div", "rem"))
BITWISE = frozenset(f"emitc.bitwise_{name}" for name in ("and", "or", "xor", "left_shift", "right_shift"))
COMPARING = frozenset({"emitc.cmp", "emitc.logical_not"})


def _is_any(value: ir.Value, names: frozenset[str]) -> bool:
    maker = defining_op(value)
    return maker is not None and maker.name in names


def _apart(value: ir.Value) -> ir.Value:
    """An operand in parentheses, which compilers want where precedence alone would do."""
    if value.type == bool_type():
        return choose(value, flag_of(True), flag_of(False)) if _is_any(value, COMPARING) else value
    if not _is_any(value, ARITHMETIC | BITWISE):
        return value
    text = str(value.type)
    other = ir.Type.parse(text.removeprefix("u") if text.startswith("u") else f"u{text}")
    return cast(cast(value, other), value.type)


def binary(name: str, left: ir.Value, right: ir.Value) -> ir.Value:
    """`left name right` in the type of its operands."""
    if name == "logical_or" and any(_is_any(side, frozenset({"emitc.logical_and"})) for side in (left, right)):
        return choose(left, flag_of(True), right)  # compilers warn of `&&` within `||`
    if name.startswith("bitwise"):
        left, right = _apart(left), _apart(right)
    return create(f"emitc.{name}", [left, right], [left.type]).result


def unary(name: str, value: ir.Value) -> ir.Value:
    """`name value` in the type of its operand."""
    return create(f"emitc.{name}", [value], [value.type]).result


def cast(value: ir.Value, type_: ir.Type) -> ir.Value:
    """A value in another type, as C converts it."""
    return value if value.type == type_ else create("emitc.cast", [value], [type_]).result


def compare(relation: str, left: ir.Value, right: ir.Value) -> ir.Value:
    """Whether two values stand in a relation: `eq ne lt le gt ge`, as C sees it."""
    predicate = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), CMP[relation])
    if left.type == bool_type():
        left, right = _apart(left), _apart(right)
    return create("emitc.cmp", [left, right], [bool_type()], {"predicate": predicate}).result


def choose(flag: Flag, true: ir.Value, false: ir.Value) -> ir.Value:
    """One of two values, both of which are there."""
    if isinstance(flag, bool):
        return true if flag else false
    return create("emitc.conditional", [flag, true, false], [true.type]).result


def call(function: str, operands: Sequence[ir.Value], type_: ir.Type | None = None) -> ir.Value | None:
    """A call of a function of C."""
    callee = {"callee": ir.StringAttr.get(function)}
    made = create("emitc.call_opaque", operands, [] if type_ is None else [type_], callee)
    return None if type_ is None else made.result


# -- numbers and flags -----------------------------------------------------------------------------


def plus(left: Number, right: Number) -> Number:
    """The sum of two numbers."""
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    if left == 0:
        return right
    if right == 0:
        return left
    if isinstance(right, int) and right < 0:
        return binary("sub", value_of(left), value_of(-right))
    return binary("add", value_of(left), value_of(right))


def minus(left: Number, right: Number) -> Number:
    """The difference of two numbers."""
    if isinstance(left, int) and isinstance(right, int):
        return left - right
    return left if isinstance(right, int) and right == 0 else binary("sub", value_of(left), value_of(right))


def times(left: Number, right: Number) -> Number:
    """The product of two numbers."""
    if isinstance(left, int) and isinstance(right, int):
        return left * right
    for known, other in ((left, right), (right, left)):
        if isinstance(known, int) and known in (0, 1):
            return other if known else 0
    return binary("mul", value_of(left), value_of(right))


def product(numbers: Sequence[Number]) -> Number:
    """The product of some numbers."""
    return fold(times, numbers, 1)


def least(left: Number, right: Number) -> Number:
    """The smaller of two numbers."""
    if isinstance(left, int) and isinstance(right, int):
        return min(left, right)
    return _chosen("lt", left, right)


def most(left: Number, right: Number) -> Number:
    """The larger of two numbers."""
    if isinstance(left, int) and isinstance(right, int):
        return max(left, right)
    return _chosen("gt", left, right)


def _chosen(relation: str, left: Number, right: Number) -> Number:
    """The one that stands in a relation to the other."""
    if left is right or left == right:
        return left
    one, other = value_of(left), value_of(right)
    return choose(compare(relation, one, other), one, other)


def below(left: Number, right: Number) -> Flag:
    """Whether a number is less than another."""
    if isinstance(left, int) and isinstance(right, int):
        return left < right
    return compare("lt", value_of(left), value_of(right))


def equal(left: Number, right: Number) -> Flag:
    """Whether two numbers are equal."""
    if isinstance(left, int) and isinstance(right, int):
        return left == right
    return compare("eq", value_of(left), value_of(right))


def both(left: Flag, right: Flag) -> Flag:
    """Whether two conditions hold."""
    if isinstance(left, bool):
        return right if left else False
    if isinstance(right, bool):
        return left if right else False
    return binary("logical_and", left, right)


def either(left: Flag, right: Flag) -> Flag:
    """Whether one of two conditions holds."""
    if isinstance(left, bool):
        return True if left else right
    if isinstance(right, bool):
        return True if right else left
    return binary("logical_or", left, right)


def negated(flag: Flag) -> Flag:
    """Whether a condition doesn't hold."""
    return not flag if isinstance(flag, bool) else unary("logical_not", flag)


def inside(index: Number, size: Number) -> Flag:
    """Whether an index, a signed one, is within a dimension."""
    low = index >= 0 if isinstance(index, int) else compare("ge", index, value_of(0))
    return both(low, below(index, size))


# -- statements ------------------------------------------------------------------------------------


def verbatim(text: str, *operands: ir.Value) -> None:
    """A line that emitc has no op for: a comment, a pragma, a declaration of the C library's."""
    if operands or "{" not in text:
        create("emitc.verbatim", operands, attributes={"value": ir.StringAttr.get(text)})
        return
    create("emitc.verbatim", attributes={"value": ir.StringAttr.get(text)})


def assign(value: ir.Value, place: ir.Value) -> None:
    """Writes a value to a variable or an element."""
    create("emitc.assign", [place, value])


def load(place: ir.Value) -> ir.Value:
    """What a variable or an element holds."""
    inner = str(place.type).removeprefix("!emitc.lvalue<").removesuffix(">")
    return create("emitc.load", [place], [ir.Type.parse(inner)]).result


def variable(type_: ir.Type, initial: ir.Value | None = None) -> ir.Value:
    """A variable, as the place that it is."""
    place = create(
        "emitc.variable",
        results=[ir.Type.parse(f"!emitc.lvalue<{type_}>")],
        attributes={"value": ir.Attribute.parse('#emitc.opaque<"">')},
    ).result
    if initial is not None:
        assign(initial, place)
    return place


def array(shape: Sequence[int], element: ir.Type) -> ir.Value:
    """An array of known sizes, not written yet."""
    sizes = "x".join(map(str, shape))
    type_ = ir.Type.parse(f"!emitc.array<{sizes}x{element}>")
    unset = {"value": ir.Attribute.parse('#emitc.opaque<"">')}
    return create("emitc.variable", results=[type_], attributes=unset).result


def element(place: ir.Value, indices: Sequence[Number], type_: ir.Type) -> ir.Value:
    """An element of an array, or what a pointer points at, as the place that it is."""
    at = [value_of(index) for index in indices]
    return create("emitc.subscript", [place, *at], [ir.Type.parse(f"!emitc.lvalue<{type_}>")]).result


def load_if(flag: Flag, place: ir.Value, otherwise: ir.Value) -> ir.Value:
    """What an element holds, and another value, without an access, where a condition doesn't hold."""
    if isinstance(flag, bool):
        return load(place) if flag else otherwise
    made = create("emitc.expression", [place, flag, otherwise], [otherwise.type], regions=1)
    types = [place.type, flag.type, otherwise.type]
    block = made.regions[0].blocks.append(*types, arg_locs=[made.location] * 3)
    with ir.InsertionPoint(block):
        held, there, other = block.arguments
        create("emitc.yield", [choose(there, load(held), other)])
    return made.result


PREFETCH = "PF_PREFETCH"
HINTS = LANES, FEW_LANES = "PF_LANES", "PF_FEW_LANES"
"""Marks of loops whose steps don't need each other, and of such that are short."""
FEW = 16
"""Loops of so many steps are unrolled by gcc before it looks for vectors, which it then doesn't find."""


@contextmanager
def loop(low: Number, high: Number, step: Number = 1, *, apart: bool = False) -> Iterator[ir.Value]:
    """`for (i = low; i < high; i += step)`; gives `i`.

    Args:
        low: Where it begins.
        high: Where it ends.
        step: How far a step goes.
        apart: Whether no step needs what another one writes, which is then said.
    """
    if apart:
        is_short = isinstance(low, int) and isinstance(high, int) and high - low <= FEW
        verbatim(FEW_LANES if is_short else LANES)
    made = create("emitc.for", [value_of(low), value_of(high), value_of(step)], regions=1)
    block = made.regions[0].blocks.append(index_type(), arg_locs=[made.location])
    with ir.InsertionPoint(block):
        yield block.arguments[0]
        create("emitc.yield")


@contextmanager
def when(flag: Flag) -> Iterator[None]:
    """`if (flag)`; nothing where it is known to hold."""
    if isinstance(flag, bool) and flag:
        yield
        return
    made = create("emitc.if", [flag_of(flag)], regions=2)
    with ir.InsertionPoint(made.regions[0].blocks.append()):
        yield
        create("emitc.yield")
