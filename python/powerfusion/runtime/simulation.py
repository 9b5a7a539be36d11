"""Running a simulated program: in a process of its own, once with copies done early and once with copies done late.

The process is given a folder: `program.so`, `call.json` and `argument0.npy` ...; it leaves results there, and a report
per run. A program that crashes or doesn't end takes nothing with it.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from powerfusion.errors import InputError, PowerFusionError, SimulationError
from powerfusion.runtime.c_function import CFunction
from powerfusion.runtime.shared_library import load_c_program
from powerfusion.runtime.signature import DTYPES, Array, ArraySpec, Signature, like_inputs
from powerfusion.runtime.timeline import Event, Timeline

TIMEOUT_S = 300
RUNS = ("early", "late")
TIMED = "timed"
"""A run in which nothing is moved or computed: what it takes depends on sizes alone."""


@dataclass(frozen=True)
class Simulation:
    """What a run did.

    Attributes:
        bytes: Moved by copies, per link as `gdram -> nram`.
        calls: How often each of the machine's functions was called.
    """

    bytes: Mapping[str, int]
    calls: Mapping[str, int]


class SimulatedFunction:
    """A program on a simulated machine; call it on arrays.

    Args:
        library: The compiled simulation.
        name: Of its entry.
        signature: What callers pass and get.
        messages: Of its assertions.
        place_of: Says which op a line of the program's C is of.
    """

    def __init__(
        self,
        library: bytes,
        name: str,
        signature: Signature,
        messages: Sequence[str],
        place_of: Callable[[int], str] = lambda line: f"line {line}",
    ) -> None:
        self.signature = signature
        self.last_shapes: tuple[tuple[int, ...], ...] = ()
        self.last: Simulation | None = None
        self._library, self._name, self._messages, self._place_of = library, name, tuple(messages), place_of

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """Runs the program twice, and compares.

        Raises:
            InputError: The arrays don't fit.
            SimulationError: The simulator found a fault, or the program crashed or didn't end.
        """
        if out is not None:
            raise SimulationError("a simulation makes its results itself", help="leave 'out' away")
        inputs = self.signature.check(arrays)
        self.last_shapes = tuple(array.shape for array in inputs)
        with tempfile.TemporaryDirectory(prefix="powerfusion-") as name:
            folder = Path(name)
            self._prepare(folder, inputs)
            self._run(folder)
            results = self._results(folder)
            for at, (spec, array) in enumerate(zip(self.signature.arguments, inputs, strict=True)):
                if spec.in_place:
                    array[...] = _read(folder / f"early_argument{at}.npy", spec)
        given = like_inputs(results, arrays)
        return None if not given else given[0] if len(given) == 1 else tuple(given)

    def timeline(self) -> Timeline:
        """What a call takes in the simulator's model of time, without doing it: sizes may be as large as they like.

        Raises:
            InputError: A size of an argument is open.
            SimulationError: The program crashed or didn't end.
        """
        if any(size is None or size < 0 for spec in self.signature.arguments for size in spec.shape):
            raise InputError("a size of an argument is open", help="time a program whose sizes are known")
        with tempfile.TemporaryDirectory(prefix="powerfusion-") as name:
            folder = Path(name)
            self._prepare(folder, (), timed=True)
            self._start(folder)
            return self._timeline((folder / f"{TIMED}.txt").read_text())

    def _timeline(self, text: str) -> Timeline:
        total, busy, moved = 0.0, dict[str, float](), dict[str, int]()
        events: list[Event] = []
        for line in text.splitlines():
            kind, *rest = line.split("\t")
            match kind:
                case "time":
                    total = float(rest[1])
                case "busy":
                    busy[rest[0]] = float(rest[1])
                case "bytes":
                    moved[rest[0]] = int(rest[1])
                case "event":
                    name, pipe, task, number, start, end = rest
                    events.append(Event(name, pipe, int(task), self._place_of(int(number)), float(start), float(end)))
                case _:
                    pass
        return Timeline(total, busy, moved, events)

    def _prepare(self, folder: Path, inputs: Sequence[Array], *, timed: bool = False) -> None:
        (folder / "program.so").write_bytes(self._library)
        call = {"name": self._name, "messages": self._messages, "signature": asdict(self.signature), TIMED: timed}
        (folder / "call.json").write_text(json.dumps(call))
        for at, array in enumerate(inputs):
            _write(folder / f"argument{at}.npy", array)

    def _run(self, folder: Path) -> None:
        self._start(folder)
        for run in RUNS:
            self.last = self._report((folder / f"{run}.txt").read_text(), run)

    def _start(self, folder: Path) -> None:
        command = [sys.executable, "-m", "powerfusion.runtime.simulation", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise SimulationError(f"the simulated program didn't end within {TIMEOUT_S} s") from error
        if (folder / "failure.txt").exists():
            raise SimulationError((folder / "failure.txt").read_text())
        if done.returncode:
            raise SimulationError(
                f"the simulated program crashed: {done.stderr.strip()[-500:] or f'status {done.returncode}'}",
                help="a body of an intrinsic, or a loop over elements, reads or writes what isn't there",
            )

    def _report(self, text: str, run: str) -> Simulation:
        found: dict[str, dict[str, int]] = {"bytes": {}, "calls": {}}
        for line in text.splitlines():
            kind, *rest = line.split("\t")
            if kind == "fault":
                number, message = int(rest[0]), rest[1]
                raise SimulationError(
                    f"{message} (copies done {run})", location=self._place_of(number) if number else None
                )
            if kind in found:
                found[kind][rest[0]] = int(rest[1])
        return Simulation(found["bytes"], found["calls"])

    def _results(self, folder: Path) -> list[Array]:
        results: list[Array] = []
        for at, spec in enumerate(self.signature.results):
            early, late = (_read(folder / f"{run}_result{at}.npy", spec) for run in RUNS)
            if early.tobytes() != late.tobytes():
                raise SimulationError(
                    f"result {at} depends on when copies are done, or on which task comes first",
                    help="something reads or writes what a copy moves before it is waited for",
                )
            results.append(early)
        return results


def _write(path: Path, array: Array) -> None:
    """An array as its bytes, which any dtype has."""
    np.save(path, np.ascontiguousarray(array).reshape(array.shape).view(f"u{array.dtype.itemsize}"))


def _read(path: Path, spec: ArraySpec) -> Array:
    return np.load(path, allow_pickle=False).view(DTYPES[spec.dtype])


def main(folder: Path) -> None:
    """Runs the program of a folder."""
    call = json.loads((folder / "call.json").read_text())
    specs = {
        key: tuple(ArraySpec(one["dtype"], tuple(one["shape"]), one["scalar"], one["in_place"]) for one in given)
        for key, given in call["signature"].items()
        if key != "name"
    }
    signature = Signature(call["signature"]["name"], specs["arguments"], specs["results"])
    code = load_c_program((folder / "program.so").read_bytes(), call["name"])
    library: Any = code.owner
    library.pf_sim_report.restype = ctypes.c_char_p
    function = CFunction(code, signature, call["messages"])
    if call[TIMED]:
        library.pf_sim_begin(ctypes.c_int64(2))
        function(
            *(np.zeros(tuple(size or 0 for size in spec.shape), DTYPES[spec.dtype]) for spec in signature.arguments)
        )
        (folder / f"{TIMED}.txt").write_bytes(library.pf_sim_report())
        return
    for run in RUNS:
        arguments = [_read(folder / f"argument{at}.npy", spec) for at, spec in enumerate(signature.arguments)]
        library.pf_sim_begin(ctypes.c_int64(run == "late"))
        try:
            made = function(*arguments)
        except PowerFusionError as error:
            (folder / "failure.txt").write_text(str(error))
            return
        results = () if made is None else made if isinstance(made, tuple) else (made,)
        for at, result in enumerate(results):
            _write(folder / f"{run}_result{at}.npy", result)
        for at, argument in enumerate(arguments):
            _write(folder / f"{run}_argument{at}.npy", argument)
        (folder / f"{run}.txt").write_bytes(library.pf_sim_report())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
