"""The compiler's report as an artifact keeps it: plain data, with a plain text of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TOTALS = (
    ("dram_bytes", "bytes at dram"),
    ("least_dram_bytes", "least possible"),
    ("naive_dram_bytes", "as written"),
)


@dataclass(frozen=True)
class SavedReport:
    """What the compiler reported when the program was saved."""

    data: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The report as plain data, as the compiler's own report gives it."""
        return self.data

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        """A line per kernel, then the totals; what depends on open sizes stands as a formula."""
        kernels = self.data.get("kernels")
        for kernel in kernels if isinstance(kernels, list) else []:
            if isinstance(kernel, dict):
                yield f"{kernel.get('name')}: {_count(kernel, 'dram_bytes')} bytes at dram"
        for key, words in TOTALS:
            if key in self.data:
                yield f"{words}: {_count(self.data, key)}"


def _count(data: dict[str, Any], key: str) -> Any:
    return data.get(f"{key}_formula") if data.get(key) is None else data[key]
