"""Byte counts of programs with dynamic sizes: polynomials in the sizes that are open.

>>> rows, columns = Polynomial.symbol("arg0[0]"), Polynomial.symbol("arg0[1]")
>>> str(rows * columns * 8 + columns * 4)
'4*arg0[1] + 8*arg0[0]*arg0[1]'

What isn't a polynomial is an atom, a symbol that knows what it stands for:

>>> str(ceildiv(rows, 32) * 128)
'128*ceildiv(arg0[0], 32)'
>>> floordiv(rows * 64 + 7, 32) == rows * 2
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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

    def __neg__(self) -> Count:
        return self * -1

    def __sub__(self, other: Count) -> Count:
        return self + other * -1

    def __rsub__(self, other: Count) -> Count:
        return self * -1 + other

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

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols that it is made of, those in atoms included."""
        found: set[str] = set()
        for powers, _ in self.terms:
            for name in powers:
                found |= name.symbols if isinstance(name, Atom) else {name}
        return frozenset(found)

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """The number for given sizes.

        Raises:
            KeyError: A symbol has no size.
        """
        total = 0
        for powers, factor in self.terms:
            for name in powers:
                factor *= sizes[name] if name in sizes or not isinstance(name, Atom) else name.evaluate(sizes)
            total += factor
        return total

    def substitute(self, name: str, value: Count) -> Count:
        """The same with a symbol or an atom replaced, in other atoms too."""
        result: Count = 0
        for powers, factor in self.terms:
            part: Count = factor
            for each in powers:
                part = part * _replaced(each, name, value)
            result = result + part
        return result


Count = int | Polynomial
"""A number, or a polynomial in sizes that are open."""


class Atom(str):
    """A symbol that stands for an operation on counts: floordiv, ceildiv, min or max.

    Attributes:
        operation: Its name.
        operands: What it is applied to.
    """

    operation: str
    operands: tuple[Count, ...]

    def __new__(cls, operation: str, operands: tuple[Count, ...]) -> Atom:
        """Makes one; its text is its identity."""
        atom = super().__new__(cls, f"{operation}({', '.join(map(str, operands))})")
        atom.operation, atom.operands = operation, operands
        return atom

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols in its operands."""
        return frozenset().union(*(each.symbols for each in self.operands if isinstance(each, Polynomial)))

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """The number for given sizes."""
        numbers = [each.evaluate(sizes) if isinstance(each, Polynomial) else each for each in self.operands]
        return _OPERATIONS[self.operation](*numbers)


_OPERATIONS: dict[str, Callable[..., int]] = {
    "floordiv": lambda a, b: a // b,
    "ceildiv": lambda a, b: -(-a // b),
    "min": min,
    "max": max,
}
_APPLY: dict[str, Callable[..., Count]] = {}


def floordiv(count: Count, by: Count) -> Count:
    """Division rounded down; what is divisible leaves the atom."""
    if isinstance(count, int) and isinstance(by, int):
        return count // by
    if isinstance(by, int) and isinstance(count, Polynomial):
        whole, rest = _divided(count, by)
        return whole + (rest // by if isinstance(rest, int) else _atom("floordiv", rest, by))
    return _atom("floordiv", count, by)


def ceildiv(count: Count, by: Count) -> Count:
    """Division rounded up; what is divisible leaves the atom."""
    if isinstance(count, int) and isinstance(by, int):
        return -(-count // by)
    if isinstance(by, int) and isinstance(count, Polynomial):
        whole, rest = _divided(count, by)
        return whole + (-(-rest // by) if isinstance(rest, int) else _atom("ceildiv", rest, by))
    return _atom("ceildiv", count, by)


def modulo(count: Count, by: Count) -> Count:
    """The rest of a division rounded down."""
    return count - floordiv(count, by) * by


def minimum(left: Count, right: Count) -> Count:
    """The smaller of two counts, an atom where that depends on what is open."""
    return _extreme("min", left, right)


def maximum(left: Count, right: Count) -> Count:
    """The larger of two counts, an atom where that depends on what is open."""
    return _extreme("max", left, right)


def _extreme(operation: str, left: Count, right: Count) -> Count:
    if left == right:
        return left
    if isinstance(left, int) and isinstance(right, int):
        return _OPERATIONS[operation](left, right)
    return _atom(operation, *sorted((left, right), key=lambda each: (isinstance(each, Polynomial), str(each))))


def apply(operation: str, operands: Sequence[Count]) -> Count:
    """An atom's operation on counts: floordiv, ceildiv, min or max."""
    return _APPLY[operation](*operands)


def _atom(operation: str, *operands: Count) -> Polynomial:
    return Polynomial.symbol(Atom(operation, operands))


def _divided(count: Polynomial, by: int) -> tuple[Count, Count]:
    """What of a polynomial is divisible by a number, divided by it, and the rest."""
    whole = {powers: factor // by for powers, factor in count.terms if factor % by == 0 or not powers}
    rest = {powers: factor if powers else factor % by for powers, factor in count.terms if factor % by}
    return _simple(_make(whole)), _simple(_make(rest))


def _replaced(each: str, name: str, value: Count) -> Count:
    if each == name:
        return value
    if not isinstance(each, Atom) or name not in each:  # An atom's text has its operands' in it.
        return Polynomial.symbol(each)
    operands = [o.substitute(name, value) if isinstance(o, Polynomial) else o for o in each.operands]
    return _APPLY[each.operation](*operands)


_APPLY.update({"floordiv": floordiv, "ceildiv": ceildiv, "min": minimum, "max": maximum})


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
