"""What cores do counts alike wherever it is: products in a kernel as it is, in a nest, in the bound; and pieces."""

from __future__ import annotations

import math

import pytest

from powerfusion.core._mlir import functions
from powerfusion.executable import compile_phases
from powerfusion.machines.table import find
from powerfusion.passes.analysis.work import WORK_BYTES
from powerfusion.passes.placement.bounds import Bounds
from powerfusion.passes.placement.cost import Place, scattered
from powerfusion.passes.placement.groups import Blocked, form_of, naive_cost
from powerfusion.passes.placement.model import Layout, NestDim, Value
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.rates import product_bytes
from powerfusion.passes.placement.read import read
from powerfusion.passes.placement.windows import Span
from powerfusion.pipelines import IMPORT, RAISE, SIMPLIFY

M, N, K = 96, 160, 224
MATMUL = f"""
func.func @main(%a: tensor<{M}x{K}xf32>, %b: tensor<{K}x{N}xf32>) -> tensor<{M}x{N}xf32> {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{M}x{N}xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<{M}x{N}xf32>) -> tensor<{M}x{N}xf32>
  %c = linalg.matmul ins(%a, %b : tensor<{M}x{K}xf32>, tensor<{K}x{N}xf32>) outs(%z : tensor<{M}x{N}xf32>)
    -> tensor<{M}x{N}xf32>
  return %c : tensor<{M}x{N}xf32>
}}
"""


@pytest.mark.parametrize("name", ["sm_90", "gfx90a", "cpu"])
def test_products_count_everywhere(name: str) -> None:
    """Each product once, however the loops are cut: no kernel looks cheap because nobody gave it a nest."""
    machine = find(name)
    module = compile_phases(MATMUL, (IMPORT, RAISE, SIMPLIFY), "cpu").module("simplify")
    with module.context:
        (function,) = functions(module.operation)
        program, _ = read(function.regions[0].blocks[0])
    objective = Objective("time", machine)
    (node,) = [node for node, kernel in enumerate(program.kernels) if kernel is not None]
    products = product_bytes(machine, "f32") * M * N * K
    naive, form = naive_cost(program, node, objective), form_of(program, machine, [node], objective)
    assert not isinstance(form, Blocked)
    least = Bounds(program, objective).least(1 << node)
    for work in (naive.near, form.cost.near - form.cost.sram, least.near):
        assert products <= work <= 1.01 * products + WORK_BYTES * M * N
    assert least.time_ps <= min(naive.time_ps, form.cost.time_ps)


def test_engines_take_less_for_products_of_narrow_types() -> None:
    """What multiplies bf16 faster than f32 is seen to; who doesn't say how fast takes as long as for any operation."""
    assert product_bytes(find("sm_90"), "bf16") < product_bytes(find("sm_90"), "f32") / 4
    assert product_bytes(find("cpu"), "f32") == WORK_BYTES


@pytest.mark.parametrize(
    ("shape", "steps", "piece"),
    [
        ((27, 2439), (27, 1), 1),
        ((27, 2439), (2, 8), 8),
        ((27, 2439), (1, 32), 0),
        ((99, 5), (4, 5), 0),
        ((99, 5), (1, 5), 5),
    ],
)
def test_pieces_shorter_than_a_vector_are_moved_one_by_one(
    shape: tuple[int, int], steps: tuple[int, int], piece: int
) -> None:
    """Each takes two instructions of a core, as long as vectors; rows that are taken whole are one piece."""
    nest = tuple(
        NestDim(at, size, size, size, step, swept=False)
        for at, (size, step) in enumerate(zip(shape, steps, strict=True))
    )
    spans = tuple(Span(at) for at in range(2))
    value = Value((0, 1), shape, 4)
    layout = Layout(0, (shape[1], 1))
    vector = 64 // 4
    wanted = 2 * WORK_BYTES * vector * math.prod(shape) // piece if piece else 0
    assert scattered(Place(find("cpu"), nest), spans, value, layout) == wanted
    assert scattered(Place(find("sm_90"), nest), spans, value, layout) == 0
