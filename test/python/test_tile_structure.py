"""Scopes, units that meet, alternatives and launches in tile form, run and held against NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tile_form import ALL, DTYPES, FLOATS, INTEGERS, close, expand, kernel, run, values, wide

import powerfusion as pf
from powerfusion.errors import AssertionFailedError, InputError, UnsupportedError

# -- scopes ------------------------------------------------------------------------------------------


def test_nested_scopes() -> None:
    """Clusters of groups of units each do their part, whatever runs in parallel."""
    body = """
    gir.parallel <cluster> (%k) in (%c2) {
      gir.parallel <group> (%g, %h) in (%c3, %n) {
        gir.parallel <unit> (%u) in (%c4) {
          %t = gir.load %x[%k, %g, %h, %u] : D<2x3x?x4xf32> -> T<1x1x1x1xf32>
          %s = arith.addf %t, %t : T<1x1x1x1xf32>
          gir.store %s, %y[%k, %g, %h, %u] : T<1x1x1x1xf32>, D<2x3x?x4xf32>
        }
      }
    }
    """
    x = values((2, 3, 5, 4), "f32")
    y = np.zeros_like(x)
    run(kernel("x:2x3x?x4xf32 y:2x3x?x4xf32 n:index", body), x, y, 5)
    np.testing.assert_array_equal(y, 2 * x)


REVERSE = """
    gir.parallel <group> (%g) in (%n) {
      %b = gir.alloc : S<4x8xDT>
      gir.parallel <unit> (%u) in (%c4) {
        %t = gir.load %x[%g, %u, %c0] : D<?x4x8xDT> -> T<1x1x8xDT>
        %r = gir.reshape %t : T<1x1x8xDT> -> T<1x8xDT>
        gir.store %r, %b[%u, %c0] : T<1x8xDT>, S<4x8xDT>
        gir.sync <group>
        %v = arith.subi %c3, %u : index
        %o = gir.load %b[%v, %c0] : S<4x8xDT> -> T<1x8xDT>
        %p = gir.reshape %o : T<1x8xDT> -> T<1x1x8xDT>
        gir.store %p, %y[%g, %u, %c0] : T<1x1x8xDT>, D<?x4x8xDT>
      }
    }
"""


@pytest.mark.parametrize("dtype", ALL)
def test_sync(dtype: str) -> None:
    """Units read what others wrote to the chip before the barrier."""
    x = values((3, 4, 8), dtype)
    y = np.zeros_like(x)
    run(kernel(f"x:?x4x8x{dtype} y:?x4x8x{dtype} n:index", REVERSE.replace("DT", dtype)), x, y, 3)
    np.testing.assert_array_equal(y, x[:, ::-1])


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_all_reduce(dtype: str) -> None:
    """Each unit gets the sum and the maximum over all units of its group."""
    maximum = "maximumf" if dtype in FLOATS else "maxsi"
    body = f"""
    gir.parallel <group> (%g) in (%c2) {{
      gir.parallel <unit> (%u) in (%c3) {{
        %t = gir.load %x[%g, %u, %c0] : D<2x3x5x{dtype}> -> T<1x1x5x{dtype}>
        %s, %m = gir.all_reduce <group> %t, %t kinds [#vector.kind<add>, #vector.kind<{maximum}>]
          : T<1x1x5x{dtype}>, T<1x1x5x{dtype}>
        gir.store %s, %y[%g, %u, %c0] : T<1x1x5x{dtype}>, D<2x3x5x{dtype}>
        gir.store %m, %z[%g, %u, %c0] : T<1x1x5x{dtype}>, D<2x3x5x{dtype}>
      }}
    }}
    """
    x = values((2, 3, 5), dtype)
    y, z = np.zeros_like(x), np.zeros_like(x)
    shape = f"2x3x5x{dtype}"
    run(kernel(f"x:{shape} y:{shape} z:{shape}", body), x, y, z)
    total = np.broadcast_to(wide(x).sum(1, keepdims=True), x.shape)
    scale = np.abs(wide(x)).sum(1, keepdims=True) if dtype in FLOATS else 0
    close(y, total, scale=scale)
    np.testing.assert_array_equal(z, np.broadcast_to(x.max(1, keepdims=True), x.shape))


def test_all_reduce_combiner_in_order() -> None:
    """An associative combiner gets the units in order: the first wins."""
    body = """
    gir.parallel <group> () in () {
      gir.parallel <unit> (%u) in (%c3) {
        %t = gir.load %x[%u] : D<3xf32> -> T<1xf32>
        %r = gir.all_reduce <group> %t combiner <associative> identity [0.0 : f32] {
        ^bb0(%later: f32, %sooner: f32):
          gir.yield %sooner : f32
        } : T<1xf32>
        gir.store %r, %y[%u] : T<1xf32>, D<3xf32>
      }
    }
    """
    x, y = values((3,), "f32"), np.zeros(3, np.float32)
    run(kernel("x:3xf32 y:3xf32", body), x, y)
    np.testing.assert_array_equal(y, np.full(3, x[0]))


def test_cluster_collective() -> None:
    """A collective of the cluster combines the units of all its groups, and of no other cluster."""
    body = """
    gir.parallel <cluster> (%k) in (%n) {
      gir.parallel <group> (%g) in (%c2) {
        gir.parallel <unit> (%u) in (%c2) {
          %t = gir.load %x[%k, %g, %u] : D<?x2x2xf32> -> T<1x1x1xf32>
          %a = gir.all_reduce <group> %t kinds [#vector.kind<add>] : T<1x1x1xf32>
          %b = gir.all_reduce <cluster> %t kinds [#vector.kind<add>] : T<1x1x1xf32>
          gir.store %a, %y[%k, %g, %u] : T<1x1x1xf32>, D<?x2x2xf32>
          gir.store %b, %z[%k, %g, %u] : T<1x1x1xf32>, D<?x2x2xf32>
        }
      }
    }
    """
    x = values((3, 2, 2), "f32")
    y, z = np.zeros_like(x), np.zeros_like(x)
    run(kernel("x:?x2x2xf32 y:?x2x2xf32 z:?x2x2xf32 n:index", body), x, y, z, 3)
    close(y, np.broadcast_to(x.sum(2, keepdims=True), x.shape), scale=4)
    close(z, np.broadcast_to(x.sum((1, 2), keepdims=True), x.shape), scale=4)


def test_meeting_in_a_loop_and_a_branch() -> None:
    """What units carry around a loop of meetings is their own; a branch that all take may hold one."""
    body = """
    gir.parallel <group> () in () {
      gir.parallel <unit> (%u) in (%c4) {
        %t = gir.load %x[%u, %c0] : D<4x5xf32> -> T<1x5xf32>
        %r, %k = scf.for %j = %c0 to %n step %c1 iter_args(%a = %t, %b = %u) -> (T<1x5xf32>, index) {
          %s = gir.all_reduce <group> %a kinds [#vector.kind<add>] : T<1x5xf32>
          %d = arith.subf %s, %a : T<1x5xf32>
          %e = scf.if %flag -> (T<1x5xf32>) {
            %q = gir.all_reduce <group> %d kinds [#vector.kind<maximumf>] : T<1x5xf32>
            %p = arith.subf %d, %q : T<1x5xf32>
            scf.yield %p : T<1x5xf32>
          } else {
            scf.yield %d : T<1x5xf32>
          }
          %o = arith.addi %b, %c1 : index
          scf.yield %e, %o : T<1x5xf32>, index
        }
        gir.store %r, %y[%u, %c0] : T<1x5xf32>, D<4x5xf32>
        %w = tensor.splat %k : T<1xindex>
        gir.store %w, %z[%u] : T<1xindex>, D<4xindex>
      }
    }
    """
    text = kernel("x:4x5xf32 y:4x5xf32 z:4xindex n:index flag:i1", body)
    x = values((4, 5), "f32")
    for flag in (False, True):
        y, z = np.zeros_like(x), np.zeros(4, np.int64)
        run(text, x, y, z, 3, flag)
        expected = x.astype(np.float64)
        for _ in range(3):
            expected = expected.sum(0) - expected
            expected = expected - expected.max(0) if flag else expected
        close(y, expected, scale=100)
        np.testing.assert_array_equal(z, np.arange(4) + 3)


def test_split_softmax() -> None:
    """A row over the registers of four units, its maximum and sum by collectives."""
    body = """
    gir.parallel <group> (%g) in (%n) {
      gir.parallel <unit> (%u) in (%c4) {
        %o = affine.apply affine_map<(u) -> (u * 16)>(%u)
        %v = affine.max affine_map<(u)[m] -> (0, m - u * 16)>(%u)[%m]
        %w = arith.minsi %v, %c16 : index
        %lo = arith.constant dense<0xFF800000> : T<1xf32>
        %zero = arith.constant dense<0.0> : T<1xf32>
        %t = gir.load %x[%g, %o] valid [%c1, %w] : D<?x?xf32> -> T<1x16xf32>
        %p = gir.reduce %t into %lo dims [1] valid [%c1, %w] kinds [#vector.kind<maximumf>] : T<1x16xf32> into T<1xf32>
        %q = gir.all_reduce <group> %p kinds [#vector.kind<maximumf>] : T<1xf32>
        %b = gir.broadcast %q dims [1] : T<1xf32> -> T<1x16xf32>
        %d = arith.subf %t, %b : T<1x16xf32>
        %e = math.exp %d : T<1x16xf32>
        %s = gir.reduce %e into %zero dims [1] valid [%c1, %w] kinds [#vector.kind<add>] : T<1x16xf32> into T<1xf32>
        %l = gir.all_reduce <group> %s kinds [#vector.kind<add>] : T<1xf32>
        %k = gir.broadcast %l dims [1] : T<1xf32> -> T<1x16xf32>
        %r = arith.divf %e, %k : T<1x16xf32>
        gir.store %r, %y[%g, %o] valid [%c1, %w] : T<1x16xf32>, D<?x?xf32>
      }
    }
    """
    text = kernel("x:?x?xf32 y:?x?xf32 n:index m:index", body)
    for columns in (64, 50, 3):
        x = values((5, columns), "f32")
        y = np.zeros_like(x)
        run(text, x, y, 5, columns)
        e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
        close(y, e / e.sum(1, keepdims=True))


# -- other structure ---------------------------------------------------------------------------------


def test_alternatives() -> None:
    """The first way is taken, in a kernel too."""
    body = """
    %t = gir.load %x[%c0] : D<8xf32> -> T<8xf32>
    %s = gir.alternatives -> (T<8xf32>) {
      %0 = arith.addf %t, %t : T<8xf32>
      gir.yield %0 : T<8xf32>
    } or {
      %0 = arith.mulf %t, %t : T<8xf32>
      gir.yield %0 : T<8xf32>
    }
    gir.store %s, %y[%c0] : T<8xf32>, D<8xf32>
    """
    x, y = values((8,), "f32"), np.zeros(8, np.float32)
    run(kernel("x:8xf32 y:8xf32", body), x, y)
    np.testing.assert_array_equal(y, 2 * x)


LAUNCH = """
func.func private @double(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
  gir.kernel "double" (%a = %x : memref<?xf32>, %b = %y : memref<?xf32>, %k = %n : index) -> () {
    gir.parallel <group> (%i) in (%k) {
      %t = gir.load %a[%i] : D<?xf32> -> T<1xf32>
      %zero = arith.constant dense<0.0> : T<1xf32>
      %c = arith.cmpf oge, %t, %zero : T<1xf32>
      gir.assert %c, "expected no negative number" : T<1xi1>
      %s = arith.addf %t, %t : T<1xf32>
      gir.store %s, %b[%i] : T<1xf32>, D<?xf32>
    }
    gir.return
  }
  return
}
func.func @main(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
  %w = memref.alloc(%n) : memref<?xf32>
  gir.launch @double(%x, %w, %n) : (memref<?xf32>, memref<?xf32>, index) -> ()
  gir.launch @double(%w, %w, %n) shares [[1, 0]] : (memref<?xf32>, memref<?xf32>, index) -> ()
  gir.launch @double(%w, %y, %n) : (memref<?xf32>, memref<?xf32>, index) -> ()
  return
}
"""


def test_launch() -> None:
    """Outlined kernels are called, several times; their assertions reach the caller."""
    program = pf.compile(expand(LAUNCH))
    x = np.abs(values((5,), "f32"))
    y = np.zeros(5, np.float32)
    program(x, y, 5)
    np.testing.assert_array_equal(y, 8 * x)
    with pytest.raises(AssertionFailedError, match="expected no negative number"):
        program(-x, y, 5)


def test_extern_and_graph_form() -> None:
    """A program in graph form goes through tiling; a library operator is what its body is."""
    text = """
    func.func @main(%x: tensor<?x5xf32>, %n: index) -> tensor<?x5xf32> {
      %y = gir.extern "vm.fabs" (%a = %x : tensor<?x5xf32>) sizes(%n) -> (tensor<?x5xf32>) {
        %0 = gir.move %a : tensor<?x5xf32, #gir.at<dram>> -> T<?x5xf32>
        %1 = math.absf %0 : T<?x5xf32>
        %2 = gir.move %1 : T<?x5xf32> -> tensor<?x5xf32, #gir.at<dram>>
        gir.return %2 : tensor<?x5xf32, #gir.at<dram>>
      }
      return %y : tensor<?x5xf32>
    }
    """
    x = values((3, 5), "f32")
    np.testing.assert_array_equal(pf.compile(expand(text))(x, 3), np.abs(x))


def test_assert_counts_valid_elements() -> None:
    """An assertion on a tile of several rows looks at what is there, and at nothing else."""
    body = """
    %t = gir.load %x[%c0, %c0] : D<3x5xf32> -> T<3x5xf32>
    %zero = arith.constant dense<0.0> : T<3x5xf32>
    %c = arith.cmpf oge, %t, %zero : T<3x5xf32>
    gir.assert %c, "expected no negative number" valid [%n, %m] : T<3x5xi1>
    """
    program = pf.compile(kernel("x:3x5xf32 n:index m:index", body))
    x = np.ones((3, 5), np.float32)
    x[2], x[:, 4] = -1, np.nan
    program(x, 2, 4)
    for n, m in ((3, 4), (2, 5)):
        with pytest.raises(AssertionFailedError, match="expected no negative number"):
            program(x, n, m)


# -- what can't be lowered ---------------------------------------------------------------------------


def test_tile_too_large() -> None:
    """A tile beyond any register file is refused where it stands, with what to do."""
    body = """
    %t = gir.load %x[%c0, %c0] : D<256x128xf32> -> T<256x128xf32>
    gir.store %t, %x[%c0, %c0] : T<256x128xf32>, D<256x128xf32>
    """
    with pytest.raises(UnsupportedError, match=r"a tile of 131072 bytes in 256 rows") as error:
        pf.compile(kernel("x:256x128xf32", body))
    assert error.value.location == "<text>:5:10"
    assert error.value.help is not None


@pytest.mark.parametrize(("units", "message"), [("%n", "unless their number is a constant"), ("%c65", "65 units")])
def test_too_many_units(units: str, message: str) -> None:
    """Units that meet are emitted one by one, so there can't be many, or an unknown number."""
    body = f"gir.parallel <group> () in () {{ gir.parallel <unit> (%u) in ({units}) {{ gir.sync <group> }} }}"
    text = kernel("x:4xf32 n:index", body + "\n" + "%unused = arith.addi %c65, %n : index")
    with pytest.raises(UnsupportedError, match=message):
        pf.compile(text)


def test_bounds_that_differ() -> None:
    """A loop around a meeting that some units leave sooner is refused."""
    body = """
    gir.parallel <group> () in () {
      gir.parallel <unit> (%u) in (%c4) {
        scf.for %i = %c0 to %u step %c1 {
          gir.sync <group>
        }
      }
    }
    """
    with pytest.raises(UnsupportedError, match="a loop's bounds around a meeting of units must be the same"):
        pf.compile(kernel("x:4xf32", body))


def test_saved(tmp_path: Path) -> None:
    """A program that comes in tile form, of 8-bit floats, is saved and loaded; its report knows no least."""
    body = """
    %t = gir.load %x[%c0] : D<8xf8E5M2> -> T<8xf8E5M2>
    %s = arith.addf %t, %t : T<8xf8E5M2>
    gir.store %s, %y[%c0] : T<8xf8E5M2>, D<8xf8E5M2>
    """
    program = pf.compile(kernel("x:8xf8E5M2 y:8xf8E5M2", body))
    assert program.phases == ("tile", "lower", "llvm")
    program.save(tmp_path / "double.pfx")
    x, y = values((8,), "f8E5M2"), np.zeros(8, DTYPES["f8E5M2"])
    pf.load(tmp_path / "double.pfx")(x, y)
    np.testing.assert_array_equal(y, x + x)
    report = program.report()
    assert (report.dram_bytes, report.least_dram_bytes, report.naive_dram_bytes) == (16, None, None)


def test_arguments_in_place() -> None:
    """An array that the program writes to must be writable and contiguous, else nobody would see it."""
    program = pf.compile(kernel("x:4x4xf32", "%n = arith.constant 1 : index"))
    frozen = np.zeros((4, 4), np.float32)
    frozen.flags.writeable = False
    for array in (np.zeros((4, 8), np.float32)[:, ::2], frozen):
        with pytest.raises(InputError, match="expected argument 0 to be contiguous and writable"):
            program(array)
