"""Barriers and collectives of every scope, whatever the order of instances."""

from __future__ import annotations

import numpy as np
import pytest

from powerfusion.core.context import make_context
from powerfusion.errors import DivergentSync, Race
from powerfusion.mlir import ir
from powerfusion.reference import interpret

NESTED = """
func.func @main(%x: memref<2x3x4xf32>, %y: memref<2x3x4xf32>) {
  gir.kernel "k" (%a = %x : memref<2x3x4xf32>, %b = %y : memref<2x3x4xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %c4 = arith.constant 4 : index
    gir.parallel <cluster> (%c) in (%c2) {
      gir.parallel <group> (%g) in (%c3) {
        gir.parallel <unit> (%u) in (%c4) {
          BODY
        }
      }
    }
    gir.return
  }
  return
}"""
MEMREF = "memref<2x3x4xf32, #gir.at<dram>>"
TILE = "tensor<1x1x1xf32, #gir.at<reg>>"


def run(body: str, seed: int) -> np.ndarray:
    """The output of units in groups in clusters."""
    text = NESTED.replace("BODY", body.replace("TILE", TILE).replace("MEMREF", MEMREF))
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    return interpret(ir.Module.parse(text, make_context()), [x, np.zeros_like(x)], seed=seed).arguments[1]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("scope", "axes"), [("group", (2,)), ("cluster", (1, 2))])
def test_all_reduce(scope: str, axes: tuple[int, ...], seed: int) -> None:
    """Each unit of the scope gets the sum over all of its units."""
    got = run(
        f"""%0 = gir.load %a[%c, %g, %u] : MEMREF -> TILE
          %1 = gir.all_reduce <{scope}> %0 kinds [#vector.kind<add>] : TILE
          gir.store %1, %b[%c, %g, %u] : TILE, MEMREF""",
        seed,
    )
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_array_equal(got, np.broadcast_to(x.sum(axes, keepdims=True), x.shape))


@pytest.mark.parametrize("seed", range(6))
def test_combiner_takes_units_in_order(seed: int) -> None:
    """An associative combiner that keeps its later operand gives the last unit's."""
    got = run(
        """%0 = gir.load %a[%c, %g, %u] : MEMREF -> TILE
          %1 = gir.all_reduce <group> %0 combiner <associative> identity [0.0 : f32] {
          ^bb0(%element: f32, %accumulator: f32):
            gir.yield %element : f32
          } : TILE
          gir.store %1, %b[%c, %g, %u] : TILE, MEMREF""",
        seed,
    )
    np.testing.assert_array_equal(got[0, :, 0], [3, 7, 11])


EXCHANGE = """%0 = gir.load %a[%c, %g, %u] : MEMREF -> TILE
          gir.store %0, %b[%c, %g, %u] : TILE, MEMREF
          gir.sync <SCOPE>
          %o = affine.apply affine_map<(g) -> ((g + 1) mod 3)>(%g)
          %1 = gir.load %b[%c, %o, %u] : MEMREF -> TILE
          gir.sync <SCOPE>
          gir.store %1, %b[%c, %g, %u] : TILE, MEMREF"""


@pytest.mark.parametrize("seed", range(6))
def test_groups_of_a_cluster_exchange_after_its_barrier(seed: int) -> None:
    """What a group wrote is seen by the cluster's others behind a barrier of the cluster."""
    got = run(EXCHANGE.replace("SCOPE", "cluster"), seed)
    np.testing.assert_array_equal(got, np.roll(np.arange(24).reshape(2, 3, 4), -1, 1))


@pytest.mark.parametrize("seed", range(6))
def test_barrier_of_a_group_does_not_order_groups(seed: int) -> None:
    """Too fine a barrier is a race between groups."""
    with pytest.raises(Race, match="group"):
        run(EXCHANGE.replace("SCOPE", "group"), seed)


@pytest.mark.parametrize("seed", range(6))
def test_barrier_that_a_group_leaves_out(seed: int) -> None:
    """A barrier of the cluster needs every group."""
    with pytest.raises(DivergentSync, match="without"):
        run("%f = arith.cmpi eq, %g, %c0 : index\n scf.if %f { MEET }".replace("MEET", WITHIN), seed)


WITHIN = """%0 = gir.load %a[%c, %g, %u] : MEMREF -> TILE
          %1 = gir.all_reduce <cluster> %0 kinds [#vector.kind<add>] : TILE"""
