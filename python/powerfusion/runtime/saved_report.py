"""The compiler's report as an artifact keeps it: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from powerfusion.report import plain_text


@dataclass(frozen=True)
class SavedReport:
    """What the compiler reported when the program was saved."""

    data: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The report as plain data, as the compiler's own report gives it."""
        return self.data

    def __str__(self) -> str:
        return plain_text(self.data)
