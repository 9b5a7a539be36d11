"""The simulator finds bugs: in the text of a right program one thing is changed, and the run says so."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from simulated import ADD_EXP, altered, compiled

from powerfusion.errors import SimulationError
from powerfusion.executable import Executable
from workloads import find

TURNED = find("transpose_add")
PROGRAMS: dict[str, Executable] = {}
X, Y = np.random.default_rng(0).standard_normal((2, 70, 300)).astype(np.float32)


def program(machine: str) -> Executable:
    """The program of a sum and an exponential, or one that the tasks of a cluster share, compiled once."""
    if machine not in PROGRAMS:
        text, target = (TURNED.text("small"), "mlu592") if machine == "turned" else (ADD_EXP, machine)
        PROGRAMS[machine] = compiled(text, f"mlu:{target}")
    return PROGRAMS[machine]


def once(pattern: str, new: str) -> Callable[[str], str]:
    """Replaces what is found first."""
    return lambda text: re.sub(pattern, new, text, count=1)


def each(pattern: str, new: str) -> Callable[[str], str]:
    """Replaces what is found anywhere."""
    return lambda text: re.sub(pattern, new, text)


BUGS: dict[str, tuple[str, Callable[[str], str], str]] = {
    "unpadded count": ("mlu372", once(r"(__bang_add\(.*, )(\d+)\);", r"\g<1>\g<2> - 1);"), "no multiple of 128"),
    "swapped direction": ("mlu372", once("GDRAM2NRAM", "NRAM2GDRAM"), "must be in nram is in memory"),
    "missing sync": ("mlu372", once(r"__sync_io\(\);", ""), "nobody has waited for .missing __sync_io"),
    "missing sync of what computes": ("mlu372", once(r"__sync_compute\(\);", ""), "nobody has waited for that"),
    "missing last sync": ("mlu372", each(r"__sync_io\(\);(?=\s*})", ""), "before this copy was waited for|waited for"),
    "NRAM over budget": ("mlu372", once(r"nram_memory\[\d+\]", "nram_memory[655488]"), "over budget"),
    "segnum too large": (
        "mlu372",
        once(r"(NRAM2GDRAM, \d+, \d+, \w+)\)", r"\g<1> + 1)"),
        "was written by task|never written",
    ),
    "segnum too small": ("mlu372", each(r"(GDRAM2NRAM, \d+, \d+, \w+)\)", r"\g<1> - 1)"), "never written"),
    "overlapping copies": ("mlu372", once(r"\(nram_memory \+ \d+\)", "nram_memory"), "what the copy of line"),
    "missing barriers": ("turned", each(r"__sync_cluster\(\);", ""), "no barrier is between"),
    "unequal barriers": (
        "turned",
        once(r"__sync_cluster\(\);(?=\s*})", "if (coreId == 0) __sync_cluster();"),
        "ended while others wait",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_bug_is_found(bug: str) -> None:
    """Each at the line of C, with the op that it is of."""
    machine, change, message = BUGS[bug]
    with pytest.raises(SimulationError, match=message) as caught:
        altered(program(machine), change)(*(TURNED.inputs("small") if machine == "turned" else (X, Y)))
    if bug not in ("NRAM over budget", "unequal barriers"):
        assert re.match(r"line \d+: .* of (gir|arith|math)\.\w+ ", str(caught.value)), str(caught.value)


def test_unchanged_program_has_none() -> None:
    """The same way of building it, with a comment put in."""
    changed = altered(program("mlu372"), lambda text: f"// the same\n{text}")
    np.testing.assert_allclose(changed(X, Y), np.exp(X + Y), rtol=1e-6)
