"""The reductions of a block, each with names for the dimensions that it runs over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from powerfusion.core._mlir import (
    DYNAMIC,
    defining_op,
    element_of,
    integers,
    kind_name,
    operations,
    producer,
    segments,
)
from powerfusion.mlir import ir
from powerfusion.passes.analysis.sizes import Extent, InputDim, extent
from powerfusion.passes.analysis.spaces import Dim, loops_of
from powerfusion.passes.expansion.algebra import Term
from powerfusion.passes.expansion.functions import Chain, Moment
from powerfusion.passes.expansion.lengths import Source, index_source, size_source
from powerfusion.passes.expansion.values import Values, View

EXACT = ("maximumf", "minimumf", "maxsi", "minsi", "maxui", "minui")  # the same in any order
REORDERED = {"addf": "add", "mulf": "mul"}


@dataclass(eq=False)
class Fold:
    """One result of a reduction, or of a contraction.

    Attributes:
        result: The canonical value.
        kind: How it is folded.
        factors: Whose product is folded.
        rows: The names of the result's dimensions.
        folded: The names of the dimensions that go.
        init: What it starts from.
        made_of: How it is made of accumulators, if it needs late values: terms of a sum, squares about a mean, or a
            monotone function.
    """

    result: ir.Value
    kind: str
    factors: tuple[View, ...]
    rows: tuple[int, ...]
    folded: tuple[int, ...]
    init: ir.Value
    made_of: list[Term] | Moment | Chain | None = None

    @property
    def is_float(self) -> bool:
        """Whether it folds floats."""
        return isinstance(element_of(self.result.type), ir.FloatType)

    def rename(self, names: dict[int, int]) -> None:
        """Puts other names in place of some; before it is taken apart."""
        self.factors = tuple(view.renamed(names) for view in self.factors)
        self.rows = tuple(names.get(name, name) for name in self.rows)
        self.folded = tuple(names.get(name, name) for name in self.folded)


@dataclass
class Names:
    """Makes names, and knows how long their dimensions are.

    Attributes:
        values: The graph that they are of.
        sizes: Of each name, or `DYNAMIC`.
        sources: Of each dynamic one, the tensor of the function and its dimension, or the index value, that says it.
        dims: Of each dynamic one, a dimension that it is.
        said: Per source, a dimension of which it says the size.
    """

    values: Values
    numbers: Iterator[int] = field(default_factory=count)
    sizes: dict[int, int] = field(default_factory=dict[int, int])
    sources: dict[int, Source | None] = field(default_factory=dict[int, "Source | None"])
    dims: dict[int, Dim] = field(default_factory=dict[int, Dim])
    said: dict[Source, Dim] = field(default_factory=dict["Source", Dim])

    def of(self, value: ir.Value) -> tuple[int, ...]:
        """A new name for each dimension of a value of a kernel."""
        return tuple(self.one(value, dim) for dim in range(value.type.rank))

    def one(self, value: ir.Value, dim: int) -> int:
        """A new name for one dimension."""
        name = next(self.numbers)
        self.sizes[name] = value.type.shape[dim]
        if self.sizes[name] == DYNAMIC:
            self.dims[name] = (value, dim)
            source = self.sources[name] = self._source(extent(value, dim))
            if source is not None:
                self.values.spaces.tie(self.said.setdefault(source, (value, dim)), (value, dim))
        return name

    def length(self, name: int) -> object:
        """What is equal for dimensions that are known to be equally long."""
        return self.values.spaces.find(self.dims[name]) if name in self.dims else self.sizes[name]

    def _source(self, found: Extent) -> Source | None:
        if isinstance(found, InputDim):
            return size_source(self.values.outer[found.argument], found.dim)
        if isinstance(found, ir.Value) and found in self.values.outer:
            return index_source(self.values.outer[found])
        return None


def folds_of(values: Values, names: Names) -> Iterator[Fold]:
    """The reductions of a graph, in order; but those whose combiner is more than one op."""
    for result in values.folds:
        op = producer(result)
        made = _contraction(op, values, names) if op.name == "gir.contract" else _reduction(op, result, values, names)
        if made is not None:
            yield made


def _reduction(op: ir.Operation, result: ir.Value, values: Values, names: Names) -> Fold | None:
    inputs, inits, _ = segments(op)
    at = ir.OpResult(result).result_number
    kind = _kind(op, at, len(inputs))
    if kind is None:
        return None
    dims = integers(op.attributes["dims"])
    own = names.of(inputs[at])
    rows = tuple(name for dim, name in enumerate(own) if dim not in dims)
    folded = tuple(own[dim] for dim in dims)
    return Fold(result, kind, (values.view(inputs[at], own),), rows, folded, inits[at])


def _kind(op: ir.Operation, at: int, inputs: int) -> str | None:
    """How a result is folded: by its kind, or by the one op that a combiner applies to it and to its element."""
    if "kinds" in op.attributes:
        return kind_name(op.attributes["kinds"][at])
    block = op.regions[0].blocks[0]
    combined = defining_op(operations(block)[-1].operands[at])
    if combined is None or set(combined.operands) != {block.arguments[at], block.arguments[inputs + at]}:
        return None
    ordered = "algebra" not in op.attributes or "ordered" in str(op.attributes["algebra"])
    name = combined.name.removeprefix("arith.")
    return name if name in EXACT else None if ordered else REORDERED.get(name)


def _contraction(op: ir.Operation, values: Values, names: Names) -> Fold:
    lhs, rhs, init = list(op.operands)[:3]
    maps = [loops_of(map_) for map_ in op.attributes["maps"]]
    along: dict[int, int] = {}
    for value, loops in zip((lhs, rhs), maps, strict=False):
        for dim, loop in enumerate(loops):
            if loop not in along:
                along[loop] = names.one(value, dim)
    factors = tuple(
        values.view(value, tuple(along[loop] for loop in loops)) for value, loops in zip((lhs, rhs), maps, strict=False)
    )
    rows = tuple(along[loop] for loop in maps[2])
    folded = tuple(name for loop, name in sorted(along.items()) if loop not in maps[2])
    return Fold(op.result, "add", factors, rows, folded, init)
