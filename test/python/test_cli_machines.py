"""`pf machines`: lists, shows, prints files and JSON, and refuses."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from cli_fakes import fails

from powerfusion.cli.main import main
from powerfusion.machines import find, names, schema
from powerfusion.machines.model import Space

FIVE = Path(__file__).resolve().parents[2] / "examples/machines/five_spaces.toml"
ALL = [*names(), str(FIVE)]


def test_pf_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["machines"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["machine", *names()]
    assert main(["machines", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["machines"]
    assert [entry["name"] for entry in listed] == [*names()]
    assert listed[-2]["spaces"] == {"dram": ["gdram"], "sram": ["sram"], "reg": ["nram", "wram"]}


def test_pf_machines_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["machines", "show", str(FIVE)]) == 0
    printed = capsys.readouterr().out
    assert "  |--> sram   300 GB/s, 800 ns, dma, asynchronous\n" in printed
    assert "wram  (reg)\n  `==> matrix reads it\n" in printed
    assert "bf16 unknown" in printed
    assert re.search(r"five_spaces +launch_ns +invented", printed)


@pytest.mark.parametrize("name", ALL)
def test_pf_machines_show_all(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is shown with every space; JSON has every field; the file that is printed is read back equal."""
    machine = find(name)
    assert main(["machines", "show", name]) == 0
    printed = capsys.readouterr().out
    assert all(f"{space.name}  ({space.level})" in printed for space in machine.spaces)
    assert main(["machines", "show", name, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    parts = ["spaces", "links", "engines", "scopes", "caches", "emit"]
    assert [*data] == ["name", "title", "launch_ns", "sources", *parts]
    assert [*data["spaces"][0]] == [field.name for field in dataclasses.fields(Space)]
    assert main(["machines", "show", name, "--toml"]) == 0
    again = schema.loads(capsys.readouterr().out)
    assert (again, again.emit) == (machine, machine.emit)


def test_pf_machines_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean sm_100?" in fails(capsys, "machines", "show", "sm_1000")
    path = tmp_path / "mine.toml"
    path.write_text('name = "x"\nfoo = 1\n')
    assert f"{path}:2: foo: unknown key" in fails(capsys, "machines", "show", str(path))
    for arguments in (["machines", "show"], ["machines", "list", "x"], ["machines", "show", "cpu", "--json", "--toml"]):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 2
