"""This project's own C++: the dialect, its Python module, pf-opt's host, the plug-ins."""

from __future__ import annotations

from pathlib import Path

from _bootstrap import bindings, stamps
from _bootstrap.console import Stage
from _bootstrap.settings import Settings

BUILT = ".powerfusion-built"


def make(settings: Settings, stage: Stage) -> None:
    """Configure and build, unless nothing that goes into it has changed."""
    if not (settings.root / "CMakeLists.txt").exists():
        stage.outcome = "nothing to build yet"
        return
    configured_key, built_key = _keys(settings)
    if _built(settings, built_key):
        return
    build = settings.root / "build"
    stage.step("building the dialect")
    bindings.configure(settings, stage, settings.root, build, [], configured_key)
    stage.run(["ninja", "-C", build], "building the dialect")
    outputs = sorted(path.name for path in _native(settings).glob("*") if path.is_file())
    stamps.write(build / BUILT, "\n".join([built_key, *outputs]))


def is_current(settings: Settings) -> bool:
    """Whether the build matches the sources."""
    return _built(settings, _keys(settings)[1])


def _keys(settings: Settings) -> tuple[str, str]:
    """What the configuration and the build depend on."""
    configured = stamps.digest([*bindings.configuration(settings), bindings.key(settings), str(settings.root)])
    return configured, stamps.digest([configured, settings.root / "CMakeLists.txt", settings.root / "dialect"])


def _native(settings: Settings) -> Path:
    return settings.root / "python" / "powerfusion" / "_native"


def _built(settings: Settings, key: str) -> bool:
    done, *outputs = (stamps.read(settings.root / "build" / BUILT) or "none").split("\n")
    return done == key and bool(outputs) and all((_native(settings) / name).exists() for name in outputs)
