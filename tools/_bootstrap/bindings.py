"""MLIR's Python bindings, built once into the cache.

The folder's name says for what they were built: LLVM's version, Python's ABI, the
compiler, and a hash of the recipe. They are built in a folder beside it, which an
interruption leaves to be continued, and the finished package is renamed into place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from _bootstrap import sources, stamps
from _bootstrap.cache import writable
from _bootstrap.console import BootstrapError, Stage, clean_environment
from _bootstrap.debian import llvm_version
from _bootstrap.environment import interpreter
from _bootstrap.settings import LLVM_MAJOR, Settings

CONFIGURED = ".powerfusion-configured"


def compilers(settings: Settings) -> tuple[str, str]:
    """The C and C++ compilers, of the same release as the libraries."""
    if settings.default_llvm:
        return f"clang-{LLVM_MAJOR}", f"clang++-{LLVM_MAJOR}"
    return str(settings.llvm_prefix / "bin" / "clang"), str(settings.llvm_prefix / "bin" / "clang++")


def configuration(settings: Settings) -> list[str]:
    """CMake's options that every project here is configured with."""
    c_compiler, cxx_compiler = compilers(settings)
    python = interpreter(settings.venv)
    return [
        "-G", "Ninja",
        "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_C_COMPILER={c_compiler}",
        f"-DCMAKE_CXX_COMPILER={cxx_compiler}",
        f"-DCMAKE_PREFIX_PATH={settings.llvm_prefix}",
        "-DLLVM_USE_LINKER=lld",
        f"-DPython3_EXECUTABLE={python}",
        f"-DPython_EXECUTABLE={python}",
    ]  # fmt: skip


def configure(
    settings: Settings, stage: Stage, source: Path, build: Path, options: Sequence[str], configured_key: str
) -> None:
    """Configure a build folder from nothing, or leave it to ninja, which runs CMake again where its files changed.

    CMake must not be given a compiler's short name twice: it then thinks that the compiler changed, starts over and
    forgets the other options.
    """
    mark = build / CONFIGURED
    if stamps.read(mark) == configured_key and (build / "build.ninja").exists() and (build / "CMakeCache.txt").exists():
        return
    mark.unlink(missing_ok=True)
    command = ["cmake", "--fresh", "-S", source, "-B", build, *configuration(settings), *options]
    stage.run(command, f"configuring the build of {source.name}")
    stamps.write(mark, configured_key)


def key(settings: Settings) -> str:
    """The name of the cache's folder for this machine's tools and our recipe."""
    compiler = compilers(settings)[0]
    try:
        answer = subprocess.run(
            [compiler, "-dumpversion"], capture_output=True, text=True, check=True, timeout=60, env=clean_environment()
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BootstrapError(f"the compiler {compiler} does not run: {error}") from error
    recipe = settings.root / "tools" / "bindings"
    nanobind = [line for line in (settings.requirements / "base.txt").read_text().splitlines() if "nanobind" in line]
    abi = sysconfig.get_config_var("SOABI") or "cpython"
    short = stamps.digest([recipe, *nanobind])[:10]
    return f"mlir-{llvm_version(settings)}-{abi}-clang{answer.stdout.strip()}-{short}"


def make(settings: Settings, stage: Stage) -> None:
    """Build the bindings if the cache lacks them, and link them into the package."""
    name = key(settings)
    package = settings.cache / name / "mlir"
    if not package.is_dir():
        with writable(settings, stage, settings.cache):
            if not package.is_dir():  # The one that held the lock may have built them.
                _build(settings, stage, settings.cache / name)
    stamps.link(settings.root / "python" / "powerfusion" / "mlir", package)


def _build(settings: Settings, stage: Stage, finished: Path) -> None:
    work = finished.with_name(f".{finished.name}.build")
    source = work / "source"
    # The virtual environment's path is in CMake's cache, so another clone starts anew.
    owner = f"{settings.venv} {settings.mlir_source or ''}"
    if stamps.read(work / "unpacked") != owner:
        shutil.rmtree(work, ignore_errors=True)
        top = sources.unpack(settings, stage, llvm_version(settings), work / "unpacking")
        (top / "mlir" / "include").unlink(missing_ok=True)
        (top / "mlir" / "include").symlink_to(settings.llvm_prefix / "include")
        top.rename(source)
        stamps.write(work / "unpacked", owner)
    stage.step("building, about a minute")
    build = work / "cmake"
    recipe = settings.root / "tools" / "bindings"
    configure(settings, stage, recipe, build, [f"-DMLIR_PYTHON_SOURCE={source}"], finished.name)
    stage.run(["ninja", "-C", build], "building MLIR's Python bindings")
    partial = finished.with_name(f".{finished.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    copy_package(build / "python_packages" / "mlir", partial / "mlir")
    licence = source / "mlir" / "LICENSE.TXT"
    if licence.exists():
        shutil.copy2(licence, partial)
    compile_all = [interpreter(settings.venv), "-m", "compileall", "-q", "-j", "0", partial / "mlir"]
    stage.run(compile_all, "compiling MLIR's Python bindings", check=False)
    partial.rename(finished)
    shutil.rmtree(work, ignore_errors=True)


def copy_package(origin: Path, copy: Path) -> None:
    """Copy a tree of links into the build and source folders so that it stands alone.

    A link to a neighbour stays one: a library under two names must be loaded once.
    """
    copy.mkdir(parents=True, exist_ok=True)
    for entry in sorted(origin.iterdir()):
        target = copy / entry.name
        if entry.is_symlink() and os.sep not in os.readlink(entry):
            target.symlink_to(os.readlink(entry))
        elif entry.is_dir():
            if entry.name != "__pycache__":
                copy_package(entry, target)
        else:
            shutil.copy2(entry, target)
