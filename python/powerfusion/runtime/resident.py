"""A program's memory on a device, kept for calls of the same sizes and numbers.

The first call is run step by step, and what it launches is written down. Later ones put their inputs where those of the
first were and launch the same again: several kernels as one graph, which costs what starting one does. Steps behind
the last launch, which read flags and look at results, are run each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from powerfusion.runtime.driver_device import DriverDevice, Graph, Memory
from powerfusion.runtime.launches import KernelLaunch, Launches, View, run_step
from powerfusion.runtime.signature import Array, ArraySpec


class Recorder:
    """A device, with what is done there written down.

    Args:
        device: Which.

    Attributes:
        launched: The launches so far.
        written: What was uploaded, and where to.
    """

    def __init__(self, device: DriverDevice) -> None:
        self.device = device
        self.launched: list[KernelLaunch] = []
        self.written: list[tuple[Memory, Array]] = []

    def allocate(self, size_bytes: int) -> Memory:
        """Memory that nobody has written to yet."""
        return self.device.allocate(size_bytes)

    def upload(self, array: Array) -> Memory:
        """Memory with an array's elements."""
        made = self.device.upload(array)
        self.written.append((made, array))
        return made

    def download(self, view: View) -> Array:
        """A view's elements, row-major."""
        return self.device.download(view)

    def launch(self, launch: KernelLaunch) -> None:
        """Starts a kernel."""
        self.device.launch(launch)
        self.launched.append(launch)


class Resident:
    """A program with its memory; what it takes is the device's until it is closed.

    Args:
        launches: What the host does, such that `repeats` holds.
        specs: What its arguments are; constants follow those of the signature.
        changing: How many of them, the first ones, are others in each call.
        device: Where.
        arrays: The arguments of the first call, which is done here.
    """

    def __init__(
        self,
        launches: Launches,
        specs: Sequence[ArraySpec],
        changing: int,
        device: DriverDevice,
        arrays: Sequence[Array],
    ) -> None:
        self.launches, self.specs, self.changing, self.device = launches, specs, changing, device
        self._values = launches.begin(arrays, specs, device)
        self._recorder = Recorder(device)
        for step in launches.steps:
            run_step(step, self._values, self._recorder)
        self._graph: Graph | None = None

    @property
    def launched(self) -> Sequence[KernelLaunch]:
        """What a call launches."""
        return self._recorder.launched

    def first(self, arrays: Sequence[Array]) -> list[Array]:
        """The results of the first call."""
        return self.launches.end(self._values, arrays, self.specs, self.device)

    def again(self, arrays: Sequence[Array]) -> list[Array]:
        """The results of another call.

        Args:
            arrays: Of the same sizes and numbers as those of the first.
        """
        given = list(zip(self.launches.arguments, arrays, self.specs, strict=True))
        for number, array, spec in given[: self.changing]:
            if not spec.scalar:
                self.device.write(self._values[number].memory, array)
        for memory, array in self._recorder.written:
            self.device.write(memory, array)
        self.start()
        for step in self.launches.steps[self.launches.behind :]:
            run_step(step, self._values, self.device)
        return self.launches.end(self._values, arrays, self.specs, self.device)

    def start(self) -> None:
        """Launches what the first call did."""
        if len(self.launched) < 2:
            for launch in self.launched:
                self.device.launch(launch)
            return
        if self._graph is None:
            self._graph = Graph(self.device, self.launched)
        self._graph.start()

    def close(self) -> None:
        """Frees what it takes of the device."""
        graph, self._graph = self._graph, None
        try:
            if graph is not None:
                graph.close()
        finally:
            self.device.close()


def key_of(arrays: Sequence[Any], specs: Sequence[ArraySpec]) -> tuple[Any, ...]:
    """What calls must have in common to launch the same: sizes of arrays, and numbers."""
    return tuple(array.tobytes() if spec.scalar else array.shape for array, spec in zip(arrays, specs, strict=True))
