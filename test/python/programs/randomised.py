"""Random programs of the first path, evaluated by NumPy while they are drawn.

A program is a few arguments, one to eight steps and one to three results. A step is an elementwise
generic with random permuted, broadcast or constant maps, a reduction, a transpose, slice, insertion, pad,
concat or reshape of values that exist already. Sizes come from a small pool, so that values meet; some
dimensions are dynamic. Each float value carries a bound on its rounding error (a running error
analysis), so that the comparison is as strict as the drawn program allows.
"""

# ruff: noqa: E501, E731 - lines of MLIR are as long as they are, and a text is a small lambda
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tolerance import RTOL, Expected

from programs.program import DTYPES, Array, Program, integers, rng

Draw = Callable[[st.SearchStrategy[Any]], Any]

UNIT = {"f64": 2.3e-16, "f32": 1.2e-7, "f16": 1e-3, "bf16": 8e-3}
ELEMENTARY = {"f64": 1e-14, "f32": 2e-6, "f16": 1e-3, "bf16": 8e-3}
"""Relative error of one operation, and of one elementary function."""
TINY = {"f64": 0.0, "f32": 0.0, "f16": 6e-8, "bf16": 0.0}
"""Absolute error of one operation: f16 has few exponents, and values meet its subnormals."""
LIMIT = 50.0
"""Values beyond it are brought back by tanh, so that errors don't explode."""
POOL = (1, 2, 3, 5, 7, 8, 16, 17, 33, 65, 0)
MOST_ELEMENTS = 5000
FLOATS = ("f32", "f64", "f16", "bf16")
INTS = ("i32", "i64", "i8")


@dataclass(frozen=True)
class Size:
    """A dimension: its size in this call, and the SSA value that holds it where it is dynamic."""

    value: int
    ssa: str | None = None

    def __str__(self) -> str:
        return "?" if self.ssa else str(self.value)


@dataclass(frozen=True)
class Value:
    """An SSA value with what it evaluates to and how far off it may be."""

    name: str
    sizes: tuple[Size, ...]
    kind: str
    array: Array
    error: Array

    @property
    def type(self) -> str:
        """The MLIR type."""
        return tensor_type(self.sizes, self.kind)


def tensor_type(sizes: Sequence[Size], kind: str) -> str:
    """The MLIR type of a tensor."""
    return f"tensor<{'x'.join([*map(str, sizes), kind])}>"


@dataclass
class Builder:
    """Writes the program down while its values are computed."""

    draw: Draw
    pool: list[int]
    lines: list[str] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    arguments: list[Value] = field(default_factory=list)
    inputs: list[Array] = field(default_factory=list)
    count: int = 0

    def fresh(self) -> str:
        """A new name."""
        self.count += 1
        return f"%v{self.count}"

    def emit(self, line: str) -> None:
        """One more line of the function."""
        self.lines.append(f"  {line}")

    def chance(self, one_in: int) -> bool:
        """True once in so many times; shrinks to False."""
        return self.draw(st.integers(0, one_in - 1)) == one_in - 1

    def pick(self, options: Sequence[Any]) -> Any:
        """One of the options; shrinks to the first."""
        return options[self.draw(st.integers(0, len(options) - 1))]

    def value(self, kinds: Sequence[str] | None = None) -> Value | None:
        """A value that exists, the latest preferred."""
        options = [v for v in reversed(self.values) if kinds is None or v.kind in kinds]
        return self.pick(options) if options else None

    def add(self, name: str, sizes: Sequence[Size], kind: str, array: Array, error: Any) -> Value:
        """Records a value that the last line defined."""
        error = np.broadcast_to(np.asarray(error, np.float64), array.shape)
        value = Value(name, tuple(sizes), kind, array, error)
        self.values.append(value)
        return value

    def measured(self, name: str, kind: str, sizes: Sequence[int], dynamic: Sequence[bool]) -> list[Size]:
        """The sizes of a value, with a `tensor.dim` for each that is dynamic."""
        shown = "x".join(["?" if d else str(s) for s, d in zip(sizes, dynamic, strict=True)] + [kind])
        out = []
        for axis, (size, is_dynamic) in enumerate(zip(sizes, dynamic, strict=True)):
            if not is_dynamic:
                out.append(Size(size))
                continue
            index, dim = self.fresh(), self.fresh()
            self.emit(f"{index} = arith.constant {axis} : index")
            self.emit(f"{dim} = tensor.dim {name}, {index} : tensor<{shown}>")
            out.append(Size(size, dim))
        return out

    def empty(self, sizes: Sequence[Size], kind: str) -> str:
        """A `tensor.empty` of these sizes."""
        name = self.fresh()
        self.emit(f"{name} = tensor.empty({', '.join(s.ssa for s in sizes if s.ssa)}) : {tensor_type(sizes, kind)}")
        return name

    def filled(self, sizes: Sequence[Size], kind: str, literal: str) -> str:
        """A filled tensor of these sizes."""
        name, constant, empty = self.fresh(), self.fresh(), self.empty(sizes, kind)
        self.emit(f"{constant} = arith.constant {literal} : {kind}")
        kinds = tensor_type(sizes, kind)
        self.emit(f"{name} = linalg.fill ins({constant} : {kind}) outs({empty} : {kinds}) -> {kinds}")
        return name


def argument(b: Builder) -> None:
    """A new argument of random rank, sizes and dtype."""
    kind = b.pick([*FLOATS[:1] * 3, *INTS[:1], *FLOATS[1:], *INTS[1:]])
    shape = [b.pick(b.pool) for _ in range(b.draw(st.integers(1, 3)))]
    while math.prod(shape) > MOST_ELEMENTS:
        shape.pop()
    dynamic = [b.chance(3) for _ in shape]
    seed = b.draw(st.integers(0, 9999))
    generator = rng("argument", seed, tuple(shape), kind)
    if kind in FLOATS:
        array = generator.standard_normal(shape).astype(DTYPES[kind])
        value = array.astype(np.float64)
    else:
        array = value = integers(tuple(shape), -100, 100, kind, key=seed)
    name = f"%x{len(b.arguments)}"
    sizes = b.measured(name, kind, shape, dynamic)
    b.inputs.append(array)
    b.arguments.append(b.add(name, sizes, kind, value, 0.0))


def _maps(b: Builder, value: Value, loops: list[Size]) -> list[int | None] | None:
    """For each dimension of a value a loop of its size, or None for the constant 0; None where it doesn't fit."""
    free = list(range(len(loops)))
    out: list[int | None] = []
    for size in value.sizes:
        options = [i for i in free if loops[i].value == size.value]
        if options and not (size.value > 0 and b.chance(8)):
            out.append(b.pick(options))
            free.remove(out[-1])
        elif size.value > 0:
            out.append(None)
        else:
            return None
    return out


def _aligned(array: Array, indexing: list[int | None], rank: int) -> Array:
    """An operand's array with its axes where the loops are."""
    for axis, loop in reversed(list(enumerate(indexing))):
        if loop is None:
            array = np.take(array, 0, axis)
    loops = [loop for loop in indexing if loop is not None]
    array = array.transpose(np.argsort(loops)) if loops else array
    return array.reshape([array.shape[sorted(loops).index(i)] if i in loops else 1 for i in range(rank)])


@dataclass(frozen=True)
class Scalar:
    """A value in a body: its name, and its array over all loops."""

    name: str
    kind: str
    array: Array
    error: Array


def _float_op(b: Builder, lines: list[str], args: list[Scalar]) -> Scalar:
    """One random float operation over what the body has."""
    x, y = b.pick(args), b.pick(args)
    kind, name = x.kind, f"%b{len(lines)}"
    u, e = UNIT[kind], ELEMENTARY[kind]
    op = b.pick(["addf", "subf", "mulf", "maximumf", "minimumf", "negf", "absf", "tanh", "sqrt", "exp", "select"])
    binary = f"arith.{op} {x.name}, {y.name} : {kind}"
    exact = x.array, y.array
    match op:
        case "addf" | "subf":
            array = np.add(*exact) if op == "addf" else np.subtract(*exact)
            error = x.error + y.error + u * np.abs(array)
        case "mulf":
            array = x.array * y.array
            error = np.abs(x.array) * y.error + np.abs(y.array) * x.error + x.error * y.error + u * np.abs(array)
        case "maximumf" | "minimumf":
            array = np.maximum(*exact) if op == "maximumf" else np.minimum(*exact)
            error = np.maximum(x.error, y.error)
        case "negf":
            binary, array, error = f"arith.negf {x.name} : {kind}", -x.array, x.error
        case "absf":
            binary, array, error = f"math.absf {x.name} : {kind}", np.abs(x.array), x.error
        case "tanh":
            binary, array = f"math.tanh {x.name} : {kind}", np.tanh(x.array)
            error = np.minimum(x.error, 2.0) + e * np.abs(array)
        case "sqrt":
            lines.append(f"{name}_a = math.absf {x.name} : {kind}")
            binary, array = f"math.sqrt {name}_a : {kind}", np.sqrt(np.abs(x.array))
            error = np.minimum(np.sqrt(x.error), x.error / np.maximum(array, 1e-30)) + u * array
        case "exp":
            lines.append(f"{name}_t = math.tanh {x.name} : {kind}")
            binary, array = f"math.exp {name}_t : {kind}", np.exp(np.tanh(x.array))
            error = array * (np.expm1(np.minimum(x.error, 2.0) + e) + e)
        case _:
            lines.append(f"{name}_c = arith.cmpf olt, {x.name}, {y.name} : {kind}")
            z = b.pick(args)
            binary = f"arith.select {name}_c, {z.name}, {x.name} : {kind}"
            array = np.where(x.array < y.array, z.array, x.array)
            unsure = np.abs(x.array - y.array) <= x.error + y.error
            error = np.maximum(z.error, x.error) + np.where(unsure, np.abs(z.array - x.array), 0)
    lines.append(f"{name} = {binary}")
    return Scalar(name, kind, array, error + TINY[kind])


def _int_op(b: Builder, lines: list[str], args: list[Scalar]) -> Scalar:
    """One random integer operation, with wrap-around."""
    x, y = b.pick(args), b.pick(args)
    name = f"%b{len(lines)}"
    meanings = {
        "addi": np.add,
        "subi": np.subtract,
        "muli": np.multiply,
        "maxsi": np.maximum,
        "minsi": np.minimum,
        "xori": np.bitwise_xor,
        "andi": np.bitwise_and,
        "ori": np.bitwise_or,
    }
    op = b.pick(list(meanings))
    lines.append(f"{name} = arith.{op} {x.name}, {y.name} : {x.kind}")
    return Scalar(name, x.kind, meanings[op](x.array, y.array), np.float64(0))


def _tamed(lines: list[str], value: Scalar) -> Scalar:
    """The value, or its tanh where it got large."""
    if value.kind not in FLOATS or value.array.size == 0 or np.abs(value.array).max() <= LIMIT:
        return value
    name = f"%b{len(lines)}"
    lines.append(f"{name} = math.tanh {value.name} : {value.kind}")
    array = np.tanh(value.array)
    return Scalar(
        name, value.kind, array, np.minimum(value.error, 2) + ELEMENTARY[value.kind] * np.abs(array) + TINY[value.kind]
    )


def _cast(b: Builder, lines: list[str], value: Scalar) -> Scalar:
    """A float of one width in another, or an integer as a float."""
    widths = {"f64": 64, "f32": 32, "f16": 16, "bf16": 16}
    if value.kind in FLOATS:
        options = [k for k in FLOATS if widths[k] != widths[value.kind]]
        target = b.pick(options)
        op = "extf" if widths[target] > widths[value.kind] else "truncf"
    else:
        target, op = b.pick(["f32", "f64"]), "sitofp"
    name = f"%b{len(lines)}"
    lines.append(f"{name} = arith.{op} {value.name} : {value.kind} to {target}")
    array = value.array.astype(np.float64)
    return Scalar(name, target, array, value.error + UNIT[target] * np.abs(array) + TINY[target])


def elementwise(b: Builder) -> None:
    """A generic over the loops of one value, perhaps with more loops, reading one to three values."""
    base = b.value()
    if base is None:
        return
    loops = list(base.sizes)
    if b.chance(4) and len(loops) < 4:
        loops.append(Size(b.pick([n for n in b.pool if n * base.array.size <= MOST_ELEMENTS] or [1])))
    order = b.draw(st.permutations(range(len(loops))))
    loops = [loops[i] for i in order]
    operands: list[tuple[Value, list[int | None]]] = [(base, [order.index(i) for i in range(len(base.sizes))])]
    for _ in range(b.draw(st.integers(0, 2))):
        other = b.value([base.kind])
        indexing = _maps(b, other, loops) if other else None
        if other and indexing is not None:
            operands.append((other, indexing))
    rank = len(loops)
    shape = tuple(s.value for s in loops)
    args = [
        Scalar(
            f"%a{i}",
            v.kind,
            np.broadcast_to(_aligned(v.array, m, rank), shape),
            np.broadcast_to(_aligned(v.error, m, rank), shape),
        )
        for i, (v, m) in enumerate(operands)
    ]
    lines: list[str] = []
    pool = list(args)
    for _ in range(b.draw(st.integers(1, 4))):
        step = _float_op if base.kind in FLOATS else _int_op
        pool.append(_tamed(lines, step(b, lines, pool)))
    results = [pool[-1]]
    if b.chance(4):
        results[0] = _tamed(lines, _cast(b, lines, pool[-1]))
    if b.chance(5):
        results.append(b.pick(pool))
    maps = [m for _, m in operands]
    outs = []
    for result in results:
        out = list(b.draw(st.permutations(range(rank)))) if b.chance(3) else list(range(rank))
        outs.append((result, out, [loops[i] for i in out]))
    texts = [_affine(rank, m) for m in (*maps, *(o for _, o, _ in outs))]
    empties = [b.empty(sizes, r.kind) for r, _, sizes in outs]
    types = [tensor_type(sizes, r.kind) for r, _, sizes in outs]
    name = b.fresh()
    block = ", ".join(
        [
            *(f"%a{i}: {v.kind}" for i, (v, _) in enumerate(operands)),
            *(f"%o{i}: {r.kind}" for i, (r, _, _) in enumerate(outs)),
        ]
    )
    lines.append(f"linalg.yield {', '.join(r.name for r in results)} : {', '.join(r.kind for r in results)}")
    many = len(outs) > 1
    b.emit(
        f"{name}{f':{len(outs)}' if many else ''} = linalg.generic {{indexing_maps = [{', '.join(texts)}], iterator_types = [{', '.join([chr(34) + 'parallel' + chr(34)] * rank)}]}}"
        f" ins({', '.join(v.name for v, _ in operands)} : {', '.join(v.type for v, _ in operands)}) outs({', '.join(empties)} : {', '.join(types)}) {{"
    )
    b.lines += [
        f"  ^bb0({block}):",
        *(f"    {line}" for line in lines),
        f"  }} -> {'(' + ', '.join(types) + ')' if many else types[0]}",
    ]
    for i, (result, out, sizes) in enumerate(outs):
        error = np.broadcast_to(result.error, shape)
        b.add(f"{name}#{i}" if many else name, sizes, result.kind, result.array.transpose(out), error.transpose(out))


def _affine(rank: int, indexing: Sequence[int | None]) -> str:
    dims = ", ".join(f"d{i}" for i in range(rank))
    return f"affine_map<({dims}) -> ({', '.join('0' if i is None else f'd{i}' for i in indexing)})>"


def reduction(b: Builder) -> None:
    """A reduction over some dimensions by one op, from a constant, or on top of a value of the right sizes."""
    value = b.value()
    if value is None or not value.sizes:
        return
    rank, kind = len(value.sizes), value.kind
    reduced = sorted(b.draw(st.sets(st.integers(0, rank - 1), min_size=1, max_size=rank)))
    kept = [i for i in range(rank) if i not in reduced]
    if b.chance(3):
        kept = list(b.draw(st.permutations(kept)))
    sizes = [value.sizes[i] for i in kept]
    is_float = kind in FLOATS
    op, literal, start = b.pick(
        [("addf", "0.0", 0.0), ("maximumf", "-30.0", -30.0), ("minimumf", "30.0", 30.0), ("addf", "1.5", 1.5)]
        if is_float
        else [
            ("addi", "0", 0),
            ("maxsi", "-100", -100),
            ("minsi", "100", 100),
            ("xori", "0", 0),
            ("addi", "7", 7),
            ("muli", "1", 1),
        ]
    )
    shape = [s.value for s in sizes]
    init, init_array, init_error = (
        None,
        np.full(shape, start, np.float64 if is_float else DTYPES[kind]),
        np.zeros(shape),
    )
    same = [
        v
        for v in b.values
        if v.kind == kind
        and [s.value for s in v.sizes] == shape
        and [str(s) for s in v.sizes] == [str(s) for s in sizes]
    ]
    if same and b.chance(3):
        chosen = b.pick(same)
        init, init_array, init_error = chosen.name, chosen.array, chosen.error
    else:
        init = b.filled(sizes, kind, literal)
    axes = tuple(reduced)
    turn = [sorted(kept).index(i) for i in kept]
    ordered = lambda a: a.transpose(turn) if turn else a
    with np.errstate(all="ignore"):
        if op == "addf":
            terms = np.abs(value.array).sum(axes) + 0.0
            count = math.prod(value.sizes[i].value for i in reduced) + 1
            array = init_array + ordered(value.array.sum(axes))
            error = (
                init_error
                + ordered(value.error.sum(axes))
                + UNIT[kind] * count * (ordered(terms) + np.abs(init_array))
                + TINY[kind] * count
            )
        elif is_float:
            f = np.maximum if op == "maximumf" else np.minimum
            array = f(init_array, ordered(f.reduce(value.array, axes, initial=start * 1e9)))
            error = np.maximum(init_error, ordered(np.max(value.error, axes, initial=0)))
        else:
            f = {"addi": np.add, "muli": np.multiply, "maxsi": np.maximum, "minsi": np.minimum, "xori": np.bitwise_xor}[
                op
            ]
            info = np.iinfo(DTYPES[kind])
            neutral = {"addi": 0, "xori": 0, "muli": 1, "maxsi": info.min, "minsi": info.max}[op]
            part = f.reduce(value.array, axes, dtype=DTYPES[kind], initial=neutral)
            array, error = f(init_array, ordered(part)).astype(DTYPES[kind]), 0.0
    kinds = ", ".join('"reduction"' if i in reduced else '"parallel"' for i in range(rank))
    name, result_type = b.fresh(), tensor_type(sizes, kind)
    b.emit(
        f"{name} = linalg.generic {{indexing_maps = [{_affine(rank, range(rank))}, {_affine(rank, kept)}], iterator_types = [{kinds}]}} ins({value.name} : {value.type}) outs({init} : {result_type}) {{"
    )
    sides = "%u, %a" if b.chance(2) else "%a, %u"
    b.lines += [
        f"  ^bb0(%a: {kind}, %u: {kind}):",
        f"    %b = arith.{op} {sides} : {kind}",
        f"    linalg.yield %b : {kind}",
        f"  }} -> {result_type}",
    ]
    if is_float and array.size and np.abs(array).max() > 1e4:
        return  # too large to go on with; nothing will use it
    b.add(name, sizes, kind, np.asarray(array), error)


def transpose(b: Builder) -> None:
    """A `linalg.transpose`."""
    value = b.value()
    if value is None or len(value.sizes) < 2:
        return
    order = list(b.draw(st.permutations(range(len(value.sizes)))))
    sizes = [value.sizes[i] for i in order]
    empty, name = b.empty(sizes, value.kind), b.fresh()
    b.emit(
        f"{name} = linalg.transpose ins({value.name} : {value.type}) outs({empty} : {tensor_type(sizes, value.kind)}) permutation = {order}"
    )
    b.add(name, sizes, value.kind, value.array.transpose(order), value.error.transpose(order))


def _window(b: Builder, value: Value) -> tuple[list[int], list[int], list[int], tuple[slice, ...]]:
    """Random offsets, sizes and strides within a value, and the slices that they are."""
    offsets, sizes, strides, slices = [], [], [], []
    for size in value.sizes:
        stride = b.pick([1, 1, 2, 3])
        offset = b.draw(st.integers(0, max(size.value - 1, 0)))
        most = max(0, (size.value - offset + stride - 1) // stride)
        length = b.draw(st.integers(min(1, most), most))
        offsets.append(offset)
        sizes.append(length)
        strides.append(stride)
        slices.append(slice(offset, offset + length * stride, stride))
    return offsets, sizes, strides, tuple(slices)


def extract(b: Builder) -> None:
    """A `tensor.extract_slice`, sometimes without a unit dimension."""
    value = b.value()
    if value is None or not value.array.size:
        return
    offsets, sizes, strides, slices = _window(b, value)
    dropped = {i for i, n in enumerate(sizes) if n == 1 and b.chance(2)}
    kept = [Size(n) for i, n in enumerate(sizes) if i not in dropped]
    name = b.fresh()
    b.emit(
        f"{name} = tensor.extract_slice {value.name}{offsets} {sizes} {strides} : {value.type} to {tensor_type(kept, value.kind)}"
    )
    shape = [s.value for s in kept]
    b.add(name, kept, value.kind, value.array[slices].reshape(shape), value.error[slices].reshape(shape))


def insert(b: Builder) -> None:
    """A `tensor.insert_slice` of one value into a larger one."""
    value = b.value()
    if value is None:
        return
    shape = [s.value for s in value.sizes]
    targets = [
        v
        for v in b.values
        if v.kind == value.kind
        and len(v.sizes) == len(shape)
        and all(t.value >= n for t, n in zip(v.sizes, shape, strict=True))
    ]
    target = b.pick(targets)
    offsets = [b.draw(st.integers(0, t.value - n)) for t, n in zip(target.sizes, shape, strict=True)]
    if any(o >= t.value and not t.ssa for o, t in zip(offsets, target.sizes, strict=True)):
        return  # MLIR's verifier wants an offset inside, even of an empty dimension.
    slices = tuple(slice(o, o + n) for o, n in zip(offsets, shape, strict=True))
    array, error = np.array(target.array), np.array(target.error)
    array[slices], error[slices] = value.array, value.error
    sizes = ", ".join(s.ssa or str(s.value) for s in value.sizes)
    name = b.fresh()
    b.emit(
        f"{name} = tensor.insert_slice {value.name} into {target.name}{offsets} [{sizes}] {[1] * len(shape)} : {value.type} into {target.type}"
    )
    b.add(name, target.sizes, value.kind, array, error)


def pad(b: Builder) -> None:
    """A `tensor.pad` with a constant."""
    value = b.value()
    if value is None or not value.sizes:
        return
    low = [b.draw(st.integers(0, 2)) for _ in value.sizes]
    high = [b.draw(st.integers(0, 2)) for _ in value.sizes]
    shape = [lo + s.value + hi for lo, s, hi in zip(low, value.sizes, high, strict=True)]
    if math.prod(shape) > MOST_ELEMENTS:
        return
    literal = "0.5" if value.kind in FLOATS else "3"
    dynamic = [s.ssa is not None for s in value.sizes]
    shown = [Size(n, "%d" if d else None) for n, d in zip(shape, dynamic, strict=True)]
    constant, name = b.fresh(), b.fresh()
    b.emit(f"{constant} = arith.constant {literal} : {value.kind}")
    b.emit(f"{name} = tensor.pad {value.name} low{low} high{high} {{")
    block = ", ".join(f"%p{i}: index" for i in range(len(shape)))
    b.lines += [
        f"  ^bb0({block}):",
        f"    tensor.yield {constant} : {value.kind}",
        f"  }} : {value.type} to {tensor_type(shown, value.kind)}",
    ]
    amounts = list(zip(low, high, strict=True))
    sizes = b.measured(name, value.kind, shape, dynamic)
    b.add(
        name,
        sizes,
        value.kind,
        np.pad(value.array, amounts, constant_values=float(literal)),
        np.pad(value.error, amounts),
    )


def concat(b: Builder) -> None:
    """A `tensor.concat` of a value with others that fit, or with itself."""
    value = b.value()
    if value is None or not value.sizes or value.array.size * 2 > MOST_ELEMENTS:
        return
    axis = b.draw(st.integers(0, len(value.sizes) - 1))
    fits = lambda v: (
        v.kind == value.kind
        and len(v.sizes) == len(value.sizes)
        and all(
            i == axis or (a.value, str(a)) == (c.value, str(c))
            for i, (a, c) in enumerate(zip(v.sizes, value.sizes, strict=True))
        )
    )
    other = b.pick([v for v in b.values if fits(v) and v.sizes[axis].value > 0] or [value])
    if not value.sizes[axis].value or not other.sizes[axis].value:
        return
    parts = [value, other]
    shape = [s.value for s in value.sizes]
    shape[axis] = sum(p.sizes[axis].value for p in parts)
    dynamic = [any(p.sizes[i].ssa for p in parts) for i in range(len(shape))]
    shown = [Size(n, "%d" if d else None) for n, d in zip(shape, dynamic, strict=True)]
    name = b.fresh()
    b.emit(
        f"{name} = tensor.concat dim({axis}) {', '.join(p.name for p in parts)} : ({', '.join(p.type for p in parts)}) -> {tensor_type(shown, value.kind)}"
    )
    sizes = b.measured(name, value.kind, shape, dynamic)
    b.add(
        name,
        sizes,
        value.kind,
        np.concatenate([p.array for p in parts], axis),
        np.concatenate([p.error for p in parts], axis),
    )


def collapse(b: Builder) -> None:
    """A `tensor.collapse_shape` of two neighbours."""
    value = b.value()
    if value is None or len(value.sizes) < 2:
        return
    first = b.draw(st.integers(0, len(value.sizes) - 2))
    groups = [[i] for i in range(first)] + [[first, first + 1]] + [[i] for i in range(first + 2, len(value.sizes))]
    shape = [math.prod(value.sizes[i].value for i in g) for g in groups]
    dynamic = [any(value.sizes[i].ssa for i in g) for g in groups]
    shown = [Size(n, "%d" if d else None) for n, d in zip(shape, dynamic, strict=True)]
    name = b.fresh()
    b.emit(f"{name} = tensor.collapse_shape {value.name} {groups} : {value.type} into {tensor_type(shown, value.kind)}")
    sizes = b.measured(name, value.kind, shape, dynamic)
    b.add(name, sizes, value.kind, value.array.reshape(shape), value.error.reshape(shape))


def expand(b: Builder) -> None:
    """A `tensor.expand_shape` of one static dimension into two."""
    value = b.value()
    static = [i for i, s in enumerate(value.sizes) if s.ssa is None] if value else []
    if value is None or not static or len(value.sizes) > 3:
        return
    axis = b.pick(static)
    size = value.sizes[axis].value
    inner = b.pick([n for n in range(1, max(size, 1) + 1) if size % n == 0])
    sizes = [*value.sizes[:axis], Size(size // inner), Size(inner), *value.sizes[axis + 1 :]]
    groups = [[i] for i in range(axis)] + [[axis, axis + 1]] + [[i + 1] for i in range(axis + 1, len(value.sizes))]
    shown = ", ".join(s.ssa or str(s.value) for s in sizes)
    name = b.fresh()
    b.emit(
        f"{name} = tensor.expand_shape {value.name} {groups} output_shape [{shown}] : {value.type} into {tensor_type(sizes, value.kind)}"
    )
    shape = [s.value for s in sizes]
    b.add(name, sizes, value.kind, value.array.reshape(shape), value.error.reshape(shape))


STEPS = (*[elementwise] * 5, *[reduction] * 3, transpose, extract, insert, pad, concat, collapse, expand)


@st.composite
def random_programs(draw: Draw, most_steps: int = 8) -> Program:
    """A random program with its inputs and its meaning."""
    sizes = draw(st.lists(st.sampled_from(POOL), min_size=1, max_size=3))
    b = Builder(draw, sizes)
    for _ in range(draw(st.integers(1, 3))):
        argument(b)
    for _ in range(draw(st.integers(1, most_steps))):
        b.pick(STEPS)(b)
    results = [b.values[-1]]
    results += [b.pick(b.values) for _ in range(draw(st.integers(0, 2)))]
    head = ", ".join(f"{a.name}: {a.type}" for a in b.arguments)
    types = ", ".join(r.type for r in results)
    text = (
        f"func.func @main({head}) -> ({types}) {{\n"
        + "\n".join(b.lines)
        + f"\n  return {', '.join(r.name for r in results)} : {types}\n}}\n"
    )
    expected = tuple(_expected(r) for r in results)
    return Program("random", text, tuple(b.inputs), lambda *_: expected if len(expected) > 1 else expected[0])


def _expected(value: Value) -> Expected:
    """The value with room for twice its error bound; integers are exact."""
    if value.kind not in FLOATS:
        return Expected(value.array)
    return Expected(value.array, 2 * value.error / RTOL[DTYPES[value.kind].name])
