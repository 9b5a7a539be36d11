"""Placed kernels under nests drawn at random: the same results, and bytes that follow from the nest alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from gir_examples import find
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powerfusion.core._mlir import walk_numbered
from powerfusion.core.context import make_context
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
