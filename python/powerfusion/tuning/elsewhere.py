"""Tuning for a device that is elsewhere: candidates go there in a bundle, and what came back chooses among them.

pf tune IN --target T --bundle b.zip  ──>  python -m powerfusion.runtime.measure b.zip -o r.json     where T is
pf tune IN --target T --results r.json  <──┘
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from powerfusion import __version__
from powerfusion.cache.choice import write_choice
from powerfusion.errors import ArtifactError, InputError
from powerfusion.executable import Executable, choice_key, compile_candidate
from powerfusion.machines.table import find
from powerfusion.runtime.agreement import results_of
from powerfusion.runtime.archive import Chunks
from powerfusion.runtime.bundle import (
    SCHEMA,
    Bundle,
    Candidate,
    Input,
    Results,
    array_members,
    artifact_member,
    drawn,
    sampled,
    write_bundle,
)
from powerfusion.runtime.manifest import Constant
from powerfusion.runtime.signature import DTYPES, Array, ArraySpec
from powerfusion.tuning.tune import Row, Told, Tuned, cache_of_choices, chosen, compiled, predicted


@dataclass(frozen=True)
class Search:
    """Which candidates of what.

    Attributes:
        source: Whatever `powerfusion.compile` takes.
        target: A GPU.
        candidates: How many placements, the best by the model.
        seed: Of inputs that aren't given.
        inputs: Arguments of a call; None for floats that are drawn, and zeros for integers, which may be indices.
    """

    source: object
    target: str
    candidates: int
    seed: int = 0
    inputs: Sequence[Array] | None = None


def make_bundle(search: Search, path: Path, told: Told = lambda _words, _done, _of: None) -> Bundle:
    """Compiles the candidates of a search, and writes them as a bundle.

    Args:
        search: Which.
        path: Where to.
        told: Is told what happens.

    Raises:
        UnsupportedError: The program can't be compiled for the target.
        InputError: Sizes of arguments are open, and none are given.
        ArtifactError: The bundle can't be written.
    """
    programs, problems = compiled(
        search.candidates,
        lambda number: compile_candidate(search.source, number, search.target),
        lambda program: program.device_program.assembly,
        told,
    )
    first = programs[0]
    inputs = _inputs(first.signature.arguments, search)
    given = search.inputs or [drawn(DTYPES[each.dtype], each.shape, each.seed) for each in inputs]
    stored = dict(enumerate(search.inputs or ()))
    told("computing what results are", search.candidates, search.candidates)
    made = results_of(compile_candidate(search.source, 0), first.signature, given)
    expected = dict(enumerate(map(sampled, made)))
    bundle = Bundle(
        schema=SCHEMA,
        powerfusion=__version__,
        name=first.signature.name,
        program=choice_key(search.source, search.target),
        target=search.target,
        cache_bytes=max((cache.capacity_bytes or 0 for cache in find(search.target).caches), default=0),
        candidates=tuple(_candidates(programs, problems)),
        inputs=tuple(inputs),
        expected=tuple(map(Constant.of, expected.values())),
        members={},
    )
    files: dict[str, Chunks] = {artifact_member(number): [_saved(program)] for number, program in programs.items()}
    write_bundle(path, bundle, files | array_members("inputs", stored) | array_members("expected", expected))
    return bundle


def _inputs(specs: Sequence[ArraySpec], search: Search) -> list[Input]:
    if search.inputs is not None:
        pairs = zip(specs, search.inputs, strict=True)
        return [Input(spec.dtype, array.shape, is_stored=True) for spec, array in pairs]
    return [_drawn_input(at, spec, search.seed + at) for at, spec in enumerate(specs)]


def _drawn_input(at: int, spec: ArraySpec, seed: int) -> Input:
    shape = tuple(size for size in spec.shape if size is not None)
    if len(shape) < len(spec.shape):
        raise InputError(f"the sizes of argument {at} ({spec}) are open", help="say them: give inputs")
    return Input(spec.dtype, shape, None if DTYPES[spec.dtype].kind in "biu" else seed)


def _candidates(programs: dict[int, Executable], problems: dict[int, str]) -> list[Candidate]:
    found = [Candidate(number, predicted(program)) for number, program in programs.items()]
    found += [Candidate(number, None, problem) for number, problem in problems.items()]
    return sorted(found, key=lambda each: each.number)


def _saved(program: Executable) -> bytes:
    """A program's artifact."""
    with tempfile.TemporaryDirectory(prefix="powerfusion-") as folder:
        place = Path(folder) / "candidate.pfx"
        program.save(place)
        return place.read_bytes()


def take_results(source: object, target: str, results: Results) -> Tuned:
    """Keeps the quickest of what was measured: whoever compiles the program for that target next has it.

    Args:
        source: What the bundle was made from.
        target: What for.
        results: What came back.

    Raises:
        ArtifactError: They are of another program or compiler, or nothing could be measured.
        PowerFusionError: The cache is off.
    """
    files, key = cache_of_choices(), choice_key(source, target)
    if results.target != target or results.program != key:
        raise ArtifactError(
            f"the results are of another program, target or version, for {results.target}",
            help="make the bundle again, and measure that",
        )
    rows = [Row(each.number, each.predicted_s, each.seconds, each.problem) for each in results.candidates]
    if not any(row.seconds for row in rows):
        said = next((row.problem for row in rows if row.problem), "there were none")
        raise ArtifactError(f"no candidate was measured: {said}")
    tuned = Tuned(tuple(rows), chosen(rows), results.spent_s)
    write_choice(files, key, tuned.chosen)
    return tuned
