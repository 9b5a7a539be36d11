"""What a tuning has measured so far, as a file: whoever is interrupted goes on from there."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from powerfusion import knobs


class TuningWarning(UserWarning):
    """What was measured can't be kept or read; tuning goes on without."""


@dataclass
class State:
    """What was measured of a program.

    Attributes:
        program: The key of what is tuned.
        seed: Of inputs and order.
        candidates: How many placements are asked for.
        spent_s: How long it took so far, compiling included.
        seconds: By candidate, what each of its turns took for one call.
    """

    program: str
    seed: int
    candidates: int
    spent_s: float = 0.0
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return knobs.cache_folder() / "tuning" / f"{self.program}.json"

    def resumed(self) -> State:
        """What was kept of the same tuning; this where nothing was, or of another seed or number of candidates."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return self
        except (OSError, ValueError) as error:
            return self._unread(str(error))
        same = ("program", "seed", "candidates")
        if not _is_whole(data):
            return self._unread("it isn't what a tuning writes")
        return State(**data) if all(data[key] == getattr(self, key) for key in same) else self

    def _unread(self, why: str) -> State:
        warnings.warn(f"{self.path} can't be read: {why}; measuring anew", TuningWarning, stacklevel=3)
        return self

    def keep(self) -> bool:
        """Writes it, whole or not at all; warns why that can't be, and is False then."""
        partial = self.path.with_suffix(".tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(asdict(self)), encoding="utf-8")
            partial.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            reason = error.strerror or str(error)
            warnings.warn(
                f"{self.path} can't be written: {reason[:1].lower()}{reason[1:]}; an interruption would lose what "
                "is measured",
                TuningWarning,
                stacklevel=2,
            )
            return False
        return True

    def forget(self) -> None:
        """Removes it: the tuning has come to its end."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def _is_whole(data: Any) -> bool:
    """Whether read data has what a state has."""
    if not isinstance(data, dict):
        return False
    kinds = {"program": str, "seed": int, "candidates": int, "spent_s": float, "seconds": dict}
    given = cast("Mapping[str, Any]", data)
    if given.keys() != kinds.keys() or not all(isinstance(given[key], kind) for key, kind in kinds.items()):
        return False
    return _is_time(given["spent_s"]) and all(
        isinstance(turns, list) and all(map(_is_time, cast("list[Any]", turns))) for turns in given["seconds"].values()
    )


def _is_time(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and value >= 0
