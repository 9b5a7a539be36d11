"""Boxes are what a mask says that they are: unions, cuts, differences, other shapes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from powerfusion.passes.analysis.boxes import Box, Span, common, reshaped, union_volume, whole, without
from powerfusion.symbolic import Polynomial

N = Polynomial.symbol("n")


def places(span: Span) -> list[int]:
    """Where the elements of a span are."""
    offset, size, stride = span
    assert isinstance(offset, int)
    assert isinstance(size, int)
    assert isinstance(stride, int)
    return [offset + stride * step for step in range(size)]


def mask(boxes: Sequence[Box], shape: Sequence[int]) -> np.ndarray:
    """True where an element of a shape is in a box; each box has to lie inside."""
    found = np.zeros(shape, bool)
    for box in boxes:
        found[np.ix_(*(places(span) for span in box))] = True
    return found


@st.composite
def spans(draw: st.DrawFn, extent: int, solid: bool = False) -> tuple[int, int, int]:
    stride = 1 if solid else draw(st.sampled_from([1, 1, 2, 3]))
    size = draw(st.integers(1, -(-extent // stride)))
    return draw(st.integers(0, extent - (size - 1) * stride - 1)), size, stride


@st.composite
def boxes(draw: st.DrawFn, shape: Sequence[int], solid: bool = False) -> Box:
    return tuple(draw(st.one_of(st.just((0, extent, 1)), spans(extent, solid))) for extent in shape)


def count(boxes: Sequence[Box]) -> int:
    """Elements of boxes whose sizes are numbers."""
    found = union_volume(boxes)
    assert isinstance(found, int)
    return found


shapes = st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4)


@given(st.data())
def test_a_union_counts_each_element_once(data: st.DataObject) -> None:
    shape = data.draw(shapes)
    some = data.draw(st.lists(boxes(shape, solid=True), max_size=5))
    assert count(some) == mask(some, shape).sum()
    holey = data.draw(st.lists(boxes(shape), max_size=5))
    assert max((count([box]) for box in holey), default=0) <= count(holey) <= mask(holey, shape).sum()


@given(st.data())
def test_a_difference_is_the_box_without_the_hole(data: st.DataObject) -> None:
    shape = data.draw(shapes)
    box, hole = data.draw(boxes(shape, solid=True)), data.draw(boxes(shape, solid=True))
    rest = without(box, hole)
    assert (mask(rest, shape) == (mask([box], shape) & ~mask([hole], shape))).all()
    assert sum(count([box]) for box in rest) == count(rest)


@given(st.data())
def test_a_cut_is_what_of_a_span_lies_inside(data: st.DataObject) -> None:
    extent = data.draw(st.integers(1, 12))
    span, (low, size, _) = data.draw(spans(extent)), data.draw(spans(extent, solid=True))
    cut = common(span, low, size, extent)
    expected = mask([(span,)], [extent])[low : low + size]
    assert (mask([] if cut is None else [(cut,)], [size]) == expected).all()


@given(st.data())
def test_boxes_in_another_shape_hold_the_same_elements(data: st.DataObject) -> None:
    shape = data.draw(shapes)
    box, other = data.draw(boxes(shape)), regrouped(data, prod(shape))
    found = reshaped(box, shape, other)
    if found is not None:
        assert (mask(found, other).ravel() == mask([box], shape).ravel()).all()
    if box == whole(shape):
        assert found == [whole(other)]


def regrouped(data: st.DataObject, count: int) -> list[int]:
    """Any shape of so many elements."""
    sizes: list[int] = []
    while count > 1 and len(sizes) < 5:
        sizes.append(data.draw(st.sampled_from([size for size in range(1, count + 1) if count % size == 0])))
        count //= sizes[-1]
    return [*sizes, count]


def test_halves_of_rows_are_halves_where_rows_are_split() -> None:
    assert reshaped(((0, 8, 1), (1, 1, 1), (0, 4, 1)), [8, 2, 4], [8, 8]) == [((0, 8, 1), (4, 4, 1))]
    assert reshaped(((0, N, 1), (4, 4, 1)), [N, 8], [N, 2, 4]) == [((0, N, 1), (1, 1, 1), (0, 4, 1))]
    assert reshaped(((2, 3, 1), (0, 8, 1)), [N, 8], [8 * N]) is None
