"""Memory between kernels: one workspace, in which what lives at once lies apart; programs mean and move the same."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from programs.check import FULL, check_call, parameters
from programs.program import Program
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


@st.composite
def chains(draw: Any) -> tuple[str, tuple[Any, ...]]:
    """A function of kernels that each add up two of the arrays before, of several types and sizes; some are returned."""
    lines: list[str] = []
    arrays = [("%x", 0)]
    kinds = ("f32", "f64", "i8", "i32")
    sizes = [draw(st.sampled_from((1, 5, 16, 40))) for _ in range(3)]
    count = draw(st.integers(2, 9))
    for at in range(count):
        kind, size = draw(st.sampled_from(kinds)), draw(st.sampled_from(sizes))
        (one, _), (two, _) = draw(st.sampled_from(arrays)), draw(st.sampled_from(arrays))
        lines += _kernel(at, kind, size, one, two, {name: place for name, place in arrays})
        arrays.append((f"%m{at}", f"{size}x{kind}"))  # pyright: ignore[reportArgumentType]
    return _function(lines, arrays), (np.arange(8, dtype=np.float32),)


def _kernel(at: int, kind: str, size: int, one: str, two: str, types: dict[str, Any]) -> list[str]:
    first, second = (str(types[name] or "8xf32") for name in (one, two))
    made = f"{size}x{kind}"
    lines = [
        f"%m{at} = memref.alloc() : memref<{made}>",
        f'gir.kernel "k{at}" (%a = {one} : memref<{first}>, %b = {two} : memref<{second}>, %o = %m{at} : memref<{made}>) -> () {{',
        "%zero = arith.constant 0 : index",
    ]
    for name, type_ in (("%a", first), ("%b", second)):
        element = type_.partition("x")[2]
        lines.append(
            f"{name}0 = gir.load {name}[%zero] : memref<{type_}, #gir.at<dram>> -> tensor<1x{element}, #gir.at<reg>>"
        )
        lines += _converted(name, element)
    lines += [
        "%s = arith.addi %a1, %b1 : tensor<1xi32, #gir.at<reg>>",
        "%seven = arith.constant dense<7> : tensor<1xi32, #gir.at<reg>>",
        "%t = arith.andi %s, %seven : tensor<1xi32, #gir.at<reg>>",
        *_stored("%t", kind, size),
        "gir.return",
        "}",
    ]
    return lines


def _converted(name: str, element: str) -> list[str]:
    source, result = f"tensor<1x{element}, #gir.at<reg>>", "tensor<1xi32, #gir.at<reg>>"
    match element:
        case "i32":
            return [f"%{name[1:]}1 = arith.addi {name}0, {name}0 : {result}"]
        case "i8":
            return [f"{name}1 = arith.extsi {name}0 : {source} to {result}"]
        case _:
            return [f"{name}1 = arith.fptosi {name}0 : {source} to {result}"]


def _stored(value: str, kind: str, size: int) -> list[str]:
    source, result = "tensor<1xi32, #gir.at<reg>>", f"tensor<1x{kind}, #gir.at<reg>>"
    op = {"f32": "arith.sitofp", "f64": "arith.sitofp", "i8": "arith.trunci"}.get(kind)
    lines = [f"%v = {op} {value} : {source} to {result}"] if op else [f"%v = arith.addi {value}, {value} : {source}"]
    wide = f"tensor<{size}x{kind}, #gir.at<reg>>"
    return [
        *lines,
        f"%u = gir.reshape %v : {result} -> tensor<{kind}, #gir.at<reg>>",
        f"%w = gir.broadcast %u dims [0] : tensor<{kind}, #gir.at<reg>> -> {wide}",
        f"gir.store %w, %o[%zero] : {wide}, memref<{size}x{kind}, #gir.at<dram>>",
    ]


def _function(lines: Sequence[str], arrays: Sequence[tuple[str, Any]]) -> str:
    returned = [arrays[-1], arrays[len(arrays) // 2]]
    names = ", ".join(name for name, _ in returned)
    types = ", ".join(f"memref<{type_ or '8xf32'}>" for _, type_ in returned)
    body = "\n".join(lines)
    return f"func.func @main(%x: memref<8xf32>) -> ({types}) {{\n{body}\nreturn {names} : {types}\n}}"


@seed(SEED)
@settings(max_examples=200 if FULL else 20, deadline=None, database=None)
@given(program=chains(), machine=st.sampled_from(MACHINES))
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
        for source, to in zip(names, names[1:], strict=False)
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
