"""AMD's machines: gfx90a (one die of an MI250X), gfx942 (MI300X), gfx1100 (RX 7900 XTX). A unit is a wavefront."""

from __future__ import annotations

from dataclasses import dataclass

from powerfusion.machines.model import Cache, Engine, Link, Machine, ScopeLimits, Sources, Space

_SPECS = "ROCm documentation, AMD GPU specifications"
_USAGE = "LLVM, User Guide for AMDGPU Backend"
_PROFILER = "ROCm Compute Profiler documentation, L2 Cache (TCC): reads from memory of 64 bytes"
_RDNA = "AMD, Introducing RDNA Architecture whitepaper, Cache Hierarchy: lines of 128 bytes"
_LDS = "AMD ISA reference guides, Local Data Share: 32 banks of 4 bytes"
_HIP = "HIP documentation, Hardware features: limits of a work-group"

Rates = tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class _Chip:
    """What differs between the chips; figures as published."""

    name: str
    title: str
    product: str
    units: int
    wave: int
    waves_per_group_hw: int
    registers: int
    register_file_bytes: int
    memory_bytes: int
    memory_gb_s: float
    granule_bytes: int
    caches: tuple[tuple[str, int], ...]
    clock_ghz: float | None
    vector: Rates
    matrix: Rates
    matrix_shape: tuple[int, int, int]
    matrix_name: str


_GFX90A = _Chip(
    name="gfx90a",
    title="AMD Instinct MI250X, one of its two dies",
    product="AMD Instinct MI250X datasheet; derived: half of the package",
    units=110,
    wave=64,
    waves_per_group_hw=32,
    registers=512,
    register_file_bytes=512 << 10,
    memory_bytes=64 * 2**30,
    memory_gb_s=1638.4,
    granule_bytes=64,
    caches=(("L2", 8 << 20),),
    clock_ghz=1.7,
    vector=(("f64", 23_950.0), ("f32", 23_950.0), ("f16", None)),
    matrix=(("f64", 47_900.0), ("f32", 47_900.0), ("f16", 191_500.0), ("bf16", 191_500.0), ("i8", 191_500.0)),
    matrix_shape=(32, 32, 8),
    matrix_name="mfma",
)
_GFX942 = _Chip(
    name="gfx942",
    title="AMD Instinct MI300X",
    product="AMD Instinct MI300X datasheet",
    units=304,
    wave=64,
    waves_per_group_hw=32,
    registers=512,
    register_file_bytes=512 << 10,
    memory_bytes=192 * 2**30,
    memory_gb_s=5325.0,
    granule_bytes=64,
    caches=(("L2", 4 << 20), ("Infinity Cache", 256 << 20)),
    clock_ghz=2.1,
    vector=(("f64", 81_700.0), ("f32", 163_400.0), ("f16", None)),
    matrix=(
        ("f64", 163_400.0),
        ("f32", 163_400.0),
        ("tf32", 653_700.0),
        ("f16", 1_307_400.0),
        ("bf16", 1_307_400.0),
        ("i8", 2_614_900.0),
    ),
    matrix_shape=(32, 32, 8),
    matrix_name="mfma",
)
_GFX1100 = _Chip(
    name="gfx1100",
    title="AMD Radeon RX 7900 XTX",
    product="AMD Radeon RX 7900 XTX, product page",
    units=96,
    wave=32,
    waves_per_group_hw=32,
    registers=256,
    register_file_bytes=384 << 10,
    memory_bytes=24 * 2**30,
    memory_gb_s=960.0,
    granule_bytes=128,
    caches=(("L2", 6 << 20), ("Infinity Cache", 96 << 20)),
    clock_ghz=None,
    vector=(("f64", None), ("f32", 61_400.0), ("f16", 122_800.0)),
    matrix=(("f16", 122_800.0), ("bf16", 122_800.0), ("i8", None)),
    matrix_shape=(16, 16, 16),
    matrix_name="wmma",
)


def machines() -> tuple[Machine, ...]:
    """All of them."""
    return tuple(_machine(chip) for chip in (_GFX90A, _GFX942, _GFX1100))


def _machine(chip: _Chip) -> Machine:
    return Machine(
        name=chip.name,
        title=chip.title,
        spaces=_spaces(chip),
        links=_links(chip),
        engines=_engines(chip),
        scopes=_scopes(chip),
        caches=_caches(chip),
    )


def _granule_source(chip: _Chip) -> str:
    return _RDNA if chip.name == "gfx1100" else _PROFILER


def _caches(chip: _Chip) -> tuple[Cache, ...]:
    # MI300X: 4 MiB in each of eight dies, which is a cluster to us; the other caches are one for all.
    return tuple(
        Cache(
            name,
            "global",
            size,
            128,
            "cluster" if chip.name == "gfx942" and name == "L2" else "device",
            sources=(("capacity_bytes", _SPECS), ("granule_bytes", f"{_SPECS}; lines of 128 bytes")),
        )
        for name, size in chip.caches
    )


def _spaces(chip: _Chip) -> tuple[Space, ...]:
    file = f"{_SPECS}: VGPR file of a compute unit"
    return (
        Space(
            "global",
            "dram",
            "device",
            "memory",
            capacity_bytes=chip.memory_bytes,
            granule_bytes=chip.granule_bytes,
            alignment_bytes=256,
            sources=(
                ("capacity_bytes", _SPECS),
                ("granule_bytes", _granule_source(chip)),
                ("alignment_bytes", "HIP documentation, hipMalloc: allocations of 256 bytes"),
            ),
        ),
        Space(
            "lds",
            "sram",
            "group",
            "scratchpad",
            capacity_bytes=64 << 10,
            granule_bytes=4,
            alignment_bytes=16,
            sources=(
                ("capacity_bytes", f"{_USAGE}: LDS of a work-group"),
                ("granule_bytes", _LDS),
                ("alignment_bytes", "AMD ISA reference guides, ds_read_b128: 16-byte aligned"),
            ),
        ),
        Space(
            "vgpr",
            "reg",
            "unit",
            "registers",
            capacity_bytes=chip.registers * chip.wave * 4,
            pool_bytes=chip.register_file_bytes,
            sources=(
                (
                    "capacity_bytes",
                    f"derived: {chip.registers} registers x {chip.wave} lanes x 4 bytes; {_USAGE}",
                ),
                ("pool_bytes", file),
            ),
        ),
    )


def _links(chip: _Chip) -> tuple[Link, ...]:
    memory: Sources = (("bandwidth_bytes_per_ns", chip.product),)
    rate = None if chip.clock_ghz is None else round(128 * chip.units * chip.clock_ghz, 1)
    local: Sources = ()
    if rate is not None:
        derived = f"derived: 128 bytes per cycle and compute unit x {chip.units} x {chip.clock_ghz} GHz; {_LDS}"
        local = (("bandwidth_bytes_per_ns", derived),)
    return (
        Link("global", "vgpr", chip.memory_gb_s, None, "global_load", sources=memory),
        Link("vgpr", "global", chip.memory_gb_s, None, "global_store", sources=memory),
        *([Link("global", "lds", chip.memory_gb_s, None, "global_load_lds", True, memory)] if chip.wave == 64 else []),
        Link("lds", "vgpr", rate, None, "ds_read", sources=local),
        Link("vgpr", "lds", rate, None, "ds_write", sources=local),
    )


def _engines(chip: _Chip) -> tuple[Engine, ...]:
    registers = ("vgpr",)
    limits = tuple(zip(("m", "n", "k"), chip.matrix_shape, strict=True))
    shape = f"AMD matrix instruction calculator: {chip.matrix_name} {'x'.join(map(str, chip.matrix_shape))} of f16"
    return (
        Engine(
            "valu",
            registers,
            registers,
            ("elementwise", "reduce", "scan", "contract"),
            chip.vector,
            sources=tuple((dtype, chip.product) for dtype, rate in chip.vector if rate is not None),
        ),
        Engine(
            chip.matrix_name,
            registers,
            registers,
            ("contract",),
            chip.matrix,
            limits,
            (
                *((dtype, chip.product) for dtype, rate in chip.matrix if rate is not None),
                *((key, shape) for key, _ in limits),
            ),
        ),
    )


def _scopes(chip: _Chip) -> tuple[ScopeLimits, ...]:
    definition = "by definition"
    dies = ScopeLimits("cluster", "accelerator complex die", 8, None, None, sources=(("count", f"{_SPECS}: 8 XCDs"),))
    return (
        ScopeLimits("device", "GPU", 1, 1, "end of the kernel", sources=_counts(definition, definition)),
        *([dies] if chip.name == "gfx942" else []),
        ScopeLimits("group", "work-group", chip.units, 2**31 - 1, "s_barrier", sources=_counts(_SPECS, _HIP)),
        ScopeLimits(
            "unit",
            "wavefront",
            chip.waves_per_group_hw,
            1024 // chip.wave,
            "s_waitcnt",
            sources=_counts(f"{_USAGE}: wavefronts of a compute unit", f"derived: 1024 work-items; {_HIP}"),
        ),
        ScopeLimits("lane", "work-item", chip.wave, chip.wave, None, sources=_counts(_SPECS, _SPECS)),
    )


def _counts(count: str, max_count: str) -> Sources:
    return (("count", count), ("max_count", max_count))
