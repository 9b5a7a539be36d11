"""What several commands ask of the compiler: a program or an artifact by its name, a phase that exists."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from powerfusion.errors import SourceError

if TYPE_CHECKING:
    from powerfusion.cli.arrays import Argument


def check_phase(options: argparse.Namespace, flag: str, phase: str) -> None:
    """Ends with exit code 2 if there is no such phase."""
    import powerfusion as pf

    if phase not in pf.PHASES:
        options.usage(f"argument {flag}: expected one of {', '.join(pf.PHASES)}, got '{phase}'")


def compile_program(source: Path | bytes, target: str) -> Any:
    """Compiles MLIR.

    Raises:
        SourceError: It is an artifact, which is compiled already.
    """
    import powerfusion as pf

    if isinstance(source, Path) and source.suffix == ".pfx":
        raise SourceError(f"{source} is an artifact, which is compiled already", help=f"run it: pf run {source}")
    return pf.compile(source, target=target)


def load_program(source: Path | bytes, target: str) -> Any:
    """Loads an artifact (.pfx), or compiles MLIR."""
    import powerfusion as pf

    if isinstance(source, Path) and source.suffix == ".pfx":
        return pf.load(source)
    return compile_program(source, target)


def arguments_of(executable: Any) -> list[Argument]:
    """The arguments of a program, in order."""
    return [_argument(each) for each in executable.signature.arguments]


def results_of(executable: Any) -> list[Argument]:
    """The results of a program, in order."""
    return [_argument(each) for each in executable.signature.results]


def _argument(entry: Any) -> Argument:
    from powerfusion.cli.arrays import DTYPES, Argument

    dtype = DTYPES[entry.dtype] if isinstance(entry.dtype, str) else entry.dtype
    return Argument(entry.name, dtype, tuple(entry.shape))
