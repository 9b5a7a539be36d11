"""What a machine's numbers come to, for what a kernel costs on it."""

from __future__ import annotations

from functools import lru_cache

from powerfusion.machines.model import Machine
from powerfusion.passes.analysis.timing import best_rate
from powerfusion.passes.analysis.work import REGISTERS_PER_NS, WORK_BYTES

DRAM_BYTES_PER_NS = 40  # where a machine doesn't say
NEAR_SPEEDUP = 4  # of registers over sram
SRAM_SPEEDUP = 8  # of sram over DRAM, where a machine doesn't say
CACHE_SPEEDUP = 4  # of a cache in front of DRAM over DRAM itself, where a machine doesn't say


def cores(machine: Machine) -> int:
    """How many groups run at once."""
    limits = machine.scope("group")
    return (limits.count if limits else None) or 1


@lru_cache(maxsize=64)
def product_bytes(machine: Machine, dtype: str) -> float:
    """Bytes of sram that take as long as a product that is added up; as many as of any operation, if nobody knows."""
    _, rate, known = best_rate(machine, "contract", dtype)
    return 2 / rate * near_bytes_per_ns(machine) if known else WORK_BYTES


@lru_cache(maxsize=64)
def near_bytes_per_ns(machine: Machine) -> float:
    """What cores compute in a nanosecond, in bytes of sram: by the rate of a CPU that was measured."""
    sram, registers = machine.space_of("sram"), machine.space_of("reg")
    _, rate, measured = best_rate(machine, "elementwise", "f32")
    if measured and sram.kind == "cache":
        return WORK_BYTES * rate
    known = bandwidth(machine, sram.name, registers.name)
    if not known and sram.kind == "cache":
        return cores(machine) * registers.alignment_bytes * REGISTERS_PER_NS
    return NEAR_SPEEDUP * (known or SRAM_SPEEDUP * far_bytes_per_ns(machine))


@lru_cache(maxsize=64)
def vector_bytes(machine: Machine) -> int:
    """What an instruction of a unit loads at once where it lies side by side; 0 if units have lanes, or move blocks."""
    registers = machine.space_of("reg")
    return 0 if machine.scope("lane") or registers.kind == "scratchpad" else registers.alignment_bytes


@lru_cache(maxsize=64)
def sram_bytes_per_ns(machine: Machine) -> float:
    """What cores move to and from sram in a nanosecond, bytes: where a cache was measured, as fast as that."""
    sram, registers = machine.space_of("sram"), machine.space_of("reg")
    known = bandwidth(machine, sram.name, registers.name) if sram.kind == "cache" else None
    return known or near_bytes_per_ns(machine)


@lru_cache(maxsize=64)
def far_bytes_per_ns(machine: Machine) -> float:
    """Bytes of DRAM per nanosecond."""
    dram, sram, registers = (machine.space_of(level).name for level in ("dram", "sram", "reg"))
    return bandwidth(machine, dram, registers) or bandwidth(machine, dram, sram) or DRAM_BYTES_PER_NS


@lru_cache(maxsize=64)
def cached_bytes_per_ns(machine: Machine) -> float:
    """Bytes per nanosecond of the largest cache in front of DRAM."""
    caches = machine.caches_of(machine.space_of("dram").name)
    largest = max(caches, key=lambda cache: cache.capacity_bytes or 0, default=None)
    known = largest.bandwidth_bytes_per_ns if largest else None
    return known or CACHE_SPEEDUP * far_bytes_per_ns(machine)


def bandwidth(machine: Machine, source: str, result: str) -> float | None:
    """Bytes per nanosecond of a way from one space to another; None where there is none, or nobody knows."""
    link = machine.link(source, result)
    return None if link is None else link.bandwidth_bytes_per_ns


def cache_bytes(machine: Machine) -> int:
    """What the largest cache in front of DRAM holds."""
    caches = machine.caches_of(machine.space_of("dram").name)
    return max((cache.capacity_bytes or 0 for cache in caches), default=0)


def granule_of(machine: Machine) -> int:
    """Bytes of what is asked of DRAM at once; 1 where a cache in front of it keeps what isn't used yet."""
    return 1 if cache_bytes(machine) else machine.space_of("dram").granule_bytes
