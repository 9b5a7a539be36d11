"""`gir-stream-stores`: results that nobody reads soon go past the caches, line by line.

Rewrite:
    gir.store %t, %y[%i, %j]      ⇒      gir.store %t, %y[%i, %j] nontemporal

Where memory is written through a cache that first reads the line (the machine's space allocates on writes), a result of
which whole lines are written needn't come in first. A store is marked if

- no kernel of the function reads what it writes to, so nobody would find it in a cache;
- that is more than the cores hold beside their caches in common, so it wouldn't stay there either;
- each row of its tile is whole lines and begins at one, for certain.

Issued and arriving bytes fall, by what was read for nothing; useful ones stay. On machines without such a space nothing
changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from powerfusion.core._mlir import DYNAMIC, functions, segments
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.core.statistics import count
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import element_bytes
from powerfusion.passes.scheduling.contiguity import Reach, reaches
from powerfusion.passes.scheduling.kernels import ops_in, walk
from powerfusion.passes.scheduling.roots import root_of
from powerfusion.passes.scheduling.scratch import space_of

READERS = ("gir.load", "gir.stage", "gir.gather", "gir.copy", "memref.load", "memref.copy")


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
        if any(space.write_allocate for space in machine.spaces_at("dram")):
            for function in functions(op):
                stream_stores(function, machine)


def stream_stores(function: ir.Operation, machine: Machine) -> None:
    """Marks the stores of one function."""
    read = {root_of(memref) for op in ops_in(function) for memref in _read_by(op)}
    for kernel in walk(function, "gir.kernel"):
        for reach in reaches(kernel, machine):
            if reach.op.name != "gir.store":
                continue
            dest = segments(reach.op)[1][0]
            if root_of(dest) not in read and _is_large(root_of(dest), machine) and _is_whole(reach, dest, machine):
                reach.op.attributes["nontemporal"] = ir.UnitAttr.get()
                count("stores past the caches")


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


def _is_whole(reach: Reach, dest: ir.Value, machine: Machine) -> bool:
    """Whether each row of a tile is whole lines, all of it there."""
    space = space_of(dest, machine)
    if reach.dim is None or not space.write_allocate or segments(reach.op)[3]:
        return False
    row = reach.tile.type.shape[reach.dim] * reach.element_bytes
    return row % space.granule_bytes == 0 and reach.aligned * reach.element_bytes % space.granule_bytes == 0
