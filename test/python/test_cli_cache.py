"""`pf cache`: shows and clears; `pf run` and `pf compile` fill the cache, and say where they can't."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from artifact_tools import RELU
from cli_fakes import fails

from powerfusion.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache that is switched on, and a program beside it."""
    (tmp_path / "relu.mlir").write_text(RELU)
    monkeypatch.setenv("PF_CACHE", str(tmp_path / "programs"))
    monkeypatch.setenv("PF_CACHE_LIMIT", "1M")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "programs"


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What the command prints."""
    assert main(["cache", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_is_filled_shown_and_cleared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run and an artifact of one program are one entry; IR isn't kept."""
    empty = {"folder": str(folder), "entries": 0, "bytes": 0, "limit_bytes": 1 << 20, "last_used": None}
    assert as_json(capsys) == empty
    assert main(["run", "relu.mlir", "--input", "random:3x64xf32"]) == 0
    assert main(["compile", "relu.mlir", "-o", "relu.pfx"]) == 0
    assert main(["compile", "relu.mlir", "-o", "tile.mlir", "--compile-to", "tile"]) == 0
    capsys.readouterr()
    shown = as_json(capsys)
    (entry,) = folder.iterdir()
    assert (shown["entries"], shown["bytes"]) == (1, entry.stat().st_size)
    assert time.time() - shown["last_used"] < 60
    assert main(["cache"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["folder", "programs", "bytes", "at", "most", "last", "used"]
    assert row.split()[:2] == [str(folder), "1"]
    assert main(["cache", "clear", "--unused", "2"]) == 0
    assert capsys.readouterr().out == "removed 0 programs, 0 B\n"
    os.utime(entry, (0, 0))
    assert as_json(capsys, "clear", "--unused", "2") == {
        "folder": str(folder),
        "entries": 1,
        "bytes": shown["bytes"],
    }
    assert as_json(capsys) == empty


def test_off_and_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is to say where nothing is kept, and what can't be meant."""
    for arguments in (["--unused", "2"], ["clear", "--unused", "0"], ["clear", "--unused", "soon"], ["drop"]):
        with pytest.raises(SystemExit, match="2"):
            main(["cache", *arguments])
    capsys.readouterr()
    monkeypatch.setenv("PF_CACHE", "off")
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == "compiled programs aren't kept: PF_CACHE is off\n"
    assert as_json(capsys)["folder"] is None
    assert "there is no cache to clear" in fails(capsys, "cache", "clear")
    monkeypatch.delenv("PF_CACHE")
    monkeypatch.setenv("PF_CACHE_LIMIT", "lots")
    assert "expected PF_CACHE_LIMIT to be a size" in fails(capsys, "cache")


@pytest.mark.filterwarnings("default")
def test_it_runs_where_nothing_can_be_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says why."""
    folder.touch()
    assert main(["run", "relu.mlir", "--input", "random:3x64xf32"]) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"pf: warning: compiled programs can't be kept in {folder}: ")
    assert said.count("\n") == 1
    assert "can't be read" in fails(capsys, "cache")
