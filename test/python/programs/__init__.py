"""Program texts with their NumPy meaning, by category."""
from __future__ import annotations

from . import elementwise

CATEGORIES = {m.__name__.rsplit(".", 1)[-1]: m for m in (elementwise,)}
