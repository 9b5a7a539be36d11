"""Pipelines as data: their passes exist, and find the normal forms that they require."""

from __future__ import annotations

import pytest

from powerfusion.core.context import make_context
from powerfusion.errors import ContractError
from powerfusion.mlir.passmanager import PassManager
from powerfusion.pipelines import CPU, LOWER_CPU, PHASES, PIPELINES, RAISE, TILE, Phase, check_contracts


@pytest.mark.parametrize("target", sorted(PIPELINES))
def test_contracts_hold(target: str) -> None:
    check_contracts(PIPELINES[target])


def test_phases_have_names_of_their_own() -> None:
    assert len(set(PHASES)) == len(PHASES) == len(CPU)


@pytest.mark.parametrize("phase", CPU, ids=lambda phase: phase.name)
def test_passes_are_registered(phase: Phase) -> None:
    with make_context():
        PassManager.parse(phase.pipeline)


def test_missing_form_names_pass_form_and_maker() -> None:
    with pytest.raises(ContractError, match="pass 'gir-hoist-loads' in phase 'lower' requires tile-form") as caught:
        check_contracts([RAISE, LOWER_CPU])
    assert caught.value.help == "tile-form is established by gir-tile"


def test_form_is_lost_to_the_pass_that_invalidates_it() -> None:
    """Tiling twice: the first leaves no graph form behind."""
    with pytest.raises(ContractError, match="pass 'gir-join-dims' in phase 'tile' requires graph-form"):
        check_contracts([RAISE, TILE, TILE])
