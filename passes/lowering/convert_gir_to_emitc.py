"""`convert-gir-to-emitc`: tile form becomes emitc, which upstream's translation prints as C99.

Rewrite:
    func.func private @kernel(%x, %y) {          ⇒   emitc.func @kernel(%x : !emitc.ptr<f32>, %y : !emitc.ptr<f32>) {
      gir.kernel .. {                                  emitc.verbatim "PF_OMP(omp parallel for ..)"
        gir.parallel <group> (%g) in (%n) {            emitc.for %g = 0 to %n {
          %0 = gir.load %x[%g, %c0]                      emitc.for %i = 0 to 32 {
          %1 = math.absf %0                                %0 = emitc.load %x[%g * 32 + %i]
          gir.store %1, %y[%g, %c0]                        emitc.assign fabsf(%0) to %y[%g * 32 + %i]
        } } }                                            } } }

Re-emits each function, op by op, through the table of lowerings. Consecutive ops on tiles of one shape share one nest
of loops; a tile that others than these read is an array. Groups are loops that OpenMP may deal out to threads; their
memory at `sram` is one piece per thread, in which buffers lie at the offsets of `gir-plan-scratch`. A launched kernel
is a static function, the program's entry a function that any caller can use (see `emitc/function.py`).

For a machine whose file says how programs for it are written (`[emit]`), kernels are that machine's: see `device/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import create, entry_block, functions, operations
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.lowering.convert_gir_to_vector import is_public, public_of
from powerfusion.passes.lowering.device import (
    folds,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    joins,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    products,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    transfers,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    vectors,  # noqa: F401  # pyright: ignore[reportUnusedImport]
)
from powerfusion.passes.lowering.device.kernels import HostLowering, lower_kernel
from powerfusion.passes.lowering.device.state import Device
from powerfusion.passes.lowering.device.text import write_head
from powerfusion.passes.lowering.emitc import (  # they fill the table
    code,
    combining,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    helpers,
    memory,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    movement,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    structure,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    views,  # noqa: F401  # pyright: ignore[reportUnusedImport]
)
from powerfusion.passes.lowering.emitc.entry import EntryLowering
from powerfusion.passes.lowering.emitc.function import lower_kernel_function
from powerfusion.passes.lowering.emitc.lowering import Program
from powerfusion.passes.lowering.emitc.tidy import tidy
from powerfusion.passes.scheduling.kernels import ops_in

# Compilers that don't know OpenMP, or weren't told to use it, warn of its pragmas.
OPENMP = """#ifdef _OPENMP
#include <omp.h>
#define PF_OMP(directive) _Pragma(#directive)
#else
#define PF_OMP(directive)
#endif"""
# What compilers can't see, and take as a hint: no step of a loop needs what another one writes, and vectors come before
# unrolling; a line of memory is read soon.
HINTS = """
#if defined(__GNUC__) && !defined(__clang__)
#define PF_LANES _Pragma("GCC ivdep")
#define PF_FEW_LANES PF_LANES _Pragma("GCC unroll 1")
#else
#define PF_LANES
#define PF_FEW_LANES
#endif
#ifdef __GNUC__
#define PF_PREFETCH(start, at, write, cache) \\
  __builtin_prefetch((const void *)((uintptr_t)(start) + (uintptr_t)(at) * sizeof *(start)), write, cache)
#else
#define PF_PREFETCH(start, at, write, cache) ((void)(start), (void)(at))
#endif"""
HEADERS = ("math.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h")


@register_pass
@dataclass(frozen=True)
class ConvertGirToEmitcPass(Pass):
    """Lowers GIR in tile form to emitc, for C99 or for a machine's own C."""

    name: ClassVar[str] = "convert-gir-to-emitc"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    establishes: ClassVar[frozenset[str]] = frozenset({"c-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("c", help="For which: a machine's name, or a .toml that describes one")
    ahead: int = option(
        0, help="Places of what a machine's loops load for their next step: 2, or 3 where stores lag a step; 0 for none"
    )

    def run(self, op: ir.Operation) -> None:
        """Replaces every function by its C form."""
        op.context.dialects["emitc"]  # loads it: a host that reads no op of it hasn't
        found = list(functions(op))
        public = public_of(found)
        for function in found:
            _check_tile_form(function)
        program = Program()
        name = program.names.fresh(_symbol(public[0])) if public else ""
        program.names.fresh(f"{name}_message")  # the printer's own
        for function in found:
            for launch in (inner for inner in ops_in(function) if inner.name == "gir.launch"):
                _note_shares(program, launch)
        machine = find(self.machine)
        device = None if machine.emit is None else Device(machine, machine.emit, ahead=self.ahead)
        for function in sorted(found, key=is_public):
            if is_public(function):
                lowering = HostLowering(function, program, device) if device else EntryLowering(function, program)
                entry = lowering.run(name)
                entry.attributes["gir.assertions"] = ir.ArrayAttr.get([ir.StringAttr.get(m) for m in program.messages])
                program.host_helpers |= lowering.helpers if isinstance(lowering, HostLowering) else set()
            elif device:
                lower_kernel(function, program, device)
            else:
                lower_kernel_function(function, program)
        tidy(op)
        if device:
            write_head(op, program, device)
        else:
            _write_head(op, program)


def _symbol(function: ir.Operation) -> str:
    return ir.StringAttr(function.attributes["sym_name"]).value


def _note_shares(program: Program, launch: ir.Operation) -> None:
    if "shares" not in launch.attributes:
        return
    numbers = list(launch.attributes["shares"])
    pairs = program.shares.setdefault(ir.FlatSymbolRefAttr(launch.attributes["callee"]).value, {})
    pairs.update(zip(numbers[::2], numbers[1::2], strict=True))


def _check_tile_form(function: ir.Operation) -> None:
    values = [*entry_block(function).arguments, *operations(entry_block(function))[-1].operands]
    for value in values:
        if isinstance(value.type, ir.RankedTensorType | ir.UnrankedTensorType):
            raise UnsupportedError(
                "a function of tensors can't be lowered", location=function.location, help="run gir-tile first"
            )
        if not isinstance(value.type, ir.MemRefType | ir.IntegerType | ir.FloatType | ir.IndexType):
            raise UnsupportedError(
                f"expected memrefs and numbers at the border of a function, got {value.type}",
                location=function.location,
                help="values of other types stay within a function; wait for a token where it is made",
            )


def _write_head(module: ir.Operation, program: Program) -> None:
    """What C needs before the functions: headers, and the functions of ours that they call."""
    block = module.regions[0].blocks[0]
    with ir.InsertionPoint.at_block_begin(block), module.location:
        for header in HEADERS:
            named = {"include": ir.StringAttr.get(header), "is_standard_include": ir.UnitAttr.get()}
            create("emitc.include", attributes=named)
        code.verbatim(OPENMP)
        code.verbatim(HINTS)
        for text in helpers.needed(program.helpers):
            code.verbatim("\n" + text.rstrip())
