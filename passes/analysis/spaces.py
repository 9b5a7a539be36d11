"""Which dimensions of a kernel's values are the same: its iteration space, read off the ops.

Each dimension of each tensor in a kernel in graph form belongs to a class; elementwise ops,
permutations, broadcasts, reductions and moves tie dimensions together. A class is what a loop of
the kernel will run over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from powerfusion.core._mlir import DYNAMIC, defining_op, entry_block, integers, is_tensor, mixed, operations, segments
from powerfusion.dialects.gir import is_at
from powerfusion.mlir import ir

Dim = tuple[ir.Value, int]


@dataclass
class Spaces:
    """The classes of dimensions, as a union-find over (value, dimension).

    Between `begin` and `end` ties are on trial: `end(keep=False)` takes them back.
    """

    parent: dict[Dim, Dim] = field(default_factory=dict)
    trial: list[tuple[Dim, Dim | None]] | None = None

    def begin(self) -> None:
        """Puts the ties that follow on trial."""
        self.trial = []

    def end(self, *, keep: bool) -> None:
        """Ends the trial; unless its ties are kept, all is as it was before."""
        for dim, before in reversed([] if keep or self.trial is None else self.trial):
            if before is None:
                del self.parent[dim]
            else:
                self.parent[dim] = before
        self.trial = None

    def _point(self, dim: Dim, parent: Dim) -> None:
        if self.trial is not None:
            self.trial.append((dim, self.parent.get(dim)))
        self.parent[dim] = parent

    def find(self, dim: Dim) -> Dim:
        """The class of a dimension, as its representative."""
        root = dim
        while root in self.parent:
            root = self.parent[root]
        while (above := self.parent.get(dim, root)) != root:
            self._point(dim, root)
            dim = above
        return root

    def tie(self, a: Dim, b: Dim) -> None:
        """Makes two dimensions one; the one of static size speaks for both."""
        a, b = self.find(a), self.find(b)
        if a == b:
            return
        if b[0].type.shape[b[1]] == DYNAMIC:
            a, b = b, a
        self._point(a, b)

    def classes(self, value: ir.Value) -> list[Dim]:
        """The class of each dimension of a value."""
        return [self.find((value, dim)) for dim in range(value.type.rank)]

    def tie_values(self, a: ir.Value, b: ir.Value) -> None:
        """Makes two values' dimensions one, in order."""
        for dim in range(a.type.rank):
            self.tie((a, dim), (b, dim))

    def read(self, op: ir.Operation) -> None:
        """Ties what one op ties."""
        match op.name:
            case "gir.move":
                self.tie_values(op.operands[0], op.result)
            case "gir.permute":
                for dim, source in enumerate(integers(op.attributes["perm"])):
                    self.tie((op.result, dim), (op.operands[0], source))
            case "gir.broadcast":
                new = integers(op.attributes["dims"])
                kept = [dim for dim in range(op.result.type.rank) if dim not in new]
                for dim, result in enumerate(kept):
                    self.tie((op.operands[0], dim), (op.result, result))
            case "gir.reduce":
                self._read_reduce(op)
            case "gir.scan":
                self._read_scan(op)
            case "gir.contract":
                self._read_contract(op)
            case "gir.gather":
                for index in list(op.operands)[1:]:
                    self.tie_values(index, op.result)
            case "gir.scatter":
                value, dest, indices, _ = segments(op)
                for index in indices:
                    self.tie_values(index, value[0])
                for result in op.results:  # in tile form memory takes it
                    self.tie_values(dest[0], result)
            case "gir.window" | "gir.slice" | "gir.concat" if is_at(op.result, "reg"):
                self._read_shift(op)
            case "gir.pad":
                low, high = (mixed(op, segments(op)[at], name) for at, name in ((2, "static_low"), (3, "static_high")))
                for dim in range(op.result.type.rank):
                    if low[dim] == 0 and high[dim] == 0:
                        self.tie((op.operands[0], dim), (op.result, dim))
            case name if name.startswith(("arith.", "math.")):
                tensors = [value for value in [*op.operands, *op.results] if is_tensor(value)]
                for value in tensors[1:]:
                    self.tie_values(tensors[0], value)
            case _:
                pass

    def _read_reduce(self, op: ir.Operation) -> None:
        inputs, inits, _ = segments(op)
        self._tie_folded(inputs, inits, op.results, set(integers(op.attributes["dims"])))

    def _read_scan(self, op: ir.Operation) -> None:
        inputs, inits, _ = segments(op)
        results = list(op.results)
        for value, result in zip(inputs, results, strict=False):
            self.tie_values(value, result)
        self._tie_folded(inputs, inits, results[len(inputs) :], {ir.IntegerAttr(op.attributes["dim"]).value})

    def _tie_folded(
        self, inputs: Sequence[ir.Value], inits: Sequence[ir.Value], results: Sequence[ir.Value], dims: set[int]
    ) -> None:
        """Ties inputs to each other along common dimensions, and accumulators to inputs of their rank."""
        common = min(value.type.rank for value in inputs)
        for value in inputs:
            for dim in range(common):
                self.tie((inputs[0], dim), (value, dim))
        for number, (init, result) in enumerate(zip(inits, results, strict=True)):
            source = folded_input(inputs, number, init.type.rank + len(dims))
            kept = [dim for dim in range(source.type.rank) if dim not in dims]
            for at, dim in enumerate(kept):
                self.tie((source, dim), (init, at))
                self.tie((source, dim), (result, at))

    def _read_contract(self, op: ir.Operation) -> None:
        """Dimensions that one iteration dimension stands for are one."""
        along: dict[int, Dim] = {}
        for value, map_ in zip([*op.operands][:3], op.attributes["maps"], strict=True):
            for dim, loop in enumerate(loops_of(map_)):
                self.tie(along.setdefault(loop, (value, dim)), (value, dim))
        self.tie_values(op.operands[2], op.result)

    def _read_shift(self, op: ir.Operation) -> None:
        """What a window, a slice or a concatenation at reg leaves as it is."""
        for source in [value for value in op.operands if is_tensor(value)]:
            for dim, result in unchanged_dims(op, source):
                self.tie((source, dim), (op.result, result))


def folded_input(inputs: Sequence[ir.Value], number: int, rank: int) -> ir.Value:
    """The input that has the dimensions of an accumulator: that of its number, or another of that rank."""
    if number < len(inputs) and inputs[number].type.rank == rank:
        return inputs[number]
    return next((value for value in inputs if value.type.rank == rank), inputs[0])


def loops_of(map_: ir.Attribute) -> list[int]:
    """The iteration dimension of each dimension of a value, by a projected permutation."""
    return [ir.AffineDimExpr(result).position for result in ir.AffineMapAttr(map_).value.results]


def unchanged_dims(op: ir.Operation, source: ir.Value) -> list[tuple[int, int]]:
    """Which dimensions of an operand are whole in the result, of a window, a slice or a concatenation."""
    rank = source.type.rank
    if op.name == "gir.concat":
        along = ir.IntegerAttr(op.attributes["dim"]).value
        return [(dim, dim) for dim in range(rank) if dim != along]
    if op.name == "gir.window":
        windowed = integers(op.attributes["dims"])
        return [(dim, dim) for dim in range(rank) if dim not in windowed]
    drop = integers(op.attributes["drop"])
    starts, sizes, steps = (integers(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    kept = [dim for dim in range(rank) if dim not in drop]
    whole = [
        starts[dim] == 0 and steps[dim] == 1 and sizes[dim] == source.type.shape[dim] != DYNAMIC for dim in range(rank)
    ]
    return [(dim, at) for at, dim in enumerate(kept) if whole[dim]]


def spaces_of(kernel: ir.Operation) -> Spaces:
    """The classes of a kernel in graph form."""
    spaces = Spaces()
    for op in operations(entry_block(kernel)):
        spaces.read(op)
    return spaces


def reduced_classes(spaces: Spaces, op: ir.Operation) -> list[Dim]:
    """The classes that a reduction or a contraction folds away."""
    if op.name == "gir.contract":
        kept = loops_of(op.attributes["maps"][2])
        sources = zip(list(op.operands)[:2], list(op.attributes["maps"])[:2], strict=True)
        along = {loop: (value, dim) for value, map_ in sources for dim, loop in enumerate(loops_of(map_))}
        return [spaces.find(dim) for loop, dim in sorted(along.items()) if loop not in kept]
    first = segments(op)[0][0]
    return [spaces.find((first, dim)) for dim in integers(op.attributes["dims"])]


def ancestors(values: Sequence[ir.Value], through: tuple[str, ...] | None = None) -> Iterator[ir.Operation]:
    """The ops that values at reg are computed from, each once, down to loads; ops named in `through` end a path."""
    seen: set[ir.Value] = set()
    stack = list(values)
    while stack:
        value = stack.pop()
        op = defining_op(value)
        if op is None or value in seen:
            continue
        seen.update(op.results)
        yield op
        if through is None or op.name not in through:
            stack.extend(operand for operand in op.operands if not is_at(operand, "dram"))


def innermost_class(spaces: Spaces, value: ir.Value) -> Dim | None:
    """The class along which a value at dram lies contiguous, None where none does."""
    if value.type.rank == 0:
        return None
    dim = value.type.rank - 1
    start = value
    op = defining_op(value)
    order = list(range(value.type.rank))
    while op is not None and op.name in ("gir.permute", "gir.slice"):
        if op.name == "gir.permute":
            perm = integers(op.attributes["perm"])
            order = [perm[d] for d in order]
        else:
            drop = integers(op.attributes["drop"])
            kept = [d for d in range(op.operands[0].type.rank) if d not in drop]
            order = [kept[d] for d in order]
        value = op.operands[0]
        op = defining_op(value)
    last = value.type.rank - 1
    dim = order.index(last) if last in order else -1
    return None if dim < 0 else spaces.find((start, dim))
