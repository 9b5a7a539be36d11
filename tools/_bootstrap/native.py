"""This project's own C++: the dialect, its Python module, pf-opt's host, the plug-ins."""

from __future__ import annotations

from _bootstrap import bindings, stamps
from _bootstrap.console import Stage
from _bootstrap.settings import Settings


def make(settings: Settings, stage: Stage) -> None:
    """Configure and build, unless nothing that goes into it has changed."""
    project = settings.root / "CMakeLists.txt"
    if not project.exists():
        stage.outcome = "nothing to build yet"
        return
    build = settings.root / "build"
    native = settings.root / "python" / "powerfusion" / "_native"
    options = bindings.configuration(settings)
    configured_key = stamps.digest([*options, bindings.key(settings), str(settings.root)])
    built_key = stamps.digest([configured_key, project, settings.root / "dialect"])
    done, *outputs = (stamps.read(build / ".powerfusion-built") or "none").split("\n")
    if done == built_key and outputs and all((native / name).exists() for name in outputs):
        return
    stage.step("building the dialect")
    fresh = [] if stamps.read(build / ".powerfusion-configured") == configured_key else ["--fresh"]
    stage.run(["cmake", *fresh, "-S", settings.root, "-B", build, *options], "configuring the dialect")
    stamps.write(build / ".powerfusion-configured", configured_key)
    stage.run(["ninja", "-C", build], "building the dialect")
    outputs = sorted(path.name for path in native.glob("*") if path.is_file())
    stamps.write(build / ".powerfusion-built", "\n".join([built_key, *outputs]))
