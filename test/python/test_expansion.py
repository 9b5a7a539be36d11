"""Cascades of reductions become one pass where algebra permits it, and mean what they meant before.

Each program is interpreted as it was and with its second way taken. The results must be NaN and infinite in the same
places, and as near to those of the same program in f64 as f32 promises, or as near as the program itself is.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st
from programs.check import FULL, check_call, parameters
from programs.program import Program
from programs.upstream import result_dtypes
from row_programs import Body, RowProgram, Rows

from powerfusion.core._mlir import functions
from powerfusion.executable import compile_module, compile_phases
from powerfusion.mlir import ir
from powerfusion.passes.expansion.alternatives import choose
from powerfusion.passes.expansion.expand import expand
from powerfusion.pipelines import IMPORT, LLVM_CPU, LOWER_CPU, PLACE, RAISE, SIMPLIFY, TILE
from powerfusion.reference import interpret

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
Build = Callable[[RowProgram], list[Rows]]
SIZES = {"r": 9, "c": 33, "e": 5}


@dataclasses.dataclass(frozen=True)
class Expanded:
    """A program before and after, the second way taken, and how many alternatives there were."""

    before: ir.Module
    after: ir.Module
    count: int

    @property
    def folds(self) -> int:
        """Reductions and contractions that are left."""
        return sum(str(self.after).count(f"= gir.{name} ") for name in ("reduce", "contract"))


def expanded(text: str) -> Expanded:
    """A program of one function, expanded, with the second way of each alternatives op taken."""
    executable = compile_phases(text, (IMPORT, RAISE, SIMPLIFY), "cpu")
    before, after = executable.module("simplify"), executable.module("simplify")
    with after.context:
        (function,) = functions(after.operation)
        made = expand(function.regions[0].blocks[0])
        assert after.operation.verify()
        for op in made:
            assert len(op.regions) == 2
            choose(op, 1)
        assert after.operation.verify()
    return Expanded(before, after, len(made))


def run(module: ir.Module, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Results of the interpreter."""
    return [np.asarray(result) for result in interpret(module, inputs).results]


def near(actual: np.ndarray, before: np.ndarray, exact: np.ndarray, what: str, scale: np.ndarray | float = 0.0) -> None:
    """NaN and infinities as before, numbers as near to the exact ones as promised, or as they were before."""
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(before), err_msg=what)
    infinite = np.isinf(before)
    np.testing.assert_array_equal(actual[infinite], before[infinite], err_msg=what)
    finite = np.isfinite(before)
    assert np.isfinite(actual[finite]).all(), what
    got, was, want = (a[finite].astype(np.float64) for a in (actual, before, exact))
    size = np.broadcast_to(scale, actual.shape)[finite]
    room = 1e-5 * (np.abs(want) + np.where(np.isfinite(size), size, 0.0)) + 4 * np.abs(was - want) + 1e-37
    assert (np.abs(got - want) <= room).all(), f"{what}: {np.max(np.abs(got - want) / room)}"


def built(build: Build, sizes: dict[str, int], dtype: str, open_: str = "") -> tuple[RowProgram, str]:
    """A program in a type."""
    program = RowProgram(sizes, dtype, open_)
    return program, program.text(*build(program))


def inputs_of(program: RowProgram, kind: str) -> list[np.ndarray]:
    """Inputs that a program may be given; of some kinds, rows begin with what is special."""
    rng = np.random.default_rng(len(kind))
    made: list[np.ndarray] = []
    for tensor in program.inputs:
        shape = [program.sizes[dim] for dim in tensor.dims]
        x = rng.standard_normal(shape)
        x = {"huge": x * 1e30, "tiny": x * 1e-30, "wide": x * 50, "far": x + 1000}.get(kind, x)
        if kind in ("infinite", "nan") and x.size:
            flat = x.reshape(-1)
            special = {"infinite": [-np.inf, np.inf], "nan": [np.nan, -np.inf]}[kind]
            flat[:: max(1, 2 * len(flat) // 7)] = special[0]
            flat[5 :: max(1, 5 * len(flat) // 11)] = special[1]
            if len(shape) > 1:
                x[-1] = -np.inf
                x[-2 % shape[0], 0] = -np.inf
        made.append(x.astype(np.float32))
    return made


KINDS = ("plain", "wide", "far", "huge", "tiny", "infinite", "nan")


def check(
    build: Build,
    *,
    sizes: dict[str, int] | None = None,
    kinds: tuple[str, ...] = KINDS,
    scale: Build | None = None,
    open_: str = "",
) -> Expanded:
    """Means the same, whatever it is given; `scale` gives the size of what cancels in each result."""
    sizes = sizes or SIZES
    program, text = built(build, sizes, "f32", open_)
    _, double = built(build, sizes, "f64", open_)
    found = expanded(text)
    exact = compile_phases(double, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    sized = None
    if scale is not None:
        _, text_of_scale = built(scale, sizes, "f64")
        sized = compile_phases(text_of_scale, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    for kind in kinds:
        inputs = inputs_of(program, kind)
        with np.errstate(all="ignore"):
            before, after = run(found.before, inputs), run(found.after, inputs)
            doubles = [x.astype(np.float64) for x in inputs]
            wide = run(exact, doubles)
            size = run(sized, doubles) if sized else [np.zeros(())] * len(wide)
        for number, arrays in enumerate(zip(after, before, wide, size, strict=True)):
            near(*arrays[:3], scale=arrays[3], what=f"result {number}, {kind} inputs, of\n{text}\nas\n{found.after}")
    return found


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


@pytest.mark.parametrize("build", ONE_PASS, ids=lambda build: build.__name__)
def test_one_pass(build: Build) -> None:
    """All reductions of these are one afterwards."""
    found = check(build, sizes={**SIZES, "d": 4}, scale=MAGNITUDES.get(build))
    assert (found.count, found.folds) == (1, 1), str(found.after)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 7, 1), (3, 1, 2), (0, 5, 2)], ids=str)
@pytest.mark.parametrize("build", ONE_PASS, ids=lambda build: build.__name__)
def test_small_sizes(build: Build, sizes: tuple[int, int, int]) -> None:
    """Rows of one element, one row, no rows."""
    scale = MAGNITUDES.get(build)
    check(
        build, sizes={**dict(zip("rce", sizes, strict=True)), "d": 1}, kinds=("plain", "infinite", "nan"), scale=scale
    )


@pytest.mark.parametrize("sizes", [(9, 33, 5), (3, 0, 2), (0, 4, 1), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("build", ONE_PASS, ids=lambda build: build.__name__)
def test_open_sizes(build: Build, sizes: tuple[int, int, int]) -> None:
    """Sizes that are known when the program is called; a row of no elements is what its reductions start from.

    Rows of two inputs aren't known to be equally long where only their number is.
    """
    sizes_of = {**dict(zip("rce", sizes, strict=True)), "d": 2}
    found = check(build, sizes=sizes_of, kinds=("plain", "infinite", "nan"), scale=MAGNITUDES.get(build), open_="rced")
    apart = build in (coupled_maxima, other_exponent)
    assert (found.count, found.folds) == ((0, 2) if apart else (1, 1)), str(found.after)


# -- what stays ----------------------------------------------------------------------------------------


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


def maximum_of_products(p: RowProgram) -> list[Rows]:
    """Which factor is infinite where another is zero, a maximum doesn't say."""
    x, y = p.input("rc"), p.input("rc")
    m = p.fold("maximumf", x, "c")
    return [p.fold("maximumf", p.each("rc", lambda b, a, m: b.mul(a, m), y, m), "c")]


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
    maximum_of_products,
    cancelling,
    quotient_of_sums,
    other_dimension,
    other_rows,
    weighted_by_others,
    normalised_contraction,
]


@pytest.mark.parametrize("build", STAYS, ids=lambda build: build.__name__)
def test_near_misses_stay(build: Build) -> None:
    """Nothing is expanded, and nothing is changed."""
    found = check(build, sizes={**SIZES, "d": 33}, kinds=("plain",))
    assert found.count == 0, str(found.after)
    assert str(found.before) == str(found.after)


# -- programs of the suite, and the CPU ----------------------------------------------------------------

CHAINS = {
    "softmax",
    "softmax_dynamic",
    "softmax_first_dimension",
    "softmax_masked",
    "log_softmax",
    "softmax_f16",
    "softmax_bf16",
    "attention_head",
    "layernorm",
    "layernorm_dynamic",
    "layernorm_f64_detour",
    "residual_layernorm",
}


@pytest.mark.parametrize("program", parameters("chains"))
def test_chains_mean_the_same(program: Program) -> None:
    """Softmax in all its types, attention and the like, held against NumPy."""
    found = expanded(program.text)
    assert found.count == (program.name in CHAINS)
    dtypes = result_dtypes(program.text)

    def call(*arrays: np.ndarray) -> object:
        results = interpret(found.after, arrays).results
        return results[0] if len(results) == 1 else results

    for inputs in (program.inputs, *program.more):
        check_call(program, call, inputs, dtypes, f"{program.name}, expanded")


@pytest.mark.parametrize("build", ONE_PASS, ids=lambda build: build.__name__)
def test_on_the_cpu(build: Build) -> None:
    """The second way, tiled and compiled, gives what the interpreter gives for the first."""
    sizes = {"r": 37, "c": 101, "e": 20, "d": 3}
    program, text = built(build, sizes, "f32")
    _, double = built(build, sizes, "f64")
    found = expanded(text)
    assert found.count == 1
    exact = compile_phases(double, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    _, sized = built(MAGNITUDES.get(build, build), sizes, "f64")
    scale = compile_phases(sized, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    cancels = build in MAGNITUDES
    done = ("import", "raise", "simplify")
    executable = compile_module(found.after, (PLACE, TILE, LOWER_CPU, LLVM_CPU), "cpu", before=done)
    for kind in ("plain", "far", "infinite"):
        inputs = inputs_of(program, kind)
        with np.errstate(all="ignore"):
            doubles = [x.astype(np.float64) for x in inputs]
            before, wide, size = run(found.before, inputs), run(exact, doubles), run(scale, doubles)
        results = executable(*inputs)
        after = results if isinstance(results, tuple) else (results,)
        for arrays in zip(after, before, wide, size, strict=True):
            near(*arrays[:3], scale=arrays[3] if cancels else 0.0, what=f"{build.__name__}, {kind} inputs")


def test_the_first_way_counts_until_one_is_chosen() -> None:
    """With both ways, a program is interpreted and tiled as it was."""
    program, text = built(softmax, SIZES, "f32")
    executable = compile_phases(text, (IMPORT, RAISE, SIMPLIFY), "cpu")
    plain, both = executable.module("simplify"), executable.module("simplify")
    with both.context:
        (function,) = functions(both.operation)
        expand(function.regions[0].blocks[0])
    (x,) = inputs_of(program, "plain")
    expected, got = interpret(plain, [x]), interpret(both, [x])
    np.testing.assert_array_equal(expected.results[0], got.results[0])
    done = ("import", "raise", "simplify")
    first = compile_module(both, (PLACE, TILE, LOWER_CPU, LLVM_CPU), "cpu", before=done)
    np.testing.assert_allclose(first(x), expected.results[0], rtol=1e-5)


# -- random terms --------------------------------------------------------------------------------------

Term = Callable[[Body, str, str, str, str], str]
BINARY = ("add", "sub", "mul", "maximum", "minimum")


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> Term:
    """A term of two inputs a and c, the largest a and the smallest c; mostly not separable."""
    shape = draw(st.sampled_from(["leaf", "binary", "unary"] if depth else ["leaf"]))
    if shape == "leaf":
        at, value = draw(st.integers(0, 4)), draw(st.sampled_from([0.5, 1.0, -2.0]))
        return lambda b, *names: names[at] if at < 4 else b.constant(value)
    if shape == "unary":
        name, inner = draw(st.sampled_from(["neg", "exp", "tanh", "absf"])), draw(trees(depth - 1))
        return lambda b, *names: getattr(b, name)(inner(b, *names))
    name, left, right = draw(st.sampled_from(BINARY)), draw(trees(depth - 1)), draw(trees(depth - 1))
    return lambda b, *names: getattr(b, name)(left(b, *names), right(b, *names))


@st.composite
def products(draw: st.DrawFn) -> Term:
    """A separable term: part times power times what is late, in some order, or the sum of two."""
    if draw(st.integers(0, 3)) == 0:
        one, other = draw(products()), draw(products())
        return lambda b, *names: b.add(one(b, *names), other(b, *names))
    slope, base = draw(st.sampled_from([1.0, -1.0, 2.0, 0.25])), draw(st.sampled_from(["exp", "exp2"]))
    of, relative = draw(st.integers(0, 1)), draw(st.integers(2, 3))
    factors = draw(st.permutations(range(3)))
    count, masked = draw(st.integers(1, 3)), draw(st.booleans())

    def term(b: Body, *names: str) -> str:
        power = getattr(b, base)(b.mul(b.sub(names[of], names[relative]), b.constant(slope)))
        late = b.tanh(names[2 + of])
        parts = [power, names[1 - of], late]
        made = [parts[at] for at in factors[:count]]
        product = made[0]
        for factor in made[1:]:
            product = b.mul(factor, product)
        return b.positive(names[1], product, b.constant(0.0)) if masked else product

    return term


def check_term(term: Term, outer: str) -> Expanded:
    """Folds a term of two inputs and their extremes."""

    def build(p: RowProgram) -> list[Rows]:
        x, y = p.input("rc"), p.input("rc")
        m, n = p.fold("maximumf", x, "c"), p.fold("minimumf", y, "c")
        t = p.each("rc", term, x, y, m, n)
        return [m, n, p.fold(outer, t, "c")]

    def magnitude(p: RowProgram) -> list[Rows]:
        x, y = p.input("rc"), p.input("rc")
        m, n = p.fold("maximumf", x, "c"), p.fold("minimumf", y, "c")
        t = p.each("rc", lambda b, *names: b.absf(term(b, *names)), x, y, m, n)
        return [m, n, p.fold("addf" if outer == "addf" else "maximumf", t, "c")]

    return check(build, sizes={"r": 4, "c": 9}, scale=magnitude)


@pytest.mark.timeout(3600 if FULL else 240)
@seed(SEED)
@settings(max_examples=600 if FULL else 30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(term=trees(), outer=st.sampled_from(["addf", "maximumf", "minimumf", "mulf"]))
def test_random_trees_mean_the_same(term: Term, outer: str) -> None:
    """Whatever was drawn, separable or not."""
    note(f"PF_TEST_SEED={SEED}")
    check_term(term, outer)


@pytest.mark.timeout(3600 if FULL else 240)
@seed(SEED)
@settings(max_examples=600 if FULL else 30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(term=products())
def test_random_products_mean_the_same(term: Term) -> None:
    """Terms of which most can be one pass."""
    note(f"PF_TEST_SEED={SEED}")
    check_term(term, "addf")
