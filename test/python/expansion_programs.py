"""Programs of cascaded reductions, written as chains of calls: those that can be one pass, and near misses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from row_programs import Body, RowProgram, Rows

Build = Callable[[RowProgram], list[Rows]]

# -- what becomes one pass -----------------------------------------------------------------------------


def exponentials(p: RowProgram, x: Rows, m: Rows) -> Rows:
    return p.each("rc", lambda b, a, m: b.exp(b.sub(a, m)), x, m)


def softmax(p: RowProgram) -> list[Rows]:
    x = p.input("rc")
    e = exponentials(p, x, p.fold("maximumf", x, "c"))
    return [p.each("rc", lambda b, a, s: b.div(a, s), e, p.fold("addf", e, "c"))]


def log_softmax(p: RowProgram) -> list[Rows]:
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    s = p.fold("addf", exponentials(p, x, m), "c")
    return [p.each("rc", lambda b, a, m, s: b.sub(b.sub(a, m), b.log(s)), x, m, s)]


def logsumexp(p: RowProgram) -> list[Rows]:
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    s = p.fold("addf", exponentials(p, x, m), "c")
    return [p.each("r", lambda b, m, s: b.add(m, b.log(s)), m, s)]


def base_two(p: RowProgram) -> list[Rows]:
    """Softmax of base 2, shifted by the minimum, so that powers are at least 1."""
    x = p.input("rc")
    m = p.fold("minimumf", x, "c")
    e = p.each("rc", lambda b, a, m: b.exp2(b.sub(a, m)), x, m)
    return [p.each("rc", lambda b, a, s: b.div(a, s), e, p.fold("addf", e, "c"))]


def base_two_down(p: RowProgram) -> list[Rows]:
    """The same of the negated input: powers are at most 1."""
    x = p.input("rc")
    m = p.fold("minimumf", x, "c")
    e = p.each("rc", lambda b, a, m: b.exp2(b.sub(m, a)), x, m)
    return [p.each("rc", lambda b, a, s: b.div(a, s), e, p.fold("addf", e, "c"))]


def cubes(p: RowProgram) -> list[Rows]:
    """Sum of x^3 e^(2 (x - max))."""
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    e = p.each(
        "rc",
        lambda b, a, m: b.mul(b.mul(b.mul(a, a), a), b.exp(b.mul(b.constant(2.0), b.sub(a, m)))),
        x,
        m,
    )
    return [p.fold("addf", e, "c")]


def log_cosh(p: RowProgram) -> list[Rows]:
    """Log of the sum of hyperbolic cosines, relative to the largest magnitude."""
    x = p.input("rc")
    m = p.fold("maximumf", p.each("rc", lambda b, a: b.absf(a), x), "c")

    def body(b: Body, a: str, m: str) -> str:
        return b.add(b.exp(b.sub(a, m)), b.exp(b.sub(b.neg(a), m)))

    s = p.fold("addf", p.each("rc", body, x, m), "c")
    return [p.each("rc", lambda b, a, m, s: b.div(a, b.add(m, b.log(s))), x, m, s)]


def coupled_maxima(p: RowProgram) -> list[Rows]:
    """The largest of y - max x."""
    x, y = p.input("rc"), p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [m, p.fold("maximumf", p.each("rc", lambda b, a, m: b.sub(a, m), y, m), "c")]


def coupled_maxima_of_one(p: RowProgram) -> list[Rows]:
    """The largest of e^(max x - 2 x)."""
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    body = lambda b, a, m: b.exp(b.sub(m, b.mul(b.constant(2.0), a)))  # noqa: E731
    return [p.fold("maximumf", p.each("rc", body, x, m), "c")]


def attention_of_a_sum(p: RowProgram) -> list[Rows]:
    """Softmax of the sum of two inputs, followed by a contraction."""
    x, y, v = p.input("rc"), p.input("rc"), p.input("ce")
    z = p.each("rc", lambda b, a, c: b.add(a, c), x, y)
    e = exponentials(p, z, p.fold("maximumf", z, "c"))
    w = p.each("rc", lambda b, a, s: b.div(a, s), e, p.fold("addf", e, "c"))
    return [p.contract(w, v, "re")]


def other_exponent(p: RowProgram) -> list[Rows]:
    """Powers of y relative to the maximum of x: they have a maximum of their own."""
    x, y = p.input("rc"), p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("addf", exponentials(p, y, m), "c")]


def chain_of_three(p: RowProgram) -> list[Rows]:
    """Entropy's second half: the sum of x e^(x - max) / sum."""
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    s = p.fold("addf", exponentials(p, x, m), "c")
    e = p.each("rc", lambda b, a, m, s: b.div(b.mul(a, b.exp(b.sub(a, m))), s), x, m, s)
    return [s, p.fold("addf", e, "c")]


def rms_sum(p: RowProgram) -> list[Rows]:
    """The sum of a row divided by its root mean square."""
    x = p.input("rc")
    q = p.fold("addf", p.each("rc", lambda b, a: b.mul(a, a), x), "c")
    scale = lambda b, a, q: b.mul(a, b.rsqrt(b.add(b.div(q, b.constant(33.0)), b.constant(1e-5))))  # noqa: E731
    return [p.fold("addf", p.each("rc", scale, x, q), "c")]


def cubes_from_inside(p: RowProgram) -> list[Rows]:
    """Sum of ((e^(2 (x - max)) x) x) x: where the power is zero, no x is too large."""
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")

    def body(b: Body, a: str, m: str) -> str:
        return b.mul(b.mul(b.mul(b.exp(b.mul(b.constant(2.0), b.sub(a, m))), a), a), a)

    return [p.fold("addf", p.each("rc", body, x, m), "c")]


def over_two_dimensions(p: RowProgram) -> list[Rows]:
    """Softmax's sum over two dimensions at once, the first of them in front of the rows."""
    x = p.input("crd")
    m = p.fold("maximumf", x, "cd")
    e = p.each("crd", lambda b, a, m: b.exp(b.sub(a, m)), x, m)
    return [p.fold("addf", e, "cd")]


def mean_of(p: RowProgram, x: Rows, over: str, dims: str) -> Rows:
    count = float(max(np.prod([p.sizes[d] for d in over]), 1))
    return p.each(dims, lambda b, s: b.div(s, b.constant(count)), p.fold("addf", x, over))


def layernorm(p: RowProgram) -> list[Rows]:
    """Rows less their mean, over their standard deviation."""
    x = p.input("rc")
    d = p.each("rc", lambda b, a, m: b.sub(a, m), x, mean_of(p, x, "c", "r"))
    v = mean_of(p, p.each("rc", lambda b, a: b.mul(a, a), d), "c", "r")
    return [p.each("rc", lambda b, a, v: b.mul(a, b.rsqrt(b.add(v, b.constant(1e-5)))), d, v)]


def variance_of_columns(p: RowProgram) -> list[Rows]:
    """Variance over two dimensions, one before and one behind what stays; each square is divided."""
    x = p.input("crd")
    m = mean_of(p, x, "cd", "r")
    count = float(max(p.sizes["c"] * p.sizes["d"], 1))

    def square(b: Body, a: str, m: str) -> str:
        d = b.sub(m, a)
        return b.div(b.mul(d, d), b.constant(count))

    return [m, p.fold("addf", p.each("crd", square, x, m), "cd")]


def maximum_of_products(p: RowProgram) -> list[Rows]:
    """The largest of products with a maximum: also where that is infinite, and a factor zero."""
    x, y = p.input("rc"), p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("maximumf", p.each("rc", lambda b, a, m: b.mul(a, m), y, m), "c")]


def largest_distance(p: RowProgram) -> list[Rows]:
    """The largest distance from the smallest of another input, and its square."""
    x, y = p.input("rc"), p.input("rc")
    m = p.fold("minimumf", x, "c")
    d = p.each("rc", lambda b, a, m: b.sub(a, m), y, m)
    far = p.fold("maximumf", p.each("rc", lambda b, a: b.absf(a), d), "c")
    return [far, p.fold("maximumf", p.each("rc", lambda b, a: b.log(b.mul(a, a)), d), "c")]


def cosh_of_differences(p: RowProgram) -> list[Rows]:
    """Hyperbolic cosines of what elements are below the maximum: two sums of powers, one for each sign."""
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("addf", p.each("rc", lambda b, a, m: b.cosh(b.sub(a, m)), x, m), "c")]


def powers_of_three(p: RowProgram) -> list[Rows]:
    """A power of another base."""
    x = p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("addf", p.each("rc", lambda b, a, m: b.powf(b.constant(3.0), b.sub(a, m)), x, m), "c")]


def layernorm_magnitude(p: RowProgram) -> list[Rows]:
    """What cancels where a row's mean is taken from it, as large as it was, over the standard deviation."""
    x = p.input("rc")
    m = mean_of(p, x, "c", "r")
    d = p.each("rc", lambda b, a, m: b.sub(a, m), x, m)
    v = mean_of(p, p.each("rc", lambda b, a: b.mul(a, a), d), "c", "r")
    size = p.each("rc", lambda b, a: b.absf(a), x)
    body = lambda b, a, s, v: b.mul(b.add(a, s), b.rsqrt(b.add(v, b.constant(1e-5))))  # noqa: E731
    return [p.each("rc", body, size, mean_of(p, size, "c", "r"), v)]


def variance_magnitude(p: RowProgram) -> list[Rows]:
    """What cancels in a mean; nothing does in a sum of squares."""
    x = p.input("crd")
    size = mean_of(p, p.each("crd", lambda b, a: b.absf(a), x), "cd", "r")
    return [size, p.each("r", lambda b, a: b.sub(a, a), size)]


def masked_softmax(p: RowProgram) -> list[Rows]:
    """Powers and their sum where another input is positive; a row without any has a sum of zero."""
    x, y = p.input("rc"), p.input("rc")
    lowest = lambda b, a, c: b.positive(c, a, b.constant(-1e30))  # noqa: E731
    z = p.each("rc", lowest, x, y)
    m = p.fold("maximumf", z, "c")
    e = p.each("rc", lambda b, a, c, m: b.positive(c, b.exp(b.sub(a, m)), b.constant(0.0)), z, y, m)
    return [p.fold("addf", e, "c")]


def masked_otherwise(p: RowProgram) -> list[Rows]:
    """Powers of one or of the other, by a third."""
    x, y = p.input("rc"), p.input("rc")
    m, n = p.fold("maximumf", x, "c"), p.fold("minimumf", y, "c")

    def body(b: Body, a: str, c: str, m: str, n: str) -> str:
        return b.positive(c, b.exp(b.sub(a, n)), b.mul(a, b.exp(b.sub(a, m))))

    return [p.fold("addf", p.each("rc", body, x, y, m, n), "c")]


MAGNITUDES: dict[Build, Build] = {layernorm: layernorm_magnitude, variance_of_columns: variance_magnitude}
ONE_PASS = [
    layernorm,
    variance_of_columns,
    masked_softmax,
    masked_otherwise,
    maximum_of_products,
    largest_distance,
    cosh_of_differences,
    powers_of_three,
    softmax,
    log_softmax,
    logsumexp,
    base_two,
    base_two_down,
    cubes,
    log_cosh,
    coupled_maxima,
    coupled_maxima_of_one,
    attention_of_a_sum,
    other_exponent,
    chain_of_three,
    rms_sum,
    cubes_from_inside,
    over_two_dimensions,
]


# -- several -------------------------------------------------------------------------------------------


def attend(p: RowProgram, q: Rows, k: Rows, v: Rows) -> Rows:
    """Attention of rows to columns."""
    s = p.contract(q, k, "rc")
    e = exponentials(p, s, p.fold("maximumf", s, "c"))
    w = p.each("rc", lambda b, a, s: b.div(a, s), e, p.fold("addf", e, "c"))
    return p.contract(w, v, "re")


def attention_twice(p: RowProgram) -> list[Rows]:
    """Attention, normalised rows of it, attention again: three cascades, each needs the one before."""
    k, v = p.input("ce"), p.input("ce")
    x = attend(p, p.input("re"), k, v)
    m = mean_of(p, x, "e", "r")
    d = p.each("re", lambda b, a, m: b.sub(a, m), x, m)
    w = mean_of(p, p.each("re", lambda b, a: b.mul(a, a), d), "e", "r")
    y = p.each("re", lambda b, a, w: b.mul(a, b.rsqrt(b.add(w, b.constant(1e-5)))), d, w)
    return [attend(p, y, k, v)]


def softmax_of_normalised(p: RowProgram) -> list[Rows]:
    """Softmax of normalised rows: the maximum needs mean and variance, which are no part of its cascade."""
    (y,) = layernorm(p)
    e = exponentials(p, y, p.fold("maximumf", y, "c"))
    return [p.each("rc", lambda b, a, s: b.div(a, s), e, p.fold("addf", e, "c"))]


def sum_of_squares(p: RowProgram) -> list[Rows]:
    """One reduction of all there is."""
    x = p.input("rc")
    return [p.fold("addf", p.each("rc", lambda b, a: b.mul(a, a), x), "rc")]
