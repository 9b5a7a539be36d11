"""What several commands ask of the compiler: a program or an artifact by its name, a phase that exists."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from powerfusion.errors import InputError, SourceError

if TYPE_CHECKING:
    from powerfusion.pipelines import Freedoms
    from powerfusion.runtime.signature import ArraySpec

DEFAULT_TARGET = "cpu"
_SHAPE = re.compile(r"(?P<argument>\d+)=(?P<sizes>\d+(x\d+)*)?")


def configure_phases(parser: argparse.ArgumentParser, to: str) -> None:
    """Adds `--compile-from` and `--compile-to`, of which the latter does what `to` says."""
    parser.add_argument(
        "--compile-from", metavar="PHASE", help="IN is what this phase left behind; go on with the next one"
    )
    parser.add_argument("--compile-to", metavar="PHASE", help=to)


def configure_freedoms(parser: argparse.ArgumentParser) -> None:
    """Adds `--excess-precision`, `--fp-contract` and `--no-libraries`."""
    parser.add_argument(
        "--excess-precision",
        action="store_true",
        help="leave out roundings to f16 and bf16 between the ops of one kernel: nearer to f32, and faster",
    )
    parser.add_argument(
        "--fp-contract", action="store_true", help="add products without rounding them first: nearer, and faster"
    )
    parser.add_argument(
        "--no-libraries", action="store_true", help="leave no products of matrices to PyTorch's or SciPy's BLAS"
    )


def freedoms_of(options: argparse.Namespace) -> Freedoms:
    """What these ask for."""
    from powerfusion.pipelines import Freedoms

    return Freedoms(options.excess_precision, options.fp_contract, False if options.no_libraries else None)


def shape_argument(text: str) -> tuple[int, tuple[int, ...]]:
    """What `--shape` takes: an argument and its sizes."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected N=4x1024, got '{text}'")
    return int(match["argument"]), tuple(int(size) for size in (match["sizes"] or "").split("x") if size)


def check_phase(options: argparse.Namespace, flag: str, phase: str) -> None:
    """Ends with exit code 2 if there is no such phase."""
    from powerfusion.pipelines import ALL_PHASES

    if phase not in ALL_PHASES:
        options.usage(f"argument {flag}: expected one of {', '.join(ALL_PHASES)}, got '{phase}'")


def check_phases(options: argparse.Namespace) -> None:
    """Ends with exit code 2 if `--compile-from` or `--compile-to` is no phase."""
    for flag in ("--compile-from", "--compile-to"):
        phase = getattr(options, flag.removeprefix("--").replace("-", "_"))
        if phase:
            check_phase(options, flag, phase)


def compile_program(
    source: Path | bytes,
    target: str,
    until: str | None = None,
    *,
    after: str | None = None,
    code: bool = False,
    remarks: bool = False,
    freedoms: Freedoms | None = None,
) -> Any:
    """Compiles MLIR, up to a phase or to the end; for a machine that no code is made for yet, up to there.

    Args:
        source: MLIR.
        target: A target, or a machine.
        until: The last phase to run.
        after: The phase that the source is after already.
        code: Whether it is to be run or saved.
        remarks: Whether passes say why they did what they did.
        freedoms: What may be computed otherwise than the program says.

    Raises:
        SourceError: It is an artifact, which is compiled already.
        UnsupportedError: Code is wanted, and none is made for the target.
    """
    if is_artifact(source):
        raise SourceError(f"{source} is an artifact, which is compiled already", help=f"run it: pf run {source}")
    if code and target != DEFAULT_TARGET:
        from powerfusion.executable import check_target

        check_target(target)
    return compile_until(source, target, until, after, remarks, code, freedoms)


def last_counted(target: str) -> str:
    """The last phase of a target after which bytes can be counted."""
    from powerfusion.pipelines import COUNTED, phases_of

    return [phase.name for phase in phases_of(target) if phase.name in COUNTED][-1]


def compile_until(
    source: Path | bytes,
    target: str,
    until: str | None,
    after: str | None = None,
    remarks: bool = False,
    cache: bool = False,
    freedoms: Freedoms | None = None,
) -> Any:
    """Compiles MLIR; what a later phase would refuse doesn't matter before it."""
    from powerfusion.executable import compile_for, compile_source
    from powerfusion.pipelines import PIPELINES, STRICT

    asked: dict[str, Any] = {"until": until, "after": after, "remarks": remarks, "freedoms": freedoms or STRICT}
    if target in PIPELINES or cache:  # what may be kept is code, of a machine that says how it is written, too
        return compile_source(source, target, **asked, cache=cache)
    return compile_for(source, target, **asked)


def load_program(source: Path | bytes, target: str, freedoms: Freedoms | None = None) -> Any:
    """Loads an artifact, or compiles MLIR.

    Raises:
        SourceError: It is an artifact, and was to be compiled in another way.
    """
    import powerfusion as pf

    if not is_artifact(source):
        return compile_program(source, target, code=True, freedoms=freedoms)
    if freedoms and any(vars(freedoms).values()):
        raise SourceError(
            f"{source} is an artifact, which is compiled already",
            help="give --excess-precision and --fp-contract to the `pf compile` that makes it",
        )
    return pf.load(source)


def is_artifact(source: Path | bytes) -> TypeGuard[Path]:
    """Whether a source is compiled already."""
    return isinstance(source, Path) and source.suffix == ".pfx"


def bind_shapes(
    arguments: Sequence[ArraySpec], shapes: Sequence[tuple[int, tuple[int, ...]]]
) -> dict[int, tuple[int, ...]] | None:
    """The sizes that `--shape` gives arguments, by position; `None` where it gives none.

    Raises:
        InputError: There is no such argument, or its sizes don't fit.
    """
    for place, sizes in shapes:
        if place >= len(arguments):
            known = ", ".join(f"{place} ({spec})" for place, spec in enumerate(arguments)) or "none"
            raise InputError(f"there is no argument {place}; there are {known}")
        spec = arguments[place]
        fit = len(sizes) == len(spec.shape) and all(
            own in (None, given) for own, given in zip(spec.shape, sizes, strict=True)
        )
        if not fit:
            given = "x".join(map(str, sizes))
            raise InputError(f"expected sizes of argument {place} that fit {spec}, got {given or 'none'}")
    return dict(shapes) or None
