"""The host's code for callers in C, without Python: an object, an archive or a shared library, and its header.

    object code ──┐                          ┌──► kernel.o       one object, all else in it local
    memory.c ─────┼── clang, ld.lld ─────────┼──► libkernel.a
    interface.c ──┘   (constants within)     └──► libkernel.so

The object code is the one that artifacts hold. interface.c is a few lines: they call it by the program's name, with its
constants, and say in words what a status means.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from powerfusion.emit.c_header import free_declaration, header, message_function, names_of, prototype
from powerfusion.emit.host_object import C_FLAGS, Parts, gather, link_shared, run_clang, run_tool
from powerfusion.errors import UnsupportedError
from powerfusion.passes.lowering.emitc.names import identifier
from powerfusion.runtime.shared_library import ENTRY, FREE, OPENMP_PREFIX
from powerfusion.runtime.signature import Array, Signature

SUFFIXES = (".o", ".a", ".so")
ALIGNMENT = 64


@dataclass(frozen=True)
class CLibrary:
    """A program for callers in C.

    Attributes:
        name: The function's.
        code: The file.
        header: What callers include.
    """

    name: str
    code: bytes
    header: str


def header_name(file_name: str) -> str:
    """What the header beside a file is called: `kernel.h` beside kernel.o, libkernel.so and kernel.c."""
    path = PurePath(file_name)
    stem = (path.stem.removeprefix("lib") or path.stem) if path.suffix in (".a", ".so") else path.stem
    return f"{stem}.h"


def build_c_library(
    code: bytes, signature: Signature, constants: Sequence[Array], messages: Sequence[str], file_name: str, note: str
) -> CLibrary:
    """Makes object code callable from C.

    Args:
        code: Object code that defines `pf_main`.
        signature: What callers pass and get.
        constants: Arrays passed behind everything else.
        messages: Of the program's assertions.
        file_name: The file's, without folders; its suffix says what it is.
        note: What stands on top of the header.

    Raises:
        UnsupportedError: The suffix is none of `SUFFIXES`.
        CompileError: Something was refused by LLVM's tools.
        ToolError: One of LLVM's tools isn't there.
    """
    suffix = PurePath(file_name).suffix
    if suffix not in SUFFIXES:
        raise UnsupportedError(f"expected a name that ends in {', '.join(SUFFIXES)}, got '{file_name}'")
    name = identifier(signature.name)
    free = f"{name}_free"
    note = f"{note}\n{_linking(file_name, threaded=OPENMP_PREFIX in code)}"
    text = header(name, prototype(name, signature), signature, messages, note, free)
    exports = [name, f"{name}_message", *([free] if _frees(signature) else [])]
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as made:
        folder = Path(made)
        parts = gather(folder, code)
        for at, constant in enumerate(constants):
            (folder / f"constant{at}").write_bytes(np.ascontiguousarray(constant).tobytes())
        (folder / "program.h").write_text(text)
        (folder / "interface.c").write_text(_interface(name, signature, len(constants), messages))
        run_clang(folder, *C_FLAGS, "-Wall", "-Werror", "-c", "interface.c", "-o", "interface.o")
        parts.objects.append("interface.o")
        if suffix == ".so":
            return CLibrary(name, link_shared(folder, parts, exports, f"-Wl,-soname,{file_name}"), text)
        return CLibrary(name, _one_object(folder, parts, exports, PurePath(file_name)), text)


def _one_object(folder: Path, parts: Parts, exports: Sequence[str], name: PurePath) -> bytes:
    """Everything as one object, in an archive if the name says so; but for some symbols, names are its own."""
    whole = f"{name.stem}.o"
    run_tool(folder, "ld.lld", "-r", *parts.objects, "-o", "whole.o")
    kept = [f"--keep-global-symbol={symbol}" for symbol in exports]
    run_tool(folder, "llvm-objcopy", "--strip-unneeded", *kept, "whole.o", f"one-{whole}")
    if name.suffix == ".o":
        return (folder / f"one-{whole}").read_bytes()
    (folder / f"one-{whole}").rename(folder / whole)
    run_tool(folder, "llvm-ar", "rcsD", "library.a", whole)
    return (folder / "library.a").read_bytes()


def _frees(signature: Signature) -> bool:
    return any(None in spec.shape for spec in signature.results)


def _linking(file_name: str, *, threaded: bool) -> str:
    """How a program in C is built with the file."""
    path = PurePath(file_name)
    command = f"cc program.c {file_name}"
    if path.suffix == ".so":
        command += " -Wl,-rpath,'$ORIGIN'"  # beside the program
    else:
        command += f"{' -lomp' if threaded else ''} -lm"
    lines = [f"    {command}"]
    if threaded:
        lines.append("\nIts loops run on several threads by LLVM's OpenMP runtime, libomp.")
    lines.append("It is for processors that can do what the one can that it was compiled on.")
    return "\n".join(lines)


def _interface(name: str, signature: Signature, constants: int, messages: Sequence[str]) -> str:
    """The functions that the header declares."""
    declaration = prototype(name, signature)
    given = ", ".join([*names_of(declaration), *(f"pf_constant{at}" for at in range(constants))])
    hidden = 'extern __attribute__((visibility("hidden")))'
    lines = ["#include <stddef.h>", '#include "program.h"', f"{hidden} {prototype(ENTRY, signature, constants)};"]
    for at in range(constants):
        symbol = f"pf_constant{at}"
        section = f'.section .rodata.{symbol},\\"a\\"\\n.balign {ALIGNMENT}\\n.globl {symbol}\\n.hidden {symbol}\\n'
        lines += [
            f"{hidden} const char {symbol}[];",
            f'__asm__("{section}{symbol}:\\n.incbin \\"constant{at}\\"\\n.previous");',
        ]
    lines.append(f"{declaration} {{\n  return {ENTRY}({given});\n}}")
    lines.append(message_function(name, messages))
    if _frees(signature):
        lines.append(f"{hidden} {free_declaration(FREE)};")
        lines.append(f"{free_declaration(f'{name}_free')} {{\n  {FREE}(memory);\n}}")
    return "\n".join(lines) + "\n"
