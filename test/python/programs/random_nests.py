"""Random placed kernels: graph form with a nest, whose rows are gone through in one to three passes.

The iteration space is rows by columns. Each pass loads or reloads what it needs (from dram, or from a copy
that rests in sram, or by keeping a value), computes elementwise, and ends in a reduction along the
columns or in a store. Values are whole numbers, so results are exact; see `random_gir`.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from programs.random_gir import BINARY, Array, Draw, GirProgram, Kernel, Value, gir_type, write

SIZES = (1, 2, 3, 5, 8, 13, 16, 24)
NAMES = ("r", "c")


@dataclass
class Rows(Kernel):
    """A kernel over rows and columns.

    Attributes:
        sizes: Rows and columns.
        swept: Whether columns are swept, a pass at a time.
        number_of_pass: The pass that is being written.
        columns: Values over rows and columns that belong to the pass.
        rows: Values over rows that the pass may use, made by a reduction of an earlier one.
        resting: Copies in sram.
    """

    sizes: tuple[int, int] = (1, 1)
    swept: bool = False
    number_of_pass: int = 0
    columns: list[Value] = field(default_factory=list)
    rows: list[Value] = field(default_factory=list)
    resting: list[Value] = field(default_factory=list)

    @property
    def in_pass(self) -> str:
        """` pass k`, left out for pass 0."""
        return f" pass {self.number_of_pass}" if self.number_of_pass else ""


def over(dims: tuple[str, ...]) -> str:
    """The dimensions of the nest that a tensor at dram runs over."""
    return f" over [{', '.join(f'{chr(34)}{dim}{chr(34)}' for dim in dims)}]"


def move(k: Rows, source: Value, level: str, dims: tuple[str, ...]) -> Value:
    """A value elsewhere, in the current pass."""
    name = k.fresh()
    named = over(dims) if "dram" in (source.level, level) else ""
    k.emit(
        f"{name} = gir.move {source.name}{k.in_pass}{named} : {source.type} -> {gir_type(source.shape, source.kind, level)}"
    )
    return Value(name, level, source.kind, source.array)


def broadcast(k: Rows, value: Value, dim: int) -> Value:
    """A value over one dimension, along the other as well."""
    array = np.repeat(np.expand_dims(value.array, dim), k.sizes[dim], axis=dim)
    name, type_ = k.fresh(), gir_type(k.sizes, value.kind, "reg")
    k.emit(f"{name} = gir.broadcast {value.name} dims [{dim}]{k.in_pass} : {value.type} -> {type_}")
    return Value(name, "reg", value.kind, array)


def load_matrix(k: Rows) -> None:
    """An argument over rows and columns, straight or through sram, or one that rests there already."""
    if k.resting and k.number(0, 1):
        k.columns.append(move(k, k.pick(k.resting), "reg", NAMES))
        return
    source = k.pick([a for a in k.arguments if len(a.shape) == 2])
    if k.number_of_pass == 0 and k.number(0, 1):
        k.resting.append(move(k, source, "sram", NAMES))
        source = k.resting[-1]
    k.columns.append(move(k, source, "reg", NAMES))


def load_vector(k: Rows) -> None:
    """An argument over columns or rows, spread over the other."""
    dim = k.number(0, 1)
    source = [a for a in k.arguments if len(a.shape) == 1][dim]
    k.columns.append(broadcast(k, move(k, source, "reg", (NAMES[1 - dim],)), dim))


def use_rows(k: Rows) -> None:
    """What an earlier pass reduced to, spread along the columns."""
    if k.rows:
        k.columns.append(broadcast(k, k.pick(k.rows), 1))


def compute(k: Rows) -> None:
    """Two values of the pass, elementwise."""
    if not k.columns:
        return
    left, right = k.pick(k.columns), k.pick(k.columns[::-1])
    which = k.pick(list(BINARY))
    spelled = {"max": "maximumf", "min": "minimumf"}
    op = f"arith.{spelled[which]}" if which in spelled else k.op(left.kind, which)
    name = k.fresh()
    k.emit(f"{name} = {op} {left.name}, {right.name} : {left.type}")
    k.columns.append(k.within(Value(name, "reg", left.kind, BINARY[which](left.array, right.array))))


def rest(k: Rows) -> None:
    """A value of the pass is left in sram for a later one."""
    if k.columns and k.swept:
        k.resting.append(move(k, k.columns[-1], "sram", NAMES))


STEPS = (load_matrix, compute, load_vector, use_rows, compute, rest)


def end_pass(k: Rows) -> None:
    """A reduction along the columns, from then on a value over rows."""
    value = k.columns[-1]
    start = k.splat((k.sizes[0],), value.kind, 0)
    name = k.fresh()
    k.emit(
        f"{name} = gir.reduce {value.name} into {start.name} dims [1] kinds [#vector.kind<add>] : {value.type} into {start.type}"
    )
    k.rows.append(k.within(Value(name, "reg", value.kind, value.array.sum(axis=1))))


def split(k: Kernel, size: int, *, whole: bool) -> tuple[int, int, int]:
    """How much of a dimension a group, a unit and a step take."""
    group = size if whole else k.number(1, size)
    unit = group if whole and k.number(0, 1) else k.number(max(group // 4, 1), group)
    return group, unit, k.number(1, unit)


@st.composite
def random_nests(draw: Draw) -> GirProgram:
    """A random program of one placed kernel."""
    k = Rows(draw)
    k.sizes = (k.pick(SIZES), k.pick(SIZES))
    passes = k.number(1, 3)
    k.swept = passes > 1
    parts = (split(k, k.sizes[0], whole=False), split(k, k.sizes[1], whole=k.swept))
    dims = ", ".join(
        f"{name} = {size} : {g} : {u} : {s}" for name, size, (g, u, s) in zip(NAMES, k.sizes, parts, strict=True)
    )
    for shape in (k.sizes, k.sizes, (k.sizes[0],), (k.sizes[1],)):
        array = np.random.default_rng(k.number(0, 99)).integers(-4, 5, shape)
        k.arguments.append(k.add(f"%a{len(k.arguments)}", "dram", "f32", array))
    # The vector over rows stands first for dim 1, the one over columns for dim 0.
    k.arguments[2:] = k.arguments[:1:-1]
    stored = [value for at in range(passes) for value in one_pass(k, at, last=at == passes - 1)]
    inputs: tuple[Array, ...] = tuple(a.array for a in k.arguments)
    text = write(k, stored, f" nest <[{dims}]{', sweep = [c]' if k.swept else ''}>")
    return GirProgram(text, inputs, tuple(v.array for v in stored))


def one_pass(k: Rows, number: int, *, last: bool) -> list[Value]:
    """Writes one pass, and gives what it stores."""
    k.number_of_pass, k.columns = number, []
    load_matrix(k)
    for _ in range(k.number(0, 5)):
        k.pick(STEPS)(k)
    stored = [move(k, k.columns[-1], "dram", NAMES)] if last or k.number(0, 2) == 2 else []
    if not last:
        end_pass(k)
    elif k.rows and k.number(0, 1):
        stored.append(move(k, k.rows[-1], "dram", ("r",)))
    return stored
