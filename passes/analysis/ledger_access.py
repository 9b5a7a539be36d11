"""What the parts of the ledger hand to one another: accesses, the loops around them, and figures.

An instruction's byte expression (`ledger_bytes`) says what one execution accesses; a form's walker
says in which loops it stands; `ledger_tally` says what that comes to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from powerfusion import symbolic
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_numbers import Axis, Number, add, multiply
from powerfusion.symbolic import Atom, Count, Polynomial


@dataclass(frozen=True)
class Loop:
    """A loop whose trips are open; its index is `low + step * symbol`.

    Attributes:
        symbol: Counts the trips, from 0.
        low: First index.
        high: What the index stays below.
        step: From one trip to the next.
    """

    symbol: str
    low: Count
    high: Count
    step: int

    @property
    def length(self) -> Count:
        """From the first index to the end."""
        return self.high - self.low

    @property
    def trips(self) -> Count:
        """How many trips it makes."""
        return symbolic.ceildiv(self.length, self.step)

    @property
    def index(self) -> Count:
        """The index in a trip."""
        return Polynomial.symbol(self.symbol) * self.step + self.low

    @property
    def at_most_once(self) -> bool:
        """True if it is known to make no more than one trip, as the rest of a peeled loop."""
        length = self.length
        if isinstance(length, int):
            return length <= self.step
        for powers, factor in length.terms:
            for name in powers if len(powers) == 1 else ():
                if isinstance(name, Atom) and name.operation == "floordiv" and -factor == name.operands[1]:
                    whole = Polynomial.symbol(name) * -factor
                    return -factor <= self.step and length + whole == name.operands[0]
        return False


@dataclass(frozen=True, eq=False)
class Scope:
    """The loops around an instruction.

    Attributes:
        axes: Loops whose trips are known, outer first.
        masks: Where not every trip of these is made, or an if stands between: 1 where it executes.
        loops: Loops whose trips are open, outer first.
        unsure: An if whose condition isn't known stands around it: figures are upper bounds.
        sweep: The pass whose steps the axes of a sweep are: each pass goes through them anew.
    """

    axes: tuple[Axis, ...] = ()
    masks: tuple[Number, ...] = ()
    loops: tuple[Loop, ...] = ()
    unsure: bool = False
    sweep: int = 0

    def inside(self, *axes: Axis, masks: Sequence[Number] = ()) -> Scope:
        """The scope in some loops whose trips are known."""
        kept = tuple(mask for mask in masks if mask != 1)
        return replace(self, axes=(*self.axes, *axes), masks=(*self.masks, *kept))


@dataclass(frozen=True, eq=False)
class Box:
    """Where an execution's window begins in a buffer, and how far its elements are apart, in elements."""

    root: object
    offset: Number
    strides: tuple[Number, ...]


@dataclass(frozen=True, eq=False)
class Rows:
    """What is looked up, if what different indices say is in different rows.

    Attributes:
        box: Where.
        counts: Its extents.
    """

    box: Box
    counts: tuple[Number, ...]


@dataclass(frozen=True, eq=False)
class Cells:
    """Addresses of elements one by one, each allocation's in a range of its own that begins at a granule.

    Attributes:
        executions: Those that are accessed at once.
    """

    executions: tuple[np.ndarray, ...]

    def granules(self, element: int, granule: int) -> int:
        """How many granules they touch."""
        if granule <= element:
            return self.elements() * (element // granule)
        return sum(len(np.unique(addresses * element // granule)) for addresses in self.executions)

    def elements(self) -> int:
        """How many there are, in one execution each once."""
        return sum(len(np.unique(addresses)) for addresses in self.executions)


@dataclass(frozen=True, eq=False)
class Access:
    """What one execution of an instruction reads or writes.

    Attributes:
        at: Where.
        direction: `read` or `write`.
        counts: Elements per dimension of the window that are there.
        element: Bytes of one.
        box: Their addresses; None where they have none, at `reg`.
        scattered: Each element, or each of `runs`, is a transaction of its own.
        nontemporal: A write that doesn't read first.
        exact: False where `counts` are the most that there may be.
        cells: Their addresses one by one, where they are no box.
        axes: Dimensions of a tile whose elements are accessed one by one,
        masks: and which of them are.
        table_bytes: Of scattered ones, all that there is to look up; None where that is open.
        rows: Of scattered ones, in which rows they are, where that is known.
        runs: Of scattered ones, the rows that are asked for at once, where these are more than single elements.
        steps: What moves where it begins by multiples that aren't known, in elements; it counts as where it lies worst.
        boxes: Where `cells` are known as boxes too, those of more executions: an access, and the loops around it.
    """

    at: gir.AtAttr
    direction: str
    counts: tuple[Number, ...]
    element: int
    box: Box | None = None
    scattered: bool = False
    nontemporal: bool = False
    exact: bool = True
    cells: Cells | None = None
    axes: tuple[Axis, ...] = ()
    masks: tuple[Number, ...] = ()
    table_bytes: int | None = None
    rows: Rows | None = None
    runs: Access | None = None
    steps: tuple[Number, ...] = ()
    boxes: tuple[Access, Scope] | None = None


@dataclass(frozen=True)
class Figures:
    """Bytes of an access over all executions.

    Attributes:
        useful: Of distinct elements.
        issued: Of whole granules.
        bounds: Those of `useful` and `issued` that are upper bounds.
    """

    useful: Count
    issued: Count
    bounds: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Buffer:
    """A memref, or a tensor at `dram`, as memory.

    Attributes:
        root: What is the same for all views of one allocation.
        at: Its place.
        element: Bytes of one.
        offset: Of its first element in the allocation, in elements.
        sizes: Its shape.
        strides: From one element to the next, in elements.
    """

    root: object
    at: gir.AtAttr | None
    element: int
    offset: Number
    sizes: tuple[Number, ...]
    strides: tuple[Number, ...]

    def box(self, starts: Sequence[Number]) -> Box:
        """Where a window of it begins."""
        offset = self.offset
        for start, stride in zip(starts, self.strides, strict=True):
            offset = add(offset, multiply(start, stride))
        return Box(self.root, offset, self.strides)


class Look(Protocol):
    """How a form finds what an op's operands are."""

    def number(self, value: ir.Value) -> Number:
        """An index value."""
        ...

    def buffer(self, value: ir.Value) -> Buffer:
        """A memref."""
        ...

    def shape(self, value: ir.Value) -> tuple[Number, ...]:
        """The shape of a tensor or memref."""
        ...

    def part(self, value: ir.Value) -> tuple[Number, ...] | None:
        """The extents of what one execution makes of a value; None for all of it."""
        ...

    def begin(self, value: ir.Value) -> tuple[Number, ...] | None:
        """Where in a value that part begins; None for a tile, which is all there is."""
        ...

    def accessed(self, value: ir.Value, op: ir.Operation, direction: str) -> Iterable[Access]:
        """What a movement of a whole value accesses of it, in graph form."""
        ...


def place_of(value: ir.Value) -> gir.AtAttr:
    """The `#gir.at` of a tensor or memref."""
    type_ = value.type
    encoding = type_.memory_space if isinstance(type_, ir.MemRefType) else type_.encoding
    return gir.AtAttr(encoding)
