"""Hand-written programs in graph form: tiled, lowered and run against NumPy, with and without simplifying."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
import tolerance
from graph_form import Array, Case
from graph_form_computation import COMPUTATION
from graph_form_dtypes import DTYPES
from graph_form_order import ORDER
from graph_form_structure import DYNAMIC, STRUCTURE
from graph_form_views import VIEWS

from powerfusion.executable import compile_phases
from powerfusion.machines import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.pipelines import CPU
from powerfusion.reference import interpret

GRAPH = tuple(phase for phase in CPU if phase.name != "import")  # which takes linalg
ROUTES = {"simplified": GRAPH, "as written": tuple(phase for phase in GRAPH if phase.name != "simplify")}


def compare(case: Case, inputs: Sequence[Array], got: Sequence[Array]) -> None:
    """Results against the reference in float64."""
    expected = case.reference(*[np.asarray(a, np.float64) if np.asarray(a).dtype.kind == "f" else a for a in inputs])
    wanted = expected if isinstance(expected, tuple) else (expected,)
    for at, (array, value) in enumerate(zip(got, wanted, strict=True)):
        dtype = np.asarray(array).dtype
        bound = tolerance.Expected(value, case.scale) if dtype.kind == "f" else value
        tolerance.check(array, bound, dtype, roundings=case.roundings, what=f"{case.name}, result {at}")


CASES = [*VIEWS, *COMPUTATION, *ORDER, *DYNAMIC, *STRUCTURE, *DTYPES]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_runs(case: Case, route: str) -> None:
    """One program through the just-in-time compiler, as written and simplified."""
    executable = compile_phases(case.text, ROUTES[route], "cpu")
    for inputs in case.inputs:
        got = executable(*inputs)
        compare(case, inputs, got if isinstance(got, tuple) else (got,))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_tile_form_is_sound(case: Case, route: str) -> None:
    """Its tile form by the interpreter, which rejects races, accesses out of bounds and reads of what nobody wrote."""
    phases = ROUTES[route]
    upto = phases[: [phase.name for phase in phases].index("tile") + 1]
    module = compile_phases(case.text, upto, "cpu").module("tile")
    for inputs in case.inputs:
        compare(case, inputs, interpret(module, inputs, machine=find("cpu"), seed=len(case.name)).results)


def moved(module: ir.Module, inputs: Sequence[Array]) -> Counter[tuple[str, str]]:
    """Useful bytes by space and direction, of one call."""
    given = {
        at: int(array) if array.ndim == 0 and array.dtype.kind in "iu" else tuple(array.shape)
        for at, array in enumerate(map(np.asarray, inputs))
    }
    found: Counter[tuple[str, str]] = Counter()
    for entry in ledger_of(module, find("cpu"), given).entries:
        assert isinstance(entry.useful, int)
        found[entry.space, entry.direction] += entry.useful
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_simplifying_only_saves(case: Case) -> None:
    """No space's bytes rise, in either direction, and no launch is added."""
    upto = GRAPH[: [phase.name for phase in GRAPH].index("simplify") + 1]
    executable = compile_phases(case.text, upto, "cpu")
    before, after = (executable.module(phase) for phase in ("raise", "simplify"))
    assert str(after).count("gir.kernel") <= str(before).count("gir.kernel")
    for inputs in case.inputs:
        was, now = moved(before, inputs), moved(after, inputs)
        assert all(now[key] <= was[key] for key in now), f"{case.name}: {dict(was)} became {dict(now)}"
