"""A peer's process: prepares cases and calls them when asked.

Usage: PYTHON -m speed.worker PEER, with `benchmarks` on the path. Messages come on standard input and go to what was
standard output; what a framework prints goes to standard error.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from speed.protocol import Hello, Measure, Measured, Prepare, Prepared, receive, send
from suites import MODELS, SUITES
from suites.case import Case, error_of

WARM_CALLS = 3
Call = Callable[[], Any]


class Ready:
    """A prepared case: one call per set of inputs, taken in turn."""

    def __init__(self, calls: list[Call]) -> None:
        self._calls = calls
        self._next = 0

    def seconds(self, count: int) -> list[float]:
        """How long each of some calls takes."""
        found: list[float] = []
        for _ in range(count):
            call = self._calls[self._next % len(self._calls)]
            self._next += 1
            begun = time.perf_counter()
            result = call()
            found.append(time.perf_counter() - begun)
            del result
        return found


def prepare(peer: Any, request: Prepare) -> tuple[Ready, Prepared]:
    """Compiles a case, checks it, and warms it up."""
    case = next(c for c in SUITES[request.suite]() if c.name == request.case)
    inputs = case.workload.inputs()
    begun = time.perf_counter()
    bind = peer.prepare(case)
    first = bind(inputs)
    results = peer.arrays(first())
    compile_s = time.perf_counter() - begun
    error = _error(case, results, Path(request.wanted))
    calls = [first, *(bind(case.workload.inputs(seed=seed)) for seed in range(1, request.sets))]
    ready = Ready(calls)
    ready.seconds(max(WARM_CALLS, len(calls)))
    products_s = peer.seconds_in_products(first) if request.suite == MODELS else 0.0
    return ready, Prepared(compile_s, error, products_s=products_s)


def _error(case: Case, results: list[np.ndarray], folder: Path) -> float:
    wanted = [np.load(folder / f"{k}.npy") for k in range(len(list(folder.iterdir())))]
    if len(results) != len(wanted):
        return float("inf")
    return max(error_of(a, b, case.workload.scale) for a, b in zip(results, wanted, strict=True))


def main() -> int:
    """Serves one session."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        peer = import_module(f"peers.{sys.argv[1]}").make()
    except Exception as error:
        send(replies, Hello({}, f"{type(error).__name__}: {error}"))
        return 1
    send(replies, Hello(peer.versions()))
    ready: Ready | None = None
    while (request := receive(sys.stdin)) is not None:
        match request:
            case Prepare():
                ready = None
                gc.collect()
                try:
                    ready, reply = prepare(peer, request)
                except Exception as error:  # a peer's failure is a result
                    reply = Prepared(failure=" ".join(f"{type(error).__name__}: {error}".split())[:300])
                send(replies, reply)
            case Measure(calls=calls) if ready is not None:
                gc.collect()
                gc.disable()
                send(replies, Measured(ready.seconds(calls)))
                gc.enable()
            case _:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
