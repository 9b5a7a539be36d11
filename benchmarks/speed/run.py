"""A whole run with its progress: what `pf bench` calls."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from peers import EXCESS, FREE, PEERS, PeerSpec
from speed import table
from speed.ceilings import meter
from speed.session import ROOT, Row, run_case, workers
from suites import MODELS, SUITES, Case

LOG = ROOT / "build" / "bench.log"


class BenchmarkError(Exception):
    """What was asked for can't be measured."""


@dataclass(frozen=True)
class Request:
    """What to measure.

    Attributes:
        suite: A key of `SUITES`.
        dtypes: Of the cases.
        cases: Starts of names; all, if empty.
        peers: Modules of peers; all, if empty.
        threads: Of each peer.
        rounds: How often each has its turn.
        clang: What compiles the ceilings.
        excess_precision: Whether our programs are measured with excess precision, too.
        fp_contract: Whether they are with that and contraction, too.
    """

    suite: str
    dtypes: Sequence[str]
    cases: Sequence[str]
    peers: Sequence[str]
    threads: int
    rounds: int
    clang: Path
    excess_precision: bool = False
    fp_contract: bool = False


def run(request: Request, told: Callable[[str], None], shown: Callable[[str], None]) -> dict[str, object]:
    """Measures; gives everything as plain data.

    Args:
        request: What to measure.
        told: Is told what happens.
        shown: Is given lines of Markdown, at the end.

    Raises:
        BenchmarkError: No case or no peer is left.
    """
    cases, specs = cases_of(request.suite, request.dtypes, request.cases), _peers(request)
    told("the machine's ceilings")
    rows: list[Row] = []
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with meter(request.threads, request.clang) as machine, workers(specs, request.threads, LOG) as running:
        versions = {title: worker.versions for title, worker in running.items()}
        for title, worker in running.items():
            if worker.failure:
                shown(f"- {title} can't be measured: {worker.failure}")
        alive = {title: worker for title, worker in running.items() if not worker.failure}
        for at, case in enumerate(cases):
            note = partial(_told, told, f"{at + 1}/{len(cases)}")
            rows.append(run_case(request.suite, case, alive, request.rounds, machine.probe, note))
    about = {
        "suite": request.suite,
        "threads": request.threads,
        "rounds": request.rounds,
        "machine": f"{_processor()}, {platform.machine()}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "load": round(os.getloadavg()[0], 1),
        "excess_precision": any(spec.own for spec in specs),
        "fp_contract": any(spec.module == FREE for spec in specs),
    }
    data: dict[str, object] = {"about": about, **table.to_json(rows, machine.ceilings, versions)}
    for line in table.page(rows, machine.ceilings, about):
        shown(line)
    return data


def _told(told: Callable[[str], None], which: str, what: str) -> None:
    told(f"{which} {what}")


def _processor() -> str:
    """What the processor calls itself."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def cases_of(suite: str, dtypes: Sequence[str], names: Sequence[str]) -> list[Case]:
    """The cases of a suite, of some dtypes, whose names start so.

    Raises:
        BenchmarkError: There are none.
    """
    found = [
        case
        for case in SUITES[suite]()
        if case.workload.dtype in dtypes and (not names or any(case.workload.name.startswith(name) for name in names))
    ]
    if not found:
        raise BenchmarkError(f"no case of {suite} is called {' or '.join(names)}")
    return found


def _peers(request: Request) -> list[PeerSpec]:
    what = "models" if request.suite == MODELS else "programs"
    wanted = [*request.peers] or [spec.module for spec in PEERS if not spec.own and what in spec.takes]
    wanted += [EXCESS] * request.excess_precision + [FREE] * request.fp_contract
    return [spec for spec in PEERS if spec.module in wanted]


def save(path: Path, data: dict[str, object]) -> None:
    """Writes the data as JSON."""
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
