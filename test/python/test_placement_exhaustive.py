"""Placing finds the least bytes that an exhaustive search finds which shares no code with it.

On random graphs of at most seven operators and machines with a few hundred bytes of sram and reg:
bound <= optimum <= placed, and optimum = placed, bytes of DRAM before launches, wherever the answer claims to be exact.
What "exact" is among says `exhaustive` (decision 0030).
"""

from __future__ import annotations

import dataclasses
import datetime
import os

import pytest
from exhaustive import Graph, Operator, Room, optimum, partitions
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st
from programs.check import FULL
from test_placement import machine_with

from powerfusion.core._mlir import functions, operations
from powerfusion.executable import compile_phases
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.least_bytes import least_dram_bytes
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.passes.placement.certify import certify
from powerfusion.passes.placement.check_certificate import check
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.place import place
from powerfusion.passes.placement.search import Answer
from powerfusion.pipelines import IMPORT, RAISE, Phase
from powerfusion.symbolic import total

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
BUDGET = 1 << 16
CLEAN = Phase("clean", "one kernel per operator", ("gir-fold-splats", "gir-drop-results", "canonicalize", "cse"))
UNARY = ("exp", "absf", "tanh", "sin", "cosh", "sqrt")
BINARY = ("add", "sub", "mul", "maximum", "minimum", "div")
FOLDS = ("addf", "maximumf", "minimumf", "mulf")


def machine_of(room: Room) -> Machine:
    """One core of one unit, without a cache in front of DRAM, of which it asks for elements and reads what it needs."""
    machine = machine_with(room.sram, cores=1)
    spaces = (
        dataclasses.replace(space, capacity_bytes=room.reg)
        if space.level == "reg"
        else dataclasses.replace(space, granule_bytes=1, write_allocate=False)
        for space in machine.spaces
    )
    return dataclasses.replace(machine, spaces=tuple(spaces))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs of two to seven operators, each of them another one."""
    sizes = {"r": draw(st.integers(2, 12)), "c": draw(st.integers(2, 12))}
    inputs = ("rc", *draw(st.lists(st.sampled_from(("rc", "r", "c")), max_size=2)))
    graph = Graph(sizes, inputs, (), frozenset())
    for _ in range(draw(st.integers(2, 7))):
        operator = _operator(draw, graph)
        if operator not in graph.operators:
            graph = dataclasses.replace(graph, operators=(*graph.operators, operator))
    returned = draw(st.sets(st.integers(0, len(graph.operators) - 1), max_size=1))
    return dataclasses.replace(graph, returned=frozenset(returned))


def _operator(draw: st.DrawFn, graph: Graph) -> Operator:
    """Most often one that uses what is newest."""
    values = range(len(graph.inputs) + len(graph.operators))
    recent = st.sampled_from(values[-3:])
    kind = draw(st.sampled_from(("each", "both", "both", "fold", "fold")))
    one = draw(recent)
    if kind == "fold" and graph.dims(one) == "rc":
        over = draw(st.sampled_from("rccc"))
        return Operator(draw(st.sampled_from(FOLDS)), (one,), "rc".replace(over, ""), over)
    other = draw(st.sampled_from(values))
    if kind == "each" or one == other:
        return Operator(draw(st.sampled_from(UNARY)), (one,), graph.dims(one))
    dims = "".join(letter for letter in "rc" if letter in graph.dims(one) + graph.dims(other))
    return Operator(draw(st.sampled_from(BINARY)), (one, other), dims)


rooms = st.builds(Room, st.sampled_from((0, 48, 96, 192, 384, 768)), st.sampled_from((16, 32, 64, 128, 256, 512)))


@dataclasses.dataclass(frozen=True)
class Placed:
    """What placing made of a graph."""

    before: ir.Module
    after: ir.Module
    answer: Answer

    def kernels(self, module: ir.Module) -> int:
        """How many kernels there are."""
        (function,) = functions(module.operation)
        return sum(op.name == "gir.kernel" for op in operations(function.regions[0].blocks[0]))

    def dram_bytes(self, machine: Machine) -> object:
        """What the placed program moves, by its ledger."""
        entries = ledger_of(self.after, machine, {}).entries
        return total(entry.useful for entry in entries if entry.level == "dram")


def placed(graph: Graph, machine: Machine) -> Placed:
    """One kernel per operator, placed."""
    executable = compile_phases(graph.text(), (IMPORT, RAISE, CLEAN), "cpu")
    before, after = executable.module("clean"), executable.module("clean")
    with after.context:
        (function,) = functions(after.operation)
        answer = place(function.regions[0].blocks[0], machine, BUDGET, "bytes")
        assert after.operation.verify()
    return Placed(before, after, answer)


def compare(graph: Graph, room: Room) -> None:
    """Bound, optimum and what placing found."""
    machine = machine_of(room)
    found = placed(graph, machine)
    assert found.kernels(found.before) == len(graph.operators)
    cost = found.answer.cost
    bound = least_dram_bytes(found.before, {}, room.sram + room.reg)
    assert isinstance(bound, int)
    best = optimum(graph, room)
    message = f"{graph}\n{room}\nbound {bound}, optimum {best}, placed {cost}\n{found.after}"
    assert (found.dram_bytes(machine), found.kernels(found.after)) == (cost.arriving, cost.launches), message
    assert bound <= best[0], message
    assert best <= (cost.arriving, cost.launches), message
    if found.answer.exact:
        assert best == (cost.arriving, cost.launches), message
        certificate = certify(found.answer, Objective("bytes", machine))
        assert certificate is not None
        check(certificate, found.answer.program, Objective("bytes", machine))


@pytest.mark.timeout(3600 if FULL else 240)
@seed(SEED)
@settings(max_examples=200 if FULL else 20, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(graph=graphs(), room=rooms)
def test_exact_is_the_optimum(graph: Graph, room: Room) -> None:
    """Whatever was drawn: nothing that could be tried moves less."""
    note(f"PF_TEST_SEED={SEED}")
    compare(graph, room)


def test_all_partitions_are_tried() -> None:
    """As many as Bell's numbers say."""
    assert [sum(1 for _ in partitions(range(count))) for count in range(1, 8)] == [1, 2, 5, 15, 52, 203, 877]


def softmax() -> Graph:
    """Four rows of twelve: 192 B."""
    operators = (
        Operator("maximumf", (0,), "r", "c"),
        Operator("sub", (0, 1), "rc"),
        Operator("exp", (2,), "rc"),
        Operator("addf", (3,), "r", "c"),
        Operator("div", (3, 4), "rc"),
    )
    return Graph({"r": 4, "c": 12}, ("rc",), operators, frozenset())


@pytest.mark.parametrize(
    ("room", "loads"),
    [
        pytest.param(Room(768, 32), 1, id="rests at sram"),
        pytest.param(Room(48, 32), 1, id="one row rests at sram"),
        pytest.param(Room(0, 512), 1, id="a row is whole at reg"),
        pytest.param(Room(0, 32), 3, id="loaded in each pass"),
    ],
)
def test_softmax_is_as_worked_out_by_hand(room: Room, loads: int) -> None:
    """One kernel that stores once, and loads as often as nothing holds a row."""
    assert optimum(softmax(), room) == (192 * (loads + 1), 1)
    compare(softmax(), room)


def test_without_room_nothing_is_one() -> None:
    """Five kernels: 8 tensors of 192 B and 4 of 16 B are moved."""
    assert optimum(softmax(), Room(0, 0)) == (8 * 192 + 4 * 16, 5)
    compare(softmax(), Room(0, 0))


def test_what_kernels_hand_on_takes_room() -> None:
    """An input that three kernels of a group use lives at reg until the last of them."""
    operators = (Operator("addf", (0,), "c", "r"), Operator("exp", (0,), "rc"), Operator("addf", (0,), "r", "c"))
    graph, room = Graph({"r": 2, "c": 2}, ("rc",), operators, frozenset()), Room(0, 16)
    compare(graph, room)
    machine = machine_of(room)
    peak = ledger_of(placed(graph, machine).after, machine, {}).peaks[machine.space_of("reg").name]
    assert isinstance(peak, int)
    assert peak <= room.reg


def test_rows_are_tried_in_either_order() -> None:
    """Of two loads each lacks a row; the one that is longer isn't the one that is loaded again."""
    operators = (
        Operator("mulf", (0,), "c", "r"),
        Operator("minimumf", (0,), "r", "c"),
        Operator("div", (1, 2), "rc"),
        Operator("minimum", (3, 1), "rc"),
    )
    compare(Graph({"r": 6, "c": 10}, ("rc",), operators, frozenset()), Room(96, 32))


def test_what_is_spread_rests() -> None:
    """The sums of columns are spread in a later pass: at sram they wait for it, and the input is loaded once less."""
    operators = (
        Operator("mulf", (0,), "r", "c"),
        Operator("addf", (0,), "c", "r"),
        Operator("add", (2, 0), "rc"),
        Operator("sub", (1, 2), "rc"),
        Operator("maximumf", (4,), "r", "c"),
    )
    compare(Graph({"r": 3, "c": 9}, ("rc",), operators, frozenset()), Room(48, 64))


def test_what_no_reduction_folds_is_swept() -> None:
    """A kernel that isn't in the reduction's rows goes through what that doesn't fold, step by step."""
    operators = (
        Operator("sin", (0,), "rc"),
        Operator("maximumf", (3,), "r", "c"),
        Operator("mul", (4, 1), "rc"),
        Operator("maximumf", (5,), "r", "c"),
        Operator("sub", (5, 6), "rc"),
        Operator("cosh", (6,), "r"),
    )
    compare(Graph({"r": 2, "c": 3}, ("rc", "c", "r"), operators, frozenset()), Room(0, 16))


def test_results_may_run_over_nothing_in_common() -> None:
    """A vector of columns and one of rows are stored by the kernel that goes through both."""
    operators = (Operator("sin", (1,), "c"), Operator("tanh", (2,), "r"), Operator("mul", (1, 4), "rc"))
    compare(Graph({"r": 12, "c": 9}, ("rc", "c", "r"), operators, frozenset({0, 1})), Room(384, 128))
