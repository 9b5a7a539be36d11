"""The machine's ceilings: bandwidths of memory and caches, and the rate of multiply-adds, measured in the same run."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

SOURCE = Path(__file__).with_name("ceilings.c")
BIG_BYTES = 256 << 20
PROBED_BYTES = 64 << 20
REPEATS, PROBES = 9, 3
FLOAT = 4
VECTOR = 16


@dataclass(frozen=True)
class Ceilings:
    """What the machine can do at best on some threads; bandwidths in bytes per second.

    Attributes:
        threads: How many.
        read: Of memory, summed.
        copy: Read and written, through the cache, without what a write reads first.
        copy_streamed: Read and written, past the cache.
        triad_streamed: Two read, one written past the cache.
        write_streamed: Written past the cache.
        l2: Read, from 512 KiB a thread.
        l3: Read, from 8 MiB in all.
        fma: Operations per second of f32 multiply-adds, two each.
    """

    threads: int
    read: float
    copy: float
    copy_streamed: float
    triad_streamed: float
    write_streamed: float
    l2: float
    l3: float
    fma: float

    def seconds(self, read: int, written: int) -> float:
        """The least time in which bytes can be read and written, by the loops above: of a mix, the share of each.

        Reads that go with writes have the rate of the streamed copy up to as many as are written, then the triad's;
        what is read beyond two for one goes at the rate of reading.
        """
        if not written:
            return read / self.read
        if read <= written:
            return 2 * read / self.copy_streamed + (written - read) / self.write_streamed
        if read <= 2 * written:
            triads = read - written  # of each, a written byte has two read ones
            return 3 * triads / self.triad_streamed + 2 * (written - triads) / self.copy_streamed
        return 3 * written / self.triad_streamed + (read - 2 * written) / self.read


class Meter:
    """A process that measures this machine, on the cores that this one may use.

    Attributes:
        ceilings: What was found at first.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.ceilings = Ceilings(**json.loads(self._reply()))

    def probe(self) -> float:
        """What a streamed copy moves now, in bytes per second: shared machines are faster at one time than another."""
        stream = cast("IO[str]", self._process.stdin)
        stream.write("\n")
        stream.flush()
        return float(self._reply())

    def _reply(self) -> str:
        line = cast("IO[str]", self._process.stdout).readline()
        if not line:
            raise RuntimeError("the process that measures the machine has died")
        return line


@contextmanager
def meter(threads: int, clang: Path) -> Iterator[Meter]:
    """Starts the process, which ends with the context."""
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as folder:
        library = Path(folder) / "ceilings.so"
        flags = ["-O3", "-march=native", "-mprefer-vector-width=512", "-fopenmp", "-shared", "-fPIC"]
        subprocess.run([clang, *flags, SOURCE, "-o", library], check=True, capture_output=True, text=True)
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_PROC_BIND": "true"}
        command = [sys.executable, __file__, str(library), str(threads)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
            try:
                yield Meter(process)
            finally:
                process.kill()


def _block(size: int) -> int:
    """The address of aligned memory on huge pages, touched; it is never given back."""
    import mmap

    block = mmap.mmap(-1, size + 4096)
    block.madvise(mmap.MADV_HUGEPAGE)
    _KEPT.append(block)
    address = ctypes.addressof(ctypes.c_char.from_buffer(block))
    ctypes.memset(address, 0, size)
    return address


_KEPT: list[object] = []


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared_object")
    parser.add_argument("threads", type=int)
    options = parser.parse_args()
    code = ctypes.CDLL(options.shared_object)
    x, y, z = (_block(BIG_BYTES) for _ in range(3))

    def best(name: str, *arguments: object, rounds: int = 2) -> float:
        function = getattr(code, f"pf_{name}")
        function.restype = ctypes.c_double
        call: Callable[[], float] = lambda: function(*arguments, ctypes.c_int(rounds))  # noqa: E731
        call()
        return statistics.median(call() for _ in range(REPEATS))

    def address(value: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(value)

    count = ctypes.c_size_t(BIG_BYTES // FLOAT)
    a, b, c = (address(v) for v in (x, y, z))
    near = 512 * 1024 * options.threads
    far = 8 << 20
    steps = 1 << 22
    found = Ceilings(
        threads=options.threads,
        read=BIG_BYTES / best("read", a, count),
        copy=2 * BIG_BYTES / best("copy", b, a, count),
        copy_streamed=2 * BIG_BYTES / best("copy_streamed", b, a, count),
        triad_streamed=3 * BIG_BYTES / best("triad_streamed", c, a, b, count),
        write_streamed=BIG_BYTES / best("write_streamed", b, count),
        l2=near / best("read", a, ctypes.c_size_t(near // FLOAT), rounds=2000),
        l3=far / best("read", a, ctypes.c_size_t(far // FLOAT), rounds=50),
        fma=2 * VECTOR * steps * options.threads / best("fma", ctypes.c_size_t(steps)),
    )
    print(json.dumps(asdict(found)), flush=True)
    few = ctypes.c_size_t(PROBED_BYTES // FLOAT)
    for _ in sys.stdin:
        times = [code.pf_copy_streamed(b, a, few, ctypes.c_int(1)) for _ in range(PROBES)]
        print(2 * PROBED_BYTES / statistics.median(times), flush=True)


if __name__ == "__main__":
    _main()
