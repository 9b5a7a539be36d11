"""C from a module of emitc: upstream's translation, then the names that the program has for what it calls v1, v2, ...

emitc ── mlir-translate --mlir-to-cpp ──► C with marks ── names ──► C99, and a header for callers
"""

from __future__ import annotations

import io
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from powerfusion import knobs
from powerfusion.emit.c_header import comment, header, message_function
from powerfusion.errors import CompileError, ToolError
from powerfusion.mlir import ir
from powerfusion.passes.lowering.emitc.names import MARK
from powerfusion.runtime.signature import Signature

TIMEOUT_S = 300
FLAGS = ("-std=c99", "-O3", "-march=native", "-fopenmp", "-fPIC", "-shared", "-Wall", "-Werror")


@dataclass(frozen=True)
class Source:
    """A program in C.

    Attributes:
        name: The entry's.
        code: The file.
        header: What callers include.
        messages: Of the program's assertions, by number from 1.
    """

    name: str
    code: str
    header: str
    messages: tuple[str, ...]


def translate(module: ir.Module, signature: Signature, note: str = "") -> Source:
    """A module of emitc as C.

    Args:
        module: As `convert-gir-to-emitc` leaves it.
        signature: What the program takes and gives.
        note: What to say on top, lines without comment signs.

    Raises:
        ToolError: LLVM's translator isn't there.
        CompileError: It refused the module.
    """
    text = named(_translated(module)).replace("*  ", "* ")  # emitc takes no type whose last letter is a star
    entry = next(op.operation for op in module.body.operations if "gir.assertions" in op.operation.attributes)
    name = ir.StringAttr(entry.attributes["sym_name"]).value
    messages = tuple(ir.StringAttr(message).value for message in entry.attributes["gir.assertions"])
    prototype = next(line for line in text.splitlines() if re.match(rf"int64_t {name}\(", line)).removesuffix(" {")
    head = comment(note) if note else ""
    code = f"{head}{text}\n{message_function(name, messages)}"
    return Source(name, code, header(name, prototype, signature, messages, note, free="free"), messages)


def _translated(module: ir.Module) -> str:
    binary = knobs.llvm_prefix() / "bin" / "mlir-translate"
    try:
        done = subprocess.run(
            [binary, "--mlir-to-cpp"],
            input=_bytecode(module),
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except OSError as error:
        raise ToolError(f"{binary} can't be run: {error.strerror}", help="run tools/bootstrap") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{binary} didn't end within {TIMEOUT_S} s") from error
    if done.returncode:
        raise CompileError(f"the program can't be written as C: {done.stderr.decode().strip()[:2000]}")
    return done.stdout.decode()


def _bytecode(module: ir.Module) -> bytes:
    """Not text: an expression that takes a value twice can't be read back from that (22.1.8)."""
    stream = io.BytesIO()
    module.operation.write_bytecode(stream)
    return stream.getvalue()


# -- names -----------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\b[a-z]\d+\b")
_LOOP = re.compile(r"\b([i-t])\d+\b")  # the translation's letters say how deep a loop is


@dataclass
class _Block:
    """A block of C: where it begins, and per mark from which line on which value has which name."""

    start: int
    names: dict[str, tuple[int, str]] = field(default_factory=dict)


def named(text: str) -> str:
    """A translation with the names that its marks give; the marks go.

    A mark holds from the line that declares its value to the end of the block. Inner blocks come first: the
    translation may use a number again in another block. Loops have the letter of their depth.
    """
    lines = text.splitlines()
    blocks: list[_Block] = []
    keep = [True] * len(lines)
    for at, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith(MARK):
            old, new = stripped.removeprefix(MARK).split()
            blocks[-1].names[old] = (_declared(lines, old, blocks[-1].start, at), new)
            keep[at] = False
            continue
        if stripped.startswith("}") and blocks:
            _rename(lines, blocks.pop(), at)
        if stripped.endswith("{"):
            blocks.append(_Block(at))
    return "\n".join(_looped(line) for line, kept in zip(lines, keep, strict=True) if kept) + "\n"


def _looped(line: str) -> str:
    return line if line.lstrip().startswith("//") else _LOOP.sub(r"\1", line)


def _declared(lines: list[str], name: str, start: int, mark: int) -> int:
    """The line that declares a value, at or behind the start of its block and before its mark."""
    declaration = re.compile(rf"[\w*] {name}(\[|;| = |,|\))")
    return next((at for at in range(mark, start, -1) if declaration.search(lines[at])), start)


def _rename(lines: list[str], block: _Block, end: int) -> None:
    for at in range(block.start, end):
        if block.names and not lines[at].lstrip().startswith(MARK):
            lines[at] = _TOKEN.sub(lambda match: _name_at(block, match[0], at), lines[at])  # noqa: B023  used at once


def _name_at(block: _Block, token: str, line: int) -> str:
    first, name = block.names.get(token, (0, token))
    return name if line >= first else token


# -- compiling -------------------------------------------------------------------------------------


def build(source: Source) -> bytes:
    """Compiles a program to a shared library, by the host's C compiler.

    Raises:
        ToolError: There is no C compiler.
        CompileError: It refused the program.
    """
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as folder:
        place = Path(folder)
        (place / "program.c").write_text(source.code)
        compiler = knobs.c_compiler()
        command = [compiler, *FLAGS, "program.c", "-o", "program.so", "-lm"]
        try:
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        except OSError as error:
            raise ToolError(
                f"the C compiler '{compiler}' can't be run: {error.strerror}",
                help=f"install one, or name it in {knobs.C_COMPILER.name}",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"the C compiler '{compiler}' didn't end within {TIMEOUT_S} s") from error
        if done.returncode:
            raise CompileError(f"the C compiler refused the program: {done.stderr.strip()[:2000]}")
        return (place / "program.so").read_bytes()
