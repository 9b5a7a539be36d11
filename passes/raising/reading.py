"""A `linalg.generic` before it is rewritten: what its results need, and along what they fold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from powerfusion.core._mlir import entry_block, has_uses, operations, segments
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.passes.raising.accesses import Access
from powerfusion.passes.raising.bodies import depends_on, is_scalar_constant, slice_of


class Reading:
    """One `linalg.generic`; nothing here changes it.

    Attributes:
        inputs: Its inputs.
        outputs: Its outs.
        accesses: Its indexing maps, inputs' first.
        rank: How many dimensions its space has.
        reduced: Per dimension, whether it is declared a reduction.
        arguments: The body's arguments, inputs' first.
        accumulators: Those of the outs.
        yielded: What the body yields.
        wanted: The results that something uses.
    """

    def __init__(self, op: ir.Operation) -> None:
        self.op, self.loc = op, op.location
        self.block = entry_block(op)
        self.inputs, self.outputs = segments(op)
        maps = [attribute.value for attribute in op.attributes["indexing_maps"]]
        self.accesses = [Access.read(map_) for map_ in maps]
        self.rank = maps[0].n_dims if maps else 0
        self.reduced = ["reduction" in str(kind) for kind in op.attributes["iterator_types"]]
        self.arguments = list(self.block.arguments)
        self.accumulators = self.arguments[len(self.inputs) :]
        self.yielded = list(operations(self.block)[-1].operands)
        self.wanted = [k for k, result in enumerate(op.results) if has_uses(result)]

    @property
    def operands(self) -> list[ir.Value]:
        """Inputs and outs."""
        return [*self.inputs, *self.outputs]

    def out_access(self, k: int) -> Access:
        """The map of result `k`."""
        return self.accesses[len(self.inputs) + k]

    def folded(self, k: int) -> tuple[int, ...]:
        """The dimensions of the space that result `k` lacks, so that it folds along them."""
        space = self.out_access(k).space
        return tuple(d for d in range(self.rank) if d not in space)

    def space(self, k: int) -> tuple[int, ...]:
        """The dimensions of the space that result `k` has, ascending."""
        return tuple(sorted(self.out_access(k).space))

    @cached_property
    def live(self) -> list[int]:
        """The results that are computed: those wanted, and those whose running values they read."""
        live, roots = list(self.wanted), [*(self.yielded[k] for k in self.wanted), *self.asserted]
        while more := [k for k in self._others(live) if self._read(roots, self.accumulators[k])]:
            live += more
            roots += [self.yielded[k] for k in more]
        return sorted(live)

    def _others(self, live: Sequence[int]) -> list[int]:
        return [k for k in range(len(self.accumulators)) if k not in live and self.folded(k)]

    def _read(self, roots: Sequence[ir.Value], value: ir.Value) -> bool:
        return any(depends_on(self.block, root, {value}) for root in roots)

    @property
    def folding(self) -> list[int]:
        """The live results that fold."""
        return [k for k in self.live if self.folded(k)]

    @property
    def plain(self) -> list[int]:
        """The wanted results that don't fold."""
        return [k for k in self.wanted if not self.folded(k)]

    def running(self, results: Sequence[int]) -> set[ir.Value]:
        """The accumulators of some results."""
        return {self.accumulators[k] for k in results}

    @property
    def asserted(self) -> list[ir.Value]:
        """What the body's assertions read."""
        return [operand for op in operations(self.block) if op.name == "cf.assert" for operand in op.operands]

    @property
    def has_assert(self) -> bool:
        """True if the body can fail."""
        return any(op.name == "cf.assert" for op in operations(self.block))

    @cached_property
    def needed(self) -> set[ir.Value]:
        """What the live results need: block arguments, and values from around the op."""
        roots = [*(self.yielded[k] for k in self.live), *self.asserted]
        chosen = slice_of(self.block, roots, set())
        return set(roots) | {operand for op in chosen for operand in op.operands} | self.running(self.folding)

    def body_ops(self, roots: Sequence[ir.Value]) -> list[ir.Operation]:
        """The ops that the roots or an assertion need, in order, the terminator left out."""
        chosen = slice_of(self.block, [*roots, *self.asserted], set())
        return [op for op in operations(self.block)[:-1] if op in chosen or op.name == "cf.assert"]

    @property
    def loaded(self) -> list[int]:
        """The operands whose elements the body reads, scalars excluded."""
        return [
            i
            for i, argument in enumerate(self.arguments)
            if argument in self.needed and isinstance(self.operands[i].type, ir.RankedTensorType)
        ]

    @property
    def captured(self) -> list[ir.Value]:
        """Scalars from around the op that the body reads, constants left out, and tensors it extracts from."""
        inner = {result for op in operations(self.block) for result in op.results}
        scalars = [
            operand
            for operand, argument in zip(self.inputs, self.arguments, strict=False)
            if argument in self.needed and not isinstance(operand.type, ir.RankedTensorType)
        ]
        outer = [value for value in self.needed if value not in inner and value not in self.arguments]
        found = [value for value in [*scalars, *outer] if not is_scalar_constant(value)]
        for value in found:
            if isinstance(value.type, ir.ShapedType) and not self._only_extracted(value):
                raise UnsupportedError(
                    f"'{self.op.name}' whose body reads the tensor {value.type} isn't supported",
                    location=self.loc,
                    help="read it by tensor.extract, or pass it as an operand with an indexing map",
                )
        return found

    def _only_extracted(self, value: ir.Value) -> bool:
        readers = [op for op in operations(self.block) if value in list(op.operands)]
        return isinstance(value.type, ir.RankedTensorType) and all(op.name == "tensor.extract" for op in readers)

    def unsupported(self, what: str) -> UnsupportedError:
        """The error for an operator with that property."""
        return UnsupportedError(
            f"'{self.op.name}' with {what} isn't supported",
            location=self.loc,
            help="split the operator so that each result is elementwise or folds on its own",
        )
