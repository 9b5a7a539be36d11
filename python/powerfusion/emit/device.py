"""A program in a machine's own C, and its simulation: the program compiled by the host against the machine's header."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from powerfusion import knobs
from powerfusion.emit.portable import TIMEOUT_S, Source, translate
from powerfusion.emit.sim.generate import CORE, header
from powerfusion.emit.sim.instrument import instrumented
from powerfusion.errors import CompileError, ToolError, UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.calls import MARK
from powerfusion.passes.lowering.device.text import PRELUDE
from powerfusion.runtime.signature import Signature

HEADER = "pf_machine.h"
FLAGS = ("-std=c++17", "-O1", "-fPIC", "-fexceptions", "-ffp-contract=off")


@dataclass(frozen=True)
class DeviceSource:
    """A program in a machine's C.

    Attributes:
        source: Its text, header and messages.
        places: Per line of the text, which op it is of.
        prototype: Of the entry.
    """

    source: Source
    places: dict[int, str]
    prototype: str

    def place_of(self, line: int) -> str:
        """What a line of the text is: its number, itself, and the op that it is of."""
        lines = self.source.code.splitlines()
        text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
        op = self.places.get(line)
        return f"line {line}: {text}" + (f" of {op}" if op else "")


def translate_device(module: ir.Module, signature: Signature, note: str) -> DeviceSource:
    """A module of emitc as a machine's C; arguments and errors as of `translate`."""
    source = translate(module, signature, note)
    lines: list[str] = []
    places: dict[int, str] = {}
    for line in source.code.splitlines():
        if line.strip().startswith(MARK.strip()):
            places[len(lines) + 1] = line.strip().removeprefix(MARK.strip()).strip()
        else:
            lines.append(line)
    prototype = next(line for line in lines if re.match(rf"int64_t {source.name}\(", line)).removesuffix(" {")
    return DeviceSource(replace(source, code="\n".join(lines) + "\n"), places, prototype)


def build_simulation(program: DeviceSource, machine: Machine) -> bytes:
    """Compiles a program and its machine's simulator to a shared library, by the host's C++ compiler.

    Raises:
        ToolError: There is no C++ compiler.
        CompileError: It refused the program, or what the machine's file says in C.
        UnsupportedError: The machine doesn't say how programs for it are written.
    """
    emission = machine.emit
    if emission is None:
        raise UnsupportedError(
            f"'{machine.name}' says nothing on how programs for it are written", help="its file needs a table [emit]"
        )
    kept = _kept()
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as folder:
        place = Path(folder)
        if kept is None:
            _write_core(place)
        (place / HEADER).write_text(header(machine, emission))
        for name in emission.headers:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(f'#include "{HEADER}"\n')
        text = instrumented(program.source.code, emission)
        (place / f"program.{emission.suffix}").write_text(text)
        (place / "simulation.cpp").write_text(
            f'#include "core.h"\n#include "{HEADER}"\n#define {PRELUDE} 1\nextern "C" {program.prototype};\n'
            f'extern "C" const char *{program.source.name}_message(int64_t status);\n'
            f'#include "program.{emission.suffix}"\n'
        )
        include = str(kept or place)
        files = ["simulation.cpp", f"{include}/core.o"]
        _compile(place, [*FLAGS, "-shared", "-I", include, "-I.", *files, "-o", "simulation.so", "-lm"])
        return (place / "simulation.so").read_bytes()


def _kept() -> Path | None:
    """The folder of what all simulators have, compiled once, in the cache; None where there can be none."""
    if knobs.program_cache() is None:
        return None
    parts = [knobs.cxx_compiler(), *FLAGS, *(path.read_text() for path in CORE)]
    kept = knobs.cache_folder() / "simulators" / hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    if kept.exists():
        return kept
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix="new-") as folder:
            place = Path(folder) / kept.name
            place.mkdir()
            _write_core(place)
            _compile(place, [*FLAGS, "-x", "c++-header", "core.h", "-o", "core.h.gch"])
            with suppress(OSError):  # another process was quicker
                place.rename(kept)
    except OSError:
        return None
    return kept


def _write_core(place: Path) -> None:
    """Puts what all simulators have into a folder, compiled."""
    for path in CORE:
        (place / path.name).write_text(path.read_text())
    _compile(place, [*FLAGS, "-c", "core.cpp", "-o", "core.o"])


def _compile(place: Path, arguments: list[str]) -> None:
    compiler = knobs.cxx_compiler()
    try:
        done = subprocess.run(
            [compiler, *arguments], cwd=place, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except FileNotFoundError as error:
        raise ToolError(
            f"the C++ compiler '{compiler}' can't be run: {error.strerror}",
            help=f"install one, or name it in {knobs.CXX_COMPILER.name}",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"the C++ compiler '{compiler}' didn't end within {TIMEOUT_S} s") from error
    if done.returncode:
        raise CompileError(f"the C++ compiler refused the simulated program: {done.stderr.strip()[:2000]}")
