"""What `pf doctor` looks for on disk: tools, Python and its packages, caches."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from powerfusion import knobs
from powerfusion.cli.output import format_bytes, reason
from powerfusion.core.toolchain import openmp_library
from powerfusion.errors import ToolError

LLVM_MINOR = "22.1"
PACKAGES = ("powerfusion", "numpy", "ml_dtypes", "rich", "typing_extensions", "PyYAML")
BOOTSTRAP = "run tools/bootstrap"
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        group: What it is about.
        name: What was looked for.
        ok: Whether it is there and works.
        detail: Version, place or size; why not, where it isn't ok.
        help: What to do where it isn't ok.
        needed: Whether PowerFusion can't do without.
    """

    group: str
    name: str
    ok: bool
    detail: str
    help: str = ""
    needed: bool = True

    @property
    def status(self) -> str:
        """In a word or two: ok, missing; not found where it isn't needed."""
        if self.ok:
            return "ok"
        return "missing" if self.needed else "not found"


def installation() -> Iterator[Check]:
    """Looks for everything that is installed."""
    prefix = knobs.llvm_prefix()
    yield tool("LLVM", (prefix / "bin" / "llvm-config",), "llvm-22-dev")
    yield tool("mlir-opt", (prefix / "bin" / "mlir-opt",), "mlir-22-tools")
    yield tool("clang", (prefix / "bin" / "clang", "clang-22"), "clang-22")
    yield tool("lld", (prefix / "bin" / "ld.lld", "ld.lld-22"), "lld-22")
    yield library("libMLIR", prefix / "lib" / "libMLIR.so", "libmlir-22-dev")
    yield openmp()
    yield python()
    yield from (package(name) for name in PACKAGES)
    yield from caches()


def tool(name: str, places: Sequence[Path | str], debian_package: str) -> Check:
    """Runs a tool for its version; it must be of the release that we build against."""
    found = next((path for path in map(shutil.which, map(str, places)) if path), None)
    what_to_do = f"install {debian_package} ({BOOTSTRAP}), or set {knobs.LLVM_PREFIX.name}"
    if found is None:
        return Check("tools", name, ok=False, detail=f"no {places[0]}", help=what_to_do)
    try:
        answer = subprocess.run(
            [found, "--version"], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return Check("tools", name, ok=False, detail=f"{found} doesn't run: {error}", help=what_to_do)
    version = re.search(r"\d+\.\d+\.\d+", answer)
    text = version[0] if version else "unknown version"
    if not text.startswith(LLVM_MINOR):
        return Check("tools", name, ok=False, detail=f"expected {LLVM_MINOR}, got {text} at {found}", help=what_to_do)
    return Check("tools", name, ok=True, detail=f"{text}, {found}")


def library(name: str, path: Path, debian_package: str) -> Check:
    """Looks for a shared library."""
    if not path.exists():
        what_to_do = f"install {debian_package} ({BOOTSTRAP}), or set {knobs.LLVM_PREFIX.name}"
        return Check("tools", name, ok=False, detail=f"no {path}", help=what_to_do)
    return Check("tools", name, ok=True, detail=str(path.resolve()))


def openmp() -> Check:
    """The runtime of parallel loops, where programs look for it."""
    try:
        return Check("tools", "libomp", ok=True, detail=str(openmp_library().resolve()))
    except ToolError as error:
        return Check("tools", "libomp", ok=False, detail=error.message, help=error.help or BOOTSTRAP)


def python() -> Check:
    """The interpreter that runs us."""
    detail = f"{platform.python_version()}, {sys.executable}"
    fits = sys.version_info >= (3, 11)
    return Check("Python", "interpreter", ok=fits, detail=detail, help=f"Python 3.11 or later is needed: {BOOTSTRAP}")


def package(name: str) -> Check:
    """One Python package; `metadata` knows it without importing it."""
    try:
        return Check("Python", name, ok=True, detail=metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check("Python", name, ok=False, detail="isn't installed", help=BOOTSTRAP)


def caches() -> Iterator[Check]:
    """The cache folder and what is in it; without it everything is made again, slowly."""
    folder = knobs.cache_folder()
    if not folder.is_dir():
        yield Check(
            "caches", "cache folder", ok=False, detail=f"no {folder}", help=f"{BOOTSTRAP} fills it", needed=False
        )
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        detail = f"{folder} can't be read: {reason(error)}"
        yield Check("caches", "cache folder", ok=False, detail=detail, help="set XDG_CACHE_HOME", needed=False)
        return
    writable = os.access(folder, os.W_OK)
    yield Check(
        "caches",
        "cache folder",
        ok=writable,
        detail=f"{folder}" if writable else f"{folder} is read-only",
        help="set XDG_CACHE_HOME to a folder that can be written",
        needed=False,
    )
    for entry in entries:
        if not entry.name.startswith("."):
            yield Check("caches", entry.name, ok=True, detail=format_bytes(size_bytes(entry)))


def size_bytes(path: Path) -> int:
    """What a file, or a folder with all in it, takes."""
    if not path.is_dir():
        return path.lstat().st_size
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue  # gone since it was listed
    return total
