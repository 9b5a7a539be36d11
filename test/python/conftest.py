"""What tests of devices share: a stub of their drivers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stub_driver import Stub

from powerfusion.runtime import driver_device


@pytest.fixture(scope="session")
def driver_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stub, compiled; ctypes finds NumPy's memory through it as through a driver."""
    path = tmp_path_factory.mktemp("driver") / "libdriver.so"
    source = Path(__file__).parent / "fixtures/driver.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", str(source), "-o", str(path)], check=True)
    return path


@pytest.fixture
def stub(tmp_path: Path, driver_library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """The stub, as the driver of both vendors."""
    yield Stub(tmp_path / "log", driver_library, monkeypatch)
    driver_device.driver_of.cache_clear()
