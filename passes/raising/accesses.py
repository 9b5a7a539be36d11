"""Indexing maps, read: which element of an operand a point of the iteration space touches.

A map's result is a *place*: a linear form over the space's dimensions, or something that isn't
linear. From it follows how the operand is brought beside the arithmetic:

    d1                 the whole dimension          3              a slice of one, dropped
    d1 * 2 + 1         a strided slice              d1 * 2 + d3    a window of d3 along d1
    d0 twice, -d0, d0 floordiv 2, d0 + d1 of unknown sizes         a gather at computed indices
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powerfusion.mlir import ir
from powerfusion.passes.raising.kernels import Size


@dataclass(frozen=True)
class Linear:
    """A sum of dimensions of the space, each times a coefficient, plus a constant.

    Attributes:
        terms: Pairs of dimension and coefficient, no coefficient 0, dimensions ascending.
        constant: What is added.
    """

    terms: tuple[tuple[int, int], ...]
    constant: int

    @property
    def dim(self) -> int | None:
        """The dimension that the form is, if it is one."""
        plain = self.constant == 0 and len(self.terms) == 1 and self.terms[0][1] == 1
        return self.terms[0][0] if plain else None


def linear_of(expr: ir.AffineExpr) -> Linear | None:
    """An affine expression as a linear form; None where it divides, or has symbols."""
    match expr:
        case ir.AffineDimExpr():
            return Linear(((expr.position, 1),), 0)
        case ir.AffineConstantExpr():
            return Linear((), expr.value)
        case ir.AffineAddExpr():
            left, right = linear_of(expr.lhs), linear_of(expr.rhs)
            return None if left is None or right is None else _sum(left, right)
        case ir.AffineMulExpr():
            left, right = linear_of(expr.lhs), linear_of(expr.rhs)
            if left is None or right is None or right.terms:
                return None
            return _scaled(left, right.constant)
        case _:
            return None


def _sum(left: Linear, right: Linear) -> Linear:
    terms = dict(left.terms)
    for dim, coefficient in right.terms:
        terms[dim] = terms.get(dim, 0) + coefficient
    kept = tuple(sorted((dim, coefficient) for dim, coefficient in terms.items() if coefficient))
    return Linear(kept, left.constant + right.constant)


def _scaled(form: Linear, factor: int) -> Linear:
    terms = tuple((dim, coefficient * factor) for dim, coefficient in form.terms) if factor else ()
    return Linear(terms, form.constant * factor)


@dataclass(frozen=True)
class Access:
    """An indexing map: the place of each dimension of the operand.

    Attributes:
        exprs: The map's results.
        places: The same as linear forms, None where they aren't.
    """

    exprs: tuple[ir.AffineExpr, ...]
    places: tuple[Linear | None, ...]

    @classmethod
    def read(cls, map_: ir.AffineMap) -> Access:
        """Reads an indexing map."""
        exprs = tuple(map_.results)
        return cls(exprs, tuple(linear_of(expr) for expr in exprs))

    def dim(self, at: int) -> int | None:
        """The dimension of the space that dimension `at` of the operand runs over as a whole, if any."""
        place = self.places[at]
        return None if place is None else place.dim

    @property
    def space(self) -> tuple[int, ...]:
        """The dimensions of the space that the operand varies along, in the order of their places."""
        found = [dim for place in self.places if place is not None for dim, _ in place.terms]
        return tuple(dict.fromkeys(found))

    @property
    def is_apart(self) -> bool:
        """True if no dimension of the space is in two places."""
        dims = [dim for place in self.places if place is not None for dim, _ in place.terms]
        return len(dims) == len(set(dims))

    def is_boxed(self, extents: Sequence[Size]) -> bool:
        """True if slices and windows bring the operand: no dimension twice, and sizes that let them."""
        return self.is_apart and all(place is not None and _fits(place, extents) for place in self.places)


def _fits(place: Linear, extents: Sequence[Size]) -> bool:
    if place.constant < 0 or any(coefficient < 0 for _, coefficient in place.terms):
        return False
    unknown = sum(not isinstance(extents[dim], int) for dim, _ in place.terms)
    return len(place.terms) < 2 or (unknown <= 1 and all(extents[dim] != 0 for dim, _ in place.terms))


def outer_first(place: Linear, extents: Sequence[Size], reduced: Sequence[bool]) -> tuple[tuple[int, int], ...]:
    """The terms of a place, the one that counts windows first: of unknown size, or not reduced."""
    return tuple(sorted(place.terms, key=lambda term: (isinstance(extents[term[0]], int), reduced[term[0]], term[0])))
