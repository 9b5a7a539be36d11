"""What tests of models need: the packages of `tools/bootstrap --with models`, without which they are skipped."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

WHY = "tools/bootstrap --with models installs it"


def need(*modules: str) -> list[Any]:
    """The packages' modules; skips the whole file where one isn't installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # What they say of one another while they are imported.
        return [pytest.importorskip(module, reason=f"{module} isn't there: {WHY}") for module in modules]
