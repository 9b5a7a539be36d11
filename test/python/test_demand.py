"""What is known to be needed of a value, op by op; that it is never more than what moves, random programs check."""

from __future__ import annotations

import pytest

from powerfusion.core._mlir import entry_block, functions, operations
from powerfusion.frontend.source import read_module
from powerfusion.passes.analysis.boxes import Box
from powerfusion.passes.analysis.demand import Demand, Demands
from powerfusion.passes.analysis.extents import Extents
from powerfusion.symbolic import Polynomial

REG = "#gir.at<reg>"


def demand(given: str, body: str, result: str) -> Demand:
    """What a kernel that makes %y of a type needs of its input, %x, of a type."""
    text = f"""
func.func @f(%v: tensor<{given}>) -> tensor<{result}> {{
  %r = gir.kernel "k" (%a = %v : tensor<{given}>) -> (tensor<{result}>) {{
    %x = gir.move %a : tensor<{given}, #gir.at<dram>> -> tensor<{given}, {REG}>
    {body}
    %o = gir.move %y : tensor<{result}, {REG}> -> tensor<{result}, #gir.at<dram>>
    gir.return %o : tensor<{result}, #gir.at<dram>>
  }}
  return %r : tensor<{result}>
}}"""
    module = read_module(text)
    (function,) = functions(module.operation)
    kernel = next(op for op in operations(entry_block(function)) if op.name == "gir.kernel")
    demands = Demands(Extents({}))
    demands.of_kernel(kernel)
    return demands.of(entry_block(function).arguments[0])


def t(sizes: str, element: str = "f32") -> str:
    """A tensor type in registers."""
    return f"tensor<{sizes}x{element}, {REG}>" if sizes else f"tensor<{element}, {REG}>"


ROWS = f"%e = math.exp %x : {t('6x8')}\n%y = gir.slice %e [2, 0] [3, 8] [1, 1] : {t('6x8')} -> {t('3x8')}"
CASES: dict[str, tuple[str, str, str, list[Box]]] = {
    "a slice behind computation": ("6x8xf32", ROWS, "3x8xf32", [((2, 3, 1), (0, 8, 1))]),
    "a slice of a slice": (
        "6x8xf32",
        f"""%e = gir.slice %x [1, 0] [4, 8] [1, 1] : {t("6x8")} -> {t("4x8")}
            %y = gir.slice %e [1, 1] [1, 4] [2, 2] drop [0] : {t("4x8")} -> {t("4")}""",
        "4xf32",
        [((2, 1, 1), (1, 4, 2))],
    ),
    "a slice behind a permutation": (
        "6x8xf32",
        f"""%p = gir.permute %x [1, 0] : {t("6x8")} -> {t("8x6")}
            %y = gir.slice %p [5, 0] [2, 6] [1, 1] : {t("8x6")} -> {t("2x6")}""",
        "2x6xf32",
        [((0, 6, 1), (5, 2, 1))],
    ),
    "a slice of sums of rows": (
        "6x8xf32",
        f"""%z = arith.constant dense<0.0> : {t("6")}
            %s = gir.reduce %x into %z dims [1] kinds [#vector.kind<add>] : {t("6x8")} into {t("6")}
            %y = gir.slice %s [4] [2] [1] : {t("6")} -> {t("2")}""",
        "2xf32",
        [((4, 2, 1), (0, 8, 1))],
    ),
    "the beginning of a running sum": (
        "6x8xf32",
        f"""%z = arith.constant dense<0.0> : {t("6")}
            %s, %f = gir.scan %x into %z dim 1 kinds [#vector.kind<add>] : {t("6x8")} into {t("6")}
            %y = gir.slice %s [0, 1] [6, 3] [1, 1] : {t("6x8")} -> {t("6x3")}""",
        "6x3xf32",
        [((0, 6, 1), (0, 4, 1))],
    ),
    "the beginning of a running sum from behind, less itself": (
        "6x8xf32",
        f"""%z = arith.constant dense<0.0> : {t("6")}
            %s, %f = gir.scan %x into %z dim 1 exclusive reverse kinds [#vector.kind<add>] : {t("6x8")} into {t("6")}
            %y = gir.slice %s [0, 1] [6, 3] [1, 1] : {t("6x8")} -> {t("6x3")}""",
        "6x3xf32",
        [((0, 6, 1), (2, 6, 1))],
    ),
    "one row of a broadcast": (
        "8xf32",
        f"""%b = gir.broadcast %x dims [0] : {t("8")} -> {t("3x8")}
            %y = gir.slice %b [1, 2] [1, 4] [1, 1] drop [0] : {t("3x8")} -> {t("4")}""",
        "4xf32",
        [((2, 4, 1),)],
    ),
    "the border alone and a column of what is in it": (
        "6x8xf32",
        f"""%z = arith.constant 0.0 : f32
            %p = gir.pad %x low [0, 2] high [0, 0] value %z : {t("6x8")} -> {t("6x10")}
            %y = gir.slice %p [0, 0] [6, 3] [1, 1] : {t("6x10")} -> {t("6x3")}""",
        "6x3xf32",
        [((0, 6, 1), (0, 1, 1))],
    ),
    "a part of both of two that are one": (
        "6x8xf32",
        f"""%c = gir.concat %x, %x dim 0 : ({t("6x8")}, {t("6x8")}) -> {t("12x8")}
            %y = gir.slice %c [5, 0] [3, 8] [1, 1] : {t("12x8")} -> {t("3x8")}""",
        "3x8xf32",
        [((5, 1, 1), (0, 8, 1)), ((0, 2, 1), (0, 8, 1))],
    ),
    "half of each row, counted in another shape": (
        "6x8xf32",
        f"""%s = gir.reshape %x : {t("6x8")} -> {t("6x2x4")}
            %y = gir.slice %s [0, 1, 0] [6, 1, 4] [1, 1, 1] drop [1] : {t("6x2x4")} -> {t("6x4")}""",
        "6x4xf32",
        [((0, 6, 1), (4, 4, 1))],
    ),
    "neighbourhoods of the middle": (
        "9xf32",
        f"""%w = gir.window %x dims [0] sizes [3] strides [1] dilations [1] : {t("9")} -> {t("7x3")}
            %y = gir.slice %w [2, 0] [2, 3] [1, 1] : {t("7x3")} -> {t("2x3")}""",
        "2x3xf32",
        [((2, 4, 1),)],
    ),
    "rows of a product": (
        "6x8xf32",
        f"""%z = arith.constant dense<0.0> : {t("6x6")}
            %m = gir.contract %x, %x into %z maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
              affine_map<(m, n, k) -> (m, n)>] : {t("6x8")}, {t("6x8")} into {t("6x6")}
            %y = gir.slice %m [1, 3] [1, 2] [1, 1] : {t("6x6")} -> {t("1x2")}""",
        "1x2xf32",
        [((1, 1, 1), (0, 8, 1)), ((3, 2, 1), (0, 8, 1))],
    ),
    "open sizes": (
        "?x8xf32",
        f"""%e = math.exp %x : {t("?x8")}
            %y = gir.slice %e [0, 2] [4, 3] [1, 1] : {t("?x8")} -> {t("4x3")}""",
        "4x3xf32",
        [((0, 4, 1), (2, 3, 1))],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_part_of_a_result_needs_a_part_of_operands(case: str) -> None:
    given, body, result, boxes = CASES[case]
    assert demand(given, body, result).boxes == boxes


def test_halves_that_two_uses_need_are_all() -> None:
    body = f"""%s = gir.reshape %x : {t("6x8")} -> {t("6x2x4")}
      %0 = gir.slice %s [0, 0, 0] [6, 1, 4] [1, 1, 1] drop [1] : {t("6x2x4")} -> {t("6x4")}
      %1 = gir.slice %s [0, 1, 0] [6, 1, 4] [1, 1, 1] drop [1] : {t("6x2x4")} -> {t("6x4")}
      %y = arith.addf %0, %1 : {t("6x4")}"""
    assert demand("6x8xf32", body, "6x4xf32").boxes == [((0, 6, 1), (0, 8, 1))]


def test_what_is_no_box_in_another_shape_is_counted() -> None:
    body = f"""%c0 = arith.constant 0 : index
      %c8 = arith.constant 8 : index
      %d = tensor.dim %x, %c0 : {t("?x8")}
      %n = arith.muli %d, %c8 : index
      %s = gir.reshape %x sizes(%n) : {t("?x8")} -> {t("?")}
      %y = gir.slice %s [3] [20] [1] : {t("?")} -> {t("20")}"""
    found = demand("?x8xf32", body, "20xf32")
    assert (found.boxes, found.elements([Polynomial.symbol("n"), 8])) == ([], 20)
