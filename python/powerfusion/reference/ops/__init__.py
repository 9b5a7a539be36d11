"""The meaning of every op, one function each; importing this fills the registry."""

from powerfusion.reference.ops import arith, combining, host, loops, math, memory, movement, structure, views

__all__ = ["arith", "combining", "host", "loops", "math", "memory", "movement", "structure", "views"]
