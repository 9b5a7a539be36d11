"""Buffers on the chip, staged windows and copies under way in tile form, run and held against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from tile_form import ALL, kernel, run, values


@pytest.mark.parametrize("dtype", ALL)
def test_stage_and_alloc(dtype: str) -> None:
    """A row of any length is staged, worked on in a buffer of the chip, and stored."""
    body = f"""
    gir.parallel <group> (%g) in (%n) {{
      %w = gir.stage %x[%g, %c1] [1, %m] upto [100] : D<?x?x{dtype}> -> S<1x?x{dtype}>
      %b = gir.alloc sizes(%m) upto [100] : S<1x?x{dtype}>
      scf.for %j = %c0 to %m step %c8 {{
        %v = affine.min affine_map<(j)[m] -> (8, m - j)>(%j)[%m]
        %t = gir.load %w[%c0, %j] valid [%c1, %v] : S<1x?x{dtype}> -> T<1x8x{dtype}>
        gir.store %t, %b[%c0, %j] valid [%c1, %v] : T<1x8x{dtype}>, S<1x?x{dtype}>
      }}
      scf.for %j = %c0 to %m step %c8 {{
        %v = affine.min affine_map<(j)[m] -> (8, m - j)>(%j)[%m]
        %t = gir.load %b[%c0, %j] valid [%c1, %v] : S<1x?x{dtype}> -> T<1x8x{dtype}>
        gir.store %t, %y[%g, %j] valid [%c1, %v] : T<1x8x{dtype}>, D<?x?x{dtype}>
      }}
    }}
    """
    x = values((3, 22), dtype)
    y = np.zeros_like(x[:, 1:])
    run(kernel(f"x:?x?x{dtype} y:?x?x{dtype} n:index m:index", body), x, y, 3, 21)
    np.testing.assert_array_equal(y, x[:, 1:])


@pytest.mark.parametrize("dtype", ALL)
def test_double_buffering(dtype: str) -> None:
    """Tokens are carried around a loop: the next part comes in while this one is stored."""
    body = f"""
    gir.parallel <group> (%g) in (%n) {{
      %b = gir.alloc : S<1x2x6x{dtype}>
      %first = gir.copy %x[%g, %c0, %c0], %b[%c0, %c0, %c0] [1, 1, %m] : D<?x4x6x{dtype}> -> S<1x2x6x{dtype}>
      %last = scf.for %i = %c0 to %c3 step %c1 iter_args(%t = %first) -> (!gir.token) {{
        %next = arith.addi %i, %c1 : index
        %here = arith.remui %i, %c2 : index
        %there = arith.remui %next, %c2 : index
        %u = gir.copy %x[%g, %next, %c0], %b[%c0, %there, %c0] [1, 1, %m] : D<?x4x6x{dtype}> -> S<1x2x6x{dtype}>
        gir.wait %t
        %v = gir.load %b[%c0, %here, %c0] : S<1x2x6x{dtype}> -> T<1x1x6x{dtype}>
        gir.store %v, %y[%g, %i, %c0] : T<1x1x6x{dtype}>, D<?x4x6x{dtype}>
        scf.yield %u : !gir.token
      }}
      gir.wait %last
      %w = gir.load %b[%c0, %c1, %c0] : S<1x2x6x{dtype}> -> T<1x1x6x{dtype}>
      gir.store %w, %y[%g, %c3, %c0] : T<1x1x6x{dtype}>, D<?x4x6x{dtype}>
    }}
    """
    x = values((3, 4, 6), dtype)
    y = np.zeros_like(x)
    run(kernel(f"x:?x4x6x{dtype} y:?x4x6x{dtype} n:index m:index", body), x, y, 3, 6)
    np.testing.assert_array_equal(y, x)


def test_view_of_a_window() -> None:
    """What is a view of a staged window has the layout of what that views."""
    body = """
    %w = gir.stage %x[%c1, %c2] [2, 4] : D<3x9xf32> -> S<2x4xf32>
    %v = memref.subview %w[0, 1] [2, 2] [1, 2] : S<2x4xf32> to VIEW
    %t = gir.load %v[%c0, %c0] : VIEW -> T<2x2xf32>
    gir.store %t, %y[%c0, %c0] : T<2x2xf32>, D<2x2xf32>
    """
    x, y = values((3, 9), "f32"), np.zeros((2, 2), np.float32)
    view = "memref<2x2xf32, strided<[4, 2], offset: 1>, #gir.at<sram>>"
    run(kernel("x:3x9xf32 y:2x2xf32", body.replace("VIEW", view)), x, y)
    np.testing.assert_array_equal(y, x[1:3, 3:6:2])
