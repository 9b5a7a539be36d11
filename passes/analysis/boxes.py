"""Boxes of a tensor's elements: strided spans per dimension, their unions, and how views see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from itertools import product as combinations
from math import prod

from powerfusion.symbolic import Count, product

MOST_BOXES = 64  # Beyond this many nothing exact is said.
Span = tuple[Count, Count, Count]  # offset, size, stride
Box = tuple[Span, ...]  # one span per dimension
SolidBox = tuple[tuple[int, int], ...]  # offset, size


def whole(shape: Sequence[Count]) -> Box:
    """All of a tensor of a shape."""
    return tuple((0, size, 1) for size in shape)


def volume(box: Box) -> Count:
    """How many elements a box holds."""
    return product(size for _, size, _ in box)


def union_volume(boxes: Sequence[Box]) -> Count:
    """How many elements some boxes hold together; where that can't be said, the most that one holds."""
    boxes = list(dict.fromkeys(boxes))
    volumes = [volume(box) for box in boxes]
    if len(boxes) <= 1:
        return volumes[0] if boxes else 0
    solid = [box for box in map(_solid, boxes) if box is not None]
    return most([*volumes, _solid_union(solid) if len(solid) <= MOST_BOXES else 0])


def most(counts: Sequence[Count]) -> Count:
    """The largest of some counts that are numbers; the first where none is, 0 of none."""
    numbers = [count for count in counts if isinstance(count, int)]
    symbols = [count for count in counts if not isinstance(count, int)]
    if symbols and not any(numbers):
        return symbols[0]
    return max(numbers, default=0)


def common(span: Span, low: Count, size: Count, extent: Count) -> Span | None:
    """What of a span over an extent lies in `low .. low + size`, counted from `low`; None for nothing or unknown."""
    offset, count, stride = span
    if span == (0, extent, 1):
        return (0, size, 1)
    if not (isinstance(low, int) and isinstance(size, int) and isinstance(offset, int) and isinstance(count, int)):
        return None
    if not isinstance(stride, int):
        return None
    first = max(0, -((offset - low) // stride))
    last = min(count - 1, (low + size - 1 - offset) // stride)
    return (offset + first * stride - low, last - first + 1, stride) if first <= last else None


def without(box: Box, hole: Box) -> list[Box]:
    """A box less another; nothing where that can't be said."""
    solid, cut = _solid(box), _solid(hole)
    if solid is None or cut is None:
        return []
    rest: list[Box] = []
    inner = list(solid)
    for dim, ((low, size), (start, length)) in enumerate(zip(solid, cut, strict=True)):
        high, end = low + size, start + length
        for begin, stop in ((low, min(high, start)), (max(low, end), high)):
            if begin < stop:
                part = [*inner[:dim], (begin, stop - begin), *solid[dim + 1 :]]
                rest.append(tuple((offset, count, 1) for offset, count in part))
        if max(low, start) >= min(high, end):
            return [box]
        inner[dim] = (max(low, start), min(high, end) - max(low, start))
    return rest


def reshaped(box: Box, shape: Sequence[Count], other: Sequence[Count]) -> list[Box] | None:
    """The elements of a box of a tensor where it is counted in another shape; None where that isn't few boxes."""
    choices: list[list[Box]] = []
    count = 1
    for mine, theirs in _groups(shape, other):
        spans = box[mine.start : mine.stop]
        found = _regrouped(spans, shape[mine.start : mine.stop], other[theirs.start : theirs.stop])
        if found is None or (count := count * max(len(found), 1)) > MOST_BOXES:
            return None
        choices.append(found)
    return [tuple(span for part in parts for span in part) for parts in combinations(*choices)]


def _groups(shape: Sequence[Count], other: Sequence[Count]) -> Iterator[tuple[range, range]]:
    """The shortest runs of dimensions of two shapes that hold equally many elements."""
    i = j = 0
    while i < len(shape) or j < len(other):
        first, second = i, j
        if i < len(shape) and j < len(other) and shape[i] == other[j]:
            yield range(i, i + 1), range(j, j + 1)
            i, j = i + 1, j + 1
            continue
        mine: Count = 1
        theirs: Count = 1
        while (i, j) == (first, second) or mine != theirs:
            smaller = isinstance(mine, int) and isinstance(theirs, int) and mine <= theirs
            if i < len(shape) and (smaller or j == len(other)):
                mine, i = mine * shape[i], i + 1
            elif j < len(other) and isinstance(mine, int) and isinstance(theirs, int):
                theirs, j = theirs * other[j], j + 1
            else:
                i, j = len(shape), len(other)
                break
        yield range(first, i), range(second, j)


def _regrouped(spans: Box, shape: Sequence[Count], other: Sequence[Count]) -> list[Box] | None:
    if spans == whole(shape):
        return [whole(other)]
    if len(shape) == len(other) == 1:
        return [spans]
    runs = _runs(spans, shape)
    sizes = [size for size in other if isinstance(size, int)]
    if runs is None or len(sizes) < len(other):
        return None
    return [found for low, high in runs for found in _boxes_of(low, high, sizes)]


def _runs(spans: Box, shape: Sequence[Count]) -> list[tuple[int, int]] | None:
    """The elements of a box as few ranges in row-major order."""
    if not spans:
        return [(0, 1)]
    (offset, size, stride), inner = spans[0], product(shape[1:])
    if not isinstance(offset, int) or not isinstance(size, int) or not isinstance(stride, int):
        return None
    if not isinstance(inner, int):
        return None
    if spans[1:] == whole(shape[1:]) and (stride == 1 or size == 1):
        return [(offset * inner, (offset + size) * inner)]
    rest = _runs(spans[1:], shape[1:])
    if rest is None or size * len(rest) > MOST_BOXES:
        return None
    starts = [(offset + stride * step) * inner for step in range(size)]
    return [(start + low, start + high) for start in starts for low, high in rest]


def _boxes_of(low: int, high: int, shape: Sequence[int]) -> list[Box]:
    """A range in row-major order as boxes of a shape."""
    if not shape:
        return [()] if low < high else []
    if len(shape) == 1:
        return [((low, high - low, 1),)]
    row = prod(shape[1:])
    first, last = low // row, high // row
    if low % row and first == last:
        return [((first, 1, 1), *rest) for rest in _boxes_of(low - first * row, high - first * row, shape[1:])]
    found: list[Box] = []
    if low % row:
        found += [((first, 1, 1), *rest) for rest in _boxes_of(low % row, row, shape[1:])]
        first += 1
    if first < last:
        found.append(((first, last - first, 1), *whole(shape[1:])))
    if high % row:
        found += [((last, 1, 1), *rest) for rest in _boxes_of(0, high % row, shape[1:])]
    return found


def _solid(box: Box) -> SolidBox | None:
    """A box whose sizes are known and that has no holes."""
    solid: list[tuple[int, int]] = []
    for offset, size, stride in box:
        if not isinstance(offset, int) or not isinstance(size, int) or (stride != 1 and size != 1):
            return None
        solid.append((offset, size))
    return tuple(solid)


def _solid_union(boxes: list[SolidBox]) -> int:
    """Elements in the union of boxes without holes, summed dimension by dimension."""
    boxes = [box for box in boxes if all(size > 0 for _, size in box)]
    if not boxes:
        return 0
    if not boxes[0]:
        return 1
    cuts = sorted({edge for (offset, size), *_ in boxes for edge in (offset, offset + size)})
    count = 0
    for low, high in pairwise(cuts):
        covering = [box[1:] for box in boxes if box[0][0] <= low and box[0][0] + box[0][1] >= high]
        count += (high - low) * _solid_union(covering)
    return count
