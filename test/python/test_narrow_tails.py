"""Rows of 16-bit floats of any length: what a tile hasn't is masked, and LLVM selects instructions for all of that."""

from __future__ import annotations

import datetime
import os
import random

import ml_dtypes
import numpy as np
import pytest
from programs.check import FULL

import powerfusion as pf

SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
KINDS = {"bf16": ml_dtypes.bfloat16, "f16": np.float16}
LENGTHS = list(range(1, 300))
DRAWN = LENGTHS if FULL else sorted({1, 65, 129, *random.Random(SEED).sample(LENGTHS, 5)})


def negated_sums(kind: str, columns: int | str, rows: int = 5) -> str:
    """A program: rows of `-(x + x)`, summed in f32."""
    size = f"tensor<{rows}x{columns}x{kind}>"
    dims = ("%c1 = arith.constant 1 : index\n%n = tensor.dim %x, %c1 : " + size, "%n") if columns == "?" else ("", "")
    return f"""
        #map = affine_map<(d0, d1) -> (d0, d1)>
        func.func @main(%x: {size}) -> {size} {{
          {dims[0]}
          %e = tensor.empty({dims[1]}) : {size}
          %r = linalg.generic {{indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}}
              ins(%x : {size}) outs(%e : {size}) {{
          ^bb0(%a: {kind}, %b: {kind}):
            %0 = arith.extf %a : {kind} to f32
            %1 = arith.addf %0, %0 : f32
            %2 = arith.truncf %1 : f32 to {kind}
            %3 = arith.negf %2 : {kind}
            linalg.yield %3 : {kind}
          }} -> {size}
          return %r : {size}
        }}"""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("columns", DRAWN)
def test_rows_of_any_length(kind: str, columns: int) -> None:
    """Each a program of its own."""
    x = np.random.default_rng(columns).standard_normal((5, columns)).astype(KINDS[kind])
    np.testing.assert_array_equal(pf.compile(negated_sums(kind, columns))(x), -(x + x))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_open_length(kind: str) -> None:
    """One program for all."""
    program = pf.compile(negated_sums(kind, "?"))
    for columns in LENGTHS:
        x = np.random.default_rng(columns).standard_normal((5, columns)).astype(KINDS[kind])
        np.testing.assert_array_equal(program(x), -(x + x))
