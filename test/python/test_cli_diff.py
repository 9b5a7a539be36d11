"""`pf diff`: what two programs, phases or machines move more or less, kernel by kernel and movement by movement."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_fakes import fails, kernel, misused
from test_cli_programs import DYNAMIC, RELU_ADD, TENSOR_BYTES

from powerfusion.cli.main import main
from powerfusion.cli.traffic import compare
from powerfusion.cli.traffic_table import change_text
from powerfusion.executable import compile_for
from powerfusion.pipelines import COUNTED
from powerfusion.report import KernelReport, Report

ROOT = Path(__file__).resolve().parents[2]
LAYERNORM = str(ROOT / "examples/bert_residual_layernorm.mlir")
TILED = str(ROOT / "examples/gir/softmax_tile.mlir")


def differ(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["diff", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def total(said: dict, level: str, figure: str = "useful", side: str = "change") -> int:
    return sum(row[figure][side] for row in said["totals"] if row["level"] == level)


@pytest.fixture
def relu_add(tmp_path: Path) -> str:
    path = tmp_path / "relu_add.mlir"
    path.write_text(RELU_ADD)
    return str(path)


def test_phases_of_one_file(relu_add: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cancelled is gone on both sides of it, and the load and store that stay are paired and equal."""
    said = differ(capsys, f"{relu_add}@raise", f"{relu_add}@simplify", "--target", "sm_90")
    assert said["launches"] == {"before": 2, "after": 1}
    assert total(said, "dram") == -2 * TENSOR_BYTES
    (group,) = said["kernels"]
    assert [len(group[side]) for side in ("before", "after")] == [2, 1]
    dram = [movement for movement in group["movements"] if movement["level"] == "dram"]
    gone = [movement for movement in dram if movement["after"] is None]
    assert [(each["direction"], each["useful"]["change"]) for each in gone] == [
        ("read", -TENSOR_BYTES),
        ("write", -TENSOR_BYTES),
    ]
    assert all(movement["useful"]["change"] == 0 for movement in dram if movement["after"] is not None)
    assert all(f"{relu_add}:" in movement["before"]["location"] for movement in gone)


@pytest.mark.parametrize("target", ["cpu", "gfx942", "mlu372"])
def test_figures_are_the_reports(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The totals of each side are those that its report says, at every level, for all three figures."""
    executable = compile_for(Path(LAYERNORM), target)
    said = differ(capsys, f"{LAYERNORM}@simplify", f"{LAYERNORM}@tile", "--target", target)
    for side, phase in (("before", "simplify"), ("after", "tile")):
        kernels = executable.report(phase=phase).kernels
        for level in ("dram", "sram", "reg"):
            for figure in ("useful", "issued", "arriving"):
                own = sum(k.figures(way, figure).get(level, 0) for k in kernels for way in ("read", "write"))
                assert total(said, level, figure, side) == own


def test_same_is_same(relu_add: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", relu_add]) == 0
    printed = capsys.readouterr().out
    assert "Both move the same." in printed
    assert "kernels" not in printed
    assert main(["diff", relu_add, "--all"]) == 0
    assert "maximumf_addf" in capsys.readouterr().out


def test_placed_and_tiled_move_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """What placing promises is what tiling keeps: useful and issued bytes, place by place."""
    said = differ(capsys, f"{LAYERNORM}@place", f"{LAYERNORM}@tile", "--target", "gfx942")
    for row in said["totals"]:
        assert row["useful"]["change"] == row["issued"]["change"] == 0


def test_two_files(relu_add: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Places of two files don't meet: kernels of one name belong together, movements go by type."""
    other = tmp_path / "half.mlir"
    other.write_text(f"// moved down a line\n{RELU_ADD.replace('64x128', '32x128')}")
    said = differ(capsys, relu_add, str(other))
    (group,) = said["kernels"]
    assert group["before"][0]["name"] == group["after"][0]["name"]
    assert total(said, "dram") == -3 * TENSOR_BYTES // 2
    assert main(["diff", relu_add, str(other)]) == 0
    printed = capsys.readouterr().out
    assert "B moves 49.2 kB less at dram" in printed


def test_machines(capsys: pytest.CaptureFixture[str]) -> None:
    """Spaces of two machines have different names; levels are compared."""
    said = differ(capsys, LAYERNORM, "--target-a", "sm_90", "--target-b", "mlu372")
    assert [said[side]["machine"] for side in ("a", "b")] == ["sm_90", "mlu372"]
    assert {row["space"] for row in said["totals"]} == {"dram", "sram", "reg"}
    own = differ(capsys, LAYERNORM, "--target", "sm_90")
    assert {row["space"] for row in own["totals"]} == {"global", "shared", "registers"}


def test_open_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A change is a formula until sizes are given."""
    one, two = tmp_path / "one.mlir", tmp_path / "two.mlir"
    one.write_text(DYNAMIC)
    two.write_text(DYNAMIC.replace("f32", "f64"))
    (read, write) = [row for row in differ(capsys, str(one), str(two))["totals"] if row["level"] == "dram"]
    for row in (read, write):
        assert row["useful"]["change"] is None
        assert row["useful"]["change_formula"] == "32*arg0[0]"
    bound = differ(capsys, str(one), str(two), "--shape", "0=16x8")
    assert total(bound, "dram") == 2 * 16 * 8 * 4
    assert main(["diff", str(one), str(two)]) == 0
    assert "B moves 64*arg0[0] B more at dram" in capsys.readouterr().out


def test_tile_form_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    shapes = ("--shape", "0=64x256", "--shape", "1=64x256")
    said = differ(capsys, TILED, "--target-a", "sm_90", "--target-b", "cpu", *shapes)
    assert total(said, "dram") == 0
    assert said["a"]["phase"] == "tile"


def test_filling_reads_are_told_from_reads(relu_add: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On a cache that allocates on writes, a store reads first; that isn't taken for a load that grew."""
    assert main(["diff", f"{relu_add}@raise", f"{relu_add}@simplify"]) == 0
    printed = capsys.readouterr().out
    assert "read before write, in transactions" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.mlir"], "nowhere.mlir isn't there"),
        ([f"{LAYERNORM}@fry"], f"expected a phase of {', '.join(COUNTED)} behind the @, got 'fry'"),
        ([LAYERNORM, "--target", "abacus"], "no machine is called 'abacus'"),
        ([f"{TILED}@simplify"], "expected a phase of tile, got 'simplify'"),
        ([LAYERNORM, "--shape", "9=4"], "there is no argument 9"),
    ],
)
def test_failures_are_1(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in fails(capsys, "diff", *arguments)


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert "usage: pf diff" in misused(capsys, "diff")


def test_file_with_an_at_in_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "me@home.mlir"
    path.write_text(RELU_ADD)
    assert main(["diff", str(path), f"{path}@raise"]) == 0
    assert "less" not in capsys.readouterr().out


def test_kernels_that_belong_together() -> None:
    """By a place that they share, whatever their names; the others by name, in order; else alone."""

    def made(name: str, *origins: str) -> KernelReport:
        plain = kernel(name, 8, 4, origins[0] if origins else None)
        return KernelReport(name, plain.location, plain.movements, origins)

    before = Report((made("a", "x:1"), made("b", "x:2"), made("c", "x:3"), made("same"), made("same")), 0, 0)
    after = Report((made("same"), made("ab", "x:2", "x:1"), made("new", "x:9")), 0, 0)
    groups = [
        ([k.name for k in change.before], [k.name for k in change.after]) for change in compare(before, after).kernels
    ]
    assert groups == [(["a", "b"], ["ab"]), (["c"], []), (["same"], ["same"]), (["same"], []), ([], ["new"])]


@pytest.mark.parametrize(("change", "text"), [(0, "0 B"), (1500, "+1.50 kB"), (-3, "-3 B")])
def test_signs(change: int, text: str) -> None:
    assert change_text(change) == text
