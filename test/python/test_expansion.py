"""Cascades of reductions become one pass where algebra permits it, and mean what they meant before.

Each program is interpreted as it was and with its second way taken. The results must be NaN and infinite in the same
places, and as near to those of the same program in f64 as f32 promises, or as near as the program itself is.
"""

from __future__ import annotations

import numpy as np
import pytest
from expanding import SIZES, built, check, expanded, inputs_of, near, run
from expansion_near_misses import STAYS
from expansion_programs import (
    MAGNITUDES,
    ONE_PASS,
    Build,
    attention_of_a_sum,
    attention_twice,
    coupled_maxima,
    largest_distance,
    layernorm,
    maximum_of_products,
    other_exponent,
    softmax,
    softmax_of_normalised,
    sum_of_squares,
)
from programs.check import check_call, parameters
from programs.program import Program
from programs.upstream import result_dtypes

from powerfusion.core._mlir import functions
from powerfusion.executable import compile_module, compile_phases
from powerfusion.machines.table import find
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.passes.expansion.alternatives import choose
from powerfusion.passes.expansion.expand import expand
from powerfusion.pipelines import IMPORT, LLVM_CPU, LOWER_CPU, PLACE, RAISE, SIMPLIFY, TILE
from powerfusion.reference import interpret
from powerfusion.symbolic import total


@pytest.mark.parametrize("build", ONE_PASS, ids=lambda build: build.__name__)
def test_one_pass(build: Build) -> None:
    """All reductions of these are one afterwards."""
    found = check(build, sizes={**SIZES, "d": 4}, scale=MAGNITUDES.get(build))
    assert (found.count, found.folds) == (1, 1), str(found.after)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 1, 2), (0, 5, 2)], ids=str)
@pytest.mark.parametrize("build", ONE_PASS, ids=lambda build: build.__name__)
def test_small_sizes(build: Build, sizes: tuple[int, int, int]) -> None:
    """Rows of one element, one row, no rows."""
    scale = MAGNITUDES.get(build)
    check(
        build, sizes={**dict(zip("rce", sizes, strict=True)), "d": 1}, kinds=("plain", "infinite", "nan"), scale=scale
    )


@pytest.mark.parametrize("sizes", [(9, 33, 5), (3, 0, 2), (0, 4, 1)], ids=str)
@pytest.mark.parametrize("build", ONE_PASS, ids=lambda build: build.__name__)
def test_open_sizes(build: Build, sizes: tuple[int, int, int]) -> None:
    """Sizes that are known when the program is called; a row of no elements is what its reductions start from.

    Rows of two inputs aren't known to be equally long where only their number is.
    """
    sizes_of = {**dict(zip("rce", sizes, strict=True)), "d": 2}
    found = check(build, sizes=sizes_of, kinds=("plain", "infinite", "nan"), scale=MAGNITUDES.get(build), open_="rced")
    apart = build in (coupled_maxima, other_exponent, maximum_of_products, largest_distance)
    assert found.count == (0 if apart else 1), str(found.after)
    assert apart or found.folds == 1


@pytest.mark.parametrize(
    ("build", "count"), [(attention_twice, 3), (softmax_of_normalised, 2)], ids=["attention", "softmax"]
)
def test_several_cascades(build: Build, count: int) -> None:
    """Each has alternatives of its own, and either way of one goes with either way of another."""
    found = check(build, kinds=("plain", "infinite"))
    assert found.count == count, str(found.after)


@pytest.mark.parametrize("build", STAYS, ids=lambda build: build.__name__)
def test_near_misses_stay(build: Build) -> None:
    """Nothing is expanded, and nothing is changed."""
    found = check(build, sizes={**SIZES, "d": 33}, kinds=("plain",))
    assert found.count == 0, str(found.after)
    assert str(found.before) == str(found.after)


DONE = ("import", "raise", "simplify")

# -- parts of few rows ---------------------------------------------------------------------------------

LONG = {"r": 2, "c": 4096 + 512, "e": 3, "d": 1}


@pytest.mark.parametrize("build", [softmax, coupled_maxima, attention_of_a_sum, layernorm, sum_of_squares])
def test_few_long_rows_are_split(build: Build) -> None:
    """The last way reduces parts of the rows, and then these; what it gives is as good."""
    kinds = ("plain", "infinite", "nan")
    one = check(build, sizes=LONG, kinds=kinds, scale=MAGNITUDES.get(build))
    parts = check(build, sizes=LONG, kinds=kinds, scale=MAGNITUDES.get(build), way=2)
    assert parts.count == one.count == 1
    assert "_parts" in str(parts.after)
    assert "_parts" not in str(one.after) or build is sum_of_squares
    assert parts.folds == 2


@pytest.mark.parametrize("sizes", [(129, 4608), (2, 4095), (2, 5003)], ids=["rows", "short", "prime"])
def test_other_rows_are_not_split(sizes: tuple[int, int]) -> None:
    """Enough rows to run in parallel, too few elements, or none that divides them."""
    _, text = built(softmax, dict(zip("rc", sizes, strict=True)), "f32")
    assert "_parts" not in str(expanded(text, 2).after)


def test_parts_on_the_cpu() -> None:
    """A split cascade, tiled and compiled."""
    program, text = built(softmax, LONG, "f32")
    found = expanded(text, 2)
    executable = compile_module(found.after, (PLACE, TILE, LOWER_CPU, LLVM_CPU), "cpu", before=DONE)
    inputs = inputs_of(program, "plain")
    near(executable(*inputs), *run(found.before, inputs), *run(found.before, inputs), "split softmax")


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
    executable = compile_module(found.after, (PLACE, TILE, LOWER_CPU, LLVM_CPU), "cpu", before=DONE)
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
    first = compile_module(both, (PLACE, TILE, LOWER_CPU, LLVM_CPU), "cpu", before=DONE)
    np.testing.assert_allclose(first(x), expected.results[0], rtol=1e-5)


@pytest.mark.parametrize("build", [softmax, layernorm, attention_of_a_sum, coupled_maxima])
@pytest.mark.parametrize("machine", ["cpu", "sm_90"])
def test_every_way_is_counted(build: Build, machine: str) -> None:
    """Bytes of the ledger are the interpreter's, while there are several ways and once one is taken."""
    sizes, found_for = {**SIZES, "c": 4160, "r": 2}, find(machine)
    program, text = built(build, sizes, "f32")
    inputs = inputs_of(program, "plain")
    executable = compile_phases(text, (IMPORT, RAISE, SIMPLIFY), "cpu")
    useful: list[object] = []
    for way in (None, 0, 1, 2):
        module = executable.module("simplify")
        with module.context:
            (function,) = functions(module.operation)
            (op,) = expand(function.regions[0].blocks[0])
            if way is not None:
                choose(op, way)
        counted = interpret(module, inputs, machine=found_for).counts
        ledger = ledger_of(module, found_for, {})
        figures = ledger.counts()
        assert {key: (c.useful, c.issued) for key, c in counted.items()} == {key: figures[key] for key in counted}
        useful.append(total(entry.useful for entry in ledger.entries if entry.level == "dram"))
    assert useful[0] == useful[1]
    assert useful[2] < useful[1], "the joint reduction reads less"
