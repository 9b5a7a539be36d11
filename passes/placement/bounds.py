"""The least that some kernels cost, however they are placed; and which of them stand together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from powerfusion.passes.placement.cost import is_handed, least_work
from powerfusion.passes.placement.model import Cost, Program
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.rates import cache_bytes


def members(bits: int) -> list[int]:
    """The numbers of the bits that are set, in order."""
    found: list[int] = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found


@dataclass
class Bounds:
    """Bounds of sets of kernels, given as bits."""

    program: Program
    objective: Objective
    known: dict[int, Cost] = field(default_factory=dict)
    works: dict[int, int] = field(default_factory=dict)

    def near(self, nodes: Sequence[int]) -> dict[int, int]:
        """By kernel, those that read or write something that it reads or writes too."""
        touched: dict[int, int] = {}
        for node in nodes:
            for tensor in self._tensors(node):
                touched[tensor] = touched.get(tensor, 0) | 1 << node
        found: dict[int, int] = {}
        for node in nodes:
            around = 0
            for tensor in self._tensors(node):
                around |= touched[tensor]
            found[node] = around & ~(1 << node)
        return found

    def _tensors(self, node: int) -> tuple[int, ...]:
        kernel = self.program.kernels[node]
        assert kernel is not None, "kernels alone are asked for"
        return (*kernel.reads, *kernel.writes)

    def needs(self, bits: int) -> int:
        """What some kernels need, directly or not."""
        needs = 0
        for node in members(bits):
            needs |= self.program.needs[node]
        return needs

    def between(self, bits: int) -> int:
        """What some kernels need that itself needs some of them."""
        return sum(1 << node for node in members(self.needs(bits) & ~bits) if self.program.needs[node] & bits)

    def least(self, bits: int) -> Cost:
        """What some kernels cost at least: whatever they don't make comes in once, what others read goes out."""
        if bits not in self.known:
            self.known[bits] = self._least(bits) if bits else Cost()
        return self.known[bits]

    def _least(self, bits: int) -> Cost:
        program = self.program
        written: dict[int, int] = {}
        read: set[int] = set()
        moved = cached = 0
        capacity = cache_bytes(self.objective.machine)
        for node in members(bits):
            kernel = program.kernels[node]
            assert kernel is not None, "kernels alone are asked for"
            written |= dict.fromkeys(kernel.writes, node)
            read |= {tensor for tensor in kernel.reads if self._is_needed(node, tensor)}
        for tensor in read - written.keys():
            moved += program.volumes[tensor] or 0
            cached += (program.volumes[tensor] or 0) if is_handed(program, tensor, capacity) else 0
        for tensor in written:
            if program.readers[tensor] & ~bits:
                moved += program.volumes[tensor] or 0
        near = sum(self._work(node) for node in members(bits))
        return self.objective.bound(moved, 1, cached, near)

    def _work(self, node: int) -> int:
        """What a kernel computes at least."""
        if node not in self.works:
            kernel = self.program.kernels[node]
            assert kernel is not None, "kernels alone are asked for"
            self.works[node] = least_work(self.program, kernel, self.objective.machine)
        return self.works[node]

    def _is_needed(self, node: int, tensor: int) -> bool:
        """Whether all of a tensor must come in for a kernel."""
        kernel = self.program.kernels[node]
        assert kernel is not None, "kernels alone are asked for"
        outers = (self.program.ops[op].outer for op in kernel.ops)
        return any(outer is not None and outer.tensor == tensor and outer.needed for outer in outers)
