"""`convert-gir-to-gpu`: scheduled tile form becomes kernel functions of the gpu dialect, and their launches.

Rewrite:
    func.func private @kernel(%x, %y) {              ⇒   gpu.module @kernels {
      gir.kernel .. {                                      gpu.func @kernel(%x : memref<.., global>, %y) kernel {
        gir.parallel <group> (%g) in (%n) {                  %g = gpu.block_id x
          gir.parallel <unit> (%u) in (8) {                  %t = gpu.thread_id x      // unit = t / 32, lane = t % 32
            %0 = gir.load %x[%g, %c0]                        %0 = vector.load %x[%g, %lane * 4] : vector<4xf32>
            %1 = gir.reduce <add> %0                         ... %s = gpu.shuffle xor ..
            gir.store %1, %y[..]                             scf.if %lane == 0 { memref.store .. }
          } } } }                                        } }
    func.func @main(%x, %y) {                            func.func @main(%x, %y) {
      gir.launch @kernel(%x, %y)                           gpu.launch_func @kernels::@kernel blocks in (%n) ..

Re-emits each kernel, op by op, through the table of lowerings. A group is a block, a unit a subgroup, and every lane
holds what its layout says of each tile (`gpu/fragments.py`), in registers throughout. The host keeps its function,
in which launches are upstream's: views, allocations and numbers are what is left beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import attributes_of, create, entry_block, functions, operations, segments
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.lowering.gpu import (  # they fill the table
    assertions,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    buffers,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    combining,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    computation,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    memory,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    refused,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    scans,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    scatters,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    structure,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    views,  # noqa: F401  # pyright: ignore[reportUnusedImport]
)
from powerfusion.passes.lowering.gpu.assertions import make_flags, messages_in
from powerfusion.passes.lowering.gpu.kernel import Launch, emit_launch, lower_kernel
from powerfusion.passes.scheduling.kernels import launched_names, walk

KERNELS = "kernels"
"""The name of the module of kernels."""


@register_pass
@dataclass(frozen=True)
class ConvertGirToGpuPass(Pass):
    """Lowers kernels in tile form to the gpu dialect."""

    name: ClassVar[str] = "convert-gir-to-gpu"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("sm_90", help="For which: a machine's name, or a .toml that describes one")

    def run(self, op: ir.Operation) -> None:
        """Writes the module of kernels and replaces launches."""
        machine = find(self.machine)
        limits = machine.scope("lane")
        if limits is None or (limits.count or 1) < 2:
            raise UnsupportedError(
                f"'{machine.name}' has no lanes that work together, which a GPU's kernels are made of",
                location=op.location,
            )
        _ = op.context.dialects["gpu"]  # which loads it: hosts load what GIR's passes have in common
        Program(op, machine).run()


class Program:
    """Lowers the kernels of a module.

    Args:
        module: With kernels inline or launched by name.
        machine: For which.
    """

    def __init__(self, module: ir.Operation, machine: Machine) -> None:
        self.module, self.machine = module, machine
        self.lowered: dict[str, tuple[ir.Operation, list[Launch]]] = {}
        self.messages = messages_in(module)
        self.flags: ir.Value | None = None
        sharing = [launch for launch in walk(module, "gir.launch") if list(launch.attributes["shares"])]
        self.in_place = {ir.FlatSymbolRefAttr(launch.attributes["callee"]).value for launch in sharing}

    def run(self) -> None:
        """Does it."""
        launched = launched_names(self.module)
        host = [function for function in functions(self.module) if _symbol(function) not in launched]
        callees = {_symbol(function): function for function in functions(self.module) if _symbol(function) in launched}
        self.module.attributes["gpu.container_module"] = ir.UnitAttr.get()
        with ir.InsertionPoint.at_block_begin(entry_block(self.module)), self.module.location:
            kernels = create("gpu.module", attributes={"sym_name": ir.StringAttr.get(KERNELS)}, regions=1)
            self.body = kernels.regions[0].blocks.append()
        for function in host:
            self._check(function)
            self.flags = make_flags(function, self.messages) if self.messages else None
            for kernel in list(walk(function, "gir.kernel")):
                name = f"{_symbol(function)}_{ir.StringAttr(kernel.attributes['kernel_name']).value}"
                with ir.InsertionPoint(kernel), kernel.location:
                    self._launch(self._fresh(name), kernel, segments(kernel)[0])
                kernel.erase()
            for launch in list(walk(function, "gir.launch")):
                name = ir.FlatSymbolRefAttr(launch.attributes["callee"]).value
                with ir.InsertionPoint(launch), launch.location:
                    self._call(name, callees[name], list(launch.operands))
                launch.erase()
        for function in callees.values():
            function.erase()

    def _call(self, name: str, callee: ir.Operation, given: list[ir.Value]) -> None:
        """What a function with kernels does, at the insertion point."""
        known = dict(zip(entry_block(callee).arguments, given, strict=True))
        for op in operations(entry_block(callee))[:-1]:
            if op.name == "gir.kernel":
                self._launch(name, op, [known[value] for value in segments(op)[0]])
                continue
            operands = [known[value] for value in op.operands]
            made = create(op.name, operands, [result.type for result in op.results], attributes_of(op))
            known.update(zip(op.results, made.results, strict=True))

    def _launch(self, name: str, kernel: ir.Operation, given: list[ir.Value]) -> None:
        """Launches of a kernel's functions, at the insertion point."""
        if name not in self.lowered:
            self.lowered[name] = (kernel, self._lower(kernel, name))
        kernel, launches = self.lowered[name]
        for launch in launches:
            flags = [self.flags] if launch.asserts and self.flags is not None else []
            emit_launch(launch, kernel, given, flags, KERNELS)

    def _lower(self, kernel: ir.Operation, name: str) -> list[Launch]:
        return lower_kernel(
            kernel, name, self.machine, self.body, messages=self.messages, in_place=name in self.in_place
        )

    def _fresh(self, name: str) -> str:
        taken = {_symbol(function) for function in functions(self.module)} | set(self.lowered)
        number = 0
        while name in taken:
            name, number = f"{name.rstrip('0123456789_')}_{number}", number + 1
        return name

    def _check(self, function: ir.Operation) -> None:
        for value in entry_block(function).arguments:
            if isinstance(value.type, ir.RankedTensorType | ir.UnrankedTensorType):
                raise UnsupportedError(
                    "a function of tensors can't be lowered", location=function.location, help="run gir-tile first"
                )


def _symbol(function: ir.Operation) -> str:
    return ir.StringAttr(function.attributes["sym_name"]).value
