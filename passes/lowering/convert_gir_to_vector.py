"""`convert-gir-to-vector`: tile form becomes vector, scf and memref ops for the CPU.

Re-emits each function, op by op, through the table of lowerings. A tile becomes a vector of its
lanes or a scalar; groups become `scf.parallel` where there is enough to do, which is asked when the program runs where
sizes are open; kernels dissolve.
The program's entry becomes `pf_main`, a function of pointers, open sizes and numbers that any
caller can use, and that writes results where the caller wants them (see `entry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import entry_block, functions, operations
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.passes.analysis.work import least_work
from powerfusion.passes.lowering import (  # they fill the table
    contractions,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    movement,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    scans,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    shapes,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    structure,  # noqa: F401  # pyright: ignore[reportUnusedImport]
    views,  # noqa: F401  # pyright: ignore[reportUnusedImport]
)
from powerfusion.passes.lowering.entry import EntryLowering
from powerfusion.passes.lowering.function import VectorLowering


@register_pass
@dataclass(frozen=True)
class ConvertGirToVectorPass(Pass):
    """Lowers GIR in tile form to vector and scf for the CPU."""

    name: ClassVar[str] = "convert-gir-to-vector"
    requires: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    establishes: ClassVar[frozenset[str]] = frozenset({"host-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"tile-form"})
    machine: str = option("cpu", help="For which: a machine's name, or a .toml that describes one")
    serial_below: int = option(
        -1,
        help="Operations on elements below which a group loop stays on one thread; -1 for the machine's number",
    )

    def run(self, op: ir.Operation) -> None:
        """Replaces every function by its lowered form."""
        found = list(functions(op))
        public_of(found)
        for function in found:
            _check_tile_form(function)
        serial_below = least_work(find(self.machine)) if self.serial_below < 0 else self.serial_below
        messages: list[str] = []
        callees: dict[str, ir.Operation] = {}
        for function in sorted(found, key=is_public):  # So that whoever launches a kernel knows its new types.
            lowering = EntryLowering if is_public(function) else VectorLowering
            lowering(function, serial_below, messages=messages, callees=callees).run()


def public_of(functions: Sequence[ir.Operation]) -> list[ir.Operation]:
    """The public function, or none.

    Raises:
        UnsupportedError: There are several.
    """
    public = [function for function in functions if is_public(function)]
    for other in public[1:]:
        raise UnsupportedError(
            "expected one public function with a body, got several",
            location=other.location,
            help="inline the others first, by --inline --symbol-dce, or make them private",
        )
    return public


def is_public(function: ir.Operation) -> bool:
    """Whether a function is the program's entry rather than a kernel that it launches."""
    visibility = function.attributes.get("sym_visibility", None)
    return visibility is None or ir.StringAttr(visibility).value == "public"


def _check_tile_form(function: ir.Operation) -> None:
    values = [*entry_block(function).arguments, *operations(entry_block(function))[-1].operands]
    if any(isinstance(value.type, (ir.RankedTensorType, ir.UnrankedTensorType)) for value in values):
        raise UnsupportedError(
            "a function of tensors can't be lowered", location=function.location, help="run gir-tile first"
        )
    for value in values:
        if not isinstance(value.type, (ir.MemRefType, ir.IntegerType, ir.FloatType, ir.IndexType)):
            raise UnsupportedError(
                f"expected memrefs and numbers at the border of a function, got {value.type}",
                location=function.location,
                help="values of other types stay within a function; wait for a token where it is made",
            )
