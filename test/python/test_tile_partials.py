"""Combiners that loops fold into lane by lane, on the CPU: the same as element after element.

The combiner is an unguarded one: two of its identities give NaN, so lanes that nothing reached would show.
"""

from __future__ import annotations

import numpy as np
import pytest
from tile_form import close, kernel, run, values

import powerfusion as pf

COMBINER = """combiner <commutative> identity [0xFF800000 : f32, 0.0 : f32] {{
    ^bb0(%m1: f32, %l1: f32, %m2: f32, %l2: f32):
      %m = arith.maximumf %m1, %m2 : f32
      %d1 = arith.subf %m1, %m : f32
      %d2 = arith.subf %m2, %m : f32
      %e1 = math.exp %d1 : f32
      %e2 = math.exp %d2 : f32
      %p1 = arith.mulf %l1, %e1 : f32
      %p2 = arith.mulf %l2, %e2 : f32
      %l = arith.addf %p1, %p2 : f32
      gir.yield %m, %l : f32, f32
    }} : T<{rows}x{lanes}xf32>, T<{rows}x{lanes}xf32> into T<{rows}xf32>, T<{rows}xf32>"""
STARTS = """
    %one = arith.constant dense<1.0> : T<{rows}x{lanes}xf32>
    %m0 = arith.constant dense<-1.0> : T<{rows}xf32>
    %l0 = arith.constant dense<2.0> : T<{rows}xf32>
"""
ENDS = """
    gir.store %r#0, %m_m[%c0] : T<{rows}xf32>, D<{rows}xf32>
    gir.store %r#1, %s_m[%c0] : T<{rows}xf32>, D<{rows}xf32>
"""
ONE_LOOP = (
    STARTS
    + """
    %r:2 = scf.for %j = %c0 to %end step %step iter_args(%a = %m0, %b = %l0) -> (T<{rows}xf32>, T<{rows}xf32>) {{
      %x = gir.load %x_m[%c0, %j] : D<{rows}x?xf32> -> T<{rows}x{lanes}xf32>
      %f:2 = gir.reduce %x, %one into %a, %b dims [1] """
    + COMBINER
    + """
      scf.yield %f#0, %f#1 : T<{rows}xf32>, T<{rows}xf32>
    }}
"""
    + ENDS
)


def expected(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From the start -1, 2."""
    wide = np.concatenate([np.full((len(x), 1), -1.0), x.astype(np.float64)], 1)
    most = wide.max(1)
    weights = np.exp(wide - most[:, None])
    weights[:, 0] *= 2
    return most, weights.sum(1)


def outputs(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Arrays to be filled."""
    return np.zeros(rows, np.float32), np.zeros(rows, np.float32)


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("lanes", [2, 3, 5, 8, 33])
def test_a_loop_of_whole_tiles(lanes: int, rows: int, steps: int) -> None:
    """Its length isn't known: after no step at all, what it began from is left."""
    x = values((rows, max(1, lanes * steps)), "f32")
    m, s = outputs(rows)
    text = kernel(
        f"x_m:{rows}x?xf32 m_m:{rows}xf32 s_m:{rows}xf32 end:index step:index",
        ONE_LOOP.format(rows=rows, lanes=lanes),
    )
    run(text, x, m, s, lanes * steps, lanes)
    most, total = expected(x[:, : lanes * steps])
    close(m, most)
    close(s, total)


def test_lanes_stay_apart_in_the_loop() -> None:
    """Two exponentials of whole vectors in the loop, and no tree in it."""
    text = kernel("x_m:1x?xf32 m_m:1xf32 s_m:1xf32 end:index step:index", ONE_LOOP.format(rows=1, lanes=16))
    lines = pf.compile(text).ir("lower").splitlines()
    begin = next(at for at, line in enumerate(lines) if "scf.for" in line)
    end = next(at for at, line in enumerate(lines) if at > begin and "scf.yield" in line)
    inside = [line for line in lines[begin:end] if "math.exp" in line]
    assert len(inside) == 2
    assert all("vector<16xf32>" in line for line in inside)
    assert not any("vector.shuffle" in line for line in lines[begin:end])


NESTED = (
    STARTS
    + """
    %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %m0, %b = %l0) -> (T<{rows}xf32>, T<{rows}xf32>) {{
      %in:2 = scf.for %j = %c0 to %c16 step %c8 iter_args(%c = %a, %d = %b) -> (T<{rows}xf32>, T<{rows}xf32>) {{
        %x = gir.load %x_m[%i, %c0, %j] : D<?x{rows}x21xf32> -> T<1x{rows}x8xf32>
        %y = gir.reshape %x : T<1x{rows}x8xf32> -> T<{rows}x8xf32>
        %f:2 = gir.reduce %y, %one into %c, %d dims [1] valid [%c{rows}, %{full}] """
    + COMBINER
    + """
        scf.yield %f#0, %f#1 : T<{rows}xf32>, T<{rows}xf32>
      }}
      %v = gir.load %x_m[%i, %c0, %c16] valid [%c1, %c{rows}, %c5] : D<?x{rows}x21xf32> -> T<1x{rows}x8xf32>
      %w = gir.reshape %v : T<1x{rows}x8xf32> -> T<{rows}x8xf32>
      %g:2 = gir.reduce %w, %one into %in#0, %in#1 dims [1] valid [%c{rows}, %c5] """
    + COMBINER
    + """
      scf.yield %g#0, %g#1 : T<{rows}xf32>, T<{rows}xf32>
    }}
"""
    + ENDS
)


@pytest.mark.parametrize("full", [8, 7], ids=["all lanes reached", "some lanes never reached"])
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 4])
def test_loops_within_loops_with_a_tail(count: int, rows: int, full: int) -> None:
    """The inner loop and its masked rest fold into what the outer one carries."""
    x = values((max(count, 1), rows, 21), "f32")
    m, s = outputs(rows)
    text = kernel(
        f"x_m:?x{rows}x21xf32 m_m:{rows}xf32 s_m:{rows}xf32 n:index",
        NESTED.format(rows=rows, lanes=8, full=f"c{full}"),
    )
    run(text, x, m, s, count)
    kept = [*range(full), *range(8, 8 + full), *range(16, 21)]
    most, total = expected(x[:count, :, kept].transpose(1, 0, 2).reshape(rows, -1))
    close(m, most)
    close(s, total)


def test_what_else_reads_an_accumulator_keeps_its_order() -> None:
    """A running maximum that is stored in each step must be there in each step."""
    body = ONE_LOOP.format(rows=1, lanes=4).replace(
        "      scf.yield", "      gir.store %f#0, %each_m[%j] : T<1xf32>, D<?xf32>\n      scf.yield", 1
    )
    x = values((1, 12), "f32")
    (m, s), each = outputs(1), np.zeros(12, np.float32)
    text = kernel("x_m:1x?xf32 m_m:1xf32 s_m:1xf32 each_m:?xf32 end:index step:index", body)
    run(text, x, m, s, each, 12, 4)
    most, total = expected(x)
    close(m, most)
    close(s, total)
    close(each[::4], np.maximum.accumulate(np.maximum(x[0].reshape(3, 4).max(1), -1)))
