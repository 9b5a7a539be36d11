"""A device of NVIDIA's on the CPU: compiles the C++ that PTX became, and runs launches of its kernels.

Memory is arrays of bytes at addresses that are far apart, each exactly as long as asked for. Every launch is checked:
bounds, alignment, races, bytes that nobody has written, threads that don't come to a barrier. What kernels read and
write in the device's memory is counted as warps ask for it: the bytes of one request count once, and so do the
sectors that they lie in.
"""

from __future__ import annotations

import ctypes
import struct
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from powerfusion import knobs
from powerfusion.errors import SimulationError, ToolError
from powerfusion.runtime.launches import KernelLaunch, View
from powerfusion.runtime.signature import DTYPES, Array
from powerfusion.simulate.ptx.source import Instruction, Kernel, Source, read
from powerfusion.simulate.ptx.study import Site, Sites
from powerfusion.simulate.ptx.translate import c_name, translate

HERE = Path(__file__).parent
FLAGS = ("-std=c++17", "-fPIC", "-ffp-contract=off", "-w", f"-I{HERE}")
TIMEOUT_S = 300
SPACING = 1 << 36
SECTOR_BYTES = 32


@dataclass
class Memory:
    """Memory of the device.

    Attributes:
        name: What faults call it.
        address: Where it begins.
        data: Its bytes.
        written: Per byte, not 0 where something has been written.
    """

    name: str
    address: int
    data: Array
    written: Array


@dataclass(frozen=True)
class Traffic:
    """What warps asked for in the device's memory.

    Attributes:
        read_bytes: Distinct bytes of each request, added up.
        read_issued_bytes: The same in whole sectors.
        written_bytes: As of reads.
        written_issued_bytes: As of reads.
    """

    read_bytes: int = 0
    read_issued_bytes: int = 0
    written_bytes: int = 0
    written_issued_bytes: int = 0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            self.read_bytes + other.read_bytes,
            self.read_issued_bytes + other.read_issued_bytes,
            self.written_bytes + other.written_bytes,
            self.written_issued_bytes + other.written_issued_bytes,
        )


@dataclass
class PtxDevice:
    """Runs the kernels of a module of PTX.

    Args:
        ptx: The text.
        seed: For the order in which groups and threads run.
        is_studied: Whether what decides in kernels is counted, and can be overruled.

    Attributes:
        traffic: Of each launch so far, by the kernel's name.
        sites: What decides, where that is studied.

    Raises:
        SimulationError: It holds something that isn't known.
        ToolError: There is no C++ compiler.
    """

    ptx: str
    seed: int = 0
    is_studied: bool = False
    traffic: list[tuple[str, Traffic]] = field(default_factory=list[tuple[str, Traffic]])

    def __post_init__(self) -> None:
        self.source, self._library, self.sites = _built(self.ptx, self.is_studied)
        self._memories: list[Memory] = []

    # -- study -------------------------------------------------------------------------------------

    def overrule(self, site: int | None, *, holds: bool = False) -> None:
        """Has a site decide one way from now on, in all kernels of this text; None for as they should."""
        chosen = ctypes.c_int64.in_dll(self._library, "pf_overruled")
        chosen.value = -1 if site is None else 2 * site + holds

    def outcomes(self) -> list[tuple[int, int]]:
        """How often each site's predicate didn't hold, and did, in all runs of this text."""
        counts = (ctypes.c_uint64 * (2 * len(self.sites) or 1)).in_dll(self._library, "pf_outcomes")
        return [(counts[2 * at], counts[2 * at + 1]) for at in range(len(self.sites))]

    def executed(self) -> dict[int, int]:
        """How often each instruction was executed in all runs of this text, by line."""
        lines = [part.line for kernel in self.source.kernels for part in kernel.body if isinstance(part, Instruction)]
        counts = (ctypes.c_uint64 * (max(lines, default=0) + 1)).in_dll(self._library, "pf_executed")
        return {line: counts[line] for line in lines}

    # -- memory ------------------------------------------------------------------------------------

    def allocate(self, size_bytes: int) -> Memory:
        """Memory that nobody has written to yet; what it holds is nothing anyone would ask for."""
        number = len(self._memories)
        bytes_ = np.full(size_bytes, 0xA5, np.uint8)
        made = Memory(f"buffer {number}", (number + 1) * SPACING, bytes_, np.zeros(size_bytes, np.uint8))
        self._memories.append(made)
        return made

    def upload(self, array: Array) -> Memory:
        """Memory with an array's elements."""
        made = self.allocate(array.nbytes)
        made.data[:] = np.frombuffer(array.tobytes(), np.uint8)
        made.written[:] = 1
        return made

    def download(self, view: View) -> Array:
        """A view's elements, row-major.

        Raises:
            SimulationError: Nobody has written one of them.
        """
        missing = self._seen(view, view.memory.written, np.dtype(f"V{DTYPES[view.dtype].itemsize}"))
        holes = int(np.count_nonzero(np.ascontiguousarray(missing).view(np.uint8) == 0))
        if holes:
            raise SimulationError(f"{holes} bytes of {view.memory.name}, a result, were written by no kernel")
        return self._seen(view, view.memory.data, DTYPES[view.dtype]).copy()

    def _seen(self, view: View, bytes_: Array, dtype: Any) -> Array:
        strides = tuple(stride * dtype.itemsize for stride in view.strides)
        return np.ndarray(view.shape, dtype, bytes_.data, view.offset_bytes, strides)

    # -- launches ----------------------------------------------------------------------------------

    def launch(self, launch: KernelLaunch) -> None:
        """Runs a kernel.

        Raises:
            SimulationError: A check failed; says where in the PTX, and which thread of which group.
        """
        memories: list[Memory] = []
        for argument in launch.arguments:
            if isinstance(argument, View) and argument.memory not in memories:
                memories.append(argument.memory)
        count = len(memories)
        counts = (ctypes.c_uint64 * (4 * count))()
        pointers = ctypes.c_void_p * count
        kernel = self._kernel(launch.kernel)
        self._library.pf_launch.restype = ctypes.c_char_p
        found = self._library.pf_launch(
            ctypes.cast(getattr(self._library, c_name(kernel)), ctypes.c_void_p),
            launch.grid,
            launch.block,
            ctypes.c_uint64(self.source.shared_bytes),
            ctypes.c_uint64(launch.shared_bytes),
            ctypes.c_uint64(SECTOR_BYTES),
            _parameters(kernel, launch),
            count,
            (ctypes.c_char_p * count)(*(memory.name.encode() for memory in memories)),
            pointers(*(memory.data.ctypes.data for memory in memories)),
            pointers(*(memory.written.ctypes.data for memory in memories)),
            (ctypes.c_uint64 * count)(*(memory.address for memory in memories)),
            (ctypes.c_uint64 * count)(*(memory.data.nbytes for memory in memories)),
            counts,
            self.seed,
        )
        if found is not None:
            line, _, what = found.decode().partition("|")
            raise SimulationError(f"{what}, in '{launch.kernel}'{self._quoted(int(line))}", location=f"ptx:{line}")
        total = Traffic()
        for at in range(count):
            read_bytes, read_sectors, written_bytes, written_sectors = counts[4 * at : 4 * at + 4]
            total += Traffic(read_bytes, read_sectors * SECTOR_BYTES, written_bytes, written_sectors * SECTOR_BYTES)
        self.traffic.append((launch.kernel, total))

    def _quoted(self, line: int) -> str:
        lines = self.ptx.splitlines()
        return f": {' '.join(lines[line - 1].split())}" if 0 < line <= len(lines) else ""

    def _kernel(self, name: str) -> Kernel:
        for kernel in self.source.kernels:
            if kernel.name == name:
                return kernel
        raise SimulationError(f"there is no kernel '{name}'")


def _parameters(kernel: Kernel, launch: KernelLaunch) -> bytes:
    """What is passed, each parameter at its offset."""
    if len(kernel.parameters) != len(launch.arguments):
        raise SimulationError(f"'{kernel.name}' takes {len(kernel.parameters)} parameters, got {len(launch.arguments)}")
    passed = bytearray(max((one.offset + one.size for one in kernel.parameters), default=1))
    for parameter, argument in zip(kernel.parameters, launch.arguments, strict=True):
        raw = _bytes_of(argument)
        if len(raw) > parameter.size:
            raise SimulationError(f"{parameter.name} has {parameter.size} bytes, got {len(raw)}")
        passed[parameter.offset : parameter.offset + len(raw)] = raw
    return bytes(passed)


def _bytes_of(argument: View | tuple[str, Any]) -> bytes:
    if isinstance(argument, View):
        return struct.pack("<Q", argument.memory.address + argument.offset_bytes)
    dtype, value = argument
    return np.asarray(value).astype(DTYPES[dtype]).tobytes()


@cache
def _built(ptx: str, is_studied: bool) -> tuple[Source, ctypes.CDLL, tuple[Site, ...]]:
    """A module of PTX, the library that its kernels have become, and what decides in it."""
    source = read(ptx)
    sites = Sites() if is_studied else None
    text = translate(source, sites)
    runtime = _runtime()
    path = runtime.parent / f"kernels{len(list(runtime.parent.iterdir()))}"
    path.with_suffix(".cpp").write_text(text)
    _compile("-O0", "-shared", f"{path}.cpp", str(runtime), "-o", f"{path}.so")
    return source, ctypes.CDLL(f"{path}.so"), tuple(sites.found) if sites else ()


@cache
def _runtime() -> Path:
    """What all kernels are linked with, compiled once, in a folder that goes with this process."""
    folder = Path(_folder().name)
    _compile("-O1", "-c", str(HERE / "threads.cpp"), "-o", str(folder / "threads.o"))
    return folder / "threads.o"


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="powerfusion-ptx-")


def _compile(*arguments: str) -> None:
    """Runs the C++ compiler.

    Raises:
        ToolError: There is none.
        SimulationError: It refuses the text, which is an error of ours.
    """
    compiler = knobs.cxx_compiler()
    try:
        done = subprocess.run(
            [compiler, *FLAGS, *arguments], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except OSError as error:
        raise ToolError(
            f"the C++ compiler '{compiler}' can't be run: {error.strerror}",
            help="install one, or set PF_CXX to one that is there",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"the C++ compiler '{compiler}' didn't end within {TIMEOUT_S} s") from error
    if done.returncode:
        raise SimulationError(f"the C++ compiler refused what PTX became: {done.stderr.strip()[:2000]}")
