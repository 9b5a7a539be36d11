"""Mutated programs get a diagnostic or succeed: no crash, no hang, no Python traceback."""

from __future__ import annotations

import datetime
import os

import pytest
from mutation.mutants import corpus, mutants
from mutation.stock import stock_crashes
from mutation.watch import UPSTREAM, watch

FULL = bool(os.environ.get("PF_TEST_FULL"))
SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
COUNT = 2000 if FULL else 150

# Crashes of LLVM 22's own parser, verifier and patterns; the last one beside GIR.
CRASHES = {
    "parser": """func.func @f(%a: tensor<2x3xf32>, %c: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %0 = linalg.transpose ins(%a : tensor<2x3xf32>) outs(%c : tensor<3x2xf32>) permutation = [?, 0]
  return %0 : tensor<3x2xf32>
}""",
    "pattern": """func.func @f(%x: memref<?xf32>) {
  gir.kernel "k" (%a = %x : memref<?xf32>) -> () {
    %c = arith.constant -1 : index
    %n = memref.dim %a, %c : memref<?xf32, #gir.at<dram>>
    %g = affine.apply affine_map<()[n] -> (n ceildiv 16)>()[%n]
    gir.parallel <group> (%i) in (%g) {
      %0 = gir.load %a[%i] valid [%n] : memref<?xf32, #gir.at<dram>> -> tensor<16xf32, #gir.at<reg>>
      gir.store %0, %a[%i] valid [%n] : tensor<16xf32, #gir.at<reg>>, memref<?xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}""",
}


@pytest.mark.timeout(3600 if FULL else 120)
def test_mutants_are_answered() -> None:
    """Each of the day's mutants is answered by success or a diagnostic."""
    answers, faults = watch(mutants(SEED, COUNT))
    shown = "\n\n".join(f"{fault.what}: {fault.detail}\n{fault.text}" for fault in faults)
    assert not faults, f"PF_TEST_SEED={SEED}: {len(faults)} faults\n{shown}"
    assert answers.count(UPSTREAM) <= COUNT // 100, f"PF_TEST_SEED={SEED}: upstream crashes on many: {answers}"
    assert 0 < sum(answer == "ok" for answer in answers) < COUNT, "expected some to pass and some to fail"


def test_faults_are_noticed() -> None:
    """The corpus itself is answered, and a worker that dies or meets a bug is noticed."""
    assert len(corpus()) > 50
    answers, faults = watch(["module {}", "func.func @f() {"])
    assert answers[0] == "ok"
    assert not faults
    assert "parse" in answers[1]


@pytest.mark.parametrize("text", CRASHES.values(), ids=list(CRASHES))
def test_crashes_of_upstream_are_told_apart(text: str) -> None:
    """What the distribution's own mlir-opt crashes on isn't a fault of ours."""
    assert watch([text]) == ([UPSTREAM], [])


def test_other_crashes_are_ours() -> None:
    """Where mlir-opt lives, with a diagnostic or without one, a dead worker is a fault."""
    assert not stock_crashes("module {}")
    assert not stock_crashes("func.func @f() {")
    assert not stock_crashes(next(text for text in corpus() if "gir.kernel" in text))
