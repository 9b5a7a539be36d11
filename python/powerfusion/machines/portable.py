"""The machine that portable C is placed for: any processor of today, in figures that hardly one falls short of."""

from __future__ import annotations

from powerfusion.machines.model import Cache, Engine, Link, Machine, ScopeLimits, Space

CHOSEN = "derived: chosen so that hardly a processor has less, docs/decisions/0040"


def machines() -> tuple[Machine, ...]:
    """The machine `c`."""
    return (
        Machine(
            name="c",
            title="Portable C99 on any processor with caches",
            spaces=(
                Space(
                    "memory",
                    "dram",
                    "device",
                    "memory",
                    granule_bytes=64,
                    alignment_bytes=64,
                    write_allocate=True,
                    sources=_cite("granule_bytes", "alignment_bytes"),
                ),
                Space(
                    "cache",
                    "sram",
                    "group",
                    "cache",
                    capacity_bytes=256 << 10,
                    granule_bytes=64,
                    alignment_bytes=64,
                    sources=_cite("capacity_bytes", "granule_bytes", "alignment_bytes"),
                ),
                Space(
                    "registers",
                    "reg",
                    "unit",
                    "registers",
                    capacity_bytes=2 << 10,
                    alignment_bytes=64,
                    sources=_cite("capacity_bytes", "alignment_bytes"),
                ),
            ),
            links=(
                Link("memory", "registers", instruction="load"),
                Link("registers", "memory", instruction="store"),
                Link("memory", "cache", instruction="load"),
                Link("cache", "memory", instruction="write back"),
                Link("cache", "registers", instruction="load"),
                Link("registers", "cache", instruction="store"),
            ),
            engines=(
                Engine("statements", ("registers",), ("registers",), ("elementwise", "reduce", "scan", "contract")),
            ),
            scopes=(
                ScopeLimits(
                    "device", "process", 1, 1, barrier="join of the threads", sources=_cite("count", "max_count")
                ),
                ScopeLimits(
                    "group", "iteration of a parallel loop", 4, None, barrier="none needed", sources=_cite("count")
                ),
                ScopeLimits("unit", "statement", 1, 1, "none needed", sources=_cite("count", "max_count")),
            ),
            caches=(Cache("L1", "cache", 32 << 10, 64, "group", sources=_cite("capacity_bytes", "granule_bytes")),),
        ),
    )


def _cite(*fields: str) -> tuple[tuple[str, str], ...]:
    return tuple((field, CHOSEN) for field in fields)
