"""Bundles: candidates of a search as one file, to be measured where the device is, and what came back from there.

b.zip (zip) ─┬─ bundle.json         which program, inputs, what results hold; hashes
             ├─ candidates/N.pfx    each an artifact for the device
             ├─ inputs/N.npy        arrays that were named; others are drawn from a seed
             └─ expected/N.npy      some elements of each result, computed by the host where the bundle was made

r.json                              the same program, and what calls of each candidate took
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from powerfusion.errors import ArtifactError
from powerfusion.runtime.archive import ArchiveReader, Chunks, open_archive, write_archive
from powerfusion.runtime.artifact import npy_chunks, read_constant
from powerfusion.runtime.manifest import DEVICE_TARGET, Constant, Member
from powerfusion.runtime.schema import parse_object, read
from powerfusion.runtime.signature import DTYPES, Array

SCHEMA = 1
BUNDLE = "bundle.json"
BUNDLE_LIMIT_BYTES = 16 << 20
SAMPLES = 4096
"""How many elements of a result are compared with the host's."""


@dataclass(frozen=True)
class Candidate:
    """A placement of the program.

    Attributes:
        number: Its place by the model.
        predicted_s: What a call takes by the model; None where sizes are open.
        problem: Why there is nothing to measure, if there isn't.
    """

    number: int
    predicted_s: float | None
    problem: str = ""


@dataclass(frozen=True)
class Input:
    """An argument.

    Attributes:
        dtype: As MLIR writes it.
        shape: Sizes.
        seed: What its elements are drawn from; None for zeros.
        is_stored: Whether they are in the bundle instead.
    """

    dtype: str
    shape: tuple[int, ...]
    seed: int | None = None
    is_stored: bool = False


@dataclass(frozen=True)
class Bundle:
    """What `bundle.json` holds.

    Attributes:
        schema: Version of this layout.
        powerfusion: Version of the compiler, for people.
        name: The program's, for people.
        program: Its key: what was measured is of this program, and of this version of the compiler.
        target: What for.
        cache_bytes: What the device's largest cache holds: sets of inputs that take turns are larger together.
        candidates: In the model's order.
        inputs: One per argument.
        expected: What `expected/N.npy` holds; bf16 as uint16.
        members: Every other file of the archive.
    """

    schema: int
    powerfusion: str
    name: str
    program: str
    target: str
    cache_bytes: int
    candidates: tuple[Candidate, ...]
    inputs: tuple[Input, ...]
    expected: tuple[Constant, ...]
    members: dict[str, Member]

    @property
    def there(self) -> Iterator[Candidate]:
        """The candidates that can be measured."""
        return (each for each in self.candidates if not each.problem)

    def problems(self) -> Iterator[str]:
        """What types alone don't say."""
        if not DEVICE_TARGET.fullmatch(self.target):
            yield f"expected 'target' to be cuda:CHIP or rocm:CHIP, got '{self.target}'"
        if self.cache_bytes < 0:
            yield "'cache_bytes' is out of range"
        for kind, each in (("input", self.inputs), ("result", self.expected)):
            for at, one in enumerate(each):
                if one.dtype not in DTYPES or any(size < 0 for size in one.shape):
                    yield f"{kind} {at} is of {one.dtype} and {one.shape}, which is nothing"


@dataclass(frozen=True)
class Measured:
    """What calls of a candidate took.

    Attributes:
        number: Its place by the model.
        predicted_s: What a call takes by the model.
        seconds: What its turns took for one call.
        problem: Why there is nothing, if there isn't.
    """

    number: int
    predicted_s: float | None
    seconds: tuple[float, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Results:
    """What `r.json` holds.

    Attributes:
        schema: Version of this layout.
        program: Key of the program.
        target: What it was compiled for.
        device: What the driver calls what it ran on.
        copy_bytes_per_s: What a copy within the device's memory moves, reads and writes counted.
        candidates: In the model's order.
        spent_s: How long it took.
    """

    schema: int
    program: str
    target: str
    device: str
    copy_bytes_per_s: float
    candidates: tuple[Measured, ...]
    spent_s: float


def write_bundle(path: Path, bundle: Bundle, files: dict[str, Chunks]) -> None:
    """Writes a bundle, whole or not at all.

    Args:
        path: Where.
        bundle: What is in it; `members` is filled in here.
        files: Its other members.

    Raises:
        ArtifactError: It can't be written.
    """
    data = asdict(bundle) | {"members": {name: asdict(_member(chunks)) for name, chunks in files.items()}}
    text = json.dumps(data, indent=1).encode("ascii")
    write_archive(path, {BUNDLE: [text], **files})


def _member(chunks: Chunks) -> Member:
    whole = hashlib.sha256()
    for chunk in chunks:
        whole.update(chunk)
    return Member(sum(map(len, chunks)), whole.hexdigest())


class BundleReader:
    """An open bundle.

    Attributes:
        bundle: What is in it.
    """

    def __init__(self, archive: ArchiveReader) -> None:
        data = parse_object(archive.read(BUNDLE, BUNDLE_LIMIT_BYTES), BUNDLE)
        if data.get("schema") != SCHEMA:
            raise ArtifactError(f"expected a bundle of schema version {SCHEMA}, got {data.get('schema')}")
        self.bundle: Bundle = read(Bundle, data, "")
        for problem in self.bundle.problems():
            raise ArtifactError(f"{BUNDLE}: {problem}")
        self._archive = archive

    def artifact(self, candidate: Candidate) -> bytes:
        """A candidate's artifact."""
        return self._member(artifact_member(candidate.number))

    def inputs(self) -> list[Array]:
        """The arguments of a call."""
        return [self._input(at, each) for at, each in enumerate(self.bundle.inputs)]

    def expected(self) -> list[Array]:
        """Of each result some elements, those of `sampled`."""
        return [self._array("expected", at, each) for at, each in enumerate(self.bundle.expected)]

    def _input(self, at: int, each: Input) -> Array:
        if each.is_stored:
            return self._array("inputs", at, Constant(each.dtype, each.shape))
        return drawn(DTYPES[each.dtype], each.shape, each.seed)

    def _array(self, folder: str, at: int, what: Constant) -> Array:
        name = f"{folder}/{at}.npy"
        return read_constant(self._member(name), what, name)

    def _member(self, name: str) -> bytes:
        if name not in self.bundle.members:
            raise ArtifactError(f"{BUNDLE} doesn't know {name}")
        known = self.bundle.members[name]
        return self._archive.read_checked(name, known.size_bytes, known.sha256)


@contextmanager
def open_bundle(path: Path) -> Iterator[BundleReader]:
    """Opens a bundle.

    Raises:
        ArtifactError: It can't be read, is none, or is damaged.
    """
    with open_archive(path) as archive:
        yield BundleReader(archive)


def artifact_member(number: int) -> str:
    """Where a candidate's artifact is."""
    return f"candidates/{number}.pfx"


def array_members(folder: str, arrays: dict[int, Array]) -> dict[str, Chunks]:
    """Arrays as files of a folder, by number."""
    return {f"{folder}/{at}.npy": npy_chunks(array) for at, array in arrays.items()}


def drawn(dtype: np.dtype[Any], shape: Sequence[int], seed: int | None) -> Array:
    """Floats of the normal distribution, the same for the same seed; zeros where there is none."""
    if seed is None:
        return np.zeros(shape, dtype)
    return np.asarray(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)).astype(dtype)


def sampled(array: Array) -> Array:
    """Some elements of an array, the first and the last among them."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat[np.linspace(0, max(flat.size - 1, 0), min(flat.size, SAMPLES)).astype(np.int64)]


def read_results(path: Path) -> Results:
    """Reads what came back.

    Raises:
        ArtifactError: It can't be read, or isn't that.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} can't be read: {error.strerror}") from error
    data = parse_object(text, str(path))
    if data.get("schema") != SCHEMA:
        raise ArtifactError(f"expected results of schema version {SCHEMA}, got {data.get('schema')}")
    return read(Results, data, "")
