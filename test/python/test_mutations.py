"""Mutated programs get a diagnostic or succeed: no crash, no hang, no Python traceback."""

from __future__ import annotations

import datetime
import os

import pytest
from mutation.mutants import corpus, mutants
from mutation.watch import watch

FULL = bool(os.environ.get("PF_TEST_FULL"))
SEED = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
COUNT = 2000 if FULL else 150


@pytest.mark.timeout(3600 if FULL else 120)
def test_mutants_are_answered() -> None:
    """Each of the day's mutants is answered by success or a diagnostic."""
    answers, faults = watch(mutants(SEED, COUNT))
    shown = "\n\n".join(f"{fault.what}: {fault.detail}\n{fault.text}" for fault in faults)
    assert not faults, f"PF_TEST_SEED={SEED}: {len(faults)} faults\n{shown}"
    assert 0 < sum(answer == "ok" for answer in answers) < COUNT, "expected some to pass and some to fail"


def test_faults_are_noticed() -> None:
    """The corpus itself is answered, and a worker that dies or meets a bug is noticed."""
    assert len(corpus()) > 50
    answers, faults = watch(["module {}", "func.func @f() {"])
    assert answers[0] == "ok"
    assert not faults
    assert "parse" in answers[1]
