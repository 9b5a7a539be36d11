"""`pf calibrate`: what times come to, the machine that has them, files that aren't right, and the programs."""

from __future__ import annotations

import dataclasses
import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_fakes import fails

import powerfusion as pf
from powerfusion.calibration import run
from powerfusion.calibration.figures import PRODUCT_ENGINE, figures_of, machine_of
from powerfusion.calibration.measure import TURN_S, Probe, rounds_of
from powerfusion.calibration.probes import Sizes, probes_of
from powerfusion.cli.main import main
from powerfusion.errors import MachineError
from powerfusion.machines import calibrated, checks, schema
from powerfusion.machines.calibrated import CalibrationWarning, place_of, with_measured
from powerfusion.machines.host import detect
from powerfusion.machines.model import Machine
from powerfusion.passes.analysis.timing import SEAM_PART, SpaceBytes, Traffic, time_of
from powerfusion.passes.placement.rates import cached_bytes_per_ns, far_bytes_per_ns, near_bytes_per_ns

MiB = 1 << 20
FILE = Path(__file__).resolve().parents[2] / "benchmarks/machines/cpu.toml"
SPEEDS = {
    "last_read": 100.0,
    "cache_read": 200.0,
    "cache_write": 150.0,
    "L1_read": 400.0,
    "rate_f32": 120.0,
    "rate_f64": 60.0,
    "rate_bf16": 20.0,
    "rate_i32": 130.0,
    "product_f32": 180.0,
    "product_bf16": 90.0,
}
"""What is done per nanosecond."""
READ, WRITE, LAUNCH_S = 40.0, 50.0, 700e-9


def machine() -> Machine:
    """A CPU of two cores of which nothing was measured."""
    return schema.load(FILE)


def probes(act: Callable[[str, int], None] = lambda _name, _times: None) -> list[Probe]:
    """Probes that do nothing but say so."""
    amounts = {"stream_read": MiB, "stream_1_1": 2 * MiB, "stream_2_1": 3 * MiB, "launch": 1}
    amounts |= dict.fromkeys(SPEEDS, 1000)
    return [Probe(name, name, amount, lambda times, n=name: act(n, times)) for name, amount in amounts.items()]


def seconds(slower: float = 1) -> dict[str, float]:
    """What a round of these takes on a machine of the speeds above."""
    found = {name: 1000 / speed * 1e-9 for name, speed in SPEEDS.items()}
    found |= {"stream_read": MiB / READ * 1e-9, "stream_1_1": (MiB / READ + MiB / WRITE) * 1e-9}
    found |= {"stream_2_1": (2 * MiB / READ + MiB / WRITE) * 1e-9, "launch": LAUNCH_S}
    return {name: time * slower for name, time in found.items()}


def measured() -> Machine:
    """The same machine with figures."""
    return machine_of(machine(), figures_of(probes(), [seconds()], machine()), "measured: by a test")


class Clock:
    """Time that passes only where a probe runs."""

    def __init__(self, each: dict[str, float]) -> None:
        self.now, self.each, self.turns = 0.0, each, list[tuple[str, int]]()

    def __call__(self) -> float:
        return self.now

    def act(self, name: str, times: int) -> None:
        self.now += times * self.each[name]
        self.turns.append((name, times))


def test_each_round_gives_every_probe_a_turn() -> None:
    """A turn is long enough for a clock, and what comes out is the time of once."""
    clock = Clock(seconds())
    found = rounds_of(probes(clock.act), 3, clock)
    assert found == [pytest.approx(seconds())] * 3
    names = [probe.name for probe in probes()]
    assert [name for name, _ in clock.turns[-2 * len(names) :]] == names * 2
    assert all(times * clock.each[name] >= TURN_S for name, times in clock.turns[-len(names) :])


def test_figures_are_those_of_undisturbed_rounds() -> None:
    """Reading and writing are told apart; of five rounds two were disturbed, which the spread shows."""
    rounds = [seconds(1.5), seconds(), seconds(1.8), seconds(), seconds()]
    found = {each.name: each.figure for each in figures_of(probes(), rounds, machine())}
    assert found["memory_read"].value == pytest.approx(READ)
    assert found["memory_write"].value == pytest.approx(WRITE)
    assert found["launch"].value == pytest.approx(700)
    assert {name: found[name].value for name in SPEEDS} == pytest.approx(SPEEDS)
    assert found["rate_f32"].spread == pytest.approx(1 / 3)
    assert all(each.figure.spread == 0 for each in figures_of(probes(), [seconds()] * 3, machine()))


def test_writing_that_hides_behind_reading_has_a_speed_all_the_same() -> None:
    rounds = [seconds() | {"stream_1_1": MiB / READ * 1e-9, "stream_2_1": 2 * MiB / READ * 1e-9}]
    found = {each.name: each.figure.value for each in figures_of(probes(), rounds, machine())}
    assert 0 < found["memory_read"] < found["memory_write"] < 1000


def test_a_machine_has_what_was_measured() -> None:
    """Each number with its source; it is a right machine, and its file is read back equal."""
    known = measured()
    assert not checks.check(known)
    assert schema.loads(schema.to_toml(known)) == known
    links = {(link.source, link.result): link.bandwidth_bytes_per_ns for link in known.links}
    assert links["memory", "registers"] == links["memory", "cache"] == READ
    assert links["registers", "memory"] == links["cache", "memory"] == WRITE
    assert (links["cache", "registers"], links["registers", "cache"]) == (200, 150)
    assert [(cache.name, cache.bandwidth_bytes_per_ns) for cache in known.caches] == [("L1", 400), ("L3", 100)]
    assert known.launch_ns == 700
    simd, products = known.engines
    assert (simd.rate("f32"), products.rate("f32"), products.name) == (120, 180, PRODUCT_ENGINE)
    assert dict(simd.sources)["f32"] == "measured: by a test, spread 0%"


def test_the_models_use_it() -> None:
    """The search's rates, and predicted time: what is read and written each at its own pace."""
    known = measured()
    assert near_bytes_per_ns(known) == 4 * 120
    assert far_bytes_per_ns(known) == READ
    assert cached_bytes_per_ns(known) == 100
    time = time_of(Traffic((SpaceBytes("memory", 3_000_000, 3_000_000, written=1_000_000),)), known)
    assert time.ns == pytest.approx(700 + 2_000_000 / READ + 1_000_000 / WRITE + SEAM_PART * 3_000_000 / 100)
    assert not [each for each in time.assumed if each.what != "rate"]
    again = time_of(Traffic((SpaceBytes("memory", 30_000_000, 1_000_000),)), known)
    assert (again.terms[0].name, again.terms[0].ns) == ("cache", pytest.approx(30_000_000 / 200))


# -- the file --------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file of the machine is looked for."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("PF_CALIBRATION")
    found = place_of(machine())
    found.parent.mkdir(parents=True)
    return found


def test_what_was_measured_is_taken(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As much memory as is detected, whatever there was before; `off` leaves it out."""
    assert with_measured(machine()) == machine()
    place.write_text(schema.to_toml(measured()))
    assert with_measured(machine()) == measured()
    first, *others = machine().spaces
    larger = dataclasses.replace(machine(), spaces=(dataclasses.replace(first, capacity_bytes=1 << 40), *others))
    assert with_measured(larger).spaces == larger.spaces
    assert with_measured(larger).links == measured().links
    monkeypatch.setenv("PF_CALIBRATION", "off")
    assert with_measured(machine()) == machine()


def foreign(**changes: Any) -> str:
    return schema.to_toml(dataclasses.replace(measured(), **changes))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "key 'name' is missing"),
        (schema.to_toml(measured())[:200], "not TOML"),
        (foreign(title="another chip"), "other names of the processor"),
        (foreign(caches=()), "other caches"),
        (schema.to_toml(measured()).replace("launch_ns = 700.0", "launch_ns = -1"), "launch_ns"),
    ],
)
def test_a_wrong_file_is_said_and_left_out(text: str, words: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in the cache is warned of; one that the user names is an error."""
    place.write_text(text)
    with pytest.warns(CalibrationWarning, match=words) as told:
        assert with_measured(machine()) == machine()
    assert "`pf calibrate` measures anew" in str(told[0].message)
    monkeypatch.setenv("PF_CALIBRATION", str(place))
    with pytest.raises(MachineError, match=words):
        with_measured(machine())


def test_a_file_that_is_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PF_CALIBRATION", str(tmp_path / "none.toml"))
    with pytest.raises(MachineError, match="can't be read"):
        with_measured(machine())


def test_other_cores_have_another_file() -> None:
    one = dataclasses.replace(
        machine(),
        scopes=tuple(dataclasses.replace(s, count=1) if s.scope == "group" else s for s in machine().scopes),
    )
    assert place_of(one) != place_of(machine())
    assert f"-v{calibrated.VERSION}.toml" in place_of(one).name


# -- the programs ----------------------------------------------------------------------------------


def test_the_programs_do_what_they_say() -> None:
    """Every probe compiles and runs; what is read again and again is added up as often."""
    sizes = Sizes(2, 64, 16, 1 << 12, (("L1", 1 << 10), ("cache", 1 << 10), ("last", 1 << 11)))
    found = {probe.name: probe for probe in probes_of(sizes, lambda text: pf.compile(text, cache=False))}
    assert {*found} == {*SPEEDS, "stream_read", "stream_1_1", "stream_2_1", "launch"}
    for probe in found.values():
        probe.run(3)
    assert found["cache_read"].amount == 4 << 10
    assert found["product_f32"].amount == 2 * 2 * 4 * 32 * 32

    from powerfusion.calibration import programs

    x, y = np.arange(1024, dtype=np.float32), np.zeros(128, np.float32)
    pf.compile(programs.read_again(1024, 2, 64), cache=False)(x, y, np.int64(5))
    assert np.array_equal(y.reshape(2, 64), 5 * x.reshape(2, 8, 64).sum(1))
    a, b, c = (np.ones(shape, np.float32) for shape in ((8, 32), (64, 16), (8, 16)))
    pf.compile(programs.multiply("f32", 2, 4, 32, 16), cache=False)(a, b, c, np.int64(3))
    assert np.array_equal(c, np.full((8, 16), 1 + 3 * 32))


def test_sizes_suit_this_machine() -> None:
    """Streams are beyond the last cache, what stays near is half of its cache at most, and groups' parts are whole."""
    here = detect()
    sizes = Sizes.of(here)
    assert sizes.stream % (sizes.cores * sizes.tile) == 0
    near = dict(sizes.near)
    assert near["cache"] * 4 <= sizes.cores * (here.space("cache").capacity_bytes or 0) // 2
    assert all(elements % (sizes.cores * sizes.tile) == 0 for elements in near.values())


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that is measured in no time."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(run, "probes_of", lambda *_: probes())
    monkeypatch.setattr(run, "rounds_of", lambda *_: [seconds(), seconds(2), seconds()])
    return tmp_path


def test_pf_calibrate(quick: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A table, and a file that `cpu` has from then on; or JSON, and another file."""
    assert main(["calibrate", "--rounds", "3"]) == 0
    printed = capsys.readouterr().out
    place = place_of(detect())
    assert f"written to {place}" in printed
    row = next(line for line in printed.splitlines() if line.startswith("memory -> registers"))
    assert row.split()[3:] == ["40", "GB/s", "25%", "40"]
    assert "something else was running" in printed
    monkeypatch.delenv("PF_CALIBRATION")
    assert with_measured(detect()).launch_ns == 700
    other = quick / "folder" / "mine.toml"
    assert main(["calibrate", "--json", "--out", str(other)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["file"] == str(other)
    assert {figure["name"]: figure["value"] for figure in data["figures"]}["rate_f32"] == pytest.approx(120)
    assert schema.load(other).launch_ns == 700


def test_pf_calibrate_refuses(quick: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing half written is left where the disk is full, and what was there stays."""
    assert "end it in .toml" in fails(capsys, "calibrate", "--out", str(quick / "mine.yaml"))
    assert "expected at most" in fails(capsys, "calibrate", "--threads", "100000")
    with pytest.raises(SystemExit):
        main(["calibrate", "--rounds", "0"])
    capsys.readouterr()
    there = quick / "there.toml"
    there.write_text("before")

    def full(self: Path, *_: object, **__: object) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert "no space left on device" in fails(capsys, "calibrate", "--out", str(there))
    assert there.read_text() == "before"
    assert [path.name for path in quick.iterdir()] == ["there.toml"]
