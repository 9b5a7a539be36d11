"""Copies ahead: the same results and bytes, copies in flight where a machine has them, nothing where it hasn't."""

from __future__ import annotations

import datetime
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from programs.check import FULL
from programs.random_stages import random_stages
from scheduled import MACHINES, Tiled, cases, check_unchanged, run_passes, tiled

from powerfusion.mlir import ir
from powerfusion.passes.scheduling.kernels import walk

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
CLEAN = ("canonicalize", "cse", "loop-invariant-code-motion")


def count(module: ir.Module, name: str) -> int:
    """How many ops of a name a program has."""
    return len(list(walk(module.operation, name)))


def stages_in_loops(text: str) -> int:
    """How many windows loops stage."""
    module = run_passes(text)
    return sum(op.parent.operation.name == "scf.for" for op in walk(module.operation, "gir.stage"))


@pytest.mark.parametrize(("program", "machine"), cases(*MACHINES, "gfx1100"))
def test_programs(program: Tiled, machine: str) -> None:
    """Placed programs copy ahead where the machine can, and mean and move the same."""
    text = tiled(program.text)
    after = check_unchanged(text, program.inputs, machine, f"gir-buffer-copies{{machine={machine}}}", *CLEAN)
    copied = count(after, "gir.copy") > count(run_passes(text), "gir.copy")
    if machine in ("cpu", "gfx1100"):
        assert not copied
    elif stages_in_loops(text) and not (
        program.name.endswith("softmax_tile") and machine != "mlu372"
    ):  # It's too large.
        assert copied


@seed(SEED)
@settings(max_examples=300 if FULL else 40, deadline=None, database=None)
@given(program=random_stages(), machine=st.sampled_from(("sm_90", "gfx942", "mlu372")), buffers=st.integers(2, 4))
def test_random_loops(program: tuple[str, tuple[Any, ...]], machine: str, buffers: int) -> None:
    """Loops of any bounds, nested, of groups and units, with two to four places per window."""
    text, inputs = program
    passes = f"gir-buffer-copies{{machine={machine} buffers={buffers}}}"
    check_unchanged(text, inputs, machine, passes, *CLEAN, f"gir-plan-scratch{{machine={machine}}}")


def _looped(body: str, columns: int = 8) -> str:
    """Four rows, each staged, `body` done with it, and stored."""
    d, s, t = (
        f"memref<4x{columns}xf32, #gir.at<dram>>",
        f"memref<1x{columns}xf32, #gir.at<sram>>",
        "tensor<1x4xf32, #gir.at<reg>>",
    )
    return f"""func.func @main(%p: memref<4x{columns}xf32>, %q: memref<4x{columns}xf32>) {{
  gir.kernel "looped" (%x = %p : memref<4x{columns}xf32>, %y = %q : memref<4x{columns}xf32>) -> () {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c4 = arith.constant 4 : index
    gir.parallel <group> (%g) in (%c1) {{
      scf.for %i = %c0 to %c3 step %c1 {{
        %w = gir.stage %x[%i, %c0] [1, {columns}] : {d} -> {s}
        %t = gir.load %w[%c0, %c0] : {s} -> {t}
        {body.format(d=d, s=s, t=t)}
      }}
    }}
    gir.return
  }}
  return
}}"""


NEXT = "%j = arith.addi %i, %c1 : index\n"
KEPT = {
    "writes what the next step stages": NEXT + "gir.store %t, %x[%j, %c0] : {t}, {d}",
    "meets other groups": "gir.parallel <unit> (%u) in (%c1) {{ gir.sync <cluster> }}\n"
    "gir.store %t, %y[%i, %c0] : {t}, {d}",
}


@pytest.mark.parametrize("reason", KEPT)
def test_left_as_it_is(reason: str) -> None:
    """Where a later window may not be there yet, nothing is copied ahead."""
    text = _looped(KEPT[reason])
    assert count(run_passes(text, "gir-buffer-copies{machine=sm_90}"), "gir.copy") == 0
    assert (
        count(
            run_passes(_looped("gir.store %t, %y[%i, %c0] : {t}, {d}"), "gir-buffer-copies{machine=sm_90}"), "gir.copy"
        )
        == 2
    )


@pytest.mark.parametrize(("columns", "copies"), [(8192, 2), (16384, 0)])
def test_only_what_fits(columns: int, copies: int) -> None:
    """Two places of a row of 32 KiB fit in 64 KiB, two of 64 KiB don't."""
    text = _looped("gir.store %t, %y[%i, %c0] : {t}, {d}", columns)
    x = np.arange(4 * columns, dtype=np.float32).reshape(4, columns)
    after = check_unchanged(text, (x, np.zeros_like(x)), "gfx942", "gir-buffer-copies{machine=gfx942}")
    assert count(after, "gir.copy") == copies
    assert count(after, "gir.stage") == (not copies)


def test_kernels_that_overwrite_their_input() -> None:
    """A function that is called with one array twice says so by its operands: then nothing is copied ahead."""
    text = _looped("gir.store %t, %y[%i, %c0] : {t}, {d}").replace("%y = %q", "%y = %p")
    assert count(run_passes(text, "gir-buffer-copies{machine=sm_90}"), "gir.copy") == 0
