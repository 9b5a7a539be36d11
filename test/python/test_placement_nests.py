"""Nests that are tried are nests: no step is longer than its part of a unit, of a group, or than its size."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from programs.check import parameters
from programs.program import Program

from powerfusion.dialects.gir import ALL
from powerfusion.executable import compile_for
from powerfusion.machines.table import find
from powerfusion.passes.placement.nests import Wanted, nests_of
from powerfusion.passes.placement.sliding import sliding_nests

MACHINES = ("c", "cpu", "sm_90", "gfx942", "mlu372")
SIZES = st.one_of(st.integers(1, 70), st.sampled_from((1009, 4096, 1 << 20)), st.none())


@st.composite
def wants(draw: st.DrawFn) -> Wanted:
    """Any numbers of rows and swept dimensions, small, large and open, with any of them contiguous or haloed."""
    rows = list(range(draw(st.integers(0, 3))))
    swept = list(range(len(rows), draw(st.integers(len(rows) + (not rows), len(rows) + 2))))
    sizes = {cls: draw(SIZES) for cls in (*rows, *swept)}
    some = st.lists(st.sampled_from((*rows, *swept)), unique=True, max_size=2)
    measured = [None, *(cls for cls in swept if sizes[cls] is not None)]
    return Wanted(
        rows,
        swept,
        sizes,
        draw(some),
        draw(st.sampled_from((1, 2, 4, 8))),
        draw(st.sampled_from((1, 3, 64))),
        {cls: draw(st.integers(0, 2)) for cls in (*rows, *swept)},
        reuses=draw(st.booleans()),
        split=draw(st.sampled_from(measured)),
        haloed={cls: draw(st.integers(1, 6)) for cls in draw(some)},
        moved_bytes=draw(st.sampled_from((1, 1 << 20, 1 << 28))),
        piece=draw(st.sampled_from((1, 2, 4, 8, 16))),
        factors=draw(st.sampled_from((0, 3, 25))),
    )


@settings(max_examples=400, deadline=None, database=None, derandomize=True)
@given(wanted=wants(), machine=st.sampled_from(MACHINES))
@example(wanted=Wanted([], [0, 1], {0: 1, 1: 2}, [1], 1, 1, {}, piece=4), machine="c")
@example(wanted=Wanted([0, 1], [], {0: 10, 1: 32}, [0], 4, 1, {}, haloed={0: 2, 1: 2}), machine="c")
def test_parts_hold_steps(wanted: Wanted, machine: str) -> None:
    """Whatever dimensions a kernel has, on any machine."""
    for nests in (nests_of(find(machine), wanted), sliding_nests(find(machine), wanted)):
        for nest in (nest for found in nests for nest in found):
            for dim in nest:
                most = ALL if dim.size is None else dim.size
                assert 1 <= dim.per_step <= dim.per_unit <= dim.per_group <= most, f"{dim} of {nest}"


@pytest.mark.parametrize("program", [each for each in parameters("reductions") if each.id == "sum_of_sums"])
def test_short_rows_are_no_whole_pieces(program: Program) -> None:
    """Seven elements side by side, of which a vector holds eight."""
    for machine in MACHINES:
        compile_for(program.text, machine, until="place")
