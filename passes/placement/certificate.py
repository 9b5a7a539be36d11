"""What an exact answer rests on, written down such that somebody else can see that it holds.

    component        kernels that stand together
      claimed        the groups of the answer, in an order in which they can run
      placed         groups that the search looked at: what each costs, and the nest and steps that cost it
      kept           kernels alone that were looked at and stay as they are: what each costs
      refused        groups that were looked at and can't be one: why
      promised       all other connected groups that nothing stands between: what each costs at least

The least way through the placed, kept and promised groups, of which the last cost what they must at least, costs
what is claimed; so no partition costs less. `check_certificate` replays that. A seal over all of it shows that nothing
was altered by accident; what the program alone shows is recounted, whatever the seal says.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, cast

from powerfusion.errors import CertificateError
from powerfusion.machines.model import Machine
from powerfusion.machines.schema import to_toml
from powerfusion.passes.placement.model import Cost, NestDim, Program, Step
from powerfusion.passes.placement.records import decode, encode, parse

FORMAT = "powerfusion placement certificate 1"


@dataclass(frozen=True)
class Placed:
    """A group that can be one kernel: the nest and the steps that cost least, as far as was looked."""

    nodes: tuple[int, ...]
    cost: Cost
    nest: tuple[NestDim, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Kept:
    """A kernel alone that stays as it is."""

    nodes: tuple[int, ...]
    cost: Cost


@dataclass(frozen=True)
class Refused:
    """A group that can't be one kernel, and why."""

    nodes: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Promised:
    """A group that wasn't looked at: what it costs at least."""

    nodes: tuple[int, ...]
    bound: Cost


@dataclass(frozen=True)
class Component:
    """Kernels that stand together, every group of them, and the groups that were taken."""

    nodes: tuple[int, ...]
    cost: Cost
    claimed: tuple[tuple[int, ...], ...]
    placed: tuple[Placed, ...]
    kept: tuple[Kept, ...]
    refused: tuple[Refused, ...]
    promised: tuple[Promised, ...]


@dataclass(frozen=True)
class Certificate:
    """Why a partition of the kernels of a block is the cheapest.

    Attributes:
        objective: What is small.
        machine: On which machine, by name.
        machine_digest: Of all its figures.
        program: What was read, all of it.
        components: By component, its groups.
        seal: Of all the rest; see `sealed`.
    """

    objective: str
    machine: str
    machine_digest: str
    program: Program
    components: tuple[Component, ...]
    seal: str = ""


@dataclass(frozen=True)
class CertifiedBlock:
    """A block of a function with its certificate; None where its answer isn't exact."""

    function: str
    block: int
    certificate: Certificate | None


@dataclass(frozen=True)
class Certificates:
    """What a file has: the blocks of a module that were placed."""

    blocks: tuple[CertifiedBlock, ...]
    format: str = FORMAT

    def to_json(self) -> str:
        """As text, which `from_json` reads back equal."""
        return json.dumps(encode(self), separators=(",", ":"), sort_keys=True) + "\n"

    @staticmethod
    def from_json(text: str) -> Certificates:
        """Certificates that were written: every record is whole and of the right types; nothing else is believed yet.

        Raises:
            CertificateError: It isn't that.
        """
        found = parse(text, "the file")
        if not isinstance(found, dict) or cast("dict[str, Any]", found).get("format") != FORMAT:
            raise CertificateError(f"expected a file of the format '{FORMAT}'")
        return decode(Certificates, found, "file")


def digest_of(machine: Machine) -> str:
    """Of all figures of a machine."""
    return hashlib.sha256(to_toml(machine).encode()).hexdigest()


def sealed(certificate: Certificate) -> Certificate:
    """A certificate with the seal that it must have."""
    return replace(certificate, seal=seal_of(certificate))


def seal_of(certificate: Certificate) -> str:
    """The seal that a certificate must have."""
    rest = {key: value for key, value in encode(certificate).items() if key != "seal"}
    return hashlib.sha256(json.dumps(rest, separators=(",", ":"), sort_keys=True).encode()).hexdigest()
