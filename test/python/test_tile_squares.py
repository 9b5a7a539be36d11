"""Square tiles of what is turned while it is moved: as large as registers hold all that lives at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest
from graph_form import kernel

from powerfusion.executable import compile_phases
from powerfusion.machines import find
from powerfusion.pipelines import CPU
from powerfusion.reference import interpret

PHASES = tuple(phase for phase in CPU if phase.name != "import")
NAMES = [phase.name for phase in PHASES]


@dataclass(frozen=True)
class Turned:
    """A body over x, y, z and w, which is turned and stored.

    Attributes:
        body: From `%x`, `%y`, `%z`, `%w` to `%t`.
        sides: How long and wide its tiles are.
        dtype: Of all.
    """

    body: str
    sides: tuple[int, int]
    dtype: str = "f32"


def binary(result: str, op: str, left: str, right: str) -> str:
    """One line of a body."""
    return f"    %{result} = arith.{op} %{left}, %{right} : R[?x?xf32]\n"


CASES = {
    "a load": Turned("    %t = math.absf %x : R[?x?xf32]\n", (16, 16)),
    "of f64": Turned("    %t = math.absf %x : R[?x?xf64]\n", (8, 8), "f64"),
    "two loads": Turned(binary("t", "addf", "x", "y"), (16, 16)),
    "three, one after the other": Turned(binary("a", "addf", "x", "y") + binary("t", "mulf", "a", "z"), (16, 16)),
    "three at once": Turned(
        binary("a", "addf", "z", "w") + binary("b", "subf", "y", "a") + binary("t", "mulf", "x", "b"), (16, 8)
    ),
    "masks": Turned("    %t = gir.concat %x, %y dim 1 : (R[?x?xf32], R[?x?xf32]) -> R[?x?xf32]\n", (16, 8)),
}


def text_of(case: Turned) -> str:
    """Its kernel: it takes the sizes of what is turned."""
    loads = "".join(f"    %{name} = gir.move %m{name} : D[?x?xf32] -> R[?x?xf32]\n" for name in "xyzw")
    end = "    %p = gir.permute %t [1, 0] : R[?x?xf32] -> R[?x?xf32]\n    %r = gir.move %p : R[?x?xf32] -> D[?x?xf32]"
    arguments = ", ".join(f"m{name}: T[?x?xf32]" for name in "xyzw")
    whole = kernel(f"{arguments}, n: index, m: index", loads + case.body + end, "D[?x?xf32]", sizes="%m, %n")
    return whole.replace("f32", case.dtype)


def expected(name: str, x: np.ndarray, y: np.ndarray, z: np.ndarray, w: np.ndarray) -> np.ndarray:
    """What NumPy says."""
    match name:
        case "two loads":
            return (x + y).T
        case "three, one after the other":
            return ((x + y) * z).T
        case "three at once":
            return (x * (y - (z + w))).T
        case "masks":
            return np.concatenate([x, y], 1).T
        case _:
            return np.abs(x).T


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("shape", [(40, 70), (16, 8), (1, 3)])
def test_registers_hold_squares(name: str, shape: tuple[int, int]) -> None:
    """The interpreter rejects more than a core's registers; what is compiled gives the same."""
    case, random = CASES[name], np.random.default_rng(7)
    given = [random.standard_normal(shape).astype({"f32": np.float32, "f64": np.float64}[case.dtype]) for _ in "xyzw"]
    result = expected(name, *given)
    inputs = (*given, np.int64(result.shape[1]), np.int64(result.shape[0]))
    executable = compile_phases(text_of(case), PHASES, "cpu")
    module = executable.module("tile")
    np.testing.assert_allclose(interpret(module, inputs, machine=find("cpu")).results[0], result, rtol=1e-5)
    np.testing.assert_allclose(executable(*inputs), result, rtol=1e-5)
    turned = re.findall(r"gir.permute .*: tensor<(\d+)x(\d+)x", str(module))
    assert {side for sides in turned for side in map(int, sides)} == set(case.sides)


IN_ORDER = """
    %v = gir.move %x : D[{shape}xf32] -> R[{shape}xf32]
    %a = gir.move %y : D[?xf32] -> R[?xf32]
    %b = gir.move %z : D[?xi64] -> R[?xi64]
    %i = gir.iota dim 0 sizes(%n) : R[?xindex]
    %j = arith.index_cast %i : R[?xindex] to R[?xi64]
    %w = gir.broadcast %j dims [{others}] sizes({sizes}) : R[?xi64] -> R[{shape}xi64]
    %f:2 = gir.reduce %v, %w into %a, %b dims [{dims}] combiner {{
    ^bb0(%e: f32, %at: i64, %most: f32, %last: i64):
      %half = arith.constant 0.5 : f32
      %less = arith.mulf %most, %half : f32
      %c = arith.cmpf ogt, %e, %less : f32
      %k = arith.select %c, %at, %last : i64
      %s = arith.addf %less, %e : f32
      gir.yield %s, %k : f32, i64
    }} : R[{shape}xf32], R[{shape}xi64] into R[?xf32], R[?xi64]
    %r0 = gir.move %f#0 : R[?xf32] -> D[?xf32]
    %r1 = gir.move %f#1 : R[?xi64] -> D[?xi64]"""


def folded(x: np.ndarray, start: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each row, element after element."""
    sums, places = start.astype(np.float64), last.copy()
    for column in x.astype(np.float64).reshape(x.shape[0], -1, x.shape[-1]).transpose(1, 2, 0):
        for at, elements in enumerate(column):
            places[elements > sums / 2] = at
            sums = sums / 2 + elements
    return sums, places


@pytest.mark.parametrize("shape", [(40, 70), (16, 16), (3, 20), (37, 3), (33, 2, 18)])
def test_lines_that_are_folded_in_order_are_turned(shape: tuple[int, ...]) -> None:
    """A square of rows is loaded line by line, and each row's elements are still taken one after the other."""
    shown, last = "x".join("?" * len(shape)), len(shape) - 1
    others = range(last)
    sizes = ", ".join(("%m", "%l")[: len(shape) - 1])
    body = IN_ORDER.format(
        shape=shown, dims=", ".join(str(dim + 1) for dim in others), others=", ".join(map(str, others)), sizes=sizes
    )
    signature = f"x: T[{shown}xf32], y: T[?xf32], z: T[?xi64], m: index, l: index, n: index"
    text = kernel(signature, body, "D[?xf32]; D[?xi64]", sizes="%m, %m")
    random = np.random.default_rng(3)
    given = random.standard_normal(shape).astype(np.float32), random.random(shape[0]).astype(np.float32)
    start = np.full(shape[0], -1, np.int64)
    sums, places = folded(*given, start)
    inputs = (*given, start, *map(np.int64, (shape[0], shape[1], shape[-1])))
    executable = compile_phases(text, PHASES, "cpu")
    module = executable.module("tile")
    assert re.search(rf"gir.load .*: memref<{re.escape(shown)}xf32.*-> tensor<16x(1x)?16xf32", str(module))
    for results in (interpret(module, inputs, machine=find("cpu")).results, executable(*inputs)):
        np.testing.assert_allclose(results[0], sums, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(results[1], places)
