"""What a group holds at sram of a value that it brings there with halos, and along which dimension that slides.

    x over r, c; a step needs r - 1 to r + 1 and c - 1 to c + 1
    nest r = 256 : 64 : 64 : 4, c = 256 : 256 : 64 : 16     rows of four steps and one on each side, all columns
                                                            from step to step four rows come, and two are kept

A dimension with halos is named where its steps don't cut what units share: along the first loop of the group, and where
each unit has one step. Of the others the group holds all that there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from powerfusion.passes.placement.model import NestDim, extent
from powerfusion.passes.placement.windows import Span, Spans


@dataclass(frozen=True)
class Held:
    """A value at sram.

    Attributes:
        spans: What a step of the group has of it, halos and all.
        dims: The nest's dimensions that these move with, as they are cut for the group: where what it holds slides,
            and where units have one step, its part is one piece.
        slides: The class along which it slides, that of the innermost loop that it moves with; None where it doesn't.
    """

    spans: Spans
    dims: Mapping[int, NestDim]
    slides: int | None = None


def held(nest: Sequence[NestDim], spans: Spans, shape: Sequence[int | None]) -> Held:
    """What a group holds of a value of some shape, of which units need some spans."""
    dims = {dim.cls: dim for dim in nest}
    halos = {cls for span in spans if (cls := span.cls) is not None and not span.is_plain}
    serial = [dim for dim in nest if not dim.swept and dim.steps > 1]
    along = next((dim.cls for dim in serial if dim.cls in halos and dim.units == 1), None)
    whole = {dim.cls for dim in serial if dim.cls in halos and dim.cls != along}
    found = tuple(
        Span(None, 0, 0, extent(size) - 1) if span.cls in whole else span
        for span, size in zip(spans, shape, strict=True)
    )
    named = {span.cls for span in found}
    inner = [dim.cls for dim in serial if dim.cls in named]
    slides = along is not None and inner[-1] == along
    for cls in halos - whole:
        dim = dims[cls]
        if dim.steps == 1 or (slides and cls == along):
            dims[cls] = replace(dim, per_unit=dim.per_group, per_step=dim.per_group)
    return Held(found, dims, along if slides else None)
