"""What the kernels of a block compute, as one graph: values that kernels hand on through dram are one value.

%0 = gir.kernel(%x) { %m = max of %x; store %m }
%1 = gir.kernel(%x, %0) { exp(load of %x - spread of (load of %0)) }     the second load is %m, both of %x are one

Each value has a canonical one: the first of those that are computed in the same way. A `View` is such a value with a
name for each of its dimensions, so that it can be said which of them two values share.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from powerfusion.core._mlir import (
    DYNAMIC,
    constant_of,
    defining_op,
    entry_block,
    integers,
    is_tensor,
    mixed,
    operations,
    segments,
)
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Spaces
from powerfusion.passes.expansion.lengths import index_source, size_source
from powerfusion.passes.fusion.rebuild import is_naive

ELEMENTWISE = ("arith.", "math.")
FOLDING = ("gir.reduce", "gir.contract")


@dataclass(frozen=True)
class View:
    """A canonical value at reg, or a scalar, and the name of each of its dimensions."""

    value: ir.Value
    names: tuple[int, ...]

    @property
    def op(self) -> ir.Operation | None:
        """What it is a result of."""
        return defining_op(self.value)

    def renamed(self, names: dict[int, int]) -> View:
        """The same value under other names."""
        return View(self.value, tuple(names.get(name, name) for name in self.names))


class Values:
    """The graph of a block, read once.

    Attributes:
        kernels: The naive kernels, in order.
        outer: Per block argument of a kernel the value of the function that it is.
        stored: Per result of a kernel the canonical value at reg that it is, if it is one.
        holders: The reverse: a result that holds a value at reg.
        folds: The results of reductions and contractions, in order.
        spaces: Which dimensions are as long as each other because an op has both, throughout the block.
    """

    def __init__(self, block: ir.Block) -> None:
        self.kernels = [op for op in operations(block) if is_naive(op)]
        self.outer: dict[ir.Value, ir.Value] = {}
        self.stored: dict[ir.Value, ir.Value] = {}
        self.holders: dict[ir.Value, ir.Value] = {}
        self.folds: list[ir.Value] = []
        self.spaces = Spaces()
        self._canonical: dict[ir.Value, ir.Value] = {}
        self._known: dict[object, ir.Value] = {}
        self._reached: dict[ir.Value, frozenset[ir.Value]] = {}
        for kernel in self.kernels:
            self._read(kernel)

    def _read(self, kernel: ir.Operation) -> None:
        block = entry_block(kernel)
        for argument, value in zip(block.arguments, segments(kernel)[0], strict=True):
            self.outer[argument] = value
            if is_tensor(value):
                self.spaces.tie_values(argument, value)
        *body, end = operations(block)
        for op in body:
            self.spaces.read(op)
            self._number(op)
        for result, value in zip(kernel.results, end.operands, strict=True):
            self.spaces.tie_values(result, value)
            op = defining_op(value)
            if op is not None and op.name == "gir.move" and gir.is_at(op.operands[0], "reg"):
                self.stored[result] = self.canonical(op.operands[0])
                self.holders.setdefault(self.stored[result], result)

    def _number(self, op: ir.Operation) -> None:
        if op.name == "gir.slice" and self._is_whole(op):
            self._canonical[op.result] = self.canonical(op.operands[0])
            return
        operands = tuple(self.outer.get(value, value) for value in map(self.canonical, op.operands))
        if op.name == "gir.move" and operands[0] in self.stored:
            self._canonical[op.result] = self.stored[operands[0]]
            return
        attributes = " ".join(f"{name}={op.attributes[name]}" for name in op.attributes)
        same = len(op.regions) == 0 or all(len(region.blocks) == 0 for region in op.regions)
        for number, result in enumerate(op.results):
            key = (op.name, operands, attributes, number, str(result.type)) if same else result
            first = self._known.setdefault(key, result)
            self._canonical[result] = first
            if first == result:
                self._note(op, result)

    def _is_whole(self, op: ir.Operation) -> bool:
        """Whether a slice is all of an input of the kernel, in the input's own order."""
        source = self.canonical(op.operands[0])
        if source not in self.outer or integers(op.attributes["drop"]):
            return False
        starts, sizes, steps = (
            mixed(op, part, f"static_{name}")
            for part, name in zip(segments(op)[1:], ("offsets", "sizes", "strides"), strict=True)
        )
        long = [size if isinstance(size, int) else index_source(self.outer.get(size, size)) for size in sizes]
        whole = [self._length(self.outer[source], dim) for dim in range(source.type.rank)]
        return set(starts) <= {0} and set(steps) <= {1} and long == whole

    @staticmethod
    def _length(tensor: ir.Value, dim: int) -> object:
        static = tensor.type.shape[dim]
        return size_source(tensor, dim) if static == DYNAMIC else static

    def _note(self, op: ir.Operation, result: ir.Value) -> None:
        if op.name in FOLDING:
            self.folds.append(result)
            self._reached[result] = frozenset([result])
        else:
            self._reached[result] = frozenset[ir.Value]().union(*(self.reached(value) for value in op.operands))

    def canonical(self, value: ir.Value) -> ir.Value:
        """The first of the values that are computed like this one."""
        return self._canonical.get(value, value)

    def reached(self, value: ir.Value) -> frozenset[ir.Value]:
        """The results of reductions that a value is computed from, not through other reductions."""
        return self._reached.get(self.canonical(value), frozenset())

    # -- views -------------------------------------------------------------------------------------

    def view(self, value: ir.Value, names: tuple[int, ...]) -> View:
        """A value under some names, down to what is only spread or permuted: names that it doesn't vary in go."""
        value = self.canonical(value)
        while (op := defining_op(value)) is not None:
            if constant_of(value) is not None or op.name == "tensor.splat":
                return View(value, ())
            if op.name == "gir.broadcast":
                new = integers(op.attributes["dims"])
                names = tuple(name for dim, name in enumerate(names) if dim not in new)
            elif op.name == "gir.permute" and gir.is_at(value, "reg"):
                perm = integers(op.attributes["perm"])
                names = tuple(names[perm.index(dim)] for dim in range(len(perm)))
            else:
                break
            value = self.canonical(op.operands[0])
        return View(value, names)

    def operands(self, view: View) -> list[View]:
        """The operands of an elementwise view."""
        assert view.op is not None, "an elementwise op has operands"
        return [self.view(value, view.names if is_tensor(value) else ()) for value in view.op.operands]

    def uses(self, view: View, wanted: frozenset[ir.Value]) -> Iterator[View]:
        """Where a view takes some results of reductions, through elementwise ops; each once."""
        seen: set[View] = set()
        stack = [view]
        while stack:
            current = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            if current.value in wanted:
                yield current
            elif self.reached(current.value) & wanted and is_elementwise(current):
                stack += self.operands(current)


def is_elementwise(view: View) -> bool:
    """Whether a view is computed by an elementwise op."""
    return view.op is not None and view.op.name.startswith(ELEMENTWISE) and view.op.name != "arith.constant"
