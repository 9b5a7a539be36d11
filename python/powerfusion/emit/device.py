"""A program in a machine's own C, and its simulation: the program compiled by the host against the machine's header."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from powerfusion import knobs
from powerfusion.emit.portable import TIMEOUT_S, Source, translate
from powerfusion.emit.sim.generate import header
from powerfusion.errors import CompileError, ToolError, UnsupportedError
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.calls import MARK
from powerfusion.passes.lowering.device.text import PRELUDE
from powerfusion.runtime.signature import Signature

FLAGS = ("-std=c++17", "-O1", "-fPIC", "-shared", "-fexceptions", "-ffp-contract=off")
WARNINGS = ("-Wno-unused-function", "-Wno-unused-variable")


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
    """
    emission = machine.emit
    if emission is None:
        raise UnsupportedError(
            f"'{machine.name}' says nothing on how programs for it are written", help="its file needs a table [emit]"
        )
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as folder:
        place = Path(folder)
        (place / "pf_machine.h").write_text(header(machine, emission))
        for name in emission.headers:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text('#include "pf_machine.h"\n')
        (place / f"program.{emission.suffix}").write_text(program.source.code)
        (place / "simulation.cpp").write_text(
            f'#define {PRELUDE} 1\n#include "pf_machine.h"\nextern "C" {program.prototype};\n'
            f'extern "C" const char *{program.source.name}_message(int64_t status);\n'
            f'#include "program.{emission.suffix}"\n'
        )
        compiler = knobs.cxx_compiler()
        command = [compiler, *FLAGS, *WARNINGS, "-I.", "simulation.cpp", "-o", "simulation.so", "-lm"]
        try:
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        except OSError as error:
            raise ToolError(
                f"the C++ compiler '{compiler}' can't be run: {error.strerror}",
                help=f"install one, or name it in {knobs.CXX_COMPILER.name}",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"the C++ compiler '{compiler}' didn't end within {TIMEOUT_S} s") from error
        if done.returncode:
            raise CompileError(f"the C++ compiler refused the simulated program: {done.stderr.strip()[:2000]}")
        return (place / "simulation.so").read_bytes()
