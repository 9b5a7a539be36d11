"""What a placement costs, and which nest a machine gets: pure functions of numbers.

    useful(value) = bytes of the value x parts and steps of the dimensions around it that it doesn't run over

Of that arrives, once, what a cache in front of DRAM keeps for as long as a group runs; else all of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from powerfusion.machines.model import Machine
from powerfusion.passes.placement.model import Cost, NestDim, Step, Where

STEP_ELEMENTS = 32  # of a step, along the dimension that lies side by side in memory
LEAST_ELEMENTS = 16 * 1024  # of a group: below it, starting a thread costs more than it brings
GROUPS_PER_CORE = 4  # so that cores that finish early find something to do
WORK_BYTES = 4  # of sram, that take a core as long as an operation on an element
ASSUMED = 1024  # what an open size counts as


def nest_of(
    machine: Machine, rows: Sequence[int], swept: Sequence[int], sizes: Mapping[int, int | None], lane: int | None
) -> tuple[NestDim, ...]:
    """The nest over some rows, of which groups get parts, and swept dimensions, which each group has whole.

    Args:
        machine: How many groups run at once.
        rows: Classes, outermost first.
        swept: Classes, outermost first.
        sizes: By class; None where open.
        lane: The class that is contiguous in memory, which is taken in longer steps.
    """
    steps = {cls: min(STEP_ELEMENTS, sizes[cls] or STEP_ELEMENTS) if cls == lane else 1 for cls in (*rows, *swept)}
    parts = parts_of(machine, [sizes[cls] for cls in rows], math.prod(extent(sizes[cls]) for cls in swept))
    dims = [
        NestDim(cls, sizes[cls], rounded(part, steps[cls], sizes[cls]), steps[cls], swept=False)
        for cls, part in zip(rows, parts, strict=True)
    ]
    return (*dims, *(NestDim(cls, sizes[cls], extent(sizes[cls]), steps[cls], swept=True) for cls in swept))


def parts_of(machine: Machine, rows: Sequence[int | None], row_elements: int) -> list[int]:
    """How many rows a group gets of each dimension: enough groups for the cores, none of them tiny.

    Where a size is open it may be small: groups then are as small as they may be.
    """
    known = [size for size in rows if size is not None]
    left = max(1, LEAST_ELEMENTS // max(row_elements, 1))
    if len(known) == len(rows):
        total = math.prod(known)
        groups = max(1, min(GROUPS_PER_CORE * cores(machine), total * row_elements // LEAST_ELEMENTS))
        left = -(-total // groups)
    parts: list[int] = []
    for size in reversed(rows):
        parts.append(left if size is None else min(size, left))
        left = -(-left // parts[-1])
    return parts[::-1]


def cores(machine: Machine) -> int:
    """How many groups run at once."""
    limits = machine.scope("group")
    return (limits.count if limits else None) or 1


def rounded(part: int, step: int, size: int | None) -> int:
    """A group's part in whole steps, not beyond the size."""
    whole = -(-part // step) * step
    return whole if size is None else min(whole, size)


def extent(size: int | None) -> int:
    """A size to count with."""
    return ASSUMED if size is None else size


def is_idle(machine: Machine, nest: Sequence[NestDim]) -> bool:
    """Whether a nest leaves cores without work though there is enough of it."""
    elements = math.prod(extent(dim.size) for dim in nest)
    groups = math.prod(groups_of(dim) for dim in nest)
    return groups < cores(machine) and elements >= cores(machine) * LEAST_ELEMENTS


def groups_of(dim: NestDim) -> int:
    """How many groups share a dimension."""
    return -(-extent(dim.size) // dim.per_group)


def executions(nest: Sequence[NestDim], classes: Sequence[int], *, grouped: bool) -> int:
    """How often what runs over some dimensions is moved as a whole; `grouped` moves are outside of swept loops."""
    order = [dim for dim in nest if not dim.swept] + ([] if grouped else [dim for dim in nest if dim.swept])
    inner = max((at for at, dim in enumerate(order) if dim.cls in classes and dim.steps > 1), default=-1)
    count = 1
    for at, dim in enumerate(order):
        if dim.cls not in classes:
            count *= _steps(dim) if at <= inner else groups_of(dim)
    return count


def _steps(dim: NestDim) -> int:
    """All steps of a dimension, over its groups."""
    size = extent(dim.size)
    whole, rest = divmod(size, dim.per_group)
    return whole * dim.steps + -(-rest // dim.per_step)


def held(nest: Sequence[NestDim], classes: Sequence[int], element_bytes: int) -> int:
    """Bytes that rest at sram of a value: all of swept dimensions, a step of the others."""
    dims = {dim.cls: dim for dim in nest}
    return element_bytes * math.prod(dims[cls].per_group if dims[cls].swept else dims[cls].per_step for cls in classes)


def whole(nest: Sequence[NestDim], classes: Sequence[int], element_bytes: int) -> int:
    """Bytes of a value."""
    sizes = {dim.cls: extent(dim.size) for dim in nest}
    return element_bytes * math.prod(sizes[cls] for cls in classes)


def cost_of(
    machine: Machine,
    nest: Sequence[NestDim],
    steps: Sequence[Step],
    values: Mapping[int, tuple[Sequence[int], int]],
    work: Mapping[int, int],
    sources: Mapping[int, tuple[int, str]],
) -> Cost:
    """What a schedule costs.

    Args:
        machine: Its caches.
        nest: The loops.
        steps: The schedule.
        values: By step, classes and element's bytes of what it moves or computes.
        work: By op, what an element costs.
        sources: By load, the tensor and the view that it takes.
    """
    caches = machine.caches_of(machine.space_of("dram").name)
    capacity = max((cache.capacity_bytes or 0 for cache in caches), default=0)
    reads = [at for at, step in enumerate(steps) if step.where in (Where.LOAD, Where.STAGE)]
    touched = sum(_touched(nest, *values[at]) for at in reads)
    kept = touched <= capacity
    seen: set[tuple[int, str]] = set()
    cost = Cost(launches=1)
    for at, step in enumerate(steps):
        classes, element_bytes = values[at]
        once = whole(nest, classes, element_bytes)
        if step.where is Where.DO:
            cost += Cost(near=whole(nest, classes, WORK_BYTES) * work[step.op])
            continue
        moved = once * executions(nest, classes, grouped=step.where is Where.STAGE)
        if step.where in (Where.REST, Where.FETCH):
            cost += Cost(near=moved, sram=moved)
            continue
        again = step.where is not Where.STORE and sources[step.op] in seen
        arriving = moved if step.where is Where.STORE or not kept else 0 if again else once
        if step.where is not Where.STORE:
            seen.add(sources[step.op])
        filled = moved if step.where is Where.STAGE else 0
        cost += Cost(arriving=arriving, useful=moved, near=filled, sram=filled)
    return cost


def _touched(nest: Sequence[NestDim], classes: Sequence[int], element_bytes: int) -> int:
    """Bytes of a value that a group touches."""
    parts = {dim.cls: dim.per_group for dim in nest}
    return element_bytes * math.prod(parts[cls] for cls in classes)
