"""Numbers of the ledger: what an index is in every execution at once, without executing.

An index that depends on loops is a `Grid`: a sum of arrays, each over only the loops that it
depends on. `i * 64 + j` over 4096 x 1024 iterations is 4096 and 1024 numbers, not their product.
Sizes that are open make polynomials (`powerfusion.symbolic`) instead; both take the same functions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from powerfusion import symbolic
from powerfusion.symbolic import Count, Polynomial

MOST_CELLS = 1 << 25  # what an array over several loops may hold
Array = np.ndarray
_numbers = itertools.count()


class UnknownIndex(Exception):
    """An index depends on what isn't known before the program runs, or on a size that is open."""


@dataclass(frozen=True, eq=False)
class Axis:
    """A loop, as an axis of arrays.

    Attributes:
        size: Most trips that it makes.
        runs: What its trips are: instances of a scope (`group`, `unit`), steps of a sweep (`sweep`), launches of the
            kernel (`launch`); else steps of an instance, one after the other.
        number: Outer loops have lower ones.
    """

    size: int
    runs: str = ""
    number: int = field(default_factory=lambda: next(_numbers))


Term = tuple[tuple[Axis, ...], Array]


@dataclass(frozen=True, eq=False)
class Grid:
    """An integer that depends on loops: a constant and a sum of arrays.

    Attributes:
        constant: What is the same everywhere.
        terms: Arrays over axes, outer axis first; no two over the same axes.
    """

    constant: int
    terms: tuple[Term, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All axes that it depends on, outer first."""
        return union_of(axes for axes, _ in self.terms)


Number = int | Grid | Polynomial


def union_of(groups: Iterable[Iterable[Axis]]) -> tuple[Axis, ...]:
    """The axes of some groups, outer first."""
    found = {axis for group in groups for axis in group}
    return tuple(sorted(found, key=lambda axis: axis.number))


def counter(axis: Axis) -> Grid:
    """0, 1, 2, ... along an axis."""
    return Grid(0, (((axis,), np.arange(axis.size, dtype=np.int64)),))


def spread(axes: Sequence[Axis], array: Array, over: Sequence[Axis]) -> Array:
    """An array over some axes, shaped to be combined with arrays over more."""
    return array.reshape([axis.size if axis in axes else 1 for axis in over])


def dense(number: int | Grid, over: Sequence[Axis] | None = None) -> tuple[tuple[Axis, ...], Array]:
    """A number as one array over its axes, or over given ones."""
    if isinstance(number, int):
        axes = tuple(over or ())
        return axes, np.full([1] * len(axes), number, dtype=np.int64)
    axes = tuple(over) if over is not None else number.axes
    cells = 1
    for axis in axes:
        cells *= axis.size
    if cells > MOST_CELLS:
        raise UnknownIndex(f"{cells} cells are too many")
    array = np.full([1] * len(axes), number.constant, dtype=np.int64)
    for own, part in number.terms:
        array = array + spread(own, part, axes)
    return axes, array


def of_array(axes: tuple[Axis, ...], array: Array) -> int | Grid:
    """An array over axes as a number; axes along which it is the same are dropped."""
    kept: list[Axis] = []
    for place, axis in enumerate(axes):
        array_first = array.take([0], axis=place)
        if array.shape[place] == 1 or bool((array == array_first).all()):
            array = array_first
        else:
            kept.append(axis)
    if not kept:
        return int(array.reshape(-1)[0]) if array.size else 0
    return Grid(0, ((tuple(kept), array.reshape([axis.size for axis in kept])),))


def pointwise(function: Callable[..., Array], *numbers: Number) -> int | Grid:
    """A function of arrays, applied to numbers; none of them is open.

    Raises:
        UnknownIndex: One of them is.
    """
    known: list[int | Grid] = []
    for number in numbers:
        if isinstance(number, Polynomial):
            raise UnknownIndex("a loop and an open size in one index")
        known.append(number)
    over = union_of(number.axes for number in known if isinstance(number, Grid))
    arrays = [dense(number, over)[1] for number in known]
    return of_array(over, np.broadcast_to(function(*arrays), [axis.size for axis in over]))


def add(left: Number, right: Number) -> Number:
    """The sum."""
    if not isinstance(left, Grid) and not isinstance(right, Grid):
        return left + right
    if isinstance(left, Polynomial) or isinstance(right, Polynomial):
        raise UnknownIndex("a loop and an open size in one index")
    terms: dict[tuple[Axis, ...], Array] = {}
    constant = 0
    for side in (left, right):
        constant += side if isinstance(side, int) else side.constant
        for axes, array in side.terms if isinstance(side, Grid) else ():
            terms[axes] = terms[axes] + array if axes in terms else array
    return Grid(constant, tuple(terms.items()))


def scale(number: Number, by: int) -> Number:
    """A number times a constant."""
    if not isinstance(number, Grid):
        return number * by
    if by == 0:
        return 0
    return Grid(number.constant * by, tuple((axes, array * by) for axes, array in number.terms))


def subtract(left: Number, right: Number) -> Number:
    """The difference."""
    if left is right:
        return 0
    return add(left, scale(right, -1))


def multiply(left: Number, right: Number) -> Number:
    """The product."""
    if isinstance(right, int):
        return scale(left, right)
    if isinstance(left, int):
        return scale(right, left)
    if isinstance(left, Polynomial) and isinstance(right, Polynomial):
        return left * right
    return pointwise(np.multiply, left, right)


def _both(open_: Callable[[Count, Count], Count], closed: Callable[[Array, Array], Array]) -> Callable[..., Number]:
    def apply(left: Number, right: Number) -> Number:
        if isinstance(left, Grid) or isinstance(right, Grid):
            return pointwise(closed, left, right)
        return open_(left, right)

    return apply


def _checked(function: Callable[[Count, Count], Count]) -> Callable[[Count, Count], Count]:
    def apply(left: Count, right: Count) -> Count:
        if right == 0:
            raise UnknownIndex("a division by zero")
        return function(left, right)

    return apply


floordiv = _both(_checked(symbolic.floordiv), lambda a, b: a // b)
ceildiv = _both(_checked(symbolic.ceildiv), lambda a, b: -(-a // b))
modulo = _both(_checked(symbolic.modulo), lambda a, b: a % b)
minimum = _both(symbolic.minimum, np.minimum)
maximum = _both(symbolic.maximum, np.maximum)


def smallest(numbers: Sequence[Number]) -> Number:
    """The minimum of at least one number."""
    result = numbers[0]
    for number in numbers[1:]:
        result = minimum(result, number)
    return result


def positive(number: Number) -> Number:
    """A number, 0 where it is negative; what is open is taken to be a size, and never is."""
    return number if isinstance(number, Polynomial) else maximum(number, 0)


def closed(numbers: Iterable[Number]) -> list[int]:
    """Numbers that are the same everywhere.

    Raises:
        UnknownIndex: One isn't, or is open.
    """
    found: list[int] = []
    for number in numbers:
        if not isinstance(number, int):
            raise UnknownIndex("an index that isn't known")
        found.append(number)
    return found


def largest_value(number: Number) -> int:
    """The largest that a number is anywhere.

    Raises:
        UnknownIndex: It is open.
    """
    if isinstance(number, Polynomial):
        raise UnknownIndex("an open size")
    return number if isinstance(number, int) else int(dense(number)[1].max(initial=0))


def summed_along(number: Number, axis: Axis) -> Number:
    """A number summed over an axis."""
    axes, array = _with_axis(number, axis)
    place = axes.index(axis)
    return of_array(tuple(a for a in axes if a is not axis), array.sum(axis=place))


def summed_before(number: Number, axis: Axis) -> Number:
    """A number summed over what is before each place of an axis."""
    axes, array = _with_axis(number, axis)
    place = axes.index(axis)
    return of_array(axes, array.cumsum(axis=place) - array)


def _with_axis(number: Number, axis: Axis) -> tuple[tuple[Axis, ...], Array]:
    if isinstance(number, Polynomial):
        raise UnknownIndex("an open size")
    axes = union_of([number.axes if isinstance(number, Grid) else (), (axis,)])
    return axes, np.broadcast_to(dense(number, axes)[1], [each.size for each in axes])
