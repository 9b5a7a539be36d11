"""PowerFusion: the general pipeline, from linalg."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import powerfusion as pf
from suites.case import Case


@dataclass(frozen=True)
class PowerFusion:
    """Programs compiled for this machine.

    Attributes:
        excess_precision: Whether roundings to 16 bits between the ops of one kernel are left out.
    """

    excess_precision: bool = False

    def versions(self) -> dict[str, str]:
        """PowerFusion's."""
        return {"powerfusion": pf.__version__}

    def prepare(self, case: Case) -> Callable[[Sequence[Any]], Callable[[], Any]]:
        """Compiles; calls pass NumPy arrays."""
        text = case.workload.text()
        executable = pf.compile(text, target="cpu", cache=False, excess_precision=self.excess_precision)
        return lambda inputs: partial(executable, *inputs)

    def arrays(self, result: Any) -> list[np.ndarray]:
        """As they are."""
        return list(result) if isinstance(result, tuple) else [result]


make = PowerFusion
