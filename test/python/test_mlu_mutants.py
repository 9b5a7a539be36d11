"""Each wait, guard, fill and bound of a program's C is taken away in turn: the simulator finds all that change it.

A mutant that changes nothing at run time, say a bound that is never reached, isn't one. `EXPLAINED` has what survives.
"""

from __future__ import annotations

import datetime
import os
import re
from collections import Counter
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

import pytest
from c_mutants import LOG, VARIABLE, Mutant, switched
from programs.check import FULL
from simulated import DSP, altered, compiled
from test_workloads import check as check_workload

from powerfusion.errors import SimulationError
from powerfusion.machines.emission import Emission
from workloads import find

TODAY = int(os.environ.get("PF_TEST_SEED") or datetime.date.today().toordinal())
DEEP = f"file:{DSP}"
PROGRAMS = [
    ("softmax_4096x1009", "mlu:mlu372"),
    ("relu_add", "mlu:mlu592"),
    ("stencil5_1_step", DEEP),
    ("batchnorm_training", "mlu:mlu592"),
    ("transpose_add", "mlu:mlu372"),
    ("log_softmax_nll", "mlu:mlu372"),
    ("max_pool", DEEP),
    ("cumulative_sum", "mlu:mlu592"),
    ("rope", DEEP),
    ("masked_softmax", "mlu:mlu592"),
    ("residual_layernorm_1000x1000", DEEP),
    ("gpt2_decode_attention", "mlu:mlu372"),
]
CHOSEN = PROGRAMS if FULL else [PROGRAMS[0], PROGRAMS[1 + TODAY % (len(PROGRAMS) - 1)]]


def _waits_for_elements(mutant: Mutant, lines: list[str], emission: Emission) -> bool:
    before = lines[: mutant.line - 1]
    last = max((at for at, line in enumerate(before) if line.strip() == mutant.text), default=0)
    return mutant.text == f"{emission.compute_wait};" and any(re.search(r"\w\[.*\] = ", x) for x in before[last:])


def _is_waited_for_again(mutant: Mutant, lines: list[str], emission: Emission) -> bool:
    waits = {f"{copy.wait};" for copy in emission.copies}
    return mutant.text in waits and mutant.text in map(str.strip, lines[mutant.line :])


def _is_a_second_barrier(mutant: Mutant, lines: list[str], emission: Emission) -> bool:
    around = [line for line in lines if line.strip() == f"{emission.barrier};"]
    return mutant.text == f"{emission.barrier};" and len(around) > 1


def _is_for_what_is_outside(mutant: Mutant, lines: list[str], emission: Emission) -> bool:
    calls = tuple(f"{copy.parsed.callee}(" for copy in emission.copies)
    behind = list(map(str.strip, lines[mutant.line : mutant.line + 6]))
    guarded = any(line.startswith("if (") for line in behind)
    return mutant.kind == "fill" and guarded and any(line.startswith(calls) for line in behind)


def _is_a_second_guard(mutant: Mutant, lines: list[str], emission: Emission) -> bool:
    """Copies that are bounded within it, or loads ahead of a loop that has no step."""
    line = lines[mutant.line - 1]
    indent = line[: len(line) - len(line.lstrip())]
    behind = lines[mutant.line :]
    block = list(takewhile(lambda text: text.startswith(f"{indent}  "), behind))
    calls = tuple(f"{indent}  {copy.parsed.callee}(" for copy in emission.copies)
    found = re.fullmatch(r"if \((.*) < (.*)\) \{", mutant.text)
    if mutant.kind != "guard" or found is None:
        return False
    is_before_loop = any(f"= {found[1]}; " in text and f" < {found[2]}; " in text for text in behind[len(block) :])
    return is_before_loop or not any(text.startswith(calls) for text in block)


def _is_a_second_bound(mutant: Mutant, lines: list[str], emission: Emission) -> bool:
    """One whose number is bounded again before copies take it, or that only loops and calls within tiles take."""
    found = re.match(r"\w+ (\w+) = ", mutant.text)
    if mutant.kind != "least" or found is None:
        return mutant.kind == "least" and mutant.text.startswith("for (")
    calls = tuple(f"{copy.parsed.callee}(" for copy in emission.copies)
    users = [line.strip() for line in lines[mutant.line :] if re.search(rf"\b{found[1]}\b", line)]
    return any(" ? " in user for user in users) or not any(user.startswith(calls) for user in users)


EXPLAINED: dict[str, tuple[int, Callable[[Mutant, list[str], Emission], bool]]] = {
    "it waits for loops over elements too, which the simulator does at once": (2, _waits_for_elements),
    "before loops copies are waited for, whether what is within needs them or not": (
        2,
        _is_waited_for_again,
    ),
    "behind units there is a barrier, and one before the copies that come next": (2, _is_a_second_barrier),
    "a gather gives zero for places outside of its table, and no input has one": (2, _is_for_what_is_outside),
    "loads ahead are guarded by what there is of their window, too": (2, _is_a_second_guard),
    "windows are bounded where they are cut out and where they are copied; rows behind are computed, not stored": (
        6,
        _is_a_second_bound,
    ),
}
"""Why some survive: how many of a program may, and which."""


@pytest.mark.timeout(3600 if FULL else 120)
@pytest.mark.parametrize(("name", "target"), CHOSEN)
def test_mutants_are_found(name: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a fault, or by a result that isn't NumPy's."""
    workload = find(name)
    program = compiled(workload.text("small"), target)
    inputs = workload.inputs("small")
    emission = program.machine.emit
    assert emission is not None
    lines = program.c_source.code.splitlines()
    mutants: list[Mutant] = []

    def change(text: str) -> str:
        changed, found = switched(text, emission)
        mutants.extend(found)
        return changed

    function = altered(program, change)
    log = tmp_path / "log"
    monkeypatch.setenv(LOG, str(log))
    check_workload(workload, function(*inputs), inputs, "with switches")
    monkeypatch.delenv(LOG)
    matter = set(map(int, log.read_text().split()))
    survivors: dict[Mutant, str] = {}
    for mutant in [one for one in mutants if one.number in matter]:
        monkeypatch.setenv(VARIABLE, str(mutant.number))
        try:
            check_workload(workload, function(*inputs), inputs, mutant.text)
        except (SimulationError, AssertionError):
            continue
        reasons = [reason for reason, (_, why) in EXPLAINED.items() if why(mutant, lines, emission)]
        survivors[mutant] = reasons[0] if reasons else "nothing explains it"
    counts = Counter(survivors.values())
    said = "\n".join(f"{mutant.kind} {mutant.line}: {mutant.text}: {why}" for mutant, why in survivors.items())
    assert all(count <= EXPLAINED.get(reason, (0,))[0] for reason, count in counts.items()), said
    assert len(survivors) * 2 <= len(matter), said
