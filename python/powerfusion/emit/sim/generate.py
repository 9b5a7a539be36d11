"""The simulator's header of a machine: its functions, made from their templates, demands and reference bodies.

    [[emit.intrinsic]]                              static inline void vadd(float *dst, const float *a, .., int line) {
    call = "vadd({dst}, {a}, {b}, {count})"   ⇒       check_granule(..); check_operand(dst, ..); ..
    body = "for (..) dst[i] = a[i] + b[i];"           for (..) dst[i] = a[i] + b[i];
                                                    }

Functions of one name and other words, element types or numbers of arguments are overloads.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from powerfusion.emit.sim.times import copy_times, times_of
from powerfusion.machines.emission import (
    OPERANDS,
    Argument,
    Call,
    Copy,
    Emission,
    Intrinsic,
    ScalarCall,
    parse_call,
)
from powerfusion.machines.model import Machine

CORE = (Path(__file__).with_name("core.h"), Path(__file__).with_name("core.cpp"))
"""What all machines have: the declarations, and the functions, which are compiled once."""
LINE = "int line = __builtin_LINE()"
C_TYPES = {
    "f64": "double",
    "f32": "float",
    "f16": "_Float16",
    "i1": "bool",
    **{f"i{width}": f"int{width}_t" for width in (8, 16, 32, 64)},
}
"""What a simulated machine computes with, per element type."""


def header(machine: Machine, emission: Emission) -> str:
    """The header of a machine, as C++."""
    parts = [
        '#include "core.h"',
        "\n".join(_types(emission)),
        "\n".join(_words(emission)),
        "\n".join(_spaces(machine, emission)),
        f"#define {_identifier(emission.task)} (pf_sim::state().task)",
        f"#define {_identifier(emission.tasks)} (pf_sim::state().tasks)",
        *_group(emission),
        *(f"#define {word}" for word in _qualifiers(emission)),
        "\n".join(_waits(emission)),
        "\n".join(text for copy in emission.copies for text in _copy(machine, emission, copy)),
        "\n".join(text for one in emission.intrinsics for text in _intrinsic(machine, emission, one)),
        "\n".join(text for one in emission.scalars for text in _scalar(emission, one)),
    ]
    return "#pragma once\n" + "\n\n".join(part for part in parts if part) + "\n"


def _identifier(text: str) -> str:
    return text.strip()


def _types(emission: Emission) -> Iterator[str]:
    known = {"float", "double", "bool"}
    for dtype, name in emission.types:
        if name not in known and dtype in C_TYPES and name != C_TYPES[dtype]:
            yield f"typedef {C_TYPES[dtype]} {name};"


def _words(emission: Emission) -> Iterator[str]:
    """Words that calls take: values of types of their own, so that each is an overload."""
    calls = [copy.parsed for copy in emission.copies] + [one.parsed for one in emission.intrinsics]
    words = dict.fromkeys(a.word for call in calls for a in call.arguments if a.word and not _is_number(a.word))
    return (f"struct pf_word_{word} {{}};\nstatic const pf_word_{word} {word} = {{}};" for word in words)


def _is_number(word: str) -> bool:
    return word.lstrip("-").isdigit()


def _qualifiers(emission: Emission) -> list[str]:
    words = [*emission.kernel.split(), *emission.function.split()]
    return [word for word in dict.fromkeys(words) if word not in ("static", "inline", "extern", "void")]


def _spaces(machine: Machine, emission: Emission) -> Iterator[str]:
    """Where the variables of each space lie, and a record of each."""
    entries: list[str] = []
    for memory in emission.memories:
        space = machine.space(memory.space)
        section = f"pf_mem_{memory.space}"
        for end in ("start", "stop"):
            yield f'extern "C" char __{end}_{section}[] __attribute__((weak, visibility("hidden")));'
        if memory.qualifier:
            place = f'section("{section}"), aligned(4096), used'
            yield f"#define {memory.qualifier} static __attribute__(({place}))"
        usable = space.usable_bytes or 0
        private = "true" if space.scope in ("unit", "lane") or not emission.barrier else "false"
        entries.append(f'{{"{memory.space}", __start_{section}, __stop_{section}, {usable}, {private}}}')
    times = times_of(machine, emission)
    late = "true" if emission.compute_wait else "false"
    taken = f"{{{times.vector_bytes_per_ns!r}, {times.vector_issue_ns!r}, {times.scalar_ns!r}, {late}}}"
    described = f"(pf_sim::describe({{{', '.join(entries)}}}, {_group_size(machine, emission)}, {taken}), true)"
    yield f"static const bool pf_sim_is_described = {described};"


def _group_size(machine: Machine, emission: Emission) -> int:
    """How many tasks share memory."""
    units = machine.scope("unit")
    return (units.count or 1) if emission.barrier and units else 1


def _group(emission: Emission) -> Iterator[str]:
    """What a task knows of its group, and where it waits for it."""
    numbers = {"group": "task / {}", "unit": "task % {}", "groups": "tasks / {}", "units": "group_size"}
    for name, text in numbers.items():
        if word := _identifier(getattr(emission, name)):
            yield f"#define {word} (pf_sim::state().{text.format('pf_sim::state().group_size')})"
    if emission.barrier:
        callee = parse_call(emission.barrier).callee
        yield f'static inline void {callee}({LINE}) {{ pf_sim::barrier("{callee}", line); }}'


def _waits(emission: Emission) -> Iterator[str]:
    waits = dict.fromkeys(copy.wait for copy in emission.copies if copy.wait)
    if emission.compute_wait and emission.compute_wait not in waits:
        callee = parse_call(emission.compute_wait).callee
        yield f"static inline void {callee}(void) {{ pf_sim::computed_is_done(); }}"
    for wait in waits:
        callee = parse_call(wait).callee
        also = " pf_sim::computed_is_done();" if wait == emission.compute_wait else ""
        yield f'static inline void {callee}(void) {{ pf_sim::wait("{callee}");{also} }}'


# -- functions -------------------------------------------------------------------------------------


def _parameters(call: Call, types: dict[str, str]) -> tuple[list[str], list[str]]:
    """Parameters, and statements that give the template's names their values."""
    parameters: list[str] = []
    statements: list[str] = []
    for at, argument in enumerate(call.arguments):
        if argument.word:
            kind = "int64_t" if _is_number(argument.word) else f"pf_word_{argument.word}"
            parameters.append(f"{kind}")
            continue
        if argument.factor == 1 and not argument.shift:
            parameters.append(f"{types[argument.name]} {argument.name}")
            continue
        parameters.append(f"{types[argument.name]} pf_argument{at}")
        statements.append(f"{types[argument.name]} {argument.name} = {_inverse(argument, f'pf_argument{at}')};")
    return parameters, statements


def _inverse(argument: Argument, text: str) -> str:
    if argument.factor != 1:
        return f"{text} / {argument.factor}"
    return f"{text} - {argument.shift}" if argument.shift > 0 else f"{text} + {-argument.shift}"


def _copy(machine: Machine, emission: Emission, copy: Copy) -> Iterator[str]:
    call = copy.parsed
    numbers = {name: "int64_t" for name in ("bytes", "rows", "dst_stride", "src_stride")}
    parameters, statements = _parameters(call, {"dst": "void *", "src": "const void *", **numbers})
    if not copy.is_strided:
        statements.append("int64_t rows = 1, dst_stride = bytes, src_stride = bytes;")
    sides = [_named_space(machine, emission, name) for name in (copy.source, copy.result)]
    wait = f'"{parse_call(copy.wait).callee}"' if copy.wait else "nullptr"
    after = "true" if emission.compute_wait else "false"
    rate, latency = copy_times(machine, emission, copy)
    how = (
        f'{{"{copy.source} -> {copy.result}", "{sides[0]}", "{sides[1]}", {wait}, {copy.alignment_bytes}, '
        f"{copy.granule_bytes}, {after}, {rate!r}, {latency!r}}}"
    )
    body = f"[=]() {{ (void)rows; (void)dst_stride; (void)src_stride;\n{copy.body}\n  }}"
    lines = [
        f'pf_sim::begin_call("{call.callee}", line);',
        *statements,
        f"static const pf_sim::Copy how = {how};",
        f"pf_sim::copy(how, dst, src, bytes, rows, dst_stride, src_stride, {body});",
    ]
    yield _function(call.callee, parameters, lines)


def _named_space(machine: Machine, emission: Emission, name: str) -> str:
    """What the simulator calls a space: nothing where it is the host's memory."""
    return "" if machine.space(name).level == "dram" or emission.qualifier(name) is None else name


def _intrinsic(machine: Machine, emission: Emission, one: Intrinsic) -> Iterator[str]:
    for dtype in one.dtypes:
        type_, result = (_type_of(emission, each) for each in (dtype, one.result or dtype))
        types = {"dst": f"{result} *", **dict.fromkeys(one.sizes, "int64_t")}
        for operand in one.operands:
            types[operand] = type_ if operand in one.scalars else f"const {type_} *"
        parameters, statements = _parameters(one.parsed, types)
        default = machine.space_of("reg")
        spaces = {name: dict(one.spaces).get(name, default.name) for name in ("dst", *one.operands)}
        alignment = one.alignment_bytes or default.alignment_bytes
        granular = one.sizes if len(one.sizes) > 1 else ()
        if granular:
            statements.append(f"int64_t count = {' * '.join(granular)};")
        sides = [f"pf_sim::check_granule({size} * (int64_t)sizeof(T), {one.granule_bytes});" for size in granular]
        checks = [f"pf_sim::check_granule(count * (int64_t)sizeof({name}), {one.granule_bytes});" for name in "TR"]
        checks += sides
        runs = [operand for operand in one.operands if operand not in one.scalars]
        checks += [_operand(operand, "T", spaces[operand], alignment, writes=False) for operand in runs]
        checks.append(_operand("dst", "R", spaces["dst"], alignment, writes=True))
        lines = [
            f"typedef {type_} T;",
            f"typedef {result} R;",
            f'pf_sim::begin_call("{one.callee(dtype)}", line);',
            *statements,
            f'if (!pf_sim::computing("{one.callee(dtype)}", count * (int64_t)sizeof(R))) return;',
            *checks,
            one.body,
        ]
        yield _function(one.callee(dtype), parameters, lines)


def _scalar(emission: Emission, one: ScalarCall) -> Iterator[str]:
    for dtype in one.dtypes:
        type_ = _type_of(emission, dtype)
        types = dict.fromkeys(OPERANDS, type_)
        parameters, statements = _parameters(one.parsed, types)
        lines = "\n".join(f"  {line}" for line in (f"typedef {type_} T;", *statements, one.body))
        yield f"static inline {type_} {one.callee(dtype)}({', '.join(parameters)}) {{\n{lines}\n}}"


def _type_of(emission: Emission, dtype: str) -> str:
    return dict(emission.types).get(dtype, C_TYPES.get(dtype, "float"))


def _operand(name: str, type_: str, space: str, alignment: int, *, writes: bool) -> str:
    size = f"count * (int64_t)sizeof({type_})"
    flag = "true" if writes else "false"
    check = f'pf_sim::check_operand({name}, {size}, "{space}", {alignment}, {flag});'
    return f"{check} pf_sim::computes({name}, {size});"


def _function(name: str, parameters: list[str], lines: list[str]) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"static inline void {name}({', '.join([*parameters, LINE])}) {{\n{body}\n}}"
