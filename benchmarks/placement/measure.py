"""One cell of the table: a program placed and tiled for a machine, and what it then moves.

    linalg -> raise -> simplify -> place -> tile
                |          |                  |
              naive   least bytes          placed           bytes of DRAM that arrive

Bytes are those of the tile form's ledger; where it can't tell, those of the placed graph form, and the cell says so.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from placement.machines import halved, machine_of
from placement.route import FIRST, Said, placed, tiled
from powerfusion.core._mlir import functions, operations
from powerfusion.dialects import gir
from powerfusion.errors import PowerFusionError
from powerfusion.executable import Executable, compile_phases
from powerfusion.frontend.source import read_module
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.beyond import Beyond, beyond_once
from powerfusion.passes.analysis.least_bytes import least_dram_bytes
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.passes.analysis.ledger_report import on_chip_bytes
from workloads import Size, Workload

UNLIMITED = 1 << 62
PROMISES = ("placed ", "0 kernels placed")
"""How remarks begin that say what was done, not what stood against it."""
PART = 0.005
"""Of the least, what a tensor must move beyond once to be named."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class Cell:
    """A program on a machine; bytes are those of DRAM, arriving.

    Attributes:
        program: Name of the workload.
        dtype: Its floats.
        machine: Name of the machine.
        naive: Of one kernel per operator.
        simplified: After every rewrite that only lowers bytes.
        placed: After placing and tiling.
        elements: Of `placed`, the elements that are asked for; what is left are the rests of transactions, and `fills`.
        fills: Of `placed`, what is read because it is written in parts.
        compulsory: Each touched element of what comes in and goes out, once.
        bound: The least with the machine's capacity on chip.
        kernels: How many are launched.
        exact: Whether the search proved that it found the best.
        time_ps: How long it takes by the search's model.
        by_bytes: What is placed where the objective is bytes.
        by_bytes_time_ps: How long that takes.
        form: Where `placed` was counted: in `tile` form, `at most` there, or in `graph` form where that can't tell.
        structure: Per kernel, what is swept and which levels its movements join.
        nests: Of the kernels that have one.
        blocked: What passes said against moving less.
        halved: Whether it is placed otherwise with half of the sram.
        seconds: By step, how long the processor took.
        error: What went wrong, where something did; the figures are then 0.
    """

    program: str
    dtype: str
    machine: str
    naive: int = 0
    simplified: int = 0
    placed: int = 0
    elements: int = 0
    fills: int = 0
    compulsory: int = 0
    bound: int = 0
    kernels: int = 0
    exact: bool = False
    time_ps: int = 0
    by_bytes: int = 0
    by_bytes_time_ps: int = 0
    form: str = "tile"
    structure: tuple[str, ...] = ()
    nests: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    halved: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def ratio(self) -> float:
        """What is moved, over what must be."""
        return self.placed / max(self.compulsory, self.bound, 1)

    @property
    def of_compulsory(self) -> float:
        """What is moved, over what would be with room for everything."""
        return self.placed / max(self.compulsory, 1)


class Clock:
    """How long steps took, in seconds of the processor: what else runs there makes no difference."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, step: str, function: Callable[[], Result]) -> Result:
        """Runs a step."""
        begun = time.process_time()
        try:
            return function()
        finally:
            self.seconds[step] = round(self.seconds.get(step, 0) + time.process_time() - begun, 3)


def measure(workload: Workload, machines: tuple[str, ...], size: Size = "full") -> Iterator[Cell]:
    """The cells of a program; what comes before placing is done once."""
    clock = Clock()
    try:
        executable = clock("simplify", lambda: compile_phases(workload.text(size), FIRST, "cpu"))
    except PowerFusionError as error:
        yield from (Cell(workload.name, workload.dtype, name, error=_words(error)) for name in machines)
        return
    for name in machines:
        try:
            yield _cell(workload, name, executable, dict(clock.seconds))
        except Exception as error:  # A crash of one cell is a finding, and no reason to lose the others.
            yield Cell(workload.name, workload.dtype, name, error=_words(error))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]


def _cell(workload: Workload, name: str, executable: Executable, seconds: dict[str, float]) -> Cell:
    machine, clock = machine_of(name), Clock()
    clock.seconds |= seconds
    naive, simplified = executable.module("raise"), executable.module("simplify")
    compulsory, bound = clock(
        "least", lambda: [_least(simplified, capacity) for capacity in (UNLIMITED, on_chip_bytes(machine))]
    )
    before = clock("naive ledger", lambda: arriving(naive, machine))
    middle = clock("simplified ledger", lambda: arriving(simplified, machine))
    found = _placed(simplified, name, "time", clock)
    other = _placed(executable.module("simplify"), name, "bytes", Clock(), found)
    half = executable.module("simplify")
    placed(half, name, machine=halved(machine))
    nothing = Figures(0, 0, 0)
    figures = found.figures or nothing
    return Cell(
        workload.name,
        workload.dtype,
        name,
        naive=(before or nothing).arriving,
        simplified=(middle or nothing).arriving,
        placed=figures.arriving,
        elements=figures.elements,
        fills=figures.fills,
        compulsory=compulsory,
        bound=bound,
        kernels=found.kernels,
        exact=found.said.exact,
        time_ps=found.said.time_ps,
        by_bytes=(other.figures or nothing).arriving,
        by_bytes_time_ps=other.said.time_ps,
        form=found.form,
        structure=found.structure,
        nests=found.nests,
        blocked=(*found.remarks, *_beyond(found.beyond, max(compulsory, bound))),
        halved=str(half) != found.text,
        seconds=clock.seconds,
    )


@dataclass(frozen=True)
class _Placed:
    """A program as an objective has it placed; `text` is its graph form."""

    figures: Figures | None
    form: str
    said: Said
    kernels: int
    structure: tuple[str, ...]
    nests: tuple[str, ...]
    remarks: tuple[str, ...]
    beyond: tuple[Beyond, ...]
    text: str


def _placed(module: ir.Module, name: str, objective: str, clock: Clock, known: _Placed | None = None) -> _Placed:
    """Places a simplified program and counts its tile form; that of one which is placed alike is `known`."""
    with _heard(module) as remarks:
        said = clock("place", lambda: placed(module, name, objective))
    if known is not None and str(module) == known.text:
        return replace(known, said=said)
    text, kernels, form = str(module), kernels_of(module), "tile"
    figures, more, beyond = _tile_figures(text, name, clock)
    if figures is None:
        figures, form = clock("graph ledger", lambda: arriving(module, machine_of(name))), "graph"
    elif figures.is_bound:
        form = "at most"
    structure, nests = tuple(map(structure_of, kernels)), tuple(filter(None, map(nest_of, kernels)))
    said_against = (remark for remark in (*remarks, *more) if not remark.startswith(PROMISES))
    remarked = tuple(dict.fromkeys(said_against))
    return _Placed(figures, form, said, len(kernels), structure, nests, remarked, beyond, text)


def _tile_figures(text: str, name: str, clock: Clock) -> tuple[Figures | None, tuple[str, ...], tuple[Beyond, ...]]:
    """What arrives in tile form, what was remarked, what is beyond once; None, and why, where that can't be told."""
    module = read_module(text)
    try:
        remarks = clock("tile", lambda: tiled(module, name))
        figures = clock("tile ledger", lambda: arriving(module, machine_of(name)))
        return figures, remarks, tuple(beyond_once(module, machine_of(name)))
    except PowerFusionError as error:
        return None, (f"tile form: {_words(error)}",), ()


def _beyond(found: Sequence[Beyond], least: int) -> Iterator[str]:
    """What is worth a word of what tensors move beyond once."""
    yield from dict.fromkeys(each.message for each in found if each.bytes >= PART * least)


def structure_of(kernel: ir.Operation) -> str:
    """What a kernel sweeps, and which levels its movements join, most often first."""
    moves = Counter(
        f"{found[0].level} to {found[1].level}" for found in filter(None, map(gir.movement, _inside(kernel)))
    )
    nest = nest_of(kernel)
    swept = nest[nest.index("sweep") :] if nest and "sweep" in nest else ""
    return f"{', '.join(f'{count} {way}' for way, count in sorted(moves.items()))} {swept}".strip()


def nest_of(kernel: ir.Operation) -> str:
    """The nest of a placed kernel, in MLIR's words; empty where it has none."""
    return str(kernel.attributes["nest"]) if "nest" in kernel.attributes else ""


def _inside(kernel: ir.Operation) -> list[ir.Operation]:
    return operations(kernel.regions[0].blocks[0])


@dataclass(frozen=True)
class Figures:
    """Bytes of DRAM that arrive: all, those of elements that are asked for, and those read to be written."""

    arriving: int
    elements: int
    fills: int
    is_bound: bool = False


def arriving(module: ir.Module, machine: Machine) -> Figures | None:
    """What a program moves; None where sizes or addresses are open."""
    rows = [entry for entry in ledger_of(module, machine).entries if entry.level == "dram"]
    every = elements = fills = 0
    for entry in rows:
        if not isinstance(entry.useful, int) or not isinstance(entry.arriving, int):
            return None
        every += entry.arriving
        elements += min(entry.useful, entry.arriving)
        fills += 0 if entry.useful else entry.arriving
    return Figures(every, elements, fills, any(entry.bounds for entry in rows))


def _least(module: ir.Module, capacity: int) -> int:
    figure = least_dram_bytes(module, {}, capacity)
    if not isinstance(figure, int):
        raise TypeError(f"expected sizes that are known, got {figure}")
    return figure


def kernels_of(module: ir.Module) -> list[ir.Operation]:
    """The kernels of a module in graph form."""
    return [
        op
        for function in functions(module.operation)
        for op in operations(function.regions[0].blocks[0])
        if op.name == "gir.kernel"
    ]


@contextmanager
def _heard(module: ir.Module) -> Iterator[list[str]]:
    """What is remarked meanwhile."""
    remarks: list[str] = []

    def note(diagnostic: ir.Diagnostic) -> bool:
        if diagnostic.severity == ir.DiagnosticSeverity.REMARK:
            remarks.append(": ".join([diagnostic.message, *(each.message for each in diagnostic.notes)]))
        return diagnostic.severity == ir.DiagnosticSeverity.REMARK

    with module.context as context, context.attach_diagnostic_handler(note):
        yield remarks
