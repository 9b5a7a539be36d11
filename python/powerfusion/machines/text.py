"""Machines in words: sizes, numbers and the graph of links, for the command line and the pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from powerfusion.machines.model import Link, Machine

UNKNOWN = "unknown"


def graph(machine: Machine, *, numbers: bool = True) -> Iterator[str]:
    """The links as a graph in text: below each space the ways out of it, and who computes there.

    ```
    gdram  (dram)
      |--> sram   300 GB/s, dma, asynchronous
      `--> nram   300 GB/s, dma, asynchronous
    ```
    """
    width = max((len(space.name) for space in machine.spaces), default=0)
    for space in machine.spaces:
        yield f"{space.name}  ({space.level})"
        ways = [f"--> {link.result:<{width}}  {_link_text(link, numbers)}" for link in machine.links_from(space.name)]
        ways += [f"==> {engine.name} reads it" for engine in machine.engines if space.name in engine.reads]
        ways += [f"<== {engine.name} writes it" for engine in machine.engines if space.name in engine.writes]
        for number, way in enumerate(ways, 1):
            yield f"  {'`' if number == len(ways) else '|'}{way}"


def _link_text(link: Link, numbers: bool) -> str:
    rate = number_text(link.bandwidth_bytes_per_ns)
    words = ["bandwidth unknown" if rate == UNKNOWN else f"{rate} GB/s"] if numbers else []
    words += [f"{number_text(link.latency_ns)} ns"] if numbers and link.latency_ns is not None else []
    words += [link.instruction] if link.instruction else []
    return ", ".join([*words, *(["asynchronous"] if link.asynchronous else [])])


def size_text(size: int | None) -> str:
    """A size in the units that memories come in: `64 KiB`, `80 GB`; four digits where it is no whole number of them."""
    if size is None:
        return UNKNOWN
    if size and size % 10**9 == 0:
        return f"{size // 10**9} GB"
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and (size % unit == 0 or size >= 1 << 24):
            return f"{size / unit:.4g} {name}"
    return f"{size} B"


def number_text(number: float | None, unit: str = "") -> str:
    """A number without zeros that say nothing."""
    if number is None:
        return UNKNOWN
    return f"{number:.10g}{unit}"
