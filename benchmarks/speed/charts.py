"""Charts of a run that was saved as JSON: how much faster than the best peer, and what part of the roofline.

Usage: PYTHON -m speed.charts FILE FOLDER, with `benchmarks` on the path and matplotlib in the environment.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl  # pyright: ignore[reportMissingImports]
from matplotlib import pyplot  # pyright: ignore[reportMissingImports]

from speed.session import Row
from speed.table import OURS, best_peer, from_json, gain

OURS_COLOUR, PEER_COLOUR, SLOWER_COLOUR = "#1f6f8b", "#b8c4c9", "#c0504d"


def draw(file: Path, folder: Path) -> list[Path]:
    """Writes the charts of a run beside each other, named after its file."""
    mpl.use("Agg")
    rows, ceilings = from_json(json.loads(file.read_text(encoding="utf-8")))
    folder.mkdir(parents=True, exist_ok=True)
    known = [row for row in rows if gain(row) is not None]
    found = [folder / f"{file.stem}-{name}.png" for name in ("speed-up", "roofline")]
    _speed_up(sorted(known, key=lambda row: gain(row) or 0), found[0])
    _roofline(known, [row.roof(ceilings) for row in known], found[1])
    return found


def _axes(count: int, title: str) -> tuple[Any, Any]:
    figure, axes = pyplot.subplots(figsize=(8, 1 + 0.24 * count), layout="constrained")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _speed_up(rows: Sequence[Row], path: Path) -> None:
    figure, axes = _axes(len(rows), "PowerFusion over the best peer of each case")
    gains = [gain(row) or 0 for row in rows]
    axes.barh([row.case for row in rows], gains, color=[OURS_COLOUR if g >= 1 else SLOWER_COLOUR for g in gains])
    axes.axvline(1, color="black", linewidth=1)
    for at, (row, value) in enumerate(zip(rows, gains, strict=True)):
        best = best_peer(row)
        axes.text(value, at, f" {value:.2f}  {best[0] if best else ''}", va="center", fontsize=7)
    axes.set_xlabel("times as fast")
    axes.margins(x=0.2, y=0.01)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _roofline(rows: Sequence[Row], roofs: Sequence[float], path: Path) -> None:
    figure, axes = _axes(len(rows), "Share of the machine's ceiling")
    for at, (row, roof) in enumerate(zip(rows, roofs, strict=True)):
        best = best_peer(row)
        axes.barh(at + 0.2, roof / row.timings[OURS].median, 0.4, color=OURS_COLOUR)
        axes.barh(at - 0.2, roof / best[1] if best else 0, 0.4, color=PEER_COLOUR)
    axes.set_yticks(range(len(rows)), [row.case for row in rows])
    axes.axvline(1, color="black", linewidth=1)
    axes.legend(handles=axes.patches[:2], labels=[OURS, "best peer"], loc="upper left", bbox_to_anchor=(1, 1))
    axes.margins(y=0.01)
    figure.savefig(path, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    for made in draw(Path(sys.argv[1]), Path(sys.argv[2])):
        print(made)
