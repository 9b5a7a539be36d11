"""Functions of naive kernels, written down while NumPy computes what they mean.

    f = Function("bf16")
    x = f.input(8, 8)
    k = f.kernel(x)
    d = k.store(k.negated(k.load(k.taken[0])))
    (y,) = k.end(d)
    program = f.end(y)

Values are whole numbers of a few bits, whatever their type, so that every result is exact and has to be equal.
"""

# ruff: noqa: E501 - lines of MLIR are as long as they are
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np

from .random_gir import Array, GirProgram, Value, plain_type

DTYPES = {"f32": np.dtype(np.float32), "bf16": np.dtype(ml_dtypes.bfloat16), "i32": np.dtype(np.int32)}


@dataclass
class Function:
    """A function; its values are at level `""`.

    Attributes:
        kind: The element type of all that it has.
        lines: What is written.
        inputs: The arguments.
        count: How many names are taken.
    """

    kind: str
    lines: list[str] = field(default_factory=list[str])
    inputs: list[Value] = field(default_factory=list[Value])
    count: int = 0

    def fresh(self) -> str:
        """A new name."""
        self.count += 1
        return f"%v{self.count}"

    def made(self, name: str, level: str, array: Array) -> Value:
        """A value of the function's type."""
        return Value(name, level, self.kind, np.ascontiguousarray(array, DTYPES[self.kind]).reshape(array.shape))

    def input(self, *shape: int) -> Value:
        """An argument: other numbers than those of all others, in -8 to 8."""
        at = len(self.inputs)
        array = np.random.default_rng(at).integers(-8, 9, shape)
        self.inputs.append(self.made(f"%x{at}", "", array))
        return self.inputs[-1]

    def kernel(self, *values: Value) -> Kernel:
        """A kernel of values of the function."""
        return Kernel(self, values)

    def reshape(self, value: Value, *shape: int) -> Value:
        """A view of all of a value: of rank 1, or from it."""
        name = self.fresh()
        groups = f"[[{', '.join(map(str, range(max(len(shape), value.array.ndim))))}]]"
        types = f"{plain_type(value.shape, self.kind)} into {plain_type(shape, self.kind)}"
        if len(shape) == 1:
            self.lines.append(f"  {name} = tensor.collapse_shape {value.name} {groups} : {types}")
        else:
            self.lines.append(
                f"  {name} = tensor.expand_shape {value.name} {groups} output_shape {list(shape)} : {types}"
            )
        return self.made(name, "", value.array.reshape(shape))

    def end(self, *values: Value) -> GirProgram:
        """The program that returns some values."""
        arguments = ", ".join(f"{v.name}: {plain_type(v.shape, self.kind)}" for v in self.inputs)
        types, names = ", ".join(plain_type(v.shape, self.kind) for v in values), ", ".join(v.name for v in values)
        text = "\n".join(
            [f"func.func @main({arguments}) -> ({types}) {{", *self.lines, f"  return {names} : {types}", "}", ""]
        )
        return GirProgram(text, tuple(v.array for v in self.inputs), tuple(v.array for v in values))


class Kernel:
    """A kernel of a function.

    Attributes:
        taken: Its arguments, at dram.
    """

    def __init__(self, function: Function, values: Sequence[Value]) -> None:
        self.function, self.kind = function, function.kind
        self.lines: list[str] = []
        self.given = list(values)
        self.taken = [Value(function.fresh(), "dram", v.kind, v.array) for v in values]

    def _op(self, text: str, level: str, array: Array, operands: Sequence[Value]) -> Value:
        name = self.function.fresh()
        made = self.function.made(name, level, array)
        types = ", ".join(v.type for v in operands)
        types = f"({types})" if len(operands) > 1 else types
        self.lines.append(f"    {name} = {text} : {types} -> {made.type}")
        return made

    def load(self, value: Value) -> Value:
        """From dram to reg."""
        return self._op(f"gir.move {value.name}", "reg", value.array, [value])

    def store(self, value: Value) -> Value:
        """From reg to dram."""
        return self._op(f"gir.move {value.name}", "dram", value.array, [value])

    def _elementwise(self, name: str, array: Array, *operands: Value) -> Value:
        made = self.function.made(self.function.fresh(), "reg", array)
        names = ", ".join(v.name for v in operands)
        self.lines.append(f"    {made.name} = arith.{name} {names} : {made.type}")
        return made

    def _spelled(self, floats: str, integers: str) -> str:
        return integers if self.kind == "i32" else floats

    def splat(self, shape: Sequence[int], value: int) -> Value:
        """A constant that is the same everywhere."""
        made = self.function.made(self.function.fresh(), "reg", np.full(shape, value))
        literal = self._spelled(f"{value}.0", str(value))
        self.lines.append(f"    {made.name} = arith.constant dense<{literal}> : {made.type}")
        return made

    def negated(self, value: Value) -> Value:
        """Zero less a value."""
        return self._elementwise(self._spelled("subf", "subi"), -value.array, self.splat(value.shape, 0), value)

    def capped(self, value: Value, most: int) -> Value:
        """The smaller of each element and a number."""
        cap = self.splat(value.shape, most)
        return self._elementwise(self._spelled("minimumf", "minsi"), np.minimum(value.array, cap.array), value, cap)

    def sum(self, left: Value, right: Value) -> Value:
        """Element by element."""
        return self._elementwise(self._spelled("addf", "addi"), left.array + right.array, left, right)

    def highest(self, value: Value) -> Value:
        """Each row's largest element, or 1, spread over the row again."""
        last = value.array.ndim - 1
        init = self.splat(value.shape[:-1], 1)
        folded = self.function.made(self.function.fresh(), "reg", np.maximum(value.array.max(last), init.array))
        kind = self._spelled("maximumf", "maxsi")
        self.lines.append(
            f"    {folded.name} = gir.reduce {value.name} into {init.name} dims [{last}] kinds [#vector.kind<{kind}>] : {value.type} into {init.type}"
        )
        spread = np.broadcast_to(folded.array[..., None], value.shape)
        return self._op(f"gir.broadcast {folded.name} dims [{last}]", "reg", spread, [folded])

    def slice(self, value: Value, offsets: Sequence[int], sizes: Sequence[int], strides: Sequence[int] = ()) -> Value:
        """A box at dram."""
        strides = list(strides) or [1] * len(offsets)
        array = value.array[_box(offsets, sizes, strides)]
        return self._op(f"gir.slice {value.name} {list(offsets)} {list(sizes)} {strides}", value.level, array, [value])

    def permute(self, value: Value, *perm: int) -> Value:
        """Dimensions in another order."""
        return self._op(f"gir.permute {value.name} {list(perm)}", value.level, value.array.transpose(perm), [value])

    def reshape(self, value: Value, *shape: int) -> Value:
        """The same elements in another shape."""
        return self._op(f"gir.reshape {value.name}", value.level, value.array.reshape(shape), [value])

    def concat(self, dim: int, *values: Value) -> Value:
        """Side by side."""
        names = ", ".join(v.name for v in values)
        array = np.concatenate([v.array for v in values], dim)
        if len(values) == 1:
            return values[0]
        return self._op(f"gir.concat {names} dim {dim}", values[0].level, array, values)

    def insert(self, value: Value, dest: Value, offsets: Sequence[int], strides: Sequence[int] = ()) -> Value:
        """A value whose box is another, at dram."""
        strides = list(strides) or [1] * len(offsets)
        array = dest.array.copy()
        array[_box(offsets, value.shape, strides)] = value.array
        made = self.function.made(self.function.fresh(), "dram", array)
        box = f"{list(offsets)} {list(value.shape)} {strides}"
        self.lines.append(
            f"    {made.name} = gir.insert {value.name} into {dest.name} {box} : {value.type} into {dest.type}"
        )
        return made

    def end(self, *stored: Value) -> list[Value]:
        """Closes the kernel; gives its results."""
        function, count = self.function, len(stored)
        name = function.fresh()
        results = [function.made(f"{name}#{at}" if count > 1 else name, "", v.array) for at, v in enumerate(stored)]
        types = ", ".join(plain_type(v.shape, self.kind) for v in results)
        given = ", ".join(
            f"{inner.name} = {outer.name} : {plain_type(outer.shape, self.kind)}"
            for inner, outer in zip(self.taken, self.given, strict=True)
        )
        names, inside = ", ".join(v.name for v in stored), ", ".join(v.type for v in stored)
        bound = f"{name}:{count}" if count > 1 else name
        function.lines += [
            f'  {bound} = gir.kernel "k" ({given}) -> ({types}) {{',
            *self.lines,
            f"    gir.return {names} : {inside}",
            "  }",
        ]
        return results


def _box(offsets: Sequence[int], sizes: Sequence[int], strides: Sequence[int]) -> tuple[slice, ...]:
    return tuple(
        slice(offset, offset + (size - 1) * stride + 1 if size else offset, stride)
        for offset, size, stride in zip(offsets, sizes, strides, strict=True)
    )
