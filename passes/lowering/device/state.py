"""What lowering to a machine's own C keeps: what the kernels of a program share, where tiles lie, copies under way."""

from __future__ import annotations

from dataclasses import dataclass, field

from powerfusion.machines.emission import Emission
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.arena import Span
from powerfusion.passes.lowering.emitc.names import identifier
from powerfusion.passes.lowering.emitc.tiles import Held


@dataclass
class Device:
    """What all kernels of a program share.

    Attributes:
        machine: What it is for.
        emission: How it is written.
        used_bytes: Of each space, by name.
        in_groups: Whether the kernel that is written needs groups of tasks.
        grouped: The kernels that do.
        ahead: How many places loads of loops have that are a step ahead: 2, or 3 where stores lag a step; 0 for none.
    """

    machine: Machine
    emission: Emission
    used_bytes: dict[str, int] = field(default_factory=dict)
    in_groups: bool = False
    grouped: set[str] = field(default_factory=set)
    ahead: int = 0

    def uses(self, space: str, size: int) -> None:
        """A kernel has needed so many bytes of a space."""
        self.used_bytes[space] = max(self.used_bytes.get(space, 0), size)


@dataclass
class Region:
    """A tile in the scratchpad.

    Attributes:
        held: What it is.
        span: Where it lies.
        block: The block that makes it: in others around and within it lives on.
        is_kept: Whether the bytes stay taken when it ends.
    """

    held: Held
    span: Span
    block: ir.Block
    is_kept: bool = False


@dataclass(frozen=True)
class Flight:
    """A copy under way.

    Attributes:
        span: Which bytes of the scratchpad it reads or writes.
        wait: The call behind which it is done.
        written: The memory at another level that it writes to, if it does.
        is_ahead: Whether nothing reads it before the next step of a loop.
    """

    span: Span
    wait: str
    written: object | None
    is_ahead: bool = False


def memory_name(space: str) -> str:
    """What the variable is called that a program's tiles in a space lie in."""
    return f"{identifier(space)}_memory"
