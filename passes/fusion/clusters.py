"""Which kernels may become one: clusters of kernels, grown in program order.

A plan reads the kernels of a block once and changes nothing; `merge_kernels` makes what it says.
Each cluster knows the classes of dimensions that its values run over (one `Spaces` for the whole
block), what it folds away, and which ops it needs, as a set of bits:

    %1 = k0(%x)            k0 needs {}
    %2 = tensor.cast %1    needs {k0}
    %3 = k1(%2)            needs {k0, cast}: the cast stands between, k0 and k1 stay apart
    %4 = k2(%1)            needs {k0}: one with k0, and then k1 needs k2, too
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from powerfusion.core._mlir import defining_op, entry_block, is_tensor, operations, segments
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.spaces import Dim, Spaces, reduced_classes
from powerfusion.passes.fusion.rebuild import is_naive, used_values

MERGED_OPS = (
    "gir.move",
    "gir.permute",
    "gir.broadcast",
    "gir.iota",
    "gir.reduce",
    "gir.contract",
    "gir.gather",
    "gir.slice",
    "gir.assert",
    "gir.return",
    "tensor.splat",
    "tensor.dim",
)
FOLDING_OPS = ("gir.reduce", "gir.contract")
UNCOUNTED_OPS = ("gir.move", "gir.return")


@dataclass(eq=False)
class Node:
    """An op of the block.

    Attributes:
        bits: The op itself; of a cluster, its kernels.
        needs: The ops that it needs, directly or not.
        sources: What its operands are results of.
    """

    bits: int
    needs: int
    sources: list[ir.Operation]


@dataclass(frozen=True)
class Step:
    """An op in a kernel: the values that it reads and makes, and the tensors among the latter."""

    reads: tuple[ir.Value, ...]
    makes: tuple[ir.Value, ...]
    tensors: tuple[tuple[Dim, ...], ...]
    folds: tuple[Dim, ...] | None


@dataclass(eq=False)
class Cluster(Node):
    """Kernels that become one, in order.

    Attributes:
        members: The kernels.
        steps: Their ops.
        inputs: The tensors that they take from outside, and a block argument that each is.
        results: The tensors that they give, and the value inside that each is.
        cut: Those of `inputs` that aren't just loaded whole.
        shapes: What values at reg run over.
        folded: What reductions fold away.
        count: Ops that aren't movements.
        plain: Whether all ops are of a kind that merges.
    """

    members: list[ir.Operation]
    steps: list[Step] = field(default_factory=list)
    inputs: dict[ir.Value, ir.Value] = field(default_factory=dict)
    results: dict[ir.Value, ir.Value] = field(default_factory=dict)
    cut: set[ir.Value] = field(default_factory=set)
    shapes: set[tuple[Dim, ...]] = field(default_factory=set)
    folded: set[Dim] = field(default_factory=set)
    count: int = 0
    plain: bool = True


class Plan:
    """Grows the clusters of one block."""

    def __init__(self, block: ir.Block, max_ops: int) -> None:
        self.block, self.max_ops = block, max_ops
        self.spaces = Spaces()
        self.nodes: dict[ir.Operation, Node] = {}
        self.dependent: list[Node] = []
        self.readers: dict[ir.Value, list[Cluster]] = {}
        self.passed_on: dict[ir.Value, ir.Value] = {}  # a kernel's argument, and what another returned for it
        self.returned: dict[ir.Value, ir.Value] = {}
        self.units: dict[Dim, bool] = {}

    def clusters(self) -> list[Cluster]:
        """The clusters, those of a single kernel included."""
        for at, op in enumerate(operations(self.block)):
            sources = [source for source in map(defining_op, used_values(op)) if source in self.nodes]
            needs = 0
            for source in sources:
                needs |= self.nodes[source].bits | self.nodes[source].needs
            if op.name != "gir.kernel":
                self._enter(Node(1 << at, needs, sources), [op])
                continue
            cluster = self._read(op, Cluster(1 << at, needs, sources, [op]))
            self._enter(cluster, [op])
            while (pair := self._next_pair(cluster)) is not None:
                cluster = self._join(*pair)
            self._register(cluster)
        return list(dict.fromkeys(node for node in self.nodes.values() if isinstance(node, Cluster)))

    # -- reading -----------------------------------------------------------------------------

    def _enter(self, node: Node, ops: list[ir.Operation]) -> None:
        self.nodes |= dict.fromkeys(ops, node)
        if node.needs:
            self.dependent.append(node)

    def _read(self, kernel: ir.Operation, cluster: Cluster) -> Cluster:
        """Fills in what a kernel's ops say."""
        block = entry_block(kernel)
        body = operations(block)
        cluster.plain = is_naive(kernel)
        for op in body:
            self.spaces.read(op)
            cluster.plain &= op.name in MERGED_OPS or op.name.startswith(("arith.", "math."))
            cluster.count += op.name not in UNCOUNTED_OPS
            made = tuple(op.results)
            tensors = tuple(tuple((value, dim) for dim in range(value.type.rank)) for value in made if is_tensor(value))
            folds = tuple(reduced_classes(self.spaces, op)) if op.name in FOLDING_OPS else None
            cluster.steps.append(Step(tuple(op.operands), made, tensors, folds))
            cluster.folded.update(folds or ())
            cluster.shapes.update(dims for dims in tensors if dims and gir.is_at(dims[0][0], "reg"))
        cluster.shapes = {tuple(map(self.spaces.find, dims)) for dims in cluster.shapes}
        cluster.results = dict(zip(kernel.results, body[-1].operands, strict=True))
        self.returned |= cluster.results
        for value, argument in zip(segments(kernel)[0], block.arguments, strict=True):
            if not is_tensor(argument):
                continue
            if value in cluster.inputs:
                self.spaces.tie_values(cluster.inputs[value], argument)
            cluster.inputs.setdefault(value, argument)
            if value in self.returned:
                self.passed_on[argument] = self.returned[value]
            if not all(_is_whole_load(use) for use in argument.uses):
                cluster.cut.add(value)
        return cluster

    def _register(self, cluster: Cluster) -> None:
        for value in cluster.inputs:
            self.readers.setdefault(value, []).append(cluster)

    # -- growing -----------------------------------------------------------------------------

    def _next_pair(self, cluster: Cluster) -> tuple[Cluster, Cluster] | None:
        """The first other cluster that a cluster merges with, and itself, in the order that they need."""
        tried: set[Cluster] = {cluster}
        for other in self._candidates(cluster):
            if other in tried:
                continue
            tried.add(other)
            first, second = (cluster, other) if other.needs & cluster.bits else (other, cluster)
            if self._is_legal(first, second):
                return first, second
        return None

    def _candidates(self, cluster: Cluster) -> Iterator[Cluster]:
        """Clusters that share a tensor with one: producers and readers of its inputs, readers of its results."""
        for value in cluster.inputs:
            source = defining_op(value)
            if source in self.nodes and isinstance(producer := self.nodes[source], Cluster):
                yield producer
            yield from self.readers.get(value, [])
        for value in cluster.results:
            yield from self.readers.get(value, [])

    def _is_legal(self, first: Cluster, second: Cluster) -> bool:
        """Whether one pass over one space serves both; ties their dimensions if so."""
        if not (first.plain and second.plain) or first.count + second.count > self.max_ops:
            return False
        if any(value in first.results for value in second.cut) or self._is_path_between(first, second):
            return False
        self.spaces.begin()
        self._tie(first, second)
        legal = self._is_one_pass(first, second)
        self.spaces.end(keep=legal)
        return legal

    def _is_path_between(self, first: Cluster, second: Cluster) -> bool:
        """True if a third op needs the first cluster and is needed by the second."""
        between = (self.nodes[source] for source in second.sources)
        return any(node.needs & first.bits for node in between if node not in (first, second))

    def _tie(self, first: Cluster, second: Cluster) -> None:
        """Ties the second cluster's inputs to what they are in the first."""
        for value, argument in second.inputs.items():
            if value in first.results:
                self.spaces.tie_values(first.results[value], argument)
            elif value in first.inputs:
                self.spaces.tie_values(first.inputs[value], argument)

    def _is_one_pass(self, first: Cluster, second: Cluster) -> bool:
        spaces = [self._space(cluster) for cluster in (first, second)]
        if spaces[0] is None or spaces[1] is None:
            return False
        folded = [self._without_units(cluster.folded) for cluster in (first, second)]
        if not _same_decomposition(spaces[0], spaces[1], folded[0], folded[1]):
            return False
        return not self._spreads_again([*first.steps, *second.steps], folded[0] | folded[1])

    def _space(self, cluster: Cluster) -> set[Dim] | None:
        """The classes that a cluster runs over; None where a value has one twice."""
        found: set[Dim] = set()
        for dims in cluster.shapes:
            classes = {self.spaces.find(dim) for dim in dims}
            if len(classes) != len(dims):
                return None
            found |= classes
        return self._without_units(found)

    def _without_units(self, dims: set[Dim]) -> set[Dim]:
        """The classes of some dimensions, but those of size 1."""
        return {found for dim in dims if not self._is_unit(found := self.spaces.find(dim))}

    def _is_unit(self, dim: Dim) -> bool:
        if dim not in self.units:
            self.units[dim] = dim[0].type.shape[dim[1]] == 1
        return self.units[dim]

    def _spreads_again(self, steps: list[Step], folded: set[Dim]) -> bool:
        """True if what depends on a reduction runs over what was reduced."""
        if not folded:
            return False
        late: set[ir.Value] = set()
        for step in steps:
            if any(self.passed_on.get(value, value) in late for value in step.reads):
                shapes = step.tensors if step.folds is None else [*step.tensors, step.folds]
                if any(self.spaces.find(dim) in folded for dims in shapes for dim in dims):
                    return True
                late.update(step.makes)
            if step.folds is not None:
                late.update(step.makes)
        return False

    def _join(self, first: Cluster, second: Cluster) -> Cluster:
        """Makes the second cluster both; it is no candidate until it is registered again."""
        for cluster in (first, second):
            for value in cluster.inputs:
                readers = self.readers.get(value, [])
                if cluster in readers:
                    readers.remove(cluster)
        taken = {value: argument for value, argument in second.inputs.items() if value not in first.results}
        second.inputs = {**first.inputs, **taken}
        second.results = {**first.results, **second.results}
        second.members = [*first.members, *second.members]
        second.sources = [*first.sources, *second.sources]
        second.steps = [*first.steps, *second.steps]
        second.cut |= first.cut
        second.shapes = {tuple(map(self.spaces.find, dims)) for dims in first.shapes | second.shapes}
        second.folded |= first.folded
        second.count += first.count
        self._need_both(first, second)
        return second

    def _need_both(self, first: Cluster, second: Cluster) -> None:
        """Notes that what needs one of two clusters needs both, and what these need."""
        self.nodes |= dict.fromkeys(first.members, second)
        second.bits |= first.bits
        second.needs = (second.needs | first.needs) & ~second.bits
        together = second.bits | second.needs
        self.dependent = [node for node in self.dependent if node is not first and node is not second]
        for node in self.dependent:
            if node.needs & second.bits:
                node.needs |= together
        if second.needs:
            self.dependent.append(second)


def _same_decomposition(first: set[Dim], second: set[Dim], folded_first: set[Dim], folded_second: set[Dim]) -> bool:
    """Whether two spaces run in parallel alike, or one sweeps where the other is elementwise."""
    parallel = first - folded_first, second - folded_second
    apart = bool(folded_first and folded_second)
    if parallel[0] == parallel[1]:
        return first == second or not apart
    return first == second and not apart and bool(parallel[0] & parallel[1])


def _is_whole_load(use: ir.OpOperand) -> bool:
    op = use.owner.operation
    return op.name == "gir.move" and gir.is_at(op.result, "reg")
