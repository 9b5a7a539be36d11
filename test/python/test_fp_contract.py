"""Contraction: products are added without being rounded first, if that is asked for, and nothing else changes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from programs.program import rng
from test_cache import Cache, cache

import powerfusion as pf
from powerfusion.cli.main import main
from powerfusion.errors import UnsupportedError
from suites import SUITES, Case
from suites.case import error_of

__all__ = ["cache"]

MUCH = 1.1  # how much larger an error may be: which neighbour a last rounding takes is chance
NAMES = ("rmsnorm", "layernorm_768", "batchnorm_statistics", "gelu_tanh", "softmax_4096x1024", "attention")
CASES = [case for case in SUITES["memory-bound"]() if case.workload.dtype == "f32" and case.workload.name in NAMES]
LOST = """
func.func @main(%x: tensor<4096xf32>, %y: tensor<4096xf32>) -> tensor<4096xf32> {
  %e = tensor.empty() : tensor<4096xf32>
  %p = linalg.mul ins(%x, %x : tensor<4096xf32>, tensor<4096xf32>) outs(%e : tensor<4096xf32>) -> tensor<4096xf32>
  %q = linalg.sub ins(%p, %y : tensor<4096xf32>, tensor<4096xf32>) outs(%e : tensor<4096xf32>) -> tensor<4096xf32>
  return %q : tensor<4096xf32>
}
"""


def test_products_are_not_rounded() -> None:
    """What a product loses by rounding is seen with contraction, and 0 without."""
    x = rng("contracted").uniform(1, 2, 4096).astype(np.float32)
    exact = x.astype(np.float64) ** 2
    rounded = exact.astype(np.float32)
    strict, contracted = (pf.compile(LOST, cache=False, fp_contract=asked)(x, rounded) for asked in (False, True))
    assert not strict.any()
    np.testing.assert_array_equal(contracted, (exact - rounded).astype(np.float32))


@pytest.mark.parametrize("case", [pytest.param(case, id=case.workload.name) for case in CASES])
def test_results_are_about_as_near(case: Case) -> None:
    """No program with sums of products is much further from float64 than without."""
    inputs, text = case.workload.inputs("small"), case.workload.text("small")
    wanted = case.wanted(inputs)
    errors: list[list[float]] = []
    for asked in (False, True):
        found = pf.compile(text, cache=False, fp_contract=asked)(*inputs)
        results = found if isinstance(found, tuple) else (found,)
        errors.append([error_of(a, b, case.workload.scale) for a, b in zip(results, wanted, strict=True)])
    for strict, contracted in zip(*errors, strict=True):
        assert contracted <= max(strict * MUCH, 2**-23)


def test_special_values_stay() -> None:
    """NaN, infinities, and the overflow of a sum; a product that alone is too large isn't one any more."""
    x = np.full(4096, 2.0, np.float32)
    y = np.full(4096, 1.0, np.float32)
    x[:4], y[:4] = (np.nan, np.inf, 1e19, 3e19), (1, 1, -1e38, -1e38)
    with np.errstate(over="ignore", invalid="ignore"):
        wanted = (x.astype(np.float64) ** 2 - y).astype(np.float32)
    np.testing.assert_array_equal(pf.compile(LOST, cache=False, fp_contract=True)(x, y), wanted)


def test_the_cache_tells_them_apart(cache: Cache) -> None:
    """A contracted program is another one."""
    cache.misses(lambda: pf.compile(LOST))
    cache.misses(lambda: pf.compile(LOST, fp_contract=True))
    cache.hits(lambda: pf.compile(LOST, fp_contract=True))


def test_the_command_line_takes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`pf compile` does for cpu; programs in C are a C compiler's to contract."""
    source, output = tmp_path / "lost.mlir", tmp_path / "lost.llvm.mlir"
    source.write_text(LOST)
    assert main(["compile", str(source), "-o", str(output), "--fp-contract"]) == 0
    assert re.search(r"llvm\.fmul .*contract", output.read_text())
    assert main(["compile", str(source), "-o", str(tmp_path / "lost.c"), "--target", "c", "--fp-contract"]) == 1
    assert "no pass of this target takes fp_contract" in capsys.readouterr().err
    with pytest.raises(UnsupportedError, match="takes fp_contract"):
        pf.compile(LOST, target="c", fp_contract=True)
