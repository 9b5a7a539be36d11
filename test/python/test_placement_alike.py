"""Groups of kernels that are alike are looked at once, and what was found for one is right for the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from programs.check import parameters
from test_split_dims import attention

from powerfusion.core._mlir import functions
from powerfusion.executable import compile_phases
from powerfusion.machines.table import find
from powerfusion.passes.placement.alike import Forms
from powerfusion.passes.placement.model import Program
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.read import read
from powerfusion.passes.placement.recount import Kernels
from powerfusion.passes.placement.ways import prepare
from powerfusion.pipelines import IMPORT, RAISE, SIMPLIFY
from workloads.writer import Writer

MOST_GROUPS = 24  # of a program


def program_of(text: str) -> Program:
    """A program as the search reads it."""
    module = compile_phases(text, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    with module.context:
        (function,) = functions(module.operation)
        block = function.regions[0].blocks[0]
        prepare(block)
        return read(block)[0]


def groups_of(program: Program) -> Iterator[tuple[int, ...]]:
    """Its groups, small ones first."""
    kernels = Kernels(program)
    for nodes in kernels.components():
        yield from sorted(kernels.connected(nodes), key=lambda group: (len(group), group))[:MOST_GROUPS]


@pytest.mark.parametrize("machine", ["sm_90", "mlu372", "cpu"])
def test_a_form_of_what_is_alike_is_its_own(machine: str) -> None:
    """Asked in turn, each program's groups get what they get when they are looked at themselves."""
    forms = Forms(Objective("time", find(machine)))
    asked = 0
    for case in parameters("chains"):
        program = program_of(case.values[0].text)
        for nodes in groups_of(program):
            asked += 1
            alone = Forms(forms.objective).form_of(program, nodes)
            assert forms.form_of(program, nodes) == alone
    assert len(forms.known) < asked


def test_projections_are_looked_at_once() -> None:
    """Query and value of attention are alike, the key is turned besides; each has its own numbers."""
    writer = Writer()
    program = program_of(writer.text(attention(writer, 2, 16, 4, 8)))
    forms = Forms(Objective("time", find("gfx942")))
    alone = [nodes for nodes in groups_of(program) if len(nodes) == 1]
    found = [forms.form_of(program, nodes) for nodes in alone]
    assert len(forms.known) < len(alone)
    assert found == [Forms(forms.objective).form_of(program, nodes) for nodes in alone]


def test_what_others_read_is_not_alike() -> None:
    """A result that nobody else reads need not be stored: the same two kernels, and another form."""
    texts = []
    for shown in (False, True):
        w = Writer()
        x = w.argument((64, 256), "f32")
        total = w.total(x, [1])
        centred = w.binary("subf", x, total)
        texts.append(w.text(*([centred, total] if shown else [centred])))
    forms = Forms(Objective("bytes", find("gfx942")))
    for text in texts:
        program = program_of(text)
        (whole,) = Kernels(program).components()
        assert forms.form_of(program, whole) == Forms(forms.objective).form_of(program, whole)
    assert len(forms.known) == 2
