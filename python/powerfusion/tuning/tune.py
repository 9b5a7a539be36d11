"""Measures the best placements of a program by the model, and keeps the quickest in the compile cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from powerfusion.cache.choice import write_choice
from powerfusion.cache.files import Files, open_files
from powerfusion.calibration.measure import Clock, Probe, clock_for, quarters
from powerfusion.errors import PowerFusionError, UnsupportedError
from powerfusion.executable import Executable, choice_key, compile_candidate
from powerfusion.knobs import CACHE
from powerfusion.machines.host import host
from powerfusion.passes.placement.rates import cores
from powerfusion.runtime.agreement import is_same
from powerfusion.runtime.signature import Array
from powerfusion.tuning.contest import probe_of, sets_of, turns
from powerfusion.tuning.state import State

ROUNDS = 15
MARGIN = 0.02
"""The model's choice is left only for one that is quicker by more than this, in parts."""

Told = Callable[[str, int, int], None]
"""Is told what happens: words, how many steps are done, of how many."""
Inputs = Callable[[Executable], Sequence[Array]]
"""Makes the arrays for a program."""


@dataclass(frozen=True)
class Row:
    """A candidate and what was measured of it.

    Attributes:
        candidate: Its place by the model.
        predicted_s: What a call takes by the model; None where sizes are open.
        seconds: What its turns took for one call.
        problem: Why there is nothing, if there isn't.
    """

    candidate: int
    predicted_s: float | None = None
    seconds: tuple[float, ...] = ()
    problem: str = ""

    @property
    def measured_s(self) -> float:
        """What a quarter of its turns are below: what disturbs makes a turn longer."""
        return quarters(self.seconds)[0]

    @property
    def spread(self) -> float:
        """Between the quarters, in parts."""
        lower, upper = quarters(self.seconds)
        return (upper - lower) / lower


@dataclass(frozen=True)
class Tuned:
    """What a tuning came to.

    Attributes:
        rows: By candidate; those that are the same program as another are left out.
        chosen: The candidate that is kept.
        spent_s: How long it took, with what came before an interruption.
    """

    rows: tuple[Row, ...]
    chosen: int
    spent_s: float

    @property
    def measured(self) -> tuple[Row, ...]:
        """Those that have times."""
        return tuple(row for row in self.rows if row.seconds)

    @property
    def over_best(self) -> float:
        """What the model's choice takes, over the quickest."""
        first, *_ = self.measured
        return first.measured_s / min(row.measured_s for row in self.measured)


def tune(
    source: Any,
    candidates: int,
    budget_s: float,
    seed: int,
    inputs: Inputs,
    told: Told = lambda _words, _done, _of: None,
    clock: Clock = time.perf_counter,
    timer: Clock | None = None,
) -> Tuned:
    """Measures, and keeps the quickest: whoever compiles the same program next, on this machine and version, has it.

    Args:
        source: Whatever `powerfusion.compile` takes.
        candidates: How many placements, the best by the model.
        budget_s: Seconds that it may take; each candidate that is compiled by then has one turn at least.
        seed: Of the order of turns.
        inputs: Makes the arrays.
        told: Is told what happens.
        clock: Gives seconds, of which the budget is.
        timer: Gives those that programs are timed in; by default the one that suits the number of cores.

    Raises:
        PowerFusionError: The cache is off.
    """
    files, key = cache_of_choices(), choice_key(source)
    state = State(key, seed, candidates).resumed()
    tuned = Contest(source, candidates, budget_s, state, told, clock, timer).run(inputs)
    write_choice(files, key, tuned.chosen)
    state.forget()
    return tuned


def cache_of_choices() -> Files:
    """The cache that choices are kept in.

    Raises:
        PowerFusionError: It is off.
    """
    files = open_files()
    if files is None:
        raise PowerFusionError(
            "there is no cache to keep a placement in: it is off", help=f"{CACHE.name} names its folder"
        )
    return files


def compiled(
    candidates: int,
    make: Callable[[int], Executable],
    code_of: Callable[[Executable], object],
    told: Told,
    is_over: Callable[[], bool] = lambda: False,
) -> tuple[dict[int, Executable], dict[int, str]]:
    """The candidates that are programs of their own, as long as there is time, and why others aren't any.

    Args:
        candidates: How many.
        make: Compiles one.
        code_of: What programs that are the same have in common.
        told: Is told what happens.
        is_over: Whether there is no time left.

    Raises:
        PowerFusionError: The model's choice can't be compiled.
    """
    programs: dict[int, Executable] = {}
    problems: dict[int, str] = {}
    codes: set[object] = set()
    for number in range(candidates):
        if number > 1 and is_over():
            break
        told(f"compiling candidate {number}", number, candidates)
        try:
            program = make(number)
            code = code_of(program)
        except PowerFusionError as error:
            if not number:
                raise  # What can't be compiled at all can't be tuned.
            problems[number] = error.message.partition("\n")[0]
            continue
        if code not in codes:
            codes.add(code)
            programs[number] = program
    return programs, problems


@dataclass
class Contest:
    """Candidates of one program against one another.

    Attributes:
        source: The program.
        candidates: How many.
        budget_s: Seconds that it may take.
        state: What was measured so far; kept after each turn.
        told: Is told what happens.
        clock: Gives seconds, of which the budget is.
        timer: Gives those that programs are timed in; by default the one that suits the number of cores.
        cache: Whether candidates may come from the compile cache.
    """

    source: Any
    candidates: int
    budget_s: float
    state: State
    told: Told = lambda _words, _done, _of: None
    clock: Clock = time.perf_counter
    timer: Clock | None = None
    cache: bool = True

    def run(self, inputs: Inputs) -> Tuned:
        """Compiles, measures and chooses."""
        self.begun, self.before = self.clock(), self.state.spent_s
        programs, problems = compiled(
            self.candidates,
            lambda number: compile_candidate(self.source, number, cache=self.cache),
            lambda program: program.object_code,
            self.told,
            lambda: self._spent() > self.budget_s,
        )
        first = programs[0]
        arrays = inputs(first)
        sets, wanted = sets_of(arrays), first(*arrays)
        for number, program in list(programs.items())[1:]:
            if not is_same(wanted, program(*arrays)):
                problems[number] = "gives other results: a fault of PowerFusion"
                del programs[number]
        self._measure({number: probe_of(str(number), program, sets) for number, program in programs.items()})
        rows = [
            Row(number, predicted(program), tuple(self.state.seconds[str(number)]))
            for number, program in programs.items()
        ]
        rows += [Row(number, problem=problem) for number, problem in problems.items()]
        return Tuned(tuple(sorted(rows, key=lambda row: row.candidate)), chosen(rows), self._spent())

    def _spent(self) -> float:
        return self.before + self.clock() - self.begun

    def _measure(self, probes: dict[int, Probe]) -> None:
        """Turns until the budget or the rounds end; what was measured is kept after each."""
        state, done = self.state, sum(len(turns) for turns in self.state.seconds.values())
        kept = True
        timer = self.timer or clock_for(cores(host()))
        for probe, seconds in turns(list(probes.values()), state.seconds, ROUNDS, state.seed, timer):
            state.seconds.setdefault(probe.name, []).append(seconds)
            state.spent_s = self._spent()
            kept = kept and state.keep()
            done += 1
            self.told(f"candidate {probe.name}", done, ROUNDS * len(probes))
            if state.spent_s > self.budget_s and all(str(number) in state.seconds for number in probes):
                break


def chosen(rows: Sequence[Row]) -> int:
    """The quickest that was measured, if it is clearly quicker than the model's choice."""
    measured = [row for row in rows if row.seconds]
    best = min(measured, key=lambda row: row.measured_s)
    first = next((row for row in measured if row.candidate == 0), best)
    return best.candidate if best.measured_s < (1 - MARGIN) * first.measured_s else first.candidate


def predicted(program: Executable) -> float | None:
    """What a call takes by the model, of the program as it is tiled."""
    try:
        prediction = program.report(phase="tile").prediction
    except UnsupportedError:
        return None
    return None if prediction is None else prediction.ns * 1e-9
