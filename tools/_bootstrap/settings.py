"""What the user chose: arguments and environment, read once."""

from __future__ import annotations

import argparse
import os
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from _bootstrap.console import BootstrapError

LLVM_MAJOR = "22"
LLVM_MINOR = "22.1"
EXTRAS = ("models", "nvidia", "peers")
ADDED = ("models", "nvidia")
"""Extras that are added to .venv, because they run in one process with this package."""

DESCRIPTION = """\
Make this clone ready to work. Every stage is skipped when it is up to date, and an
interrupted run is resumed by the next one."""

EPILOG = """\
environment:
  PF_PYTHON        the interpreter that .venv is made from (default: /usr/bin/python3)
  PF_LLVM_PREFIX   where LLVM 22.1 is installed (default: /usr/lib/llvm-22)
  PF_MLIR_SOURCE   sources of MLIR's Python bindings, a folder or a tarball
                   (default: the distribution's source package)
  XDG_CACHE_HOME   the cache is in powerfusion/ under it (default: ~/.cache)

exit status: 0 ready, 1 a stage failed, 2 wrong usage, 130 interrupted"""


@dataclass(frozen=True)
class Settings:
    """Everything that a stage may ask; no stage reads the environment itself."""

    root: Path
    cache: Path
    python: Path
    llvm_prefix: Path
    default_llvm: bool
    mlir_source: Path | None
    extras: tuple[str, ...] = ()
    offline: bool = False
    verbose: bool = False

    @property
    def venv(self) -> Path:
        """The environment in the root of the clone."""
        return self.root / ".venv"

    @property
    def logs(self) -> Path:
        """Where the output of each stage's commands goes."""
        return self.root / "build" / "bootstrap"

    @property
    def requirements(self) -> Path:
        """The folder of pinned requirement lists."""
        return self.root / "tools" / "requirements"


def cache_home(environment: Mapping[str, str]) -> Path:
    """The XDG cache folder; a relative XDG_CACHE_HOME is ignored, as its standard demands."""
    chosen = environment.get("XDG_CACHE_HOME", "")
    if os.path.isabs(chosen):
        return Path(chosen)
    home = environment.get("HOME", "")
    if not home:
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError as error:
            raise BootstrapError(
                "this user has no home folder: set XDG_CACHE_HOME to a folder for the cache"
            ) from error
    return Path(home) / ".cache"


def parse(root: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the command line; argparse itself exits with 2 on wrong usage."""
    parser = argparse.ArgumentParser(
        prog="tools/bootstrap",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--with", dest="extras", action="append", choices=EXTRAS, default=[], metavar="EXTRA",
        help="also add `models` to .venv, what imports PyTorch, ONNX and JAX, or `nvidia`, NVIDIA's assembler under "
        "the licence of the CUDA toolkit; or make .venv-peers, for `peers`",
    )  # fmt: skip
    parser.add_argument("--offline", action="store_true", help="use what is installed and cached, never the network")
    parser.add_argument("--verbose", action="store_true", help="show the output of the commands")
    chosen = parser.parse_args(arguments)
    prefix = environment.get("PF_LLVM_PREFIX", "")
    source = environment.get("PF_MLIR_SOURCE", "")
    return Settings(
        root=root,
        cache=cache_home(environment) / "powerfusion",
        python=Path(environment.get("PF_PYTHON") or "/usr/bin/python3"),
        llvm_prefix=Path(prefix).absolute() if prefix else Path(f"/usr/lib/llvm-{LLVM_MAJOR}"),
        default_llvm=not prefix,
        mlir_source=Path(source).absolute() if source else None,
        extras=tuple(dict.fromkeys(chosen.extras)),
        offline=chosen.offline,
        verbose=chosen.verbose,
    )
