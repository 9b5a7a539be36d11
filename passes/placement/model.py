"""A program as the search sees it: kernels, ops and values as numbers, and nothing of the IR.

Each dimension of each value belongs to a class, a number; kernels know their own classes, and a group of kernels ties
those that meet at the tensors which it hands on inside. Dimensions of size 1 are gone (`gir-drop-units`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from functools import cached_property

from powerfusion.dialects.gir import ALL

ASSUMED = 1024  # what an open size counts as


def extent(size: int | None) -> int:
    """A size to count with."""
    return ASSUMED if size is None else size


class Kind(Enum):
    """What an op does, as far as placing asks."""

    LOAD = "load"
    STORE = "store"
    COMPUTE = "compute"
    SPREAD = "spread"
    FOLD = "fold"
    SCAN = "scan"
    GATHER = "gather"
    CONSTANT = "constant"


@dataclass(frozen=True)
class Value:
    """A tensor at `reg`.

    Attributes:
        classes: Of its dimensions.
        shape: Their sizes; None where open.
        element_bytes: Of one element.
    """

    classes: tuple[int, ...]
    shape: tuple[int | None, ...]
    element_bytes: int


@dataclass(frozen=True)
class Reach:
    """What an op needs of one dimension of an operand, for a window of its first result from `s` to `e`.

    Attributes:
        dim: The result's dimension that it moves with, from `scale * s + low` to `scale * e + high`; None where it
            stays, from `low` to `high`.
        scale: How much further apart its elements are.
        low: See `dim`.
        high: See `dim`.
        clip: Whether it may stick out of the operand.
        own: Whether it is what a step has of the dimension, as of one that is folded away.
    """

    dim: int | None
    scale: int = 1
    low: int = 0
    high: int = 0
    clip: bool = False
    own: bool = False


@dataclass(frozen=True)
class Layout:
    """How a value lies in a tensor of the function, in elements.

    Attributes:
        offset: Where its first element is.
        strides: How far its elements are apart, by dimension of the value.
        steps: What moves where it begins by multiples that aren't known; it counts as where it lies worst.
    """

    offset: int
    strides: tuple[int, ...]
    steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Outer:
    """Where a load or a store meets the function.

    Attributes:
        tensor: The function's tensor, views that only add or drop dimensions of size 1 taken off.
        view: What of it: equal text, equal elements in equal order.
        dims: For each dimension of the value, which dimension of the tensor it is, of those that aren't of size 1.
        whole: Whether it is all of the tensor.
        contiguous: The class along which it lies contiguous in memory.
        needed: Whether all of what is moved is needed, for certain.
        reach: By dimension of the tensor, what a window of the value needs of it; None where views are of another kind.
        layout: How the value lies in the tensor; None where that is open.
    """

    tensor: int
    view: str
    dims: tuple[int, ...]
    whole: bool
    contiguous: int | None
    needed: bool = True
    reach: tuple[Reach, ...] | None = None
    layout: Layout | None = None


@dataclass(frozen=True)
class Op:
    """An op of a kernel, with its operands and results at `reg`.

    Attributes:
        kind: What it does.
        operands: Values.
        results: Values; of a scan what streams before what it comes to.
        reaches: By operand, what a window of the first result needs of each of its dimensions.
        folded: Classes that a reduction folds away, or that a scan runs along.
        whole: Classes that can't be cut: a step has all of them.
        outer: Of a load or a store; of a gather, the tensor that it reads.
        work: What an element of it costs, in operations of a vector unit.
        view: Whether its results are other names of what its operands have: nothing is computed.
        free: Whether its results take no room: they only repeat what is there.
        apart: Whether its results can't take the place of operands that die with it.
        contracts: Of a contraction, the type of what it multiplies; None of anything else.
        ordered: Whether what it folds is combined in its order, by one unit.
    """

    kind: Kind
    operands: tuple[int, ...] = ()
    results: tuple[int, ...] = ()
    reaches: tuple[tuple[Reach, ...], ...] = ()
    folded: tuple[int, ...] = ()
    whole: tuple[int, ...] = ()
    outer: Outer | None = None
    work: int = 1
    view: bool = False
    free: bool = False
    apart: bool = False
    contracts: str | None = None
    ordered: bool = False


@dataclass(frozen=True)
class Kernel:
    """A kernel; `blocked` says why it stays as it is, where it does.

    Attributes:
        ops: Numbers of its ops, in order.
        reads: The function's tensors that it loads.
        writes: Those that it stores.
        blocked: Why it can't be placed, None where it can.
    """

    ops: tuple[int, ...]
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    blocked: str | None


@dataclass(frozen=True)
class Program:
    """A block of a function.

    Attributes:
        values: By number.
        ops: By number.
        kernels: By node; None for an op that isn't a kernel.
        needs: By node, which nodes it needs, directly or not, as bits.
        readers: By tensor, the nodes that use it, as bits; -1 where the function returns it.
        volumes: By tensor, its bytes; None where open.
        made: By tensor, whether a kernel of the program makes it.
    """

    values: Sequence[Value]
    ops: Sequence[Op]
    kernels: Sequence[Kernel | None]
    needs: Sequence[int]
    readers: Sequence[int]
    volumes: Sequence[int | None]
    made: Sequence[bool]

    @cached_property
    def multiplied(self) -> frozenset[int]:
        """Values that are loaded for contractions alone, which multiply them."""
        loaded = {value for op in self.ops if op.kind is Kind.LOAD for value in op.results}
        for op in self.ops:
            loaded -= set(op.operands if op.contracts is None else op.operands[2:])
        return frozenset(loaded)

    def is_read_whole(self, tensor: int) -> bool:
        """Whether whoever reads a tensor needs all of it, for certain."""
        outers = [op.outer for op in self.ops if op.kind is not Kind.STORE and op.outer is not None]
        return all(outer.whole and outer.needed for outer in outers if outer.tensor == tensor)


class Ties:
    """Classes tied together: a union-find over numbers."""

    def __init__(self) -> None:
        self.parent: dict[int, int] = {}

    def find(self, number: int) -> int:
        """The representative of a class."""
        while number in self.parent:
            number = self.parent[number]
        return number

    def tie(self, one: int, other: int) -> None:
        """Makes two classes one; the smaller number speaks for both."""
        low, high = sorted((self.find(one), self.find(other)))
        if low != high:
            self.parent[high] = low


@dataclass(frozen=True)
class Handed:
    """What a load inside a group takes of a value that the group has.

    Attributes:
        value: The value.
        reaches: By dimension of it, what a window of what is loaded needs.
    """

    value: int
    reaches: tuple[Reach, ...]


class Where(Enum):
    """What a step of a schedule does."""

    STAGE = "stage"
    LOAD = "load"
    FETCH = "fetch"
    REST = "rest"
    KEEP = "keep"
    DO = "do"
    STORE = "store"


@dataclass(frozen=True)
class Step:
    """An instruction of a placed kernel, in order.

    Attributes:
        where: `STAGE`: dram to sram. `LOAD`: dram to reg. `REST`: reg to sram. `FETCH`: sram to reg.
            `KEEP`: from an earlier pass, at reg. Else an op at reg.
        op: The op, or of `REST` and `FETCH` the one that made the value.
        value: What is there afterwards; -1 for a store.
        number: The pass.
    """

    where: Where
    op: int
    value: int
    number: int


@dataclass(frozen=True)
class NestDim:
    """A dimension of a nest; `size` is None where it is open."""

    cls: int
    size: int | None
    per_group: int
    per_unit: int
    per_step: int
    swept: bool

    @property
    def bound(self) -> int | None:
        """What an open size is at most, where a group takes all of it."""
        return ALL if self.size is None and self.per_group == ALL else None

    @property
    def units(self) -> int:
        """How many units share a group's part."""
        return -(-self.per_group // self.per_unit)

    @property
    def steps(self) -> int:
        """How many steps a unit makes of its part."""
        return -(-self.per_unit // self.per_step)


@dataclass(frozen=True)
class Cost:
    """What a group costs; sums of groups add up.

    Attributes:
        arriving: Bytes of DRAM that no cache has.
        launches: Kernels.
        useful: Bytes of DRAM asked for.
        near: What happens in a core: bytes of sram, and operations, one of which counts as much as an f32 from there.
        sram: Bytes read and written there.
        cached: Bytes of `arriving` that one kernel hands to another through a cache in front of DRAM.
        time_ps: What all that takes, in picoseconds.
    """

    arriving: int = 0
    launches: int = 0
    useful: int = 0
    near: int = 0
    sram: int = 0
    cached: int = 0
    time_ps: int = 0

    def __add__(self, other: Cost) -> Cost:
        """Both."""
        return Cost(*(getattr(self, name) + getattr(other, name) for name in COST_FIELDS))

    def __sub__(self, other: Cost) -> Cost:
        """What one has more than the other."""
        return Cost(*(getattr(self, name) - getattr(other, name) for name in COST_FIELDS))


COST_FIELDS = tuple(each.name for each in fields(Cost))


@dataclass(frozen=True)
class Form:
    """How a group of kernels is placed.

    Attributes:
        nodes: The kernels, in order.
        nest: Its dimensions, outermost first.
        steps: What it does, in order.
        ties: Its classes.
        handed: By load inside the group, the value that it is a part of, or its dimensions in another order.
        alias: By value that a load inside the group gives, the value that it is.
        cost: What it costs.
        peak: Bytes at sram.
        peak_reg: Bytes at reg, of a unit.
        whole: By value that goes through sram, its dimensions of which the group holds all, though the nest cuts them.
    """

    nodes: tuple[int, ...]
    nest: tuple[NestDim, ...]
    steps: tuple[Step, ...]
    ties: Ties = field(compare=False)
    handed: Mapping[int, Handed]
    alias: Mapping[int, int]
    cost: Cost
    peak: int
    peak_reg: int
    whole: Mapping[int, frozenset[int]] = field(default_factory=dict, compare=False)
