"""Functions of f32 on the CPU: how many units of the last place each is off, at most.

A dense sample in the short form; every one of the 2^32 inputs under PF_TEST_FULL=1.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from math_accuracy import (
    CHUNK,
    F32,
    F64,
    SPECIAL,
    Truth,
    Worst,
    compiled,
    errors,
    every_input,
    in_chunks,
    neighbours,
    program,
    random_bits,
    worst_of,
)
from tile_form import kernel

import powerfusion as pf
from powerfusion.executable import compile_module
from powerfusion.frontend.source import read_module
from powerfusion.pipelines import CPU

FULL = bool(os.environ.get("PF_TEST_FULL"))
SAMPLE_STEP = 4096 - 5
"""In the short form every so many of all inputs are tried, about a million."""


def erf(x: F64) -> F64:
    """In f64; NumPy has none. Beyond 4 it is 1 to f32; below 2^-14 two terms of its series are enough."""
    size = np.abs(x)
    found = np.where(size < 4, size, 1.0)
    at = np.flatnonzero((size >= 2.0**-14) & (size < 4))
    found[at] = np.fromiter(map(math.erf, size[at].tolist()), np.float64, at.size)
    small = size < 2.0**-14
    found[small] = 2 / math.sqrt(math.pi) * (size[small] - size[small] ** 3 / 3)
    return np.where(np.isnan(x), x, np.copysign(found, x))


@dataclass(frozen=True)
class Function:
    """A function of one f32.

    Args:
        name: Of the op, without its dialect.
        truth: It, in f64.
        ulps: The bound that its docstring states.
        points: Where its code changes from one way to another.
    """

    name: str
    truth: Truth
    ulps: float = 2.0
    points: tuple[float, ...] = ()

    def __str__(self) -> str:
        return self.name

    @property
    def body(self) -> str:
        """The op."""
        return f"%r = math.{self.name} %a : f32"


QUARTER_TURNS = tuple(float(np.float32(n * math.pi / 2)) for n in (*range(1, 64), 1000, 10001, 51472, 83443, 83444))

FUNCTIONS = (
    Function("exp", np.exp, 1.0, (88.72284, 87.33655, 103.97208, 0.3465736, 1.0397208, 1e5)),
    Function("exp2", np.exp2, 1.0, (0.5, 1.5, 126.0, 127.0, 128.0, 149.0, 150.0, 1e5)),
    Function("expm1", np.expm1, 2.0, (0.3465736, 1.0397208, 17.328679, 30.0, 88.72284)),
    Function("log", np.log, 2.0, (0.75, 1.5, 2.0, 1.1754944e-38)),
    Function("log2", np.log2, 2.0, (0.75, 1.5, 2.0, 1.1754944e-38)),
    Function("log10", np.log10, 2.0, (0.75, 1.5, 10.0, 1.1754944e-38)),
    Function("log1p", np.log1p, 2.0, (0.25, 0.5, 1.5, 2.0**126, 2.5521178e38)),
    Function("rsqrt", lambda x: 1 / np.sqrt(x), 2.0, (2.0, 4.0)),
    Function("sin", np.sin, 2.0, (math.pi / 4, *QUARTER_TURNS, 2.0**17)),
    Function("cos", np.cos, 2.0, (math.pi / 4, *QUARTER_TURNS, 2.0**17)),
    Function("tanh", np.tanh, 2.0, (0.0625, 0.078125, 0.625, 8.0, 9.0109, 9.5)),
    Function("erf", erf, 2.0, (0.0625, 0.078125, 0.925, 3.5, 3.92, 3.95, 4.0)),
)


def sample(function: Function) -> Iterator[tuple[F32]]:
    """Every bit pattern, or as many as there is time for, those around special points among them."""
    yield from every_input(1 if FULL else SAMPLE_STEP)
    yield from in_chunks(neighbours([*SPECIAL, *function.points]))
    if not FULL:
        usual = np.random.default_rng(1).uniform(-20, 20, CHUNK).astype(np.float32)
        yield (usual,)


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_functions_are_within_their_bounds(function: Function) -> None:
    worst = worst_of(compiled(function.body), function.truth, sample(function))
    print(f"{function}: {worst}")
    assert worst.ulps <= function.ulps, f"{function}: {worst}"


@pytest.mark.parametrize("instructions", ["none", "host"])
def test_powers_are_within_4_ulps(instructions: str) -> None:
    executable = compiled_with(instructions, program("%r = math.powf %a, %b : f32", 2, CHUNK))
    count = CHUNK << (8 if FULL else 1)
    random = np.random.default_rng(0)
    x = np.abs(random_bits(count, 1))
    with np.errstate(all="ignore"):
        logarithm = np.where((x > 0) & (x < math.inf) & (x != 1), np.log2(x), 1.0)
    finite = (random.uniform(-150, 128, count) / logarithm).astype(np.float32)
    near_one = random.uniform(0.99, 1.01, count).astype(np.float32)
    points = np.array([*SPECIAL, 0.5, 1.5, 2, 3, 2.0**23 + 1, 2.0**24 - 1, 2.0**24 + 2, 1 + 2.0**-23], np.float32)
    special = np.concatenate([points, -points])
    inputs = (
        in_chunks(x, finite),
        in_chunks(near_one, random.uniform(-6000, 6000, count).astype(np.float32)),
        in_chunks(random_bits(count, 2), random_bits(count, 3)),
        in_chunks(-x, np.trunc(finite)),
        in_chunks(*(values.ravel() for values in np.meshgrid(special, special))),
    )
    worst = Worst()
    for chunks in inputs:
        worst = worst_of(executable, np.power, chunks, worst)
    assert worst.ulps <= 4.0, worst


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, -1.0, 2.0, 3.0, 4.0, 5.0, -2.5])
def test_powers_of_known_exponents_are_within_4_ulps(exponent: float) -> None:
    executable = compiled(f"%c = arith.constant {exponent:.1f} : f32\n    %r = math.powf %a, %c : f32")
    inputs = (*in_chunks(neighbours(SPECIAL)), *in_chunks(random_bits(CHUNK, 7)))
    worst = worst_of(executable, lambda x: np.power(x, np.full_like(x, exponent)), iter(inputs))
    assert worst.ulps <= 4.0, worst


# -- any machine, any number of lanes ------------------------------------------------------------

LANES = (1, 2, 3, 8, 16, 24, 40, 64)


def compiled_with(instructions: str, source: Any, after: str = "") -> pf.Executable:
    """Compiled as for a machine with some instructions, though it runs on this one, from after a phase."""
    names = [phase.name for phase in CPU]
    start = names.index(after) + 1 if after else 0
    phases = [phase.with_option("instructions", instructions) for phase in CPU[start:]]
    return compile_module(read_module(source), phases, "cpu", before=names[:start])


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_a_machine_with_no_instructions_of_its_own_keeps_the_bounds(function: Function) -> None:
    executable = compiled_with("none", program(function.body, 1, CHUNK))
    inputs = [*every_input(61 if FULL else 16 * SAMPLE_STEP), *in_chunks(neighbours([*SPECIAL, *function.points]))]
    worst = worst_of(executable, function.truth, iter(inputs))
    assert worst.ulps <= function.ulps, f"{function}: {worst}"


@pytest.mark.parametrize("instructions", ["none", "host"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_any_number_of_lanes(function: Function, instructions: str) -> None:
    loads = "\n".join(
        f"""
    %i{lanes} = arith.constant {start} : index
    %a{lanes} = gir.load %x[%i{lanes}] : D<{sum(LANES)}xf32> -> T<{lanes}xf32>
    %r{lanes} = math.{function.name} %a{lanes} : T<{lanes}xf32>
    gir.store %r{lanes}, %y[%i{lanes}] : T<{lanes}xf32>, D<{sum(LANES)}xf32>"""
        for lanes, start in zip(LANES, np.cumsum((0, *LANES[:-1])), strict=True)
    )
    x = np.random.default_rng(0).uniform(0.1, 3, sum(LANES)).astype(np.float32)
    y = np.zeros_like(x)
    compiled_with(instructions, kernel(f"x:{sum(LANES)}xf32 y:{sum(LANES)}xf32", loads), "tile")(x, y)
    assert errors(y, function.truth(x.astype(np.float64))).max() <= function.ulps


def test_narrow_floats_are_rounded_once() -> None:
    x = np.linspace(-4, 4, 4096, dtype=np.float16)
    got = pf.compile(program("%r = math.exp %a : f16", 1, x.size, "f16"))(x)
    want = np.exp(x.astype(np.float64)).astype(np.float16)
    assert np.abs(got.view(np.int16) - want.view(np.int16)).max() <= 1  # Two roundings, in f32 and to f16.
    assert (got == want).mean() > 0.999


def test_f64_keeps_its_digits() -> None:
    x = np.linspace(-4, 4, 1024)
    for name, truth in (("exp", np.exp), ("tanh", np.tanh)):
        got = pf.compile(program(f"%r = math.{name} %a : f64", 1, x.size, "f64"))(x)
        np.testing.assert_allclose(got, truth(x), rtol=1e-14)


# -- divisions by what lanes share -----------------------------------------------------------------

DIVISION = """
#rows = affine_map<(i, j) -> (i)>
#all = affine_map<(i, j) -> (i, j)>
func.func @main(%x: tensor<ROWSxCOLUMNSxf32>, %s: tensor<ROWSxf32>) -> tensor<ROWSxCOLUMNSxf32> {
  %e = tensor.empty() : tensor<ROWSxCOLUMNSxf32>
  %y = linalg.generic {indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<ROWSxCOLUMNSxf32>, tensor<ROWSxf32>) outs(%e : tensor<ROWSxCOLUMNSxf32>) {
  ^bb0(%a: f32, %b: f32, %old: f32):
    %r = arith.divf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<ROWSxCOLUMNSxf32>
  return %y : tensor<ROWSxCOLUMNSxf32>
}
"""


def division_errors(got: F32, x: F32, divisor: F32) -> F64:
    """Errors of quotients, in ulps; what IEEE 754 says of zeros, infinities and NaN is exact in f64 too."""
    with np.errstate(all="ignore"):
        want = np.broadcast_to(x.astype(np.float64) / divisor.astype(np.float64), got.shape)
    return errors(got, want)


def test_divisions_by_a_row_s_number_are_within_an_ulp() -> None:
    rows, columns = (4096, 1024) if FULL else (1024, 1024)
    text = DIVISION.replace("ROWS", str(rows)).replace("COLUMNS", str(columns))
    executable = pf.compile(text)
    divisions = [line for line in executable.ir("llvm").splitlines() if "llvm.fdiv" in line]
    assert divisions
    assert not [line for line in divisions if "vector" in line]
    special = neighbours([*SPECIAL, 2.0**-100, 2.0**64, 2.0**126, 2.0**127], 3)
    divisors = np.concatenate([special, random_bits(rows // 2, 3), neighbours([1.5], rows)])[:rows]
    points = np.concatenate([special, random_bits(columns, 4)])[: columns // 2]
    usual = np.linspace(-9, 9, columns - len(points), dtype=np.float32)
    x = np.tile(np.concatenate([points, usual]), (rows, 1))
    x[rows // 4 :, columns // 2 :] = random_bits(x[rows // 4 :, columns // 2 :].size, 5).reshape(-1, columns // 2)
    found = division_errors(executable(x, divisors), x, divisors[:, None])
    check_division(found, x)
    ordinary = found[: rows // 4][(np.abs(divisors) > 1e-3)[: rows // 4]][:, columns // 2 :]
    assert (ordinary <= 0.5).mean() > 0.99  # Nearly always the quotient itself.


def check_division(found: F64, x: F32) -> None:
    """A neighbour of the quotient, or within 2 ulp where the remainder of x underflows."""
    assert found.max() <= 2.0
    assert found[~(np.abs(x) < 2.0**-100)].max() <= 1.001


@pytest.mark.parametrize("divisor", [3.0, -3.0, 1024.0, 7e-10, 1e-40, 1e38, 0.0, math.inf, math.nan])
def test_divisions_by_a_constant_are_within_an_ulp(divisor: float) -> None:
    bits = int(np.float32(divisor).view(np.uint32))
    body = f"%c = arith.constant 0x{bits:08X} : f32\n    %r = arith.divf %a, %c : f32"
    x = np.concatenate([neighbours(SPECIAL), random_bits(CHUNK, 6)])[:CHUNK]
    check_division(division_errors(compiled(body)(x), x, np.full_like(x, divisor)), x)
