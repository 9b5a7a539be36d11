"""Every environment variable that PowerFusion reads, in one place.

Each is read when it is asked for, so that a test can set it. `PF_PYTHON` is read by C++ as well:
a C++ host looks for the interpreter before there is one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Knob:
    """An environment variable and what it does."""

    name: str
    help: str

    def text(self) -> str | None:
        """The value, or `None` where it is unset or empty."""
        return os.environ.get(self.name) or None

    def path(self) -> Path | None:
        """The value as a path."""
        text = self.text()
        return Path(text).expanduser() if text else None

    def flag(self) -> bool:
        """Whether it is switched on: anything but unset, empty, 0, no, false, off."""
        return (self.text() or "0").lower() not in {"0", "no", "false", "off"}


PYTHON = Knob("PF_PYTHON", "The interpreter that a C++ host of the passes starts; by default that of the build")
REPRODUCER_DIR = Knob("PF_REPRODUCER_DIR", "Folder for reproducers of failing passes; by default a fresh one in TMPDIR")
TEST_PASSES = Knob("PF_TEST_PASSES", "Registers the passes that only tests use")

KNOBS = (PYTHON, REPRODUCER_DIR, TEST_PASSES)
