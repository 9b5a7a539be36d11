"""Programs that compute the same, measured against one another on inputs that take turns."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from powerfusion.calibration.measure import Clock, Probe, seconds_of, times_of
from powerfusion.runtime.signature import Array

COLD_BYTES = 128 << 20
"""What sets of inputs come to at least, so that none is in a cache when its turn comes."""
MOST_SETS = 64
LARGE_BYTES = 256 << 20
"""Inputs that are so large needn't take turns: no cache holds their beginning when their end has come."""
FAIR_TURNS = 2
HOPELESS = 1.5
"""What is so many times as slow after a few turns isn't measured again."""

Call = Callable[..., Any]


def sets_of(inputs: Sequence[Array]) -> list[Sequence[Array]]:
    """Copies of inputs, so many that they take turns in no cache."""
    size = sum(array.nbytes for array in inputs)
    count = 1 if size >= LARGE_BYTES else min(MOST_SETS, max(2, -(-COLD_BYTES // max(1, size))))
    return [inputs, *([array.copy() for array in inputs] for _ in range(count - 1))]


def probe_of(name: str, program: Call, sets: Sequence[Sequence[Array]]) -> Probe:
    """A program that has run before as what is timed: each call is on the next set of inputs."""
    at = 0

    def run(times: int) -> None:
        nonlocal at
        for _ in range(times):
            program(*sets[at])
            at = (at + 1) % len(sets)

    return Probe(name, name, 1, run)


def turns(
    probes: Sequence[Probe], seconds: Mapping[str, Sequence[float]], rounds: int, seed: int, clock: Clock
) -> Iterator[tuple[Probe, float]]:
    """Each probe and the seconds of a turn of it, round by round, in an order of the seed's.

    What is clearly slower than another has no more turns.

    Args:
        probes: What is timed.
        seconds: What the turns of each took before; whoever takes one from here adds it.
        rounds: How many each has in the end.
        seed: Of the order.
        clock: Gives seconds.
    """
    times: dict[str, int] = {}
    for number in range(rounds):
        order = list(probes)
        random.Random(f"{seed} {number}").shuffle(order)
        for probe in order:
            had = seconds.get(probe.name, ())
            if len(had) > number or _is_hopeless(had, seconds.values()):
                continue
            if probe.name not in times:
                times[probe.name] = times_of(probe, clock)
            yield probe, seconds_of(probe, times[probe.name], clock) / times[probe.name]


def _is_hopeless(had: Sequence[float], others: Iterable[Sequence[float]]) -> bool:
    """Whether not even the quickest turn of a program is near that of another."""
    return len(had) >= FAIR_TURNS and min(had) > HOPELESS * min(min(turns) for turns in others if turns)
