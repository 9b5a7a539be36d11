"""Pairs of a store and a load: some that mustn't cancel, each beside a twin that differs in a place and does.

Four things forbid it: somebody else reads what was stored; the window that is loaded is stored only in part; another
store is between; what was stored has been written over through a view of it, or of a part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tile_form import constants, expand

from .random_gir import GirProgram
from .written import Function

Build = Callable[[Function, bool], GirProgram]
PLANTED: list[Planted] = []


@dataclass(frozen=True)
class Planted:
    """A program, and what must be left of its stores and loads when it is simple.

    Attributes:
        name: Of the program, after what forbids the cancellation.
        build: Writes it, with what forbids it (True), or the twin.
        stores: To dram, planted and of the twin.
        again: Loads of what the program has stored itself, planted and of the twin.
    """

    name: str
    build: Build
    stores: tuple[int, int]
    again: tuple[int, int]


def planted(stores: tuple[int, int], again: tuple[int, int] = (1, 0)) -> Callable[[Build], Build]:
    """Notes a program."""

    def note(build: Build) -> Build:
        PLANTED.append(Planted(build.__name__, build, stores, again))
        return build

    return note


# -- another consumer ---------------------------------------------------------------------------------


@planted(stores=(2, 1), again=(0, 0))
def consumer_is_the_caller(f: Function, forbids: bool) -> GirProgram:
    """What is stored is returned as well: it is loaded no more, and stored as before."""
    k = f.kernel(f.input(4, 8))
    stored = k.store(k.negated(k.load(k.taken[0])))
    made = k.store(k.capped(k.load(stored), 2))
    return f.end(*k.end(made, *([stored] if forbids else [])))


@planted(stores=(3, 2))
def consumer_is_another_kernel(f: Function, forbids: bool) -> GirProgram:
    """A kernel that goes over its rows twice can't take part, and reads what the first has stored."""
    x = f.input(8, 8)
    k = f.kernel(x)
    (y,) = k.end(k.store(k.negated(k.load(k.taken[0]))))
    k = f.kernel(y)
    (z,) = k.end(k.store(k.capped(k.load(k.taken[0]), 2)))
    k = f.kernel(y if forbids else x)
    row = k.load(k.taken[0])
    (w,) = k.end(k.store(k.sum(k.highest(row), row)))
    return f.end(z, w)


@planted(stores=(2, 1), again=(0, 0))
def consumer_reads_a_turned_part(f: Function, forbids: bool) -> GirProgram:
    """A view of what was stored is returned: of all of it there is one store, whoever loads some."""
    k = f.kernel(f.input(8, 8))
    stored = k.store(k.negated(k.load(k.taken[0])))
    view = k.permute(k.slice(stored, [2, 0], [4, 8]), 1, 0)
    made = k.store(k.capped(k.load(view), 2))
    return f.end(*k.end(made, *([view] if forbids else [])))


@planted(stores=(3, 1), again=(0, 0))
def consumer_writes_over_it(f: Function, forbids: bool) -> GirProgram:
    """What was stored is what something is inserted into: loaded no more, and stored as before."""
    k = f.kernel(f.input(8, 8), f.input(4, 4))
    stored = k.store(k.negated(k.load(k.taken[0])))
    whole = k.insert(k.store(k.load(k.taken[1])), stored, [2, 2])
    made = k.store(k.capped(k.load(stored), 2))
    return f.end(*k.end(made, *([whole] if forbids else [])))


# -- windows that overlap -----------------------------------------------------------------------------


@planted(stores=(3, 1))
def window_is_partly_inserted(f: Function, forbids: bool) -> GirProgram:
    """A box that is in part what was inserted and in part what was there; the twin is within."""
    k = f.kernel(f.input(16), f.input(8))
    dest, value = (k.store(k.negated(k.load(taken))) for taken in k.taken)
    box = k.slice(k.insert(value, dest, [4]), [2 if forbids else 6], [4])
    return f.end(*k.end(k.store(k.capped(k.load(box), 2))))


@planted(stores=(3, 1))
def window_is_partly_inserted_in_one_dim(f: Function, forbids: bool) -> GirProgram:
    """Within along one dimension, over the edge along the other."""
    k = f.kernel(f.input(8, 8), f.input(4, 4))
    dest, value = (k.store(k.negated(k.load(taken))) for taken in k.taken)
    box = k.slice(k.insert(value, dest, [2, 2]), [3, 3], [2, 4 if forbids else 3])
    return f.end(*k.end(k.store(k.capped(k.load(box), 2))))


@planted(stores=(3, 1))
def window_is_between_strides(f: Function, forbids: bool) -> GirProgram:
    """Every other element is what was inserted; the twin is behind them."""
    k = f.kernel(f.input(16), f.input(4))
    dest, value = (k.store(k.negated(k.load(taken))) for taken in k.taken)
    box = k.slice(k.insert(value, dest, [1], [2]), [2 if forbids else 8], [3])
    return f.end(*k.end(k.store(k.capped(k.load(box), 2))))


@planted(stores=(3, 1))
def window_of_a_window(f: Function, forbids: bool) -> GirProgram:
    """A part of a box that is within what was inserted is within; of one that sticks out it needn't be."""
    k = f.kernel(f.input(16), f.input(8))
    dest, value = (k.store(k.negated(k.load(taken))) for taken in k.taken)
    outer = k.slice(k.insert(value, dest, [4]), [0 if forbids else 4], [6])
    return f.end(*k.end(k.store(k.capped(k.load(k.slice(outer, [2], [4])), 2))))


@planted(stores=(3, 1))
def window_of_another_kernel(f: Function, forbids: bool) -> GirProgram:
    """The same through two kernels."""
    k = f.kernel(f.input(8, 8), f.input(4, 4))
    dest, value = (k.store(k.negated(k.load(taken))) for taken in k.taken)
    (whole,) = k.end(k.insert(value, dest, [2, 2]))
    k = f.kernel(whole)
    box = k.slice(k.taken[0], [1 if forbids else 3, 3], [3, 3])
    return f.end(*k.end(k.store(k.capped(k.load(box), 2))))


# -- a store between ----------------------------------------------------------------------------------


@planted(stores=(4, 1))
def store_between_overlaps(f: Function, forbids: bool) -> GirProgram:
    """What is loaded was stored twice, in part; the twin's second store is of what is loaded, and all of it."""
    k = f.kernel(f.input(16), f.input(8), f.input(8))
    dest, first, second = (k.store(k.negated(k.load(taken))) for taken in k.taken)
    whole = k.insert(second, k.insert(first, dest, [2]), [6 if forbids else 2])
    return f.end(*k.end(k.store(k.capped(k.load(k.slice(whole, [2], [8])), 2))))


@planted(stores=(4, 4))
def store_between_of_another_kernel(f: Function, forbids: bool) -> GirProgram:
    """Another kernel has stored into the box; the twin reads what was there before that."""
    k = f.kernel(f.input(8, 8), f.input(4, 4))
    dest, value = (k.store(k.negated(k.load(taken))) for taken in k.taken)
    (before,) = k.end(k.insert(value, dest, [0, 0]))
    k = f.kernel(before, f.input(4, 4))
    (behind,) = k.end(k.insert(k.store(k.load(k.taken[1])), k.taken[0], [2, 2]))
    k = f.kernel(behind if forbids else before)
    return f.end(*k.end(k.store(k.capped(k.load(k.slice(k.taken[0], [0, 0], [4, 4])), 2))), behind)


@planted(stores=(4, 1))
def store_between_of_parts(f: Function, forbids: bool) -> GirProgram:
    """Something is inserted where two parts meet; the twin's box is of the first part, before that."""
    k = f.kernel(f.input(8), f.input(8), f.input(6))
    first, second, value = (k.store(k.negated(k.load(taken))) for taken in k.taken)
    parts = k.concat(0, first, second)
    box = k.slice(k.insert(value, parts, [5]) if forbids else parts, [2], [6])
    return f.end(*k.end(k.store(k.capped(k.load(box), 2))))


# -- a view that aliases ------------------------------------------------------------------------------


@planted(stores=(3, 1))
def view_of_another_shape(f: Function, forbids: bool) -> GirProgram:
    """A row was written over through a view of rank 1; the twin reads it as it was."""
    k = f.kernel(f.input(4, 8), f.input(4))
    dest, value = (k.store(k.negated(k.load(taken))) for taken in k.taken)
    over = k.reshape(k.insert(value, k.reshape(dest, 32), [10]), 4, 8)
    box = k.slice(over if forbids else dest, [1, 0], [1, 8])
    return f.end(*k.end(k.store(k.capped(k.load(box), 2))))


@planted(stores=(3, 1))
def view_of_a_part(f: Function, forbids: bool) -> GirProgram:
    """Rows in the middle were written over through a view of them."""
    k = f.kernel(f.input(8, 8), f.input(2, 8))
    dest, value = (k.store(k.negated(k.load(taken))) for taken in k.taken)
    over = k.insert(value, k.slice(dest, [2, 0], [4, 8]), [1, 0])
    box = k.slice(over, [0, 0], [2, 8]) if forbids else k.slice(dest, [2, 0], [2, 8])
    return f.end(*k.end(k.store(k.capped(k.load(box), 2))))


@planted(stores=(3, 1))
def view_that_is_turned(f: Function, forbids: bool) -> GirProgram:
    """Columns were written over as rows of the turned view."""
    k = f.kernel(f.input(8, 4), f.input(2, 8))
    dest, value = (k.store(k.negated(k.load(taken))) for taken in k.taken)
    over = k.permute(k.insert(value, k.permute(dest, 1, 0), [1, 0]), 1, 0)
    return f.end(*k.end(k.store(k.capped(k.load(over if forbids else dest), 2))))


@planted(stores=(3, 3))
def view_between_kernels(f: Function, forbids: bool) -> GirProgram:
    """The same through a view of the function, and kernels around it."""
    k = f.kernel(f.input(4, 8))
    (stored,) = k.end(k.store(k.negated(k.load(k.taken[0]))))
    k = f.kernel(f.reshape(stored, 32), f.input(4))
    (over,) = k.end(k.insert(k.store(k.load(k.taken[1])), k.taken[0], [10]))
    k = f.kernel(f.reshape(over, 4, 8) if forbids else stored)
    return f.end(*k.end(k.store(k.capped(k.load(k.taken[0]), 2))), over)


# -- tile form ----------------------------------------------------------------------------------------

VIEW = "memref<8x{k}, strided<[1], offset: 2>, #gir.at<dram>>"
STORES: dict[str, str] = {
    "of the window": "gir.store %n, %x[%c0] : T<4x{k}>, D<16x{k}>",
    "of an overlapping window": "gir.store %n, %x[%c2] : T<4x{k}>, D<16x{k}>",
    "of some of a window": "gir.store %n, %x[%c3] valid [%c1] : T<4x{k}>, D<16x{k}>",
    "in a part": f"""%part = memref.subview %x[2] [8] [1] : D<16x{{k}}> to {VIEW}
    gir.store %n, %part[%c1] : T<4x{{k}}>, {VIEW}""",
    "in another shape": """%rows = memref.expand_shape %x [[0, 1]] output_shape [4, 4] : D<16x{k}> into D<4x4x{k}>
    %row = gir.reshape %n : T<4x{k}> -> T<1x4x{k}>
    gir.store %row, %rows[%c0, %c0] : T<1x4x{k}>, D<4x4x{k}>""",
    "under another name": "gir.store %n, %same[%c1] : T<4x{k}>, D<16x{k}>",
    "in a part under another name": "gir.store %n, %half[%c1] : T<4x{k}>, memref<8x{k}, strided<[1]>, #gir.at<dram>>",
    "at computed places": """%places = gir.iota dim 0 : T<4xindex>
    gir.scatter %n into %x[%places] : T<4x{k}> into D<16x{k}>[T<4xindex>]""",
    "in each step of a loop": """scf.for %i = %c0 to %c3 step %c1 {{
      gir.store %n, %x[%i] : T<4x{k}>, D<16x{k}>
    }}""",
    "by a copy": """%near = gir.alloc : S<4x{k}>
    gir.store %n, %near[%c0] : T<4x{k}>, S<4x{k}>
    %under_way = gir.copy %near[%c0], %x[%c1] [4] : S<4x{k}> -> D<16x{k}>
    gir.wait %under_way""",
}
"""Stores in tile form that change what a window holds: of `%n`, in sixteen elements `%x`, by a window and where."""


def windows(store: str, kind: str, *, between: bool) -> str:
    """A program that loads the first four elements of `%x` twice, and stores in it between them, or behind.

    It negates what it loads first, which is `%n`, and returns what it loaded in `%y`: eight elements.
    """
    first = """%t = gir.load %x[%c0] : D<16x{k}> -> T<4x{k}>
    %n = {negated}"""
    second = "%u = gir.load %x[%c0] : D<16x{k}> -> T<4x{k}>"
    order = [first, STORES[store], second] if between else [first, second, STORES[store]]
    zero = "arith.subi %zero, %t : T<4x{k}>" if kind == "i32" else "arith.negf %t : T<4x{k}>"
    body = "\n    ".join(["%zero = arith.constant dense<0> : T<4xi32>", *order, *KEEP]).replace("{negated}", zero)
    body = expand(body.format(k=kind))
    return f"""func.func @main(%p: memref<16x{kind}>, %q: memref<8x{kind}>) {{
  %half_ = memref.subview %p[0] [8] [1] : memref<16x{kind}> to memref<8x{kind}, strided<[1]>>
  gir.kernel "windows" (%x = %p : memref<16x{kind}>, %same = %p : memref<16x{kind}>,
      %half = %half_ : memref<8x{kind}, strided<[1]>>, %y = %q : memref<8x{kind}>) -> () {{
{constants(body)}
    {body}
    gir.return
  }}
  return
}}
"""


KEEP = ("gir.store %t, %y[%c0] : T<4x{k}>, D<8x{k}>", "gir.store %u, %y[%c4] : T<4x{k}>, D<8x{k}>")
