"""Placed kernels under nests drawn at random: the same results, and bytes that follow from the nest alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from gir_examples import find
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powerfusion.core._mlir import walk_numbered
from powerfusion.core.context import make_context
from powerfusion.errors import Race
from powerfusion.mlir import ir
from powerfusion.reference import Run, interpret
from powerfusion.reference.nest import read_nest

SETTINGS = settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Dim:
    """Size, per group, per unit, per step."""

    size: int
    group: int
    unit: int
    step: int

    def __str__(self) -> str:
        return f"{self.size} : {self.group} : {self.unit} : {self.step}"

    @property
    def units(self) -> int:
        """Units that have any of it, over all groups."""
        return sum(math.ceil(min(self.group, self.size - g) / self.unit) for g in range(0, self.size, self.group))

    @property
    def steps(self) -> int:
        """Steps of all units that have any of it."""
        starts = [(g, u) for g in range(0, self.size, self.group) for u in range(0, self.group, self.unit)]
        ends = [(g + u, min(g + u + self.unit, g + self.group, self.size)) for g, u in starts]
        return sum(math.ceil(max(end - start, 0) / self.step) for start, end in ends)


@st.composite
def dims(draw: st.DrawFn, size: int, *, whole: bool = False) -> Dim:
    """A dimension dealt out somehow; `whole`: to one unit, in steps."""
    group = size if whole else draw(st.integers(1, size))
    unit = group if whole else draw(st.integers(max(group // 3, 1), group))
    return Dim(size, group, unit, draw(st.integers(max(unit // 5, 1), unit)))


def run(name: str, nest: str, old: str) -> Run:
    """An example with another nest."""
    example = find(name)
    assert old in example.text
    made = interpret(ir.Module.parse(example.text.replace(old, nest), make_context()), example.inputs)
    example.check(made.results, made.arguments)
    return made


def read_bytes(made: Run, name: str) -> list[int]:
    """What each move brought from dram, in the order of the text."""
    module = ir.Module.parse(find(name).text, make_context())
    moves = [n for n, op in walk_numbered(module.operation) if op.name == "gir.move"]
    return [made.counts[n, "dram", "read"].useful for n in moves if (n, "dram", "read") in made.counts]


@SETTINGS
@given(r=dims(10), c=dims(50, whole=True))
def test_kept_softmax(r: Dim, c: Dim) -> None:
    """However rows are dealt out and columns stepped through, each element comes once and goes once."""
    made = run("softmax_kept", f"r = {r}, c = {c}", "r = 10 : 4 : 2 : 1, c = 50 : 50 : 50 : 16")
    assert read_bytes(made, "softmax_kept") == [2000]


@SETTINGS
@given(c=dims(64, whole=True), units=st.sampled_from([1, 2, 4]))
def test_units_share_a_sweep(c: Dim, units: int) -> None:
    """Units that each sweep a part of the row combine what they have."""
    part = 64 // units
    nest = f"r = 9 : 3 : 2 : 1, c = 64 : 64 : {part} : {min(c.step, part)}"
    made = run("residual_layernorm_placed", nest, "r = 9 : 4 : 2 : 1, c = 64 : 64 : 64 : 16")
    x, r, w = read_bytes(made, "residual_layernorm_placed")
    assert (x, r) == (9 * 64 * 4, 9 * 64 * 4)
    # The weights come with each row where columns have several steps, else once per unit.
    rows = 9 if part > min(c.step, part) else 3 * 2
    assert w == rows * 64 * 4


@SETTINGS
@given(n=dims(2), k=dims(3), h=dims(10), w=dims(12))
def test_depthwise(n: Dim, k: Dim, h: Dim, w: Dim) -> None:
    """Halos come with every step that needs them; weights once per step of their channel's loop, or outside of it."""
    old = "n = 2 : 1 : 1 : 1, k = 3 : 1 : 1 : 1, h = 10 : 5 : 3 : 1, w = 12 : 12 : 12 : 12"
    made = run("depthwise_placed", f"n = {n}, k = {k}, h = {h}, w = {w}", old)
    _, weights = read_bytes(made, "depthwise_placed")
    several = math.ceil(k.unit / k.step) > 1
    times = (n.steps if several else n.units) * h.units * w.units
    assert weights == 3 * times * 9 * 4


@SETTINGS
@given(r=dims(40), c=dims(24))
def test_transpose(r: Dim, c: Dim) -> None:
    """Through sram: every element comes once if each step's block is used up by that step."""
    made = run("transpose_placed", f"r = {r}, c = {c}", "r = 40 : 16 : 16 : 16, c = 24 : 8 : 2 : 1")
    assert read_bytes(made, "transpose_placed") == [40 * 24 * 4]


@SETTINGS
@given(m=dims(20), n=dims(24), k=dims(30, whole=True))
def test_matmul(m: Dim, n: Dim, k: Dim) -> None:
    """Blocks of the one operand come to each unit, those of the other to each group's sram."""
    run("matmul_placed", f"m = {m}, n = {n}, k = {k}", "m = 20 : 8 : 4 : 4, n = 24 : 16 : 8 : 8, k = 30 : 30 : 30 : 8")


ROWS = np.random.default_rng(0).standard_normal((6, 50)).astype(np.float32)
WIDE, THIN = "tensor<6x50xf32", "tensor<6xf32"


def run_rows(body: str, nest: str, results: str) -> tuple[np.ndarray, ...]:
    """A placed kernel on six rows of fifty; %0 is the input at reg, %d what is returned."""
    count = results.count("tensor")
    placed = results.replace(">", ", #gir.at<dram>>")
    returned, given = ", ".join(f"%d{i}" for i in range(count)), ", ".join(f"%y#{i}" for i in range(count))
    text = f"""func.func @f(%x: {WIDE}>) -> ({results}) {{
      %y:{count} = gir.kernel "k" (%a = %x : {WIDE}>) nest <{nest}> -> ({results}) {{
        %zero = arith.constant dense<0.0> : {THIN}, #gir.at<reg>>
        %0 = gir.move %a over ["r", "c"] : {WIDE}, #gir.at<dram>> -> {WIDE}, #gir.at<reg>>
        {body}
        gir.return {returned} : {placed}
      }}
      return {given} : {results}
    }}"""
    return interpret(ir.Module.parse(text, make_context()), [ROWS]).results


@pytest.mark.parametrize("unit", [50, 25, 20])
def test_scan_from_the_end(unit: int) -> None:
    """A sweep that runs backwards, over units that hand the sum on."""
    got, total = run_rows(
        f"""%s, %t = gir.scan %0 into %zero dim 1 exclusive reverse kinds [#vector.kind<add>]
          : {WIDE}, #gir.at<reg>> into {THIN}, #gir.at<reg>>
        %d0 = gir.move %s over ["r", "c"] : {WIDE}, #gir.at<reg>> -> {WIDE}, #gir.at<dram>>
        %d1 = gir.move %t over ["r"] : {THIN}, #gir.at<reg>> -> {THIN}, #gir.at<dram>>""",
        f"[r = 6 : 2 : 1 : 1, c = 50 : 50 : {unit} : 16], sweep = [c]",
        f"{WIDE}>, {THIN}>",
    )
    sums = np.cumsum(ROWS[:, ::-1], 1)[:, ::-1]
    np.testing.assert_allclose(got, sums - ROWS, atol=1e-5)
    np.testing.assert_allclose(total, sums[:, 0], atol=1e-5)


@pytest.mark.parametrize("unit", [50, 13])
def test_ordered_combiner_visits_steps_and_units_in_order(unit: int) -> None:
    """Horner's scheme, which no other order gives."""
    (got,) = run_rows(
        f"""%t = gir.reduce %0 into %zero dims [1] combiner {{
        ^bb0(%e: f32, %acc: f32):
          %half = arith.constant 0.5 : f32
          %m = arith.mulf %acc, %half : f32
          %n = arith.addf %m, %e : f32
          gir.yield %n : f32
        }} : {WIDE}, #gir.at<reg>> into {THIN}, #gir.at<reg>>
        %d0 = gir.move %t over ["r"] : {THIN}, #gir.at<reg>> -> {THIN}, #gir.at<dram>>""",
        f"[r = 6 : 4 : 2 : 2, c = 50 : 50 : {unit} : {min(unit, 8)}], sweep = [c]",
        f"{THIN}>",
    )
    want = np.zeros(6)
    for column in ROWS.T:
        want = want * 0.5 + column
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_two_spaces_at_sram_and_two_places_in_one_result() -> None:
    """From one space to the next for the whole group; both stores go to their part of the result."""
    far = '#gir.at<sram, space = "far">>'
    (got,) = run_rows(
        f"""%f = gir.move %a over ["r", "c"] : {WIDE}, #gir.at<dram>> -> {WIDE}, {far}
        %n = gir.move %f over ["r", "c"] : {WIDE}, {far} -> {WIDE}, #gir.at<sram>>
        %1 = gir.move %n : {WIDE}, #gir.at<sram>> -> {WIDE}, #gir.at<reg>>
        %2 = arith.negf %1 : {WIDE}, #gir.at<reg>>
        %p = gir.move %1 over ["r", "c"] : {WIDE}, #gir.at<reg>> -> {WIDE}, #gir.at<dram>>
        %q = gir.move %2 over ["r", "c"] : {WIDE}, #gir.at<reg>> -> {WIDE}, #gir.at<dram>>
        %d0 = gir.concat %p, %q dim 0 : ({WIDE}, #gir.at<dram>>, {WIDE}, #gir.at<dram>>)
          -> tensor<12x50xf32, #gir.at<dram>>""",
        "[r = 6 : 4 : 2 : 1, c = 50 : 50 : 20 : 8]",
        "tensor<12x50xf32>",
    )
    np.testing.assert_array_equal(got, np.concatenate([ROWS, -ROWS]))


@pytest.mark.parametrize("nest", ["40 : 16 : 8 : 3", "40 : 40 : 40 : 40"])
def test_scatter_in_a_nest(nest: str) -> None:
    """Every element is scattered once, whichever step has it."""
    example = find("histogram")
    text = example.text.replace(") -> (tensor<10xi32>) {", f") nest <[i = {nest}]> -> (tensor<10xi32>) {{")
    text = text.replace("gir.move %a :", 'gir.move %a over ["i"] :')
    made = interpret(ir.Module.parse(text, make_context()), example.inputs)
    example.check(made.results, made.arguments)
    written = [counted.useful for (_, space, way), counted in made.counts.items() if (space, way) == ("dram", "write")]
    assert written == [160]


def test_groups_that_store_one_value_all_are_in_each_others_way() -> None:
    """What doesn't run over a dimension that is dealt out to groups can't be stored by each of them."""
    with pytest.raises(Race, match="groups"):
        run_rows(
            f"""%1 = gir.slice %a [0, 0] [1, 50] [1, 1] drop [0]
          : {WIDE}, #gir.at<dram>> -> tensor<50xf32, #gir.at<dram>>
        %2 = gir.move %1 over ["c"] : tensor<50xf32, #gir.at<dram>> -> tensor<50xf32, #gir.at<reg>>
        %d0 = gir.move %2 over ["c"] : tensor<50xf32, #gir.at<reg>> -> tensor<50xf32, #gir.at<dram>>""",
            "[r = 6 : 2 : 2 : 1, c = 50 : 50 : 50 : 8]",
            "tensor<50xf32>",
        )


def test_nest_is_read_as_it_is_printed() -> None:
    """Sizes, parts, bounds and what is swept."""
    nest = read_nest("#gir.nest<[r = 4096 : 64 : 32 : 1, c = ? : 1024 : 1024 : 64 upto 65536], sweep = [c]>")
    rows, columns = nest.dims
    assert (rows.name, rows.size, rows.per_group, rows.per_unit, rows.per_step) == ("r", 4096, 64, 32, 1)
    assert (rows.groups, rows.units, rows.steps, rows.swept) == (64, 2, 32, False)
    assert (columns.size, columns.swept) == (None, True)


def test_window_at_an_edge_is_clipped() -> None:
    """Seven rows over groups of four, units of two: the last unit of the last group has one."""
    (rows,) = read_nest("<[r = 7 : 4 : 2 : 2]>").dims
    parts = [rows.of_unit(g, u) for g in range(rows.groups) for u in range(rows.units)]
    assert parts == [(0, 2), (2, 4), (4, 6), (6, 7)]
    assert np.unique([i for low, high in parts for i in range(low, high)]).size == 7
