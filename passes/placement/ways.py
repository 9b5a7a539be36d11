"""Which of several ways to one result is taken: the one with which the whole block costs least.

Ways are tried one after the other, each with what was taken before: as the first of all, then each other in its place.
"""

from __future__ import annotations

from collections.abc import Sequence

from powerfusion.core._mlir import operations
from powerfusion.mlir import ir
from powerfusion.passes.expansion.alternatives import choose
from powerfusion.passes.fusion.drop_units import drop_units
from powerfusion.passes.fusion.rebuild import is_naive, sort_block
from powerfusion.passes.placement.alike import Forms
from powerfusion.passes.placement.model import Cost
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.read import read
from powerfusion.passes.placement.search import search

MOST_WAYS = 16  # alternatives in a block of which others than the first are tried


def take_ways(block: ir.Block, objective: Objective, budget: int, forms: Forms) -> tuple[int, ...]:
    """Replaces the alternatives of a block by the best of their regions; gives the numbers of these.

    Args:
        block: Of a function.
        objective: What is made small.
        budget: Of each search.
        forms: What searches found; what these find is added.
    """
    ways = _ways(block)
    chosen = [0] * len(ways)
    if ways:
        best = _cost(block, chosen, objective, budget, forms)
        for at, op in enumerate(ways[:MOST_WAYS]):
            for region in range(1, len(op.regions)):
                tried = [*chosen[:at], region, *chosen[at + 1 :]]
                cost = _cost(block, tried, objective, budget, forms)
                if objective.key(cost) < objective.key(best):
                    chosen, best = tried, cost
        _take(block, chosen)
    return tuple(chosen)


def prepare(block: ir.Block) -> None:
    """Brings the kernels of a block into the form in which they are read."""
    for kernel in filter(is_naive, operations(block)):
        drop_units(kernel)


def _ways(block: ir.Block) -> list[ir.Operation]:
    return [op for op in operations(block) if op.name == "gir.alternatives"]


def _take(block: ir.Block, chosen: Sequence[int]) -> None:
    for op, region in zip(_ways(block), chosen, strict=True):
        choose(op, region)
    sort_block(block)


def _cost(block: ir.Block, chosen: Sequence[int], objective: Objective, budget: int, forms: Forms) -> Cost:
    """What a block costs with some ways taken: worked out on a copy of its function."""
    function = block.owner.operation
    number = list(function.regions[0].blocks).index(block)
    copy = function.clone().operation
    there = copy.regions[0].blocks[number]
    _take(there, chosen)
    prepare(there)
    program, _ = read(there)
    return search(program, objective, budget, forms=forms).cost
