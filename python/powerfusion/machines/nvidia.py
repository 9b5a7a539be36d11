"""NVIDIA's machines: sm_80 (A100), sm_90 (H100), sm_100 (B200). A unit is a warp, a group a thread block."""

from __future__ import annotations

from dataclasses import dataclass

from powerfusion.machines.model import Cache, Engine, Link, Machine, ScopeLimits, Sources, Space

_GUIDE = "CUDA C++ Programming Guide, Technical Specifications per Compute Capability"
_BEST = "CUDA C++ Best Practices Guide, Coalesced Access to Global Memory: 32-byte transactions"
_BANKS = "CUDA C++ Programming Guide, Shared Memory: 32 banks of 4 bytes"
_PTX = "PTX ISA, Asynchronous Data Movement: cp.async of up to 16 bytes, 16-byte aligned"
_A100 = "NVIDIA A100 Tensor Core GPU datasheet and architecture whitepaper, SXM4 80 GB"
_H100 = "NVIDIA H100 Tensor Core GPU Architecture whitepaper, table of H100 SXM5"
_B200 = "NVIDIA Blackwell Architecture Technical Brief, table of HGX B200, dense"
_QUERY = "device query of a B200, as published in github.com/pytorch/ao pull request 4002"
_GRID = "CUDA C++ Programming Guide, Maximum x-dimension of a grid of thread blocks"

Rates = tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class _Chip:
    """What differs between the chips; figures as published."""

    name: str
    title: str
    product: str
    processors: int
    shared_bytes: int
    memory_bytes: int
    memory_gb_s: float
    l2_bytes: int
    l2_source: str
    alu: Rates
    tensor: Rates
    clock_ghz: float | None
    memory_source: str | None = None
    capacity_source: str | None = None


_SM_80 = _Chip(
    name="sm_80",
    title="NVIDIA A100 (SXM4, 80 GB)",
    product=_A100,
    processors=108,
    shared_bytes=163 << 10,
    memory_bytes=80 * 10**9,
    memory_gb_s=2039.0,
    l2_bytes=40 << 20,
    l2_source=_A100,
    alu=(("f64", 9_700.0), ("f32", 19_500.0), ("f16", 78_000.0), ("bf16", 39_000.0), ("i32", 19_500.0)),
    tensor=(("f64", 19_500.0), ("tf32", 156_000.0), ("f16", 312_000.0), ("bf16", 312_000.0), ("i8", 624_000.0)),
    clock_ghz=1.41,
)
_SM_90 = _Chip(
    name="sm_90",
    title="NVIDIA H100 (SXM5, 80 GB)",
    product=_H100,
    processors=132,
    shared_bytes=227 << 10,
    memory_bytes=80 * 10**9,
    memory_gb_s=3352.0,
    l2_bytes=50 << 20,
    l2_source=_H100,
    alu=(("f64", 33_500.0), ("f32", 66_900.0), ("f16", 133_800.0), ("bf16", 133_800.0), ("i32", 33_500.0)),
    tensor=(
        ("f64", 66_900.0),
        ("tf32", 494_700.0),
        ("f16", 989_400.0),
        ("bf16", 989_400.0),
        ("f8E4M3FN", 1_978_900.0),
        ("f8E5M2", 1_978_900.0),
        ("i8", 1_978_900.0),
    ),
    clock_ghz=1.98,
)
_SM_100 = _Chip(
    name="sm_100",
    title="NVIDIA B200 (HGX)",
    product=_B200,
    processors=148,
    shared_bytes=227 << 10,
    memory_bytes=round(178.35 * 2**30),
    memory_gb_s=7672.0,
    l2_bytes=round(126.5 * 2**20),
    l2_source=_QUERY,
    alu=(("f64", 40_000.0), ("f32", 80_000.0), ("f16", None), ("bf16", None), ("i32", None)),
    tensor=(
        ("f64", 40_000.0),
        ("tf32", 1_100_000.0),
        ("f16", 2_250_000.0),
        ("bf16", 2_250_000.0),
        ("f8E4M3FN", 4_500_000.0),
        ("f8E5M2", 4_500_000.0),
        ("i8", 4_500_000.0),
    ),
    clock_ghz=None,
    memory_source=f"derived: 7680 bits x 3.996 GHz x 2; {_QUERY}",
    capacity_source=_QUERY,
)


def machines() -> tuple[Machine, ...]:
    """All of them."""
    return tuple(_machine(chip) for chip in (_SM_80, _SM_90, _SM_100))


def _machine(chip: _Chip) -> Machine:
    return Machine(
        name=chip.name,
        title=chip.title,
        spaces=_spaces(chip),
        links=_links(chip),
        engines=_engines(chip),
        scopes=_scopes(chip),
        caches=(
            Cache(
                "L2",
                "global",
                chip.l2_bytes,
                32,
                sources=(("capacity_bytes", chip.l2_source), ("granule_bytes", _BEST)),
            ),
        ),
    )


def _spaces(chip: _Chip) -> tuple[Space, ...]:
    spaces = [
        Space(
            "global",
            "dram",
            "device",
            "memory",
            capacity_bytes=chip.memory_bytes,
            granule_bytes=32,
            alignment_bytes=256,
            sources=(
                ("capacity_bytes", chip.capacity_source or chip.product),
                ("granule_bytes", _BEST),
                ("alignment_bytes", "CUDA C++ Programming Guide, Device Memory Accesses: allocations of 256 bytes"),
            ),
        ),
        Space(
            "shared",
            "sram",
            "group",
            "scratchpad",
            capacity_bytes=chip.shared_bytes,
            granule_bytes=4,
            alignment_bytes=16,
            sources=(
                ("capacity_bytes", f"{_GUIDE}: Maximum amount of shared memory per thread block"),
                ("granule_bytes", _BANKS),
                ("alignment_bytes", _PTX),
            ),
        ),
        Space(
            "registers",
            "reg",
            "unit",
            "registers",
            capacity_bytes=255 * 32 * 4,
            pool_bytes=256 << 10,
            sources=(
                ("capacity_bytes", f"derived: 255 registers per thread x 32 threads x 4 bytes; {_GUIDE}"),
                ("pool_bytes", f"derived: 64 K registers per thread block x 4 bytes; {_GUIDE}"),
            ),
        ),
    ]
    if chip.name == "sm_100":
        spaces.append(
            Space(
                "tmem",
                "reg",
                "group",
                "scratchpad",
                capacity_bytes=256 << 10,
                granule_bytes=4,
                alignment_bytes=4,
                sources=(
                    ("capacity_bytes", "derived: 128 lanes x 512 columns x 4 bytes; PTX ISA, Tensor Memory"),
                    ("granule_bytes", "PTX ISA, Tensor Memory: columns of 32 bits"),
                    ("alignment_bytes", "PTX ISA, Tensor Memory: columns of 32 bits"),
                ),
            )
        )
    return tuple(spaces)


def _links(chip: _Chip) -> tuple[Link, ...]:
    memory: Sources = (("bandwidth_bytes_per_ns", chip.memory_source or chip.product),)
    shared_rate = None if chip.clock_ghz is None else round(128 * chip.processors * chip.clock_ghz, 1)
    shared: Sources = ()
    if shared_rate is not None:
        derived = f"derived: 128 bytes per cycle and SM x {chip.processors} SMs x {chip.clock_ghz} GHz; {_BANKS}"
        shared = (("bandwidth_bytes_per_ns", derived),)
    bulk = chip.name != "sm_80"
    links = [
        Link("global", "registers", chip.memory_gb_s, None, "ld.global", sources=memory),
        Link("registers", "global", chip.memory_gb_s, None, "st.global", sources=memory),
        Link("global", "shared", chip.memory_gb_s, None, "cp.async.bulk.tensor" if bulk else "cp.async", True, memory),
        Link("shared", "registers", shared_rate, None, "ld.shared", sources=shared),
        Link("registers", "shared", shared_rate, None, "st.shared", sources=shared),
    ]
    if bulk:
        links.append(Link("shared", "global", chip.memory_gb_s, None, "cp.async.bulk.tensor", True, memory))
        links.append(Link("shared", "shared", None, None, "cp.async.bulk.shared::cluster", True))
    if chip.name == "sm_100":
        links.append(Link("registers", "tmem", None, None, "tcgen05.st", True))
        links.append(Link("tmem", "registers", None, None, "tcgen05.ld", True))
        links.append(Link("shared", "tmem", None, None, "tcgen05.cp", True))
    return tuple(links)


def _engines(chip: _Chip) -> tuple[Engine, ...]:
    registers = ("registers",)
    alu = Engine(
        "cuda_cores",
        registers,
        registers,
        ("elementwise", "reduce", "scan", "contract"),
        chip.alu,
        sources=_of_rates(chip.alu, chip.product),
    )
    shape = (("m", 16), ("n", 8), ("k", 16))
    mma: Sources = tuple((key, "PTX ISA, mma.sync: m16n8k16 of f16") for key, _ in shape)
    if chip.name == "sm_80":
        cited = (*_of_rates(chip.tensor, chip.product), *mma)
        return (alu, Engine("mma", registers, registers, ("contract",), chip.tensor, shape, cited))
    # The newer tensor cores reach their rates through wgmma and tcgen05 only, which don't take f64; what mma.sync
    # reaches on the other types isn't published.
    double = tuple(pair for pair in chip.tensor if pair[0] == "f64")
    older = Engine("mma", registers, registers, ("contract",), double, shape, (*_of_rates(double, chip.product), *mma))
    newer = tuple(pair for pair in chip.tensor if pair[0] != "f64")
    rates = _of_rates(newer, chip.product)
    if chip.name == "sm_90":
        wide = (("m", 64), ("n", 256), ("k", 16))
        cited: Sources = tuple((key, "PTX ISA, wgmma.mma_async: m64n256k16 of f16") for key, _ in wide)
        reads = ("shared", "registers")
        return (alu, older, Engine("wgmma", reads, registers, ("contract",), newer, wide, (*rates, *cited)))
    wide = (("m", 128), ("n", 256), ("k", 16))
    cited = tuple((key, "PTX ISA, tcgen05.mma: M 128, N up to 256, K 16 of f16") for key, _ in wide)
    reads = ("shared", "tmem")
    return (alu, older, Engine("tcgen05", reads, ("tmem",), ("contract",), newer, wide, (*rates, *cited)))


def _of_rates(rates: Rates, source: str) -> Sources:
    return tuple((dtype, source) for dtype, rate in rates if rate is not None)


def _scopes(chip: _Chip) -> tuple[ScopeLimits, ...]:
    grid = 2**31 - 1
    cluster = ScopeLimits(
        "cluster", "thread block cluster", None, grid, "barrier.cluster", sources=(("max_count", _GRID),)
    )
    in_cluster = 8
    in_cluster_source = "CUDA C++ Programming Guide, Thread Block Clusters: 8 is the portable maximum"
    clusters = chip.name != "sm_80"
    return (
        ScopeLimits("device", "GPU", 1, 1, "end of the kernel", sources=_counts("by definition", "by definition")),
        *([cluster] if clusters else []),
        ScopeLimits(
            "group",
            "thread block",
            chip.processors,
            in_cluster if clusters else grid,
            "bar.sync",
            sources=_counts(f"SMs; {chip.product}", in_cluster_source if clusters else _GRID),
        ),
        ScopeLimits("unit", "warp", 64, 32, "bar.warp.sync", sources=_counts(f"{_GUIDE}: resident warps", _GUIDE)),
        ScopeLimits("lane", "thread", 32, 32, None, sources=_counts(f"{_GUIDE}: warp size", _GUIDE)),
    )


def _counts(count: str, max_count: str) -> Sources:
    return (("count", count), ("max_count", max_count))
