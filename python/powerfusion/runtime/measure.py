"""Measures the candidates of a bundle where the device is: `python -m powerfusion.runtime.measure b.zip -o r.json`.

It needs the device's driver, NumPy with ml_dtypes, and this package's runtime; neither MLIR nor the compiler. A
candidate first runs once, and its results are compared with the host's and with those of the other candidates. Then all
take turns, in another order each round. In a turn, sets of inputs that together are larger than any cache take turns as
one graph, so that the host costs nothing; events on the device tell how long that takes.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path

from powerfusion.errors import ArtifactError, DeviceError, PowerFusionError, UnsupportedError
from powerfusion.runtime.agreement import is_close, results_of
from powerfusion.runtime.artifact import LoadedProgram, load_artifact
from powerfusion.runtime.bundle import (
    SCHEMA,
    BundleReader,
    Candidate,
    Measured,
    Results,
    open_bundle,
    sampled,
)
from powerfusion.runtime.device_function import DeviceFunction
from powerfusion.runtime.driver_device import DeviceMemory, Event, Graph, driver_of
from powerfusion.runtime.drivers import Driver
from powerfusion.runtime.signature import Array

ROUNDS = 7
SAMPLES = 5
"""How often a turn is timed; its median counts."""
SAMPLE_S = 0.01
"""How long what is timed takes at least."""
MOST_TIMES = 10_000
MOST_SETS = 64
LEAST_COPY_BYTES = 256 << 20

Told = Callable[[str], None]
"""Is told what happens."""


def measure(path: Path, rounds: int = ROUNDS, seed: int = 0, told: Told = lambda _: None) -> Results:
    """Measures the candidates of a bundle.

    Args:
        path: Of the bundle.
        rounds: How many turns each has.
        seed: Of their order.
        told: Is told what happens.

    Raises:
        ArtifactError: The bundle is damaged.
        DeviceError: There is no device, or none of that kind.
    """
    begun = time.perf_counter()
    with open_bundle(path) as reader:
        bundle, inputs = reader.bundle, reader.inputs()
        driver = driver_of(bundle.target.partition(":")[0])
        programs, problems = _checked(reader, inputs, told)
    seconds: dict[int, list[float]] = {number: [] for number in programs}
    for number in range(rounds):
        order = [each for each in programs if each not in problems]
        random.Random(f"{seed} {number}").shuffle(order)
        told(f"round {number + 1} of {rounds}")
        for each in order:
            try:
                seconds[each].append(turn(programs[each], inputs, bundle.cache_bytes))
            except (DeviceError, UnsupportedError) as error:
                problems[each] = error.message
    rate = copy_rate(driver, bundle.cache_bytes)
    candidates = tuple(_measured(each, seconds, problems) for each in bundle.candidates)
    spent = time.perf_counter() - begun
    return Results(SCHEMA, bundle.program, bundle.target, driver.device_name, rate, candidates, spent)


def _measured(candidate: Candidate, seconds: dict[int, list[float]], problems: dict[int, str]) -> Measured:
    problem = candidate.problem or problems.get(candidate.number, "")
    turns = () if problem else tuple(seconds[candidate.number])
    return Measured(candidate.number, candidate.predicted_s, turns, problem)


def _checked(
    reader: BundleReader, inputs: Sequence[Array], told: Told
) -> tuple[dict[int, DeviceFunction], dict[int, str]]:
    """The candidates that compute what they should, and why others don't."""
    programs: dict[int, DeviceFunction] = {}
    problems: dict[int, str] = {}
    expected, first = reader.expected(), list[Array]()
    for candidate in reader.bundle.there:
        told(f"running candidate {candidate.number}")
        try:
            program = _loaded(reader, candidate)
            made = results_of(program, program.signature, inputs)
        except DeviceError:
            raise
        except PowerFusionError as error:
            problems[candidate.number] = error.message
            continue
        first = first or made
        if not all(map(is_close, map(sampled, made), expected)) or not all(map(is_close, made, first)):
            problems[candidate.number] = "gives other results: a fault of PowerFusion"
            continue
        programs[candidate.number] = program.device_function
    return programs, problems


def _loaded(reader: BundleReader, candidate: Candidate) -> LoadedProgram:
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as folder:
        place = Path(folder) / "candidate.pfx"
        place.write_bytes(reader.artifact(candidate))
        return load_artifact(place, target=reader.bundle.target)


def turn(function: DeviceFunction, inputs: Sequence[Array], cache_bytes: int) -> float:
    """Seconds that a call takes on the device.

    Args:
        function: The program.
        inputs: Of a call.
        cache_bytes: What sets of inputs are larger than together, so that none is in a cache when its turn comes.

    Raises:
        DeviceError: The device failed, or has too little memory.
        UnsupportedError: What the program launches depends on what it computes.
    """
    if not function.launches.repeats:
        raise UnsupportedError("what it launches depends on what it computes: it can't be replayed")
    with ExitStack() as stack:
        first = stack.enter_context(closing(function.resident(inputs)))
        count = sets_for(first.device.size_bytes, cache_bytes)
        others = [stack.enter_context(closing(function.resident(inputs))) for _ in range(count - 1)]
        launches = [launch for each in (first, *others) for launch in each.launched]
        graph = stack.enter_context(closing(Graph(first.device, launches)))
        return timed(first.device.driver, graph.start) / count


def sets_for(size_bytes: int, cache_bytes: int) -> int:
    """How many sets of so many bytes are twice as large as a cache, within reason."""
    return min(MOST_SETS, max(2, -(-2 * cache_bytes // max(1, size_bytes))))


def timed(driver: Driver, start: Callable[[], None]) -> float:
    """Seconds that something takes on the device once, of several samples the median; it has run before then."""
    once = _sample(driver, start, 1)
    times = min(MOST_TIMES, max(1, round(SAMPLE_S / max(once, 1e-9))))
    return statistics.median(_sample(driver, start, times) / times for _ in range(SAMPLES))


def _sample(driver: Driver, start: Callable[[], None], times: int) -> float:
    with closing(Event(driver)) as begin, closing(Event(driver)) as end:
        begin.record()
        for _ in range(times):
            start()
        end.record()
        driver.call("wait")
        return begin.seconds_until(end)


def copy_rate(driver: Driver, cache_bytes: int) -> float:
    """Bytes per second that a copy within the device's memory moves, which no kernel is quicker than.

    Args:
        driver: Of the device.
        cache_bytes: What the copy is larger than.
    """
    size = max(2 * cache_bytes, LEAST_COPY_BYTES)
    with closing(DeviceMemory(driver)) as memory:
        source, dest = memory.allocate(size), memory.allocate(size)
        return 2 * size / timed(driver, lambda: memory.copy(source, dest))


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(prog="python -m powerfusion.runtime.measure", description=__doc__)
    made.add_argument("bundle", metavar="BUNDLE", type=Path, help="what `pf tune IN --bundle BUNDLE` wrote")
    made.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="where results go: r.json")
    made.add_argument("--rounds", metavar="N", type=int, default=ROUNDS, help="turns of each candidate (%(default)s)")
    made.add_argument("--seed", metavar="N", type=int, default=0, help="of their order (%(default)s)")
    return made


def main(words: Sequence[str] | None = None) -> int:
    """Measures, and writes what came out."""
    options = parser().parse_args(words)
    try:
        results = measure(options.bundle, options.rounds, options.seed, lambda said: print(said, file=sys.stderr))
    except (ArtifactError, DeviceError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    options.output.write_text(json.dumps(asdict(results), indent=1) + "\n")
    for each in results.candidates:
        said = each.problem or f"{statistics.median(each.seconds) * 1e6:.1f} us"
        print(f"candidate {each.number}: {said}")
    print(f"a copy: {results.copy_bytes_per_s / 1e9:.0f} GB/s, on {results.device}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
