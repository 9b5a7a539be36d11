"""Bundles: candidates are compiled here, measured where a device is, here a stub's, and what came back is used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_fakes import fails
from stub_driver import Stub

import powerfusion as pf
from powerfusion.cli.main import main
from powerfusion.errors import ArtifactError, DeviceError, UnsupportedError
from powerfusion.executable import choice_key, compile_candidate
from powerfusion.runtime import measure as measuring
from powerfusion.runtime.bundle import Results, open_bundle, read_results, sampled
from powerfusion.runtime.measure import measure, sets_for
from powerfusion.tuning.elsewhere import Search, make_bundle, take_results

TARGET = "cuda:sm_90"
# What the stub does, but for minus zero.
SAME = """func.func @same(%x: tensor<500x300xf32>) -> tensor<500x300xf32> {
  %c = arith.constant dense<0.0> : tensor<500x300xf32>
  %y = arith.addf %x, %c : tensor<500x300xf32>
  return %y : tensor<500x300xf32>
}"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and short turns."""
    monkeypatch.setenv("PF_CACHE", str(tmp_path / "programs"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(measuring, "SAMPLE_S", 1e-4)
    monkeypatch.setattr(measuring, "LEAST_COPY_BYTES", 1 << 16)
    (tmp_path / "same.mlir").write_text(SAME)
    return tmp_path


@pytest.fixture
def bundle(folder: Path) -> Path:
    """A bundle of three candidates, for a device with little cache."""
    path = folder / "b.zip"
    make_bundle(Search(SAME, TARGET, 3), path)
    return path


def tune(folder: Path, *words: str) -> int:
    """The command, on the program."""
    return main(["tune", str(folder / "same.mlir"), "--target", TARGET, *words])


def test_there_and_back(folder: Path, stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    """The quickest by the device's events is what is compiled next."""
    path, back = folder / "b.zip", folder / "r.json"
    assert tune(folder, "--candidates", "4", "--bundle", str(path)) == 0
    assert "python -m powerfusion.runtime.measure b.zip -o r.json" in capsys.readouterr().out
    assert measuring.main([str(path), "-o", str(back), "--rounds", "2"]) == 0
    assert "GB/s, on a stub" in capsys.readouterr().out
    results = read_results(back)
    measured = [each for each in results.candidates if not each.problem]
    assert len(measured) > 1
    assert all(len(each.seconds) == 2 for each in measured)
    assert results.copy_bytes_per_s == pytest.approx(2e12, rel=0.01)  # a millisecond takes a gigabyte
    assert tune(folder, "--results", str(back), "--json") == 0
    chosen = json.loads(capsys.readouterr().out)["chosen"]
    quickest = min(measured, key=lambda each: min(each.seconds))
    first = measured[0]
    assert chosen == (quickest.number if min(quickest.seconds) < 0.98 * min(first.seconds) else 0)
    kept, plain = pf.compile(SAME, target=TARGET), compile_candidate(SAME, chosen, TARGET)
    assert kept.device_program.assembly == plain.device_program.assembly
    model = pf.compile(SAME, target=TARGET, cache=False).device_program.assembly
    assert model == compile_candidate(SAME, 0, TARGET).device_program.assembly


def test_what_is_kept_is_compiled(bundle: Path, stub: Stub) -> None:
    """Whichever it is; other targets aren't touched by it."""
    results = measure(bundle, rounds=1)
    last = results.candidates[-1]
    faster = tuple(
        pick(each, seconds=(1e-6 if each is last else 1e-3,)) for each in results.candidates if not each.problem
    )
    assert take_results(SAME, TARGET, pick(results, candidates=faster)).chosen == last.number
    kept = pf.compile(SAME, target=TARGET).ir("place")
    assert kept == compile_candidate(SAME, last.number, TARGET).ir("place")
    assert kept != compile_candidate(SAME, 0, TARGET).ir("place")
    other = pf.compile(SAME, target="cuda:sm_80").ir("place")
    assert other == compile_candidate(SAME, 0, "cuda:sm_80").ir("place")


def pick(one: Any, **changes: Any) -> Any:
    """The same with changes."""
    from dataclasses import replace

    return replace(one, **changes)


def test_turns_are_past_the_cache(bundle: Path, stub: Stub) -> None:
    """One graph launches as many sets of inputs as are twice the cache, and never one alone."""
    assert [sets_for(size, 50 << 20) for size in (1, 1 << 20, 50 << 20, 1 << 30)] == [64, 64, 2, 2]
    measure(bundle, rounds=1)
    started = [call for call in stub.calls() if call.startswith("cuGraphLaunch")]
    assert {call.split()[1] for call in started} == {"64"}
    made, freed = ([call for call in stub.calls() if call.startswith(name)] for name in ("cuMemAlloc", "cuMemFree"))
    assert len(made) - len(freed) <= 2 * 3


def test_other_results_are_not_measured(folder: Path, stub: Stub) -> None:
    """What the device computes is compared with what the host has computed."""
    wrong = SAME.replace("dense<0.0>", "dense<1.0>")
    make_bundle(Search(wrong, TARGET, 2), folder / "b.zip")
    results = measure(folder / "b.zip", rounds=1)
    assert {each.problem for each in results.candidates} == {"gives other results: a fault of PowerFusion"}
    with pytest.raises(ArtifactError, match="no candidate was measured: gives other results"):
        take_results(wrong, TARGET, results)


def test_inputs_that_are_named(folder: Path, stub: Stub) -> None:
    """They travel with the bundle; others are drawn, the same everywhere."""
    x = np.arange(500 * 300, dtype=np.float32).reshape(500, 300)
    make_bundle(Search(SAME, TARGET, 1, inputs=[x]), folder / "b.zip")
    with open_bundle(folder / "b.zip") as reader:
        assert np.array_equal(reader.inputs()[0], x)
        assert np.array_equal(reader.expected()[0], sampled(x))
    make_bundle(Search(SAME, TARGET, 1, seed=3), folder / "c.zip")
    with open_bundle(folder / "c.zip") as reader:
        expected = np.random.default_rng(3).standard_normal((500, 300), dtype=np.float32)
        assert np.array_equal(reader.inputs()[0], expected)


def test_without_a_device(bundle: Path, stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine without one is told so."""
    stub.says(devices=0)
    with pytest.raises(DeviceError, match="CUDA finds no device here"):
        measure(bundle)
    assert measuring.main([str(bundle), "-o", "r.json"]) == 1
    assert "CUDA finds no device here" in capsys.readouterr().err


def test_what_is_not_a_bundle(folder: Path, bundle: Path, stub: Stub) -> None:
    """Damage, and results of something else, are said."""
    (folder / "none.zip").write_bytes(bundle.read_bytes()[:100])
    with pytest.raises(ArtifactError, match="is no artifact, or is cut off"):
        measure(folder / "none.zip")
    (folder / "r.json").write_text('{"schema": 2}')
    with pytest.raises(ArtifactError, match="expected results of schema version 1, got 2"):
        read_results(folder / "r.json")
    results = Results(1, choice_key(SAME, "cuda:sm_80"), "cuda:sm_80", "a stub", 1.0, (), 0.0)
    with pytest.raises(ArtifactError, match="another program, target or version, for cuda:sm_80"):
        take_results(SAME, TARGET, results)


def test_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The host's programs need no bundle; open sizes need inputs."""
    source = str(folder / "same.mlir")
    assert "measured here" in fails(capsys, "tune", source, "--bundle", "b.zip")
    dynamic = SAME.replace("500x300", "?x300").replace("dense<0.0>", "dense<0.0>")
    with pytest.raises(UnsupportedError):
        make_bundle(Search(dynamic, "cuda:sm_1", 1), folder / "b.zip")


def test_measures_without_mlir(bundle: Path, stub: Stub, driver_library: Path, folder: Path) -> None:
    """The command imports nothing of the compiler."""
    script = f"""
import dataclasses, sys
from powerfusion.runtime import driver_device, drivers, measure
driver_device.APIS = {{"cuda": dataclasses.replace(drivers.CUDA, libraries=[{str(driver_library)!r}])}}
driver_device.CUDA = drivers.CUDA = driver_device.APIS["cuda"]
measure.SAMPLE_S, measure.LEAST_COPY_BYTES = 1e-4, 1 << 16
assert measure.main([{str(bundle)!r}, "-o", {str(folder / "r.json")!r}, "--rounds", "1"]) == 0
loaded = [name for name in sys.modules if ".mlir" in name or name.startswith("powerfusion.passes")]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert read_results(folder / "r.json").device == "a stub"
