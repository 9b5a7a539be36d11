"""What stands in a machine's C before the functions: headers, memories, and the functions of ours that they call."""

from __future__ import annotations

import re
from collections.abc import Iterable

from powerfusion.core._mlir import create
from powerfusion.mlir import ir
from powerfusion.passes.lowering.device.kernels import HOST
from powerfusion.passes.lowering.device.state import Device, memory_name
from powerfusion.passes.lowering.emitc import code, helpers
from powerfusion.passes.lowering.emitc.lowering import Program
from powerfusion.passes.scheduling.kernels import ops_in

STANDARD = ("math.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h")
BEGIN = "static inline"
PRELUDE = "PF_SIMULATOR"
"""Defined where a program is compiled for the simulator, which has a prelude of its own."""


def write_head(module: ir.Operation, program: Program, device: Device) -> None:
    """Writes it at the beginning of a module."""
    emission = device.emission
    _drop_hints(module)
    block = module.regions[0].blocks[0]
    with ir.InsertionPoint.at_block_begin(block), module.location:
        for header in (*STANDARD, *emission.headers):
            named = {"include": ir.StringAttr.get(header), "is_standard_include": ir.UnitAttr.get()}
            create("emitc.include", attributes=named)
        if emission.prelude:
            code.verbatim(f"#ifndef {PRELUDE}\n{emission.prelude.strip()}\n#endif")
        for text in helper_texts(program.helpers):
            code.verbatim("\n" + text.replace(BEGIN, f"{emission.function} {BEGIN}".strip()))
        for text in helper_texts(program.host_helpers):
            code.verbatim("\n" + re.sub(r"\bpf_(?=\w+)", HOST, text))
        for space, size in device.used_bytes.items():
            qualifier = emission.qualifier(space) or ""
            code.verbatim(f"\n{qualifier} uint8_t {memory_name(space)}[{size}];".replace("\n ", "\n"))


def _drop_hints(module: ir.Operation) -> None:
    """Erases what tells a host's compiler how loops are; machines have intrinsics for what shall be quick."""
    hints = [op for op in ops_in(module) if op.name == "emitc.verbatim" and _text_of(op) in code.HINTS]
    for op in hints:
        op.erase()


def _text_of(op: ir.Operation) -> str:
    return ir.StringAttr(op.attributes["value"]).value


def helper_texts(names: Iterable[str]) -> list[str]:
    """The functions of `helpers.c` of some names, and what they call."""
    return [text.rstrip() for text in helpers.needed(names)]
