"""Kernels of a program for one device: their text, what was assembled of it, and what each takes of the device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """What a kernel takes of the device.

    Attributes:
        kernel: Its name.
        registers: Of each lane; of 32 bits.
        spill_bytes: What each lane writes to memory for want of registers.
        local_bytes: Memory of each lane.
        shared_bytes: Memory of a group, beside what launches say.
    """

    kernel: str
    registers: int
    spill_bytes: int
    local_bytes: int
    shared_bytes: int


@dataclass(frozen=True)
class DeviceCode:
    """A module of kernels.

    Attributes:
        target: What it is for, as `cuda:sm_90`.
        assembly: PTX, or AMD's.
        binary: A cubin or hsaco; None where it wasn't assembled.
        resources: Per kernel; empty where it wasn't assembled.
    """

    target: str
    assembly: str
    binary: bytes | None = None
    resources: tuple[Resources, ...] = ()

    @property
    def vendor(self) -> str:
        """What the target begins with: cuda or rocm."""
        return self.target.partition(":")[0]

    @property
    def chip(self) -> str:
        """What it ends with."""
        return self.target.partition(":")[2]
