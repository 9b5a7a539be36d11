"""What every Python test shares."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Keeps compiled programs out of the user's cache, and lets Ctrl-C reach the programs under test.

    Tests are about the compiler, not about what it made before; those of the cache choose a folder of their own.
    Nor are they about this machine: what `pf calibrate` measured isn't taken, and registers are as many as AVX-512's.
    Whoever starts the tests in the background of a script has SIGINT ignored, and so would have every program that a
    test starts and interrupts.
    """
    os.environ["PF_CACHE"] = "off"
    os.environ["PF_CALIBRATION"] = "off"
    os.environ["PF_REGISTERS"] = "32x64"
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what passed in a long run that was interrupted; see tools/test."""
    if not (before := os.environ.get("PF_TEST_PASSED")) or not Path(before).is_file():
        return
    passed = set(Path(before).read_text(encoding="utf-8").splitlines())
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in passed])
    items[:] = [item for item in items if item.nodeid not in passed]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes what has passed, so that a long run can go on where it was interrupted."""
    record = os.environ.get("PF_TEST_RECORD")
    if record and "PYTEST_XDIST_WORKER" not in os.environ and report.when == "call" and report.passed:
        with Path(record).open("a", encoding="utf-8") as file:
            file.write(f"{report.nodeid}\n")


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the clone."""
    return Path(__file__).resolve().parents[1]
