"""Buffers that share the bytes of one memory: who writes to one takes away what the others held there.

So a read of what somebody else has written over is a read of what was never written, and is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerfusion.reference.types import Array

if TYPE_CHECKING:
    from powerfusion.reference.memory import Buffer


class Overlay:
    """One memory, and where buffers lie in it."""

    def __init__(self) -> None:
        self._placed: list[tuple[Buffer, int]] = []

    def place(self, buffer: Buffer, offset_bytes: int) -> None:
        """Puts a buffer there."""
        if buffer.overlay is self:
            return
        self._placed = [(other, at) for other, at in self._placed if other.alive]
        self._placed.append((buffer, offset_bytes))
        buffer.overlay = self

    def find(self, offset_bytes: int, like: Array) -> Buffer | None:
        """The buffer that lies there with elements of the same type, as many."""
        for buffer, at in self._placed:
            if at == offset_bytes and buffer.data.dtype == like.dtype and len(buffer.data) == len(like):
                return buffer
        return None

    def written(self, buffer: Buffer, flat: Array) -> None:
        """Elements of a buffer were written: what overlaps with them in others is lost."""
        base = next(at for other, at in self._placed if other is buffer)
        size = buffer.data.dtype.itemsize
        starts = base + np.ravel(flat) * size
        for other, at in self._placed:
            if other is buffer or not other.alive or not len(starts):
                continue
            width = other.data.dtype.itemsize
            first, last = (starts - at) // width, (starts + size - 1 - at) // width
            for step in range(int((last - first).max()) + 1):
                hit = np.minimum(first + step, last)
                other.written[hit[(hit >= 0) & (hit < len(other.written))]] = False
