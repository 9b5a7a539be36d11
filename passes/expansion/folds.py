"""The reductions of a block, each with names for the dimensions that it runs over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from powerfusion.core._mlir import element_of, integers, producer, segments
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import loops_of
from powerfusion.passes.expansion.algebra import Chain, Term
from powerfusion.passes.expansion.values import Values, View


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
        made_of: How it is made of accumulators, if it needs late values: terms of a sum, or a monotone function.
    """

    result: ir.Value
    kind: str
    factors: tuple[View, ...]
    rows: tuple[int, ...]
    folded: tuple[int, ...]
    init: ir.Value
    made_of: list[Term] | Chain | None = None

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
    """Makes names, and knows how long their dimensions are."""

    numbers: Iterator[int] = field(default_factory=count)
    sizes: dict[int, int] = field(default_factory=dict[int, int])

    def of(self, value: ir.Value) -> tuple[int, ...]:
        """A new name for each dimension of a value."""
        made = tuple(next(self.numbers) for _ in range(value.type.rank))
        self.sizes.update(zip(made, value.type.shape, strict=True))
        return made


def folds_of(values: Values) -> Iterator[tuple[Fold, Names]]:
    """The reductions of a graph, in order; those with a combiner aren't understood and are left out."""
    names = Names()
    for result in values.folds:
        op = producer(result)
        made = _contraction(op, values, names) if op.name == "gir.contract" else _reduction(op, result, values, names)
        if made is not None:
            yield made, names


def _reduction(op: ir.Operation, result: ir.Value, values: Values, names: Names) -> Fold | None:
    if "kinds" not in op.attributes:
        return None
    inputs, inits, _ = segments(op)
    at = ir.OpResult(result).result_number
    kind = str(op.attributes["kinds"][at]).removeprefix("#vector.kind<").removesuffix(">")
    dims = integers(op.attributes["dims"])
    own = names.of(inputs[at])
    rows = tuple(name for dim, name in enumerate(own) if dim not in dims)
    folded = tuple(own[dim] for dim in dims)
    return Fold(result, kind, (values.view(inputs[at], own),), rows, folded, inits[at])


def _contraction(op: ir.Operation, values: Values, names: Names) -> Fold:
    lhs, rhs, init = list(op.operands)[:3]
    maps = [loops_of(map_) for map_ in op.attributes["maps"]]
    along: dict[int, int] = {}
    for value, loops in zip((lhs, rhs), maps, strict=False):
        for loop, size in zip(loops, value.type.shape, strict=True):
            if loop not in along:
                along[loop] = next(names.numbers)
                names.sizes[along[loop]] = size
    factors = tuple(
        values.view(value, tuple(along[loop] for loop in loops)) for value, loops in zip((lhs, rhs), maps, strict=False)
    )
    rows = tuple(along[loop] for loop in maps[2])
    folded = tuple(name for loop, name in sorted(along.items()) if loop not in maps[2])
    return Fold(op.result, "add", factors, rows, folded, init)
