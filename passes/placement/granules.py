"""What a movement asks of DRAM in whole granules, where no cache in front of it keeps the rest of them.

    rows of 2000 B, granules of 64 B     a step of a row      32 or 33 granules, up to 2112 B
                                         a step of 4 rows     125 granules, 8000 B

Each execution asks for the granules that its window touches. Windows that lie alike are counted together: of each
dimension, how often a window begins where in a granule, with how many elements; dimensions are independent.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from powerfusion.passes.analysis.ledger_granules import granules
from powerfusion.passes.placement.model import Layout, NestDim, extent
from powerfusion.passes.placement.windows import Span, Spans

Alike = dict[tuple[int, tuple[int, ...]], int]
"""How often windows begin there in a granule, with so many elements per dimension."""


@lru_cache(maxsize=16384)
def asked_bytes(
    nest: tuple[NestDim, ...],
    layout: Layout,
    spans: Spans,
    shape: tuple[int | None, ...],
    element: int,
    granule: int,
    grouped: bool,
    slides: int | None = None,
) -> int:
    """Bytes of the granules that a movement asks for in all steps of the dimensions that it moves with.

    Args:
        nest: The loops.
        layout: How the value lies in memory.
        spans: Its window.
        shape: Its sizes.
        element: Bytes of one.
        granule: Bytes of one.
        grouped: Whether an execution serves a whole group.
        slides: A class along which what a group has in a step isn't asked for in the next.
    """
    by_class = {dim.cls: dim for dim in nest}
    pitches = [stride * element for stride in layout.strides]
    known: Alike = {(layout.offset * element % granule, ()): 1}
    for span, size, pitch in zip(spans, shape, pitches, strict=True):
        if span.cls is None:
            along = {(span.low * pitch % granule, span.high - span.low + 1): 1}
        else:
            along = _along(by_class[span.cls], span, extent(size), pitch, granule, grouped, span.cls == slides)
        known = _crossed(known, along, granule)
    shifts = range(0, granule, math.gcd(granule, *(step * element for step in layout.steps)))
    touched = sum(
        times
        * max(granules(phase + shift, tuple(zip(counts, pitches, strict=True)), element, granule) for shift in shifts)
        for (phase, counts), times in known.items()
    )
    return touched * granule


def _crossed(known: Alike, along: dict[tuple[int, int], int], granule: int) -> Alike:
    made: Alike = {}
    for (phase, counts), times in known.items():
        for (more, count), often in along.items():
            key = ((phase + more) % granule, (*counts, count))
            made[key] = made.get(key, 0) + times * often
    return made


@lru_cache(maxsize=16384)
def _along(
    dim: NestDim, span: Span, size: int, pitch: int, granule: int, grouped: bool, slides: bool
) -> dict[tuple[int, int], int]:
    """How often a window begins where in a granule, and how long it is, along a dimension of a value."""
    begin, end = _steps(dim, grouped)
    low = np.maximum(span.scale * begin + span.low, 0)
    high = np.minimum(span.scale * (end - 1) + span.high + 1, size)
    if slides:
        follows = begin[1:] // dim.per_group == begin[:-1] // dim.per_group
        low[1:] = np.where(follows, np.maximum(low[1:], high[:-1]), low[1:])
    lengths = np.maximum(high - low, 0)
    most = int(lengths.max(initial=0)) + 1
    found, times = np.unique((low * pitch % granule) * most + lengths, return_counts=True)
    return {divmod(int(key), most): int(often) for key, often in zip(found, times, strict=True)}


def _steps(dim: NestDim, grouped: bool) -> tuple[np.ndarray, np.ndarray]:
    """Where steps begin and end: those of units, or what a group brings for all of its units at once."""
    size = extent(dim.size)
    group = np.arange(0, size, dim.per_group)[:, None, None]
    last = np.minimum(group + dim.per_group, size)
    if grouped and (dim.swept or dim.steps == 1 or dim.units == 1):
        step = dim.per_group if dim.swept else dim.per_step * dim.units
        begin = group + np.arange(0, min(dim.per_group, size), step)[None, :, None]
        end = np.minimum(begin + step, last)
    else:
        unit = group + (np.arange(dim.units) * dim.per_unit)[None, :, None]
        last = np.minimum(unit + dim.per_unit, last)
        begin = unit + np.arange(0, min(dim.per_unit, size), dim.per_step)[None, None, :]  # Of what is open, no more.
        end = np.minimum(begin + dim.per_step, last)
    there = begin < end
    return begin[there], end[there]
