"""Any kernel under a nest drawn at random: what tiling by nests must do for whatever placing may ask of it.

Dimensions of what is stored are dealt out to groups, units and steps. What is folded is whole in a group, and then in
one step, in units that combine, or swept. A nest that the kernel's meaning forbids is for the interpreter to refuse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import numpy as np

from powerfusion.core._mlir import DYNAMIC, defining_op, entry_block, functions, operations
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_names import COMBINING, Names, folded_slots, on_chip

MOST_PARTS = 6  # of a dimension, each way, so that interpreting takes no time
MOST_ELEMENTS = 10_000  # of a value, for the same reason
MOST_OF_STEP = 1024  # elements of the iteration space, each of which is written out


def kernels_of(module: ir.Module) -> list[ir.Operation]:
    """The kernels in graph form, outermost ops of their functions."""
    return [
        op
        for function in functions(module.operation)
        for op in operations(entry_block(function))
        if op.name == "gir.kernel" and list(op.results)
    ]


def deal_out(kernel: ir.Operation, random: np.random.Generator) -> bool:
    """Gives a kernel a nest, where it has sizes and stores to deal out; says whether it did."""
    nest = _Dealer(kernel, random).nest()
    if nest is None:
        return False
    kernel.attributes["nest"] = ir.Attribute.parse(nest, kernel.context)
    return True


@dataclass
class _Dealer:
    kernel: ir.Operation
    random: np.random.Generator
    names: dict[object, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ops = operations(entry_block(self.kernel))
        self.ties = Names(self.ops, frozenset())

    def _find(self, value: ir.Value, dim: int) -> object:
        return self.ties._find((value, dim))  # pyright: ignore[reportPrivateUsage]

    def nest(self) -> str | None:
        """Names the moves' dimensions, and deals them out."""
        values = [value for op in self.ops for value in (*op.operands, *op.results) if on_chip(value)]
        if any(size in (DYNAMIC, 0) for value in values for size in value.type.shape):
            return None
        if any(prod(value.type.shape) > MOST_ELEMENTS for value in values):
            return None
        moves = [op for op in self.ops if op.name == "gir.move"]
        stores = [op for op in moves if gir.is_at(op.operands[0], "reg") and gir.is_at(op.result, "dram")]
        loads = [op for op in moves if gir.is_at(op.operands[0], "dram") and gir.is_at(op.result, "reg")]
        if len(stores) + len(loads) != len(moves) or not stores:
            return None
        if any(_is_made(op.operands[0]) for op in loads):  # What other groups have stored by then isn't known.
            return None
        for op in stores:
            self._name(op, op.operands[0])
        folded = self._folded()
        for op in loads:
            self._name(op, op.result, only=folded)
        everywhere = [self._over(op, op.operands[0]) for op in stores]
        shared = set(self.sizes).intersection(*map(set, everywhere))
        swept = {name for at, name in self.names.items() if at in folded}
        sweep = bool(swept) and bool(self.random.integers(2))
        order = list(self.sizes)
        self.random.shuffle(order)
        dealt = {name: self._dealt(name, name in shared, name in swept, sweep) for name in order}
        if prod(parts[-1] for parts in dealt.values()) > MOST_OF_STEP:
            return None
        dims = [f"{name} = {' : '.join(map(str, parts))}" for name, parts in dealt.items()]
        rest = f", sweep = [{', '.join(sorted(swept))}]" if sweep else ""
        return f"#gir.nest<[{', '.join(dims)}]{rest}>" if dims else None

    def _name(self, op: ir.Operation, value: ir.Value, only: dict[object, int] | None = None) -> None:
        """Names the dimensions of a move that have none yet, of `only` some as long as that, and notes them on it."""
        for dim, size in enumerate(value.type.shape):
            at = self._find(value, dim)
            if at not in self.names and (only is None or only.get(at) == size):
                self.names[at] = f"d{len(self.names)}"
                self.sizes[self.names[at]] = size
        over = self._over(op, value)
        op.attributes["over"] = ir.ArrayAttr.get([ir.StringAttr.get(name, op.context) for name in over], op.context)

    def _over(self, op: ir.Operation, value: ir.Value) -> list[str]:
        del op
        names = [self.names.get(self._find(value, dim), "") for dim in range(value.type.rank)]
        return [
            name if name and self.sizes[name] == size else ""
            for name, size in zip(names, value.type.shape, strict=True)
        ]

    def _folded(self) -> dict[object, int]:
        """What is folded, and how long that is."""
        slots = [slot for op in self.ops if op.name in COMBINING for slot in folded_slots(op)]
        return {self._find(value, dim): value.type.shape[dim] for value, dim in slots}

    def _dealt(self, name: str, is_shared: bool, is_folded: bool, sweep: bool) -> tuple[int, ...]:
        size = self.sizes[name]
        group = self._part(size) if is_shared and not is_folded else size
        unit = self._part(group) if self.random.integers(2) else group
        step = self._part(unit) if not is_folded or sweep else unit
        return size, group, unit, step

    def _part(self, size: int) -> int:
        return int(self.random.integers(-(-size // MOST_PARTS), size + 1))


def _is_made(value: ir.Value) -> bool:
    """Whether a value at dram is what the kernel itself put there."""
    op = defining_op(value)
    return op is not None and (op.name == "gir.move" or any(map(_is_made, op.operands)))
