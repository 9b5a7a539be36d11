"""What every Python test shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Name the project's markers."""
    config.addinivalue_line("markers", "full(area): runs only in the long form, `tools/test --full [AREA]`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what belongs to the long form, or to another area of it."""
    chosen = os.environ.get("PF_TEST_FULL", "")
    for item in items:
        mark = item.get_closest_marker("full")
        if mark is None:
            continue
        area = mark.args[0] if mark.args else ""
        if chosen != "1" and (not area or chosen != area):
            item.add_marker(pytest.mark.skip(reason=f"only in tools/test --full {area}".rstrip()))


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the clone."""
    return ROOT
