"""Times probes against one another: rounds in which each has its turn, so that all see the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

TURN_S = 0.02
"""How long a turn takes at least: what a call costs and clocks can't tell doesn't count then."""
MOST_TIMES = 1 << 24

Clock = Callable[[], float]


def clock_for(cores: int) -> Clock:
    """What programs are timed by: on one core the processor's own time, in which nobody else has it."""
    return time.process_time if cores == 1 else time.perf_counter


@dataclass(frozen=True)
class Probe:
    """What is timed.

    Attributes:
        name: The figure that it gives, or that it helps to give.
        what: The same for people.
        amount: Bytes or operations that are done each time; 1 of what is only counted.
        run: Does it so many times.
    """

    name: str
    what: str
    amount: float
    run: Callable[[int], object]


@dataclass(frozen=True)
class Figure:
    """A number that was measured.

    Attributes:
        value: What the rounds say that nothing else disturbed.
        spread: Between the upper and the lower quarter of all rounds, in parts of the value.
    """

    value: float
    spread: float


def quarters(values: Sequence[float]) -> tuple[float, float]:
    """What a quarter of some values is below, and what a quarter is above."""
    if len(values) == 1:
        return values[0], values[0]
    lower, _, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, upper


def undisturbed(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By probe, seconds that a quarter of the rounds are below: what disturbs a round makes it longer."""
    return {name: quarters([seconds[name] for seconds in rounds])[0] for name in rounds[0]}


def rounds_of(
    probes: Sequence[Probe],
    rounds: int,
    clock: Clock,
    told: Callable[[int, Probe], None] = lambda _round, _probe: None,
) -> list[dict[str, float]]:
    """By round, and name of each probe, the seconds that it takes once.

    Args:
        probes: What is timed.
        rounds: How often each has its turn.
        clock: Gives seconds.
        told: Is told of each turn, with the number of its round.
    """
    times = {probe.name: times_of(probe, clock) for probe in probes}
    found: list[dict[str, float]] = []
    for number in range(rounds):
        seconds: dict[str, float] = {}
        for probe in probes:
            told(number, probe)
            seconds[probe.name] = seconds_of(probe, times[probe.name], clock) / times[probe.name]
        found.append(seconds)
    return found


def times_of(probe: Probe, clock: Clock) -> int:
    """How many times make a turn; the probe is warm then."""
    probe.run(1)
    times = 1
    while (taken := seconds_of(probe, times, clock)) < TURN_S and times < MOST_TIMES:
        times = min(max(2 * times, int(times * TURN_S / taken) if taken > 0 else 0), MOST_TIMES)
    return times


def seconds_of(probe: Probe, times: int, clock: Clock) -> float:
    """What so many times take."""
    begun = clock()
    probe.run(times)
    return clock() - begun
