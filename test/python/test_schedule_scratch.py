"""Offsets at sram: buffers that live at once don't share bytes, others do; what doesn't fit is refused."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, seed, settings
from hypothesis import strategies as st
from programs.check import FULL
from programs.random_buffers import random_buffers
from scheduled import MACHINES, Tiled, cases, check_unchanged, execute, run_passes, tiled

from powerfusion.errors import UninitialisedRead
from powerfusion.frontend.source import read_module
from powerfusion.machines import find
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.scheduling import scratch
from powerfusion.passes.scheduling.kernels import walk
from powerfusion.passes.scheduling.packing import Packing, Request, most_at_once, pack

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
REQUESTS = st.lists(
    st.builds(
        lambda size, first, length: Request(size, first, first + length),
        st.integers(0, 300),
        st.integers(0, 30),
        st.integers(0, 12),
    ),
    max_size=25,
)


@seed(SEED)
@settings(max_examples=2000 if FULL else 300, deadline=None, database=None)
@given(requests=REQUESTS, alignment=st.sampled_from((1, 8, 16, 128)))
def test_packing(requests: list[Request], alignment: int) -> None:
    """What lives at once doesn't share a byte, all of it is aligned, and nothing is below the bound."""
    packing = pack(requests, alignment)
    spans = [(at, at + request.size_bytes) for at, request in zip(packing.offsets, requests, strict=True)]
    for one, (low, high) in enumerate(spans):
        assert low % alignment == 0
        assert high <= packing.size_bytes
        for other, (begin, end) in enumerate(spans[:one]):
            if requests[one].meets(requests[other]) and low < high and begin < end:
                assert high <= begin or end <= low
    assert packing.size_bytes >= most_at_once(requests)


def test_packing_shares() -> None:
    """What doesn't live at once lies in the same bytes, the smallest gap that holds it."""
    requests = [Request(64, 0, 3), Request(32, 0, 9), Request(64, 4, 9), Request(16, 0, 9)]
    assert pack(requests, 16) == Packing((0, 64, 0, 96), 112)


def scratch_bytes(module: ir.Module) -> list[dict[str, int]]:
    """What the groups of a program need, by space."""
    found = [
        op.attributes["gir.scratch"] for op in walk(module.operation, "gir.parallel") if "gir.scratch" in op.attributes
    ]
    return [{item.name: ir.IntegerAttr(item.attr).value for item in ir.DictAttr(each)} for each in found]


@pytest.mark.parametrize(("program", "machine"), cases(*MACHINES))
def test_programs(program: Tiled, machine: str) -> None:
    """Placed programs run with their buffers where the plan puts them, in no more than the ledger's peak, aligned."""
    planning = f"gir-plan-scratch{{machine={machine}}}"
    if program.name.endswith("softmax_tile") and machine in ("sm_90", "gfx942"):  # It bounds its rows by 65,536.
        with pytest.raises(ir.MLIRError, match="at once"):
            run_passes(tiled(program.text), planning)
        return
    after = check_unchanged(tiled(program.text), program.inputs, machine, planning)
    makers = [op for name in ("gir.alloc", "gir.stage") for op in walk(after.operation, name)]
    for op in makers:
        assert "gir.offset" in op.attributes
    assert bool(makers) == bool(scratch_bytes(after))


@seed(SEED)
@settings(max_examples=200 if FULL else 25, deadline=None, database=None)
@given(program=random_buffers(), machine=st.sampled_from(MACHINES))
def test_random_buffers(program: tuple[str, Sequence[Any]], machine: str) -> None:
    """Buffers of groups and units, in loops: each still holds what was put there when it is read."""
    text, inputs = program
    check_unchanged(text, inputs, machine, f"gir-plan-scratch{{machine={machine}}}")


def test_interpreter_sees_what_overlaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that puts everything in one place is found out: it is what the tests above rest on."""
    text = _two_buffers(4096)
    monkeypatch.setattr(scratch, "pack", lambda requests, alignment: Packing((0,) * len(requests), 64))
    wrong = run_passes(text, "gir-plan-scratch{machine=sm_90}")
    with pytest.raises(UninitialisedRead):
        execute(wrong, _inputs(4096), find("sm_90"))


@seed(SEED)
@settings(max_examples=100 if FULL else 15, deadline=None, database=None)
@given(program=random_buffers())
def test_shares_where_it_can(program: tuple[str, Sequence[Any]]) -> None:
    """A plan takes no more than all buffers side by side."""
    after = run_passes(program[0], "gir-plan-scratch{machine=sm_90}")
    assume(scratch_bytes(after))
    makers = [op for name in ("gir.alloc", "gir.stage") for op in walk(after.operation, name)]
    apart = sum(
        -(-(scratch.buffer_bytes(op) or 0) // 16) * 16 * (2 if "gir.unit_bytes" in op.attributes else 1)
        for op in makers
    )
    assert scratch_bytes(after)[0]["shared"] <= apart


def _two_buffers(size: int) -> str:
    """Two buffers that live at once."""
    d, s, t = (
        f"memref<4x{size}xf32, #gir.at<dram>>",
        f"memref<1x{size}xf32, #gir.at<sram>>",
        "tensor<1x4xf32, #gir.at<reg>>",
    )
    return f"""func.func @main(%x: memref<4x{size}xf32>, %y: memref<4x{size}xf32>) {{
  gir.kernel "two" (%a = %x : memref<4x{size}xf32>, %b = %y : memref<4x{size}xf32>) -> () {{
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    gir.parallel <group> (%g) in (%c4) {{
      %0 = gir.stage %a[%g, %c0] [1, {size}] : {d} -> {s}
      %1 = gir.stage %a[%g, %c0] [1, {size}] : {d} -> {s}
      %2 = gir.load %0[%c0, %c0] : {s} -> {t}
      %3 = gir.load %1[%c0, %c0] : {s} -> {t}
      %4 = arith.addf %2, %3 : {t}
      gir.store %4, %b[%g, %c0] : {t}, {d}
    }}
    gir.return
  }}
  return
}}"""


def _inputs(size: int) -> tuple[Any, ...]:
    return np.ones((4, size), np.float32), np.zeros((4, size), np.float32)


def test_too_large() -> None:
    """What a scratchpad doesn't hold is an error at the buffer, with the bytes; a cache only gets a remark."""
    words = "a group take 262144 bytes of 'shared' at once, which holds 232448; this one takes 131072"
    with pytest.raises(ir.MLIRError, match=words):
        run_passes(_two_buffers(32768), "gir-plan-scratch{machine=sm_90}")
    run_passes(_two_buffers(32768), "gir-plan-scratch{machine=mlu372}")
    said: list[str] = []
    module = read_module(_two_buffers(1 << 26))
    with module.context as context, context.attach_diagnostic_handler(lambda d: said.append(d.message) or True):
        PassManager.parse("builtin.module(gir-plan-scratch{machine=cpu})").run(module.operation)
    assert "take 536870912 bytes of 'cache' at once" in said[0]


def test_open_sizes() -> None:
    """A scratchpad has no place for a buffer without a bound; a cache needs none."""
    text = (
        _two_buffers(64)
        .replace("[1, 64]", "[1, %c4]")
        .replace("memref<1x64xf32, #gir.at<sram>>", "memref<1x?xf32, #gir.at<sram>>")
    )
    assert not scratch_bytes(run_passes(text, "gir-plan-scratch{machine=cpu}"))
    with pytest.raises(ir.MLIRError, match="bound its sizes by 'upto'"):
        run_passes(text, "gir-plan-scratch{machine=sm_90}")
