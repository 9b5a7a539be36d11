"""What session and workers say to one another: one object of JSON a line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import IO, Any


@dataclass(frozen=True)
class Prepare:
    """Compile a case for some sets of inputs, and check the first one's results.

    Attributes:
        suite: Of the case.
        case: Its name.
        sets: How many sets of inputs take turns.
        wanted: A folder with the right results of the first set, as 0.npy, 1.npy ...
    """

    suite: str
    case: str
    sets: int
    wanted: str


@dataclass(frozen=True)
class Prepared:
    """A case is ready.

    Attributes:
        compile_s: From the source to the end of the first call.
        error: Of the results, in parts of the right ones' magnitude.
        failure: Why it isn't ready, if it isn't.
        products_s: What a call spends in products of a library; of models only.
    """

    compile_s: float = 0
    error: float = 0
    failure: str = ""
    products_s: float = 0


@dataclass(frozen=True)
class Measure:
    """Call the case some times, on the next sets of inputs."""

    calls: int


@dataclass(frozen=True)
class Measured:
    """How long each call took."""

    seconds: list[float]


@dataclass(frozen=True)
class Hello:
    """A worker has started: versions of what it measures."""

    versions: dict[str, str]
    failure: str = ""


MESSAGES: dict[str, type[Any]] = {c.__name__: c for c in (Prepare, Prepared, Measure, Measured, Hello)}


def send(stream: IO[str], message: Any) -> None:
    """Writes a message."""
    stream.write(json.dumps({"is": type(message).__name__, **asdict(message)}) + "\n")
    stream.flush()


def receive(stream: IO[str]) -> Any:
    """Reads a message; None where the other side has gone."""
    line = stream.readline()
    if not line:
        return None
    fields = json.loads(line)
    return MESSAGES[fields.pop("is")](**fields)
