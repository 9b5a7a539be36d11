"""Building computation at reg, on tiles whose dimensions have names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import create, element_of, i64_array, is_tensor
from powerfusion.dialects import gir
from powerfusion.mlir import ir

NARROW_BITS = 32
CMP = {"oeq": 1, "oge": 3, "ole": 5, "uno": 14}


@dataclass(frozen=True)
class Tile:
    """A value at reg and the name of each of its dimensions."""

    value: ir.Value
    names: tuple[int, ...]


def wide(element: ir.Type) -> ir.Type:
    """The type in which sums of an element type are carried."""
    return ir.F32Type.get() if ir.FloatType(element).width < NARROW_BITS else element


def retyped(type_: ir.Type, element: ir.Type) -> ir.Type:
    """A tensor type with another element; of a scalar, the element."""
    if not isinstance(type_, ir.RankedTensorType):
        return element
    return ir.RankedTensorType.get(type_.shape, element, type_.encoding)


def binary(name: str, left: ir.Value, right: ir.Value) -> ir.Value:
    """An op of two values of one type."""
    return create(f"arith.{name}", [left, right], [left.type]).result


def unary(name: str, value: ir.Value) -> ir.Value:
    """An op of one value, by its whole name."""
    return create(name, [value], [value.type]).result


def number(value: float, type_: ir.Type) -> ir.Value:
    """A constant of a type of floats, scalar or tensor."""
    attribute: ir.Attribute = ir.FloatAttr.get(element_of(type_), value)
    if isinstance(type_, ir.RankedTensorType):
        attribute = ir.DenseElementsAttr.get_splat(type_, attribute)
    return create("arith.constant", results=[type_], attributes={"value": attribute}).result


def compared(predicate: str, left: ir.Value, right: ir.Value) -> ir.Value:
    """A comparison of floats; false where one isn't a number."""
    type_ = retyped(left.type, ir.IntegerType.get_signless(1))
    attributes = {"predicate": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), CMP[predicate])}
    return create("arith.cmpf", [left, right], [type_], attributes).result


def converted(value: ir.Value, element: ir.Type) -> ir.Value:
    """Floats in another type."""
    own = element_of(value.type)
    if own == element:
        return value
    name = "arith.extf" if ir.FloatType(own).width < ir.FloatType(element).width else "arith.truncf"
    return create(name, [value], [retyped(value.type, element)]).result


def aligned(tile: Tile, names: Sequence[int], sizes: dict[int, int]) -> ir.Value:
    """A tile permuted and spread to dimensions that include its own."""
    order = [name for name in names if name in tile.names]
    assert len(order) == len(tile.names), "a tile is spread to dimensions that include its own"
    value = tile.value
    element = element_of(value.type)
    if order != list(tile.names):
        perm = [tile.names.index(name) for name in order]
        type_ = gir.tensor_at("reg", [sizes[name] for name in order], element)
        value = create("gir.permute", [value], [type_], {"perm": i64_array(perm)}).result
    if len(order) == len(names):
        return value
    new = [dim for dim, name in enumerate(names) if name not in order]
    type_ = gir.tensor_at("reg", [sizes[name] for name in names], element)
    if not is_tensor(value):
        return create("tensor.splat", [value], [type_]).result
    return create("gir.broadcast", [value], [type_], {"dims": i64_array(new)}).result


def largest(element: ir.Type) -> float:
    """The largest finite number of a float type that sums are carried in."""
    return 1.7976931348623157e308 if ir.FloatType(element).width > NARROW_BITS else 3.4028234663852886e38
