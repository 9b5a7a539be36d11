"""Byte counts of programs with dynamic sizes: polynomials in the sizes that are open.

>>> rows, columns = Polynomial.symbol("arg0[0]"), Polynomial.symbol("arg0[1]")
>>> str(rows * columns * 8 + columns * 4)
'4*arg0[1] + 8*arg0[0]*arg0[1]'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Polynomial:
    """A sum of products of symbols with integer coefficients; immutable, without zero terms."""

    terms: tuple[tuple[tuple[str, ...], int], ...] = ()

    @staticmethod
    def symbol(name: str) -> Polynomial:
        """One symbol."""
        return Polynomial((((name,), 1),))

    @staticmethod
    def of(value: Count) -> Polynomial:
        """A number as a polynomial."""
        return value if isinstance(value, Polynomial) else _make({(): value})

    def __add__(self, other: Count) -> Count:
        sums = dict(self.terms)
        for powers, factor in Polynomial.of(other).terms:
            sums[powers] = sums.get(powers, 0) + factor
        return _simple(_make(sums))

    __radd__ = __add__

    def __mul__(self, other: Count) -> Count:
        products: dict[tuple[str, ...], int] = {}
        for left, factor in self.terms:
            for right, other_factor in Polynomial.of(other).terms:
                powers = tuple(sorted(left + right))
                products[powers] = products.get(powers, 0) + factor * other_factor
        return _simple(_make(products))

    __rmul__ = __mul__

    def __str__(self) -> str:
        def term(powers: tuple[str, ...], factor: int) -> str:
            names = "*".join(powers)
            return names if factor == 1 and names else "*".join(filter(None, [str(factor), names]))

        return " + ".join(term(powers, factor) for powers, factor in self.terms) or "0"

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """The number for given sizes.

        Raises:
            KeyError: A symbol has no size.
        """
        total = 0
        for powers, factor in self.terms:
            for name in powers:
                factor *= sizes[name]
            total += factor
        return total


Count = int | Polynomial
"""A number, or a polynomial in sizes that are open."""


def _make(terms: Mapping[tuple[str, ...], int]) -> Polynomial:
    kept = ((powers, factor) for powers, factor in terms.items() if factor)
    return Polynomial(tuple(sorted(kept, key=lambda term: (len(term[0]), term))))


def _simple(polynomial: Polynomial) -> Count:
    """A polynomial without symbols is a number."""
    if not polynomial.terms:
        return 0
    if len(polynomial.terms) == 1 and not polynomial.terms[0][0]:
        return polynomial.terms[0][1]
    return polynomial


def product(counts: Iterable[Count]) -> Count:
    """The product of some counts, 1 of none."""
    result: Count = 1
    for count in counts:
        result = result * count
    return result


def total(counts: Iterable[Count]) -> Count:
    """The sum of some counts, 0 of none."""
    result: Count = 0
    for count in counts:
        result = result + count
    return result
