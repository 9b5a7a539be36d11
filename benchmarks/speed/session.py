"""A run: every case on every peer, interleaved in rounds, with the machine's ceilings beside them."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from peers import PeerSpec
from speed.ceilings import Ceilings
from speed.protocol import Hello, Measure, Measured, Prepare, Prepared, receive, send
from suites import Case

ROOT = Path(__file__).resolve().parents[2]
ROUND_S = 0.25
FEWEST_CALLS, MOST_CALLS = 3, 200
COLD_BYTES = 128 << 20
"""What inputs that take turns come to at least, so that none is in a cache when its turn comes."""
MOST_SETS = 64
LARGE_BYTES = 256 << 20
"""Inputs that are so large needn't take turns: no cache holds their beginning when their end has come."""
TOLERANCES = {"f32": 1e-4, "bf16": 2**-5}
"""The largest error of a right answer, in parts of its magnitude; peers may use approximations of their own."""


@dataclass(frozen=True)
class Timing:
    """What a peer took for a case.

    Attributes:
        seconds: The median of each round.
        compile_s: From the source to the first result.
        error: Of the results, in parts of their magnitude.
        failure: Why there is no time, if there is none.
        products_s: Of a call, in products of a library; of models only.
    """

    seconds: tuple[float, ...] = ()
    compile_s: float = 0
    error: float = 0
    failure: str = ""
    products_s: float = 0

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Between the slowest and the fastest round, in parts of the median."""
        return (max(self.seconds) - min(self.seconds)) / self.median


@dataclass(frozen=True)
class Row:
    """A case and what all peers took for it.

    Attributes:
        case: Its name.
        read: Bytes that must be read.
        written: Bytes that must be written.
        timings: By peer.
        products: Multiply-adds that must be done.
        probes: What a streamed copy moved before each round and behind the last one, in bytes per second.
        like: The case whose share of the roofline its own is compared with.
    """

    case: str
    read: int
    written: int
    timings: dict[str, Timing] = field(default_factory=dict)
    products: int = 0
    probes: tuple[float, ...] = ()
    like: str = ""

    def roof(self, ceilings: Ceilings) -> float:
        """The least seconds for its bytes, or for its multiply-adds."""
        return max(ceilings.seconds(self.read, self.written), 2 * self.products / ceilings.fma)


class Worker:
    """A peer's process."""

    def __init__(self, spec: PeerSpec, threads: int, log: IO[bytes]) -> None:
        self._spec, self._threads, self._log = spec, threads, log
        self._start()

    def _start(self) -> None:
        spec, threads = self._spec, self._threads
        paths = [ROOT / "benchmarks", *([ROOT / "python"] if spec.venv == ".venv" else [])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
        environment |= {name: value.format(threads=threads) for name, value in spec.environment.items()}
        python = ROOT / spec.venv / "bin" / "python"
        command = [str(python), "-m", "speed.worker", spec.module]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, _cores(threads)),  # this process has no threads of its own
        )
        hello = cast("Hello | None", receive(cast(IO[str], self._process.stdout)))
        self.versions = hello.versions if hello else {}
        self.failure = hello.failure if hello else "it didn't start"

    def ask(self, message: Any) -> Any:
        """The reply to a message, or None where the process has died."""
        try:
            send(cast(IO[str], self._process.stdin), message)
            return receive(cast(IO[str], self._process.stdout))
        except (BrokenPipeError, ValueError):
            return None

    def revive(self) -> None:
        """Starts the process again where it has died: one case may be too much for it, and others not."""
        if not self.failure and self._process.poll() is not None:
            self._process.communicate()
            self._start()

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()


def _cores(threads: int) -> set[int]:
    """The cores that a worker may use: the last ones, since the system prefers the first for its own work."""
    return set(sorted(os.sched_getaffinity(0))[-threads:])


@contextmanager
def workers(specs: Sequence[PeerSpec], threads: int, log: Path) -> Iterator[dict[str, Worker]]:
    """Starts the peers' processes; ends them at the end, however that comes."""
    with ExitStack() as stack:
        stream = stack.enter_context(log.open("wb"))
        started: dict[str, Worker] = {}
        for spec in specs:
            started[spec.title] = Worker(spec, threads, stream)
            stack.callback(started[spec.title].close)
        yield started


def run_case(
    suite: str,
    case: Case,
    running: dict[str, Worker],
    rounds: int,
    probe: Callable[[], float],
    told: Callable[[str], None] = lambda _: None,
) -> Row:
    """Times a case on every peer that has started.

    Args:
        suite: That it is of.
        case: What is timed.
        running: Peers by title.
        rounds: How often each has its turn.
        probe: Says what the machine's memory moves now, in bytes per second.
        told: Is told what happens, in words.
    """
    inputs = case.workload.inputs()
    wanted = case.wanted(inputs)
    size = sum(a.nbytes for a in inputs)
    sets = 1 if size >= LARGE_BYTES else min(MOST_SETS, max(2, -(-COLD_BYTES // max(1, size))))
    timings: dict[str, Timing] = {}
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as folder:
        for at, array in enumerate(wanted):
            np.save(Path(folder) / f"{at}.npy", array)
        for title, worker in running.items():
            told(f"{case.name}: {title} compiles")
            worker.revive()
            timings[title] = _prepared(case, worker.ask(Prepare(suite, case.name, sets, folder)))
    ready = {title: running[title] for title, timing in timings.items() if not timing.failure}
    calls = {title: _calls(worker) for title, worker in ready.items()}
    seconds: dict[str, list[float]] = {title: [] for title in ready}
    probes: list[float] = []
    for at in range(rounds):
        told(f"{case.name}: round {at + 1} of {rounds}")
        probes.append(probe())
        for title, worker in ready.items():
            measured = cast("Measured | None", worker.ask(Measure(calls[title])))
            if measured:
                seconds[title].append(statistics.median(measured.seconds))
    for title, found in seconds.items():
        died = "" if len(found) == rounds else "its process died"
        timings[title] = replace(timings[title], seconds=tuple(found), failure=died)
    rights = tuple(np.empty(a.shape, _result_dtype(case, a)) for a in wanted)
    read, written = case.traffic(inputs, rights)
    return Row(case.name, read, written, timings, case.products, (*probes, probe()), case.like)


def _prepared(case: Case, reply: Prepared | None) -> Timing:
    """What a peer has before its first turn: why there will be none, if so."""
    if reply is None:
        return Timing(failure="its process died")
    tolerance = TOLERANCES[case.workload.dtype]
    wrong = "" if reply.error <= tolerance else f"wrong: off by {reply.error:.1e} of the magnitude"
    return Timing((), reply.compile_s, reply.error, reply.failure or wrong, reply.products_s)


def _result_dtype(case: Case, array: np.ndarray) -> np.dtype[Any]:
    """What a result has: floats the case's dtype, whole numbers their own."""
    if array.dtype.kind != "f":
        return array.dtype
    return np.dtype(np.float32) if case.workload.dtype == "f32" else np.dtype(np.float16)  # as wide as bf16


def _calls(worker: Worker) -> int:
    """How many calls make a round."""
    measured = cast("Measured | None", worker.ask(Measure(FEWEST_CALLS)))
    longest = statistics.median(measured.seconds) if measured else 1
    return min(MOST_CALLS, max(FEWEST_CALLS, round(ROUND_S / max(longest, 1e-9))))
