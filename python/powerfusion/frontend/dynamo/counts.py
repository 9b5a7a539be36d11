"""What the backend did: pieces compiled, operators taken and left, and what fell back; counted, printable."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Counts:
    """Since the last reset.

    Attributes:
        graphs: Graphs that PyTorch handed over, forward and backward apart.
        pieces: Parts of them that run compiled.
        taken: Operators in those, by name.
        left: Operators that stayed with ATen, by name and reason.
        fell_back: What was meant to be taken and couldn't be, by reason.
    """

    graphs: int = 0
    pieces: int = 0
    taken: Counter[str] = field(default_factory=Counter[str])
    left: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    fell_back: Counter[str] = field(default_factory=Counter[str])

    def __str__(self) -> str:
        lines = [f"{self.graphs} graphs, {self.pieces} compiled pieces"]
        lines.append(f"  compiled: {self.taken.total()} operators" + _list(self.taken))
        reasons = sorted({why for _, why in self.left})
        for reason in reasons:
            names = Counter({name: count for (name, why), count in self.left.items() if why == reason})
            lines.append(f"  with ATen, {reason}: {names.total()} operators" + _list(names))
        lines += [f"  fell back: {why} ({count} times)" for why, count in sorted(self.fell_back.items())]
        return "\n".join(lines)


def _list(names: Counter[str]) -> str:
    return ": " + ", ".join(f"{name} {count}" for name, count in sorted(names.items())) if names else ""


_counts = Counts()


def current() -> Counts:
    """What is being counted."""
    return _counts


def report() -> Counts:
    """What was done since the last reset; print it."""
    return _counts


def reset() -> None:
    """Starts counting anew."""
    global _counts
    _counts = Counts()
