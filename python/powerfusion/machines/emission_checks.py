"""What the part `[emit]` of a machine must satisfy: calls that can be read, operands in spaces that there are."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from powerfusion.machines.complaint import Complaint
from powerfusion.machines.emission import (
    CONVERSIONS,
    COPY_NAMES,
    OPERANDS,
    OPS,
    STRIDED_NAMES,
    Copy,
    Emission,
    Intrinsic,
    ScalarCall,
    parse_call,
)
from powerfusion.machines.model import DTYPES, Machine, listed
from powerfusion.machines.positions import Path

_WORD = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"[A-Za-z_]\w*(\(\))?")
SIZES = {"f64": 8, "i64": 8, "index": 8, "f32": 4, "i32": 4, "tf32": 4, "f16": 2, "bf16": 2, "i16": 2}
GROUP = ("group", "groups", "unit", "units")


def check_emission(machine: Machine) -> Iterator[Complaint]:
    """Everything that is wrong with how programs for a machine are written."""
    emission = machine.emit
    if emission is None:
        return
    yield from _head(emission)
    yield from _memories(machine, emission)
    for number, copy in enumerate(emission.copies):
        yield from _copy(machine, copy, ("emit", "copy", number))
    yield from _ways(machine, emission)
    for number, one in enumerate(emission.intrinsics):
        yield from _intrinsic(machine, one, ("emit", "intrinsic", number))
    for number, one in enumerate(emission.scalars):
        yield from _scalar(one, ("emit", "scalar", number))
    yield from _twice(emission)


def _head(emission: Emission) -> Iterator[Complaint]:
    for key in ("task", "tasks", *(GROUP if emission.barrier else ())):
        text = getattr(emission, key)
        if not _NUMBER.fullmatch(text):
            yield Complaint(("emit", key), f'expected a name or a call without arguments, got "{text}"')
    for key in ("kernel", "function"):
        for word in getattr(emission, key).split():
            if not _WORD.fullmatch(word):
                yield Complaint(("emit", key), f'expected words that a header can define, got "{word}"')
    for key in ("compute_wait", "barrier"):
        text = getattr(emission, key)
        if text is not None:
            yield from _plain(text, ("emit", key))
    if emission.launched < 1:
        yield Complaint(("emit", "launched"), f"launched is {emission.launched}, expected at least 1")
    for dtype, _ in emission.types:
        if dtype not in DTYPES:
            yield Complaint(("emit", "types", dtype), f"no element type is called '{dtype}': {_near(dtype, DTYPES)}")
    for number, dtype in enumerate(emission.lacks):
        if dtype not in DTYPES:
            yield Complaint(("emit", "lacks", number), f"no element type is called '{dtype}': {_near(dtype, DTYPES)}")
    if not emission.barrier and any(getattr(emission, key) for key in GROUP):
        key = next(key for key in GROUP if getattr(emission, key))
        yield Complaint(("emit", key), "tasks of a group have no barrier: add 'barrier', or leave this away")


def _plain(text: str, path: Path) -> Iterator[Complaint]:
    """A call without operands."""
    try:
        call = parse_call(text)
    except ValueError as error:
        yield Complaint(path, str(error))
        return
    if call.arguments:
        yield Complaint(path, f'expected a call without arguments, got "{text}"')


def _memories(machine: Machine, emission: Emission) -> Iterator[Complaint]:
    names = [space.name for space in machine.spaces]
    seen = set[str]()
    for number, memory in enumerate(emission.memories):
        path = ("emit", "memory", number)
        if memory.space not in names:
            yield Complaint((*path, "space"), _no_space(memory.space, machine))
        if memory.space in seen:
            yield Complaint((*path, "space"), f"'{memory.space}' is there twice")
        seen.add(memory.space)
        if not _WORD.fullmatch(memory.qualifier):
            message = f'expected a word that a header can define, got "{memory.qualifier}"'
            yield Complaint((*path, "qualifier"), message)
    reg = machine.spaces_at("reg")
    if reg and reg[0].name not in seen:
        yield Complaint(
            ("emit",), f"no [[emit.memory]] says how a variable in '{reg[0].name}' is declared, where tiles are"
        )


def _no_space(name: str, machine: Machine) -> str:
    return f"no space is called '{name}': the spaces are {listed([space.name for space in machine.spaces])}"


def _near(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"the known ones are {', '.join(known)}"


# -- calls -----------------------------------------------------------------------------------------


def _names(
    text: str, needed: Sequence[str], allowed: Sequence[str], path: Path, *, dtype: bool = False
) -> Iterator[Complaint]:
    """A template that has some names, and no others."""
    try:
        call = parse_call(text.replace("{dtype}", "PF_DTYPE") if dtype else text)
    except ValueError as error:
        yield Complaint(path, str(error))
        return
    for name in call.names:
        if name not in allowed:
            yield Complaint(path, f"'{{{name}}}' means nothing here: {_near(name, allowed)}")
    for name in needed:
        if call.names.count(name) != 1:
            said = "lacks" if name not in call.names else "has more than once"
            yield Complaint(path, f"the call {said} '{{{name}}}'")


def _copy(machine: Machine, copy: Copy, path: Path) -> Iterator[Complaint]:
    names = [space.name for space in machine.spaces]
    for key, space in (("source", copy.source), ("result", copy.result)):
        if space not in names:
            yield Complaint((*path, key), _no_space(space, machine))
    if copy.source in names and copy.result in names and machine.link(copy.source, copy.result) is None:
        same = machine.space(copy.source).level == machine.space(copy.result).level == "dram"
        if not same:
            yield Complaint((*path, "result"), f"no link goes from '{copy.source}' to '{copy.result}'")
    strided = STRIDED_NAMES if any(f"{{{name}}}" in copy.call for name in STRIDED_NAMES) else ()
    yield from _names(copy.call, ("dst", "src", "bytes", *strided), COPY_NAMES, (*path, "call"))
    if copy.wait is not None:
        yield from _plain(copy.wait, (*path, "wait"))
    for key in ("alignment_bytes", "granule_bytes"):
        if getattr(copy, key) < 1:
            yield Complaint((*path, key), f"{key} is {getattr(copy, key)}, expected at least 1")


def _ways(machine: Machine, emission: Emission) -> Iterator[Complaint]:
    """Tiles must be brought and taken away."""
    if not machine.spaces_at("reg") or not machine.spaces_at("dram"):
        return
    reg, dram = machine.space_of("reg").name, machine.space_of("dram").name
    for source, result in ((dram, reg), (reg, dram)):
        if not emission.copies_along(source, result):
            yield Complaint(("emit",), f"no [[emit.copy]] goes from '{source}' to '{result}'")


def _intrinsic(machine: Machine, one: Intrinsic, path: Path) -> Iterator[Complaint]:
    if one.op not in OPS:
        yield Complaint((*path, "op"), f"no intrinsic does '{one.op}': {_near(one.op, list(OPS))}")
        return
    names = ("dst", *one.operands, *one.sizes)
    yield from _names(one.call, names, names, (*path, "call"), dtype=True)
    yield from _dtypes(one.dtypes, path)
    yield from _result(one, path)
    for operand in one.scalars:
        if operand not in one.operands:
            yield Complaint(
                (*path, "scalars"), f"'{operand}' is no operand of '{one.op}': {listed(list(one.operands))}"
            )
    if one.op == "fill" and set(one.scalars) != {"a"}:
        yield Complaint((*path, "scalars"), 'a fill takes a number: expected scalars = ["a"]')
    if one.op != "fill" and set(one.scalars) >= set(one.operands):
        yield Complaint((*path, "scalars"), "at least one operand is a run of elements")
    for name, space in one.spaces:
        if name not in ("dst", *one.operands):
            yield Complaint((*path, "spaces", name), f"'{name}' is no operand of '{one.op}'")
        elif space not in [other.name for other in machine.spaces]:
            yield Complaint((*path, "spaces", name), _no_space(space, machine))
        elif machine.spaces_at("reg") and space != machine.space_of("reg").name:
            tiles = machine.space_of("reg").name
            yield Complaint((*path, "spaces", name), f"tiles are in '{tiles}': operands elsewhere aren't used yet")
    yield from _demands(machine, one, path)


def _result(one: Intrinsic, path: Path) -> Iterator[Complaint]:
    if (one.result is None) == (one.op in CONVERSIONS):
        said = "lacks 'result', the element type of what it makes" if one.result is None else "makes what it takes"
        yield Complaint((*path, "op" if one.result is None else "result"), f"'{one.op}' {said}")
    elif one.result is not None and one.result not in DTYPES:
        message = f"no element type is called '{one.result}': {_near(one.result, DTYPES)}"
        yield Complaint((*path, "result"), message)


def _demands(machine: Machine, one: Intrinsic, path: Path) -> Iterator[Complaint]:
    sizes = [SIZES.get(dtype, 1) for dtype in one.dtypes]
    for key in ("granule_bytes", "group_bytes", "alignment_bytes"):
        size = getattr(one, key)
        if size is not None and (size < 1 or (key != "alignment_bytes" and any(size % s for s in sizes) and size != 1)):
            yield Complaint((*path, key), f"{key} is {size}, expected a multiple of an element's bytes")
    if one.group_bytes is not None and not one.op.startswith("reduce."):
        yield Complaint((*path, "group_bytes"), f"'{one.op}' isn't a reduction")
    if one.alignment_bytes is not None and machine.spaces_at("reg"):
        space = machine.space_of("reg")
        if one.alignment_bytes > 0 and space.alignment_bytes % one.alignment_bytes:
            message = (
                f"operands begin at multiples of {one.alignment_bytes}, but buffers in '{space.name}' begin at "
                f"multiples of {space.alignment_bytes}: raise the space's alignment_bytes"
            )
            yield Complaint((*path, "alignment_bytes"), message)
    if not one.body.strip():
        yield Complaint((*path, "body"), "the body is empty: it says in C what the call does")


def _dtypes(dtypes: Sequence[str], path: Path) -> Iterator[Complaint]:
    if not dtypes:
        yield Complaint((*path, "dtypes"), "expected at least one element type")
    for number, dtype in enumerate(dtypes):
        if dtype not in DTYPES:
            yield Complaint((*path, "dtypes", number), f"no element type is called '{dtype}': {_near(dtype, DTYPES)}")


def _scalar(one: ScalarCall, path: Path) -> Iterator[Complaint]:
    known = [op for op in OPS if op.startswith(("arith.", "math."))]
    if one.op not in known:
        yield Complaint((*path, "op"), f"no call on numbers does '{one.op}': {_near(one.op, known)}")
        return
    names = OPERANDS[: OPS[one.op]]
    yield from _names(one.call, names, names, (*path, "call"), dtype=True)
    yield from _dtypes(one.dtypes, path)
    if "return" not in one.body:
        yield Complaint((*path, "body"), "the body gives nothing: expected a 'return'")


def _twice(emission: Emission) -> Iterator[Complaint]:
    """Calls that nothing tells apart."""
    seen: dict[object, int] = {}
    for number, one in enumerate(emission.intrinsics):
        for dtype in one.dtypes:
            try:
                numbers = (*one.scalars, *one.sizes)
                shape = tuple(a.word or ("number" if a.name in numbers else "run") for a in one.parsed.arguments)
                key = (one.callee(dtype), dtype, shape)
            except ValueError:
                continue
            first = seen.setdefault(key, number)
            if first != number:
                message = f"'{key[0]}' on {dtype} takes the same as number {first + 1} of the intrinsics"
                yield Complaint(("emit", "intrinsic", number, "call"), message)
