"""Expanding a program in a test, and holding what it gives against what it gave."""

from __future__ import annotations

import dataclasses

import numpy as np
from expansion_programs import Build
from row_programs import RowProgram

from powerfusion.core._mlir import functions
from powerfusion.executable import compile_phases
from powerfusion.mlir import ir
from powerfusion.passes.expansion.alternatives import choose
from powerfusion.passes.expansion.expand import expand
from powerfusion.pipelines import IMPORT, RAISE, SIMPLIFY
from powerfusion.reference import interpret

SIZES = {"r": 9, "c": 33, "e": 5}


@dataclasses.dataclass(frozen=True)
class Expanded:
    """A program before and after, the second way taken, and how many alternatives there were."""

    before: ir.Module
    after: ir.Module
    count: int

    @property
    def folds(self) -> int:
        """Reductions and contractions that are left."""
        return sum(str(self.after).count(f"= gir.{name} ") for name in ("reduce", "contract"))


def expanded(text: str, way: int = 1) -> Expanded:
    """A program of one function, expanded, with a way of each alternatives op taken, or the last if it has fewer."""
    executable = compile_phases(text, (IMPORT, RAISE, SIMPLIFY), "cpu")
    before, after = executable.module("simplify"), executable.module("simplify")
    with after.context:
        (function,) = functions(after.operation)
        made = expand(function.regions[0].blocks[0])
        assert after.operation.verify()
        for op in made:
            choose(op, min(way, len(op.regions) - 1))
        assert after.operation.verify()
    return Expanded(before, after, len(made))


def run(module: ir.Module, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Results of the interpreter."""
    return [np.asarray(result) for result in interpret(module, inputs).results]


def near(actual: np.ndarray, before: np.ndarray, exact: np.ndarray, what: str, scale: np.ndarray | float = 0.0) -> None:
    """NaN and infinities as before, numbers as near to the exact ones as promised, or as they were before."""
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(before), err_msg=what)
    infinite = np.isinf(before)
    np.testing.assert_array_equal(actual[infinite], before[infinite], err_msg=what)
    finite = np.isfinite(before)
    assert np.isfinite(actual[finite]).all(), what
    got, was, want = (a[finite].astype(np.float64) for a in (actual, before, exact))
    size = np.broadcast_to(scale, actual.shape)[finite]
    room = 1e-5 * (np.abs(want) + np.where(np.isfinite(size), size, 0.0)) + 4 * np.abs(was - want) + 1e-37
    assert (np.abs(got - want) <= room).all(), f"{what}: {np.max(np.abs(got - want) / room)}"


def built(build: Build, sizes: dict[str, int], dtype: str, open_: str = "") -> tuple[RowProgram, str]:
    """A program in a type."""
    program = RowProgram(sizes, dtype, open_)
    return program, program.text(*build(program))


def inputs_of(program: RowProgram, kind: str) -> list[np.ndarray]:
    """Inputs that a program may be given; of some kinds, rows begin with what is special."""
    rng = np.random.default_rng(len(kind))
    made: list[np.ndarray] = []
    for tensor in program.inputs:
        shape = [program.sizes[dim] for dim in tensor.dims]
        x = rng.standard_normal(shape)
        x = {"huge": x * 1e30, "tiny": x * 1e-30, "wide": x * 50, "far": x + 1000}.get(kind, x)
        if kind in ("infinite", "nan") and x.size:
            flat = x.reshape(-1)
            special = {"infinite": [-np.inf, np.inf], "nan": [np.nan, -np.inf]}[kind]
            flat[:: max(1, 2 * len(flat) // 7)] = special[0]
            flat[5 :: max(1, 5 * len(flat) // 11)] = special[1]
            if len(shape) > 1:
                x[-1] = -np.inf
                x[-2 % shape[0], 0] = -np.inf
        made.append(x.astype(np.float32))
    return made


KINDS = ("plain", "wide", "far", "huge", "tiny", "infinite", "nan")


def check(
    build: Build,
    *,
    sizes: dict[str, int] | None = None,
    kinds: tuple[str, ...] = KINDS,
    scale: Build | None = None,
    open_: str = "",
    way: int = 1,
) -> Expanded:
    """Means the same, whatever it is given; `scale` gives the size of what cancels in each result."""
    sizes = sizes or SIZES
    program, text = built(build, sizes, "f32", open_)
    _, double = built(build, sizes, "f64", open_)
    found = expanded(text, way)
    exact = compile_phases(double, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    sized = None
    if scale is not None:
        _, text_of_scale = built(scale, sizes, "f64")
        sized = compile_phases(text_of_scale, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    for kind in kinds:
        inputs = inputs_of(program, kind)
        with np.errstate(all="ignore"):
            before, after = run(found.before, inputs), run(found.after, inputs)
            doubles = [x.astype(np.float64) for x in inputs]
            wide = run(exact, doubles)
            size = run(sized, doubles) if sized else [np.zeros(())] * len(wide)
        for number, arrays in enumerate(zip(after, before, wide, size, strict=True)):
            near(*arrays[:3], scale=arrays[3], what=f"result {number}, {kind} inputs, of\n{text}\nas\n{found.after}")
    return found
