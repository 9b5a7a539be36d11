"""`pf machines check`: a machine's file against small programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulated import DSP

from powerfusion.cli.main import main


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    """It says what does each op, and that all programs are right."""
    assert main(["machines", "check", str(DSP)]) == 0
    text = capsys.readouterr().out
    assert "arith.divf       dsp_vrecip_f32, dsp_vmul_f32" in text
    assert "math.log         loops over elements" in text
    assert text.count("right:") == 6


def test_check_finds_a_wrong_body(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The op is named, and the exit code is 1."""
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(DSP.read_text().replace("dst[i] = a[i] - b[i]", "dst[i] = b[i] - a[i]"))
    assert main(["machines", "check", str(wrong)]) == 1
    assert "is wrong by" in (text := capsys.readouterr().out)
    assert "arith.subf" in text
