"""What contractions compute counts alike wherever they are: in a kernel as it is, in a nest, in the bound."""

from __future__ import annotations

import pytest

from powerfusion.core._mlir import functions
from powerfusion.executable import compile_phases
from powerfusion.machines.table import find
from powerfusion.passes.analysis.work import WORK_BYTES
from powerfusion.passes.placement.bounds import Bounds
from powerfusion.passes.placement.groups import Blocked, form_of, naive_cost
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.rates import product_bytes
from powerfusion.passes.placement.read import read
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
