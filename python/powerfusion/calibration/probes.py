"""Which probes a CPU is measured by: sizes that suit its caches and registers, programs compiled, arrays filled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powerfusion.calibration import programs
from powerfusion.calibration.measure import Probe
from powerfusion.errors import UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.runtime.signature import DTYPES

FLOAT_BYTES = 4
LEAST_STREAM_BYTES = 128 << 20
STREAM_CACHES = 4  # an array is so many times as large as the last cache: nothing of it is there when it comes again
MEMORY_PART = 16  # of main memory, of which an array may take one
PART = 2  # of a cache, of which one is gone through again and again: others use it too
RATES = {
    "f32": ("arith.mulf", "arith.addf"),
    "f64": ("arith.mulf", "arith.addf"),
    "bf16": ("arith.mulf", "arith.addf"),
    "i32": ("arith.addi", "arith.xori"),
}
"""By dtype whose rate is measured, the ops that take turns; as many multiplications as additions."""
OPS = 8  # of them in a step
PRODUCTS = ("f32", "bf16")
FOLDED = 32  # of a product
SUM_ROWS = 4

Compile = Callable[[str], Callable[..., Any]]
"""Takes MLIR, gives what runs it on arrays."""


@dataclass(frozen=True)
class Sizes:
    """How large what probes work on is.

    Attributes:
        cores: Groups that run at once.
        tile: f32 of a step: half of a core's registers, a quarter where they are few.
        lanes: f32 of a register.
        stream: f32 of an array in memory.
        near: By cache, its name and f32 of what stays in it, of all cores together.
    """

    cores: int
    tile: int
    lanes: int
    stream: int
    near: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, machine: Machine) -> Sizes:
        """Those that suit a CPU.

        Raises:
            UnsupportedError: Nobody knows its registers or its caches.
        """
        registers, cache, memory = (machine.space_of(level) for level in ("reg", "sram", "dram"))
        if not registers.capacity_bytes or not cache.capacity_bytes:
            raise UnsupportedError(f"{machine.title} can't be measured: its registers or caches aren't known")
        limits = machine.scope("group")
        cores = (limits.count if limits else None) or 1
        lanes = registers.alignment_bytes // FLOAT_BYTES
        tile = 8 * lanes if registers.capacity_bytes // registers.alignment_bytes > 16 else 4 * lanes
        last = max((each.capacity_bytes or 0 for each in machine.caches_of(memory.name)), default=0)
        most = (memory.capacity_bytes or MEMORY_PART * LEAST_STREAM_BYTES) // MEMORY_PART
        stream = min(max(LEAST_STREAM_BYTES, STREAM_CACHES * last), max(most, 1 << 20)) // FLOAT_BYTES
        near = [
            ("L1", each.capacity_bytes * cores) for each in machine.caches_of(cache.name)[:1] if each.capacity_bytes
        ]
        near += [("cache", cache.capacity_bytes * cores), *([("last", last)] if last else [])]
        of_all = cores * tile
        return cls(
            cores,
            tile,
            lanes,
            stream // of_all * of_all,
            tuple((name, max(size // PART // FLOAT_BYTES // of_all, 1) * of_all) for name, size in near),
        )


def probes_of(sizes: Sizes, compile_: Compile) -> Iterator[Probe]:
    """The probes of a machine, each with its program compiled and its arrays filled."""
    yield from _streams(sizes, compile_)
    for name, elements in sizes.near:
        yield _again(f"{name}_read", f"reads {_size(elements)}", programs.read_again, elements, sizes, compile_)
        if name == "cache":
            yield _again(f"{name}_write", f"writes {_size(elements)}", programs.write_again, elements, sizes, compile_)
    yield _launches(sizes, compile_)
    for dtype, ops in RATES.items():
        yield _rate(dtype, ops, sizes, compile_)
    for dtype in PRODUCTS:
        yield _products(dtype, sizes, compile_)


def _size(elements: int) -> str:
    return f"{elements * FLOAT_BYTES >> 10} KiB"


def _streams(sizes: Sizes, compile_: Compile) -> Iterator[Probe]:
    """What memory gives and takes: read alone, and one or two read for each that is written."""
    arrays = [np.ones(sizes.stream, np.float32) for _ in range(2)]
    read = compile_(programs.read_stream(sizes.stream))
    size = sizes.stream * FLOAT_BYTES
    yield Probe("stream_read", f"adds up {size >> 20} MiB", size, _calling(read, arrays[:1]))
    for inputs in (1, 2):
        added = compile_(programs.sum_stream(sizes.stream, inputs))
        what = f"reads {inputs} x {size >> 20} MiB and writes {size >> 20} MiB"
        yield Probe(f"stream_{inputs}_1", what, (inputs + 1) * size, _calling(added, arrays[:inputs]))


def _calling(program: Callable[..., Any], arrays: Sequence[np.ndarray]) -> Callable[[int], None]:
    def run(times: int) -> None:
        for _ in range(times):
            program(*arrays)

    return run


def _counted(program: Callable[..., Any], *arrays: np.ndarray) -> Callable[[int], None]:
    return lambda times: program(*arrays, np.int64(times))


def _again(
    name: str, what: str, write: Callable[[int, int, int], str], elements: int, sizes: Sizes, compile_: Compile
) -> Probe:
    program = compile_(write(elements, sizes.cores, sizes.tile))
    arrays = np.zeros(elements, np.float32), np.zeros(sizes.cores * sizes.tile, np.float32)
    return Probe(name, f"{what} again and again", elements * FLOAT_BYTES, _counted(program, *arrays))


def _launches(sizes: Sizes, compile_: Compile) -> Probe:
    program = compile_(programs.launch(max(sizes.cores, 2), sizes.lanes))  # one group wouldn't start any thread
    array = np.zeros(max(sizes.cores, 2) * sizes.lanes, np.float32)
    return Probe("launch", "starts a kernel", 1, _counted(program, array))


def _rate(dtype: str, ops: tuple[str, ...], sizes: Sizes, compile_: Compile) -> Probe:
    kind = DTYPES[dtype]
    tile = sizes.tile * FLOAT_BYTES // max(kind.itemsize, FLOAT_BYTES)
    in_turn = [ops[at % len(ops)] for at in range(OPS)]
    program = compile_(programs.compute(dtype, sizes.cores, tile, in_turn))
    # Values stay near 1: neither subnormal numbers nor overflows have a rate of their own.
    x, p, q = (np.full(sizes.cores * tile, value).astype(kind) for value in (1, 0.5, 0.5))
    amount = OPS * sizes.cores * tile
    return Probe(f"rate_{dtype}", f"multiplies and adds {dtype} in registers", amount, _counted(program, x, p, q))


def _products(dtype: str, sizes: Sizes, compile_: Compile) -> Probe:
    rows, columns = SUM_ROWS, 4 * sizes.lanes if sizes.tile == 8 * sizes.lanes else 2 * sizes.lanes
    program = compile_(programs.multiply(dtype, sizes.cores, rows, FOLDED, columns))
    left = np.full((sizes.cores * rows, FOLDED), 0.5).astype(DTYPES[dtype])
    right = np.full((sizes.cores * FOLDED, columns), 2**-20).astype(DTYPES[dtype])
    sums = np.zeros((sizes.cores * rows, columns), np.float32)
    amount = 2 * sizes.cores * rows * FOLDED * columns
    return Probe(f"product_{dtype}", f"multiplies matrices of {dtype}", amount, _counted(program, left, right, sums))
