"""Reports and `pf explain`: transactions and caches of a machine, what can go, in which kernels, what it saves."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import cli_fakes
import numpy as np
import pytest
from cli_fakes import use
from programs.check import parameters
from programs.program import Program
from test_ledger import F32, relu_add

import powerfusion as pf
from powerfusion.cli.main import main
from powerfusion.executable import compile_for
from powerfusion.frontend.source import read_module
from powerfusion.machines.model import Cache, Link, Machine, Space
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.report import Handed
from powerfusion.symbolic import total


def machine(cache_bytes: int | None = None) -> Machine:
    """A machine with granules of 128 bytes, and a cache in front of its memory where a size is given."""
    spaces = (
        Space("memory", "dram", "device", "memory", granule_bytes=128),
        Space("scratch", "sram", "group", "scratchpad", 1 << 16),
        Space("registers", "reg", "unit", "registers", 1 << 12),
    )
    caches = (Cache("last", "memory", cache_bytes),) if cache_bytes else ()
    links = (Link("memory", "registers", bandwidth_bytes_per_ns=50.0),)
    return Machine("abacus", "a machine for tests", spaces, links, caches=caches)


COLUMN = """
func.func @f(%x: tensor<16x10xf32>) -> tensor<16x1xf32> {
  %y = gir.kernel "column" (%a = %x : tensor<16x10xf32>) -> (tensor<16x1xf32>) {
    %0 = gir.slice %a [0, 3] [16, 1] [1, 1] : tensor<16x10xf32, #gir.at<dram>> -> tensor<16x1xf32, #gir.at<dram>>
    %1 = gir.move %0 : tensor<16x1xf32, #gir.at<dram>> -> tensor<16x1xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<16x1xf32, #gir.at<reg>> -> tensor<16x1xf32, #gir.at<dram>>
    gir.return %2 : tensor<16x1xf32, #gir.at<dram>>
  }
  return %y : tensor<16x1xf32>
}
"""


def test_a_column_issues_the_granules_it_touches() -> None:
    """Rows of 40 bytes in granules of 128: bytes 12 to 615 lie in 5 of them."""
    read, *_ = ledger_of(read_module(COLUMN), machine()).entries
    assert (read.direction, read.useful, read.issued, read.arriving) == ("read", 16 * F32, 5 * 128, 5 * 128)


AGAIN = """
func.func @f(%x: memref<64x64xf32>, %v: memref<64xf32>) {
  gir.kernel "again" (%a = %x : memref<64x64xf32>, %b = %v : memref<64xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    gir.parallel <group> (%i) in (%c64) {
      %0 = gir.load %a[%i, %c0] : memref<64x64xf32, #gir.at<dram>> -> tensor<1x64xf32, #gir.at<reg>>
      %1 = gir.load %b[%c0] : memref<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
      %2 = gir.load %a[%i, %c0] : memref<64x64xf32, #gir.at<dram>> -> tensor<1x64xf32, #gir.at<reg>>
    }
    gir.return
  }
  return
}
"""
ROW = 64 * F32


@pytest.mark.parametrize(
    ("cache_bytes", "arriving"),
    [
        pytest.param(None, [64 * ROW, 64 * ROW, 64 * ROW], id="no cache: all arrives"),
        pytest.param(1 << 20, [64 * ROW, ROW, 0], id="an iteration fits: vector and rows arrive once"),
        pytest.param(2 * ROW, [64 * ROW, ROW, 0], id="an iteration fits just so"),
        pytest.param(ROW, [64 * ROW, 64 * ROW, 64 * ROW], id="it doesn't fit"),
    ],
)
def test_what_hits_in_a_cache_does_not_arrive(cache_bytes: int | None, arriving: list[int]) -> None:
    entries = ledger_of(read_module(AGAIN), machine(cache_bytes)).entries
    reads = [entry for entry in entries if entry.space == "memory"]
    assert [entry.issued for entry in reads] == [64 * ROW] * 3
    assert [entry.arriving for entry in reads] == arriving


def test_report_counts_a_machines_transactions() -> None:
    executable = pf.compile(relu_add("3"))
    report = executable.report(machine=machine())
    tensor = 3 * 1000 * F32
    assert report.dram_bytes == 3 * tensor
    assert report.at_dram("issued") == 3 * (-(-tensor // 128) * 128)
    as_json = report.to_json()
    assert (as_json["machine"], as_json["dram_issued_bytes"]) == ("abacus", report.at_dram("issued"))
    (kernel,) = as_json["kernels"]
    assert kernel["movements"][0]["moved"][0] == {
        "space": "memory",
        "level": "dram",
        "direction": "read",
        "useful": tensor,
        "issued": -(-tensor // 128) * 128,
        "arriving": -(-tensor // 128) * 128,
    }


CENTRED = """
#id = affine_map<(r, c) -> (r, c)>
#row = affine_map<(r, c) -> (r)>
func.func @centred(%x: tensor<512x1000xf32>) -> tensor<512x1000xf32> {
  %zero = arith.constant 0.0 : f32
  %v = tensor.empty() : tensor<512xf32>
  %i = linalg.fill ins(%zero : f32) outs(%v : tensor<512xf32>) -> tensor<512xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<512x1000xf32>) outs(%i : tensor<512xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<512xf32>
  %e = tensor.empty() : tensor<512x1000xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<512x1000xf32>, tensor<512xf32>) outs(%e : tensor<512x1000xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.subf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<512x1000xf32>
  return %y : tensor<512x1000xf32>
}
"""


def test_a_report_says_what_kernels_load_twice_or_hand_on() -> None:
    """As written, each operator by itself: the sum and the subtraction load the same, and one hands to the other."""
    from powerfusion.passes.analysis.ledger_report import handed_over

    handed = list(handed_over(pf.compile(CENTRED).module("raise"), {}))
    assert Handed(None, ("addf", "subf"), 512 * 1000 * F32) in handed
    assert [each.bytes for each in handed if each.producer == "addf"] == [2 * 512 * F32]


def test_kernels_stand_beside_what_they_must_move_and_were_made_from() -> None:
    """Sum and subtraction as one read their input once; as written they moved it twice, and the sums besides."""
    tensor, row = 512 * 1000 * F32, 512 * F32
    executable = pf.compile(CENTRED)
    (kernel,) = executable.report().kernels
    assert kernel.least_dram_bytes == 2 * tensor
    # The sum loads what it starts from and stores what the subtraction loads; the fill that makes it is no kernel's.
    assert kernel.naive_dram_bytes == 3 * tensor + 3 * row
    before = executable.report(phase="raise")
    assert all(each.least_dram_bytes == each.naive_dram_bytes == each.dram_bytes for each in before.kernels)
    assert [each.least_dram_bytes for each in executable.report(phase="tile").kernels] == [None]
    text = str(executable.report())
    assert text.splitlines()[0].split()[-3:] == ["least", "as", "written"]
    assert f"{2 * tensor:,}" in text
    as_json = executable.report().to_json()["kernels"][0]
    assert (as_json["least_dram_bytes"], as_json["naive_dram_bytes"]) == (2 * tensor, 3 * tensor + 3 * row)


@pytest.mark.parametrize("program", [p for p in parameters("chains", "maps", "windows", "reductions") if not p.marks])
def test_no_kernel_moves_less_than_it_must(program: Program) -> None:
    """In each phase; and what kernels were made from adds up to no more than the program as written."""
    executable = compile_for(program.text, "gfx942", until="place")
    shapes = {at: np.shape(array) for at, array in enumerate(program.inputs)}
    for phase in ("raise", "simplify", "place"):
        report = executable.report(shapes, phase=phase)
        for kernel in report.kernels:
            assert kernel.least_dram_bytes is not None
            assert kernel.least_dram_bytes <= kernel.dram_bytes, (phase, kernel.name)
        assert total(kernel.naive_dram_bytes or 0 for kernel in report.kernels) <= report.naive_dram_bytes


def test_explain_says_where_bytes_can_go_and_what_that_saves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.mlir"
    source.write_text("module {}")
    figures = cli_fakes.report(2, megabytes=12, least=6, naive=12)
    handed = (Handed("k0", ("k1",), 4_000_000, "in.mlir:1:3"), Handed(None, ("k0", "k1"), 2_000_000))
    figures = replace(figures, handed=handed, machine="abacus", bandwidth_bytes_per_ns=100.0)
    use(monkeypatch, cli_fakes.adder(figures=figures))
    assert main(["explain", str(source)]) == 0
    printed = capsys.readouterr().out
    assert "k0 (in.mlir:1:3) hands to k1 through DRAM, 4.00 MB; k0 and k1 load the same again, 2.00 MB" in printed
    assert "At the 100 GB/s of abacus that is 60.0 us of each call." in printed


def test_explain_counts_for_another_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.mlir"
    source.write_text(relu_add("3"))
    assert main(["explain", str(source), "--machine", "sm_90", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["machine"] == "sm_90"
    assert main(["explain", str(source), "--machine", "sm_9"]) == 1
    assert "no machine is called 'sm_9'" in capsys.readouterr().err


KERNEL = """
  %k{next} = gir.kernel "k" (%a = %k{last} : tensor<512x768xf32>) -> (tensor<512x768xf32>) {{
    %0 = gir.move %a : tensor<512x768xf32, #gir.at<dram>> -> tensor<512x768xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<512x768xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<512x768xf32, #gir.at<reg>> -> tensor<512x768xf32, #gir.at<dram>>
    gir.return %2 : tensor<512x768xf32, #gir.at<dram>>
  }}"""


def test_a_large_program_is_verified_and_counted_soon() -> None:
    """5,000 ops in 1,000 kernels take less than 2 s of the processor."""
    count = 1000
    body = "".join(KERNEL.format(last=at, next=at + 1) for at in range(count))
    ending = f"  return %k{count} : tensor<512x768xf32>\n}}\n"
    module = read_module(f"func.func @f(%k0: tensor<512x768xf32>) -> tensor<512x768xf32> {{{body}\n{ending}")
    begin = time.process_time()
    assert module.operation.verify()
    entries = ledger_of(module, machine()).entries
    assert time.process_time() - begin < 2
    assert len(entries) == 4 * count
