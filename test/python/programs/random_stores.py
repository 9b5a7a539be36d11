"""Random functions of kernels that store, view, insert, and load again what they or others have stored."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from .random_gir import Draw, GirProgram, Value
from .written import DTYPES, Function, Kernel

SHAPES = ((8, 8), (4, 8), (4, 4), (16,), (8,), (32,))
MOST = 60
"""No element is farther from zero: sums of a few are exact in bf16."""


@dataclass
class Chain:
    """One kernel that grows.

    Attributes:
        draw: Draws.
        kernel: What is written.
        dram: Values at dram, those of the kernel's arguments first.
        reg: Values at reg.
    """

    draw: Draw
    kernel: Kernel
    dram: list[Value]
    reg: list[Value] = field(default_factory=list[Value])

    def number(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return self.draw(st.integers(low, high))

    def latest(self, values: list[Value]) -> Value:
        """One of some values."""
        return values[-1 - self.number(0, len(values) - 1)]

    def load(self) -> None:
        """From dram; what is large becomes small."""
        value = self.kernel.load(self.latest(self.dram))
        if np.abs(value.array.astype(float)).max() > MOST:
            value = self.kernel.capped(value, 3)
        self.reg.append(value)

    def store(self) -> None:
        """To dram."""
        if self.reg:
            self.dram.append(self.kernel.store(self.latest(self.reg)))

    def compute(self) -> None:
        """Another value of the same shape."""
        if not self.reg:
            return self.load()
        value = self.latest(self.reg)
        if np.abs(value.array.astype(float)).max() > MOST:
            return self.reg.append(self.kernel.capped(self.kernel.negated(value), 3))
        alike = [other for other in self.reg if other.shape == value.shape]
        match self.number(0, 3):
            case 0:
                self.reg.append(self.kernel.highest(value))
            case 1:
                self.reg.append(self.kernel.sum(value, self.latest(alike)))
            case _:
                self.reg.append(self.kernel.negated(value))
        return None

    def view(self) -> None:
        """A part of a value at dram, or all of it in another shape."""
        value = self.latest(self.dram)
        match self.number(0, 3):
            case 0 if len(value.shape) == 2:
                self.dram.append(self.kernel.permute(value, 1, 0))
            case 1:
                size = value.array.size
                rows = next(rows for rows in (4, 3, 2, 1) if size % rows == 0)
                shape = (rows, size // rows) if len(value.shape) == 1 else (size,)
                self.dram.append(self.kernel.reshape(value, *shape))
            case 2:
                alike = [other for other in self.dram if other.shape[1:] == value.shape[1:]]
                self.dram.append(self.kernel.concat(0, value, self.latest(alike)))
            case _:
                offsets, sizes, strides = zip(*(self.extent(size) for size in value.shape), strict=True)
                self.dram.append(self.kernel.slice(value, offsets, sizes, strides))

    def extent(self, size: int) -> tuple[int, int, int]:
        """Where a box begins, how long it is, and how far apart its elements are; long ones more often."""
        stride = self.number(1, 2) if size > 2 and self.number(0, 3) == 0 else 1
        count = max(1, (size + stride - 1) // stride - self.number(0, 2))
        return self.number(0, size - (count - 1) * stride - 1), count, stride

    def insert(self) -> None:
        """A value into another that is as large or larger."""
        dest = self.latest(self.dram)
        fits = [
            value
            for value in self.dram
            if len(value.shape) == len(dest.shape)
            and all(size <= most for size, most in zip(value.shape, dest.shape, strict=True))
        ]
        value = self.latest(fits)
        places: list[tuple[int, int]] = []
        for size, most in zip(value.shape, dest.shape, strict=True):
            stride = 2 if size > 1 and 2 * size - 1 <= most and self.number(0, 2) == 0 else 1
            places.append((self.number(0, most - (size - 1) * stride - 1), stride))
        self.dram.append(self.kernel.insert(value, dest, [at for at, _ in places], [by for _, by in places]))

    def grow(self, steps: int) -> list[Value]:
        """Some steps; gives what the kernel returns: something that it has stored, or made of that."""
        given = len(self.dram)
        self.load()
        self.store()
        for _ in range(steps):
            kinds = (self.load, self.compute, self.store, self.view, self.view, self.insert, self.insert)
            kinds[self.number(0, len(kinds) - 1)]()
        self.load()
        self.compute()
        self.store()
        made = [value for value in self.dram[given:] if value.array.size]
        others = [self.latest(made) for _ in range(self.number(0, 2))]
        return list({value.name: value for value in (made[-1], *others)}.values())


@st.composite
def stored_chains(draw: Draw) -> GirProgram:
    """A program of one to four kernels of one element type."""
    f = Function(draw(st.sampled_from(sorted(DTYPES))))
    known = [f.input(*draw(st.sampled_from(SHAPES))) for _ in range(draw(st.integers(1, 3)))]
    results: list[Value] = []
    for _ in range(draw(st.integers(1, 4))):
        taken = {value.name: value for value in (known[-1], *(draw(st.sampled_from(known)) for _ in range(2)))}
        kernel = f.kernel(*taken.values())
        chain = Chain(draw, kernel, list(kernel.taken))
        results = kernel.end(*chain.grow(draw(st.integers(0, 8))))
        known += results
        if len(results[0].shape) == 2 and draw(st.booleans()):
            known.append(f.reshape(results[0], results[0].array.size))
    returned = [results[0], *(value for value in known[len(f.inputs) :] if draw(st.integers(0, 3)) == 0)]
    return f.end(*{value.name: value for value in returned}.values())
