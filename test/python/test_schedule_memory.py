"""Memory between kernels: one workspace, in which what lives at once lies apart; programs mean and move the same."""

from __future__ import annotations

import datetime
import itertools
import math
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from programs.check import FULL, check_call, parameters
from programs.program import Program
from programs.random_memory import kernel_chains
from programs.upstream import result_dtypes
from scheduled import MACHINES, check_unchanged, execute, run_passes

from powerfusion.errors import UninitialisedRead
from powerfusion.executable import compile_phases
from powerfusion.machines import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling import plan_memory
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.passes.scheduling.packing import Packing
from powerfusion.pipelines import IMPORT, LLVM_CPU, LOWER_CPU, RAISE, SIMPLIFY, TILE, Phase

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
MEMORY = Phase("memory", "one workspace", ("gir-plan-memory", "canonicalize", "cse"))


def allocated(module: ir.Module) -> list[int]:
    """The bytes of the function's allocations of known size."""
    results = [op.result for op in walk(module.operation, "memref.alloc") if not list(op.operands)]
    return [math.prod(result.type.shape) * element_bytes(result) for result in results]


@pytest.mark.parametrize("simplified", [False, True], ids=["naive", "simplified"])
@pytest.mark.parametrize("program", parameters("chains"))
def test_compiled(program: Program, simplified: bool) -> None:
    """Whole chains compute the same from a workspace, naive, when kernels hand on much, and simplified."""
    between = [SIMPLIFY] if simplified else []
    executable = compile_phases(program.text, [IMPORT, RAISE, *between, TILE, MEMORY, LOWER_CPU, LLVM_CPU], "cpu")
    dtypes = result_dtypes(program.text)
    for at, inputs in enumerate((program.inputs, *program.more)):
        check_call(program, executable, inputs, dtypes, f"call {at}")


@seed(SEED)
@settings(max_examples=200 if FULL else 20, deadline=None, database=None)
@given(program=kernel_chains(), machine=st.sampled_from(MACHINES))
def test_random_chains(program: tuple[str, tuple[Any, ...]], machine: str) -> None:
    """Each array still holds what was put there when it is read, and the workspace is no larger than all of them."""
    text, inputs = program
    before = run_passes(text, "canonicalize")
    after = check_unchanged(text, inputs, machine, f"gir-plan-memory{{machine={machine}}}")
    alignment = max(64, find(machine).spaces_at("dram")[0].alignment_bytes)
    assert sum(allocated(after)) <= sum(-(-size // alignment) * alignment for size in allocated(before))


SHARED = """func.func @main(%x: memref<64xf32>) -> memref<64xf32> {{
  {kernels}
  return %m3 : memref<64xf32>
}}"""


def _copies() -> str:
    """Four kernels that hand one array on, each twice what it was."""
    names = ["%x", "%m0", "%m1", "%m2", "%m3"]
    kernels = [
        f"""{to} = memref.alloc() : memref<64xf32>
  gir.kernel "k" (%a = {source} : memref<64xf32>, %b = {to} : memref<64xf32>) -> () {{
    %c0 = arith.constant 0 : index
    %0 = gir.load %a[%c0] : memref<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %1 = arith.addf %0, %0 : tensor<64xf32, #gir.at<reg>>
    gir.store %1, %b[%c0] : tensor<64xf32, #gir.at<reg>>, memref<64xf32, #gir.at<dram>>
    gir.return
  }}"""
        for source, to in itertools.pairwise(names)
    ]
    return SHARED.format(kernels="\n  ".join(kernels))


def test_dead_bytes_are_used_again() -> None:
    """Of three arrays that are handed on, two live at once; what is returned is an allocation of its own."""
    after = check_unchanged(_copies(), (np.arange(64, dtype=np.float32),), "cpu", "gir-plan-memory")
    assert allocated(after) == [2 * 256, 256]


def test_wrong_plans_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that puts everything in one place changes what comes out: it is what the tests above rest on."""
    monkeypatch.setattr(plan_memory, "pack", lambda requests, alignment: Packing((0,) * len(requests), 256))
    text = _copies().replace('"k" (%a = %m1', '"k" (%a = %m0')
    with pytest.raises(AssertionError, match="Arrays are not equal"):
        check_unchanged(text, (np.arange(64, dtype=np.float32),), "cpu", "gir-plan-memory")
    text = text.replace("%m1 : memref<64xf32>", "%m1 : memref<32xf32>").replace(
        "%m1 = memref.alloc() : memref<64xf32>", "%m1 = memref.alloc() : memref<32xf32>"
    )
    with pytest.raises(UninitialisedRead):
        execute(run_passes(_with_a_half(text), "gir-plan-memory"), (np.arange(64, dtype=np.float32),), find("cpu"))


def _with_a_half(text: str) -> str:
    """The second kernel stores the first half only."""
    head, second, tail = text.partition("%m1 = memref.alloc()")
    body, end, rest = tail.partition("gir.return")
    for old, new in (
        ("64xf32, #gir.at<reg>", "32xf32, #gir.at<reg>"),
        ("%b = %m1 : memref<64xf32>", "%b = %m1 : memref<32xf32>"),
    ):
        body = body.replace(old, new)
    store, dest, place = body.rpartition("memref<64xf32, #gir.at<dram>>")
    return head + second + store + dest.replace("64", "32") + place + end + rest
