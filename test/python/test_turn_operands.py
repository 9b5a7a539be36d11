"""Contractions whose operands were turned mean what they meant, and move no more, whatever the permutations."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from powerfusion.core._mlir import entry_block, functions, operations
from powerfusion.executable import compile_phases
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.pipelines import IMPORT, RAISE
from powerfusion.reference import interpret
from workloads.writer import Body, Scalar, Value, Writer

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
SIZES = (2, 3, 4, 5, 6)
KEPT, FOLDED = (0, 1, 2), (3, 4)  # iterators of the contraction: of its result, and summed


def contracted(w: Writer, left: tuple[Value, Sequence[int]], right: tuple[Value, Sequence[int]]) -> Value:
    """The sum of products over `FOLDED`, of two values that run over some iterators."""
    body = Body(w)
    product = body("mulf", Scalar("%in0", "f32"), Scalar("%in1", "f32"))
    total = body("addf", Scalar("%out0", "f32"), product)
    ins = [(value, ", ".join(f"d{dim}" for dim in dims)) for value, dims in (left, right)]
    outs = [(w.filled([SIZES[dim] for dim in KEPT], "f32", 0.0), ", ".join(f"d{dim}" for dim in KEPT))]
    return w.generic(ins, outs, "p" * len(KEPT) + "r" * len(FOLDED), body, [total])[0]


def turned(w: Writer, dims: Sequence[int], perm: Sequence[int]) -> tuple[Value, list[int]]:
    """An argument over some iterators, turned."""
    value = w.argument([SIZES[dim] for dim in dims], "f32")
    return w.transposed(value, perm), [dims[at] for at in perm]


def contractions(module: ir.Module) -> int:
    """How many kernels have a contraction."""
    (function,) = functions(module.operation)
    kernels = [op for op in operations(function.regions[0].blocks[0]) if op.name == "gir.kernel"]
    return sum(any(op.name == "gir.contract" for op in operations(entry_block(kernel))) for kernel in kernels)


def check(text: str, shapes: Sequence[tuple[int, ...]]) -> ir.Module:
    """The program after the pass alone: equal to the bit on small integers, and no more bytes or launches."""
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-4, 5, shape).astype(np.float32) for shape in shapes]
    executable = compile_phases(text, (IMPORT, RAISE), "cpu")
    before, after = executable.module("raise"), executable.module("raise")
    with after.context:
        PassManager.parse("builtin.module(gir-turn-operands)").run(after.operation)
        assert after.operation.verify()
    results = [interpret(module, [array.copy() for array in inputs]).results for module in (before, after)]
    for old, new in zip(*results, strict=True):
        np.testing.assert_array_equal(old, new)
    ledgers = [ledger_of(module) for module in (before, after)]
    bytes_ = [sum(e.useful for e in ledger.entries if e.level == "dram") for ledger in ledgers]
    assert bytes_[1] <= bytes_[0]
    assert len(ledgers[1].kernels) <= len(ledgers[0].kernels)
    return after


@seed(SEED)
@settings(max_examples=25, deadline=None, database=None)
@given(st.permutations((0, 1, 3, 4)), st.permutations((0, 2, 3, 4)), st.booleans())
def test_turned_operands(left: list[int], right: list[int], shown: bool) -> None:
    """Any order of dimensions on both sides; one that is also returned is made all the same."""
    w = Writer()
    first = turned(w, (0, 1, 3, 4), [(0, 1, 3, 4).index(dim) for dim in left])
    second = turned(w, (0, 2, 3, 4), [(0, 2, 3, 4).index(dim) for dim in right])
    results = [contracted(w, first, second), *([first[0]] if shown else [])]
    module = check(w.text(*results), [argument.value.shape for argument in w.arguments])
    assert contractions(module) == 1
    assert str(module).count("gir.permute") == shown


@pytest.mark.parametrize("times", [1, 2])
def test_each_reader_takes_what_it_turned(times: int) -> None:
    """A tensor that is turned for several products, or for both sides of one, is loaded as it lies by each."""
    w = Writer()
    value, dims = turned(w, (3, 0, 4), (1, 2, 0))
    other = w.argument([SIZES[dim] for dim in (1, 2, 3, 4)], "f32")
    found = [contracted(w, (value, dims), (other, (1, 2, 3, 4))) for _ in range(times)]
    module = check(w.text(*found), [argument.value.shape for argument in w.arguments])
    assert "gir.permute" not in str(module)
    assert contractions(module) == times
