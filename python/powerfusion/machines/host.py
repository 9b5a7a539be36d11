"""The machine that this runs on, as the system describes it: caches, cores, vector registers.

What the system hides (containers often do) is assumed, and the source of such a number says so. Bandwidths and rates
aren't described anywhere: they are unknown until `pf calibrate` measures them.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from powerfusion import knobs
from powerfusion.machines.calibrated import with_measured
from powerfusion.machines.model import Cache, Engine, Link, Machine, Scope, ScopeLimits, Space

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
DEFAULT_L1_BYTES = 32 << 10
DEFAULT_L2_BYTES = 1 << 20
DEFAULT_LINE_BYTES = 64
X86 = ("x86_64", "AMD64")
SVE_LENGTH = "proc/sys/abi/sve_default_vector_length"


@dataclass(frozen=True)
class Found:
    """A number and where it is from."""

    value: int
    source: str


@dataclass(frozen=True)
class Registers:
    """The vector registers of a core: how many, and how wide."""

    count: int
    width_bytes: int
    source: str


@cache
def host() -> Machine:
    """This machine, with what `pf calibrate` measured of it.

    Raises:
        MachineError: `PF_CALIBRATION` names a file that isn't right, or of another machine.
    """
    return with_measured(detect())


def l2_bytes() -> int:
    """A core's second-level cache, bytes; 1 MiB where the kernel doesn't say."""
    return host().space("cache").capacity_bytes or DEFAULT_L2_BYTES


@cache
def has_avx512(root: Path = Path("/"), arch: str | None = None) -> bool:
    """Whether a machine has the instructions of AVX-512 F and DQ; arguments as of `detect`."""
    return _System(root, arch or platform.machine(), (0,)).has_avx512()


def has_avx512_bf16() -> bool:
    """Whether this machine has AVX-512's instructions for bf16."""
    system = _System(Path("/"), platform.machine(), (0,))
    return system.has_avx512() and "avx512_bf16" in system.flags()


def on_chip_bytes() -> int:
    """What the cores' own caches hold together, bytes: `sram` of all groups."""
    cores = host().scope("group")
    return l2_bytes() * ((cores and cores.count) or 1)


def detect(root: Path = Path("/"), *, arch: str | None = None, cpus: Iterable[int] | None = None) -> Machine:
    """Describes a CPU machine.

    Args:
        root: The folder that holds `sys` and `proc`.
        arch: `x86_64`, `aarch64`; this machine's by default.
        cpus: The processors that may be used; those that this process may use by default.
    """
    system = _System(root, arch or platform.machine(), tuple(sorted(_usable_cpus() if cpus is None else cpus)) or (0,))
    line = system.line()
    registers = system.registers()
    cores = system.cores()
    last = system.last_level()
    return Machine(
        name="cpu",
        title=system.title(),
        spaces=_spaces(system, line, registers),
        links=_links(),
        engines=(
            Engine("simd", ("registers",), ("registers",), ("elementwise", "reduce", "scan", "contract"), limits=()),
        ),
        scopes=(
            ScopeLimits(
                "device",
                "process",
                1,
                1,
                barrier="join of the threads",
                sources=(("count", "by definition"), ("max_count", "by definition")),
            ),
            ScopeLimits("group", "core", cores.value, None, barrier="none needed", sources=(("count", cores.source),)),
            ScopeLimits(
                "unit",
                "SIMD stream",
                1,
                1,
                barrier="none needed",
                sources=(("count", "by definition"), ("max_count", "by definition")),
            ),
        ),
        caches=(
            Cache("L1", "cache", system.level(1).value, line.value, "group", sources=_cite(system.level(1), line)),
            *(
                [Cache("L3", "memory", last[0].value, line.value, last[1], sources=_cite(last[0], line))]
                if last
                else ()
            ),
        ),
    )


def _spaces(system: _System, line: Found, registers: Registers | None) -> tuple[Space, ...]:
    second, memory = system.level(2), system.memory()
    return (
        Space(
            "memory",
            "dram",
            "device",
            "memory",
            capacity_bytes=memory.value if memory else None,
            granule_bytes=line.value,
            alignment_bytes=line.value,
            write_allocate=True,
            sources=_cite_space(memory, line),
        ),
        Space(
            "cache",
            "sram",
            "group",
            "cache",
            capacity_bytes=second.value,
            granule_bytes=line.value,
            alignment_bytes=line.value,
            sources=_cite_space(second, line),
        ),
        Space(
            "registers",
            "reg",
            "unit",
            "registers",
            capacity_bytes=registers.count * registers.width_bytes if registers else None,
            alignment_bytes=registers.width_bytes if registers else 1,
            sources=tuple((key, registers.source) for key in ("capacity_bytes", "alignment_bytes"))
            if registers
            else (),
        ),
    )


def _links() -> tuple[Link, ...]:
    return (
        Link("memory", "registers", instruction="load"),
        Link("registers", "memory", instruction="store"),
        Link("memory", "cache", instruction="load or prefetch", asynchronous=True),
        Link("cache", "memory", instruction="write back"),
        Link("cache", "registers", instruction="load"),
        Link("registers", "cache", instruction="store"),
    )


def _cite(capacity: Found | None, line: Found) -> tuple[tuple[str, str], ...]:
    own = (("capacity_bytes", capacity.source),) if capacity else ()
    return (*own, ("granule_bytes", line.source))


def _cite_space(capacity: Found | None, line: Found) -> tuple[tuple[str, str], ...]:
    return (*_cite(capacity, line), ("alignment_bytes", line.source))


def _usable_cpus() -> Iterable[int]:
    """The processors that this process may use; not every system can tell."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)


@dataclass(frozen=True)
class _System:
    """What `sys` and `proc` under a root say."""

    root: Path
    arch: str
    cpus: tuple[int, ...]

    def read(self, path: str) -> str | None:
        """A file's text; None where it is missing or hidden."""
        try:
            return (self.root / path).read_text(encoding="ascii", errors="replace").strip() or None
        except OSError:
            return None

    def title(self) -> str:
        """What the processor calls itself."""
        return self.cpuinfo("model name") or self.cpuinfo("Model") or f"a {self.arch} CPU"

    def cpuinfo(self, key: str) -> str | None:
        """The first value of a key in /proc/cpuinfo."""
        for line in (self.read("proc/cpuinfo") or "").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key and value.strip():
                return value.strip()
        return None

    def memory(self) -> Found | None:
        """Main memory, bytes."""
        words = next(
            (line.split() for line in (self.read("proc/meminfo") or "").splitlines() if line.startswith("MemTotal:")),
            [],
        )
        if len(words) >= 2 and words[1].isdigit():
            return Found(int(words[1]) << 10, "detected: /proc/meminfo")
        return None

    def cores(self) -> Found:
        """How many cores may be used; two threads of a core are one."""
        return Found(len({self.core(cpu) for cpu in self.cpus}), "detected: affinity and topology")

    def core(self, cpu: int) -> tuple[str, str]:
        """Package and core of a processor; each is a core of its own where nobody says."""
        topology = f"sys/devices/system/cpu/cpu{cpu}/topology"
        core = self.read(f"{topology}/core_id")
        return (self.read(f"{topology}/physical_package_id") or "0", f"cpu{cpu}" if core is None else core)

    def caches(self, level: int) -> list[tuple[int, set[int]]]:
        """Size, and processors that share it, of the data cache of a level of each processor."""
        found = list[tuple[int, set[int]]]()
        for cpu in self.cpus:
            base = f"sys/devices/system/cpu/cpu{cpu}/cache"
            for index in range(8):
                at = f"{base}/index{index}"
                if self.read(f"{at}/level") != str(level) or self.read(f"{at}/type") == "Instruction":
                    continue
                size = _parse_size(self.read(f"{at}/size"))
                if size:
                    found.append((size, _parse_list(self.read(f"{at}/shared_cpu_list")) or {cpu}))
        return found

    def level(self, level: int) -> Found:
        """What a core has of a cache level, of the smallest core; several cores that share one have a part each."""
        shares = [size // max(len({self.core(cpu) for cpu in sharers}), 1) for size, sharers in self.caches(level)]
        if shares:
            return Found(min(shares), "detected: /sys/devices/system/cpu")
        default = DEFAULT_L1_BYTES if level == 1 else DEFAULT_L2_BYTES
        return Found(default, "assumed: the system doesn't say")

    def last_level(self) -> tuple[Found, Scope] | None:
        """The third level, and what has one of its own: all cores or a part of them."""
        found = self.caches(3)
        if not found:
            return None
        size, sharers = min(found, key=lambda entry: entry[0])
        return Found(size, "detected: /sys/devices/system/cpu"), "device" if set(self.cpus) <= sharers else "cluster"

    def line(self) -> Found:
        """A cache line, bytes."""
        for index in range(4):
            text = self.read(f"sys/devices/system/cpu/cpu{self.cpus[0]}/cache/index{index}/coherency_line_size")
            if text and text.isdigit() and int(text):
                return Found(int(text), "detected: /sys/devices/system/cpu")
        return Found(DEFAULT_LINE_BYTES, "assumed: the system doesn't say")

    def flags(self) -> set[str]:
        """What an x86 processor can do."""
        return set((self.cpuinfo("flags") or "").split())

    def has_avx512(self) -> bool:
        """Whether it has AVX-512 F and DQ, as all but the first processors with F have."""
        return self.arch in X86 and {"avx512f", "avx512dq"} <= self.flags()

    def registers(self) -> Registers | None:
        """The vector registers, as `PF_REGISTERS` says or detected; None for an architecture that we don't know."""
        if self.root == Path("/") and (told := knobs.registers()):
            return Registers(*told, f"told by {knobs.REGISTERS.name}")
        if self.arch in X86:
            if "avx512f" in self.flags():
                return Registers(32, 64, "detected: avx512f in /proc/cpuinfo")
            if "avx" in self.flags():
                return Registers(16, 32, "detected: avx in /proc/cpuinfo")
            return Registers(16, 16, "by the architecture: SSE2")
        if self.arch in ("aarch64", "arm64"):
            if "sve" in (self.cpuinfo("Features") or "").split():
                text = self.read(SVE_LENGTH) or ""
                width = int(text) if text.isdigit() and int(text) else 16
                return Registers(32, width, "detected: sve in /proc/cpuinfo and /proc/sys/abi")
            return Registers(32, 16, "by the architecture: Advanced SIMD")
        return None


def _parse_size(text: str | None) -> int:
    """`2048K` in bytes; 0 where it can't be read."""
    if text and text[-1] in _UNITS and text[:-1].isdigit():
        return int(text[:-1]) * _UNITS[text[-1]]
    return int(text) if text and text.isdigit() else 0


def _parse_list(text: str | None) -> set[int]:
    """`0-3,8` as a set; empty where it can't be read."""
    cpus = set[int]()
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            cpus.update(range(int(first), int(last or first) + 1))
    return cpus
