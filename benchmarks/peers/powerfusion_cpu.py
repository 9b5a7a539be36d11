"""PowerFusion: the general pipeline, from linalg."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import powerfusion as pf
from suites.case import Case


class PowerFusion:
    """Programs compiled for this machine."""

    def versions(self) -> dict[str, str]:
        """PowerFusion's."""
        return {"powerfusion": pf.__version__}

    def prepare(self, case: Case) -> Callable[[Sequence[Any]], Callable[[], Any]]:
        """Compiles; calls pass NumPy arrays."""
        executable = pf.compile(case.workload.text(), target="cpu", cache=False)
        return lambda inputs: partial(executable, *inputs)

    def arrays(self, result: Any) -> list[np.ndarray]:
        """As they are."""
        return list(result) if isinstance(result, tuple) else [result]


make = PowerFusion
