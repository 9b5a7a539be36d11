"""Statistics of passes: what they count is what the program before and after shows, and it belongs to who did it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from programs.check import parameters
from programs.program import Program
from test_cli_programs import RELU_ADD

from powerfusion.core._mlir import entry_block, functions, operations
from powerfusion.core.statistics import Statistics, collect, count, counting
from powerfusion.dialects import gir
from powerfusion.executable import Executable, compile_phases
from powerfusion.frontend.source import read_module
from powerfusion.mlir import ir
from powerfusion.phases import run_phase
from powerfusion.pipelines import IMPORT, RAISE, SIMPLIFY, Phase

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def kernels(module: ir.Module) -> list[ir.Operation]:
    found = [op for f in functions(module.operation) for b in f.regions[0].blocks for op in operations(b)]
    return [op for op in found if op.name == "gir.kernel"]


def moves(module: ir.Module, source: str, result: str) -> int:
    ops = [op for kernel in kernels(module) for op in operations(entry_block(kernel)) if op.name == "gir.move"]
    return sum(gir.is_at(op.operands[0], source) and gir.is_at(op.result, result) for op in ops)


def total(statistics: Statistics, what: str) -> int:
    return sum(counts.get(what, 0) for counts in statistics.values())


def simplified(text: str) -> tuple[Executable, Statistics]:
    executable = compile_phases(text, (IMPORT, RAISE, SIMPLIFY), "cpu")
    (found,) = [report.statistics for report in executable.phase_reports() if report.phase == "simplify"]
    return executable, {name: dict(counts) for name, counts in found.items()}


def test_relu_and_add() -> None:
    """Two kernels are one: the store of relu and its load are gone."""
    _, statistics = simplified(RELU_ADD)
    assert statistics == {"gir-merge-kernels": {"kernels merged": 1, "loads cancelled": 1, "stores cancelled": 1}}


@pytest.mark.parametrize("program", [p for p in parameters("chains", "maps") if not p.marks])
def test_counts_are_what_the_program_shows(program: Program) -> None:
    """Kernels that are gone are those that passes say they took, or what nobody reads any more; loads are at least."""
    executable, statistics = simplified(program.text)
    before, after = executable.module("raise"), executable.module("simplify")
    taken = ("kernels merged", "kernels shared", "kernels of one scalar erased")
    counted, gone = sum(total(statistics, what) for what in taken), len(kernels(before)) - len(kernels(after))
    may_go = total(statistics, "copies not read") + total(statistics, "concatenations forwarded")
    assert counted <= gone <= counted + may_go
    loads = sum(total(statistics, what) for what in ("loads cancelled", "loads shared", "loads of one scalar folded"))
    assert (
        0
        <= loads
        <= moves(before, "dram", "reg") - moves(after, "dram", "reg") + total(statistics, "kernels shared") * 9
    )


def test_each_pass_has_its_own() -> None:
    """Two passes of a phase count apart, and a phase's passes aren't the next one's."""
    module = read_module((EXAMPLES / "bert_residual_layernorm.mlir").read_text())
    counted = {phase.name: run_phase(module, phase)[0] for phase in (IMPORT, RAISE, SIMPLIFY)}
    assert counted["import"] == counted["raise"] == {}
    assert counted["simplify"]["gir-narrow-detours"] == {"detours narrowed": 1}
    assert counted["simplify"]["gir-merge-kernels"]["kernels merged"] > 1
    again = run_phase(module, Phase("again", "", ("gir-merge-kernels", "gir-share-kernels")))[0]
    assert again == {}


def test_equal_kernels() -> None:
    """Equal work under two names runs once; what has one name `cse` has shared before."""
    kernel = """
  %NAME = gir.kernel "NAME" (%aNAME = %x : tensor<64xf32>) -> (tensor<64xf32>) {
    %0 = gir.move %aNAME : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %1 = math.exp %0 : tensor<64xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<64xf32, #gir.at<reg>> -> tensor<64xf32, #gir.at<dram>>
    gir.return %2 : tensor<64xf32, #gir.at<dram>>
  }"""
    body = "".join(kernel.replace("NAME", name) for name in ("one", "two", "three"))
    text = f"""func.func @f(%x: tensor<64xf32>) -> (tensor<64xf32>, tensor<64xf32>, tensor<64xf32>) {{{body}
  return %one, %two, %three : tensor<64xf32>, tensor<64xf32>, tensor<64xf32>
}}"""
    module = read_module(text)
    statistics, _ = run_phase(module, SIMPLIFY)
    assert statistics["gir-share-kernels"] == {"kernels shared": 2}
    assert len(kernels(module)) == 1


def test_counting_without_a_collector_does_nothing() -> None:
    count("anything")
    with ir.Context() as context, counting(context, "p"):
        count("anything")


def test_collectors_are_of_a_context_and_a_thread() -> None:
    """Two programs that are compiled at once don't count each other's; a failed pass leaves none behind."""
    results: dict[int, Statistics] = {}
    meeting = threading.Barrier(2)

    def compile_one(number: int) -> None:
        with ir.Context() as context, collect(context) as counted:
            meeting.wait(10)
            with counting(context, f"pass{number}"):
                count("done", number)
                meeting.wait(10)
            results[number] = counted

    threads = [threading.Thread(target=compile_one, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == {1: {"pass1": {"done": 1}}, 2: {"pass2": {"done": 2}}}
    with ir.Context() as context, collect(context) as outer:
        with pytest.raises(ZeroDivisionError), collect(context), counting(context, "p"):
            count("lost", 1 // 0)
        with counting(context, "p"):
            count("kept")
            count("none", 0)
    assert outer == {"p": {"kept": 1}}
