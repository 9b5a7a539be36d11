"""Suites of `pf bench`: named lists of cases.

A case is a workload of a size that counts, and how often its tensors cross the memory bus at the least.
"""

from __future__ import annotations

from suites.case import Case
from suites.drawn_shapes import random_shapes, small
from suites.memory_bound import memory_bound
from suites.whole_models import MODELS, models

__all__ = ["MODELS", "SUITES", "Case"]

SUITES = {"memory-bound": memory_bound, "random-shapes": random_shapes, "small": small, MODELS: models}
"""By name: what gives a suite's cases."""
