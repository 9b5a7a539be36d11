"""What passes did, counted where they do it.

MLIR's own pass statistics belong to the C++ objects of passes, which Python ones don't have; these stand for them.

    count("stores cancelled")               in a pass, or in what it calls

    with collect(module.context) as counted:
        manager.run(module.operation)       counted: {"gir-merge-kernels": {"stores cancelled": 3}}

Where nobody collects, counting does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from powerfusion.mlir import ir

Statistics = dict[str, dict[str, int]]
"""By pass: how often, by what."""

STOPPED = "searches stopped by time"
"""What is counted where a pass gave up because of the time that it took, so that another run may find more."""
_collectors: list[tuple[ir.Context, Statistics]] = []
_counts: ContextVar[dict[str, int] | None] = ContextVar("counts", default=None)
"""Of the pass that runs on this thread, while somebody collects."""


def count(what: str, times: int = 1) -> None:
    """Counts something that the pass which runs now has done; none is nothing."""
    counts = _counts.get()
    if counts is not None and times:
        counts[what] = counts.get(what, 0) + times


@contextmanager
def counting(context: ir.Context, pass_name: str) -> Iterator[None]:
    """What is counted inside is counted for a pass."""
    found = next((counted for where, counted in reversed(_collectors) if where == context), None)
    token = _counts.set(None if found is None else found.setdefault(pass_name, {}))
    try:
        yield
    finally:
        _counts.reset(token)


@contextmanager
def collect(context: ir.Context) -> Iterator[Statistics]:
    """Collects what the passes that run on a context count; passes that count nothing have no entry."""
    counted: Statistics = {}
    entry = (context, counted)
    _collectors.append(entry)
    try:
        yield counted
    finally:
        _collectors[:] = [other for other in _collectors if other is not entry]
        for name in [name for name, counts in counted.items() if not counts]:
            del counted[name]
