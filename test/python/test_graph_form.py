"""Hand-written programs in graph form: tiled, lowered and run against NumPy, with and without simplifying."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import tolerance
from graph_form import Array, Case
from graph_form_computation import COMPUTATION
from graph_form_structure import DYNAMIC, STRUCTURE
from graph_form_views import VIEWS

from powerfusion.executable import compile_phases
from powerfusion.machines import find
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


CASES = [*VIEWS, *COMPUTATION, *DYNAMIC, *STRUCTURE]


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
