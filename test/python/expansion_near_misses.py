"""Programs of reductions that need each other and can't be one pass, or not without losing something."""

from __future__ import annotations

from expansion_programs import exponentials
from row_programs import Body, RowProgram, Rows


def not_separable(p: RowProgram) -> list[Rows]:
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("addf", p.each("rc", lambda b, a, m: b.sin(b.mul(a, m)), x, m), "c")]


def product_in_exponent(p: RowProgram) -> list[Rows]:
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("addf", p.each("rc", lambda b, a, m: b.exp(b.mul(a, m)), x, m), "c")]


def product_of_powers(p: RowProgram) -> list[Rows]:
    """Nothing distributes over a product of sums."""
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("mulf", exponentials(p, x, m), "c")]


def largest_of_two(p: RowProgram) -> list[Rows]:
    """Two inputs run beside each other."""
    x, y = p.input("rc"), p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("maximumf", p.each("rc", lambda b, a, c, m: b.mul(a, b.add(c, m)), x, y, m), "c")]


def smallest_magnitude(p: RowProgram) -> list[Rows]:
    """The element nearest to the middle isn't at an end."""
    x, y = p.input("rc"), p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("minimumf", p.each("rc", lambda b, a, m: b.absf(b.sub(a, m)), y, m), "c")]


def hole_in_the_middle(p: RowProgram) -> list[Rows]:
    """The logarithm is undefined near the maximum, not at the ends."""
    x, y = p.input("rc"), p.input("rc")
    m = p.fold("maximumf", x, "c")

    def body(b: Body, a: str, m: str) -> str:
        return b.log(b.sub(b.absf(b.sub(a, m)), b.constant(0.5)))

    return [p.fold("maximumf", p.each("rc", body, y, m), "c")]


def cancelling(p: RowProgram) -> list[Rows]:
    """Sums of differences from the maximum: their halves cancel."""
    x, y = p.input("rc"), p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("addf", p.each("rc", lambda b, a, c, m: b.mul(b.sub(a, m), c), x, y, m), "c")]


def quotient_of_sums(p: RowProgram) -> list[Rows]:
    """A sum that may be zero as divisor."""
    x, y = p.input("rc"), p.input("rc")
    s = p.fold("addf", x, "c")
    return [p.fold("addf", p.each("rc", lambda b, a, s: b.div(a, s), y, s), "c")]


def other_dimension(p: RowProgram) -> list[Rows]:
    """The maximum of a row, the sum of a column."""
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("addf", exponentials(p, x, m), "r")]


def other_rows(p: RowProgram) -> list[Rows]:
    """Row i has the maximum of row j: all maxima are needed first."""
    x = p.input("cc")
    m = p.fold("maximumf", p.input("cd"), "d")
    e = p.each("cd", lambda b, a, m: b.exp(b.sub(a, m)), p.input("cd"), m)
    del x
    return [p.fold("addf", e, "c")]


def weighted_by_others(p: RowProgram) -> list[Rows]:
    """Weights that may vanish beside a maximum that isn't theirs."""
    x, y, v = p.input("rc"), p.input("rc"), p.input("rc")
    m = p.fold("maximumf", x, "c")
    e = p.each("rc", lambda b, a, c, m: b.mul(c, b.exp(b.sub(a, m))), y, v, m)
    return [p.fold("addf", e, "c")]


def normalised_contraction(p: RowProgram) -> list[Rows]:
    """Rows divided by their root mean square, times a matrix: undivided, the products may overflow."""
    x, w = p.input("rc"), p.input("ce")
    q = p.fold("addf", p.each("rc", lambda b, a: b.mul(a, a), x), "c")
    scale = lambda b, a, q: b.mul(a, b.rsqrt(b.add(b.div(q, b.constant(33.0)), b.constant(1e-5))))  # noqa: E731
    return [p.contract(p.each("rc", scale, x, q), w, "re")]


STAYS = [
    not_separable,
    product_in_exponent,
    product_of_powers,
    largest_of_two,
    smallest_magnitude,
    hole_in_the_middle,
    cancelling,
    quotient_of_sums,
    other_dimension,
    other_rows,
    weighted_by_others,
    normalised_contraction,
]
