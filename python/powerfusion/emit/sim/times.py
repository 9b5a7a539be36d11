"""What things take on a simulated machine: its own figures where it has some, else those of `times.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from powerfusion.machines.emission import Copy, Emission
from powerfusion.machines.model import Machine


@dataclass(frozen=True)
class Times:
    """What computation takes, per task.

    Attributes:
        vector_bytes_per_ns: Bytes of results that intrinsics make.
        vector_issue_ns: Per call.
        scalar_ns: Per step of a loop over elements.
    """

    vector_bytes_per_ns: float
    vector_issue_ns: float
    scalar_ns: float


@cache
def constants() -> dict[str, float]:
    """The figures of `times.toml`, by name."""
    data = tomllib.loads(Path(__file__).with_name("times.toml").read_text(encoding="utf-8"))
    return {name: float(entry["value"]) for name, entry in data.items()}


def times_of(machine: Machine, emission: Emission) -> Times:
    """What computation takes on a machine."""
    known = constants()
    rates = [dict(engine.rates).get("f32") for engine in machine.engines if "elementwise" in engine.ops]
    rate = next((4 * rate / emission.launched for rate in rates if rate), known["vector_bytes_per_ns"])
    return Times(rate, known["vector_issue_ns"], known["scalar_ns"])


def copy_times(machine: Machine, emission: Emission, copy: Copy) -> tuple[float, float]:
    """Bytes per ns, and ns before the first, of a task's copies along a link."""
    known = constants()
    link = machine.link(copy.source, copy.result)
    far = "dram" in (machine.space(copy.source).level, machine.space(copy.result).level)
    rate = link.bandwidth_bytes_per_ns if link else None
    latency = link.latency_ns if link else None
    whole = rate or known["memory_bytes_per_ns" if far else "near_bytes_per_ns"]
    return whole / emission.launched, known["copy_latency_ns"] if latency is None else latency
