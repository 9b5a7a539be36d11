"""Cambricon's machines: MLU372 (MLU370 cards) and MLU592 (MLU590). A unit is an IPU core, a group a cluster.

Sizes are from headers that Cambricon published; speeds of the MLU590 and most alignments are unpublished.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from powerfusion.machines.model import Engine, Link, Machine, ScopeLimits, Sources, Space
from powerfusion.machines.schema import emission_from

_HEADERS = "Cambricon's MIT-licensed compiler headers: __MLU_{}_SIZE__ of the architecture"
_STACK = "github.com/Cambricon/torch_mlu, bang/internal/common_util.h: REM_FOR_STACK, 128 KB"
_NFU = "github.com/open-mmlab/mmcv, ops/csrc/common/mlu: NFU_ALIGN_SIZE, 128 bytes"
_GDRAM = "github.com/Cambricon/mlu-ops, kernels: GDRAM is read in units of 64 bytes"
_WRAM = "github.com/Cambricon/mlu-ops, kernels: WRAM buffers are aligned to 64 bytes"
_CORES = "github.com/Cambricon/mlu-ops: coreDim of a cluster"
_X4 = "Cambricon MLU370-X4, product page"


@dataclass(frozen=True)
class _Chip:
    """What differs between the chips."""

    name: str
    title: str
    nram_kib: int
    wram_kib: int
    sram_kib: int
    memory_bytes: int | None
    memory_gb_s: float | None
    rates: tuple[tuple[str, float | None], ...]
    source: str | None
    emission: tuple[str, ...] = ("bang.toml",)


_UNKNOWN: tuple[tuple[str, float | None], ...] = (("f32", None), ("f16", None), ("bf16", None), ("i8", None))
_CHIPS = (
    _Chip(
        name="mlu372",
        title="Cambricon MLU370-X4",
        nram_kib=768,
        wram_kib=1024,
        sram_kib=4096,
        memory_bytes=24 * 2**30,
        memory_gb_s=307.2,
        # Reports of f32 differ, from 24 to 32 TFLOPS.
        rates=(("f32", None), ("f16", 96_000.0), ("bf16", 96_000.0), ("i16", 128_000.0), ("i8", 256_000.0)),
        source=_X4,
    ),
    _Chip(
        name="mlu592",
        title="Cambricon MLU590",
        nram_kib=512,
        wram_kib=512,
        sram_kib=2048,
        memory_bytes=None,
        memory_gb_s=None,
        rates=_UNKNOWN,
        source=None,
        emission=("bang.toml", "bang_592.toml"),
    ),
)


def machines() -> tuple[Machine, ...]:
    """All of them."""
    return tuple(_machine(chip) for chip in _CHIPS)


def _machine(chip: _Chip) -> Machine:
    return Machine(
        name=chip.name,
        title=chip.title,
        spaces=_spaces(chip),
        links=_links(chip),
        engines=_engines(chip),
        scopes=(
            ScopeLimits(
                "device",
                "MLU",
                1,
                1,
                "__sync_all",
                sources=(("count", "by definition"), ("max_count", "by definition")),
            ),
            ScopeLimits("group", "cluster", None, None, "__sync_cluster"),
            ScopeLimits("unit", "IPU core", 4, 4, "__sync", sources=(("count", _CORES), ("max_count", _CORES))),
        ),
        emit=emission_from([Path(__file__).with_name(name) for name in chip.emission]),
    )


def _spaces(chip: _Chip) -> tuple[Space, ...]:
    memory: Sources = (("granule_bytes", _GDRAM), ("alignment_bytes", _GDRAM))
    if chip.source:
        memory = (("capacity_bytes", chip.source), *memory)
    return (
        Space(
            "gdram",
            "dram",
            "device",
            "memory",
            capacity_bytes=chip.memory_bytes,
            granule_bytes=64,
            alignment_bytes=64,
            sources=memory,
        ),
        Space(
            "sram",
            "sram",
            "group",
            "scratchpad",
            capacity_bytes=chip.sram_kib << 10,
            reserve_bytes=128 << 10,
            granule_bytes=1,
            alignment_bytes=128,
            sources=_cite("SRAM", reserve_bytes=_STACK, alignment_bytes=_NFU),
        ),
        Space(
            "nram",
            "reg",
            "unit",
            "scratchpad",
            capacity_bytes=chip.nram_kib << 10,
            reserve_bytes=128 << 10,
            granule_bytes=1,
            alignment_bytes=128,
            sources=_cite("NRAM", reserve_bytes=_STACK, alignment_bytes=_NFU),
        ),
        Space(
            "wram",
            "reg",
            "unit",
            "scratchpad",
            capacity_bytes=chip.wram_kib << 10,
            granule_bytes=1,
            alignment_bytes=64,
            sources=_cite("WRAM", alignment_bytes=_WRAM),
        ),
    )


def _cite(memory: str, **others: str) -> Sources:
    return (("capacity_bytes", _HEADERS.format(memory)), *others.items())


def _links(chip: _Chip) -> tuple[Link, ...]:
    rate = chip.memory_gb_s
    memory: Sources = (("bandwidth_bytes_per_ns", chip.source),) if chip.source else ()
    return (
        Link("gdram", "nram", rate, None, "__memcpy_async GDRAM2NRAM", True, memory),
        Link("nram", "gdram", rate, None, "__memcpy_async NRAM2GDRAM", True, memory),
        Link("gdram", "wram", rate, None, "__memcpy_async GDRAM2WRAM", True, memory),
        Link("gdram", "sram", rate, None, "__memcpy_async GDRAM2SRAM", True, memory),
        Link("sram", "gdram", rate, None, "__memcpy_async SRAM2GDRAM", True, memory),
        Link("sram", "nram", None, None, "__memcpy_async SRAM2NRAM", True),
        Link("nram", "sram", None, None, "__memcpy_async NRAM2SRAM", True),
        Link("sram", "wram", None, None, "__memcpy_async SRAM2WRAM", True),
        Link("nram", "wram", None, None, "__memcpy_async NRAM2WRAM", True),
        Link("wram", "nram", None, None, "__memcpy_async WRAM2NRAM", True),
        Link("nram", "nram", None, None, "__memcpy_async NRAM2NRAM", True),
    )


def _engines(chip: _Chip) -> tuple[Engine, ...]:
    cited: Sources = tuple((dtype, chip.source) for dtype, rate in chip.rates if rate is not None and chip.source)
    return (
        # What the vector unit reaches isn't published: the cards' figures are those of the matrix unit.
        Engine(
            "vfu",
            ("nram",),
            ("nram",),
            ("elementwise", "reduce", "scan"),
            _UNKNOWN,
            (("granule_bytes", 128),),
            (("granule_bytes", _NFU),),
        ),
        Engine("tfu", ("nram", "wram"), ("nram",), ("contract",), chip.rates, sources=cited),
    )
