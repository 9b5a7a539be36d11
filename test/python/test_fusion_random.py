"""Random programs made to stress merging: 40 a day in the short form, many under PF_TEST_FULL=1.

Few sizes, so that operators share spaces and squares are common; values with several readers,
normalisations (reduce, then spread the result back over what was reduced, with and without a unit
dimension), assertions, gathers, flags, and what stands between operators: slices, pads, reshapes.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st
from programs import randomised as r
from programs.check import FULL, check_call
from programs.program import Program
from programs.upstream import result_dtypes

import powerfusion as pf
from powerfusion.errors import AssertionFailedError
from powerfusion.executable import Executable, compile_phases
from powerfusion.passes.analysis.ledger import kernel_reports
from powerfusion.pipelines import CPU, SIMPLIFY
from powerfusion.symbolic import total

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
POOL = (3, 8, 17, 32, 33, 1, 0)
LEVELS = ("dram", "sram", "reg")


NUMBERS = (*r.FLOATS, *r.INTS)


@dataclass
class Builder(r.Builder):
    """A builder whose steps take numbers; flags only where they say so."""

    kinds: Sequence[str] = NUMBERS

    def value(self, kinds: Sequence[str] | None = None) -> r.Value | None:
        """A value that exists, the latest preferred."""
        return super().value(kinds or self.kinds)


def generic(
    b: r.Builder, ins: Sequence[tuple[r.Value, Sequence[int | None]]], loops: Sequence[r.Size], kind: str, body: str
) -> str:
    """An elementwise `linalg.generic` over some loops; `body` computes %r from %a0, %a1, ..."""
    rank = len(loops)
    maps = [r._affine(rank, indexing) for _, indexing in ins] + [r._affine(rank, range(rank))]
    empty, name, result = b.empty(loops, kind), b.fresh(), r.tensor_type(loops, kind)
    kinds = ", ".join(['"parallel"'] * rank)
    operands = f"ins({', '.join(v.name for v, _ in ins)} : {', '.join(v.type for v, _ in ins)}) " if ins else ""
    b.emit(
        f"{name} = linalg.generic {{indexing_maps = [{', '.join(maps)}], iterator_types = [{kinds}]}} {operands}outs({empty} : {result}) {{"
    )
    arguments = [*(f"%a{i}: {v.kind}" for i, (v, _) in enumerate(ins)), f"%o: {kind}"]
    b.lines += [
        f"  ^bb0({', '.join(arguments)}):",
        *body.splitlines(),
        f"    linalg.yield %r : {kind}",
        f"  }} -> {result}",
    ]
    return name


def normalise(b: r.Builder) -> None:
    """A reduction of a value, kept as unit dimensions or not, and the value less the result."""
    value = b.value(r.FLOATS)
    if value is None or not value.sizes or not value.array.size:
        return
    rank, kind = len(value.sizes), value.kind
    reduced = sorted(b.draw(st.sets(st.integers(0, rank - 1), min_size=1, max_size=rank)))
    keep = b.chance(2)
    out = [None if i in reduced else i for i in range(rank)] if keep else [i for i in range(rank) if i not in reduced]
    sizes = [r.Size(1) if i is None else value.sizes[i] for i in out]
    init, name, result = b.filled(sizes, kind, "-30.0"), b.fresh(), r.tensor_type(sizes, kind)
    kinds = ", ".join('"reduction"' if i in reduced else '"parallel"' for i in range(rank))
    b.emit(
        f"{name} = linalg.generic {{indexing_maps = [{r._affine(rank, range(rank))}, {r._affine(rank, out)}], iterator_types = [{kinds}]}} ins({value.name} : {value.type}) outs({init} : {result}) {{"
    )
    b.lines += [
        f"  ^bb0(%a: {kind}, %u: {kind}):",
        f"    %b = arith.maximumf %a, %u : {kind}",
        f"    linalg.yield %b : {kind}",
        f"  }} -> {result}",
    ]
    axes = tuple(reduced)
    array = np.maximum(value.array.max(axes, keepdims=keep), -30.0)
    top = b.add(name, sizes, kind, np.asarray(array), np.max(value.error, axes, keepdims=keep))
    if b.chance(4):
        return
    wide = [np.asarray(a) if keep else np.expand_dims(a, axes) for a in (top.array, top.error)]
    name = generic(b, [(value, range(rank)), (top, out)], value.sizes, kind, f"    %r = arith.subf %a0, %a1 : {kind}")
    array = value.array - wide[0]
    error = value.error + wide[1] + r.UNIT[kind] * np.abs(array) + r.TINY[kind]
    if np.abs(array).max() <= 1e3:
        b.add(name, value.sizes, kind, array, error)


def swap(b: r.Builder) -> None:
    """A value plus its own transpose, where it is square, read by permuted maps."""
    squares = [v for v in b.values if len(v.sizes) == 2 and v.sizes[0] == v.sizes[1] and v.kind in r.FLOATS]
    if not squares:
        return r.transpose(b)
    value = b.pick(squares)
    kind = value.kind
    body = f"    %r = arith.maximumf %a0, %a1 : {kind}"
    name = generic(b, [(value, [0, 1]), (value, [1, 0])], value.sizes, kind, body)
    array, error = np.maximum(value.array, value.array.T), np.maximum(value.error, value.error.T)
    b.add(name, value.sizes, kind, array, error)


def checked(b: r.Builder) -> None:
    """A copy that asserts something true of each element."""
    value = b.value(r.INTS)
    if value is None:
        return
    kind = value.kind
    body = f"""    %one = arith.constant 1 : {kind}
    %zero = arith.constant 0 : {kind}
    %odd = arith.ori %a0, %one : {kind}
    %c = arith.cmpi ne, %odd, %zero : {kind}
    cf.assert %c, "zero"
    %r = arith.xori %a0, %one : {kind}"""
    name = generic(b, [(value, range(len(value.sizes)))], value.sizes, kind, body)
    b.add(name, value.sizes, kind, value.array ^ 1, 0.0)


def flags(b: r.Builder) -> None:
    """A comparison of integers as flags, used to choose between a value and a number."""
    value = b.value(("i32", "i64"))
    if value is None:
        return
    every, kind = range(len(value.sizes)), value.kind
    body = f"    %z = arith.constant 3 : {kind}\n    %r = arith.cmpi slt, %a0, %z : {kind}"
    name = generic(b, [(value, every)], value.sizes, "i1", body)
    chosen = b.add(name, value.sizes, "i1", value.array < 3, 0.0)
    body = f"    %z = arith.constant 5 : {kind}\n    %r = arith.select %a1, %a0, %z : {kind}"
    name = generic(b, [(value, every), (chosen, every)], value.sizes, kind, body)
    b.add(name, value.sizes, kind, np.where(value.array < 3, value.array, value.array.dtype.type(5)), 0.0)


def gather(b: r.Builder) -> None:
    """Rows of a table at computed places."""
    table = b.value()
    if table is None or not table.sizes or table.sizes[0].value == 0 or table.sizes[0].ssa:
        return
    count = b.pick(b.pool)
    loops = [r.Size(count), *table.sizes[1:]]
    others = "".join(f", %i{d}" for d in range(1, len(loops)))
    index = "\n".join(f"    %i{d} = linalg.index {d} : index" for d in range(len(loops)))
    body = f"""{index}
    %seven = arith.constant 7 : index
    %n = arith.constant {table.sizes[0].value} : index
    %m = arith.muli %i0, %seven : index
    %p = arith.remui %m, %n : index
    %r = tensor.extract {table.name}[%p{others}] : {table.type}"""
    name = generic(b, [], loops, table.kind, body)
    rows = np.arange(count) * 7 % table.sizes[0].value
    b.add(name, loops, table.kind, table.array[rows], table.error[rows])


def move_flags(b: Builder) -> None:
    """Flags transposed, cut or put side by side."""
    b.kinds = ("i1",)
    b.pick([r.transpose, r.extract, r.concat, r.collapse])(b)
    b.kinds = NUMBERS


def fill(b: r.Builder) -> None:
    """A fill of the sizes of another value."""
    value = b.value(r.FLOATS)
    if value is not None:
        array = np.full([s.value for s in value.sizes], 1.5)
        b.add(b.filled(value.sizes, value.kind, "1.5"), value.sizes, value.kind, array, 0.0)


STEPS = (
    *[r.elementwise] * 8,
    *[normalise] * 3,
    *[r.reduction] * 3,
    *[
        swap,
        checked,
        flags,
        move_flags,
        gather,
        fill,
        r.transpose,
        r.extract,
        r.insert,
        r.pad,
        r.concat,
        r.collapse,
        r.expand,
    ],
)


@dataclass(frozen=True)
class Drawn:
    """A program, and whether each float result must be the same bit by bit however it is compiled."""

    program: Program
    exact: bool


@st.composite
def merging_programs(draw: r.Draw) -> Drawn:
    """A random program over one or two sizes with up to 24 operators."""
    b = Builder(draw, draw(st.lists(st.sampled_from(POOL), min_size=1, max_size=2)))
    for _ in range(draw(st.integers(1, 2))):
        r.argument(b)
    for _ in range(draw(st.integers(5, 24))):
        b.pick(STEPS)(b)
    results = [b.values[-1], *(b.pick(b.values) for _ in range(draw(st.integers(0, 4))))]
    head = ", ".join(f"{a.name}: {a.type}" for a in b.arguments)
    types = ", ".join(v.type for v in results)
    names = ", ".join(v.name for v in results)
    body = "\n".join(b.lines)
    text = f"func.func @main({head}) -> ({types}) {{\n{body}\n  return {names} : {types}\n}}\n"
    expected = tuple(r._expected(v) for v in results)
    program = Program("merging", text, tuple(b.inputs), lambda *_: expected if len(expected) > 1 else expected[0])
    return Drawn(program, exact="%b = arith.addf" not in text)


def naive(text: str) -> Executable:
    """A program compiled operator by operator."""
    return compile_phases(text, [phase for phase in CPU if phase is not SIMPLIFY], "cpu")


def check_monotone(executable: Executable, program: Program) -> None:
    """No level's bytes rise, nor the launches; at least the least moves, of DRAM no more than naively."""
    shapes = dict(enumerate(a.shape for a in program.inputs))
    before, after = (kernel_reports(executable.module(phase), shapes) for phase in ("raise", "simplify"))
    assert len(after) <= len(before)
    for level in LEVELS:
        for side in ("reads", "writes"):
            sums = [total(getattr(kernel, side).get(level, 0) for kernel in kernels) for kernels in (before, after)]
            assert sums[1] <= sums[0], f"{side} of {level} rose from {sums[0]} to {sums[1]}"
    report, raised = executable.report(shapes), executable.report(shapes, phase="raise")
    assert report.least_dram_bytes <= report.dram_bytes
    # What a cache has may be asked for again; of gathers whole lines arrive, however many elements of each are needed.
    moved = [[found.at_dram(figure) for found in (raised, report)] for figure in ("useful", "arriving")]
    assert any(after <= before for before, after in moved), f"of dram {moved} bytes are asked for, and arrive"


@pytest.mark.timeout(3600 if FULL else 240)
@seed(SEED)
@settings(max_examples=1500 if FULL else 40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(drawn=merging_programs())
def test_merged_program(drawn: Drawn) -> None:
    """Merged or not, a program computes what NumPy computes, and merging only saves."""
    program = drawn.program
    note(f"PF_TEST_SEED={SEED}\n{program.text}")
    merged, apart = pf.compile(program.text), naive(program.text)
    dtypes = result_dtypes(program.text)
    check_monotone(merged, program)
    check_call(program, apart, program.inputs, dtypes, "operator by operator")
    check_call(program, merged, program.inputs, dtypes, "merged")
    if drawn.exact:
        both = [
            found if isinstance(found, tuple) else (found,)
            for found in (merged(*program.inputs), apart(*program.inputs))
        ]
        for i, (left, right) in enumerate(zip(*both, strict=True)):
            assert left.tobytes() == right.tobytes(), f"result {i} isn't the same bit by bit"


ASSERTS = """
#id = affine_map<(d0) -> (d0)>
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf oge, %a, %zero : f32
    cf.assert %c, "negative"
    linalg.yield %zero : f32
  } -> tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %0 : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %c = arith.addf %a, %b : f32
    linalg.yield %c : f32
  } -> tensor<4xf32>
  return %RESULT : tensor<4xf32>
}
"""


@pytest.mark.parametrize("result", ["x", "1"], ids=["whose result is unused", "whose result is a splat"])
def test_operators_assert_though_they_need_not_compute(result: str) -> None:
    """`gir-fold-splats` once erased the operator with its assertion."""
    executable = pf.compile(ASSERTS.replace("RESULT", result))
    ones = np.ones(4, np.float32)
    np.testing.assert_array_equal(executable(ones), ones)
    with pytest.raises(AssertionFailedError, match="negative"):
        executable(-ones)


DIFFERENCE = """
func.func @main(%x: tensor<?xi64>) -> tensor<i64> {
  %zero = arith.constant 0 : i64
  %e = tensor.empty() : tensor<i64>
  %0 = linalg.fill ins(%zero : i64) outs(%e : tensor<i64>) -> tensor<i64>
  %1 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>],
                       iterator_types = ["reduction"]} ins(%x : tensor<?xi64>) outs(%0 : tensor<i64>) {
  ^bb0(%a: i64, %u: i64):
    %b = arith.addi %a, %u : i64
    linalg.yield %b : i64
  } -> tensor<i64>
  %2 = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>],
                       iterator_types = []} ins(%1, %1 : tensor<i64>, tensor<i64>) outs(%e : tensor<i64>) {
  ^bb0(%a: i64, %b: i64, %o: i64):
    %c = arith.subi %a, %b : i64
    linalg.yield %c : i64
  } -> tensor<i64>
  return %2 : tensor<i64>
}
"""


@pytest.mark.parametrize("size", [0, 1, 100])
def test_what_merging_lets_fold_to_a_constant_needs_no_size(size: int) -> None:
    assert pf.compile(DIFFERENCE)(np.arange(size)) == 0
