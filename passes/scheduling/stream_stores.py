"""`gir-stream-stores`: results that nobody reads soon go past the caches.

Rewrite:
    gir.store %t, %y[%i, %j]      ⇒      gir.store %t, %y[%i, %j] nontemporal {gir.aligned_bytes = 32}

Where memory is written through a cache that first reads the line (the machine's space allocates on writes), a result of
which whole lines are written needn't come in first. A core gathers what it writes past its caches in a few lines, so a
line may be written in parts if these follow one another. Stores are marked if

- no kernel of the function reads what they write to, so nobody would find it in a cache;
- that is more than the cores hold beside their caches in common, so it wouldn't stay there either;
- each row of their tiles is so many bytes, all of them there and aligned to as many, that such stores exist;
- whole lines are written each time, or else by the ledger less arrives and few lines leave in parts: what a kernel
  stores into a buffer is marked together or not at all.

Arriving bytes fall, by what was read for nothing; useful ones stay. On machines without such a space nothing changes.
`gir.aligned_bytes` says of what each row's address is a multiple, at most a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd, prod
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    defining_op,
    entry_block,
    functions,
    integer_of,
    operations,
    segments,
    walk_numbered,
)
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.errors import UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.arriving import GATHERED, arriving_bytes
from powerfusion.passes.analysis.ledger_program import Program
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling.contiguity import Reach, factor_of, reaches
from powerfusion.passes.scheduling.kernels import ops_in, walk
from powerfusion.passes.scheduling.roots import root_of
from powerfusion.passes.scheduling.scratch import space_of
from powerfusion.passes.scheduling.store_runs import LONGEST_BYTES, store_run
from powerfusion.passes.tiling.memrefs import is_contiguous
from powerfusion.symbolic import Count

READERS = ("gir.load", "gir.stage", "gir.gather", "gir.copy", "memref.load", "memref.copy")
STICKING_OUT = 2  # times as much as a loop moves on by, at most: a row's last tile may stick out of it
MOST_APART = 8  # of useful bytes, what lines that leave in parts add: such a part takes memory as long as four lines
LEAST_BYTES = 16  # that a store past the caches writes
ALIGNED = "gir.aligned_bytes"


@dataclass(frozen=True)
class _Stores:
    """What a kernel stores into a buffer.

    Attributes:
        aligned: Stores that can go past the caches, and of how many bytes their rows' lengths and places are multiples.
        gathered: Stores whose rows can be gathered on the way.
        numbers: Of all stores, those too that can't.
    """

    gathered: list[ir.Operation] = field(default_factory=list[ir.Operation])
    aligned: list[tuple[ir.Operation, int]] = field(default_factory=list[tuple[ir.Operation, int]])
    numbers: list[int] = field(default_factory=list[int])

    def is_whole(self, line: int) -> bool:
        """Whether each that can writes whole lines."""
        return not self.gathered and all(aligned == line for _, aligned in self.aligned)

    def mark(self) -> None:
        """Marks those that can."""
        for op, aligned in self.aligned:
            op.attributes["nontemporal"] = ir.UnitAttr.get()
            op.attributes[ALIGNED] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), aligned)
        for op in self.gathered:
            op.attributes["nontemporal"] = op.attributes[GATHERED] = ir.UnitAttr.get()

    def unmark(self) -> None:
        """Takes that back."""
        for op, _ in self.aligned:
            del op.attributes["nontemporal"]
            del op.attributes[ALIGNED]
        for op in self.gathered:
            del op.attributes["nontemporal"]
            del op.attributes[GATHERED]

    def moved(self, found: Mapping[int, _Moved]) -> _Moved:
        """What moves for all of them, of what moves for each instruction."""
        return sum((found[number] for number in self.numbers if number in found), start=_Moved())


@dataclass(frozen=True)
class _Moved:
    """Bytes that are written to memory, and those read for that.

    Attributes:
        arriving: All that arrive.
        useful: Of distinct elements.
    """

    arriving: Count = 0
    useful: Count = 0

    def __add__(self, other: _Moved) -> _Moved:
        return _Moved(self.arriving + other.arriving, self.useful + other.useful)

    def is_better(self, other: _Moved) -> bool:
        """Whether this is less than the other for certain, and few of its lines leave in parts."""
        counts = (self.arriving, self.useful, other.arriving)
        if not all(isinstance(each, int) for each in counts):
            return False
        arriving, useful, before = (each for each in counts if isinstance(each, int))
        return arriving < before and (arriving - useful) * MOST_APART <= useful


@register_pass
@dataclass(frozen=True)
class StreamStoresPass(Pass):
    """Marks stores of results that go past the caches."""

    name: ClassVar[str] = "gir-stream-stores"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")

    def run(self, op: ir.Operation) -> None:
        """Marks the stores of every function."""
        machine = find(self.machine)
        if not any(space.write_allocate for space in machine.spaces_at("dram")):
            return
        numbers = {each: number for number, each in walk_numbered(op)}
        stores = [each for function in functions(op) for each in _candidates(function, machine, numbers)]
        line = machine.space_of("dram").granule_bytes
        unsure = [each for each in stores if not each.is_whole(line)]
        before = _moved(op, machine) if unsure else {}
        for each in stores:
            each.mark()
        after = _moved(op, machine) if unsure else {}
        for each in unsure:
            if not each.moved(after).is_better(each.moved(before)):
                each.unmark()
        for store in [op for each in stores for op in (*each.gathered, *(op for op, _ in each.aligned))]:
            if "nontemporal" in store.attributes:
                count("stores past the caches")


def _candidates(function: ir.Operation, machine: Machine, numbers: Mapping[ir.Operation, int]) -> Iterator[_Stores]:
    """By kernel and buffer, what can go past the caches."""
    read = {root_of(memref) for op in ops_in(function) for memref in _read_by(op)}
    for kernel in walk(function, "gir.kernel"):
        found: dict[ir.Value, _Stores] = {}
        for reach in reaches(kernel, machine):
            if reach.op.name != "gir.store":
                continue
            root = root_of(segments(reach.op)[1][0])
            if root in read or not _is_large(root, machine):
                continue
            stores, aligned = found.setdefault(root, _Stores()), _aligned(reach, machine)
            stores.numbers.append(numbers[reach.op])
            if aligned >= LEAST_BYTES:
                stores.aligned.append((reach.op, aligned))
            elif _is_in_order(reach, machine):
                stores.gathered.append(reach.op)
        yield from (stores for stores in found.values() if stores.aligned or stores.gathered)


def _aligned(reach: Reach, machine: Machine) -> int:
    """Of how many bytes a tile's rows are multiples, in length and place; 0 where none can go past the caches."""
    _, (dest,), _, valid = segments(reach.op)
    space, shape = space_of(dest, machine), reach.tile.type.shape
    if reach.dim is None or not space.write_allocate or any(size > 1 for size in shape[reach.dim + 1 :]):
        return 0
    there = [integer_of(extent) for extent in valid] if valid else list(shape)
    row = there[reach.dim]
    if row is None or None in there:
        return 0
    return gcd(row * reach.element_bytes, reach.aligned * reach.element_bytes, space.granule_bytes)


def _is_in_order(reach: Reach, machine: Machine) -> bool:
    """Whether a store's rows can be gathered, and come in the order of memory: a line at once at least.

    They do where no loop moves on by less than what the loops inside of it, and the tile's own rows, have taken.
    """
    _, (dest,), indices, _ = segments(reach.op)
    type_ = dest.type
    if reach.dim is None or not space_of(dest, machine).write_allocate or not _is_plain(dest):
        return False
    strides, _ = type_.get_strides_and_offset()
    shape = reach.tile.type.shape
    if shape[reach.dim] * reach.element_bytes > LONGEST_BYTES or DYNAMIC in strides:
        return False
    taken = 0
    for length, stride in sorted(zip(shape, strides, strict=True), key=lambda pair: pair[1]):
        if length > 1 and stride < taken:
            return False
        taken = max(taken, 1) if length == 1 else stride * (length - 1) + max(taken, 1)
    least = space_of(dest, machine).granule_bytes
    if taken * reach.element_bytes < least and _bytes_of_run(reach.op) < least:
        return False
    moved = [_moves(indices, strides, index) for index in _indices_around(reach.op)]
    for by in moved:
        if by is None or by * STICKING_OUT < taken:
            return False
        taken = max(by, taken)
    return bool(moved)


def _bytes_of_run(store: ir.Operation) -> int:
    """Bytes of what the loop around a store writes, where that is one run, and all that it stores."""
    loop = store.parent.operation
    if loop.name != "scf.for":
        return 0
    run = store_run(loop, [op for op in operations(entry_block(loop)) if op.name == "gir.store"])
    return 0 if run is None else run.strip * run.each * run.element


def _is_plain(memref: ir.Value) -> bool:
    """Whether a memref is a kernel's argument, whose elements are side by side: what is left is written at the end."""
    is_argument = defining_op(memref) is None and memref.owner.owner.name == "gir.kernel"
    return is_argument and memref.type.has_static_shape and is_contiguous(memref)


def _indices_around(op: ir.Operation) -> Iterator[tuple[ir.Value, int | None]]:
    """The indices of the loops around an op, inner first, each with its step; those of several groups too."""
    block = op.block
    while (around := block.owner.operation).name != "gir.kernel":
        match around.name:
            case "scf.for":
                yield block.arguments[0], integer_of(around.operands[2])
            case "gir.parallel":
                counts = reversed(list(zip(block.arguments, around.operands, strict=True)))
                yield from ((index, 1) for index, count in counts if integer_of(count) != 1)
            case _:
                pass
        block = around.block


def _moves(indices: Sequence[ir.Value], strides: Sequence[int], loop: tuple[ir.Value, int | None]) -> int | None:
    """By how many elements what is at some indices moves in a step of a loop; None where that isn't known."""
    index, step = loop
    factors = [factor_of(each, index) for each in indices]
    if step is None or None in factors:
        return None
    return step * sum(factor * stride for factor, stride in zip(factors, strides, strict=True) if factor)


def _moved(module: ir.Operation, machine: Machine) -> dict[int, _Moved]:
    """What moves for each instruction that writes memory, by its number; nothing where that can't be counted."""
    program = Program(module, machine, {})
    found: dict[int, _Moved] = {}
    try:
        program.run()
    except UnsupportedError:
        return found
    memory = machine.space_of("dram").name
    for record, arriving in arriving_bytes(program.recorder).items():
        number, space, _ = record.key
        if space == memory and record.access.direction == "write":
            found[number] = found.get(number, _Moved()) + _Moved(arriving, record.figures.useful)
    return found


def _read_by(op: ir.Operation) -> Iterator[ir.Value]:
    """The memrefs that an op reads, or that something unknown may."""
    if op.name in READERS:
        yield op.operands[0]
    elif op.name in ("gir.launch", "func.call"):
        yield from (value for value in op.operands if isinstance(value.type, ir.MemRefType))


def _is_large(root: ir.Value, machine: Machine) -> bool:
    """Whether a buffer is more than all groups hold at sram together."""
    type_ = root.type
    if not isinstance(type_, ir.MemRefType) or DYNAMIC in list(type_.shape):
        return False
    groups = machine.scope("group")
    private = (machine.space_of("sram").usable_bytes or 0) * ((groups.count if groups else None) or 1)
    return prod(type_.shape) * element_bytes(root) > private
