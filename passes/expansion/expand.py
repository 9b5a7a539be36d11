"""`gir-expand`: cascades of reductions that can be one pass get a second way, in which they are one.

Rewrite:
    %m = gir.kernel (%x) { max over c of %x }
    %s = gir.kernel (%x, %m) { sum over c of exp(%x - spread of %m) }
    %y = gir.kernel (%x, %m, %s) { exp(%x - spread of %m) / spread of %s }
  ⇒ %y = gir.alternatives { as it was } or {
      %m, %s = gir.kernel (%x) { reduce (%x, weights) over c with a combiner: (max, sum relative to the max) }
      %y = gir.kernel (%x, %m, %s) { exp(%x - spread of %m) / spread of %s }
    }

A reduction of few rows of many elements, a cascade's as well, has one more way, in which parts are reduced first
(`splits`).

Contract: takes simplified graph form; kernels that have neither stay as they are. Each alternatives op stands
at function level; its first region holds the kernels as they were and counts until `gir-place` takes one (`choose`).

The kernels of a block are read as one graph of values (`values`). Reductions form cascades (`cascades`) as far as what
they fold can be taken apart by the laws of sums, products, powers and monotone functions (`algebra`), from what ops
and kinds mean and never from what an operator is called. A cascade becomes one kernel (`finals`) with one reduction
(`joint`): a contraction in it becomes an accumulator with payload. What else the kernels computed follows from its
results, in copies of them that no longer reduce and then merge. What can't be taken apart without losing digits or
infinities stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from powerfusion.core._mlir import (
    DYNAMIC,
    create,
    defining_op,
    entry_block,
    functions,
    has_uses,
    operations,
    producer,
    segments,
)
from powerfusion.core.passes import Pass, register_pass
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.expansion.algebra import NotSeparableError
from powerfusion.passes.expansion.alternatives import copy_way, results_of, wrap
from powerfusion.passes.expansion.cascades import Cascade, cascades_of
from powerfusion.passes.expansion.finals import Maker
from powerfusion.passes.expansion.folds import Names
from powerfusion.passes.expansion.lengths import Source, index_source
from powerfusion.passes.expansion.members import Order, holding, members_of
from powerfusion.passes.expansion.splits import can_split, split
from powerfusion.passes.expansion.tiles import Shapes
from powerfusion.passes.expansion.values import Values
from powerfusion.passes.fusion.clusters import Plan
from powerfusion.passes.fusion.drop_results import drop_results
from powerfusion.passes.fusion.merge_kernels import MergeKernelsPass, joined_name, merge, result_sizes
from powerfusion.passes.fusion.rebuild import copy_op, drop_unused_inputs, erase_unused, sort_block, unique
from powerfusion.passes.raising.kernels import Size, size_of


@register_pass
@dataclass(frozen=True)
class ExpandPass(Pass):
    """Adds ways in which cascaded reductions are one pass."""

    name: ClassVar[str] = "gir-expand"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})
    invalidates: ClassVar[frozenset[str]] = frozenset({"naive"})

    def run(self, op: ir.Operation) -> None:
        """Expands every block of every function."""
        for function in functions(op):
            for block in function.regions[0].blocks:
                expand(block)


def expand(block: ir.Block) -> list[ir.Operation]:
    """Expands the cascades of one block; gives the alternatives."""
    made: list[ir.Operation] = []
    while (found := _expand_one(block)) is not None:
        made.append(found)
    for kernel in filter(can_split, operations(block)):
        found = wrap([kernel], results_of([kernel]), 2)
        made.append(found)
        _split_all(copy_way(found, 0, 1))
    return made


def _split_all(block: ir.Block) -> None:
    """Splits the reductions of few rows in a block."""
    for kernel in filter(can_split, operations(block)):
        split(kernel)


def _expand_one(block: ir.Block) -> ir.Operation | None:
    """Expands the first cascade that can be; what is known of the block doesn't hold afterwards.

    What an earlier call gave up is tried again: an op isn't remembered, as its hash changes with its operands.
    """
    values = Values(block)
    order = Order(block)
    cascades, names = cascades_of(values)
    for cascade in cascades:
        others = set[ir.Operation]().union(*(holding(other) for other in cascades if other is not cascade))
        members = members_of(cascade, values, order, others)
        if members is None:
            continue
        made = _Expansion(cascade, members, values, names, order).run()
        if made is not None:
            sort_block(block)
            return made
    return None


@dataclass
class _Expansion:
    """One cascade that gets a second way.

    Attributes:
        cascade: The reductions.
        members: The kernels that they take the place of.
        values: The block as a graph.
        names: Of dimensions.
        order: What needs what in the block.
        finals: Per result of a reduction, its value in the joint kernel.
        held: Per value that the joint kernel gives, its result.
        outer: Per result of a member, what takes its place in the second way.
    """

    cascade: Cascade
    members: list[ir.Operation]
    values: Values
    names: Names
    order: Order
    finals: dict[ir.Value, ir.Value] = field(default_factory=dict[ir.Value, ir.Value])
    held: dict[ir.Value, ir.Value] = field(default_factory=dict[ir.Value, ir.Value])
    outer: dict[ir.Value, ir.Value] = field(default_factory=dict[ir.Value, ir.Value])

    def run(self) -> ir.Operation | None:
        """Makes the joint kernel, then the alternatives around it; None, and all as it was, where that can't be."""
        with ir.InsertionPoint(self.members[-1]), self.members[-1].location:
            joint = self._joint()
        if joint is None:
            return None
        results = results_of(self.members)
        made = wrap(self.members, results, 3 if can_split(joint) else 2)
        second = made.regions[1].blocks[0]
        with ir.InsertionPoint(second), made.location:
            end = create("gir.yield", [])
        joint.move_before(end)
        with ir.InsertionPoint(end), made.location:
            for member in self.members:
                self._copy(member)
        end.erase()
        with ir.InsertionPoint(second), made.location:
            create("gir.yield", [self.outer[result] for result in results])
        _clean(second)
        if len(made.regions) > 2:
            _split_all(copy_way(made, 1, 2))
        return made

    # -- the joint kernel --------------------------------------------------------------------------

    def _joint(self) -> ir.Operation | None:
        """The kernel of the cascade, at the insertion point; it gives every reduction's result, and more."""
        lengths = self._lengths()
        taken = unique([*self._available(), *lengths.values()])
        location = ir.Location.fused([member.location for member in self.members])
        name = joined_name([ir.StringAttr(member.attributes["kernel_name"]).value for member in self.members])
        with location:
            draft = gir.kernel(name, taken, [], [], location).operation
            inside = dict(zip(taken, entry_block(draft).arguments, strict=True))
            shapes = Shapes(self.names.sizes, {name: inside[value] for name, value in lengths.items()})
            try:
                with ir.InsertionPoint(entry_block(draft)):
                    maker = Maker(self.cascade, self.values, shapes, inside, self.members)
                    self.finals = maker.make()
                    given = self._given(maker)
                    stores = [_store(value) for value in given.values()]
                    create("gir.return", stores)
            except NotSeparableError:
                draft.erase()
                _erase_unused(lengths.values())
                return None
            sizes = [size for value in given for size in self._sizes_of(value, lengths)]
            made = _with_results(draft, [_plain(value.type) for value in stores], sizes)
        self.held = dict(zip(given, made.results, strict=True))
        return made

    def _lengths(self) -> dict[int, ir.Value]:
        """How long the dynamic dimensions of the cascade are, as index values of the function."""
        folds = self.cascade.folds
        given = [v for kernel in self.values.kernels for part in segments(kernel) for v in part if _is_index(v)]
        known: dict[Source | None, ir.Value] = {index_source(value): value for value in reversed(given)}
        found: dict[int, ir.Value] = {}
        for name in dict.fromkeys(name for fold in folds for name in (*fold.rows, *fold.folded)):
            source = self.names.sources.get(name)
            if source is None:
                continue
            if source in known:
                found[name] = known[source]
            else:
                found[name] = source if isinstance(source, ir.Value) else _made(size_of(*source))
        return found

    def _sizes_of(self, value: ir.Value, lengths: dict[int, ir.Value]) -> list[ir.Value]:
        """The dynamic sizes of what the joint kernel gives."""
        for fold in self.cascade.folds:
            if fold.result == value:
                return [lengths[name] for name in fold.rows if self.names.sizes[name] == DYNAMIC]
        result = next(result for result, stored in self.values.stored.items() if stored == value)
        kernel = producer(result)
        return result_sizes(kernel, segments(kernel)[1], [result])

    def _available(self) -> list[ir.Value]:
        """What kernels of the block take that is there before the members are."""
        bits = self.order.bits(self.members)
        last = self.order.number[self.members[-1]]
        found: list[ir.Value] = []
        for kernel in self.values.kernels:
            for value in segments(kernel)[0]:
                source = defining_op(value)
                at = self.order.number.get(source) if source is not None else None
                if at is None or (at < last and not (bits >> at & 1 or self.order.needs[at] & bits)):
                    found.append(value)
        return unique(found)

    def _given(self, maker: Maker) -> dict[ir.Value, ir.Value]:
        """What the joint kernel gives: the reductions' results, and what members store that follows from these."""
        given = dict(self.finals)
        shapes = {tuple(value.type.shape) for value in self.finals.values()}
        for member in self.members:
            for result in member.results:
                value = self.values.stored.get(result)
                if value is None or value in given or tuple(value.type.shape) not in shapes:
                    continue
                if self._follows(value):
                    given[value] = maker.clone(value)
        return given

    def _follows(self, value: ir.Value) -> bool:
        """Whether a value is computed of the reductions' results and constants alone."""
        value = self.values.canonical(value)
        if value in self.finals:
            return True
        op = defining_op(value)
        if op is None or not op.name.startswith(("arith.", "math.")):
            return False
        return all(map(self._follows, op.operands))

    # -- what follows ------------------------------------------------------------------------------

    def _copy(self, member: ir.Operation) -> None:
        """A member without the reductions: their results are loaded."""
        inputs, sizes = segments(member)
        block = entry_block(member)
        held = list(self.held)
        taken = unique([*(self.outer.get(value, value) for value in inputs), *self.held.values()])
        types = [result.type for result in member.results]
        label = ir.StringAttr(member.attributes["kernel_name"]).value
        made = gir.kernel(label, taken, sizes, types, member.location).operation
        inside = dict(zip(taken, entry_block(made).arguments, strict=True))
        known: dict[ir.Value, ir.Value] = {
            argument: inside[self.outer.get(value, value)]
            for argument, value in zip(block.arguments, inputs, strict=True)
        }
        with ir.InsertionPoint(entry_block(made)):
            for op in operations(block):
                ready = [self.values.canonical(result) in held for result in op.results]
                if not ready or not all(ready):
                    copy_op(op, known)
                    continue
                for result in op.results:
                    source = inside[self.held[self.values.canonical(result)]]
                    load = create("gir.move", [source], [result.type], loc=op.location)
                    known[result] = load.result
        for old, new in zip(member.results, made.results, strict=True):
            self.outer[old] = new
            if (value := self.values.stored.get(old)) in self.held:
                self.outer[old] = self.held[value]


def _clean(block: ir.Block) -> None:
    """Drops what isn't needed, and merges kernels that no longer reduce."""
    for kernel in reversed([op for op in operations(block) if op.name == "gir.kernel"]):
        if not any(map(has_uses, kernel.results)):
            kernel.erase()
            continue
        if not all(map(has_uses, kernel.results)):
            kernel = merge([kernel])
        erase_unused(kernel)
        drop_unused_inputs(kernel)
    limit = MergeKernelsPass().max_ops
    for cluster in Plan(block, limit).clusters():
        if len(cluster.members) > 1:
            merge(cluster.members)
    sort_block(block)
    for kernel in reversed([op for op in operations(block) if op.name == "gir.kernel"]):
        drop_results(kernel)


def _is_index(value: ir.Value) -> bool:
    """Whether a value is an index."""
    return isinstance(value.type, ir.IndexType)


def _made(size: Size) -> ir.Value:
    assert isinstance(size, ir.Value), "it is dynamic"
    return size


def _store(value: ir.Value) -> ir.Value:
    """A value at reg, moved to dram."""
    type_ = gir.tensor_at("dram", value.type.shape, value.type.element_type)
    return create("gir.move", [value], [type_]).result


def _plain(type_: ir.RankedTensorType) -> ir.Type:
    """A tensor type as the function around a kernel has it."""
    return ir.RankedTensorType.get(type_.shape, type_.element_type)


def _erase_unused(values: Iterable[ir.Value]) -> None:
    """Erases sizes that were asked for nothing."""
    for value in values:
        if isinstance(value.owner, ir.Block) or has_uses(value) or producer(value).name != "tensor.dim":
            continue
        producer(value).erase()


def _with_results(draft: ir.Operation, types: Sequence[ir.Type], sizes: Sequence[ir.Value]) -> ir.Operation:
    """A kernel of the same body with results; the draft goes."""
    block = entry_block(draft)
    with ir.InsertionPoint(draft), draft.location:
        name = ir.StringAttr(draft.attributes["kernel_name"]).value
        made = gir.kernel(name, segments(draft)[0], sizes, types, draft.location).operation
        known: dict[ir.Value, ir.Value] = dict(zip(block.arguments, entry_block(made).arguments, strict=True))
        with ir.InsertionPoint(entry_block(made)):
            for op in operations(block):
                copy_op(op, known)
    draft.erase()
    return made
