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
