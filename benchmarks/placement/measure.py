"""One cell of the table: a program placed and tiled for a machine, and what it then moves.

    linalg -> raise -> simplify -> place -> tile
                |          |                  |
              naive   least bytes          placed           bytes of DRAM that arrive

Bytes are those of the tile form's ledger; where it can't tell, those of the placed graph form, and the cell says so.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

from placement.machines import machine_of
from placement.route import FIRST, placed, tiled
from powerfusion.core._mlir import functions, operations
from powerfusion.dialects import gir
from powerfusion.errors import PowerFusionError
from powerfusion.executable import Executable, compile_phases
from powerfusion.frontend.source import read_module
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.least_bytes import least_dram_bytes
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.passes.analysis.ledger_report import on_chip_bytes
from powerfusion.symbolic import total
from workloads import Size, Workload

UNLIMITED = 1 << 62
PROMISES = ("placed ", "0 kernels placed")
"""How remarks begin that say what was done, not what stood against it."""
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
        form: Where `placed` was counted: in `tile` form, `at most` there, or in `graph` form where that can't tell.
        structure: Per kernel, what is swept and which levels its movements join.
        nests: Of the kernels that have one.
        blocked: What passes said against moving less.
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
    form: str = "tile"
    structure: tuple[str, ...] = ()
    nests: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
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
    with _heard(simplified) as remarks:
        exact = clock("place", lambda: placed(simplified, name))
        kernels = kernels_of(simplified)
        structure, nests = tuple(map(structure_of, kernels)), tuple(filter(None, map(nest_of, kernels)))
        after, form = _tile_bytes(simplified, name, remarks, clock), "tile"
        if after is None:
            after, form = clock("graph ledger", lambda: arriving(simplified, machine)), "graph"
        elif after.is_bound:
            form = "at most"
    return Cell(
        workload.name,
        workload.dtype,
        name,
        *(figures.arriving if figures else 0 for figures in (before, middle, after)),
        after.elements if after else 0,
        after.fills if after else 0,
        compulsory,
        bound,
        len(kernels),
        exact,
        form,
        structure,
        nests,
        tuple(dict.fromkeys(remark for remark in remarks if not remark.startswith(PROMISES))),
        clock.seconds,
    )


def _tile_bytes(placed_module: ir.Module, name: str, remarks: list[str], clock: Clock) -> Figures | None:
    """What arrives in tile form; None, and why, where that can't be told."""
    module = read_module(str(placed_module))
    try:
        with _heard(module) as said:
            clock("tile", lambda: tiled(module, name))
            figure = clock("tile ledger", lambda: arriving(module, machine_of(name)))
    except PowerFusionError as error:
        remarks.append(f"tile form: {_words(error)}")
        return None
    remarks += said
    return figure


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
    elements, fills = Fraction(), 0
    for entry in rows:
        figures = (entry.useful, entry.issued, entry.arriving)
        if not all(isinstance(figure, int) for figure in figures):
            return None
        useful, issued, arrives = (int(figure) for figure in figures)
        elements += Fraction(useful * arrives, max(issued, 1))
        fills += arrives if not useful else 0
    return Figures(
        int(total(entry.arriving for entry in rows)), int(elements), fills, any(entry.bounds for entry in rows)
    )


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

    def note(diagnostic: Any) -> bool:
        remarks.append(str(diagnostic.message).partition("\n")[0])
        return True

    with module.context as context, context.attach_diagnostic_handler(note):
        yield remarks
