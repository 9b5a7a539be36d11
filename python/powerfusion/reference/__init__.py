"""The reference interpreter: what a GIR program means, executed with NumPy.

One function per op says what it means (`reference.ops`); the rest executes both forms, rejects programs that have no
meaning, and counts the bytes that move. It shares nothing with the passes or the ledger but instructions' numbers.
"""

from powerfusion.reference.interpret import Run, interpret
from powerfusion.reference.spaces import Counted

__all__ = ["Counted", "Run", "interpret"]
