"""Kernels whose dimensions were split mean what they meant, move what they moved, and no reshape stands between them.

Programs are written as torch-mlir hands them over, and drawn at random. Each is interpreted before and after the
pass: the results are those of NumPy, every space moves as many bytes, and the ledger says the same.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import datetime
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from programs.check import FULL
from programs.viewed import Viewed, number_of, running_sum, viewed_programs
from test_ledger_interpreter import static_figures

from powerfusion.core._mlir import functions, operations
from powerfusion.executable import compile_phases
from powerfusion.machines import table
from powerfusion.mlir import ir
from powerfusion.passes.fusion.split_plan import VIEWS, array_of
from powerfusion.pipelines import IMPORT, RAISE, SIMPLIFY, Phase
from powerfusion.reference import Run, interpret
from workloads import find
from workloads.writer import Value, Writer

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
SPLIT = "gir-split-dims"
BEFORE = Phase("before", "kernels as the pass gets them", ("gir-drop-units", "canonicalize", "cse"))
AFTER = Phase("after", "kernels as it leaves them", (SPLIT, "canonicalize"))  # those that have become the same, both
WITHOUT = Phase("simplify", "without it", tuple(name for name in SIMPLIFY.passes if name != SPLIT))
DYNAMIC = """
#id = affine_map<(d0)->(d0)>
#ij = affine_map<(d0,d1)->(d0,d1)>
#i = affine_map<(d0,d1)->(d0)>
#j = affine_map<(d0,d1)->(d1)>
func.func @main(%x: tensor<?x8xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %0 = linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel","parallel"]} ins(%x : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %a : f32
    linalg.yield %r : f32 } -> tensor<?x8xf32>
  %f = tensor.collapse_shape %0 [[0, 1]] : tensor<?x8xf32> into tensor<?xf32>
  %m = arith.muli %n, %c8 : index
  %ef = tensor.empty(%m) : tensor<?xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%f : tensor<?xf32>) outs(%ef : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %p = linalg.index 0 : index
    %q = arith.index_cast %p : index to i32
    %s = arith.sitofp %q : i32 to f32
    %r = arith.addf %a, %s : f32
    linalg.yield %r : f32 } -> tensor<?xf32>
  %g = tensor.expand_shape %1 [[0, 1]] output_shape [%n, 8] : tensor<?xf32> into tensor<?x8xf32>
  %er = tensor.empty(%n) : tensor<?xf32>
  %z = arith.constant 0.0 : f32
  %fr = linalg.fill ins(%z : f32) outs(%er : tensor<?xf32>) -> tensor<?xf32>
  %2 = linalg.generic {indexing_maps = [#ij, #i], iterator_types = ["parallel","reduction"]} ins(%g : tensor<?x8xf32>) outs(%fr : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32 } -> tensor<?xf32>
  return %2, %1 : tensor<?xf32>, tensor<?xf32>
}
"""
MACHINE = table.find("sm_90")
Write = Callable[[Writer], Value | tuple[Value, ...]]


@dataclass(frozen=True)
class Split:
    """A program before and after."""

    before: ir.Module
    after: ir.Module

    @property
    def between(self) -> int:
        """Reshapes that stand between two kernels."""
        return sum(map(stands_between, kernels_of(self.after)))


def kernels_of(module: ir.Module) -> list[ir.Operation]:
    """The kernels of a module."""
    blocks = [block for function in functions(module.operation) for block in function.regions[0].blocks]
    return [op for block in blocks for op in operations(block) if op.name == "gir.kernel"]


def stands_between(kernel: ir.Operation) -> int:
    """How many of a kernel's inputs are reshapes of another's results."""
    roots = [(value, array_of(value)) for value in kernel.operands]
    return sum(
        not isinstance(root.owner, ir.Block) and root.owner.name == "gir.kernel"
        for value, root in roots
        if not isinstance(value.owner, ir.Block) and value.owner.name in VIEWS
    )


def split(text: str) -> Split:
    """A program before and after the pass."""
    executable = compile_phases(text, (IMPORT, RAISE, BEFORE, AFTER), "cpu")
    return Split(executable.module("before"), executable.module("after"))


def moved(run: Run) -> Counter[tuple[str, str]]:
    """Useful bytes by space and direction."""
    found = Counter[tuple[str, str]]()
    for (_, space, direction), counted in run.counts.items():
        found[space, direction] += counted.useful
    return +found


def run(module: ir.Module, inputs: tuple[Any, ...]) -> Run:
    """What the interpreter says; static figures are the counted ones."""
    found = interpret(module, [np.array(array, copy=True) for array in inputs], machine=MACHINE)
    counted = {key: (each.useful, each.issued) for key, each in found.counts.items() if each.useful or each.issued}
    assert static_figures(module, inputs, MACHINE).counts == counted
    return found


def check_moved(made: Split, inputs: tuple[Any, ...]) -> tuple[Run, Run]:
    """Runs both; they move the same."""
    runs = run(made.before, inputs), run(made.after, inputs)
    assert moved(runs[0]) == moved(runs[1])
    return runs


def written(write: Write) -> str:
    """The text of a program."""
    writer = Writer()
    results = write(writer)
    return writer.text(*(results if isinstance(results, tuple) else (results,)))


def check(write: Write, *shapes: tuple[int, ...]) -> Split:
    """A program of integers means the same to the bit, and moves the same."""
    text = written(write)
    made = split(text)
    rng = np.random.default_rng(0)
    inputs = tuple(rng.integers(-8, 8, shape).astype(np.float32) for shape in shapes)
    before, after = check_moved(made, inputs)
    same(before, after)
    return made


def same(before: Run, after: Run) -> None:
    """The same results, to the bit."""
    for old, new in zip(before.results, after.results, strict=True):
        np.testing.assert_array_equal(old, new)


def relu(w: Writer, x: Value) -> Value:
    """What is positive of it."""
    return w.pointwise(lambda b, v: b("maximumf", v, b.number(0.0)), x)


# -- what is split -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["groupnorm_silu", "involution", "shuffle_nchw", "gpt2_decode_attention"])
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_workload(name: str, dtype: str) -> None:
    """Nothing stands between the kernels of these any more; they compute what they did."""
    workload = find(name, dtype)
    made, inputs = split(workload.text("small")), workload.inputs("small")
    before, after = check_moved(made, inputs)
    assert made.between == 0
    for old, new in zip(before.results, after.results, strict=True):
        np.testing.assert_allclose(new.astype(np.float64), old.astype(np.float64), rtol=2e-2, atol=1e-2)


def test_heads_are_split_off_where_they_are_made() -> None:
    """A product whose columns are heads runs over the heads; so does the bias that is added."""

    def write(w: Writer) -> Value:
        x, weight, bias = w.argument((2, 6, 5), "f32"), w.argument((2, 5, 12), "f32"), w.argument((12,), "f32")
        hidden = w.binary("addf", w.matmul(x, weight), bias)
        heads = w.transposed(w.expanded(hidden, [[2], [6], [3, 4]]), [0, 2, 1, 3])
        return w.binary("addf", heads, w.largest(heads, 3))

    made = check(write, (2, 6, 5), (2, 5, 12), (12,))
    assert made.between == 0
    assert "tensor<2x6x3x4xf32, #gir.at<reg>>" in str(made.after)
    assert "gir.reshape" not in str(made.after)


def attention(w: Writer, batch: int, rows: int, heads: int, width: int) -> Value:
    """A layer's attention from its hidden state and back: heads are split off, turned, and joined again."""
    x = w.argument((batch, rows, heads * width), "f32")

    def linear(value: Value) -> Value:
        weight = w.argument((batch, heads * width, heads * width), "f32")
        return w.binary("addf", w.matmul(value, weight), w.argument((heads * width,), "f32"))

    def split_off() -> Value:
        apart = w.expanded(linear(x), [[batch], [rows], [heads, width]])
        return w.collapsed(w.transposed(apart, [0, 2, 1, 3]), [[0, 1], [2], [3]])

    query, key, value = split_off(), split_off(), split_off()
    scores = w.matmul(query, w.transposed(key, [0, 2, 1]))
    weights = w.pointwise(lambda b, a: b("math.exp", a), w.binary("subf", scores, w.largest(scores, 2)))
    weights = w.binary("divf", weights, w.total(weights, [2]))
    apart = w.expanded(w.matmul(weights, value), [[batch, heads], [rows], [width]])
    return w.binary("addf", linear(w.collapsed(w.transposed(apart, [0, 2, 1, 3]), [[0], [1], [2, 3]])), x)


def test_attention_from_its_hidden_state() -> None:
    """All reshapes between its kernels go, and what only turned heads is one with a product."""
    writer = Writer()
    text = writer.text(attention(writer, 2, 5, 3, 4))
    made = split(text)
    rng = np.random.default_rng(0)
    inputs = tuple(rng.standard_normal(a.value.shape).astype(np.float32) for a in writer.arguments)
    before, after = check_moved(made, inputs)
    np.testing.assert_allclose(before.results[0], after.results[0], atol=1e-5)
    phases = [compile_phases(text, (IMPORT, RAISE, phase), "cpu").module("simplify") for phase in (WITHOUT, SIMPLIFY)]
    assert [sum(map(stands_between, kernels_of(module))) for module in phases] == [8, 0]
    assert len(kernels_of(phases[1])) <= len(kernels_of(phases[0])) - 4
    np.testing.assert_allclose(before.results[0], run(phases[1], inputs).results[0], atol=1e-5)


def test_views_that_cross() -> None:
    """[6, 4] seen as [8, 3]: rows begin in the midst of each other's, so the reshape stays."""
    made = check(
        lambda w: relu(w, w.expanded(w.collapsed(relu(w, w.argument((6, 4), "f32")), [[0, 1]]), [[8, 3]])), (6, 4)
    )
    assert made.between == 1
    assert str(made.before) == str(made.after)


def test_through_the_common_parts_of_two_views() -> None:
    """[4, 6, 5] seen as [2, 60]: both run over [2, 2, 6, 5]."""

    def write(w: Writer) -> Value:
        x = relu(w, w.argument((4, 6, 5), "f32"))
        flat = w.expanded(w.collapsed(x, [[0, 1, 2]]), [[2, 60]])
        return w.total(flat, [1])

    made = check(write, (4, 6, 5))
    assert made.between == 0
    assert "dims [1, 2, 3] kinds" in str(made.after)


def test_a_reader_of_the_old_shape_is_split_too() -> None:
    """A result that is read in two shapes has the parts of both, everywhere."""

    def write(w: Writer) -> tuple[Value, Value, Value]:
        x = relu(w, w.argument((24,), "f32"))
        rows = w.total(w.expanded(x, [[4, 6]]), [1], keep=False)
        return rows, w.binary("addf", x, w.argument((24,), "f32")), x

    made = check(write, (24,), (24,))
    assert made.between == 0
    assert all("24xf32, #gir" not in str(kernel) for kernel in kernels_of(made.after))


def test_an_index_is_computed_of_its_parts() -> None:
    """What counts along a dimension counts on over its parts: each element plus its own place."""

    def write(w: Writer) -> Value:
        x = w.argument((2, 24), "f32")
        y = w.mapped(lambda b, v: b("addf", v, number_of(b, 1)), (2, 24), [(x, "d0, d1")], "f32")
        return w.total(w.expanded(y, [[2], [2, 3, 4]]), [2])

    made = check(write, (2, 24))
    assert made.between == 0
    assert str(made.after).count("= gir.iota") == 3


def beside(kind: str, w: Writer, x: Value) -> Value:
    """A 12x12 value by an op that needs its second dimension whole."""
    match kind:
        case "scan":
            return running_sum(w, x)
        case "pad":
            return w.padded(x, [0, 12], [0, 12], 1.0)
        case "concat":
            return w.concatenated(1, x, x)
        case _:
            return w.sliced(x, [0, 2], [12, 8])


@pytest.mark.parametrize("kind", ["scan", "pad", "concat", "slice"])
@pytest.mark.parametrize("dim", [0, 1])
def test_what_is_needed_whole_stays(kind: str, dim: int) -> None:
    """Where an op needs a dimension as it is, the reshape stays; along the other it goes."""

    def write(w: Writer) -> Value:
        y = beside(kind, w, relu(w, w.argument((12, 12), "f32")))
        rows, columns = y.shape
        z = w.expanded(y, [[12], [4, columns // 4]] if dim else [[4, rows // 4], [columns]])
        return w.total(relu(w, z), [1])

    assert check(write, (12, 12)).between == dim


def test_a_table_is_looked_up_as_it_is() -> None:
    """Computed indices count the dimensions that a table had; what is found there is split."""

    def write(w: Writer) -> tuple[Value, Value]:
        table = relu(w, w.argument((24,), "f32"))
        rows = w.total(w.expanded(table, [[4, 6]]), [1])
        found = w.mapped(lambda b: b.extract(table, b.index(0)), (24,), [], "f32")
        return rows, w.total(w.expanded(found, [[4, 6]]), [1])

    made = check(write, (24,))
    assert made.between == 1
    assert "-> tensor<4x6xf32, #gir.at<reg>>" in str(made.after)


@pytest.mark.parametrize("rows", [5, 1, 0, 70])
def test_a_dynamic_size_is_split(rows: int) -> None:
    """Of ?x8 that is counted on as ?, by a kernel that knows each place, the outer part is the dynamic one."""
    made = split(DYNAMIC)
    assert made.between == 0
    x = np.random.default_rng(rows).integers(-8, 8, (rows, 8)).astype(np.float32)
    before, after = check_moved(made, (x,))
    same(before, after)
    placed = (2 * x).reshape(-1) + np.arange(rows * 8, dtype=np.float32)
    np.testing.assert_array_equal(after.results[1], placed)
    np.testing.assert_array_equal(after.results[0], placed.reshape(rows, 8).sum(1))
    simplified = compile_phases(DYNAMIC, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    assert len(kernels_of(simplified)) == 1  # what one states is what the other is asked for: `gir-resolve-dims`
    same(before, run(simplified, (x,)))


def test_what_becomes_the_same_moves_what_it_moved() -> None:
    """Fills of 12 and of 2x3x2 are both of 2x3x2: that one of them can go then is no matter of this pass."""

    def write(w: Writer) -> tuple[Value, Value]:
        y = relu(w, w.argument((2, 3, 2, 4), "f32"))
        return w.total(y, [3]), w.total(w.collapsed(y, [[0, 1, 2], [3]]), [1])

    made = check(write, (2, 3, 2, 4))
    assert made.between == 0
    fills = [str(op.results[0].type) for op in kernels_of(made.after) if not op.operands]
    assert fills == ["tensor<2x3x2xf32>"] * 2


def test_arguments_alone_are_no_reason() -> None:
    """A reshape of what the function takes or gives is free: nothing changes."""
    made = check(lambda w: w.collapsed(relu(w, w.expanded(w.argument((24,), "f32"), [[4, 6]])), [[0, 1]]), (24,))
    assert str(made.before) == str(made.after)


def test_it_changes_nothing_a_second_time() -> None:
    """The pass leaves nothing to itself."""
    executable = compile_phases(find("groupnorm_silu").text("small"), (IMPORT, RAISE, BEFORE, AFTER, AFTER), "cpu")
    once = split(find("groupnorm_silu").text("small")).after
    assert str(once) == str(executable.module("after"))


# -- at random ---------------------------------------------------------------------------------


@pytest.mark.timeout(3600 if FULL else 240)
@seed(SEED)
@settings(max_examples=1000 if FULL else 40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(program=viewed_programs())
def test_viewed_program(program: Viewed) -> None:
    """Split or not, a program computes the same and moves the same; simplified, it moves no more than without."""
    note(f"PF_TEST_SEED={SEED}\n{program.text}")
    made = split(program.text)
    before, after = check_moved(made, program.inputs)
    same(before, after)
    phases = [compile_phases(program.text, (IMPORT, RAISE, p), "cpu").module("simplify") for p in (WITHOUT, SIMPLIFY)]
    without, simplified = (run(module, program.inputs) for module in phases)
    same(before, simplified)
    assert len(kernels_of(phases[1])) <= len(kernels_of(phases[0]))
    # What stores write counts at DRAM; registers are read once for a store in two places, or for two stores twice.
    keys = [key for key in moved(simplified) if key != ("registers", "read")]
    assert all(moved(simplified)[key] <= moved(without)[key] for key in keys)
