"""`.venv`, the wheels that fill it, and the editable install.

Wheels are downloaded once into the cache and installed from there without the
network, so a second clone on the same machine needs none.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from _bootstrap import stamps
from _bootstrap.cache import writable
from _bootstrap.console import BootstrapError, Stage, explain
from _bootstrap.settings import Settings

MADE = ".powerfusion-made"
FILLED = ".powerfusion-filled"
EDITABLE = ".powerfusion-editable"
ADDED = ".powerfusion-added"
NEEDED_BYTES = 500 << 20


def interpreter(venv: Path) -> Path:
    """The environment's python."""
    return venv / "bin" / "python"


def make(settings: Settings, stage: Stage) -> None:
    """Make `.venv` and install the pinned packages."""
    _make(settings, stage, settings.venv, ("base.txt", "dev.txt"))


def make_extra(settings: Settings, stage: Stage, extra: str) -> None:
    """Make `.venv-EXTRA`, for tools whose packages must not meet ours."""
    _make(settings, stage, settings.root / f".venv-{extra}", (f"{extra}.txt",))


def add(settings: Settings, stage: Stage, extra: str) -> None:
    """Add the packages of an extra to `.venv`, beside ours and with the same pins.

    A `.venv` that is made anew has them again only when it is asked for them again.
    """
    lists = (f"{extra}.txt",)
    mark = settings.venv / f"{ADDED}-{extra}"
    key = stamps.digest([stamps.read(settings.venv / MADE), *(settings.requirements / name for name in lists)])
    if stamps.read(mark) == key:
        return
    mark.unlink(missing_ok=True)
    _fill(settings, stage, settings.venv, lists)
    stamps.write(mark, key)


def install_package(settings: Settings, stage: Stage) -> None:
    """Install this package editable, for its import path and its commands."""
    project = settings.root / "pyproject.toml"
    if not project.exists():
        stage.outcome = "nothing to install yet"
        return
    mark = settings.venv / EDITABLE
    key = stamps.digest([project, str(settings.root)])
    commands = [settings.venv / "bin" / name for name in ("pf", "pf-opt", "gir-lsp-server")]
    if stamps.read(mark) == key and all(command.exists() for command in commands):
        return
    stage.step("installing the package editable")
    # What an interrupted installation left can stop pip from replacing it.
    for left in settings.venv.glob("lib/python*/site-packages/*powerfusion-*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    pip = [interpreter(settings.venv), "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation"]
    stage.run([*pip, "--editable", settings.root], "installing the package", cwd=settings.root)
    stamps.write(mark, key)


def _make(settings: Settings, stage: Stage, venv: Path, lists: Sequence[str]) -> None:
    requirements = [settings.requirements / name for name in lists]
    # An environment holds absolute paths, so one that was moved is made anew.
    made_key = f"{sys.version.split()[0]} {os.path.realpath(sys.executable)} {venv}"
    filled_key = stamps.digest([made_key, *requirements])
    sound = stamps.read(venv / MADE) == made_key and interpreter(venv).exists()
    if sound and stamps.read(venv / FILLED) == filled_key:
        return
    if not sound:
        free = shutil.disk_usage(settings.root).free
        if free < NEEDED_BYTES:
            raise BootstrapError(
                f"the disk of {settings.root} has {free >> 20} MB left and {NEEDED_BYTES >> 20} MB are needed"
            )
        stage.step(f"making {venv.name}")
        _create(stage, venv)
        stamps.write(venv / MADE, made_key)
    # An installation that is cut short may leave a package that only looks whole, so the environment counts as
    # made again once its packages are in.
    _fill(settings, stage, venv, lists, before=lambda: (venv / MADE).unlink(missing_ok=True))
    stamps.write(venv / FILLED, filled_key)
    stamps.write(venv / MADE, made_key)


def _fill(
    settings: Settings, stage: Stage, venv: Path, lists: Sequence[str], before: Callable[[], None] = lambda: None
) -> None:
    """Install the packages of lists, calling `before` once they are at hand."""
    wheels = _wheelhouse(settings, stage, venv, lists)
    stage.step(f"installing packages into {venv.name}")
    before()
    stage.run(
        [*_pip(venv, "install"), "--no-index", "--find-links", wheels, *_requirements(settings, lists)],
        f"installing packages into {venv.name}",
    )


def _create(stage: Stage, venv: Path) -> None:
    try:
        if venv.is_symlink():
            venv.unlink()
        elif venv.exists():
            shutil.rmtree(venv)
    except OSError as error:
        raise explain(error, f"removing the half-made {venv.name}") from error
    stage.run([sys.executable, "-m", "venv", venv], f"making {venv.name}")


def _pip(venv: Path, verb: str) -> list[str | Path]:
    return [interpreter(venv), "-m", "pip", verb, "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]


def _requirements(settings: Settings, lists: Sequence[str]) -> list[str | Path]:
    """Pip's words for the lists; of those that name all that is needed, and of others what varies with the build."""
    words = [word for name in lists for word in ("-r", settings.requirements / name)]
    return words if set(lists) - {"base.txt", "dev.txt", "nvidia.txt"} else ["--no-deps", *words]


def _wheelhouse(settings: Settings, stage: Stage, venv: Path, lists: Sequence[str]) -> Path:
    """The cache's folder of wheels, completed with what the lists pin."""
    requirements = [settings.requirements / name for name in lists]
    wheels = settings.cache / "wheels"
    tag = f"{sys.implementation.cache_tag}-{os.uname().machine}"
    complete = wheels / f"{stamps.digest([tag, *requirements])[:16]}.complete"
    names = stamps.read(complete).split()
    if names and all((wheels / name).exists() for name in names):
        return wheels
    if settings.offline:
        raise BootstrapError("the cache lacks Python packages and --offline forbids fetching them: run once without it")
    with writable(settings, stage, wheels):
        stage.step("fetching Python packages")
        for left in wheels.glob(".fetching-*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=wheels) as folder:
            fetch = [*_pip(venv, "download"), "--no-cache-dir", "--only-binary", ":all:", "--retries", "2"]
            chosen = ["--find-links", wheels, "--dest", folder, *_requirements(settings, lists)]
            stage.run([*fetch, *chosen], "fetching Python packages")
            fetched = sorted(Path(folder).iterdir())
            for wheel in fetched:
                wheel.replace(wheels / wheel.name)
        stamps.write(complete, "\n".join(wheel.name for wheel in fetched))
    return wheels
