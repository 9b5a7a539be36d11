"""Stores and loads cancel where that changes nothing, and nowhere else.

Planted: pairs that mustn't cancel, each beside a twin that does. Results are NumPy's after every phase.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st
from programs.cancelled import PLANTED, STORES, Planted, windows
from programs.check import FULL
from programs.random_gir import GirProgram
from programs.random_stores import stored_chains
from programs.written import DTYPES, Function
from scheduled import run_passes

import powerfusion as pf
from powerfusion.core._mlir import defining_op, entry_block, functions, operations, segments
from powerfusion.dialects import gir
from powerfusion.executable import Executable, compile_for
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.pipelines import SCHEDULE, TILE
from powerfusion.reference import interpret

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
MACHINES = ("sm_90", "mlu372", "cpu")


def kernels_of(module: ir.Module) -> list[ir.Operation]:
    """The kernels of a program of one function."""
    (function,) = functions(module.operation)
    return [op for op in operations(function.regions[0].blocks[0]) if op.name == "gir.kernel"]


def stores_of(module: ir.Module) -> int:
    """How many stores a program in graph form has."""
    ops = [op for kernel in kernels_of(module) for op in operations(entry_block(kernel))]
    return sum(op.name == "gir.move" and gir.is_at(op.result, "dram") for op in ops)


def loads_again(module: ir.Module) -> int:
    """How many loads are of what the program has stored itself."""
    return sum(
        op.name == "gir.move" and gir.is_at(op.result, "reg") and any(_stored(kernel, op.operands[0]))
        for kernel in kernels_of(module)
        for op in operations(entry_block(kernel))
    )


def _stored(kernel: ir.Operation, value: ir.Value) -> Iterator[bool]:
    """For all that a value at dram is a view of, whether the program has stored it."""
    op = defining_op(value)
    if op is None and value in list(entry_block(kernel).arguments):
        outer = segments(kernel)[0][list(entry_block(kernel).arguments).index(value)]
        while (op := defining_op(outer)) is not None and op.name.startswith("tensor."):
            outer = op.operands[0]
        yield op is not None
    elif op is not None and op.name == "gir.move":
        yield True
    elif op is not None:
        for operand in op.operands:
            yield from _stored(kernel, operand)


def check_phases(executable: Executable, program: GirProgram, machine: str) -> None:
    """After every phase a program gives what is expected."""
    for phase in executable.phases:
        if phase == "import":
            continue
        arrays = [array.copy() for array in program.inputs]
        run = interpret(executable.module(phase), arrays, machine=find(machine))
        for got, want in zip(run.results, program.expected, strict=True):
            np.testing.assert_array_equal(got, want, f"{phase} for {machine}")


@pytest.mark.parametrize("forbids", [True, False], ids=["planted", "twin"])
@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_planted(planted: Planted, forbids: bool) -> None:
    """What mustn't cancel is stored and loaded as before, what may isn't; either computes what NumPy does.

    The short form goes on beyond simplify with one element type in turn.
    """
    turn = (PLANTED.index(planted) + forbids) % len(DTYPES)
    for at, kind in enumerate(DTYPES):
        program = planted.build(Function(kind), forbids)
        machine = MACHINES[at]
        executable = compile_for(program.text, machine, until="schedule" if FULL or at == turn else "simplify")
        graph = executable.module("simplify")
        left = stores_of(graph), loads_again(graph)
        wanted = tuple(figures[0 if forbids else 1] for figures in (planted.stores, planted.again))
        assert left == wanted, f"{program.text}\n{graph}"
        check_phases(executable, program, machine)


@pytest.mark.parametrize("between", [True, False], ids=["between", "behind"])
@pytest.mark.parametrize("store", STORES)
def test_stores_between_loads_of_a_window(store: str, between: bool) -> None:
    """In tile form a window is loaded again if something was stored in it, by whatever name; once if that is behind.

    The short form takes one element type in turn.
    """
    turn = (list(STORES).index(store) + between) % len(DTYPES)
    cleaning = [name for name in TILE.passes if name != "gir-tile"]
    for at, kind in enumerate(DTYPES):
        if not FULL and at != turn:
            continue
        text = windows(store, kind, between=between)
        x, y = (np.arange(1, size + 1).astype(DTYPES[kind]) for size in (16, 8))
        machine = find(MACHINES[at])
        before = interpret(run_passes(text), [x.copy(), y.copy()], machine=machine).arguments
        written = before[0]
        assert not np.array_equal(written[:4], x[:4]), "expected what is stored to change the window"
        np.testing.assert_array_equal(before[1], [*x[:4], *(written if between else x)[:4]])
        scheduling = SCHEDULE.with_option("machine", MACHINES[at]).passes
        for passes in (cleaning, [*cleaning, *scheduling]):
            module = run_passes(text, *passes)
            assert len(list(walk(module.operation, "gir.load"))) == 1 + between, str(module)
            found = interpret(module, [x.copy(), y.copy()], machine=machine).arguments
            np.testing.assert_array_equal(found[0], written)
            np.testing.assert_array_equal(found[1], before[1])
        compiled = [x.copy(), y.copy()]
        pf.compile(text)(*compiled)
        np.testing.assert_array_equal(compiled[0], written)
        np.testing.assert_array_equal(compiled[1], before[1])


@pytest.mark.parametrize("view", ["slice", "concat", "argument"])
def test_what_is_returned_without_a_store_stays(view: str) -> None:
    """A kernel may return a view of its inputs beside what it stores; no step of a nest would make it."""
    f = Function("f32")
    k = f.kernel(f.input(8, 8), f.input(4, 4))
    row = k.load(k.taken[0])
    made = k.store(k.sum(k.highest(row), row))
    other = {
        "slice": lambda: k.slice(k.taken[1], [0, 0], [2, 4]),
        "concat": lambda: k.concat(0, k.taken[1], k.taken[1]),
        "argument": lambda: k.taken[1],
    }[view]()
    program = f.end(*k.end(made, other))
    for machine in MACHINES:
        check_phases(compile_for(program.text, machine, until="schedule"), program, machine)


@pytest.mark.timeout(3600 if FULL else 240)
@seed(SEED)
@settings(max_examples=600 if FULL else 25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(program=stored_chains(), machine=st.sampled_from(MACHINES))
def test_random_chains(program: GirProgram, machine: str) -> None:
    """Whatever is stored, viewed, written over and loaded again is what NumPy says, after every phase."""
    note(f"PF_TEST_SEED={SEED}\n{program.text}")
    check_phases(compile_for(program.text, machine, until="schedule"), program, machine)
