"""An artifact's manifest: what the program takes and gives, what it needs, and the hash of every other member."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from powerfusion.errors import ArtifactError
from powerfusion.runtime import processor
from powerfusion.runtime.schema import parse_object, read
from powerfusion.runtime.shared_library import OPENMP
from powerfusion.runtime.signature import DTYPES, Array, ArraySpec, Signature

SCHEMA = 2
MANIFEST = "manifest.json"
HOST_CODE = "code/host.so"
TARGETS = ("cpu",)
LARGEST_SIZE = 2**63 - 1
LARGEST_RANK = 64


@dataclass(frozen=True)
class Host:
    """The machine that code was compiled for.

    Attributes:
        system: As Python names it: linux.
        machine: The architecture: x86_64, aarch64.
        features: What its processor must be able to do, as /proc/cpuinfo names it.
    """

    system: str
    machine: str
    features: tuple[str, ...]

    @classmethod
    def this(cls) -> Host:
        """The machine that this runs on."""
        return cls(sys.platform, processor.machine(), processor.features())

    def check(self) -> None:
        """Refuses a program that this machine can't run.

        Raises:
            ArtifactError: System, architecture or processor don't do.
        """
        here = Host.this()
        if (self.system, self.machine) != (here.system, here.machine):
            raise ArtifactError(
                f"the artifact is for {self.system} on {self.machine}, this is {here.system} on {here.machine}",
                help="compile the program on this machine",
            )
        missing = sorted(set(self.features) - set(here.features))
        if missing:
            raise ArtifactError(
                f"the artifact needs a processor with {', '.join(missing)}, which this one hasn't",
                help="compile the program on this machine",
            )


@dataclass(frozen=True)
class Constant:
    """A constant of the program; `constants/N.npy` holds its elements, bf16 as uint16, 8-bit floats as uint8."""

    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, array: Array) -> Constant:
        """What describes an array."""
        name = next((name for name, dtype in DTYPES.items() if dtype == array.dtype), None)
        if name is None:
            raise ArtifactError(f"a constant of type {array.dtype} can't be saved")
        return cls(name, array.shape)


@dataclass(frozen=True)
class Member:
    """A file of the archive."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The whole of `manifest.json`, in its order.

    Attributes:
        schema: Version of this layout.
        powerfusion: Version of the compiler, for people.
        target: What it was compiled for.
        host: What the machine must have.
        needs: Runtimes that the code calls: libomp.
        signature: What callers pass and get.
        assertions: Messages of the program's assertions, in the order of their numbers.
        constants: One per hidden argument.
        members: Every other file of the archive.
        report: The compiler's report as plain data, if it was asked for one.
        digest: SHA-256 of all the rest of the manifest.
    """

    schema: int
    powerfusion: str
    target: str
    host: Host
    needs: tuple[str, ...]
    signature: Signature
    assertions: tuple[str, ...]
    constants: tuple[Constant, ...]
    members: dict[str, Member]
    report: dict[str, Any] | None = None
    digest: str = ""

    def to_bytes(self) -> bytes:
        """The file's contents, sealed by their digest."""
        data = asdict(replace(self, digest=""))
        data["digest"] = digest_of(data)
        return (json.dumps(data, indent=1) + "\n").encode("ascii")

    @classmethod
    def from_bytes(cls, text: bytes) -> Manifest:
        """Reads and checks a manifest.

        Raises:
            ArtifactError: Something in it is missing, unknown, of a wrong type or range, or was changed.
        """
        data = parse_object(text, "the manifest")
        schema = data.get("schema")
        if type(schema) is int and schema != SCHEMA:
            raise ArtifactError(
                f"expected an artifact of schema version {SCHEMA}, got {schema}",
                help="load it with the version that saved it"
                + (f", PowerFusion {data['powerfusion']}" if isinstance(data.get("powerfusion"), str) else ""),
            )
        manifest: Manifest = read(cls, data, "")
        for problem in manifest.problems():
            raise ArtifactError(f"manifest: {problem}")
        if digest_of(data) != manifest.digest:
            raise ArtifactError("the manifest was changed after it was saved: its digest doesn't match")
        return manifest

    def problems(self) -> Iterator[str]:
        """What types alone don't say."""
        if self.target not in TARGETS:
            yield f"expected 'target' to be {' or '.join(TARGETS)}, got '{self.target}'"
        for at, name in enumerate(self.needs):
            if name != OPENMP:
                yield f"expected 'needs[{at}]' to be {OPENMP}, got '{name}'"
        for kind in ("arguments", "results"):
            for at, spec in enumerate(getattr(self.signature, kind)):
                yield from _spec_problems(spec, f"signature.{kind}[{at}]")
        for at, constant in enumerate(self.constants):
            yield from _spec_problems(ArraySpec(constant.dtype, constant.shape), f"constants[{at}]")
        expected = {HOST_CODE, *(constant_member(at) for at in range(len(self.constants)))}
        for name in sorted(expected ^ self.members.keys()):
            yield f"'members' lacks {name}" if name in expected else f"'members' has {name}, which nothing uses"
        for name, member in self.members.items():
            if not 0 <= member.size_bytes <= LARGEST_SIZE:
                yield f"'members.{name}.size_bytes' is out of range"


def _spec_problems(spec: ArraySpec, key: str) -> Iterator[str]:
    if spec.dtype not in DTYPES:
        yield f"expected '{key}.dtype' to be one of {', '.join(DTYPES)}, got '{spec.dtype}'"
    if len(spec.shape) > LARGEST_RANK:
        yield f"expected '{key}.shape' of at most {LARGEST_RANK} sizes, got {len(spec.shape)}"
    if any(size is not None and not 0 <= size <= LARGEST_SIZE for size in spec.shape):
        yield f"'{key}.shape' has a size that is out of range"
    if spec.scalar and spec.shape:
        yield f"'{key}' is a number and has a shape"


def constant_member(position: int) -> str:
    """Where a constant is."""
    return f"constants/{position}.npy"


def digest_of(data: dict[str, Any]) -> str:
    """SHA-256 of a manifest's data without its own digest."""
    rest = {key: value for key, value in data.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()
