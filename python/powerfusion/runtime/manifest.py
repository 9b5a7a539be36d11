"""An artifact's manifest: what the program takes and gives, what it needs, and the hash of every other member."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from powerfusion.errors import ArtifactError
from powerfusion.runtime import processor
from powerfusion.runtime.device_code import Resources
from powerfusion.runtime.launch_checks import problems as problems_of_launches
from powerfusion.runtime.launches import Launches
from powerfusion.runtime.schema import parse_object, read
from powerfusion.runtime.shared_library import OPENMP
from powerfusion.runtime.signature import DTYPES, Array, ArraySpec, Signature

SCHEMA = 3
MANIFEST = "manifest.json"
HOST_CODE = "code/host.so"
TARGETS = ("cpu",)
DEVICE_TARGET = re.compile(r"cuda:sm_\d+[af]?|rocm:gfx[0-9a-f]+")
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
class DevicePart:
    """The program for a device.

    Attributes:
        target: Which, as cuda:sm_90; its kernels are in `code/cuda-sm_90.ptx`, of AMD's in `code/rocm-gfx942.hsaco`.
        is_assembled: Whether `code/cuda-sm_90.cubin` holds them as well.
        resources: What each kernel takes of the device, where they were assembled.
        launches: What the host does.
        constants: Which of the constants are passed behind the callers' own arguments.
        report: The compiler's report as plain data, if it was asked for one.
    """

    target: str
    is_assembled: bool
    resources: tuple[Resources, ...]
    launches: Launches
    constants: tuple[int, ...]
    report: dict[str, Any] | None = None

    @property
    def members(self) -> tuple[str, ...]:
        """The members with its code."""
        place = f"code/{self.target.replace(':', '-')}"
        if self.target.startswith("rocm"):
            return (f"{place}.hsaco",)
        return (f"{place}.ptx", f"{place}.cubin") if self.is_assembled else (f"{place}.ptx",)


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
        target: What its code for the host was compiled for: cpu; None where it has none.
        host: What the machine must have for that; None where it has none.
        needs: Runtimes that it calls: libomp.
        signature: What callers pass and get.
        assertions: Messages of the program's assertions, in the order of their numbers.
        constants: Those of all code.
        hidden: Which of them the host's code takes behind the callers' own arguments.
        devices: The program for devices.
        members: Every other file of the archive.
        report: The compiler's report as plain data, if it was asked for one.
        digest: SHA-256 of all the rest of the manifest.
    """

    schema: int
    powerfusion: str
    target: str | None
    host: Host | None
    needs: tuple[str, ...]
    signature: Signature
    assertions: tuple[str, ...]
    constants: tuple[Constant, ...]
    hidden: tuple[int, ...]
    devices: tuple[DevicePart, ...]
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
        if self.target is not None and self.target not in TARGETS:
            yield f"expected 'target' to be {' or '.join(TARGETS)}, got '{self.target}'"
        if (self.target is None) != (self.host is None):
            yield "expected 'target' and 'host' both or neither"
        if self.target is None and not self.devices:
            yield "there is neither code for a host nor for a device"
        yield from self._device_problems()
        for at, name in enumerate(self.needs):
            if name != OPENMP:
                yield f"expected 'needs[{at}]' to be {OPENMP}, got '{name}'"
        for kind in ("arguments", "results"):
            for at, spec in enumerate(getattr(self.signature, kind)):
                yield from _spec_problems(spec, f"signature.{kind}[{at}]")
        for at, constant in enumerate(self.constants):
            yield from _spec_problems(ArraySpec(constant.dtype, constant.shape), f"constants[{at}]")
        for at in self.hidden:
            if not 0 <= at < len(self.constants):
                yield f"'hidden' names constant {at}, which isn't there"
        code = [HOST_CODE] if self.target is not None else []
        expected = {
            *code,
            *(name for device in self.devices for name in device.members),
            *(constant_member(at) for at in range(len(self.constants))),
        }
        for name in sorted(expected ^ self.members.keys()):
            yield f"'members' lacks {name}" if name in expected else f"'members' has {name}, which nothing uses"
        for name, member in self.members.items():
            if not 0 <= member.size_bytes <= LARGEST_SIZE:
                yield f"'members.{name}.size_bytes' is out of range"

    def _device_problems(self) -> Iterator[str]:
        targets = [device.target for device in self.devices]
        for at, device in enumerate(self.devices):
            key = f"devices[{at}]"
            if not DEVICE_TARGET.fullmatch(device.target) or targets.index(device.target) != at:
                yield f"expected '{key}.target' to be cuda:CHIP or rocm:CHIP, each once, got '{device.target}'"
            for number in device.constants:
                if not 0 <= number < len(self.constants):
                    yield f"'{key}.constants' names constant {number}, which isn't there"
            if len(device.launches.arguments) != len(self.signature.arguments) + len(device.constants):
                yield f"'{key}.launches' takes {len(device.launches.arguments)} arguments"
            if len(device.launches.results) != len(self.signature.results):
                yield f"'{key}.launches' gives {len(device.launches.results)} results"
            yield from (f"'{key}.launches' {problem}" for problem in problems_of_launches(device.launches))


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
