"""The CPU as the system describes it: what is detected, and what is assumed where the system is silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from powerfusion.machines import checks, host

FLAGS = "processor : 0\nmodel name : A chip\nflags : fpu sse2 {}\n"


def fake_host(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


def cache_files(cpu: int, index: int, level: int, size: str, shared: str, kind: str = "Unified") -> dict[str, str]:
    base = f"sys/devices/system/cpu/cpu{cpu}/cache/index{index}"
    parts = {"level": str(level), "size": size, "type": kind, "shared_cpu_list": shared, "coherency_line_size": "64"}
    return {f"{base}/{name}": text for name, text in parts.items()}


def topology(cpu: int, core: int, package: int = 0) -> dict[str, str]:
    base = f"sys/devices/system/cpu/cpu{cpu}/topology"
    return {f"{base}/core_id": str(core), f"{base}/physical_package_id": str(package)}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("avx avx2 avx512f avx512dq", 32 * 64), ("avx512f", 32 * 64), ("avx avx2", 16 * 32), ("", 16 * 16)],
)
def test_host_vector_registers(tmp_path: Path, flags: str, expected: int) -> None:
    fake_host(tmp_path, {"proc/cpuinfo": FLAGS.format(flags)})
    machine = host.detect(tmp_path, arch="x86_64", cpus=[0])
    assert machine.space("registers").capacity_bytes == expected
    assert machine.title == "A chip"
    assert host.has_avx512(tmp_path, "x86_64") == ("avx512dq" in flags)
    assert not host.has_avx512(tmp_path, "aarch64")


@pytest.mark.parametrize(
    ("features", "length", "expected"),
    [("fp asimd", "", 32 * 16), ("asimd sve", "64", 32 * 64), ("asimd sve", "", 32 * 16)],
)
def test_host_aarch64(tmp_path: Path, features: str, length: str, expected: int) -> None:
    fake_host(tmp_path, {"proc/cpuinfo": f"processor\t: 0\nFeatures\t: {features}", host.SVE_LENGTH: length})
    machine = host.detect(tmp_path, arch="aarch64", cpus=[0])
    assert machine.space("registers").capacity_bytes == expected
    assert machine.title == "a aarch64 CPU" or "aarch64" in machine.title


def test_host_threads_of_a_core_share_its_caches(tmp_path: Path) -> None:
    """Four processors are two cores, each with 2 MiB; a third level of half of them isn't the whole machine's."""
    files = {"proc/meminfo": "MemTotal:       1024 kB\nMemFree: 1 kB"}
    for cpu in range(4):
        pair = "0-1" if cpu < 2 else "2-3"
        files |= topology(cpu, cpu // 2)
        files |= cache_files(cpu, 0, 1, "32K", pair, "Data") | cache_files(cpu, 1, 1, "64K", pair, "Instruction")
        files |= cache_files(cpu, 2, 2, "2048K", pair) | cache_files(cpu, 3, 3, "16M", pair)
    machine = host.detect(fake_host(tmp_path, files), arch="x86_64", cpus=range(4))
    cores = machine.scope("group")
    assert cores
    assert cores.count == 2
    assert machine.space("cache").capacity_bytes == 2 << 20
    assert machine.space("memory").capacity_bytes == 1 << 20
    assert [(cache.name, cache.capacity_bytes, cache.scope) for cache in machine.caches] == [
        ("L1", 32 << 10, "group"),
        ("L3", 16 << 20, "cluster"),
    ]
    assert checks.check(machine) == []


def test_host_cores_that_share_a_level_have_parts(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for cpu in range(4):
        files |= topology(cpu, cpu) | cache_files(cpu, 2, 2, "4M", "0,1-3")
    machine = host.detect(fake_host(tmp_path, files), arch="x86_64", cpus=range(4))
    assert machine.space("cache").capacity_bytes == 1 << 20


@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "riscv64"])
def test_host_that_says_nothing(tmp_path: Path, arch: str) -> None:
    """A container may hide all of it: what is assumed is marked, and the machine is whole."""
    machine = host.detect(tmp_path, arch=arch, cpus=[])
    assert checks.check(machine) == []
    assert machine.space("cache").capacity_bytes == host.DEFAULT_L2_BYTES
    assert dict(machine.space("cache").sources)["capacity_bytes"].startswith("assumed:")
    assert machine.space("memory").capacity_bytes is None
    assert (machine.space("registers").capacity_bytes is None) == (arch == "riscv64")


def test_host_with_nonsense(tmp_path: Path) -> None:
    """Files that hold something else are as good as missing."""
    files = dict.fromkeys(
        [*cache_files(0, 2, 2, "x", "y"), "proc/meminfo", "proc/cpuinfo", host.SVE_LENGTH], "\x00 -3,"
    )
    files |= {"sys/devices/system/cpu/cpu0/cache/index2/level": "2"}
    machine = host.detect(fake_host(tmp_path, files), arch="aarch64", cpus=[0])
    assert machine.space("cache").capacity_bytes == host.DEFAULT_L2_BYTES


def test_on_chip_bytes() -> None:
    cores = host.host().scope("group")
    assert cores
    assert host.on_chip_bytes() == host.l2_bytes() * (cores.count or 0)
