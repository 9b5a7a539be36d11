"""Whole models of `examples/models`, for inference: what is timed end to end, products and all."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.filling import Array

if TYPE_CHECKING:
    from suites.case import Case

MODELS = "models"
"""The suite's name."""
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LOGITS = 1.0
"""Of the order of what models give: differences are judged in parts of it where a result is small."""


@cache
def known() -> dict[str, Any]:
    """The models by name; needs PyTorch."""
    sys.path.append(str(EXAMPLES))
    from models import MODELS as FOUND  # pyright: ignore[reportMissingImports]

    return FOUND


@dataclass(frozen=True)
class WholeModel:
    """A model as the sessions take workloads.

    Attributes:
        name: A key of the examples' models.
        dtype: Of its weights.
        scale: Added to a result's magnitude when its error is judged.
    """

    name: str
    dtype: str = "f32"
    scale: float = LOGITS

    def inputs(self, seed: int = 0) -> tuple[Array, ...]:
        """Arrays for a call; others for each seed."""
        return tuple(each.numpy() for each in known()[self.name].make_inputs(seed=seed + 1))

    def reference(self, *inputs: Array) -> tuple[Array, ...]:
        """What PyTorch says in f64."""
        import torch

        module = known()[self.name].make().double()
        wide = [each.double() if each.is_floating_point() else each for each in map(torch.from_numpy, inputs)]
        with torch.inference_mode():
            results = module(*wide)
        return tuple(each.numpy() for each in (results if isinstance(results, tuple) else (results,)))

    def weight_bytes(self) -> int:
        """Of all weights but tables, of which a call reads some rows."""
        import torch

        module = known()[self.name].make()
        tables = {each.weight for each in module.modules() if isinstance(each, torch.nn.Embedding)}
        return sum(each.nbytes for each in module.parameters() if each not in tables)


def models() -> list[Case]:
    """Each model with one sequence or image."""
    from suites.case import Case

    made: list[Case] = []
    for name in known():
        workload: Any = WholeModel(name)
        made.append(Case(workload, name, reads=lambda inputs, of=workload: of.weight_bytes() + _bytes(inputs)))
    return made


def _bytes(arrays: tuple[Array, ...]) -> int:
    return sum(np.asarray(each).nbytes for each in arrays)
