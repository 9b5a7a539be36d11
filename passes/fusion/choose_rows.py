"""`gir-choose-rows`: rows of a table that has only a few are loaded, and chosen from, instead of looked up.

Rewrite:
    %g = gir.gather %t[%i, %j]       table of 2 rows,            %0 = gir.move (row 0 of %t)     each loaded once
                                     %j counts along it     ⇒    %1 = gir.move (row 1 of %t)
                                                                 %g = select(%i == 1, spread %1, spread %0)

An embedding of token types looks the same two rows up for each token. Loaded, they serve all tokens that a unit has,
and what serves a group may wait for it at sram. Bytes only fall: a table is chosen from if it has fewer elements than
are looked up, by as much as several groups may load it. Indices beyond the table find what isn't specified, as before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import DYNAMIC, create, entry_block, i64_array, operations, segments
from powerfusion.core.passes import Pass, register_pass
from powerfusion.core.statistics import count
from powerfusion.dialects import gir
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger_runs import running
from powerfusion.passes.fusion.rebuild import erase_unused, naive_kernels
from powerfusion.passes.raising.kernels import load
from powerfusion.passes.raising.operands import slice_view

MOST_ROWS = 4  # of a table that is chosen from: each takes a comparison and a choice per element
LEAST_SHARE = 8  # how often as much is looked up as the table has
EQ = 0


@register_pass
@dataclass(frozen=True)
class ChooseRowsPass(Pass):
    """Chooses from the rows of small tables."""

    name: ClassVar[str] = "gir-choose-rows"
    requires: ClassVar[frozenset[str]] = frozenset({"graph-form"})

    def run(self, op: ir.Operation) -> None:
        """Rewrites the gathers of every kernel of a module that nobody has placed."""
        for kernel in naive_kernels(op):
            for inner in operations(entry_block(kernel)):
                if inner.name == "gir.gather" and (picked := _picked(inner)) is not None:
                    _choose(inner, *picked)
                    erase_unused(kernel)


def _picked(op: ir.Operation) -> tuple[int, list[int]] | None:
    """The dimension of a table whose index picks a row of few, and the lookup's dimensions along which rows run.

    None where rows aren't whole, in order, and looked up often.
    """
    table, *indices = op.operands
    shape, looked_up = list(table.type.shape), list(op.result.type.shape)
    if DYNAMIC in shape or DYNAMIC in looked_up or not gir.is_at(table, "dram"):
        return None
    counters = running(indices).counters
    picking = [dim for dim, counter in enumerate(counters) if counter is None]
    if len(picking) != 1 or not 0 < shape[picking[0]] <= MOST_ROWS:
        return None
    runs = [(dim, *counter) for dim, counter in enumerate(counters) if counter is not None]
    along = [counted for _, counted, _ in runs]
    whole = all(shape[dim] == looked_up[counted] and not segments(iota)[0] for dim, counted, iota in runs)
    often = math.prod(looked_up) >= LEAST_SHARE * math.prod(shape)
    return (picking[0], along) if whole and often and along == sorted(set(along)) else None


def _choose(op: ir.Operation, picked: int, along: Sequence[int]) -> None:
    """Replaces a gather by a choice of rows; `along` are its dimensions that these run along, in order."""
    table, index = op.operands[0], op.operands[1 + picked]
    shape = list(table.type.shape)
    new = [dim for dim in range(op.result.type.rank) if dim not in along]
    chosen: ir.Value | None = None
    with ir.InsertionPoint(op), op.location as loc:
        for row in range(shape[picked]):
            offsets = [row if dim == picked else 0 for dim in range(len(shape))]
            sizes = [1 if dim == picked else size for dim, size in enumerate(shape)]
            kept = [size for dim, size in enumerate(shape) if dim != picked]
            type_ = gir.tensor_at("dram", kept, table.type.element_type)
            value = load(slice_view(table, offsets, sizes, [1] * len(shape), [picked], type_, loc), loc)
            if new:
                value = create("gir.broadcast", [value], [op.result.type], {"dims": i64_array(new)}).result
            chosen = value if chosen is None else _select(_is(index, row), value, chosen)
    assert chosen is not None, "a table that is looked up has rows"
    op.result.replace_all_uses_with(chosen)
    op.erase()
    count("lookups that choose rows")


def _is(index: ir.Value, row: int) -> ir.Value:
    type_ = index.type
    number = ir.DenseElementsAttr.get_splat(type_, ir.IntegerAttr.get(type_.element_type, row))
    rows = create("arith.constant", results=[type_], attributes={"value": number}).result
    flags = ir.RankedTensorType.get(type_.shape, ir.IntegerType.get_signless(1), type_.encoding)
    predicate = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), EQ)
    return create("arith.cmpi", [index, rows], [flags], {"predicate": predicate}).result


def _select(flags: ir.Value, one: ir.Value, other: ir.Value) -> ir.Value:
    return create("arith.select", [flags, one, other], [one.type]).result
