"""`.venv`: made once, and anew where it is half-made, moved or outdated."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
from small_tree import settings_of

from _bootstrap import environment
from _bootstrap.console import BootstrapError, Console, Stage


class Recorder(Stage):
    """A stage that runs nothing: `venv` makes a folder, `pip download` a wheel, the rest is written down."""

    def run(self, command, doing, **_):
        words = [str(word) for word in command]
        self.commands = [*getattr(self, "commands", []), doing]
        if words[1:3] == ["-m", "venv"]:
            (Path(words[3]) / "bin").mkdir(parents=True)
            (Path(words[3]) / "bin" / "python").write_text("")
        if "download" in words:
            (Path(words[words.index("--dest") + 1]) / "a.whl").write_text("")
        if getattr(self, "fails", None) == doing:
            raise BootstrapError(doing)
        return 0, ""


MAKING, FETCHING, INSTALLING = "making .venv", "fetching Python packages", "installing packages into .venv"


def made(tree: Path, console: Console, *words: str, fails: str = "") -> list[str]:
    """Make the environment; returns what was run for it."""
    stage = Recorder(console, "")
    stage.fails = fails
    expected = pytest.raises(BootstrapError, match=fails) if fails else nullcontext()
    with expected:
        environment.make(settings_of(tree, *words), stage)
    return getattr(stage, "commands", [])


def test_environment_is_made_once(tree: Path, console: Console) -> None:
    assert made(tree, console) == [MAKING, FETCHING, INSTALLING]
    assert made(tree, console) == []


def test_half_made_environment_is_made_anew(tree: Path, console: Console) -> None:
    left = tree / ".venv" / "lib" / "half"
    left.mkdir(parents=True)
    assert made(tree, console) == [MAKING, FETCHING, INSTALLING]
    assert not left.exists()


def test_interrupted_installation_is_made_anew(tree: Path, console: Console) -> None:
    assert made(tree, console, fails=INSTALLING) == [MAKING, FETCHING, INSTALLING]
    assert made(tree, console) == [MAKING, INSTALLING]
    assert made(tree, console) == []


def test_interrupted_download_is_resumed(tree: Path, console: Console) -> None:
    assert made(tree, console, fails=FETCHING) == [MAKING, FETCHING]
    assert made(tree, console) == [FETCHING, INSTALLING]


def test_changed_pins_are_installed(tree: Path, console: Console) -> None:
    made(tree, console)
    with (tree / "tools" / "requirements" / "base.txt").open("a") as pins:
        pins.write("more==1.0\n")
    assert made(tree, console) == [FETCHING, INSTALLING]


def test_moved_tree_is_made_anew(tree: Path, console: Console) -> None:
    made(tree, console)
    moved = tree.rename(tree.with_name("moved"))
    assert made(moved, console) == [MAKING, INSTALLING]


def test_second_clone_needs_no_network(tree: Path, console: Console) -> None:
    made(tree, console)
    second = Path(shutil.copytree(tree, tree.with_name("second"), ignore=shutil.ignore_patterns(".venv")))
    assert made(second, console, "--offline") == [MAKING, INSTALLING]


def test_offline_without_a_cache_is_one_line(tree: Path, console: Console) -> None:
    with pytest.raises(BootstrapError, match="the cache lacks Python packages and --offline"):
        environment.make(settings_of(tree, "--offline"), Recorder(console, ""))


def added(tree: Path, console: Console, fails: str = "") -> list[str]:
    """Add an extra to the environment; returns what was run for it."""
    stage = Recorder(console, "")
    stage.fails = fails
    with pytest.raises(BootstrapError, match=fails) if fails else nullcontext():
        environment.add(settings_of(tree), stage, "models")
    return getattr(stage, "commands", [])


def test_models_are_added_once_to_the_same_environment(tree: Path, console: Console) -> None:
    (tree / "tools" / "requirements" / "models.txt").write_text("a==1\n")
    made(tree, console)
    assert added(tree, console) == [FETCHING, INSTALLING]
    assert added(tree, console) == []
    assert made(tree, console) == []
    assert not (tree / ".venv-models").exists()


def test_models_that_were_added_by_half_are_added_again(tree: Path, console: Console) -> None:
    (tree / "tools" / "requirements" / "models.txt").write_text("a==1\n")
    made(tree, console)
    assert added(tree, console, fails=INSTALLING) == [FETCHING, INSTALLING]
    assert added(tree, console) == [INSTALLING]


def test_models_have_our_pins(root: Path) -> None:
    """They are installed where base and dev are, so what both name must be one version."""
    lists = {name: pins(root / "tools" / "requirements" / f"{name}.txt") for name in ("base", "dev", "models")}
    ours = lists["base"] | lists["dev"]
    assert {name: pin for name, pin in lists["models"].items() if ours.get(name, pin) != pin} == {}
    assert {"numpy", "ml-dtypes"} <= lists["models"].keys() & ours.keys()


def pins(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if "==" in line]
    return {name.lower().replace("_", "-"): pin for name, _, pin in (line.partition("==") for line in lines)}
