"""Machines: what passes ask about the hardware. `find` gives one; `model` says what it holds."""

from powerfusion.machines.model import Cache, Engine, Link, Machine, ScopeLimits, Space
from powerfusion.machines.table import find, names

__all__ = ["Cache", "Engine", "Link", "Machine", "ScopeLimits", "Space", "find", "names"]
