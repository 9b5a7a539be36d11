"""Random programs whose operators see what they read in many shapes; and operators that stand in some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from workloads.writer import Body, Scalar, Value, Writer


def number_of(b: Body, dim: int) -> Scalar:
    """An element's place along a dimension, as f32."""
    return b("sitofp", b("index_cast", b.index(dim), to="i32"), to="f32")


def running_sum(w: Writer, x: Value) -> Value:
    """Sums of the rows' first elements."""
    out, held = w.empty(x.shape, "f32"), w.filled(x.shape[:1], "f32", 0.0)
    body = Body(w)
    total = body("addf", Scalar("%out1", "f32"), Scalar("%in0", "f32"))
    return w.generic([(x, "d0, d1")], [(out, "d0, d1"), (held, "d0")], "pr", body, [total, total])[0]


@dataclass
class Chain:
    """Writes a program whose operators mostly read what the last one made, in another shape.

    Attributes:
        draw: Draws.
        w: The writer.
        values: What was made, the latest last.
    """

    draw: Callable[[st.SearchStrategy[Any]], Any]
    w: Writer
    values: list[Value]

    @property
    def last(self) -> Value:
        """The latest value."""
        return self.values[-1]

    def pick(self, options: Sequence[Any]) -> Any:
        """One of some."""
        return options[self.draw(st.integers(0, len(options) - 1))]

    def tame(self, x: Value) -> None:
        """Adds a value, its numbers made small."""
        self.values.append(
            self.w.pointwise(lambda b, v: b("minimumf", b("maximumf", v, b.number(-9.0)), b.number(9.0)), x)
        )

    def shaped(self, x: Value, shape: Sequence[int]) -> Value:
        """A value in another shape."""
        flat = self.w.collapsed(x, [list(range(len(x.shape)))]) if len(x.shape) > 1 else x
        return flat if len(shape) == 1 else self.w.expanded(flat, [list(shape)])

    def grouped(self, count: int) -> list[int]:
        """A shape of so many elements."""
        shape = list[int]()
        while len(shape) < 3 and count > 1 and self.draw(st.booleans()):
            size = self.pick([n for n in range(1, count + 1) if count % n == 0])
            shape.append(size)
            count //= size
        return [*shape, count]

    def view(self) -> None:
        """All elements in another shape."""
        self.values.append(self.shaped(self.last, self.grouped(prod(self.last.shape))))

    def split_one(self) -> None:
        """One dimension in parts."""
        x, dim = self.last, self.draw(st.integers(0, len(self.last.shape) - 1))
        groups = [[n] if d != dim else self.grouped(n) for d, n in enumerate(x.shape)]
        self.values.append(self.w.expanded(x, groups) if sum(map(len, groups)) < 6 else x)

    def swap(self) -> None:
        """Dimensions in another order."""
        self.values.append(self.w.transposed(self.last, self.draw(st.permutations(range(len(self.last.shape))))))

    def small(self) -> None:
        """Elementwise."""
        self.tame(self.w.pointwise(lambda b, v: b("addf", v, b("mulf", v, v)), self.last))

    def normalise(self) -> None:
        """A maximum or a sum over some dimensions, and what it was of less that."""
        x = self.last
        dims = sorted(self.draw(st.sets(st.integers(0, len(x.shape) - 1), min_size=1)))
        op, start = self.pick([("maximumf", -9.0), ("addf", 0.0)])
        self.tame(self.w.reduced(op, x, dims, start))
        if self.draw(st.booleans()):
            self.tame(self.w.binary("subf", x, self.last))

    def again(self) -> None:
        """An earlier value of as many elements, in this one's shape, added."""
        alike = [v for v in self.values if prod(v.shape) == prod(self.last.shape)]
        self.tame(self.w.binary("addf", self.last, self.shaped(self.pick(alike), self.last.shape)))

    def place(self) -> None:
        """Each element plus its place along a dimension."""
        x, dim = self.last, self.draw(st.integers(0, len(self.last.shape) - 1))
        ident = ", ".join(f"d{d}" for d in range(len(x.shape)))
        self.tame(self.w.mapped(lambda b, v: b("addf", v, number_of(b, dim)), x.shape, [(x, ident)], "f32"))

    def look_up(self) -> None:
        """Elements of an earlier value at computed places."""
        table, x = self.pick(self.values), self.last
        dims = range(len(table.shape))

        def found(b: Body, _: Scalar) -> Scalar:
            at = [b.line(f"arith.remui {b.index(0).name}, {size(b, n)} : index", "index") for n in table.shape]
            return b.extract(table, *at)

        def size(b: Body, n: int) -> str:
            return b.line(f"arith.constant {n} : index", "index").name

        assert dims
        ident = ", ".join(f"d{d}" for d in range(len(x.shape)))
        self.values.append(self.w.mapped(found, x.shape, [(x, ident)], "f32"))

    def border(self) -> None:
        """A border, a part, or the value beside itself."""
        x, dim = self.last, self.draw(st.integers(0, len(self.last.shape) - 1))
        one = [int(d == dim) for d in range(len(x.shape))]
        kind = self.pick(["pad", "part", "twice"])
        if kind == "pad":
            self.values.append(self.w.padded(x, one, one, 1.0))
        elif kind == "twice":
            self.values.append(self.w.concatenated(dim, x, x))
        elif x.shape[dim] > 1:
            self.values.append(self.w.sliced(x, one, [n - o for n, o in zip(x.shape, one, strict=True)]))

    def product(self) -> None:
        """Rows times a matrix."""
        shape = self.pick([(2, 3), (4, 2), (3, 4)])
        if prod(self.last.shape) % (shape[0] * 2):
            return self.small()
        rows = self.shaped(self.last, [2, prod(self.last.shape) // (2 * shape[0]), shape[0]])
        weight = self.w.argument((2, *shape), "f32")
        return self.tame(self.w.matmul(rows, weight))

    def run(self) -> None:
        """A running sum along the last dimension."""
        x = self.last
        rows = self.shaped(x, [prod(x.shape[:-1]), x.shape[-1]]) if len(x.shape) != 2 else x
        self.tame(running_sum(self.w, rows))


STEPS = (
    *[Chain.view] * 3,
    *[Chain.split_one] * 2,
    *[Chain.normalise] * 2,
    *[Chain.small] * 2,
    *[Chain.again] * 2,
    *[Chain.swap, Chain.place, Chain.look_up, Chain.border, Chain.product, Chain.run],
)


@dataclass(frozen=True)
class Viewed:
    """A program and its inputs."""

    text: str
    inputs: tuple[Any, ...]


@st.composite
def viewed_programs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Viewed:
    """A random program that sees its values in many shapes."""
    w = Writer()
    chain = Chain(draw, w, [w.argument(draw(st.sampled_from([(24,), (4, 6), (2, 3, 8), (12, 12), (5, 1, 4)])), "f32")])
    chain.small()
    for _ in range(draw(st.integers(2, 9))):
        if prod(chain.last.shape) < 600:
            chain.pick(STEPS)(chain)
    chain.small()
    results = [chain.last, *([chain.pick(chain.values[1:])] if draw(st.booleans()) else [])]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    inputs = tuple(rng.integers(-3, 4, a.value.shape).astype(np.float32) for a in w.arguments)
    return Viewed(w.text(*results), inputs)
