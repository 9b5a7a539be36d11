"""Passes over kernels of machines whose `sram` is a cache; nothing is done for others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core.passes import Pass, option
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.scheduling.kernels import tiled_kernels


@dataclass(frozen=True)
class OnCachesPass(Pass):
    """Visits the kernels in tile form, if the machine reads memory through caches."""

    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")

    def run(self, op: ir.Operation) -> None:
        """Visits every kernel."""
        machine = find(self.machine)
        if machine.space_of("sram").kind == "cache":
            for kernel in tiled_kernels(op):
                self.visit(kernel, machine)

    def visit(self, kernel: ir.Operation, machine: Machine) -> None:
        """Rewrites a kernel in place."""
        raise NotImplementedError(type(self).__name__)
