"""What the reference interpreter counts, held against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from gir_examples import examples, find

from powerfusion.core._mlir import walk_numbered
from powerfusion.core.context import make_context
from powerfusion.machines.model import Machine, Space
from powerfusion.mlir import ir
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.reference import Counted, Run, interpret

MACHINE = Machine(
    "test",
    "five spaces",
    (
        Space("main", "dram", "device", "memory", granule_bytes=64, write_allocate=True),
        Space("near", "sram", "group", "scratchpad", capacity_bytes=4096, granule_bytes=16),
        Space("far", "sram", "cluster", "scratchpad", capacity_bytes=65536, granule_bytes=32),
        Space("file", "reg", "unit", "registers", capacity_bytes=8192),
        Space("matrix", "reg", "unit", "registers", capacity_bytes=1024),
    ),
)
Counts = Mapping[tuple[str, str, str], Counted]


def run(text: str, *arrays: Any, **options: Any) -> tuple[Run, Counts]:
    """Runs a program; counts by op, in the order of the text: `gir.move`, `gir.move 2`, ..."""
    module = ir.Module.parse(text, make_context())
    made = interpret(module, arrays, machine=MACHINE, **options)
    seen: dict[str, int] = {}
    names: dict[int, str] = {}
    for number, op in walk_numbered(module.operation):
        seen[op.name] = seen.get(op.name, 0) + 1
        names[number] = op.name if seen[op.name] == 1 else f"{op.name} {seen[op.name]}"
    return made, {(names[number], space, way): counted for (number, space, way), counted in made.counts.items()}


def naive(body: str, x: str, y: str) -> str:
    """A naive kernel from %a at dram to %y at dram."""
    return f"""func.func @f(%x: tensor<{x}>) -> tensor<{y}> {{
  %r = gir.kernel "k" (%a = %x : tensor<{x}>) -> (tensor<{y}>) {{
    {body}
    gir.return %y : tensor<{y}, #gir.at<dram>>
  }}
  return %r : tensor<{y}>
}}"""


def at(level: str, shape: str, space: str = "") -> str:
    """A tensor type at a level."""
    return f"tensor<{shape}, #gir.at<{level}{f', space = {chr(34)}{space}{chr(34)}' if space else ''}>>"


def test_naive_moves() -> None:
    """Each element once; lines are 64 bytes, and a write reads its lines first."""
    body = f"%0 = gir.move %a : {at('dram', '3x7xf32')} -> {at('reg', '3x7xf32')}\n"
    body += f"%y = gir.move %0 : {at('reg', '3x7xf32')} -> {at('dram', '3x7xf32')}"
    _, counts = run(naive(body, "3x7xf32", "3x7xf32"), np.zeros((3, 7), np.float32))
    assert counts == {
        ("gir.move", "main", "read"): Counted(84, 128),
        ("gir.move", "file", "write"): Counted(84, 84),
        ("gir.move 2", "file", "read"): Counted(84, 84),
        ("gir.move 2", "main", "write"): Counted(84, 128),
        ("gir.move 2", "main", "read"): Counted(0, 128),
    }


def test_move_of_a_column() -> None:
    """A column of 32-byte rows touches every other line's worth; a view itself moves nothing."""
    body = f"%s = gir.slice %a [0, 0] [8, 1] [1, 1] : {at('dram', '8x8xf32')} -> {at('dram', '8x1xf32')}\n"
    body += f"%0 = gir.move %s : {at('dram', '8x1xf32')} -> {at('reg', '8x1xf32')}\n"
    body += f"%y = gir.move %0 : {at('reg', '8x1xf32')} -> {at('dram', '8x1xf32')}"
    _, counts = run(naive(body, "8x8xf32", "8x1xf32"), np.zeros((8, 8), np.float32))
    assert counts["gir.move", "main", "read"] == Counted(32, 256)
    assert counts["gir.move 2", "main", "write"] == Counted(32, 64)


def test_window_at_dram_counts_each_element_once() -> None:
    """What neighbourhoods share is read once; at reg each has its own."""
    window = "dims [0] sizes [3] strides [1] dilations [1]"
    body = f"%s = gir.window %a {window} : {at('dram', '10xf32')} -> {at('dram', '8x3xf32')}\n"
    body += f"%0 = gir.move %s : {at('dram', '8x3xf32')} -> {at('reg', '8x3xf32')}\n"
    body += f"%y = gir.move %0 : {at('reg', '8x3xf32')} -> {at('dram', '8x3xf32')}"
    _, counts = run(naive(body, "10xf32", "8x3xf32"), np.arange(10, dtype=np.float32))
    assert counts["gir.move", "main", "read"] == Counted(40, 64)
    assert counts["gir.move", "file", "write"] == Counted(96, 96)


def test_store_goes_to_its_place_in_the_result() -> None:
    """Two parts side by side: the second begins within a line of the result, and each touches that line."""
    body = f"%0 = gir.move %a : {at('dram', '10xf32')} -> {at('reg', '10xf32')}\n"
    body += f"%p = gir.move %0 : {at('reg', '10xf32')} -> {at('dram', '10xf32')}\n"
    body += f"%y = gir.concat %p, %p dim 0 : ({at('dram', '10xf32')}, {at('dram', '10xf32')}) -> {at('dram', '20xf32')}"
    made, counts = run(naive(body, "10xf32", "20xf32"), np.arange(10, dtype=np.float32))
    np.testing.assert_array_equal(made.results[0], np.tile(np.arange(10, dtype=np.float32), 2))
    # Once per place: bytes 0..39 are one line; bytes 40..79 are two.
    assert counts["gir.move 2", "main", "write"] == Counted(80, 192)


def test_what_is_not_returned_is_a_tensor_of_its_own() -> None:
    """It is stored all the same."""
    body = f"%0 = gir.move %a : {at('dram', '10xf32')} -> {at('reg', '10xf32')}\n"
    body += f"%p = gir.move %0 : {at('reg', '10xf32')} -> {at('dram', '10xf32')}\n"
    body += f"%1 = gir.move %p : {at('dram', '10xf32')} -> {at('reg', '10xf32')}\n"
    body += f"%y = gir.move %1 : {at('reg', '10xf32')} -> {at('dram', '10xf32')}"
    _, counts = run(naive(body, "10xf32", "10xf32"), np.arange(10, dtype=np.float32))
    assert counts["gir.move 2", "main", "write"] == Counted(40, 64)
    assert counts["gir.move 3", "main", "read"] == Counted(40, 64)


def test_spaces_by_name() -> None:
    """`#gir.at` without a space is the first of its level; others are counted under their own names."""
    body = f"%s = gir.move %a : {at('dram', '4x4xf32')} -> {at('sram', '4x4xf32', 'far')}\n"
    body += f"%t = gir.move %s : {at('sram', '4x4xf32', 'far')} -> {at('sram', '4x4xf32')}\n"
    body += f"%0 = gir.move %t : {at('sram', '4x4xf32')} -> {at('reg', '4x4xf32', 'matrix')}\n"
    body += f"%1 = gir.move %0 : {at('reg', '4x4xf32', 'matrix')} -> {at('reg', '4x4xf32')}\n"
    body += f"%y = gir.move %1 : {at('reg', '4x4xf32')} -> {at('dram', '4x4xf32')}"
    _, counts = run(naive(body, "4x4xf32", "4x4xf32"), np.zeros((4, 4), np.float32))
    assert {(op, space) for op, space, _ in counts} == {
        ("gir.move", "main"),
        ("gir.move", "far"),
        ("gir.move 2", "far"),
        ("gir.move 2", "near"),
        ("gir.move 3", "near"),
        ("gir.move 3", "matrix"),
        ("gir.move 4", "matrix"),
        ("gir.move 4", "file"),
        ("gir.move 5", "file"),
        ("gir.move 5", "main"),
    }


def test_library_operator() -> None:
    """Operands and results once each, whatever its body does."""
    text = naive(
        f"%0 = gir.move %a : {at('dram', '4x4xf32')} -> {at('reg', '4x4xf32')}\n"
        f"%1 = gir.move %a : {at('dram', '4x4xf32')} -> {at('reg', '4x4xf32')}\n"
        f"%2 = arith.addf %0, %1 : {at('reg', '4x4xf32')}\n"
        f"%y = gir.move %2 : {at('reg', '4x4xf32')} -> {at('dram', '4x4xf32')}",
        "4x4xf32",
        "4x4xf32",
    ).replace("gir.kernel", "gir.extern")
    made, counts = run(text, np.ones((4, 4), np.float32))
    assert made.results[0].sum() == 32
    assert counts == {
        ("gir.extern", "main", "read"): Counted(64, 128),  # 64 of the operand; 64 more for the line that is written.
        ("gir.extern", "main", "write"): Counted(64, 64),
    }


def test_first_alternative_counts() -> None:
    """And gives the result."""
    reg = at("reg", "4xf32")
    body = f"%0 = gir.move %a : {at('dram', '4xf32')} -> {reg}\n"
    body += f"%1 = gir.alternatives -> ({reg}) {{\n%2 = arith.addf %0, %0 : {reg}\ngir.yield %2 : {reg}\n}} or {{\n"
    body += (
        f"%3 = gir.move %a : {at('dram', '4xf32')} -> {reg}\n%4 = arith.addf %0, %3 : {reg}\ngir.yield %4 : {reg}\n}}\n"
    )
    body += f"%y = gir.move %1 : {reg} -> {at('dram', '4xf32')}"
    made, counts = run(naive(body, "4xf32", "4xf32"), np.ones(4, np.float32))
    assert made.results[0].tolist() == [2, 2, 2, 2]
    assert counts["gir.move", "main", "read"] == Counted(16, 64)
    assert not any(op == "gir.move 2" for op, _, _ in counts)


def test_alternatives_in_a_placed_kernel() -> None:
    """The first one is what the nest runs."""
    text = """func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {
  %r = gir.kernel "k" (%a = %x : tensor<8xf32>) nest <[i = 8 : 4 : 2 : 2]> -> (tensor<8xf32>) {
    %0 = gir.move %a over ["i"] : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %1 = gir.alternatives -> (tensor<8xf32, #gir.at<reg>>) {
      %2 = arith.addf %0, %0 : tensor<8xf32, #gir.at<reg>>
      gir.yield %2 : tensor<8xf32, #gir.at<reg>>
    } or {
      gir.yield %0 : tensor<8xf32, #gir.at<reg>>
    }
    %3 = gir.move %1 over ["i"] : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %3 : tensor<8xf32, #gir.at<dram>>
  }
  return %r : tensor<8xf32>
}"""
    made, _ = run(text, np.arange(8, dtype=np.float32))
    np.testing.assert_array_equal(made.results[0], 2 * np.arange(8))


def test_launch() -> None:
    """A kernel by name, on memrefs; counts are of the kernel's own instructions, over both launches."""
    text = """
func.func private @double(%x: memref<16xf32>, %y: memref<16xf32>) {
  gir.kernel "double" (%a = %x : memref<16xf32>, %b = %y : memref<16xf32>) -> () {
    %n = arith.constant 4 : index
    gir.parallel <group> (%g) in (%n) {
      %o = affine.apply affine_map<(g) -> (g * 4)>(%g)
      %0 = gir.load %a[%o] : memref<16xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
      %1 = arith.addf %0, %0 : tensor<4xf32, #gir.at<reg>>
      gir.store %1, %b[%o] : tensor<4xf32, #gir.at<reg>>, memref<16xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}
func.func @main(%x: memref<16xf32>, %y: memref<16xf32>) {
  gir.launch @double(%x, %y) : (memref<16xf32>, memref<16xf32>) -> ()
  gir.launch @double(%y, %y) shares [[1, 0]] : (memref<16xf32>, memref<16xf32>) -> ()
  return
}"""
    made, counts = run(text, np.ones(16, np.float32), np.zeros(16, np.float32))
    assert made.arguments[1].tolist() == [4] * 16
    assert counts["gir.load", "main", "read"] == Counted(128, 512)  # Each of 8 loads of 16 bytes brings a line.
    assert made.peaks == {"file": 16}


def test_where_elements_are_takes_no_room() -> None:
    """Flags of places are worked out where they are used, in the ledger as well; those of elements are there."""
    text = """
func.func @main(%x: memref<16xf32>, %y: memref<16xf32>) {
  gir.kernel "chosen" (%a = %x : memref<16xf32>, %b = %y : memref<16xf32>) -> () {
    %n = arith.constant 4 : index
    gir.parallel <group> (%g) in (%n) {
      %o = affine.apply affine_map<(g) -> (g * 4)>(%g)
      %two = arith.constant dense<2> : tensor<4xindex, #gir.at<reg>>
      %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
      %at = gir.iota dim 0 offset(%o) : tensor<4xindex, #gir.at<reg>>
      %late = arith.cmpi sge, %at, %two : tensor<4xindex, #gir.at<reg>>
      %even = arith.cmpi eq, %at, %two : tensor<4xindex, #gir.at<reg>>
      %both = arith.andi %late, %even : tensor<4xi1, #gir.at<reg>>
      %0 = gir.load %a[%o] : memref<16xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
      %less = arith.cmpf olt, %0, %zero : tensor<4xf32, #gir.at<reg>>
      %1 = arith.select %less, %zero, %0 : tensor<4xi1, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
      %2 = arith.select %both, %zero, %1 : tensor<4xi1, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
      %3 = arith.select %late, %2, %zero : tensor<4xi1, #gir.at<reg>>, tensor<4xf32, #gir.at<reg>>
      gir.store %3, %b[%o] : tensor<4xf32, #gir.at<reg>>, memref<16xf32, #gir.at<dram>>
    }
    gir.return
  }
  return
}"""
    made, _ = run(text, np.ones(16, np.float32), np.zeros(16, np.float32))
    assert made.arguments[1].tolist() == [0, 0, 0, *[1] * 13]
    assert made.peaks == {"file": 4 * 4 + 4}  # Elements, and a byte for each that says whether it is less than zero.
    with make_context():
        assert ledger_of(ir.Module.parse(text), MACHINE).peaks["file"] == 4 * 4 + 4


def test_softmax_in_a_nest() -> None:
    """Rows come to sram once, in pairs as two units take them; registers see them once per pass."""
    made, counts = run(find("softmax_placed").text, *find("softmax_placed").inputs)
    bytes_ = 10 * 50 * 4
    reads = [counted.useful for (_, space, way), counted in counts.items() if (space, way) == ("file", "write")]
    assert reads == [bytes_] * 3
    assert counts["gir.move", "main", "read"].useful == bytes_
    assert counts["gir.move", "near", "write"].useful == bytes_
    # Two rows of x and two of e.
    assert made.peaks["near"] == 4 * 50 * 4
    # 16 elements, and the three accumulators or results that live beside them at most two at a time.
    assert made.peaks["file"] == (16 + 2) * 4


def test_kept_rows_take_registers_not_bytes() -> None:
    """What passes keep isn't moved; it lives."""
    made, counts = run(find("softmax_kept").text, *find("softmax_kept").inputs)
    assert counts["gir.move", "main", "read"].useful == 10 * 50 * 4
    assert len(counts) == 5
    assert made.peaks["file"] >= 50 * 4


def test_weights_are_loaded_where_their_loop_turns() -> None:
    """A movement that a loop leaves as it is happens once outside of it: weights per unit, not per row."""
    made, counts = run(find("depthwise_placed").text, *find("depthwise_placed").inputs)
    units = 2 * 3 * 2 * 2
    assert counts["gir.move 2", "main", "read"].useful == units * 9 * 4
    # Rows per step, with a row above and below where there is one: 2 groups of rows 5 = 3 + 2.
    rows = [min(h + 2, 10) - max(h - 1, 0) for h in range(10)]
    assert counts["gir.move", "main", "read"].useful == 2 * 3 * sum(rows) * 12 * 4
    assert made.results[0].shape == (2, 3, 10, 12)


def test_gather_and_scatter_are_transactions_of_their_own() -> None:
    """Each element brings a line; a scatter with a kind reads what it adds to."""
    example = find("scatter_tile")
    _, counts = run(example.text, *example.inputs)
    assert counts["gir.scatter", "main", "write"] == Counted(160, 40 * 64)
    assert counts["gir.scatter", "main", "read"] == Counted(160, 2 * 40 * 64)  # And lines before they are written.
    example = find("gather_tile")
    _, counts = run(example.text, *example.inputs)
    assert counts["gir.gather", "main", "read"] == Counted(37 * 4, 37 * 64)


@pytest.mark.parametrize("name", sorted({example.name for example in examples()}))
def test_counts_do_not_depend_on_what_is_left_open(name: str) -> None:
    """Orders, completion of copies and unspecified elements change neither counts nor peaks."""
    example = find(name)
    runs = [run(example.text, *example.inputs, seed=seed) for seed in range(3)]
    assert all(counts == runs[0][1] for _, counts in runs)
    assert all(made.peaks == runs[0][0].peaks for made, _ in runs)


def test_without_a_machine_bytes_move_singly() -> None:
    """Spaces are then called by their level."""
    example = find("softmax_kept")
    made = interpret(ir.Module.parse(example.text, make_context()), example.inputs)
    assert all(counted.useful == counted.issued for counted in made.counts.values())
    assert {space for _, space, _ in made.counts} == {"dram", "reg"}
