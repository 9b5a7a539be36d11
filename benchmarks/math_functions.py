"""Largest error in ulps, and numbers per nanosecond, of f32 functions on the CPU, as the pipeline compiles them.

    .venv/bin/python benchmarks/math_functions.py [exp log tanh ...]

Errors are over every 997th of all inputs; the tests try all of them. Times are on one core, of arguments in the cache
between 0.1 and 3, each result folded into a word; what that takes without a function is subtracted. It is the time of
the processor, so that other processes count little.
`docs/decisions/0010-math-functions.md` holds what it printed.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

import powerfusion as pf

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test" / "python"))
from math_accuracy import compiled, every_input, worst_of

F64 = npt.NDArray[np.float64]

ROWS, COLUMNS = 4000, 2048
REPETITIONS = 25
SAMPLE_STEP = 997
NOTHING = "%r = arith.addf %a, %a : f32"
QUOTIENT = "%c = arith.constant 1.7 : f32\n    %r = arith.divf %a, %c : f32"

FUNCTIONS: dict[str, Callable[[F64], F64]] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "erf": np.vectorize(math.erf),
    "sin": np.sin,
    "cos": np.cos,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "powf": lambda x: np.power(x, np.float64(np.float32(1.7))),
    "divf": lambda x: x / np.float64(np.float32(1.7)),
    "atan": np.arctan,
    "cbrt": np.cbrt,
}
"""In f64; `powf` and `divf` are to the power of 1.7, and by it."""


def body(name: str) -> str:
    """The function of %a, as %r."""
    if name == "divf":
        return QUOTIENT
    if name == "powf":
        return "%c = arith.constant 1.7 : f32\n    %r = math.powf %a, %c : f32"
    return f"%r = math.{name} %a : f32"


def folded(function: str) -> str:
    """A function of the products of rows and columns, its bits folded over the rows."""
    return f"""
#rows = affine_map<(j, i) -> (i)>
#columns = affine_map<(j, i) -> (j)>
func.func @main(%x: tensor<{COLUMNS}xf32>, %s: tensor<{ROWS}xf32>, %z: tensor<{COLUMNS}xi32>)
    -> tensor<{COLUMNS}xi32> {{
  %y = linalg.generic {{indexing_maps = [#columns, #rows, #columns], iterator_types = ["parallel", "reduction"]}}
      ins(%x, %s : tensor<{COLUMNS}xf32>, tensor<{ROWS}xf32>) outs(%z : tensor<{COLUMNS}xi32>) {{
  ^bb0(%p: f32, %q: f32, %old: i32):
    %a = arith.mulf %p, %q : f32
    {function}
    %b = arith.bitcast %r : f32 to i32
    %t = arith.xori %old, %b : i32
    linalg.yield %t : i32
  }} -> tensor<{COLUMNS}xi32>
  return %y : tensor<{COLUMNS}xi32>
}}
"""


def seconds(function: str) -> float:
    """The least processor time of `ROWS * COLUMNS` results."""
    executable = pf.compile(folded(function), cache=False)
    random = np.random.default_rng(0)
    x = random.uniform(0.5, 1.5, COLUMNS).astype(np.float32)
    s = random.uniform(0.2, 2, ROWS).astype(np.float32)
    z = np.zeros(COLUMNS, np.int32)
    times = []
    for _ in range(REPETITIONS):
        start = time.process_time()
        executable(x, s, z)
        times.append(time.process_time() - start)
    return min(times)


def measure(name: str, idle: float) -> str:
    """One line about a function."""
    worst = worst_of(compiled(body(name)), FUNCTIONS[name], every_input(SAMPLE_STEP))
    taken = max(seconds(body(name)) - idle, 1e-9)
    return f"{name:6} {worst.ulps:8.3g} ulp at {worst.inputs} {ROWS * COLUMNS / taken / 1e9:7.2f} per ns"


if __name__ == "__main__":
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    idle = seconds(NOTHING)
    for chosen in sys.argv[1:] or FUNCTIONS:
        print(measure(chosen, idle), flush=True)
