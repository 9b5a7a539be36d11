"""Remarks about edges: each value that stayed at dram or sram, its bytes as the ledger has them, and a reason that holds."""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
from programs.check import parameters
from programs.program import Program
from test_placement import MACHINE, SHAPES, machine_with, softmax

from powerfusion.core._mlir import functions, operations
from powerfusion.executable import compile_phases
from powerfusion.frontend.source import read_module
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.passes.analysis.ledger_report import handed_over
from powerfusion.passes.fusion.drop_units import drop_units
from powerfusion.passes.fusion.rebuild import is_naive, sort_block
from powerfusion.passes.placement.alike import Forms
from powerfusion.passes.placement.emit import emit
from powerfusion.passes.placement.groups import form_of, naive_cost
from powerfusion.passes.placement.model import Form
from powerfusion.passes.placement.model import Program as Numbered
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.read import read
from powerfusion.passes.placement.remarks import Edge, Placing, edges_of, emit_edges
from powerfusion.passes.placement.search import Answer, Choice, search
from powerfusion.pipelines import IMPORT, RAISE, SIMPLIFY
from powerfusion.symbolic import total

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.mlir"))


@dataclasses.dataclass(frozen=True)
class Remarked:
    module: ir.Module
    edges: list[Edge]
    answer: Answer

    def at(self, level: str, words: str = "") -> list[Edge]:
        return [edge for edge in self.edges if edge.level == level and words in edge.message]

    @property
    def reasons(self) -> str:
        return "\n".join(reason for edge in self.edges for reason in edge.reasons)


def remarked(
    text: str, machine: Machine = MACHINE, *, budget: int = 4096, together: Sequence[Sequence[int]] | None = None,
    shapes: dict[int, tuple[int, ...]] | None = None, exact: bool = True,
) -> Remarked:  # fmt: skip
    """A program placed, and its edges; `together` are kernels, by position, that are placed as one, whatever it costs."""
    module = compile_phases(text, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    with module.context:
        (function,) = functions(module.operation)
        block = function.regions[0].blocks[0]
        for kernel in filter(is_naive, operations(block)):
            drop_units(kernel)
        program, handles = read(block)
        objective = Objective("bytes", machine)
        answer = search(program, objective, budget)
        if together is not None:
            answer = dataclasses.replace(answer, choices=chosen(program, objective, together), exact=exact)
        made = [(emit(choice.form, program, handles), choice.nodes) for choice in answer.choices if choice.form]
        sort_block(block)
        placing = Placing.of(program, handles, answer, made, Forms(objective))
        return Remarked(module, list(edges_of(block, machine, placing, shapes)), answer)


def chosen(program: Numbered, objective: Objective, together: Sequence[Sequence[int]]) -> tuple[Choice, ...]:
    """Choices in which some kernels are one, and the others as they were."""
    kernels = [node for node, kernel in enumerate(program.kernels) if kernel is not None]
    groups = [[kernels[at] for at in some] for some in together]
    merged = {node for some in groups for node in some}
    alone = [Choice((node,), naive_cost(program, node, objective), None) for node in kernels if node not in merged]
    forms = [(tuple(some), form_of(program, objective.machine, some, objective)) for some in groups]
    return (*alone, *(Choice(some, form.cost, form) for some, form in forms if isinstance(form, Form)))


def test_rows_that_rest() -> None:
    """Softmax as one kernel hands nothing on; what rests at sram is swept again, and its bytes are all that sram moves."""
    found = remarked(softmax(64, 4096).text)
    assert not found.at("dram")
    assert found.at("sram")
    for edge in found.at("sram"):
        assert any("again; in registers a unit has a step of it, 128 B" in reason for reason in edge.reasons)
    entries = ledger_of(found.module, MACHINE).entries
    assert total(edge.bytes or 0 for edge in found.at("sram")) == total(e.useful for e in entries if e.level == "sram")


def test_rows_that_do_not_fit() -> None:
    """Loaded once per pass, since a row isn't held by 256 bytes."""
    machine = machine_with(256)
    found = remarked(softmax(64, 4096).text, machine)
    (edge,) = found.at("dram")
    assert (
        edge.message
        == "maximumf_subf_exp_addf_divf loads 64x4096xf32 from dram in pass 0 and pass 1 and pass 2: 3145728 B"
    )
    assert edge.reasons == ("a group's part of it, 16384 B, doesn't fit at cache, which holds 256 B",)
    assert not found.at("sram")


def two_sweeps(rows: int, columns: int) -> str:
    """A sum over rows of what a sum over columns gave: no nest has both."""
    return f"""
    #rc = affine_map<(r, c) -> (r, c)>
    #r = affine_map<(r, c) -> (r)>
    #c = affine_map<(r, c) -> (c)>
    func.func @f(%x: tensor<{rows}x{columns}xf32>) -> tensor<{columns}xf32> {{
      %zero = arith.constant 0.0 : f32
      %er = tensor.empty() : tensor<{rows}xf32>
      %ec = tensor.empty() : tensor<{columns}xf32>
      %e = tensor.empty() : tensor<{rows}x{columns}xf32>
      %zr = linalg.fill ins(%zero : f32) outs(%er : tensor<{rows}xf32>) -> tensor<{rows}xf32>
      %zc = linalg.fill ins(%zero : f32) outs(%ec : tensor<{columns}xf32>) -> tensor<{columns}xf32>
      %s = linalg.generic {{indexing_maps = [#rc, #r], iterator_types = ["parallel", "reduction"]}} ins(%x : tensor<{rows}x{columns}xf32>) outs(%zr : tensor<{rows}xf32>) {{
      ^bb0(%a: f32, %u: f32):
        %b = arith.addf %a, %u : f32
        linalg.yield %b : f32
      }} -> tensor<{rows}xf32>
      %p = linalg.generic {{indexing_maps = [#rc, #r, #rc], iterator_types = ["parallel", "parallel"]}} ins(%x, %s : tensor<{rows}x{columns}xf32>, tensor<{rows}xf32>) outs(%e : tensor<{rows}x{columns}xf32>) {{
      ^bb0(%a: f32, %v: f32, %o: f32):
        %b = arith.divf %a, %v : f32
        linalg.yield %b : f32
      }} -> tensor<{rows}x{columns}xf32>
      %y = linalg.generic {{indexing_maps = [#rc, #c], iterator_types = ["parallel", "reduction"]}} ins(%p : tensor<{rows}x{columns}xf32>) outs(%zc : tensor<{columns}xf32>) {{
      ^bb0(%a: f32, %u: f32):
        %b = arith.addf %a, %u : f32
        linalg.yield %b : f32
      }} -> tensor<{columns}xf32>
      return %y : tensor<{columns}xf32>
    }}"""


def test_kernels_that_can_not_be_one() -> None:
    """The reason is the one that placing itself has: no nest holds what both sweeps need."""
    found = remarked(two_sweeps(512, 4096))
    (edge,) = found.at("dram", "hands")
    assert edge.message == "addf hands 512xf32 to divf_addf through dram: 4096 B"
    assert edge.reasons[0].startswith("divf_addf: they can't be one: ")


MANY_INPUTS = """
#rc = affine_map<(r, c) -> (r, c)>
#r = affine_map<(r, c) -> (r)>
func.func @f(%a: tensor<64x4096xf32>, %b: tensor<64x4096xf32>, %c: tensor<64x4096xf32>, %d: tensor<64x4096xf32>) -> tensor<64x4096xf32> {
  %lowest = arith.constant 0xFF800000 : f32
  %er = tensor.empty() : tensor<64xf32>
  %e = tensor.empty() : tensor<64x4096xf32>
  %l = linalg.fill ins(%lowest : f32) outs(%er : tensor<64xf32>) -> tensor<64xf32>
  %p = linalg.generic {indexing_maps = [#rc, #rc, #rc, #rc, #rc], iterator_types = ["parallel", "parallel"]} ins(%a, %b, %c, %d : tensor<64x4096xf32>, tensor<64x4096xf32>, tensor<64x4096xf32>, tensor<64x4096xf32>) outs(%e : tensor<64x4096xf32>) {
  ^bb0(%i: f32, %j: f32, %k: f32, %l0: f32, %o: f32):
    %0 = arith.addf %i, %j : f32
    %1 = arith.addf %0, %k : f32
    %2 = arith.addf %1, %l0 : f32
    linalg.yield %2 : f32
  } -> tensor<64x4096xf32>
  %m = linalg.generic {indexing_maps = [#rc, #r], iterator_types = ["parallel", "reduction"]} ins(%p : tensor<64x4096xf32>) outs(%l : tensor<64xf32>) {
  ^bb0(%i: f32, %u: f32):
    %0 = arith.maximumf %i, %u : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  %y = linalg.generic {indexing_maps = [#rc, #r, #rc], iterator_types = ["parallel", "parallel"]} ins(%p, %m : tensor<64x4096xf32>, tensor<64xf32>) outs(%e : tensor<64x4096xf32>) {
  ^bb0(%i: f32, %v: f32, %o: f32):
    %0 = arith.subf %i, %v : f32
    linalg.yield %0 : f32
  } -> tensor<64x4096xf32>
  return %y : tensor<64x4096xf32>
}
"""


def test_kernels_that_would_be_dearer_as_one() -> None:
    """Without room at sram the sum of four inputs costs eight loads as one kernel, as two only three movements of it.

    It is stored through the cache, since it is read again, so lines are read before they are written.
    """
    tight = machine_with(64)
    found = remarked(MANY_INPUTS, tight)
    size = 64 * 4096 * 4
    handed = found.at("dram", "hands 64x4096xf32")
    assert [edge.bytes for edge in handed] == [2 * size]
    assert "the search found it dearer: as one " in handed[0].reasons[0]
    assert f"{9 * size} B arriving" in handed[0].reasons[0].split("; apart ")[0]
    assert f"{8 * size + 768} B arriving" in handed[0].reasons[0].split("; apart ")[1]
    assert not remarked(MANY_INPUTS, machine_with(1 << 20)).at("dram")


def test_a_search_that_was_stopped() -> None:
    """What greedy merging of pairs left apart isn't called dearer where it isn't."""
    found = remarked(softmax(64, 128).text, together=[(0, 1)])
    assert "they would be cheaper as one, but all together aren't" in found.reasons
    again = remarked(softmax(64, 128).text, together=[(0, 1)], exact=False)
    assert "the search was out of budget before it came to this: as one" in again.reasons


def test_what_is_not_placed_says_so() -> None:
    """A kernel that placing doesn't take is named, with what it has."""
    source = next(path for path in EXAMPLES if path.stem == "shufflenet_block")
    (edge,) = remarked(source.read_text()).at("dram", "hands")
    assert "isn't placed: it has a 'gir.assert'" in edge.reasons[0]


def test_vectors_that_every_row_reads() -> None:
    """Scale and shift of a layer norm rest for the rows that share them, not because they are swept again."""
    source = next(path for path in EXAMPLES if path.stem == "bert_residual_layernorm")
    found = remarked(source.read_text())
    vectors = [edge for edge in found.at("sram") if edge.message.startswith("768xf32 passes through sram")]
    assert [edge.reasons for edge in vectors] == [("each step of r reads the same again",)] * 2


NEST = """
func.func @f(%x: tensor<128xf32>, %y: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %z = gir.kernel "k" (%a = %x : tensor<128xf32>, %b = %y : tensor<64x128xf32>)
      nest <[r = 64 : 8 : PER_UNIT : 1, c = 128 : 128 : 128 : 32]> -> (tensor<64x128xf32>) {
    %s = gir.move %a over ["c"] : tensor<128xf32, #gir.at<dram>> -> tensor<128xf32, #gir.at<sram>>
    %0 = gir.move %s : tensor<128xf32, #gir.at<sram>> -> tensor<128xf32, #gir.at<reg>>
    %1 = gir.broadcast %0 dims [0] : tensor<128xf32, #gir.at<reg>> -> tensor<64x128xf32, #gir.at<reg>>
    %2 = gir.move %b over ["r", "c"] : tensor<64x128xf32, #gir.at<dram>> -> tensor<64x128xf32, #gir.at<reg>>
    %3 = arith.addf %1, %2 : tensor<64x128xf32, #gir.at<reg>>
    %4 = gir.move %3 over ["r", "c"] : tensor<64x128xf32, #gir.at<reg>> -> tensor<64x128xf32, #gir.at<dram>>
    gir.return %4 : tensor<64x128xf32, #gir.at<dram>>
  }
  return %z : tensor<64x128xf32>
}
"""


@pytest.mark.parametrize(
    ("per_unit", "reasons"),
    [
        ("1", ("the units of a group, which split r, share it",)),
        ("8", ("each step of r reads the same again",)),
        ("2", ("the units of a group, which split r, share it", "each step of r reads the same again")),
    ],
)
def test_units_that_share(per_unit: str, reasons: tuple[str, ...]) -> None:
    """In a nest written by hand: a value at sram that units, or their steps, all read."""
    module = read_module(NEST.replace("PER_UNIT", per_unit))
    with module.context:
        (function,) = functions(module.operation)
        block = function.regions[0].blocks[0]
        program, handles = read(block)
        placing = Placing.of(program, handles, Answer(program, (), True, 0), [], Forms(Objective("bytes", MACHINE)))
        (edge,) = edges_of(block, MACHINE, placing)
    assert edge.reasons == reasons


@pytest.mark.parametrize("machine", ["sm_90", "gfx942", "mlu372", "cpu"])
@pytest.mark.parametrize("program", [p for p in parameters("chains") if not p.marks])
def test_edges_are_all_there(machine: str, program: Program) -> None:
    """Each handed value is named once and has reasons; what moves at sram and what is handed on is counted whole."""
    own = find(machine)
    shapes = {at: array.shape for at, array in enumerate(program.inputs)}
    found = remarked(program.text, own, shapes=shapes)
    assert all(edge.reasons and edge.bytes is not None for edge in found.edges)
    expected = {
        (each.producer, each.consumers): each.bytes for each in handed_over(found.module, shapes) if each.producer
    }
    assert len(found.at("dram", " hands ")) >= len(expected)
    entries = ledger_of(found.module, own, shapes).entries
    assert total(edge.bytes or 0 for edge in found.at("sram")) == total(e.useful for e in entries if e.level == "sram")


def test_remarks_reach_the_handler() -> None:
    """An edge is a remark at its place, its reasons are notes."""
    found = remarked(two_sweeps(512, 4096))
    seen: list[tuple[str, str, list[str]]] = []

    def handle(diagnostic: ir.Diagnostic) -> bool:
        seen.append((str(diagnostic.location), diagnostic.message, [note.message for note in diagnostic.notes]))
        return True

    with found.module.context as context:
        handler = context.attach_diagnostic_handler(handle)
        emit_edges(found.edges)
        handler.detach()
    assert [message for _, message, _ in seen] == [edge.message for edge in found.edges]
    assert [tuple(notes) for _, _, notes in seen] == [edge.reasons for edge in found.edges]
    assert seen[0][0].startswith('loc("-":')


def test_open_sizes() -> None:
    """Without shapes bytes are open, reasons are there."""
    source = next(path for path in EXAMPLES if path.stem == "vit_embedding")
    found = remarked(source.read_text())
    assert found.edges
    assert all(edge.bytes is None and edge.message.endswith(": open sizes") for edge in found.edges)
    assert all(edge.reasons for edge in found.edges)
    bound = remarked(source.read_text(), shapes={0: SHAPES["vit_embedding"]})
    assert all(edge.bytes for edge in bound.edges)
