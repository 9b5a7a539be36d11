"""Sums over loops whose trips are open: closed forms where there are any, else upper bounds.

    for j = 0 to n step 32: min(32, n - j) elements     comes to  n
    for j = 0 to n step 32: 4 elements                  comes to  4 * ceildiv(n, 32)

A loop's index is written with a symbol that counts its trips, so that addresses show their steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion import symbolic
from powerfusion.passes.analysis.ledger_access import Access, Figures, Loop
from powerfusion.passes.analysis.ledger_granules import granules
from powerfusion.passes.analysis.ledger_numbers import Grid, Number, UnknownIndex
from powerfusion.symbolic import Atom, Count, Polynomial, product


def summed(count: Count, loop: Loop) -> tuple[Count, bool]:
    """A count summed over a loop, and whether that is exact."""
    if isinstance(count, int) or loop.symbol not in count.symbols:
        return count * loop.trips, True
    if loop.at_most_once:
        once = count.substitute(loop.symbol, 0)
        return (once if _vanishes(once, loop.length) else once * loop.trips), True
    clipped = symbolic.minimum(loop.step, loop.high - loop.index)
    (atom,) = next(iter(Polynomial.of(clipped).terms))[0] or ("",)
    plain, factor = _split(count, atom)
    if not {loop.symbol} & (Polynomial.of(plain).symbols | Polynomial.of(factor).symbols):
        return plain * loop.trips + factor * loop.length, True
    most = _without(count, loop)
    return most * loop.trips, False


def _split(count: Polynomial, name: str) -> tuple[Count, Count]:
    """`plain + factor * name`."""
    plain: Count = 0
    factor: Count = 0
    for powers, number in count.terms:
        if name in powers:
            rest = list(powers)
            rest.remove(name)
            factor = factor + Polynomial(((tuple(rest), number),))
        else:
            plain = plain + Polynomial(((powers, number),))
    return plain, factor


def _vanishes(count: Count, length: Count) -> bool:
    """True if a count is zero where a loop is empty: its length is a factor."""
    if isinstance(count, int) or isinstance(length, int):
        return count == 0
    if length == count:
        return True
    marked: Count = 0
    for powers, factor in length.terms:
        if len(powers) == 1 and not isinstance(powers[0], Atom) and abs(factor) == 1:
            solved = Polynomial.symbol(powers[0]) - length * factor
            return count.substitute(powers[0], solved) == 0 and powers[0] not in Polynomial.of(solved).symbols
    return marked != 0


def _without(count: Polynomial, loop: Loop) -> Count:
    """The most that a count is in any trip: minima lose the side that depends on the loop."""
    result: Count = 0
    for powers, factor in count.terms:
        part: Count = factor
        for name in powers:
            part = part * _largest(name, loop)
        result = result + part
    return result


def _largest(name: str, loop: Loop) -> Count:
    if name == loop.symbol:
        return loop.trips
    if not isinstance(name, Atom) or loop.symbol not in name.symbols:
        return Polynomial.symbol(name)
    free = [each for each in name.operands if isinstance(each, int) or loop.symbol not in each.symbols]
    if name.operation == "min" and free:
        return free[0]
    return Polynomial.symbol(f"most({name})")


def open_figures(access: Access, loops: Sequence[Loop], times: int, granule: int) -> Figures:
    """The figures of an access where sizes are open."""
    counts = [_open(count) for count in access.counts]
    elements, exact = _over_loops(product(counts), loops)
    useful = elements * access.element * times
    unsure = set[str]() if exact and _apart(access, counts) else {"useful"}
    if granule == 1 or access.box is None:
        return Figures(useful, useful, frozenset(unsure | {"issued"} if unsure else unsure))
    if access.scattered:
        issued = elements * (granule * -(-access.element // granule)) * times
        return Figures(useful, issued, frozenset(unsure | {"issued"} if unsure else unsure))
    each, known = _granules(access, counts, granule)
    issued, summed_exactly = _over_loops(each, loops)
    if not (known and summed_exactly):
        unsure.add("issued")
    return Figures(useful, issued * granule * times, frozenset(unsure))


def _over_loops(count: Count, loops: Sequence[Loop]) -> tuple[Count, bool]:
    exact = True
    for loop in reversed(loops):
        count, one = summed(count, loop)
        exact = exact and one
    return count, exact


def _open(number: Number) -> Count:
    if isinstance(number, Grid):
        raise UnknownIndex("a loop and an open size in one index")
    return number


def _apart(access: Access, counts: Sequence[Count]) -> bool:
    """True if no two elements of the window can be the same: each stride spans the dimensions inside of it."""
    strides = access.box.strides if access.box else ()
    if any(stride == 0 for stride in strides):
        return False
    numbers = sorted(
        (stride, count)
        for stride, count in zip(strides, counts, strict=False)
        if isinstance(stride, int) and isinstance(count, int)
    )
    span = 1
    for stride, count in numbers:
        if stride < span:
            return False
        span += stride * (count - 1)
    return True


def _granules(access: Access, counts: Sequence[Count], granule: int) -> tuple[Count, bool]:
    """Granules of one execution, and whether they are exact."""
    assert access.box is not None, "registers have no granules"
    strides = [_open(stride) for stride in access.box.strides]
    offset = _open(access.box.offset) * access.element
    terms = Polynomial.of(offset).terms
    aligned = all(factor % granule == 0 for powers, factor in terms if powers)
    phase = sum(factor for powers, factor in terms if not powers) % granule
    run = product(counts) * access.element
    if _is_dense(strides, counts):
        return symbolic.ceildiv(run + (phase if aligned else granule - access.element), granule), aligned
    outer: Count = 1
    dims: list[tuple[int, int]] = []
    exact = aligned
    for count, stride in zip(counts, strides, strict=True):
        if isinstance(count, int) and isinstance(stride, int):
            dims.append((count, stride * access.element))
        else:
            outer = outer * count
            exact = exact and isinstance(stride, int) and stride * access.element % granule == 0
    places = [phase] if aligned else range(0, granule, access.element)
    return outer * max(granules(place, tuple(dims), access.element, granule) for place in places), exact


def _is_dense(strides: Sequence[Count], counts: Sequence[Count]) -> bool:
    """True if the elements follow one another in row-major order."""
    expected: Count = 1
    for stride, count in zip(reversed(strides), reversed(counts), strict=True):
        if count != 1 and stride != expected:
            return False
        expected = expected * count
    return True
