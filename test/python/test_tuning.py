"""`pf tune`: the best few placements mean the same, the quickest is kept, interruptions lose nothing."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cli_fakes import fails

import powerfusion as pf
from powerfusion.cache.choice import read_choice, write_choice
from powerfusion.cache.files import open_files
from powerfusion.cli.main import main
from powerfusion.errors import CompileError, PowerFusionError
from powerfusion.executable import choice_key, compile_candidate
from powerfusion.machines.host import host
from powerfusion.passes.placement.alike import Forms
from powerfusion.passes.placement.candidates import ranked
from powerfusion.passes.placement.objectives import Objective
from powerfusion.passes.placement.read import read
from powerfusion.passes.placement.search import search
from powerfusion.passes.placement.ways import prepare, take_ways
from powerfusion.runtime.agreement import is_same
from powerfusion.tuning import tune as tuning
from powerfusion.tuning.contest import sets_of
from powerfusion.tuning.state import State, TuningWarning
from powerfusion.tuning.tune import ROUNDS, Tuned, tune
from workloads import find

SOFTMAX = find("softmax_4096x1024", "f32").text("small")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own."""
    monkeypatch.setenv("PF_CACHE", str(tmp_path / "programs"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


# -- candidates ------------------------------------------------------------------------------------


def test_candidates_are_the_best_placements_in_order() -> None:
    """The first is what the search finds; each is another one, and costs no less than the one before."""
    module = pf.Executable.module(_until_expand(SOFTMAX), "expand")
    aim = Objective("time", host())
    with module.context:
        block = module.body.operations[0].regions[0].blocks[0]
        take_ways(block, aim, 4096, Forms(aim))
        prepare(block)
        program, _ = read(block)
        best = search(program, aim, 4096)
        found = ranked(program, aim, 4096, Forms(aim), best, 6)
        assert found[0] is best
    keys = [aim.key(answer.cost) for answer in found]
    assert len(found) == 6
    assert keys == sorted(keys)
    forms = [
        tuple((choice.nodes, choice.form and (choice.form.nest, choice.form.steps)) for choice in a.choices)
        for a in found
    ]
    assert len(set(forms)) == 6
    nodes = [sorted(node for choice in answer.choices for node in choice.nodes) for answer in found]
    assert nodes == nodes[:1] * 6


def _until_expand(source: str) -> pf.Executable:
    from powerfusion.executable import compile_source

    return compile_source(source, until="expand")


@pytest.mark.parametrize("name", ["softmax_4096x1024", "residual_layernorm_4096x768", "attention", "transpose_add"])
def test_candidates_mean_the_same(name: str) -> None:
    workload = find(name, "f32")
    inputs = workload.inputs("small")
    wanted = compile_candidate(workload.text("small"), 0, cache=False)(*inputs)
    codes = set[bytes]()
    for number in range(1, 6):
        program = compile_candidate(workload.text("small"), number, cache=False)
        codes.add(program.object_code)
        assert is_same(wanted, program(*inputs))
    assert len(codes) > 1


def test_a_certificate_is_of_the_best(tmp_path: Path) -> None:
    from powerfusion.pipelines import CPU

    phases = [phase.with_option("candidate", "1").with_option("certificate", str(tmp_path / "c.json")) for phase in CPU]
    from powerfusion.executable import compile_phases

    with pytest.raises(PowerFusionError, match="only the best placement has a certificate"):
        compile_phases(SOFTMAX, phases, "cpu")


# -- what is kept ----------------------------------------------------------------------------------


def test_compiling_takes_what_was_kept() -> None:
    """Whoever may use the cache has it, and nobody else; it is found again, and gone when the cache is cleared."""
    files = open_files()
    assert files is not None
    plain = pf.compile(SOFTMAX).ir("place")
    write_choice(files, choice_key(SOFTMAX), 3)
    wanted = compile_candidate(SOFTMAX, 3, cache=False).ir("place")
    assert plain != wanted
    assert [pf.compile(SOFTMAX).ir("place") for _ in range(2)] == [wanted] * 2
    assert pf.compile(SOFTMAX, cache=False).ir("place") == plain
    files.clear()
    assert pf.compile(SOFTMAX).ir("place") == plain


def test_a_choice_that_is_damaged_is_none() -> None:
    files = open_files()
    assert files is not None
    write_choice(files, "k", 7)
    assert read_choice(files, "k") == 7
    (path,) = (entry.path for entry in files.entries())
    path.write_bytes(path.read_bytes()[:-1] + b"8")
    assert read_choice(files, "k") == 0


# -- the contest -----------------------------------------------------------------------------------


class Fakes:
    """Candidates that take what they are told to, by a clock of their own."""

    def __init__(self, seconds: Sequence[float], codes: Sequence[int] = ()) -> None:
        self.now, self.seconds, self.codes = 0.0, seconds, codes
        self.calls: list[int] = []
        self.stop_after: int | None = None

    def clock(self) -> float:
        return self.now

    def compile(self, _source: object, number: int, cache: bool) -> Any:
        self.now += 1

        def call(*_: object) -> Any:
            if self.stop_after is not None and len(self.calls) >= self.stop_after:
                raise KeyboardInterrupt
            self.calls.append(number)
            self.now += self.seconds[number]
            return self.result(number)

        code = str(self.codes[number] if self.codes else number).encode()
        return _Program(call, code)

    def result(self, number: int) -> Any:
        return np.ones(3, np.float32)


class _Program:
    def __init__(self, call: Callable[..., Any], code: bytes) -> None:
        self._call, self.object_code = call, code

    def __call__(self, *arrays: Any) -> Any:
        return self._call(*arrays)

    def report(self, phase: str) -> Any:
        return SimpleNamespace(prediction=SimpleNamespace(ns=5e6))


def run(fakes: Fakes, monkeypatch: pytest.MonkeyPatch, budget_s: float = 1e9, seed: int = 0) -> Tuned:
    """Tunes the fakes."""
    monkeypatch.setattr(tuning, "compile_candidate", fakes.compile)
    monkeypatch.setattr(tuning, "choice_key", lambda _: "a" * 64)
    arrays = [np.zeros(1 << 20, np.float32)]
    return tune("", len(fakes.seconds), budget_s, seed, lambda _: arrays, clock=fakes.clock, timer=fakes.clock)


def kept() -> int:
    files = open_files()
    assert files is not None
    return read_choice(files, "a" * 64)


def test_the_quickest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same program is measured once, and what is hopeless a few times."""
    fakes = Fakes([0.28, 0.2, 0.25, 0.9], [0, 1, 1, 3])
    tuned = run(fakes, monkeypatch)
    assert (tuned.chosen, kept()) == (1, 1)
    assert tuned.over_best == pytest.approx(1.4)
    assert [(row.candidate, len(row.seconds)) for row in tuned.rows] == [(0, ROUNDS), (1, ROUNDS), (3, 2)]
    assert [row.measured_s for row in tuned.rows] == pytest.approx([0.28, 0.2, 0.9])
    assert tuned.rows[0].predicted_s == pytest.approx(0.005)
    assert not State("a" * 64, 0, 4).path.exists()


def test_the_models_choice_stays_unless_another_is_clearly_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(Fakes([0.3, 0.297]), monkeypatch).chosen == 0
    assert kept() == 0


def test_a_candidate_that_fails_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that doesn't compile, and one that gives something else."""
    fakes = Fakes([0.3, 0.1, 0.1, 0.2])
    compile_, result = fakes.compile, fakes.result

    def broken(source: object, number: int, cache: bool) -> Any:
        if number == 1:
            raise CompileError("it broke\nbadly")
        return compile_(source, number, cache)

    monkeypatch.setattr(fakes, "compile", broken)
    monkeypatch.setattr(fakes, "result", lambda number: result(number) * (3 if number == 2 else 1))
    tuned = run(fakes, monkeypatch)
    assert [(row.candidate, row.problem) for row in tuned.rows] == [
        (0, ""),
        (1, "it broke"),
        (2, "gives other results: a fault of PowerFusion"),
        (3, ""),
    ]
    assert tuned.chosen == 3


def test_the_budget_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compiled by then has one turn at least; compiling takes a second each here."""
    tuned = run(Fakes([0.5] * 8), monkeypatch, budget_s=3.5)
    assert [row.candidate for row in tuned.rows] == [0, 1, 2, 3]
    assert all(row.seconds for row in tuned.rows)
    assert sum(len(row.seconds) for row in tuned.rows) < 8


@pytest.mark.parametrize("stop_after", [7, 20, 40])
def test_an_interruption_loses_nothing(stop_after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same turns as without, none twice."""
    fakes = Fakes([0.28, 0.2, 0.25])
    fakes.stop_after = stop_after
    with pytest.raises(KeyboardInterrupt):
        run(fakes, monkeypatch)
    state = State("a" * 64, 0, 3)
    before = state.resumed().seconds
    assert sum(map(len, before.values())) > 0 or stop_after == 7
    assert kept() == 0
    fakes.stop_after = None
    tuned = run(fakes, monkeypatch)
    assert tuned.chosen == 1
    assert [len(row.seconds) for row in tuned.rows] == [ROUNDS] * 3
    assert tuned.spent_s > state.resumed().spent_s
    assert not state.path.exists()


def test_another_seed_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = Fakes([0.3, 0.2])
    fakes.stop_after = 20
    with pytest.raises(KeyboardInterrupt):
        run(fakes, monkeypatch)
    assert State("a" * 64, 0, 2).resumed().seconds
    assert not State("a" * 64, 1, 2).resumed().seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"program": 1}',
        b"\xff\xfe",
        '{"program": "a", "seed": 0, "candidates": 2, "spent_s": 1.0, "seconds": {"0": ["x"]}}',
    ],
)
def test_a_damaged_state_is_said_and_measured_anew(text: str | bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    path = State("a" * 64, 0, 2).path
    path.parent.mkdir(parents=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.warns(TuningWarning, match="can't be read"):
        tuned = run(Fakes([0.3, 0.2]), monkeypatch)
    assert tuned.chosen == 1


def test_a_full_disk_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tuning goes on; nothing half written is left."""

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.warns(TuningWarning, match="no space left on device") as told:
        assert run(Fakes([0.3, 0.2]), monkeypatch).chosen == 1
    assert len([warning for warning in told if warning.category is TuningWarning]) == 1
    assert not list(State("a" * 64, 0, 2).path.parent.iterdir())


def test_inputs_take_turns_in_no_cache() -> None:
    sets = sets_of([np.zeros(1 << 22, np.float32)])
    assert len(sets) == 8
    assert len({array.ctypes.data for (array,) in sets}) == 8


# -- the command -----------------------------------------------------------------------------------


def test_pf_tune(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A small program, for real: the kept one is what is compiled next."""
    monkeypatch.setattr(tuning, "ROUNDS", 2)
    source = folder / "softmax.mlir"
    source.write_text(SOFTMAX)
    assert main(["tune", str(source), "--candidates", "3", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [row["candidate"] for row in data["candidates"]] == [0, 1, 2]
    assert data["over_best"] >= 1
    chosen = compile_candidate(SOFTMAX, data["chosen"], cache=False)
    assert pf.compile(SOFTMAX).object_code == chosen.object_code
    assert main(["tune", str(source), "--candidates", "2", "--budget", "0.001"]) == 0
    assert "the model's choice takes" in capsys.readouterr().out


def test_integers_are_zero_unless_they_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Any may be an index: what is looked up is there, and nothing beyond it is read."""
    source = folder / "embedding.mlir"
    source.write_text(find("embedding_layernorm", "f32").text("small"))
    assert main(["tune", str(source), "--candidates", "1", "--budget", "0.001", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["chosen"] == 0


def test_pf_tune_refuses(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder / "softmax.mlir"
    source.write_text(SOFTMAX)
    assert "can't be measured yet" in fails(capsys, "tune", str(source), "--target", "sm_90")
    assert "isn't there" in fails(capsys, "tune", str(folder / "none.mlir"))
    assert "expected 1 inputs" in fails(capsys, "tune", str(source), "--input", "random", "--input", "random")
    (folder / "x.pfx").touch()
    assert "is an artifact" in fails(capsys, "tune", str(folder / "x.pfx"))
    monkeypatch.setenv("PF_CACHE", "off")
    assert "no cache to keep a placement in" in fails(capsys, "tune", str(source))
    with pytest.raises(SystemExit):
        main(["tune", str(source), "--budget", "0"])
