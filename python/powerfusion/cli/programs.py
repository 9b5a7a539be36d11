"""What several commands ask of the compiler: a program or an artifact by its name, a phase that exists."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from powerfusion.errors import InputError, SourceError

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


def bind_shapes(executable: Any, shapes: Sequence[tuple[str, tuple[int, ...]]]) -> dict[int, tuple[int, ...]] | None:
    """The sizes that `--shape` gives arguments, by position; `None` where it gives none.

    Raises:
        InputError: There is no such argument, or its sizes don't fit.
    """
    if not shapes:
        return None
    arguments = arguments_of(executable)
    places = {name: place for place, each in enumerate(arguments) for name in (each.name, str(place))}
    bound: dict[int, tuple[int, ...]] = {}
    for name, sizes in shapes:
        if name not in places:
            known = ", ".join(f"{place} ({each})" for place, each in enumerate(arguments)) or "none"
            raise InputError(f"there is no argument {name}; there are {known}")
        argument = arguments[places[name]]
        if len(sizes) != len(argument.shape) or any(
            own not in (None, given) for own, given in zip(argument.shape, sizes, strict=True)
        ):
            given = "x".join(map(str, sizes))
            raise InputError(f"expected sizes of argument {name} that fit {argument}, got {given or 'none'}")
        bound[places[name]] = sizes
    return bound
