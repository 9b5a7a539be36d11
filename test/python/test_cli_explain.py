"""`pf explain` for every machine: what each phase leaves, where it starts and stops, and what has no code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from cli_fakes import fails, misused

import powerfusion as pf
from powerfusion.cli.main import main
from powerfusion.errors import UnsupportedError
from powerfusion.executable import compile_for, compile_phases
from powerfusion.machines import find, names
from powerfusion.passes.analysis.ledger import ledger_of
from powerfusion.pipelines import COUNTED, CPU, GENERAL, PLACE, TILE, Phase, phases_for, phases_of
from powerfusion.reference import interpret
from powerfusion.symbolic import total

ROOT = Path(__file__).resolve().parents[2]
LAYERNORM = str(ROOT / "examples/bert_residual_layernorm.mlir")
CAUSAL = str(ROOT / "examples/causal_softmax.mlir")
TILED = str(ROOT / "examples/gir/softmax_tile.mlir")
FIVE = str(ROOT / "examples/machines/five_spaces.toml")
MACHINES = [*names(), FIVE, f"file:{FIVE}"]


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["explain", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_machine_is_explained(machine: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each phase moves no more than the one before, never less than the least, and its figures are the ledger's."""
    said = explained(capsys, LAYERNORM, "--target", machine)
    assert said["machine"] == find(machine).name
    phases = {phase["phase"]: phase for phase in said["phases"]}
    assert tuple(phases) == tuple(phase.name for phase in phases_of(machine) if phase.name in COUNTED)
    bytes_ = [phase["dram_useful_bytes"] for phase in phases.values()]
    assert bytes_ == sorted(bytes_, reverse=True)
    assert phases["raise"]["dram_useful_bytes"] == said["naive_dram_bytes"]
    assert phases["place"]["dram_useful_bytes"] == said["dram_bytes"] >= said["least_dram_bytes"]
    assert [phases[name]["launches"] for name in ("raise", "place")] == [19, 1]
    executable = compile_for(Path(LAYERNORM), machine)
    for phase in {"tile", "schedule"} & set(phases):
        entries = ledger_of(executable.module(phase), find(machine)).entries
        for level in ("dram", "sram", "reg"):
            for figure in ("useful", "issued", "arriving"):
                own = total(getattr(entry, figure) for entry in entries if entry.level == level)
                assert phases[phase][f"{level}_{figure}_bytes"] == own


def test_a_users_file_is_what_counts(tmp_path: Path) -> None:
    """A program for a machine with 64 bytes of sram keeps nothing there; transactions are those of the file too."""
    text = Path(FIVE).read_text().replace("capacity_bytes = 1_048_576\nreserve_bytes = 65_536", "capacity_bytes = 64")
    small = tmp_path / "small.toml"
    small.write_text(text.replace("granule_bytes = 64", "granule_bytes = 4096"))
    found = compile_for(Path(LAYERNORM), str(small)).phase_reports()[-1]
    assert found.at("sram") == 0
    assert all(side.issued % 4096 == 0 for side in found.moved if side.level == "dram")


def test_table_of_phases(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", LAYERNORM, "--target", "sm_90"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split() for line in lines[1 : 1 + len(COUNTED)]}
    assert list(rows) == list(COUNTED)
    assert rows["raise"][1:5] == ["19", "19", "45.7", "MB"]
    assert rows["simplify"][-2] in ("kB", "MB")
    assert rows["tile"][-3:-1] == ["0", "B"]
    assert float(rows["tile"][-1]) >= 1.0
    assert f"next: pf explain {LAYERNORM} --target sm_90 --phase place" in lines


def test_open_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    """A nest of open sizes isn't counted, what it is tiled to is a formula; with sizes all are numbers that agree."""
    phases = {phase["phase"]: phase for phase in explained(capsys, CAUSAL, "--target", "mlu372")["phases"]}
    assert phases["place"]["problem"]
    assert phases["place"]["kernels"] is None
    assert phases["tile"]["dram_useful_bytes"] is None
    assert "arg0[0]" in phases["tile"]["dram_useful_bytes_formula"]
    assert main(["explain", CAUSAL, "--target", "mlu372"]) == 0
    assert "place isn't counted: " in capsys.readouterr().out
    bound = explained(capsys, CAUSAL, "--target", "mlu372", "--shape", "0=2x12x64x64")
    place, tile, schedule = (phase["dram_useful_bytes"] for phase in bound["phases"][-3:])
    assert place == tile == schedule > 0


def test_table_of_tile_form(capsys: pytest.CaptureFixture[str]) -> None:
    """`--compile-to tile` shows the kernels as they are tiled; a source in tile form is shown as it is."""
    said = explained(capsys, LAYERNORM, "--compile-to", "tile")
    assert said["phase"] == "tile"
    assert {movement["op"] for movement in said["kernels"][0]["movements"]} <= {
        "gir.load", "gir.store", "gir.copy", "gir.stage",
    }  # fmt: skip
    own = explained(capsys, TILED, "--shape", "0=64x256", "--shape", "1=64x256")
    assert (own["dram_bytes"], own["least_dram_bytes"], own["naive_dram_bytes"]) == (2 * 64 * 256 * 4, None, None)
    assert [phase["phase"] for phase in own["phases"]] == ["tile"]
    assert main(["explain", TILED]) == 0
    assert "this one came tiled" in capsys.readouterr().out


def test_compile_from_and_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stopped after a phase and gone on from there, a program is what it is in one go; the rows say where it began."""
    placed, tiled, whole = (tmp_path / f"{name}.mlir" for name in ("placed", "tiled", "whole"))
    target = ("--target", "sm_90")
    assert main(["compile", LAYERNORM, "-o", str(placed), "--compile-to", "place", *target]) == 0
    assert main(["compile", str(placed), "-o", str(tiled), "--compile-from", "place", *target]) == 0
    assert main(["compile", LAYERNORM, "-o", str(whole), *target]) == 0
    assert tiled.read_text() == whole.read_text()
    said = explained(capsys, str(placed), "--compile-from", "place", *target)
    assert [phase["phase"] for phase in said["phases"]] == ["place", "tile", "schedule"]
    assert said["dram_bytes"] == explained(capsys, LAYERNORM, *target)["dram_bytes"]
    some = explained(capsys, LAYERNORM, "--compile-to", "simplify", *target)
    assert [phase["phase"] for phase in some["phases"]] == ["raise", "simplify"]
    assert some["phase"] == "simplify"
    assert "expected one of import, raise" in misused(capsys, "explain", LAYERNORM, "--compile-from", "fry")


def test_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a machine without code the message names what there is; so it is for a program that was stopped early."""
    with pytest.raises(UnsupportedError, match="code for 'sm_90' isn't made yet; it is for cpu, c") as caught:
        pf.compile(LAYERNORM, target="sm_90")
    assert "pf explain IN --target sm_90" in str(caught.value.help)
    said = misused(capsys, "compile", LAYERNORM, "-o", str(tmp_path / "m.pfx"), "--target", "mlu:mlu372")
    assert "expected a name that ends in .mlir or .mlu" in said
    assert not list(tmp_path.iterdir())
    with pytest.raises(UnsupportedError, match="it has no code"):
        compile_for(Path(LAYERNORM), "sm_90")()
    names = ", ".join(phase.name for phase in phases_for("sm_90"))
    assert f"expected a phase of {names} for sm_90, got 'llvm'" in fails(
        capsys, "explain", LAYERNORM, "--target", "sm_90", "--phase", "llvm"
    )


def test_remarks(capsys: pytest.CaptureFixture[str]) -> None:
    """What passes remark is printed below, with its place; in JSON beside the statistics of each phase."""
    assert main(["explain", LAYERNORM, "--target", "sm_90", "--remarks"]) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"{re.escape(LAYERNORM)}:13:10: placed \d+ kernels as one", printed)
    said = explained(capsys, LAYERNORM, "--target", "sm_90", "--remarks")
    assert "place" in {remark["phase"] for remark in said["remarks"]}
    statistics = {phase["phase"]: phase["statistics"] for phase in said["phases"]}
    assert statistics["raise"] == {}
    assert statistics["simplify"]["gir-merge-kernels"]["kernels merged"] > 0
    assert "remarks" not in explained(capsys, LAYERNORM)


def test_phases_for_a_machine_are_data() -> None:
    """Whatever pass declares an option `machine` is told it, beside the options that it has already; others aren't."""
    placing = phases_for("sm_90")[GENERAL.index(PLACE)]
    assert placing.passes == ("gir-place{machine=sm_90}", "gir-call-libraries{streamed=true}", "canonicalize", "cse")
    phase = Phase("p", "", ("gir-place{budget=3}", "canonicalize{max-iterations=1}", "gir-ledger"))
    assert phase.with_option("machine", "a b,c.toml").passes == (
        'gir-place{machine="a b,c.toml" budget=3}',
        "canonicalize{max-iterations=1}",
        'gir-ledger{machine="a b,c.toml"}',
    )
    with pytest.raises(UnsupportedError, match="can't be the value"):
        phase.with_option("machine", "a{b.toml")
    assert CPU[: len(GENERAL)] == (*GENERAL[:-1], TILE.with_option("machine", "cpu"))


def test_file_with_a_blank_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "my, own.toml"
    path.write_text(Path(FIVE).read_text())
    assert compile_for(Path(LAYERNORM), f"file:{path}").machine.name == "five_spaces"


def test_phases_are_what_the_interpreter_counts() -> None:
    """The tile form's row is what executing it moves."""
    text = """
    func.func @f(%x: tensor<37x101xf32>, %y: tensor<37x101xf32>) -> tensor<37x101xf32> {
      %e = tensor.empty() : tensor<37x101xf32>
      %a = linalg.add ins(%x, %y : tensor<37x101xf32>, tensor<37x101xf32>) outs(%e : tensor<37x101xf32>)
          -> tensor<37x101xf32>
      %b = linalg.exp ins(%a : tensor<37x101xf32>) outs(%e : tensor<37x101xf32>) -> tensor<37x101xf32>
      return %b : tensor<37x101xf32>
    }"""
    executable = compile_for(text, "gfx942")
    machine = find("gfx942")
    arrays = [np.ones((37, 101), np.float32)] * 2
    for phase in executable.phase_reports():
        run = interpret(executable.module(phase.phase), arrays, machine=machine)
        counted: dict[tuple[str, str], int] = {}
        for (_, space, direction), moved in run.counts.items():
            counted[space, direction] = counted.get((space, direction), 0) + moved.useful
        assert {(side.space, side.direction): side.useful for side in phase.moved} == counted
    assert compile_phases(text, GENERAL, "cpu").phases == tuple(phase.name for phase in GENERAL)
