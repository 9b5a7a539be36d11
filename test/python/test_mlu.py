"""Programs in BANG C: they run in the simulator without faults, as NumPy says, and move what the ledger says."""

from __future__ import annotations

import re

import numpy as np
import pytest
from simulated import ADD_EXP, MAP, compiled, moved
from test_workloads import check as check_workload

import powerfusion as pf
from powerfusion.errors import UnsupportedError
from workloads import find


def test_elementwise() -> None:
    """Both inputs are under way at the same time; one call per op does a whole tile, in place."""
    program = compiled(ADD_EXP, "mlu:mlu372")
    text = program.c_source.code
    assert "#include <bang.h>" in text
    assert re.search(r"GDRAM2NRAM.*\n(?:(?!__sync_io).*\n)*.*GDRAM2NRAM", text), "one copy isn't waited for first"
    assert re.search(r"__bang_add\((\w+), \1, \w+, \d+\);\n\s*__bang_active_exphp\(\1, \1, \d+\);", text)
    x, y = np.random.default_rng(0).standard_normal((2, 70, 300)).astype(np.float32)
    np.testing.assert_allclose(program(x, y), np.exp(x + y), rtol=1e-6)
    counted, ledger = moved(program)
    assert counted == ledger == 3 * 70 * 300 * 4


def test_shared_memory() -> None:
    """Inputs rest in the memory that four cores share: the next part is under way while they compute with this one."""
    workload = find("relu_add")
    program = compiled(workload.text("small"), "mlu:mlu592")
    text = program.c_source.code
    for word in ("__mlu_shared__", "__sync_cluster()", "PF_LAUNCH_GROUPS("):
        assert word in text
    kernel = text[text.index("__mlu_global__ void") :]
    before, body = kernel.split("for (int64_t", 1)
    assert "GDRAM2SRAM" in before
    assert "__sync_io()" not in before, "the first part is waited for where it is used"
    order = [body.index(word) for word in ("__sync_io()", "__sync_cluster()", "GDRAM2SRAM", "SRAM2NRAM", "__bang_add")]
    assert order == sorted(order)
    inputs = workload.inputs("small")
    check_workload(workload, program(*inputs), inputs, workload.name)
    counted, ledger = moved(program)
    assert counted == ledger


@pytest.mark.parametrize("machine", ["mlu372", "mlu592"])
def test_softmax(machine: str) -> None:
    """Rows by reductions, what is behind them filled; a difference with, and a product with, one number per row."""
    workload = find("softmax_4096x1009")
    program = compiled(workload.text("small"), f"mlu:{machine}")
    text = program.c_source.code
    for call in ("__bang_argmax", "__bang_sub_scalar", "__bang_active_exphp", "__bang_reduce_sum", "__bang_mul_scalar"):
        assert f"{call}(" in text
    inputs = workload.inputs("small")
    check_workload(workload, program(*inputs), inputs, workload.name)
    counted, ledger = moved(program)
    assert counted == ledger


def test_narrow_floats() -> None:
    """Memory holds their bits, one computes in f32 on runs of its own granules."""
    workload = find("rmsnorm", "bf16")
    program = compiled(workload.text("small"), "mlu:mlu372")
    inputs = workload.inputs("small")
    check_workload(workload, program(*inputs), inputs, workload.name)
    counted, ledger = moved(program)
    assert counted == ledger


def test_halves() -> None:
    """What is exact in halves is computed in them; an exponential goes through float, rounded once."""
    text = ADD_EXP.replace("f32", "f16")
    program = compiled(text, "mlu:mlu372")
    code = program.c_source.code
    order = [code.index(f"{word}(") for word in ("__bang_add", "__bang_half2float", "__bang_active_exphp")]
    assert [*order, code.index("__bang_float2half_rn(")] == sorted([*order, code.index("__bang_float2half_rn(")])
    x, y = np.random.default_rng(0).standard_normal((2, 70, 300)).astype(np.float16)
    wanted = np.exp((x + y).astype(np.float32)).astype(np.float16)
    np.testing.assert_array_max_ulp(program(x, y), wanted, 1)
    counted, ledger = moved(program)
    assert counted == ledger == 3 * 70 * 300 * 2


PREDICATES = {
    name: (lambda a, b, how=how, nans=nans: how(a, b) | (nans & (np.isnan(a) | np.isnan(b))))
    for letter, nans in (("o", False), ("u", True))
    for name, how in (
        (f"{letter}gt", np.greater),
        (f"{letter}ge", np.greater_equal),
        (f"{letter}lt", np.less),
        (f"{letter}le", np.less_equal),
    )
}


@pytest.mark.parametrize("number", ["0.0", "-0.0", "1.5"])
def test_selections_that_are_extremes(number: str) -> None:
    """Those that are a maximum or a minimum to the last bit are an intrinsic: NaNs and signs of zeros count."""
    lines, results, wanted = [], [], []
    x = np.array([[np.nan, -0.0, 0.0, 1.5, -1.5, 2.0, np.inf, -np.inf]] * 2, np.float32)
    c = np.full_like(x, float(number))
    for name, compare in PREDICATES.items():
        for order, (yes, no) in {"%a, %k": (x, c), "%k, %a": (c, x)}.items():
            at = f"%r{len(results)}"
            lines.append(f"""
  {at} = linalg.generic {{indexing_maps = [{MAP}, {MAP}], iterator_types = ["parallel", "parallel"]}}
      ins(%x : tensor<2x8xf32>) outs(%e : tensor<2x8xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %1 = arith.cmpf {name}, %a, %k : f32
    %2 = arith.select %1, {order} : f32
    linalg.yield %2 : f32
  }} -> tensor<2x8xf32>""")
            results.append(at)
            wanted.append(np.where(compare(x, c), yes, no))
    types = ", ".join(["tensor<2x8xf32>"] * len(results))
    text = f"""func.func @chosen(%x: tensor<2x8xf32>) -> ({types}) {{
  %k = arith.constant {number} : f32
  %e = tensor.empty() : tensor<2x8xf32>{"".join(lines)}
  return {", ".join(results)} : {types}
}}"""
    program = compiled(text, "mlu:mlu372")
    for at, (got, want) in enumerate(zip(program(x), wanted, strict=True)):
        np.testing.assert_array_equal(got.view(np.uint32) & ~_nans(want), want.view(np.uint32) & ~_nans(want), f"{at}")
    calls = program.simulation.calls if program.simulation else {}
    assert [calls.get(f"__bang_{name}", 0) > 0 for name in ("maximum", "minimum")] == [number != "-0.0"] * 2


def _nans(array: np.ndarray) -> np.ndarray:
    """All bits where an element is no number."""
    return np.where(np.isnan(array), np.uint32(0xFFFFFFFF), np.uint32(0))


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_narrow_accumulators(dtype: str) -> None:
    """They are wider than what memory has, and rounded before they are copied there."""
    workload = find("max_pool").in_dtype(dtype)
    inputs = workload.inputs("small")
    check_workload(workload, compiled(workload.text("small"), "mlu:mlu372")(*inputs), inputs, dtype)


def test_a_type_that_the_machine_lacks() -> None:
    """An error at the op, with what comes nearest."""
    with pytest.raises(UnsupportedError, match="mlu372 has no f64") as caught:
        compiled(ADD_EXP.replace("f32", "f64"), "mlu:mlu372")
    assert caught.value.help == "compute it in f32"
    assert str(caught.value).startswith("<text>:4:8: "), "where the op stands"


@pytest.mark.parametrize(("rows", "columns"), [(64, 96), (7, 90)])
def test_transposition(rows: int, columns: int) -> None:
    """Blocks of whole granules by the intrinsic, others element by element."""
    turned, type_ = f"tensor<{columns}x{rows}xf32>", f"tensor<{rows}x{columns}xf32>"
    text = f"""
func.func @turned(%x: {turned}, %y: {type_}) -> {type_} {{
  %e = tensor.empty() : {type_}
  %0 = linalg.transpose ins(%x : {turned}) outs(%e : {type_}) permutation = [1, 0]
  %1 = linalg.add ins(%0, %y : {type_}, {type_}) outs(%e : {type_}) -> {type_}
  return %1 : {type_}
}}"""
    program = compiled(text, "mlu:mlu372")
    x = np.random.default_rng(0).standard_normal((columns, rows)).astype(np.float32)
    y = np.random.default_rng(1).standard_normal((rows, columns)).astype(np.float32)
    np.testing.assert_array_equal(program(x, y), x.T + y)
    assert program.simulation is not None
    assert ("__bang_transpose" in program.simulation.calls) == (columns == 96)
    counted, ledger = moved(program)
    assert counted == ledger


def test_smaller_tiles() -> None:
    """Where tiles and what is needed beside them don't fit, a program is placed with smaller ones."""
    text = compiled(find("swiglu").text(), "mlu:mlu372").c_source.code
    found = re.search(r"__nram__ uint8_t nram_memory\[(\d+)\];", text)
    assert found
    assert int(found[1]) <= (768 - 128) << 10


def test_needs_a_device() -> None:
    """Without the simulator there is a text, and an error that says what would help."""
    program = pf.compile(ADD_EXP, target="mlu:mlu372")
    assert "__mlu_global__" in program.c_source.code
    x = np.zeros((70, 300), np.float32)
    with pytest.raises(UnsupportedError, match="no mlu372 is at hand") as caught:
        program(x, x)
    assert "device='sim'" in str(caught.value.help)
    with pytest.raises(UnsupportedError, match="expected the device 'sim', got 'mlu0'"):
        pf.compile(ADD_EXP, target="mlu:mlu372", device="mlu0")
    with pytest.raises(UnsupportedError, match="nothing simulates code for 'cpu'"):
        pf.compile(ADD_EXP, device="sim")
