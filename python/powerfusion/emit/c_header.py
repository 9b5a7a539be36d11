"""The C interface of a program, for who calls it: its prototype, what its status says, what it demands.

    int64_t softmax(const float *arg0, int64_t arg0_size0, float **result0, int64_t *result0_sizes);
    const char *softmax_message(int64_t status);

Target `c` and code for the CPU have the same one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from powerfusion.runtime.c_function import NO_MEMORY, SIZES_DIFFER
from powerfusion.runtime.signature import ArraySpec, Signature

# How elements lie in memory; narrow floats as their bits, i1 as 0 or 1.
ELEMENTS = {
    "f64": "double",
    "f32": "float",
    "f16": "uint16_t",
    "bf16": "uint16_t",
    "f8E4M3FN": "uint8_t",
    "f8E5M2": "uint8_t",
    "i1": "uint8_t",
    "i8": "int8_t",
    "i16": "int16_t",
    "i32": "int32_t",
    "i64": "int64_t",
    "index": "int64_t",
    "ui8": "uint8_t",
    "ui16": "uint16_t",
    "ui32": "uint32_t",
    "ui64": "uint64_t",
}
SUCCESS = "success"
OWN_STATUSES = {
    NO_MEMORY: "there was no memory",
    SIZES_DIFFER: "memory for a result was given with other sizes than those that come out",
}
UNKNOWN = "no status of this program"


def prototype(name: str, signature: Signature, constants: int = 0) -> str:
    """A program's declaration, without the semicolon.

    Args:
        name: Its name in C.
        signature: What it takes and gives.
        constants: How many constants it takes behind everything else.
    """
    parameters = [part for at, spec in enumerate(signature.arguments) for part in _argument(spec, f"arg{at}")]
    parameters += [part for at, spec in enumerate(signature.results) for part in _result(spec, f"result{at}")]
    parameters += [f"const void* constant{at}" for at in range(constants)]
    return f"int64_t {name}({', '.join(parameters) or 'void'})"


def _argument(spec: ArraySpec, name: str) -> list[str]:
    element = ELEMENTS[spec.dtype]
    if spec.scalar:
        return [f"{element} {name}"]
    pointer = f"{'' if spec.in_place else 'const '}{element}* {name}"
    return [pointer, *(f"int64_t {name}_size{dim}" for dim, size in enumerate(spec.shape) if size is None)]


def _result(spec: ArraySpec, name: str) -> list[str]:
    element = ELEMENTS[spec.dtype]
    if None in spec.shape:
        return [f"{element}** {name}", f"int64_t* {name}_sizes"]
    return [f"{element}* {name}"]


def names_of(declaration: str) -> list[str]:
    """The names of a declaration's parameters."""
    parameters = declaration.partition("(")[2].rstrip(")")
    return [] if parameters == "void" else [part.rpartition(" ")[2] for part in parameters.split(", ")]


def header(name: str, declaration: str, signature: Signature, messages: Sequence[str], note: str, free: str) -> str:
    """The header of a program.

    Args:
        name: The program's in C.
        declaration: Its prototype.
        signature: What it takes and gives.
        messages: Of its assertions, by number from 1.
        note: What stands on top, lines without comment signs.
        free: The function that takes memory that the program made.
    """
    guard = f"{name.upper()}_H"
    declarations = [f"{comment(_contract(signature, messages, free))}{declaration};", _message_declaration(name) + ";"]
    if free != "free" and any(None in spec.shape for spec in signature.results):
        says = comment("Takes memory that the program made for a result of open size; NULL is allowed.")
        declarations.append(f"{says}{free_declaration(free)};")
    body = "\n\n".join(declarations)
    return (
        f"{comment(note) if note else ''}#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n"
        f'#ifdef __cplusplus\nextern "C" {{\n#endif\n\n{body}\n\n#ifdef __cplusplus\n}}\n#endif\n\n#endif\n'
    )


def _contract(signature: Signature, messages: Sequence[str], free: str) -> str:
    """What callers must know."""
    lines = [f"{_described(spec, f'arg{at}', 'read')}" for at, spec in enumerate(signature.arguments)]
    lines += [f"{_described(spec, f'result{at}', 'written')}" for at, spec in enumerate(signature.results)]
    lines += [
        "",
        "Arrays are row-major, contiguous, and aligned as their elements; 64 bytes are best. What is written overlaps",
        "nothing else that is passed. Calls from several threads at once may share what is only read.",
    ]
    if any(None in spec.shape for spec in signature.results):
        lines += [
            "",
            "A result of open size: where *result is NULL, the program makes memory for it, which the caller gives to",
            f"{free}(); else it is written to *result, whose sizes result_sizes must tell. Its sizes stand there then.",
            "After a failure *result may have been made all the same.",
        ]
    lines += ["", "Returns 0, or why it failed; results of known size are unspecified then:"]
    lines += [f"{status}: {text}" for status, text in [*OWN_STATUSES.items(), *enumerate(messages, 1)]]
    return "\n".join(lines)


def _described(spec: ArraySpec, name: str, what: str) -> str:
    if spec.scalar:
        return f"{name}: {spec.dtype}" + (f", {what}" if what == "written" else "")
    return f"{name}: {spec}, {'read and written' if spec.in_place else what}"


def _message_declaration(name: str) -> str:
    return f"const char* {name}_message(int64_t status)"


def free_declaration(name: str) -> str:
    """The declaration of what takes a program's memory back."""
    return f"void {name}(void* memory)"


def message_function(name: str, messages: Sequence[str]) -> str:
    """The function that says in words what a status means."""
    known = [(0, SUCCESS), *OWN_STATUSES.items(), *enumerate(messages, 1)]
    cases = "".join(f"  case {status}:\n    return {_quoted(text)};\n" for status, text in known)
    return (
        f"{_message_declaration(name)} {{\n  switch (status) {{\n{cases}  default:\n"
        f"    return {_quoted(UNKNOWN)};\n  }}\n}}\n"
    )


def _quoted(text: str) -> str:
    """A text as a literal of C."""
    plain = json.dumps(text, ensure_ascii=True) if text.isascii() and text.isprintable() else None
    if plain is not None:
        return plain.replace("??", '?""?')  # trigraphs
    return '"' + "".join(f"\\{byte:03o}" for byte in text.encode()) + '"'


def comment(note: str) -> str:
    """Lines as a comment of C."""
    lines = [f" * {line}".rstrip() for line in note.replace("*/", "* /").replace("/*", "/ *").splitlines()]
    return "\n".join(["/*", *lines, " */", ""])
