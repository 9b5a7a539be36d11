"""A group's buffers at sram while a placed kernel runs: of a whole value, the window that is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from powerfusion.errors import OutOfBounds, Race, UninitialisedRead, UnsupportedError
from powerfusion.reference.types import Array
from powerfusion.reference.values import Tile

NOBODY = -1


class ChipBuffer:
    """A window of a value, row-major in a buffer of its own.

    Attributes:
        key: Where in the loops it was filled.
        window: Per dimension, the indices that it holds.
    """

    def __init__(self, value: Tile, key: tuple[int, ...], window: Sequence[Array]) -> None:
        assert value.addresses is not None, "a value at sram has addresses"
        self.key = key
        self.window = list(window)
        size = value.data.size
        self.base = int(value.addresses.min()) if size else 0
        self.itemsize = value.data.dtype.itemsize
        held = np.arange(size).reshape(value.shape)[np.ix_(*window)].ravel()
        self.count = len(held)
        self.local = np.full(size, NOBODY)
        self.local[held] = np.arange(len(held))
        self.data = np.zeros(size, value.data.dtype)
        self.present = np.zeros(size, np.bool_)
        self.writer = np.full(size, NOBODY)
        self.time = np.full(size, NOBODY)

    @property
    def size_bytes(self) -> int:
        """How much room it takes."""
        return self.count * self.itemsize

    def has(self, addresses: Array) -> bool:
        """Whether all these addresses are of the value that it holds a window of."""
        end = self.base + len(self.data) * self.itemsize
        return bool(((addresses >= self.base) & (addresses < end)).all())

    def read(self, addresses: Array, unit: int, time: int) -> tuple[Array, Array]:
        """Elements by their addresses in the whole value, and their addresses in the buffer.

        Args:
            addresses: The addresses.
            unit: Who reads.
            time: Counts the stages of passes, between which the units of a group meet.

        Raises:
            OutOfBounds: The window hasn't one of them.
            UninitialisedRead: Nothing has written it.
            Race: Another unit has, in this stage of the pass.
        """
        flat = (addresses - self.base) // self.itemsize
        self._check_held(flat, "reads")
        if not self.present[flat].all():
            element = int(flat.ravel()[np.argmin(self.present[flat])])
            raise UninitialisedRead(f"reads element {element} of a value at sram before anything has written it")
        clash = self._by_another(flat, unit, time)
        if clash.any():
            element = int(flat.ravel()[np.argmax(clash)])
            raise Race(f"reads element {element} of a value at sram, which another unit writes in the same pass")
        return self.data[flat], self.local[flat] * self.itemsize

    def write(self, flat: Array, data: Array, unit: int, time: int) -> Array:
        """Writes elements at their positions in the whole value; gives their addresses in the buffer.

        Raises:
            OutOfBounds: The window hasn't one of them.
            Race: Another unit wrote something else there in this stage of the pass.
        """
        self._check_held(flat, "writes")
        clash = self._by_another(flat, unit, time) & (self.data[flat] != data)
        if clash.any():
            raise Race(f"two units store to element {int(flat[np.argmax(clash)])} of a value at sram")
        self.data[flat], self.present[flat], self.writer[flat], self.time[flat] = data, True, unit, time
        return self.local[flat] * self.itemsize

    def _by_another(self, flat: Array, unit: int, time: int) -> Array:
        return (self.writer[flat] != NOBODY) & (self.writer[flat] != unit) & (self.time[flat] == time)

    def _check_held(self, flat: Array, verb: str) -> None:
        outside = self.local[flat] == NOBODY
        if outside.any():
            element = int(flat.ravel()[np.argmax(outside)])
            raise OutOfBounds(f"{verb} element {element} of a value at sram of which the group holds another window")


def buffer_of(buffers: Sequence[ChipBuffer], value: Tile) -> ChipBuffer:
    """The buffer that a value at sram is a view of.

    Raises:
        UninitialisedRead: There is none yet.
        UnsupportedError: It is a view of several.
    """
    assert value.addresses is not None, "a value at sram has addresses"
    for buffer in buffers:
        if buffer.has(value.addresses):
            return buffer
    if len(buffers) > 1:
        raise UnsupportedError("a view of several values at sram")
    raise UninitialisedRead("reads a value at sram before anything was moved there")
