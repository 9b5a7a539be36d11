"""Alternatives at function level: making them of kernels, and taking one of them."""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import create, operations
from powerfusion.mlir import ir
from powerfusion.passes.fusion.rebuild import copy_op


def wrap(members: Sequence[ir.Operation], results: Sequence[ir.Value], ways: int) -> ir.Operation:
    """Moves ops into the first region of an alternatives op in the last one's place; the others are empty still.

    Args:
        members: Ops of one block, in order.
        results: Those of their results that are used elsewhere.
        ways: How many regions there are.
    """
    last = members[-1]
    location = ir.Location.fused([member.location for member in members])
    with ir.InsertionPoint(last), location:
        made = create("gir.alternatives", results=[value.type for value in results], regions=ways, loc=location)
    first, *_ = [region.blocks.append() for region in made.regions]
    for old, new in zip(results, made.results, strict=True):
        old.replace_all_uses_except(new, list(members))
    with ir.InsertionPoint(first), location:
        end = create("gir.yield", results)
    for member in members:
        member.move_before(end)
    return made


def results_of(members: Sequence[ir.Operation]) -> list[ir.Value]:
    """The results of some ops that are used elsewhere."""
    inside = set(members)
    return [
        result
        for member in members
        for result in member.results
        if any(use.owner.operation not in inside for use in result.uses)
    ]


def copy_way(op: ir.Operation, source: int, target: int) -> ir.Block:
    """Copies what is in one region of alternatives into another, which is empty; gives that one's block."""
    block = op.regions[target].blocks[0]
    known: dict[ir.Value, ir.Value] = {}
    with ir.InsertionPoint(block):
        for inner in operations(op.regions[source].blocks[0]):
            copy_op(inner, known)
    return block


def choose(op: ir.Operation, region: int) -> list[ir.Operation]:
    """Replaces alternatives by the ops of one of their regions, in place; gives these ops, in order.

    Args:
        op: A `gir.alternatives`.
        region: Which way, counted from 0.
    """
    *body, end = operations(op.regions[region].blocks[0])
    for inner in body:
        inner.move_before(op)
    for result, value in zip(op.results, end.operands, strict=True):
        result.replace_all_uses_with(value)
    op.erase()
    return body
