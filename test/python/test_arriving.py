"""Arriving bytes: against a simulation of caches on the addresses that the interpreter touches, and by hand."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from gir_examples import examples
from hypothesis import given, settings
from programs.check import FULL
from programs.placed_kernels import placed_kernels
from programs.random_gir import GirProgram, random_kernels
from programs.random_nests import random_nests
from programs.traffic import Bytes, cached_bytes, machine, second_call
from test_placed_tiling import tiled

from powerfusion.frontend.source import read_module
from powerfusion.machines import find
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import ledger_of

EVERYTHING = 1 << 40
CAPACITIES = (64, 128, 256, 512, 1024, 4096)
ALLOCATES = [pytest.param(True, id="allocating"), pytest.param(False, id="not-allocating")]
LOOKUPS = ("gir.gather", "gir.scatter")
UNROLLED = "softmax_kept"  # tiles of a sweep that are kept are loads in a row, without a loop whose iterations fit


def moved(module: ir.Module, inputs: Sequence[Any], target: Machine, figure: str = "arriving") -> Bytes:
    """A figure of `memory` by direction."""
    arrays = [np.asarray(array) for array in inputs]
    shapes = {at: int(array) if array.ndim == 0 else tuple(array.shape) for at, array in enumerate(arrays)}
    found = Counter[str]()
    for entry in ledger_of(module, target, shapes).entries:
        count = getattr(entry, figure)
        assert isinstance(count, int)
        if entry.level == "dram":
            found[entry.direction] += count
    return {direction: count for direction, count in found.items() if count}


def programs() -> Iterator[Any]:
    """Examples and placed kernels: the text and inputs of each."""
    for at, example in enumerate(examples()):
        yield pytest.param(GirProgram(example.text, example.inputs, ()), id=f"{example.name}-{at}")
    for name, program in placed_kernels():
        yield pytest.param(program, id=name)


def check_against_caches(module: ir.Module, inputs: Sequence[Any], *, allocates: bool) -> None:
    """With a cache for everything and with none the figures are those of the simulation; others lie between.

    Of what is looked up it is only known that different indices may say different rows, and what goes past the
    cache is gathered in few lines only.
    """
    target = machine(EVERYTHING, allocates=allocates)
    least, simulated = moved(module, inputs, target), cached_bytes(module, inputs, target, None)
    if any(name in str(module) for name in (*LOOKUPS, "nontemporal")):
        assert all(least[direction] >= simulated[direction] for direction in least)
    else:
        assert least == simulated
    most = moved(module, inputs, target, "issued")
    assert moved(module, inputs, machine(0, allocates=allocates)) == most
    for capacity in CAPACITIES:
        found = moved(module, inputs, machine(capacity, allocates=allocates, groups=2))
        for direction in most:
            assert least[direction] <= found[direction] <= most[direction]


@pytest.mark.parametrize("allocates", ALLOCATES)
@pytest.mark.parametrize("program", list(programs()))
def test_figures_are_those_of_caches(program: GirProgram, allocates: bool) -> None:
    check_against_caches(read_module(program.text), program.inputs, allocates=allocates)
    if "nest <" in program.text:
        check_against_caches(tiled(program.text)[0], program.inputs, allocates=allocates)


@settings(max_examples=200 if FULL else 10, deadline=None, database=None, derandomize=not FULL)
@given(program=random_kernels())
def test_figures_are_those_of_caches_on_random_kernels(program: GirProgram) -> None:
    check_against_caches(read_module(program.text), program.inputs, allocates=True)


@settings(max_examples=200 if FULL else 10, deadline=None, database=None, derandomize=not FULL)
@given(program=random_nests())
def test_nests_arrive_as_their_tile_form_does(program: GirProgram) -> None:
    module = read_module(program.text)
    check_against_caches(module, program.inputs, allocates=True)
    check_tile_form(module, program)


@pytest.mark.parametrize(
    "program", [param for param in programs() if "nest <" in param.values[0].text and UNROLLED not in str(param.id)]
)
def test_placed_kernels_arrive_as_their_tile_form_does(program: GirProgram) -> None:
    check_tile_form(read_module(program.text), program)


def check_tile_form(module: ir.Module, program: GirProgram) -> None:
    """A nest and its tile form have the same figures, whatever the cache and however many groups share it."""
    tile, remarks = tiled(program.text)
    if remarks:
        return
    for groups in (1, 3):
        for capacity in CAPACITIES:
            target = machine(capacity, granule=16, groups=groups, allocates=groups == 1)
            assert moved(module, program.inputs, target) == moved(tile, program.inputs, target)


# -- one group, one unit: what an LRU cache of the size that the model stands for does --------------


def stencil(rows: int, columns: int, nest: str = "") -> str:
    """The sum of an element and its four neighbours, each read on its own, inside of a border."""
    inner, over = f"{rows - 2}x{columns - 2}xf32", ' over ["r", "c"]' if nest else ""
    at = f"tensor<{inner}, #gir.at<"
    reads = "".join(
        f"""
    %s{n} = gir.slice %a [{r}, {c}] [{rows - 2}, {columns - 2}] [1, 1]
        : tensor<{rows}x{columns}xf32, #gir.at<dram>> -> {at}dram>>
    %v{n} = gir.move %s{n}{over} : {at}dram>> -> {at}reg>>"""
        for n, (r, c) in enumerate([(0, 1), (1, 0), (1, 1), (1, 2), (2, 1)])
    )
    return f"""func.func @main(%x: tensor<{rows}x{columns}xf32>) -> tensor<{inner}> {{
  %y = gir.kernel "stencil" (%a = %x : tensor<{rows}x{columns}xf32>){f" nest <[{nest}]>" if nest else ""}
      -> (tensor<{inner}>) {{{reads}
    %t0 = arith.addf %v0, %v1 : {at}reg>>
    %t1 = arith.addf %t0, %v2 : {at}reg>>
    %t2 = arith.addf %t1, %v3 : {at}reg>>
    %t3 = arith.addf %t2, %v4 : {at}reg>>
    %r = gir.move %t3{over} : {at}reg>> -> {at}dram>>
    gir.return %r : {at}dram>>
  }}
  return %y : tensor<{inner}>
}}"""


STEPS = ("r = 21 : 21 : 21 : 1, c = 35 : 35 : 35 : 35", "r = 21 : 21 : 21 : 2, c = 35 : 35 : 35 : 8")


@pytest.mark.parametrize("allocates", ALLOCATES)
@pytest.mark.parametrize("nest", STEPS)
def test_a_cache_of_twice_the_size_does_no_worse(nest: str, allocates: bool) -> None:
    """Reuse in or between iterations that fit is reuse across at most two of them."""
    module, x = read_module(stencil(23, 37, nest)), np.ones((23, 37), np.float32)
    figures = set[int]()
    for capacity in range(64, 4096, 192):
        target = machine(capacity, allocates=allocates)
        found, simulated = moved(module, [x], target), cached_bytes(module, [x], target, 2 * capacity)
        assert all(simulated[direction] <= found[direction] for direction in found)
        figures.add(found["read"])
    assert len(figures) > 2  # they do depend on the size


@pytest.mark.parametrize("nest", ["", *STEPS])
def test_what_a_program_made_is_there_in_its_next_call(nest: str) -> None:
    """Where a call fits, a cache of twice the size has its results through the next one, and fills read nothing."""
    module, x = read_module(stencil(23, 37, nest)), np.ones((23, 37), np.float32)
    held = {capacity: moved(module, [x], machine(capacity))["read"] for capacity in range(4096, 9216, 512)}
    fitting = [capacity for capacity, count in held.items() if count == 54 * 64]  # lines of x
    assert min(fitting) == 6656  # 54 lines and the 47 of the result are 6464 bytes
    for capacity in fitting:
        assert second_call(module, [x], machine(capacity), 2 * capacity)["read"] <= held[capacity]
    assert second_call(module, [x], machine(4096), 4096)["read"] > 54 * 64


STREAMED = """
func.func @main(%x: memref<6x{columns}xf32>, %y: memref<6x{columns}xf32>) {{
  gir.kernel "copy" (%a = %x : memref<6x{columns}xf32>, %b = %y : memref<6x{columns}xf32>) -> () {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c6 = arith.constant 6 : index
    %step = arith.constant {step} : index
    %end = arith.constant {columns} : index
    scf.for %i = %c0 to %c6 step %c1 {{
      scf.for %j = %c0 to %end step %step {{
        %t = gir.load %a[%i, %j] : memref<6x{columns}xf32, #gir.at<dram>> -> tensor<1x{step}xf32, #gir.at<reg>>
        gir.store %t, %b[%i, %j] nontemporal
            : tensor<1x{step}xf32, #gir.at<reg>>, memref<6x{columns}xf32, #gir.at<dram>>
      }}
    }}
    gir.return
  }}
  return
}}
"""


@pytest.mark.parametrize(
    ("columns", "step", "lines"),
    [
        pytest.param(56, 8, 21, id="halves of a line follow one another, through rows too"),
        pytest.param(104, 8, 42, id="a row is more than is gathered: the line that two share leaves twice"),
        pytest.param(56, 56, 21, id="rows of three lines and a half"),
        pytest.param(264, 88, 6 * 18, id="steps of five lines and a half are more than is gathered"),
    ],
)
def test_what_goes_past_the_cache_is_gathered_in_lines(columns: int, step: int, lines: int) -> None:
    module, x = read_module(STREAMED.format(columns=columns, step=step)), [np.ones((6, columns), np.float32)] * 2
    found = moved(module, x, machine(EVERYTHING))["write"]
    assert found == lines * 64
    assert cached_bytes(module, x, machine(EVERYTHING), None)["write"] <= found


def test_what_the_caller_gives_lies_elsewhere_in_each_call() -> None:
    """A memref argument that is written is read first, however large the cache is."""
    whole = 1024 * 1024 * 4
    x = [np.empty((1024, 1024), np.float32)] * 2
    assert moved(read_module(MIRRORED), x, machine(EVERYTHING)) == {"read": 2 * whole, "write": whole}


# -- by hand -----------------------------------------------------------------------------------------


def test_a_stencils_input_arrives_once() -> None:
    """Naive, in a nest and as tiles: all four figures of a GPU that holds a band of rows."""
    size = 4096
    lines = size * size * 4 + (size - 2) * (size - 2) * 4
    for text in (
        stencil(size, size),
        stencil(size, size, f"r = {size - 2} : 16 : 4 : 1, c = {size - 2} : 512 : 512 : 64"),
    ):
        total = sum(moved(read_module(text), [np.empty((size, size), np.float32)], find("sm_90")).values())
        assert lines - 64 <= total <= lines * 1.0001


COPY = """
func.func @main(%x: tensor<4096x1009xf32>) -> tensor<4096x1009xf32> {{
  %y = gir.kernel "copy" (%a = %x : tensor<4096x1009xf32>) nest <[{nest}]> -> (tensor<4096x1009xf32>) {{
    %0 = gir.move %a over ["r", "c"] : tensor<4096x1009xf32, #gir.at<dram>> -> tensor<4096x1009xf32, #gir.at<reg>>
    %1 = gir.move %0 over ["r", "c"] : tensor<4096x1009xf32, #gir.at<reg>> -> tensor<4096x1009xf32, #gir.at<dram>>
    gir.return %1 : tensor<4096x1009xf32, #gir.at<dram>>
  }}
  return %y : tensor<4096x1009xf32>
}}"""


@pytest.mark.parametrize(
    "nest", ["r = 4096 : 8 : 1 : 1, c = 1009 : 1009 : 1009 : 64", "r = 4096 : 30 : 7 : 1, c = 1009 : 100 : 50 : 50"]
)
@pytest.mark.parametrize("target", ["sm_90", "gfx942"])
def test_lines_that_steps_share_arrive_once(nest: str, target: str) -> None:
    """Rows of 4036 bytes begin in the middle of a line, and so do their steps."""
    module, whole = read_module(COPY.format(nest=nest)), 4096 * 1009 * 4
    x = [np.empty((4096, 1009), np.float32)]
    assert moved(module, x, find(target), "issued")["read"] > 1.05 * whole
    assert moved(module, x, find(target)) == {"read": whole, "write": whole}


def test_without_a_cache_all_arrives() -> None:
    module = read_module(COPY.format(nest="r = 4096 : 8 : 1 : 1, c = 1009 : 1009 : 1009 : 64"))
    x = [np.empty((4096, 1009), np.float32)]
    assert moved(module, x, find("mlu372")) == moved(module, x, find("mlu372"), "issued")


PRODUCT = """
func.func @main(%x: tensor<1024x512xf32>, %y: tensor<512x1024xf32>) -> tensor<1024x1024xf32> {
  %z = gir.kernel "product" (%a = %x : tensor<1024x512xf32>, %b = %y : tensor<512x1024xf32>)
      nest <[m = 1024 : 64 : 64 : 64, n = 1024 : 64 : 64 : 64, k = 512 : 512 : 512 : 16], sweep = [k]>
      -> (tensor<1024x1024xf32>) {
    %zero = arith.constant dense<0.0> : tensor<1024x1024xf32, #gir.at<reg>>
    %0 = gir.move %a over ["m", "k"] : tensor<1024x512xf32, #gir.at<dram>> -> tensor<1024x512xf32, #gir.at<reg>>
    %1 = gir.move %b over ["k", "n"] : tensor<512x1024xf32, #gir.at<dram>> -> tensor<512x1024xf32, #gir.at<reg>>
    %2 = gir.contract %0, %1 into %zero maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
        affine_map<(m, n, k) -> (m, n)>] : tensor<1024x512xf32, #gir.at<reg>>, tensor<512x1024xf32, #gir.at<reg>>
        into tensor<1024x1024xf32, #gir.at<reg>>
    %3 = gir.move %2 over ["m", "n"] : tensor<1024x1024xf32, #gir.at<reg>> -> tensor<1024x1024xf32, #gir.at<dram>>
    gir.return %3 : tensor<1024x1024xf32, #gir.at<dram>>
  }
  return %z : tensor<1024x1024xf32>
}
"""
KIB = 1 << 10
PANEL = 64 * 16 * 4  # bytes of either operand that a group takes in a step


@pytest.mark.parametrize(
    ("groups", "cache_bytes", "operands"),
    [
        # 16 x 16 groups of 64 x 64, 32 steps of k. One at a time: each group reads both of its panels.
        pytest.param(1, 2 * PANEL, 2 * 256 * 32 * PANEL, id="a step fits"),
        pytest.param(1, 2 * 32 * PANEL + 16 * KIB, (16 + 256) * 32 * PANEL, id="a group fits: rows of groups share"),
        pytest.param(16, 17 * PANEL, 16 * 17 * 32 * PANEL, id="a step of 16 fits: they share their rows of x"),
        pytest.param(16, 16 * PANEL, 16 * 17 * 32 * PANEL, id="it doesn't, but what one instruction reads does"),
        pytest.param(16, PANEL - 1, 2 * 256 * 32 * PANEL, id="nothing fits"),
    ],
)
def test_groups_that_run_at_once_share(groups: int, cache_bytes: int, operands: int) -> None:
    shapes = [np.empty((1024, 512), np.float32), np.empty((512, 1024), np.float32)]
    target = machine(cache_bytes, groups=groups, allocates=False)
    assert moved(read_module(PRODUCT), shapes, target) == {"read": operands, "write": 1024 * 1024 * 4}


LOOKUP = """
func.func @main(%t: tensor<{rows}x130xf32>, %ids: tensor<64xi64>) -> tensor<64x130xf32> {{
  %y = gir.kernel "lookup" (%a = %t : tensor<{rows}x130xf32>, %b = %ids : tensor<64xi64>){nest}
      -> (tensor<64x130xf32>) {{
    %0 = gir.move %b{r} : tensor<64xi64, #gir.at<dram>> -> tensor<64xi64, #gir.at<reg>>
    %1 = arith.index_cast %0 : tensor<64xi64, #gir.at<reg>> to tensor<64xindex, #gir.at<reg>>
    %i = gir.broadcast %1 dims [1] : tensor<64xindex, #gir.at<reg>> -> tensor<64x130xindex, #gir.at<reg>>
    %j = gir.iota dim 1 : tensor<64x130xindex, #gir.at<reg>>
    %g = gir.gather %a[%i, %j] : tensor<{rows}x130xf32, #gir.at<dram>>[tensor<64x130xindex, #gir.at<reg>>,
        tensor<64x130xindex, #gir.at<reg>>] -> tensor<64x130xf32, #gir.at<reg>>
    %2 = gir.move %g{rc} : tensor<64x130xf32, #gir.at<reg>> -> tensor<64x130xf32, #gir.at<dram>>
    gir.return %2 : tensor<64x130xf32, #gir.at<dram>>
  }}
  return %y : tensor<64x130xf32>
}}
"""
LOOKUP_NESTS = ("", "r = 64 : 8 : 2 : 1, c = 130 : 130 : 130 : 32", "r = 64 : 5 : 2 : 2, c = 130 : 60 : 60 : 7")


@pytest.mark.parametrize("nest", LOOKUP_NESTS)
@pytest.mark.parametrize(("rows", "lines"), [(1000, 64 * 9), (3, 25)])
def test_rows_of_a_table_arrive_line_by_line(nest: str, rows: int, lines: int) -> None:
    """Rows of 520 bytes, one after the other, lie in at most 9 lines of 64; a table of 3 rows has 25."""
    names = {"r": ' over ["r"]', "rc": ' over ["r", "c"]'} if nest else {"r": "", "rc": ""}
    text = LOOKUP.format(rows=rows, nest=f" nest <[{nest}]>" if nest else "", **names)
    inputs = [np.zeros((rows, 130), np.float32), np.arange(64) % rows]
    target = machine(EVERYTHING, allocates=False)
    forms = [read_module(text), *([tiled(text)[0]] if nest else [])]
    for form in forms:
        found = moved(form, inputs, target)
        assert found == {"read": 64 * lines + 64 * 8, "write": 64 * 130 * 4}
        assert found["read"] >= cached_bytes(form, inputs, target, None)["read"]
        assert moved(form, inputs, target, "issued")["read"] >= 64 * 64 * 9 + 64 * 8


MIRRORED = """
func.func @main(%x: memref<1024x1024xf32>, %y: memref<1024x1024xf32>) {
  gir.kernel "mirrored" (%a = %x : memref<1024x1024xf32>, %b = %y : memref<1024x1024xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c1024 = arith.constant 1024 : index
    %t = memref.transpose %a (i, j) -> (j, i) : memref<1024x1024xf32, #gir.at<dram>>
        to memref<1024x1024xf32, affine_map<(d0, d1) -> (d1 * 1024 + d0)>, #gir.at<dram>>
    scf.for %i = %c0 to %c1024 step %c1 {
      %0 = gir.load %a[%i, %c0] : memref<1024x1024xf32, #gir.at<dram>> -> tensor<1x1024xf32, #gir.at<reg>>
      %1 = gir.load %t[%i, %c0] : memref<1024x1024xf32, affine_map<(d0, d1) -> (d1 * 1024 + d0)>, #gir.at<dram>>
          -> tensor<1x1024xf32, #gir.at<reg>>
      %2 = arith.addf %0, %1 : tensor<1x1024xf32, #gir.at<reg>>
      gir.store %2, %b[%i, %c0] : tensor<1x1024xf32, #gir.at<reg>>, memref<1024x1024xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
"""


def test_what_is_touched_again_much_later_arrives_again() -> None:
    """x + x transposed: rows and columns go through x in ways of their own, so it arrives twice."""
    whole = 1024 * 1024 * 4
    x = [np.empty((1024, 1024), np.float32)] * 2
    target = machine(256 * KIB, allocates=False)
    assert moved(read_module(MIRRORED), x, target) == {"read": 2 * whole, "write": whole}
    target = machine(16 << 20, allocates=False)
    assert moved(read_module(MIRRORED), x, target) == {"read": whole, "write": whole}


def test_long_loops_are_counted_soon() -> None:
    """A million steps and a halo, each with a partial last bundle of groups, take seconds at most."""
    rows = 1_000_002
    module = read_module(stencil(rows, 1024, f"r = {rows - 2} : 1000 : 1000 : 1, c = 1022 : 1022 : 1022 : 511"))
    begin = time.process_time()
    entries = ledger_of(module, find("sm_90")).entries
    assert time.process_time() - begin < 10
    arriving = sum(entry.arriving for entry in entries if entry.level == "dram" and isinstance(entry.arriving, int))
    assert arriving <= 1.001 * (rows * 1024 + (rows - 2) * 1022) * 4
