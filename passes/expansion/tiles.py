"""Building computation at reg, on tiles whose dimensions have names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from powerfusion.core._mlir import DYNAMIC, create, element_of, i64_array, index_constant, is_tensor
from powerfusion.dialects import gir
from powerfusion.mlir import ir

NARROW_BITS = 32
UPWARDS = ("maximumf", "maxnumf")
CMP = {"oeq": 1, "ogt": 2, "oge": 3, "ole": 5, "uno": 14}


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


def scalar(value: float, element: ir.Type) -> ir.Value:
    """A constant of a float type."""
    return create("arith.constant", results=[element], attributes={"value": ir.FloatAttr.get(element, value)}).result


def select(flag: ir.Value, true: ir.Value, false: ir.Value) -> ir.Value:
    """One of two values of one type."""
    return create("arith.select", [flag, true, false], [true.type]).result


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


def largest(element: ir.Type) -> float:
    """The largest finite number of a float type that sums are carried in."""
    return 1.7976931348623157e308 if ir.FloatType(element).width > NARROW_BITS else 3.4028234663852886e38


@dataclass(frozen=True)
class Shapes:
    """How long named dimensions are.

    Attributes:
        sizes: Of each, or `DYNAMIC`.
        lengths: Of those that are dynamic, the size as an index value of the kernel.
    """

    sizes: Mapping[int, int]
    lengths: Mapping[int, ir.Value]

    def type(self, names: Sequence[int], element: ir.Type) -> ir.RankedTensorType:
        """A tensor's type at reg."""
        return gir.tensor_at("reg", [self.sizes[name] for name in names], element)

    def _dynamic(self, names: Iterable[int]) -> list[ir.Value]:
        return [self.lengths[name] for name in names if self.sizes[name] == DYNAMIC]

    def splat(self, value: ir.Value, names: Sequence[int]) -> Tile:
        """A scalar everywhere."""
        type_ = self.type(names, value.type)
        return Tile(create("tensor.splat", [value, *self._dynamic(names)], [type_]).result, tuple(names))

    def full(self, value: float, names: Sequence[int], element: ir.Type) -> Tile:
        """A tensor of one number."""
        if self._dynamic(names):
            return self.splat(scalar(value, element), names)
        type_ = self.type(names, element)
        attributes = {"value": ir.DenseElementsAttr.get_splat(type_, ir.FloatAttr.get(element, value))}
        return Tile(create("arith.constant", results=[type_], attributes=attributes).result, tuple(names))

    def number(self, value: float, like: Tile) -> ir.Value:
        """A number of a tile's type."""
        element = element_of(like.value.type)
        return self.full(value, like.names, element).value if is_tensor(like.value) else scalar(value, element)

    def aligned(self, tile: Tile, names: Sequence[int]) -> ir.Value:
        """A tile permuted and spread to dimensions that include its own."""
        order = [name for name in names if name in tile.names]
        assert len(order) == len(tile.names), "a tile is spread to dimensions that include its own"
        value = tile.value
        element = element_of(value.type)
        if order != list(tile.names):
            perm = [tile.names.index(name) for name in order]
            value = create("gir.permute", [value], [self.type(order, element)], {"perm": i64_array(perm)}).result
        if not is_tensor(value):
            return self.splat(value, names).value
        if len(order) == len(names):
            return value
        new = [dim for dim, name in enumerate(names) if name not in order]
        sizes = self._dynamic(names[dim] for dim in new)
        return create("gir.broadcast", [value, *sizes], [self.type(names, element)], {"dims": i64_array(new)}).result

    def are_empty(self, names: Sequence[int]) -> ir.Value | None:
        """Whether one of some dynamic dimensions is empty; None where none is dynamic."""
        found: ir.Value | None = None
        for length in self._dynamic(names):
            zero = index_constant(0)
            equal = {"predicate": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 0)}
            flag = create("arith.cmpi", [length, zero], [ir.IntegerType.get_signless(1)], equal).result
            found = flag if found is None else binary("ori", found, flag)
        return found

    def clamped(self, kinds: Sequence[str], tile: Tile) -> Tile:
        """A tile that is at least the lowest finite number, by a maximum, or at most the largest, by a minimum."""
        edge = largest(element_of(tile.value.type))
        for kind in kinds:
            bound = self.number(-edge if kind in UPWARDS else edge, tile)
            tile = Tile(binary(kind, tile.value, bound), tile.names)
        return tile
