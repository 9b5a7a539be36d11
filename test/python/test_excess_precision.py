"""Excess precision: what a kernel rounds to 16 bits and widens again stays in f32, if that is asked for."""

from __future__ import annotations

import datetime
import os
import re
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from programs.check import FULL, check_program
from programs.program import Program, rng
from programs.randomised import random_programs
from test_cache import Cache, cache

import powerfusion as pf
from powerfusion.cli.main import main
from powerfusion.executable import compile_for, compile_source
from powerfusion.pipelines import Freedoms
from suites import SUITES, Case
from suites.case import error_of

__all__ = ["cache"]

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
BF16 = np.dtype(ml_dtypes.bfloat16)
CASES = [case for case in SUITES["memory-bound"]() if case.workload.dtype == "bf16"]
MUCH = 1.05  # how much larger an error may be: which neighbour a sum's last rounding takes is chance
TWICE = """
func.func @main(%x: tensor<320xDTYPE>, %y: tensor<320xDTYPE>) -> (tensor<320xDTYPE>, tensor<320xDTYPE>) {
  %e = tensor.empty() : tensor<320xDTYPE>
  %p = linalg.mul ins(%x, %y : tensor<320xDTYPE>, tensor<320xDTYPE>) outs(%e : tensor<320xDTYPE>) -> tensor<320xDTYPE>
  %q = linalg.div ins(%p, %y : tensor<320xDTYPE>, tensor<320xDTYPE>) outs(%e : tensor<320xDTYPE>) -> tensor<320xDTYPE>
  return %p, %q : tensor<320xDTYPE>, tensor<320xDTYPE>
}
"""
DTYPES = {"bf16": BF16, "f16": np.dtype(np.float16), "f32": np.dtype(np.float32)}


@pytest.mark.parametrize("case", [pytest.param(case, id=case.workload.name) for case in CASES])
def test_results_are_at_least_as_near(case: Case) -> None:
    """No program of the suite is further from float64 with excess precision than without."""
    inputs = case.workload.inputs("small")
    wanted = case.wanted(inputs)
    text = case.workload.text("small")
    errors: list[list[float]] = []
    for excess in (False, True):
        found = pf.compile(text, cache=False, excess_precision=excess)(*inputs)
        results = found if isinstance(found, tuple) else (found,)
        errors.append([error_of(a, b, case.workload.scale) for a, b in zip(results, wanted, strict=True)])
    for strict, excess in zip(*errors, strict=True):
        assert excess <= max(strict * MUCH, 2**-8)


@pytest.mark.parametrize("dtype", ["bf16", "f16"])
def test_arithmetic_between_ops_is_in_f32(dtype: str) -> None:
    """A product isn't rounded, nor too large, on its way to a division; what is stored of it is both."""
    text, kind = TWICE.replace("DTYPE", dtype), DTYPES[dtype]
    x = rng("excess", dtype).uniform(200, 1000, 320).astype(kind)
    y = rng("excess again", dtype).uniform(200, 1000, 320).astype(kind)
    product, quotient = pf.compile(text, cache=False, excess_precision=True)(x, y)
    with np.errstate(over="ignore"):
        stored = (x.astype(np.float32) * y.astype(np.float32)).astype(kind)
    np.testing.assert_array_equal(product, stored)
    np.testing.assert_array_equal(quotient, x)
    _, strict = pf.compile(text, cache=False)(x, y)
    assert (strict != x).any()


def test_f32_stays_as_it_is() -> None:
    """No rounding to f32 is left out: the code is the same, to the byte."""
    text = TWICE.replace("DTYPE", "f32")
    strict, excess = (pf.compile(text, cache=False, excess_precision=asked).object_code for asked in (False, True))
    assert strict == excess


@pytest.mark.parametrize("machine", ["cpu", "c", "sm_90", "mlu372"])
def test_every_target_leaves_them_out(machine: str) -> None:
    """As many roundings are left as results are stored."""
    text = TWICE.replace("DTYPE", "bf16")
    make = compile_source if machine in ("cpu", "c") else compile_for
    strict, excess = (make(text, machine, until="tile", freedoms=Freedoms(asked)) for asked in (False, True))
    assert not re.search("truncf|extf", strict.ir("tile"))
    tiles = excess.ir("tile")
    assert tiles.count("arith.truncf") == tiles.count("gir.store") > 0
    assert not re.search(r"arith\.(mulf|divf) .*bf16", tiles)


@pytest.mark.timeout(3600 if FULL else 120)
@seed(SEED)
@settings(max_examples=1500 if FULL else 40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(program=random_programs().filter(lambda program: "f16" in program.text))
def test_random_programs_stay_right(program: Program) -> None:
    """What rounds as the program says is within its bound, and so is what rounds less often."""
    note(f"PF_TEST_SEED={SEED}\n{program.text}")
    check_program(program, partial(pf.compile, excess_precision=True))


def test_the_cache_tells_them_apart(cache: Cache) -> None:
    """A program with excess precision is another than without, and each is found again."""
    text = TWICE.replace("DTYPE", "bf16")
    cache.misses(lambda: pf.compile(text))
    cache.misses(lambda: pf.compile(text, excess_precision=True))
    cache.hits(lambda: pf.compile(text))
    cache.hits(lambda: pf.compile(text, excess_precision=True))


def test_the_command_line_takes_it(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """`pf compile` and `pf run` do; of an artifact it is too late to ask."""
    source, artifact = tmp_path / "twice.mlir", tmp_path / "twice.pfx"
    source.write_text(TWICE.replace("DTYPE", "bf16"))
    assert main(["compile", str(source), "-o", str(artifact), "--excess-precision"]) == 0
    inputs = ["--input", "random", "--input", "random"]
    assert main(["run", str(source), "--excess-precision", *inputs]) == 0
    assert main(["run", str(artifact), *inputs]) == 0
    assert main(["run", str(artifact), "--excess-precision", *inputs]) == 1
    assert "to the `pf compile` that makes it" in capsys.readouterr().err
