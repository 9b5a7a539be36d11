"""How the lanes of a unit wait for one another, which the gpu dialect has no op for: intrinsics of each vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from powerfusion.core._mlir import create
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.lowering.intrinsics import intrinsic_for_effect, number

RELEASE, ACQUIRE = 5, 4  # of LLVM's AtomicOrdering


def wait_of(machine: Machine) -> Callable[[], None]:
    """What makes the lanes of a unit wait, on a machine: afterwards each sees what the others have written."""
    unit = machine.scope("unit")
    assert unit is not None, "expected a machine with units"
    return _WAITS[unit.called or ""]


def _warp() -> None:
    intrinsic_for_effect("nvvm.bar.warp.sync", [number(32, -1)])


def _wavefront() -> None:
    """Lanes run in step: all there is to hold is the order of accesses, in the compiler and in memory."""
    _fence(RELEASE)
    intrinsic_for_effect("amdgcn.wave.barrier", [])
    _fence(ACQUIRE)


_WAITS: Mapping[str, Callable[[], None]] = {"warp": _warp, "wavefront": _wavefront}


def _fence(ordering: int) -> None:
    attributes: dict[str, ir.Attribute] = {
        "ordering": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), ordering),
        "syncscope": ir.StringAttr.get("wavefront"),
    }
    create("llvm.fence", [], [], attributes)
