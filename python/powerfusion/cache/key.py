"""What the code of a program depends on, as a key.

- the program: its bytecode without locations, which is the same however it was spelled and wherever it stood;
- how it is compiled: target, phases with their options, level of optimisation;
- this machine: as passes know it, and as LLVM does;
- this compiler: versions, and size and time of each of its files, so that a changed pass in a clone has other keys.

Files are looked at when this is imported, before passes are: a pass that changes while a process runs isn't what the
process runs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from powerfusion import __version__
from powerfusion._native import _host, _pf
from powerfusion.core._mlir import bytecode
from powerfusion.machines.host import host
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager

PACKAGE = Path(__file__).resolve().parents[1]
STRIP = "builtin.module(strip-debuginfo)"


@dataclass(frozen=True)
class Key:
    """Which entry a program has.

    Attributes:
        name: The same for all programs of the same code.
        places: Digest of the program with its locations: where this differs too, reports differ.
    """

    name: str
    places: str


def key_of(module: ir.Module, target: str, pipelines: Sequence[str], before: Sequence[str], level: int) -> Key:
    """The key of a program that is about to be compiled.

    Args:
        module: As it was read.
        target: What for.
        pipelines: Of the phases that it will go through.
        before: Phases that it is beyond already.
        level: LLVM's level of optimisation.
    """
    settings = [target, *pipelines, *before[-1:], level, environment()]
    digest = hashlib.sha256(json.dumps(settings).encode())
    digest.update(canonical(module))
    return Key(digest.hexdigest(), hashlib.sha256(bytecode(module.operation)).hexdigest())


def canonical(module: ir.Module) -> bytes:
    """The bytecode of a module without locations."""
    copy = module.operation.clone()
    with module.context as context:
        PassManager.parse(STRIP, context).run(copy)
    return bytecode(copy)


@cache
def environment() -> str:
    """This compiler and this machine, as a digest."""
    parts = [__version__, _pf.LLVM_VERSION, _host.processor(), repr(host()), *FILES, *_libraries()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _described(path: str, name: str) -> str:
    status = os.stat(path)
    return f"{name} {status.st_size} {status.st_mtime_ns}"


def _files(folder: str, prefix: str = "") -> Iterator[str]:
    """Name, size and time of the files under a folder that are code; links are followed."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            name = f"{prefix}{entry.name}"
            if entry.is_dir():
                yield from _files(entry.path, f"{name}/")
            elif name.endswith((".py", ".c")) or ".so" in entry.name:
                with suppress(FileNotFoundError):
                    yield _described(entry.path, name)


def _libraries() -> Iterator[str]:
    """The same of LLVM's libraries as they are mapped into this process."""
    with suppress(OSError):
        mapped = Path("/proc/self/maps").read_text(errors="replace").splitlines()
        paths = {line.split(maxsplit=5)[-1] for line in mapped if "/libLLVM" in line or "/libMLIR" in line}
        yield from (_described(path, path) for path in sorted(paths))


FILES = tuple(_files(str(PACKAGE)))
