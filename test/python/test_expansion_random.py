"""Random terms of two inputs and their extremes, folded: expanded, they mean what they meant."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable

import numpy as np
import pytest
from expanding import Expanded, check, expanded
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st
from programs.check import FULL, check_call
from programs.program import Program
from programs.randomised import random_programs
from programs.upstream import result_dtypes
from row_programs import Body, RowProgram, Rows
from test_fusion_random import Drawn, merging_programs

from powerfusion.mlir import ir
from powerfusion.reference import interpret

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())

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
@settings(max_examples=600 if FULL else 12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(term=trees(), outer=st.sampled_from(["addf", "maximumf", "minimumf", "mulf"]))
def test_random_trees_mean_the_same(term: Term, outer: str) -> None:
    """Whatever was drawn, separable or not."""
    note(f"PF_TEST_SEED={SEED}")
    check_term(term, outer)


@pytest.mark.timeout(3600 if FULL else 240)
@seed(SEED)
@settings(max_examples=600 if FULL else 12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(term=products())
def test_random_products_mean_the_same(term: Term) -> None:
    """Terms of which most can be one pass."""
    note(f"PF_TEST_SEED={SEED}")
    check_term(term, "addf")


# -- random programs -----------------------------------------------------------------------------------


def check_program(program: Program) -> None:
    """What NumPy says, by each way."""
    dtypes = result_dtypes(program.text)
    for way in (1, 2):
        found = expanded(program.text, way)
        if not found.count:
            return

        def call(*arrays: np.ndarray, module: ir.Module = found.after) -> object:
            results = interpret(module, arrays).results
            return results[0] if len(results) == 1 else results

        for inputs in (program.inputs, *program.more):
            check_call(program, call, inputs, dtypes, f"{program.name}, way {way}")


@pytest.mark.timeout(3600 if FULL else 240)
@seed(SEED)
@settings(max_examples=1000 if FULL else 40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(program=random_programs())
def test_random_programs_mean_the_same(program: Program) -> None:
    """Whatever was drawn computes what NumPy computes."""
    note(f"PF_TEST_SEED={SEED}\n{program.text}")
    check_program(program)


@pytest.mark.timeout(3600 if FULL else 240)
@seed(SEED)
@settings(max_examples=1000 if FULL else 60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(drawn=merging_programs())
def test_random_normalisations_mean_the_same(drawn: Drawn) -> None:
    """Programs full of reductions that are spread again."""
    note(f"PF_TEST_SEED={SEED}\n{drawn.program.text}")
    if not drawn.program.fails:
        check_program(drawn.program)
