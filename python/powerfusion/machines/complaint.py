"""What checks of machines say."""

from __future__ import annotations

from dataclasses import dataclass

from powerfusion.machines.positions import Path


@dataclass(frozen=True)
class Complaint:
    """Something that is wrong, and where."""

    path: Path
    message: str
