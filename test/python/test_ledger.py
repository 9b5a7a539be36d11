"""The ledger: bytes against sums worked out by hand, and what simplifying may do to them."""

from __future__ import annotations

import numpy as np
import pytest
from programs.check import check_call, parameters
from programs.program import Program
from programs.upstream import result_dtypes

import powerfusion as pf
from powerfusion.executable import compile_phases
from powerfusion.frontend.source import read_module
from powerfusion.passes.analysis.least_bytes import least_dram_bytes
from powerfusion.passes.analysis.ledger import kernel_reports
from powerfusion.phases import run_phase
from powerfusion.pipelines import CPU, IMPORT, RAISE, SIMPLIFY
from powerfusion.symbolic import Polynomial, total

F32, F64 = 4, 8

RELU_ADD = """
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @relu_add(%x: tensor<ROWSx1000xf32>, %y: tensor<ROWSx1000xf32>) -> tensor<ROWSx1000xf32> {
  %zero = arith.constant 0.0 : f32
  EMPTY
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<ROWSx1000xf32>) outs(%e : tensor<ROWSx1000xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<ROWSx1000xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0, %y : tensor<ROWSx1000xf32>, tensor<ROWSx1000xf32>) outs(%e : tensor<ROWSx1000xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<ROWSx1000xf32>
  return %1 : tensor<ROWSx1000xf32>
}
"""
STATIC_EMPTY = "%e = tensor.empty() : tensor<ROWSx1000xf32>"
DYNAMIC_EMPTY = """%c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x1000xf32>
  %e = tensor.empty(%n) : tensor<?x1000xf32>"""


def relu_add(rows: str) -> str:
    empty = DYNAMIC_EMPTY if rows == "?" else STATIC_EMPTY
    return RELU_ADD.replace("EMPTY", empty).replace("ROWS", rows)


BIAS_COLUMN_SUM = """
func.func @bias_column_sum(%x: tensor<6x40xf32>, %b: tensor<40xf32>) -> tensor<40xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x40xf32>
  %0 = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>,
                       affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<6x40xf32>, tensor<40xf32>) outs(%e : tensor<6x40xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<6x40xf32>
  %v = tensor.empty() : tensor<40xf32>
  %i = linalg.fill ins(%zero : f32) outs(%v : tensor<40xf32>) -> tensor<40xf32>
  %1 = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>],
      iterator_types = ["reduction", "parallel"]} ins(%0 : tensor<6x40xf32>) outs(%i : tensor<40xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<40xf32>
  return %1 : tensor<40xf32>
}
"""

SLICE_SQUARE_WIDEN = """
func.func @slice_square_widen(%x: tensor<10x30xf32>) -> tensor<4x5xf64> {
  %s = tensor.extract_slice %x[2, 10] [4, 5] [1, 2] : tensor<10x30xf32> to tensor<4x5xf32>
  %e = tensor.empty() : tensor<4x5xf64>
  %0 = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>,
                       affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%s, %s : tensor<4x5xf32>, tensor<4x5xf32>) outs(%e : tensor<4x5xf64>) {
  ^bb0(%a: f32, %b: f32, %o: f64):
    %m = arith.mulf %a, %b : f32
    %w = arith.extf %m : f32 to f64
    linalg.yield %w : f64
  } -> tensor<4x5xf64>
  return %0 : tensor<4x5xf64>
}
"""

# Operators with the bytes of their operands and results, written out.
BY_HAND = [
    pytest.param(
        relu_add("64"),
        [
            64 * 1000 * F32 + 64 * 1000 * F32,  # relu: reads x, writes its result
            2 * 64 * 1000 * F32 + 64 * 1000 * F32,  # add: reads both, writes the result
        ],
        3 * 64 * 1000 * F32,  # x and y once, the result once
        id="relu_add",
    ),
    pytest.param(
        BIAS_COLUMN_SUM,
        [
            6 * 40 * F32 + 40 * F32 + 6 * 40 * F32,  # add: x, the bias, its result
            40 * F32,  # fill: its result
            6 * 40 * F32 + 40 * F32 + 40 * F32,  # sum: operand, initial values, result
        ],
        6 * 40 * F32 + 40 * F32 + 40 * F32,
        id="bias_column_sum",
    ),
    pytest.param(
        SLICE_SQUARE_WIDEN,
        [
            4 * 5 * F32 + 4 * 5 * F32,  # slice: the box of x, its result
            2 * 4 * 5 * F32 + 4 * 5 * F64,  # square: one operand twice, its result
        ],
        4 * 5 * F32 + 4 * 5 * F64,  # what of x is touched, and the result
        id="slice_square_widen",
    ),
]


@pytest.mark.parametrize(("text", "operators", "least"), BY_HAND)
def test_naive_bytes_are_those_of_operands_and_results(text: str, operators: list[int], least: int) -> None:
    module = read_module(text)
    run_phase(module, IMPORT)
    run_phase(module, RAISE)
    kernels = kernel_reports(module, {})
    assert [kernel.dram_bytes for kernel in kernels] == operators
    report = pf.compile(text).report()
    assert report.naive_dram_bytes == sum(operators)
    assert report.least_dram_bytes == least


def test_cancelled_chain_is_one_kernel() -> None:
    """relu + add: 3 reads and 2 writes become 2 reads and 1 write."""
    (kernel,) = pf.compile(relu_add("64")).report().kernels
    whole = 64 * 1000 * F32
    assert [(m.source, m.result, m.bytes) for m in kernel.movements if "dram" in (m.source, m.result)] == [
        ("dram", "reg", whole),
        ("dram", "reg", whole),
        ("reg", "dram", whole),
    ]
    assert (kernel.reads["dram"], kernel.writes["dram"]) == (2 * whole, whole)


def test_second_consumer_keeps_the_store() -> None:
    text = relu_add("64").replace(
        "-> tensor<64x1000xf32> {\n  %zero", "-> (tensor<64x1000xf32>, tensor<64x1000xf32>) {\n  %zero"
    )
    text = text.replace("return %1 : tensor<64x1000xf32>", "return %1, %0 : tensor<64x1000xf32>, tensor<64x1000xf32>")
    executable = pf.compile(text)
    (kernel,) = executable.report().kernels
    assert kernel.writes["dram"] == 2 * 64 * 1000 * F32
    assert kernel.reads["dram"] == 2 * 64 * 1000 * F32
    x, y = np.random.default_rng(0).standard_normal((2, 64, 1000), dtype=np.float32)
    total_, relu = executable(x, y)
    np.testing.assert_array_equal(relu, np.maximum(x, 0))
    np.testing.assert_array_equal(total_, np.maximum(x, 0) + y)


def test_open_sizes_are_formulas_until_they_are_known() -> None:
    executable = pf.compile(relu_add("?"))
    report = executable.report()
    first, second = Polynomial.symbol("arg0[0]"), Polynomial.symbol("arg1[0]")
    assert report.dram_bytes == first * 2000 * F32 + second * 1000 * F32
    as_json = report.to_json()
    assert as_json["dram_bytes"] is None
    assert "arg0[0]" in as_json["dram_bytes_formula"]
    assert executable.report({0: (7, 1000), 1: (7, 1000)}).dram_bytes == 7 * 12000
    executable(np.zeros((5, 1000), np.float32), np.zeros((5, 1000), np.float32))
    assert executable.report().dram_bytes == 5 * 12000


def test_full_reduction_feeding_its_operand_must_reload_what_does_not_fit() -> None:
    """x - sum(x): x comes in twice, but for what stays on chip."""
    text = """
func.func @f(%x: tensor<1000xf32>) -> tensor<1000xf32> {
  %zero = arith.constant 0.0 : f32
  %s = tensor.empty() : tensor<f32>
  %i = linalg.fill ins(%zero : f32) outs(%s : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>],
      iterator_types = ["reduction"]} ins(%x : tensor<1000xf32>) outs(%i : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %a, %o : f32
    linalg.yield %t : f32
  } -> tensor<f32>
  %e = tensor.empty() : tensor<1000xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>],
      iterator_types = ["parallel"]} ins(%x, %sum : tensor<1000xf32>, tensor<f32>) outs(%e : tensor<1000xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.subf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<1000xf32>
  return %y : tensor<1000xf32>
}
"""
    module = pf.compile(text).module("simplify")
    once = 2 * 1000 * F32
    assert least_dram_bytes(module, {}, 1 << 20) == once
    assert least_dram_bytes(module, {}, 1000) == once + 1000 * F32 - 1000


NOTHING_MOVES = """
func.func @f() -> (tensor<8xf32>, tensor<2xf32>, tensor<8xf32>) {
  %splat = arith.constant dense<3.0> : tensor<8xf32>
  %weights = arith.constant dense<[3.0, 4.0]> : tensor<2xf32>
  %unwritten = tensor.empty() : tensor<8xf32>
  return %splat, %weights, %unwritten : tensor<8xf32>, tensor<2xf32>, tensor<8xf32>
}
"""
SLICE_OF_RESHAPED = """
func.func @f(%x: tensor<64xf32>) -> tensor<2x8xf32> {
  %v = tensor.expand_shape %x [[0, 1]] output_shape [8, 8] : tensor<64xf32> into tensor<8x8xf32>
  %y = tensor.extract_slice %v[0, 0] [2, 8] [1, 1] : tensor<8x8xf32> to tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
"""
CENTRED_SLICE = """
func.func @f(%x: tensor<1000xf32>) -> tensor<10xf32> {
  %part = tensor.extract_slice %x[0] [10] [1] : tensor<1000xf32> to tensor<10xf32>
  %zero = arith.constant 0.0 : f32
  %s = tensor.empty() : tensor<f32>
  %i = linalg.fill ins(%zero : f32) outs(%s : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>],
      iterator_types = ["reduction"]} ins(%part : tensor<10xf32>) outs(%i : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %a, %o : f32
    linalg.yield %t : f32
  } -> tensor<f32>
  %e = tensor.empty() : tensor<10xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>],
      iterator_types = ["parallel"]} ins(%part, %sum : tensor<10xf32>, tensor<f32>) outs(%e : tensor<10xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.subf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<10xf32>
  return %y : tensor<10xf32>
}
"""


@pytest.mark.parametrize(
    ("text", "least"),
    [
        pytest.param(NOTHING_MOVES, 0, id="copies for the caller"),
        pytest.param(SLICE_OF_RESHAPED, 2 * 16 * F32, id="a slice of a reshaped argument"),
        pytest.param(CENTRED_SLICE, 2 * 10 * F32, id="a part that fits on chip, of what doesn't"),
    ],
)
def test_least_bytes_are_never_too_many(text: str, least: int) -> None:
    module = pf.compile(text).module("simplify")
    assert least_dram_bytes(module, {}, 100) == least


def test_what_is_put_in_two_places_is_stored_twice() -> None:
    text = """
func.func @f(%x: tensor<1x33xi64>) -> tensor<2x33xi64> {
  %y = tensor.concat dim(0) %x, %x : (tensor<1x33xi64>, tensor<1x33xi64>) -> tensor<2x33xi64>
  return %y : tensor<2x33xi64>
}
"""
    (kernel,) = pf.compile(text).report().kernels
    assert (kernel.reads["dram"], kernel.writes["dram"]) == (33 * 8, 2 * 33 * 8)


def test_a_constant_of_open_size_has_that_of_what_it_is_tied_to() -> None:
    """Upstream folds x ^ x to a constant, whose type no longer says how long it is."""
    text = """
#id = affine_map<(d0) -> (d0)>
func.func @f(%x: tensor<?xi32>) -> tensor<?xi32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xi32>
  %e = tensor.empty(%n) : tensor<?xi32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<?xi32>) outs(%e : tensor<?xi32>) {
  ^bb0(%a: i32, %o: i32):
    %s = arith.xori %a, %a : i32
    linalg.yield %s : i32
  } -> tensor<?xi32>
  return %0 : tensor<?xi32>
}
"""
    report = pf.compile(text).report()
    assert report.dram_bytes == report.least_dram_bytes == Polynomial.symbol("arg0[0]") * 4


EQUAL_RESULTS = """
#id = affine_map<(d0) -> (d0)>
func.func @f(%x: tensor<100xf32>) -> (tensor<100xf32>, tensor<100xf32>) {
  %e = tensor.empty() : tensor<100xf32>
  %0:2 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<100xf32>) outs(%e, %e : tensor<100xf32>, tensor<100xf32>) {
  ^bb0(%a: f32, %o: f32, %p: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s, %s : f32, f32
  } -> (tensor<100xf32>, tensor<100xf32>)
  return %0#0, %0#1 : tensor<100xf32>, tensor<100xf32>
}
"""


def test_equal_results_are_stored_once() -> None:
    executable = pf.compile(EQUAL_RESULTS)
    assert executable.report().dram_bytes == executable.report().least_dram_bytes == 2 * 100 * F32
    first, second = executable(np.ones(100, np.float32))
    first[:] = 0
    np.testing.assert_array_equal(second, np.full(100, 2, np.float32))


@pytest.mark.parametrize("program", parameters("chains", "reductions"))
def test_simplify_is_monotone(program: Program) -> None:
    """No level's bytes rise, nor the number of launches; the least is never more than what moves."""
    module = read_module(program.text)
    for phase in (IMPORT, RAISE):
        run_phase(module, phase)
    before = kernel_reports(module, {})
    run_phase(module, SIMPLIFY)
    after = kernel_reports(module, {})
    assert len(after) <= len(before)
    for level in ("dram", "sram", "reg"):
        for side in ("reads", "writes"):
            sums = [total(getattr(kernel, side).get(level, 0) for kernel in kernels) for kernels in (before, after)]
            assert _at_most(sums[1], sums[0])
    least = least_dram_bytes(module, {}, 1 << 20)
    assert _at_most(least, total(kernel.dram_bytes for kernel in after))


def _at_most(left: int | Polynomial, right: int | Polynomial) -> bool:
    """Compares counts, open sizes at a few values."""
    for size in (1, 2, 7, 1000):
        values = [_at(count, size) for count in (left, right)]
        if values[0] > values[1]:
            return False
    return True


def _at(count: int | Polynomial, size: int) -> int:
    if isinstance(count, int):
        return count
    names = {name for powers, _ in count.terms for name in powers}
    return count.evaluate(dict.fromkeys(names, size))


@pytest.mark.parametrize("program", parameters("chains", "maps"))
def test_naive_program_computes_the_same(program: Program) -> None:
    """Each operator on its own, without `simplify`, gives what the whole pipeline gives."""
    executable = compile_phases(program.text, [phase for phase in CPU if phase is not SIMPLIFY], "cpu")
    check_call(program, executable, program.inputs, result_dtypes(program.text), f"naive {program.name}")


GATHER = """
func.func @rows(%i: tensor<?xi64>, %t: tensor<11x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %i, %c0 : tensor<?xi64>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(r, c) -> (r)>, affine_map<(r, c) -> (r, c)>],
      iterator_types = ["parallel", "parallel"]} ins(%i : tensor<?xi64>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%row: i64, %o: f32):
    %r = arith.index_cast %row : i64 to index
    %c = linalg.index 1 : index
    %v = tensor.extract %t[%r, %c] : tensor<11x8xf32>
    linalg.yield %v : f32
  } -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
"""


def test_gathered_bytes_follow_the_indices() -> None:
    """As many rows as there are indices; the least is never more than the whole table."""
    executable = pf.compile(GATHER)
    table = np.arange(88, dtype=np.float32).reshape(11, 8)
    for indices in (np.array([3, 0, 10]), np.arange(11).repeat(4)):
        np.testing.assert_array_equal(executable(indices, table), table[indices])
        count = len(indices)
        report = executable.report()
        assert report.dram_bytes == count * 8 + 2 * count * 8 * F32
        assert report.least_dram_bytes == count * 8 + min(count, 11) * 8 * F32 + count * 8 * F32
