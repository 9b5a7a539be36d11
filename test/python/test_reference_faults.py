"""Faults planted in programs: the reference interpreter finds each, and takes the program that lacks it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from programs.faults import DRAM, FAULTS, ROW, SYNC, Fault, kernel

from powerfusion.core.context import make_context
from powerfusion.errors import (
    AssertionFailedError,
    InterpretationError,
    OutOfBounds,
    Race,
    UninitialisedRead,
    WrongPass,
)
from powerfusion.machines.table import find
from powerfusion.mlir import ir
from powerfusion.reference import interpret
from powerfusion.reference.interpret import Run
from powerfusion.reference.values import garbage

SEEDS = range(8)
"""A fault that depends on what is left open must be found by one of these; its cure must pass with all."""


WIDE = "tensor<8x16xf32, #gir.at<reg>>"
THIN = "tensor<8xf32, #gir.at<reg>>"
PAIRS = "tensor<8x15x2xf32, #gir.at<reg>>"
LONG = "tensor<16xf32, #gir.at<reg>>"
WHOLE = "tensor<8x16xf32, #gir.at<dram>> -> tensor<8x16xf32, #gir.at<reg>>"
PLACED = """
func.func @main(%x: tensor<8x16xf32>, %v: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = gir.kernel "k" (%a = %x : tensor<8x16xf32>)
      nest <[r = 8 : 2 : 2 : 1, c = 16 : 16 : 16 : 8]SWEEP> -> (tensor<8x16xf32>) {
    BODY
    %d = gir.move %o OVER : tensor<8x16xf32, #gir.at<reg>> -> tensor<8x16xf32, #gir.at<dram>>
    gir.return %d : tensor<8x16xf32, #gir.at<dram>>
  }
  return %y : tensor<8x16xf32>
}"""


def placed(body: str, over: str, sweep: str = "") -> str:
    """A placed kernel on an 8x16 tensor."""
    return PLACED.replace("BODY", body).replace("OVER", over).replace("SWEEP", sweep)


ALL = [
    *FAULTS,
    Fault(
        "combines_what_is_dealt_out",
        WrongPass,
        placed(
            f"""%z = arith.constant dense<0.0> : tensor<8xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : {WHOLE}
    %1 = gir.reduce %0 into %z dims [1] kinds [#vector.kind<add>] : {WIDE} into {THIN}
    %o = gir.broadcast %1 dims [1] : {THIN} -> {WIDE}""",
            'over ["r", "c"]',
        ),
        ("c = 16 : 16 : 16 : 8", "c = 16 : 16 : 16 : 16"),
        "'c'",
    ),
    Fault(
        "sums_less_than_it_goes_through",
        WrongPass,
        placed(
            f"""%z = arith.constant dense<0.0> : {THIN}
    %0 = gir.move %a over ["r", "c"] : {WHOLE}
    %q = gir.window %0 dims [1] sizes [2] strides [1] dilations [1] : {WIDE} -> {PAIRS}
    %1 = gir.reduce %q into %z dims [1, 2] kinds [#vector.kind<add>] : {PAIRS} into {THIN}
    %o = gir.broadcast %1 dims [1] pass 1 : {THIN} -> {WIDE}""",
            'pass 1 over ["r", "c"]',
            ", sweep = [c]",
        ),
        ("c = 16 : 16 : 16 : 8], sweep = [c]", "c = 16 : 16 : 16 : 16]"),
        "combines 15 elements along 'c', which has 16",
    ),
    Fault(
        "groups_have_parts_of_a_sum",
        WrongPass,
        placed(
            f"""%z = arith.constant dense<0.0> : tensor<16xf32, #gir.at<reg>>
    %0 = gir.move %a over ["r", "c"] : {WHOLE}
    %1 = gir.reduce %0 into %z dims [0] kinds [#vector.kind<add>] : {WIDE} into {LONG}
    %o = gir.broadcast %1 dims [0] pass 1 : {LONG} -> {WIDE}""",
            'pass 1 over ["r", "c"]',
            ", sweep = [r]",
        ),
        ("r = 8 : 2 : 2 : 1", "r = 8 : 8 : 8 : 1"),
        "each group has a part",
    ),
    Fault(
        "units_exchange_within_a_pass",
        (Race, UninitialisedRead),
        placed(
            f"""%0 = gir.move %a over ["r", "c"] : {WHOLE}
    %s = gir.move %0 : {WIDE} -> tensor<8x16xf32, #gir.at<sram>>
    %t = gir.reshape %s : tensor<8x16xf32, #gir.at<sram>> -> tensor<8x2x8xf32, #gir.at<sram>>
    %p = gir.permute %t [0, 2, 1] : tensor<8x2x8xf32, #gir.at<sram>> -> tensor<8x8x2xf32, #gir.at<sram>>
    %q = gir.reshape %p : tensor<8x8x2xf32, #gir.at<sram>> -> tensor<8x16xf32, #gir.at<sram>>
    %o = gir.move %q : tensor<8x16xf32, #gir.at<sram>> -> {WIDE}""",
            'over ["r", "c"]',
        ).replace("c = 16 : 16 : 16 : 8", "c = 16 : 16 : 8 : 8"),
        ("c = 16 : 16 : 8 : 8", "c = 16 : 16 : 16 : 16"),
        "value at sram",
    ),
    Fault(
        "buffer_holds_another_window",
        OutOfBounds,
        placed(
            """%s = gir.move %a over ["r", "c"] : tensor<8x16xf32, #gir.at<dram>> -> tensor<8x16xf32, #gir.at<sram>>
    %p = gir.reshape %s : tensor<8x16xf32, #gir.at<sram>> -> tensor<128xf32, #gir.at<sram>>
    %q = gir.reshape %p : tensor<128xf32, #gir.at<sram>> -> tensor<16x8xf32, #gir.at<sram>>
    %t = gir.permute %q [1, 0] : tensor<16x8xf32, #gir.at<sram>> -> tensor<8x16xf32, #gir.at<sram>>
    %o = gir.move %t : tensor<8x16xf32, #gir.at<sram>> -> tensor<8x16xf32, #gir.at<reg>>""",
            'over ["r", "c"]',
        ),
        ("r = 8 : 2 : 2 : 1, c = 16 : 16 : 16 : 8", "r = 8 : 8 : 8 : 8, c = 16 : 16 : 16 : 16"),
        "another window",
    ),
]


def run(fault: Fault, text: str, seed: int) -> Run:
    """Runs a program on arrays that are never the same twice."""
    arrays = [
        np.random.default_rng(i).standard_normal(shape).astype(np.float32) for i, shape in enumerate(fault.shapes)
    ]
    machine = find(fault.machine) if fault.machine else None
    return interpret(ir.Module.parse(text, make_context()), arrays, machine=machine, seed=seed)


def found(fault: Fault) -> list[Any]:
    """What the seeds find in a program."""
    errors: list[Any] = []
    for seed in SEEDS:
        try:
            run(fault, fault.text, seed)
        except InterpretationError as error:
            errors.append(error)
    return errors


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_fault_is_found(fault: Fault) -> None:
    """The error is of the right class, names what is wrong, the instruction and where it is."""
    errors = found(fault)
    assert errors
    for error in errors:
        assert isinstance(error, fault.error)
        assert type(error) is not InterpretationError
        assert "instruction" in error.message
        assert error.location is not None
    assert any(fault.says in error.message for error in errors), str(errors[0])


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
def test_cured_program_is_accepted(fault: Fault) -> None:
    """The same program without the fault has a meaning, whatever is left open."""
    old, new = fault.cure
    assert old in fault.text
    for seed in SEEDS:
        run(fault, fault.text.replace(old, new), seed)


def test_faults_are_found_whatever_the_seed() -> None:
    """Those of tile form don't hide behind an order: every seed finds every one."""
    for fault in ALL:
        assert len(found(fault)) == len(SEEDS), fault.name


def test_what_nothing_depends_on_has_no_influence() -> None:
    """Elements past an edge are other ones for another seed; what is stored isn't."""
    text = kernel(f"""
gir.parallel <group> (%g) in (%c8) {{
  %0 = gir.load %a[%g, %c0] valid [%c1, %c15] : {DRAM} -> {ROW}
  %1 = arith.addf %0, %0 : {ROW}
  gir.store %1, %b[%g, %c0] valid [%c1, %c15] : {ROW}, {DRAM}
}}""")
    results = [run(SYNC, text, seed).arguments[1] for seed in (0, 1)]
    np.testing.assert_array_equal(*results)
    rng = np.random.default_rng(0)
    tiles = [garbage(rng, (64,), np.dtype(np.float32)) for _ in range(2)]
    assert tiles[0].tobytes() != tiles[1].tobytes()
    assert np.isnan(tiles[0]).any()


def test_failed_assertion_fails_the_program_at_its_end() -> None:
    """`gir.assert` names its message; elements that aren't valid don't count."""
    text = kernel(f"""
%zeros = arith.constant dense<0.0> : {ROW}
gir.parallel <group> (%g) in (%c8) {{
  %0 = gir.load %a[%g, %c0] valid [%c1, %c15] : {DRAM} -> {ROW}
  %1 = arith.cmpf PREDICATE, %0, %zeros : {ROW}
  gir.assert %1, "expected something" valid [%c1, %c15] : tensor<1x16xi1, #gir.at<reg>>
}}""")
    run(SYNC, text.replace("PREDICATE", "ord"), 0)
    with pytest.raises(AssertionFailedError, match="expected something"):
        run(SYNC, text.replace("PREDICATE", "ogt"), 0)
