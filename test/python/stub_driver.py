"""A driver of CUDA's and HIP's that has no device, and writes down what it is asked for: `fixtures/driver.c`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from powerfusion.runtime import driver_device, drivers


class Stub:
    """The stub, as the driver of both vendors.

    Args:
        log: Where it writes what it is asked for.
        library: The stub, compiled.
        monkeypatch: Of the test.
    """

    def __init__(self, log: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = log
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PF_DRIVER_LOG", str(log))
        apis = {name: replace(api, libraries=[str(library)]) for name, api in drivers.APIS.items()}
        monkeypatch.setattr(driver_device, "APIS", apis)
        monkeypatch.setattr(driver_device, "CUDA", apis["cuda"])
        monkeypatch.setattr(drivers, "CUDA", apis["cuda"])
        driver_device.driver_of.cache_clear()

    def says(self, **settings: Any) -> None:
        """Sets what it has, and what fails: devices, chip, fails."""
        for name, value in settings.items():
            self._monkeypatch.setenv(f"PF_DRIVER_{name.upper()}", str(value))

    def calls(self) -> list[str]:
        """What it was asked for."""
        return self.log.read_text().splitlines() if self.log.exists() else []
