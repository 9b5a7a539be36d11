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
    before, last = _split_off_last(count, loop)
    if isinstance(before, int) or loop.symbol not in before.symbols:
        return before * (loop.trips - 1) + last, True
    return _without(count, loop) * loop.trips, False


def _split_off_last(count: Polynomial, loop: Loop) -> tuple[Count, Count]:
    """A count in all trips but the last, and in the last: there an edge cuts off what minima say.

    Of `min(32, n - j)` the first side holds before the last trip, the second one in it.
    """
    step, end = _reach(loop)
    index = Polynomial.symbol(loop.symbol)
    beyond = end - (index + 1) * step  # More than 0 before the last trip.
    before: Count = count
    last: Count = count
    for atom in _minima(count, loop.symbol):
        left, right = atom.operands
        if right - left == beyond:
            sides = left, right
        elif left - right == beyond:
            sides = right, left
        else:
            continue
        before = _of(before).substitute(atom, sides[0])
        last = _of(last).substitute(atom, sides[1])
    return before, _of(last).substitute(loop.symbol, loop.trips - 1)


def _of(count: Count) -> Polynomial:
    return Polynomial.of(count)


def _reach(loop: Loop) -> tuple[int, Count]:
    """How far a trip reaches, and the end that only the last trip reaches: `ceildiv(n, 64)` trips reach 64 each."""
    length = loop.length
    if loop.step == 1 and isinstance(length, Polynomial) and len(length.terms) == 1:
        (powers, factor), *_ = length.terms
        name = powers[0]
        if len(powers) == factor == 1 and isinstance(name, Atom) and name.operation == "ceildiv":
            end, by = name.operands
            if isinstance(by, int):
                return by, end
    return loop.step, length


def _minima(count: Polynomial, symbol: str) -> list[Atom]:
    """The minima that depend on a symbol, in other atoms too; inner ones first."""
    found: dict[Atom, None] = {}
    for powers, _ in count.terms:
        for name in powers:
            if not isinstance(name, Atom) or symbol not in name.symbols:
                continue
            for operand in name.operands:
                if isinstance(operand, Polynomial):
                    found |= dict.fromkeys(_minima(operand, symbol))
            if name.operation == "min":
                found[name] = None
    return list(found)


def _vanishes(count: Count, length: Count) -> bool:
    """True if a count is zero where a loop is empty: its length is a factor."""
    if isinstance(count, int) or isinstance(length, int):
        return count == 0
    if length == count:
        return True
    for powers, factor in length.terms:
        if len(powers) == 1 and not isinstance(powers[0], Atom) and abs(factor) == 1:
            solved = Polynomial.symbol(powers[0]) - length * factor
            return count.substitute(powers[0], solved) == 0 and powers[0] not in _of(solved).symbols
    return False


def _without(count: Polynomial, loop: Loop) -> Count:
    """The most that a count is in any trip; what is taken away from it is at least 0."""
    result: Count = 0
    for powers, factor in count.terms:
        depends = any(name == loop.symbol or loop.symbol in _of(Polynomial.symbol(name)).symbols for name in powers)
        part: Count = 0 if depends and factor < 0 else factor
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
    bounded = [each if isinstance(each, int) else _without(each, loop) for each in name.operands]
    return symbolic.apply(name.operation, bounded)


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
    steps = [_open(step) * access.element for step in access.steps]
    aligned = all(factor % granule == 0 for powers, factor in terms if powers)
    aligned &= all(isinstance(step, int) and step % granule == 0 for step in steps)
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
