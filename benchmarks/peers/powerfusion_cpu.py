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
        target: As machine code, `cpu`, or as C by the host's compiler, `c`.
        excess_precision: Whether roundings to 16 bits between the ops of one kernel are left out.
        fp_contract: Whether products are added without being rounded first.
    """

    target: str = "cpu"
    excess_precision: bool = False
    fp_contract: bool = False

    def versions(self) -> dict[str, str]:
        """PowerFusion's."""
        return {"powerfusion": pf.__version__}

    def prepare(self, case: Case) -> Callable[[Sequence[Any]], Callable[[], Any]]:
        """Compiles; calls pass NumPy arrays."""
        executable = pf.compile(case.workload.text(), cache=False, **vars(self))
        return lambda inputs: partial(executable, *inputs)

    def arrays(self, result: Any) -> list[np.ndarray]:
        """As they are."""
        return list(result) if isinstance(result, tuple) else [result]


make = PowerFusion
