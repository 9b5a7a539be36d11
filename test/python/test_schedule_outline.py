"""Kernels as functions: equal ones are one, and programs mean and move the same, interpreted and compiled."""

from __future__ import annotations

import datetime
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, seed, settings
from programs.check import FULL, check_call, parameters
from programs.program import Program
from programs.random_memory import kernel_chains
from programs.upstream import result_dtypes
from scheduled import MACHINES, Tiled, cases, check_unchanged, run_passes, tiled

from powerfusion.executable import compile_phases
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.pipelines import IMPORT, LLVM_CPU, LOWER_CPU, RAISE, TILE, Phase

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
OUTLINED = Phase("outline", "kernels are functions", ("gir-outline", "gir-plan-memory", "canonicalize", "cse"))


def launches(module: ir.Module) -> list[str]:
    """The names of what is launched, in order."""
    return [ir.FlatSymbolRefAttr(op.attributes["callee"]).value for op in walk(module.operation, "gir.launch")]


@pytest.mark.parametrize("program", parameters("chains"))
def test_compiled(program: Program) -> None:
    """Whole chains, naive, run as launches of functions."""
    executable = compile_phases(program.text, [IMPORT, RAISE, TILE, OUTLINED, LOWER_CPU, LLVM_CPU], "cpu")
    outlined = executable.module("outline")
    (main,) = [f for f in walk(outlined.operation, "func.func") if "sym_visibility" not in f.attributes]
    assert not list(walk(main, "gir.kernel"))
    for at, inputs in enumerate((program.inputs, *program.more)):
        check_call(program, executable, inputs, result_dtypes(program.text), f"call {at}")


@pytest.mark.parametrize(("program", "machine"), cases(*MACHINES))
def test_programs(program: Tiled, machine: str) -> None:
    """Placed programs mean and move the same when their kernels are functions."""
    after = check_unchanged(tiled(program.text), program.inputs, machine, "gir-outline")
    assert launches(after)


@seed(SEED)
@settings(max_examples=100 if FULL else 10, deadline=None, database=None)
@given(program=kernel_chains())
def test_random_chains(program: tuple[str, tuple[Any, ...]]) -> None:
    """Kernels that hand arrays on to one another, as launches, from a workspace."""
    text, inputs = program
    after = check_unchanged(text, inputs, "cpu", "gir-outline", "gir-plan-memory")
    assert len(launches(after)) == text.count("gir.kernel")


KERNEL = """gir.kernel "{name}" (%a = {a} : memref<8xf32>, %b = {b} : memref<8xf32>) -> () {{
    %c0 = arith.constant 0 : index
    %{v} = gir.load %a[%c0] : memref<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %r = {op} %{v}, %{v} : tensor<8xf32, #gir.at<reg>>
    gir.store %r, %b[%c0] : tensor<8xf32, #gir.at<reg>>, memref<8xf32, #gir.at<dram>>
    gir.return
  }}"""


def _three(first: str, second: str, third: str) -> str:
    return f"func.func @main(%x: memref<8xf32>, %y: memref<8xf32>) {{\n{first}\n{second}\n{third}\nreturn\n}}"


def test_equal_kernels_are_one() -> None:
    """Names of kernels and values don't count, ops do."""
    text = _three(
        KERNEL.format(name="twice", a="%x", b="%y", v="p", op="arith.addf"),
        KERNEL.format(name="again", a="%y", b="%x", v="q", op="arith.addf"),
        KERNEL.format(name="square", a="%x", b="%y", v="p", op="arith.mulf"),
    )
    arrays = (np.arange(8, dtype=np.float32), np.zeros(8, np.float32))
    after = check_unchanged(text, arrays, "cpu", "gir-outline")
    assert launches(after) == ["kernel_twice", "kernel_twice", "kernel_square"]


def test_outputs_written_over_inputs() -> None:
    """A launch says which input an output is written over; views that overlap can't be said, and stay."""
    once = KERNEL.format(name="k", a="%x", b="%x", v="p", op="arith.addf")
    half = """%h = memref.subview %x[0] [4] [1] : memref<8xf32> to memref<4xf32>
  gir.kernel "v" (%a = %x : memref<8xf32>, %b = %h : memref<4xf32>) -> () {
    %c0 = arith.constant 0 : index
    %p = gir.load %a[%c0] : memref<8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    gir.store %p, %b[%c0] : tensor<4xf32, #gir.at<reg>>, memref<4xf32, #gir.at<dram>>
    gir.return
  }"""
    arrays = (np.arange(8, dtype=np.float32), np.zeros(8, np.float32))
    after = check_unchanged(_three(once, half, ""), arrays, "cpu", "gir-outline")
    assert "gir.launch @kernel_k(%arg0, %arg0) shares [[1, 0]]" in str(after)
    assert len(launches(after)) == 1
    again = run_passes(str(after), "gir-outline")
    assert str(again) == str(after)
