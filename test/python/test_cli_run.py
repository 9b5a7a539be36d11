"""`pf run`: inputs, results, and what it saves, with a stand-in for the compiler."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from pathlib import Path

import cli_fakes
import ml_dtypes
import numpy as np
import pytest
from cli_fakes import fails, start, use

from powerfusion.cli.arrays import load_array, make_input, random_array, summarise
from powerfusion.cli.main import main
from powerfusion.errors import InputError
from powerfusion.runtime.signature import ArraySpec


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A file that the fake compiler takes, whatever it holds."""
    path = tmp_path / "in.mlir"
    path.write_text("module {}")
    return str(path)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> cli_fakes.Executable:
    return use(monkeypatch, cli_fakes.adder())


def test_run_prints_and_saves(
    source: str, fake: cli_fakes.Executable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.arange(32, dtype=np.float32).reshape(4, 8)
    np.save(tmp_path / "x.npy", x)
    output = tmp_path / "y.npy"
    arguments = ["run", source, "--input", f"{tmp_path}/x.npy", "--input", f"{tmp_path}/x.npy", "-o", str(output)]
    assert main([*arguments, "--repeat", "3"]) == 0
    np.testing.assert_array_equal(np.load(output), x + x)
    printed = capsys.readouterr().out
    assert "result0  4x8    f32   0 to 62" in printed
    assert "median of 3 runs" in printed
    assert all(line == line.rstrip() for line in printed.splitlines())


def test_run_json(source: str, fake: cli_fakes.Executable, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", source, "--input", "random:4x8xf32:7", "--input", "random:4x8xf32:7", "--json"]
    assert main([*arguments, "-o", str(tmp_path / "out")]) == 0
    said = json.loads(capsys.readouterr().out)
    saved = np.load(tmp_path / "out" / "result0.npy")
    np.testing.assert_array_equal(saved, 2 * np.random.default_rng(7).standard_normal((4, 8), dtype=np.float32))
    assert said["results"][0]["greatest"] == pytest.approx(saved.max())
    assert said["runs"] == 1
    assert said["median_s"] > 0


def test_run_keeps_bf16(monkeypatch: pytest.MonkeyPatch, source: str, tmp_path: Path) -> None:
    """A saved bf16 result is bare two-byte elements, and is an input again."""
    use(monkeypatch, cli_fakes.adder("bf16"))
    first, second = tmp_path / "first.npy", tmp_path / "second.npy"
    assert main(["run", source, "--input", "random", "--input", "random", "-o", str(first)]) == 0
    assert np.load(first).dtype == np.dtype("V2")
    assert main(["run", source, "--input", str(first), "--input", str(first), "-o", str(second)]) == 0
    doubled = np.load(second).view(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(doubled, np.load(first).view(ml_dtypes.bfloat16) * ml_dtypes.bfloat16(2))


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ([], "expected 2 inputs (4x8xf32, 4x8xf32), got 0"),
        (["random", "nowhere.npy"], "nowhere.npy isn't there\nhelp: it is input 1 (4x8xf32)"),
        (["random", "random:4x8xf99"], "'random:4x8xf99' is no random input"),
        (["random", "random:4x8xi32"], "expected argument 1 of dtype float32, got int32"),
        (["random", "random:99999999x99999999xf64"], "can't be made"),
        (["random", "."], "can't be read: is a directory"),
    ],
)
def test_run_refuses_inputs(
    specs: list[str], said: str, source: str, fake: cli_fakes.Executable, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in fails(capsys, "run", source, *(word for spec in specs for word in ("--input", spec)))


@pytest.mark.parametrize(
    "content", [b"", b"not an array", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x01\x00v\x00{'descr': 'f4'}"], ids=len
)
def test_broken_npy(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no array"):
        load_array(path, ArraySpec("f32", (1,)), 0)


def test_npy_of_other_kinds(tmp_path: Path) -> None:
    """Python objects would run code; several arrays are no argument; another machine's byte order is turned."""
    argument = ArraySpec("f32", (2,))
    np.save(tmp_path / "objects.npy", np.array([{}, {}]), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects"):
        load_array(tmp_path / "objects.npy", argument, 0)
    np.savez(tmp_path / "several.npz", np.ones(2))
    with pytest.raises(InputError, match="several arrays"):
        load_array(tmp_path / "several.npz", argument, 0)
    np.save(tmp_path / "big.npy", np.array([1, 2], dtype=">f4"))
    loaded = load_array(tmp_path / "big.npy", argument, 0)
    assert loaded.dtype == np.float32
    assert loaded.tolist() == [1, 2]


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "bf16", "i1", "i8", "i64", "ui8"])
def test_random_inputs(dtype: str) -> None:
    argument = ArraySpec("f32", (None, 8))
    first, second = (make_input(f"random:3x0x2x{dtype}:5", argument, place) for place in (0, 1))
    assert first.shape == (3, 0, 2)
    first, second = (make_input(f"random:64x{dtype}:5", argument, place) for place in (0, 1))
    np.testing.assert_array_equal(first, second)
    assert (make_input(f"random:64x{dtype}", argument, 0) != make_input(f"random:64x{dtype}", argument, 1)).any()
    assert make_input(f"random:{dtype}", argument, 0).shape == ()


def test_random_of_open_sizes_says_how() -> None:
    with pytest.raises(InputError) as refused:
        make_input("random", ArraySpec("f32", (None, 8)), 0)
    assert refused.value.help == "say them: random:8x8xf32"


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([1.5, np.nan, -2, np.inf, np.nan], dtype=np.float32), "-2 to 1.5, 2 NaN, 1 infinite"),
        (np.array([np.nan], dtype=np.float16), "1 NaN"),
        (np.zeros((0, 3)), "empty"),
        (np.zeros((0, 3), dtype=np.int8), "empty"),
        (np.array([True, False]), "false to true"),
        (np.array([-(2**63), 2**63 - 1]), "-9223372036854775808 to 9223372036854775807"),
        (random_array((4,), np.dtype(ml_dtypes.bfloat16), 0) * 0, "0 to 0"),
    ],
)
def test_ranges(array: np.ndarray, said: str) -> None:
    assert summarise("y", array).range.replace("-0", "0") == said


def test_run_output_that_does_not_fit(
    fake: cli_fakes.Executable, source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", source, "--input", "random", "--input", "random", "-o"]
    (tmp_path / "file").write_text("")
    assert "is a file" in fails(capsys, *arguments, tmp_path / "file")
    assert "can't be written" in fails(capsys, *arguments, tmp_path / "nowhere" / "y.npy")
    result = fake.signature.results[0]
    fake.signature = replace(fake.signature, results=(result, result))
    assert "can't hold 2 results" in fails(capsys, *arguments, tmp_path / "y.npy")


def test_disk_that_is_full(source: str, tmp_path: Path) -> None:
    """A file may not grow beyond a limit here, as on a full disk: the reason is said, and nothing is left."""
    limits = (resource.RLIMIT_FSIZE, (4096, 4096))
    words = ["run", source, *["--input", "random"] * 2, "-o", tmp_path / "y.npy"]
    process = start("adder(shape=(64, 64))", *words, preexec_fn=lambda: resource.setrlimit(*limits))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.startswith(f"pf: error: {tmp_path}/y.npy can't be written: file too large")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mlir"]
