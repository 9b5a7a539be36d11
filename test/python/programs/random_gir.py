"""Random kernels in graph form, without a nest, evaluated by NumPy while they are drawn.

Values are whole numbers of a few bits, whatever their type, so that every result is exact and has to be
equal. A program is a function with one kernel: arguments, one to ten steps, one to three results. Steps
are whatever graph form has: elementwise ops, views at dram and at reg, reductions, scans, contractions,
gathers, padding, windows.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Array = np.ndarray[Any, Any]
DTYPES: dict[str, Any] = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64}
SIZES = (1, 2, 3, 4, 5, 7, 8, 16, 17)
MOST_ELEMENTS = 2000
LIMIT = 15
"""Values stay within it: sums of a few thousand of their products are exact in f32."""


@dataclass(frozen=True)
class GirProgram:
    """A program with its inputs and what it must give.

    Attributes:
        text: MLIR, one public function `@main` of tensors.
        inputs: One array per argument.
        expected: One array per result.
    """

    text: str
    inputs: tuple[Array, ...]
    expected: tuple[Array, ...]


@dataclass(frozen=True)
class Value:
    """An SSA value in the kernel: its name, where it is, element type and content."""

    name: str
    level: str
    kind: str
    array: Array

    @property
    def type(self) -> str:
        """The MLIR type in the kernel."""
        return gir_type(self.array.shape, self.kind, self.level)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""
        return self.array.shape


def gir_type(shape: Sequence[int], kind: str, level: str) -> str:
    """A tensor type with its level."""
    return f"tensor<{'x'.join([*map(str, shape), kind])}, #gir.at<{level}>>"


def plain_type(shape: Sequence[int], kind: str) -> str:
    """A tensor type of the function."""
    return f"tensor<{'x'.join([*map(str, shape), kind])}>"


@dataclass
class Kernel:
    """Writes the kernel's body down while its values are computed."""

    draw: Draw
    lines: list[str] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    arguments: list[Value] = field(default_factory=list)
    count: int = 0

    def fresh(self) -> str:
        """A new name."""
        self.count += 1
        return f"%v{self.count}"

    def emit(self, line: str) -> None:
        """One more line of the body."""
        self.lines.append(f"    {line}")

    def number(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return self.draw(st.integers(low, high))

    def pick(self, options: Sequence[Any]) -> Any:
        """One of the options; shrinks to the first."""
        return options[self.number(0, len(options) - 1)]

    def add(self, name: str, level: str, kind: str, array: Array) -> Value:
        """Records a value that the last line defined."""
        value = Value(name, level, kind, np.ascontiguousarray(array, DTYPES.get(kind, np.int64)).reshape(array.shape))
        self.values.append(value)
        return value

    def at_reg(self, kinds: Sequence[str] = tuple(DTYPES)) -> Value | None:
        """A value at reg, the latest preferred; None where there is none yet."""
        options = [v for v in reversed(self.values) if v.level == "reg" and v.kind in kinds]
        return self.pick(options) if options else None

    def constant(self, kind: str, value: int) -> str:
        """A scalar constant."""
        name = self.fresh()
        literal = f"{value}.0" if kind.startswith("f") else str(value)
        self.emit(f"{name} = arith.constant {literal} : {kind}")
        return name

    def splat(self, shape: Sequence[int], kind: str, value: int) -> Value:
        """A constant that is the same everywhere."""
        name = self.fresh()
        literal = f"{value}.0" if kind.startswith("f") else str(value)
        type_ = gir_type(shape, kind, "reg")
        self.emit(f"{name} = arith.constant dense<{literal}> : {type_}")
        return self.add(name, "reg", kind, np.full(shape, value))

    def op(self, kind: str, name: str) -> str:
        """The `arith` op for an element type."""
        return f"arith.{name}{'f' if kind.startswith('f') else 'i'}"

    def within(self, value: Value) -> Value:
        """A value brought back within the limit, so that what follows stays exact."""
        if value.array.size == 0 or np.abs(value.array).max() <= LIMIT:
            return value
        low, high = self.splat(value.shape, value.kind, -LIMIT), self.splat(value.shape, value.kind, LIMIT)
        most, least = ("maximumf", "minimumf") if value.kind.startswith("f") else ("maxsi", "minsi")
        a, b = self.fresh(), self.fresh()
        self.emit(f"{a} = arith.{most} {value.name}, {low.name} : {value.type}")
        self.emit(f"{b} = arith.{least} {a}, {high.name} : {value.type}")
        return self.add(b, "reg", value.kind, np.clip(value.array, -LIMIT, LIMIT))


# -- steps -----------------------------------------------------------------------------------


def view_at_dram(k: Kernel) -> None:
    """A slice, permutation, reshape or window of an argument, as a view."""
    source = k.pick([v for v in k.values if v.level == "dram"])
    k.pick([_slice, _permute, _reshape, _window])(k, source)


def load(k: Kernel) -> None:
    """An argument, or a view of one, at reg."""
    source = k.pick([v for v in reversed(k.values) if v.level == "dram"])
    name = k.fresh()
    k.emit(f"{name} = gir.move {source.name} : {source.type} -> {gir_type(source.shape, source.kind, 'reg')}")
    k.add(name, "reg", source.kind, source.array)


def view_at_reg(k: Kernel) -> None:
    """The same at reg, as an instruction."""
    source = k.at_reg()
    if source is not None:
        k.pick([_permute, _broadcast, _slice, _reshape, _window, _pad, _concat])(k, source)


def _permute(k: Kernel, source: Value) -> None:
    perm = k.draw(st.permutations(range(len(source.shape))))
    name, array = k.fresh(), source.array.transpose(perm)
    k.emit(
        f"{name} = gir.permute {source.name} {list(perm)} : {source.type} -> {gir_type(array.shape, source.kind, source.level)}"
    )
    k.add(name, source.level, source.kind, array)


def _slice(k: Kernel, source: Value) -> None:
    offsets, sizes, strides, cut = [], [], [], []
    for size in source.shape:
        offset, stride = k.number(0, size - 1), k.number(1, 3)
        length = k.number(1, (size - 1 - offset) // stride + 1)
        offsets.append(offset)
        sizes.append(length)
        strides.append(stride)
        cut.append(slice(offset, offset + (length - 1) * stride + 1, stride))
    name, array = k.fresh(), source.array[tuple(cut)]
    k.emit(
        f"{name} = gir.slice {source.name} {offsets} {sizes} {strides} : {source.type} -> {gir_type(array.shape, source.kind, source.level)}"
    )
    k.add(name, source.level, source.kind, array)


def _reshape(k: Kernel, source: Value) -> None:
    shape = k.pick(_factorings(source.array.size))
    name, array = k.fresh(), source.array.reshape(shape)
    k.emit(f"{name} = gir.reshape {source.name} : {source.type} -> {gir_type(shape, source.kind, source.level)}")
    k.add(name, source.level, source.kind, array)


def _factorings(count: int) -> list[tuple[int, ...]]:
    divisors = [d for d in range(2, count) if count % d == 0][:6]
    pairs = [(d, count // d) for d in divisors]
    return [(count,), (1, count), *pairs, *((a, 1, b) for a, b in pairs)]


def _window(k: Kernel, source: Value) -> None:
    if not source.shape or len(source.shape) > 3:
        return
    dim = k.number(0, len(source.shape) - 1)
    size = source.shape[dim]
    length, stride, dilation = k.number(1, min(3, size)), k.number(1, 2), k.number(1, 2)
    places = (size - dilation * (length - 1) - 1) // stride + 1
    if places < 1 or source.array.size * length > MOST_ELEMENTS:
        return
    index = np.arange(places)[:, None] * stride + np.arange(length) * dilation
    array = np.moveaxis(np.take(source.array, index, axis=dim), dim + 1, -1)
    name = k.fresh()
    k.emit(
        f"{name} = gir.window {source.name} dims [{dim}] sizes [{length}] strides [{stride}] dilations [{dilation}] : {source.type} -> {gir_type(array.shape, source.kind, source.level)}"
    )
    k.add(name, source.level, source.kind, array)


def _broadcast(k: Kernel, source: Value) -> None:
    dim, size = k.number(0, len(source.shape)), k.pick(SIZES)
    if source.array.size * size > MOST_ELEMENTS or len(source.shape) > 3:
        return
    array = np.repeat(np.expand_dims(source.array, dim), size, axis=dim)
    name = k.fresh()
    k.emit(
        f"{name} = gir.broadcast {source.name} dims [{dim}] : {source.type} -> {gir_type(array.shape, source.kind, 'reg')}"
    )
    k.add(name, "reg", source.kind, array)


def _pad(k: Kernel, source: Value) -> None:
    low = [k.number(0, 2) for _ in source.shape]
    high = [k.number(0, 2) for _ in source.shape]
    if not source.shape or math.prod(size + 4 for size in source.shape) > MOST_ELEMENTS:
        return
    border = k.number(-3, 3)
    value = k.constant(source.kind, border)
    array = np.pad(source.array, list(zip(low, high, strict=True)), constant_values=border)
    name = k.fresh()
    k.emit(
        f"{name} = gir.pad {source.name} low {low} high {high} value {value} : {source.type} -> {gir_type(array.shape, source.kind, 'reg')}"
    )
    k.add(name, "reg", source.kind, array)


def _concat(k: Kernel, source: Value) -> None:
    if not source.shape:
        return
    dim = k.number(0, len(source.shape) - 1)

    def fits(value: Value) -> bool:
        same = len(value.shape) == len(source.shape) and value.kind == source.kind and value.level == source.level
        return same and all(
            a == b for at, (a, b) in enumerate(zip(value.shape, source.shape, strict=False)) if at != dim
        )

    other = k.pick([v for v in reversed(k.values) if fits(v)])
    array = np.concatenate([source.array, other.array], axis=dim)
    if array.size > MOST_ELEMENTS:
        return
    name = k.fresh()
    k.emit(
        f"{name} = gir.concat {source.name}, {other.name} dim {dim} : ({source.type}, {other.type}) -> {gir_type(array.shape, source.kind, source.level)}"
    )
    k.add(name, source.level, source.kind, array)


BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


def elementwise(k: Kernel) -> None:
    """Two values of one shape, or one and a constant; a comparison and a select now and then."""
    left = k.at_reg()
    if left is None:
        return
    right = k.pick(
        [*(v for v in reversed(k.values) if v.type == left.type), k.splat(left.shape, left.kind, k.number(-3, 3))]
    )
    which = k.pick([*BINARY, "select"])
    name = k.fresh()
    if which == "select":
        _select(k, left, right)
        return
    is_float = left.kind.startswith("f")
    spelled = {"max": "maximumf" if is_float else "maxsi", "min": "minimumf" if is_float else "minsi"}
    op = f"arith.{spelled[which]}" if which in spelled else k.op(left.kind, which)
    k.emit(f"{name} = {op} {left.name}, {right.name} : {left.type}")
    k.within(k.add(name, "reg", left.kind, BINARY[which](left.array, right.array)))


def _select(k: Kernel, left: Value, right: Value) -> None:
    flags, name = k.fresh(), k.fresh()
    compare = "arith.cmpf olt" if left.kind.startswith("f") else "arith.cmpi slt"
    flag_type = gir_type(left.shape, "i1", "reg")
    k.emit(f"{flags} = {compare}, {left.name}, {right.name} : {left.type}")
    k.emit(f"{name} = arith.select {flags}, {right.name}, {left.name} : {flag_type}, {left.type}")
    k.add(name, "reg", left.kind, np.where(left.array < right.array, right.array, left.array))


FOLDS: dict[str, tuple[int, Any]] = {
    "add": (0, np.add),
    "maximumf": (-LIMIT, np.maximum),
    "minimumf": (LIMIT, np.minimum),
}
INTEGER_KINDS = {"maximumf": "maxsi", "minimumf": "minsi"}


def reduction(k: Kernel) -> None:
    """Folds some dimensions by a kind."""
    source = k.at_reg()
    if source is None or not source.shape:
        return
    dims = sorted(k.draw(st.sets(st.integers(0, len(source.shape) - 1), min_size=1)))
    kept = tuple(size for at, size in enumerate(source.shape) if at not in dims)
    which = k.pick(list(FOLDS))
    start, function = FOLDS[which]
    init = k.splat(kept, source.kind, start)
    spelled = which if source.kind.startswith("f") else INTEGER_KINDS.get(which, which)
    name = k.fresh()
    k.emit(
        f"{name} = gir.reduce {source.name} into {init.name} dims {dims} kinds [#vector.kind<{spelled}>] : {source.type} into {init.type}"
    )
    folded = source.array
    for dim in reversed(dims):
        folded = function.reduce(folded, axis=dim, initial=start)
    k.within(k.add(name, "reg", source.kind, folded))


def scan(k: Kernel) -> None:
    """Running sums along a dimension, both results kept."""
    source = k.at_reg()
    if source is None or not source.shape:
        return
    dim, exclusive, backwards = k.number(0, len(source.shape) - 1), k.number(0, 1), k.number(0, 1)
    kept = tuple(size for at, size in enumerate(source.shape) if at != dim)
    init = k.splat(kept, source.kind, k.number(0, 2))
    array = np.flip(source.array, dim) if backwards else source.array
    sums = np.cumsum(array, axis=dim, dtype=source.array.dtype) + np.expand_dims(init.array, dim)
    last = np.take(sums, -1, axis=dim)
    if exclusive:
        sums = sums - array
    if backwards:
        sums = np.flip(sums, dim)
    name = k.fresh()
    words = f"{' exclusive' if exclusive else ''}{' reverse' if backwards else ''}"
    k.emit(
        f"{name}:2 = gir.scan {source.name} into {init.name} dim {dim}{words} kinds [#vector.kind<add>] : {source.type} into {init.type}"
    )
    k.within(k.add(f"{name}#0", "reg", source.kind, sums))
    k.within(k.add(f"{name}#1", "reg", source.kind, last))


def contraction(k: Kernel) -> None:
    """A matrix product of two matrices, one of them made by a broadcast where none fits."""
    left = k.at_reg()
    if left is None or len(left.shape) != 2:
        return
    fitting = [
        v
        for v in k.values
        if v.level == "reg" and v.kind == left.kind and len(v.shape) == 2 and v.shape[0] == left.shape[1]
    ]
    right = k.pick([*reversed(fitting), k.splat((left.shape[1], k.pick(SIZES)), left.kind, k.number(-2, 2))])
    init = k.splat((left.shape[0], right.shape[1]), left.kind, k.number(0, 1))
    name = k.fresh()
    maps = "affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>"
    k.emit(
        f"{name} = gir.contract {left.name}, {right.name} into {init.name} maps [{maps}] : {left.type}, {right.type} into {init.type}"
    )
    k.within(k.add(name, "reg", left.kind, left.array @ right.array + init.array))


def gathering(k: Kernel) -> None:
    """Elements of an argument at the indices i * factor mod size, along its dimensions."""
    table = k.pick([v for v in k.values if v.level == "dram"])
    if not table.shape:
        return
    shape = tuple(k.pick(SIZES) for _ in range(k.number(1, 2)))
    names, arrays = [], []
    for size in table.shape:
        dim, factor = k.number(0, len(shape) - 1), k.number(1, 5)
        iota, scaled, wrapped = k.fresh(), k.fresh(), k.fresh()
        type_ = gir_type(shape, "index", "reg")
        by, modulus = k.splat(shape, "index", factor), k.splat(shape, "index", size)
        k.emit(f"{iota} = gir.iota dim {dim} : {type_}")
        k.emit(f"{scaled} = arith.muli {iota}, {by.name} : {type_}")
        k.emit(f"{wrapped} = arith.remui {scaled}, {modulus.name} : {type_}")
        names.append(wrapped)
        arrays.append(np.indices(shape)[dim] * factor % size)
    name, index = k.fresh(), gir_type(shape, "index", "reg")
    k.emit(
        f"{name} = gir.gather {table.name}[{', '.join(names)}] : {table.type}[{', '.join([index] * len(names))}] -> {gir_type(shape, table.kind, 'reg')}"
    )
    k.add(name, "reg", table.kind, table.array[tuple(arrays)])


STEPS = (load, elementwise, load, elementwise, view_at_reg, reduction, view_at_dram, scan, contraction, gathering)


@st.composite
def random_kernels(draw: Draw, most_steps: int = 10) -> GirProgram:
    """A random program of one naive kernel."""
    k = Kernel(draw)
    for at in range(k.number(1, 3)):
        shape = tuple(k.pick(SIZES) for _ in range(k.number(1, 3)))
        kind = k.pick(list(DTYPES))
        array = np.random.default_rng(k.number(0, 99)).integers(-4, 5, shape)
        k.arguments.append(k.add(f"%a{at}", "dram", kind, array))
    load(k)
    for _ in range(k.number(1, most_steps)):
        k.pick(STEPS)(k)
    return finish(k)


def finish(k: Kernel, attributes: str = "") -> GirProgram:
    """One to three values at reg are stored and returned."""
    options = [v for v in reversed(k.values) if v.level == "reg" and v.kind in DTYPES]
    chosen = [k.pick(options) for _ in range(k.number(1, 3))]
    stored: list[Value] = []
    for value in chosen:
        name = k.fresh()
        k.emit(f"{name} = gir.move {value.name} : {value.type} -> {gir_type(value.shape, value.kind, 'dram')}")
        stored.append(Value(name, "dram", value.kind, value.array))
    return GirProgram(write(k, stored, attributes), tuple(a.array for a in k.arguments), tuple(v.array for v in stored))


def write(k: Kernel, stored: Sequence[Value], attributes: str = "") -> str:
    """The function around the kernel."""
    outer = [plain_type(a.shape, a.kind) for a in k.arguments]
    results = [plain_type(v.shape, v.kind) for v in stored]
    inputs = ", ".join(
        f"{a.name} = %x{at} : {type_}" for at, (a, type_) in enumerate(zip(k.arguments, outer, strict=True))
    )
    signature = ", ".join(f"%x{at}: {type_}" for at, type_ in enumerate(outer))
    types, names = ", ".join(results), ", ".join(v.name for v in stored)
    returned = ", ".join(f"%r#{at}" for at in range(len(stored))) if len(stored) > 1 else "%r"
    bound = f"%r:{len(stored)}" if len(stored) > 1 else "%r"
    return "\n".join(
        [
            f"func.func @main({signature}) -> ({types}) {{",
            f'  {bound} = gir.kernel "random" ({inputs}){attributes} -> ({types}) {{',
            *k.lines,
            f"    gir.return {names} : {', '.join(v.type for v in stored)}",
            "  }",
            f"  return {returned} : {types}",
            "}",
            "",
        ]
    )
