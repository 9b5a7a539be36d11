"""What tile form moves beyond the elements of each tensor once, tensor by tensor, and what forbids less.

    again   its elements arrive more than once: no cache stands before the space, or none that keeps it for so long
    rests   transactions that bring more than is asked for: what lies side by side there isn't whole ones
    fills   transactions that are read first, since they are written in parts

Each is said with its bytes, and with the capacity or the granule that it comes from. What one kernel hands to another
is no excess of its tensor's: why they are two is for placing to say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import defining_op, entry_block, segments
from powerfusion.machines.model import Machine, Space
from powerfusion.mlir import ir
from powerfusion.passes.analysis.arriving import arriving_bytes
from powerfusion.passes.analysis.ledger_access import Access
from powerfusion.passes.analysis.ledger_program import Program
from powerfusion.passes.analysis.ledger_record import Key, Record
from powerfusion.passes.analysis.sizes import element_bytes


@dataclass(frozen=True)
class Beyond:
    """What a kernel moves of a tensor beyond its elements once.

    Attributes:
        kind: `again`, `rests` or `fills`.
        bytes: How much.
        message: All of it in words.
    """

    kind: str
    bytes: int
    message: str


def beyond_once(module: ir.Module, machine: Machine) -> Iterator[Beyond]:
    """What is moved from and to `dram` beyond once, in program order; nothing where sizes or addresses are open.

    Args:
        module: In tile form.
        machine: Whose spaces and caches count.
    """
    program = Program(module.operation, machine, {})
    program.run()
    arriving = arriving_bytes(program.recorder)
    moved: dict[tuple[int, ir.Value], _Moved] = {}
    for record in program.recorder.records:
        space, buffer = machine.space(record.key[1]), _buffer(record)
        useful, arrived = record.figures.useful, arriving[record]
        if space.level != "dram" or buffer is None or not isinstance(useful, int) or not isinstance(arrived, int):
            continue
        kernel = -1 if record.kernel is None else program.recorder.numbers[record.kernel]
        found = moved.setdefault((kernel, buffer), _Moved(buffer, space, _name(record.kernel)))
        found.add(record, useful, arrived)
    for each in moved.values():
        yield from each.beyond(machine)


@dataclass
class _Movement:
    """A movement of one direction, over all its executions.

    Attributes:
        access: What one execution accesses.
        reads: Whether it brings what is asked for, or what is then written.
        useful: Bytes of elements that are asked for.
        arrived: Bytes that arrive.
    """

    access: Access
    reads: bool
    useful: int = 0
    arrived: int = 0


@dataclass
class _Moved:
    """What a kernel moves of a tensor.

    Attributes:
        buffer: The memref.
        space: Where it is.
        kernel: Name of the kernel.
        movements: By instruction and direction.
    """

    buffer: ir.Value
    space: Space
    kernel: str
    movements: dict[Key, _Movement] = field(default_factory=dict)

    def add(self, record: Record, useful: int, arrived: int) -> None:
        """Notes a movement."""
        found = self.movements.setdefault(record.key, _Movement(record.access, record.key[2] == "read"))
        found.useful += useful
        found.arrived += arrived

    def beyond(self, machine: Machine) -> Iterator[Beyond]:
        """What of it is beyond once."""
        shape = list(self.buffer.type.shape)
        if any(size < 0 for size in shape):
            return
        volume = element_bytes(self.buffer) * math.prod(shape)
        what = f"{'x'.join(map(str, [*shape, self.buffer.type.element_type]))} in {self.kernel}"
        asked = sum(min(each.useful, each.arrived) for each in self.movements.values() if each.reads)
        if asked > volume:
            yield Beyond("again", asked - volume, f"{what} arrives {asked / volume:.2f} times: {self._cache(machine)}")
        rests = [each for each in self.movements.values() if each.useful or not each.reads]
        yield from self._parts("rests", rests, f"{what} is moved with the rests of transactions")
        fills = [each for each in self.movements.values() if each.reads and not each.useful]
        yield from self._parts("fills", fills, f"{what} is read before it is written")

    def _cache(self, machine: Machine) -> str:
        caches = machine.caches_of(self.space.name)
        if not caches:
            return f"no cache stands before {self.space.name}, whoever asks for a part loads it"
        cache = max(caches, key=lambda each: each.capacity_bytes or 0)
        return f"{cache.name}, {cache.capacity_bytes} B, doesn't hold what is touched before it is asked for again"

    def _parts(self, kind: str, parts: Sequence[_Movement], words: str) -> Iterator[Beyond]:
        """One line for all movements, by the one of which most is beyond."""
        more = [max(each.arrived - each.useful, 0) for each in parts]
        if any(more):
            worst = parts[more.index(max(more))]
            yield Beyond(kind, sum(more), f"{words}, {sum(more)} B: {self._granule(worst.access)}")

    def _granule(self, access: Access) -> str:
        granule, row = self.space.granule_bytes, element_bytes(self.buffer) * int([1, *self.buffer.type.shape][-1])
        side = _side_by_side(access)
        if side is not None and side % granule and side != row:
            return f"a step has {side} B side by side, of transactions of {granule} B"
        if row % granule:
            return f"rows of {row} B aren't whole transactions of {granule} B"
        return f"parts begin or end within transactions of {granule} B"


def _side_by_side(access: Access) -> int | None:
    """Bytes of an execution's window that lie side by side; None where that isn't known."""
    if access.box is None or access.scattered:
        return None
    found = 1
    sides: list[tuple[int, int]] = []
    for stride, count in zip(access.box.strides, access.counts, strict=False):
        if not isinstance(stride, int) or not isinstance(count, int):
            return None
        sides.append((stride, count))
    for stride, count in sorted(sides):
        if count != 1 and stride != found:
            break
        found *= count
    return found * access.element


def _name(kernel: ir.Operation | None) -> str:
    return "the function" if kernel is None else ir.StringAttr(kernel.attributes["kernel_name"]).value


def _buffer(record: Record) -> ir.Value | None:
    """The tensor of the function that a movement reads or writes; None where it is one of the kernel's own."""
    operands = [value for value in record.op.operands if isinstance(value.type, ir.MemRefType)]
    if not operands:
        return None
    value = operands[0 if record.key[2] == "read" and record.op.name != "gir.store" else -1]
    while True:
        op = defining_op(value)
        if op is not None and op.operands and isinstance(op.operands[0].type, ir.MemRefType):
            value = op.operands[0]
            continue
        if op is not None or record.kernel is None:
            return value
        arguments = list(entry_block(record.kernel).arguments)
        if value not in arguments:
            return value
        return segments(record.kernel)[0][arguments.index(value)]
