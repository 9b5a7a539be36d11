"""A program for a device as a function of arrays: what the host does, on a device that is there, or simulated."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from powerfusion.errors import UnsupportedError
from powerfusion.runtime.device_code import DeviceCode
from powerfusion.runtime.driver_device import DriverDevice, Module, driver_of
from powerfusion.runtime.launches import Device, Launches
from powerfusion.runtime.resident import Resident, key_of
from powerfusion.runtime.signature import Array, ArraySpec, Signature, like_inputs

if TYPE_CHECKING:
    from powerfusion.simulate.ptx.device import Traffic

SIMULATED = "sim"


class Kept:
    """A program's memory on a device, for as long as this is there.

    Args:
        key: What calls must have in common to use it.
        program: What has the memory.
    """

    def __init__(self, key: tuple[Any, ...], program: Resident) -> None:
        self.key, self.program = key, program
        self._finalizer = weakref.finalize(self, program.close)
        self._finalizer.atexit = False  # a process that ends gives all back

    def close(self) -> None:
        """Frees it."""
        self._finalizer()


@dataclass
class DeviceFunction:
    """Runs a program on a device.

    Args:
        code: The kernels.
        launches: What the host does.
        signature: What the program takes and gives.
        constants: Arrays that follow the caller's own arguments.
        device: What runs it: `sim` for the simulator of PTX, None for the device itself.

    Attributes:
        traffic: What each launch of the last simulated call asked for in the device's memory, by the kernel's name.
        last_shapes: Shapes of the arguments of the last call.
        seed: For the order in which a simulator runs threads.
    """

    code: DeviceCode
    launches: Launches
    signature: Signature
    constants: Sequence[Array]
    device: str | None
    seed: int = 0
    traffic: list[tuple[str, Traffic]] = field(default_factory=list["tuple[str, Traffic]"])
    last_shapes: tuple[tuple[int, ...], ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)
    _kept: Kept | None = field(default=None, init=False, repr=False, compare=False)

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """Runs the program; one result comes back as it is, several as a tuple, none as None.

        Raises:
            InputError: The arrays don't fit the signature.
            SimulationError: A check of the simulator failed.
            DeviceError: There is no device, it is another one, has too little memory, or failed.
        """
        if out is not None:
            raise UnsupportedError("a device has no way to write results to given arrays yet", help="leave out away")
        inputs = self.signature.check(arrays)
        self.last_shapes = tuple(array.shape for array in inputs)
        if self.device == SIMULATED:
            from powerfusion.simulate.ptx.device import PtxDevice

            simulated = PtxDevice(self.code.assembly, self.seed)
            made = self.run_on(simulated, inputs)
            self.traffic = simulated.traffic
        else:
            with self._lock:
                made = self._on_device(inputs)
        results = like_inputs([np.asarray(array, order="C") for array in made], arrays)
        if not results:
            return None
        return results[0] if len(results) == 1 else tuple(results)

    def run_on(self, device: Device, inputs: Sequence[Array]) -> list[Array]:
        """The results, on a device of the caller's, of arrays that fit the signature."""
        return self.launches.run([*inputs, *self.constants], self._specs, device)

    def resident(self, inputs: Sequence[Array]) -> Resident:
        """The program with memory of its own on the device, where it has run once on arrays that fit the signature."""
        device = DriverDevice(self._module)
        try:
            return Resident(self.launches, self._specs, len(inputs), device, [*inputs, *self.constants])
        except BaseException:
            device.close()
            raise

    def _on_device(self, inputs: Sequence[Array]) -> list[Array]:
        """The results; memory stays for the next call, if that is of the same sizes and numbers."""
        arrays = [*inputs, *self.constants]
        key = key_of(inputs, self.signature.arguments)
        kept, self._kept = self._kept, None
        if kept is not None and kept.key != key:
            kept.close()
            kept = None
        now = kept or Kept(key, self.resident(inputs))
        try:
            made = now.program.first(arrays) if kept is None else now.program.again(arrays)
        except BaseException:
            now.close()
            raise
        if self.launches.repeats:
            self._kept = now
        else:
            now.close()
        return made

    @property
    def _specs(self) -> list[ArraySpec]:
        constant = [ArraySpec("", array.shape) for array in self.constants]
        return [*self.signature.arguments, *constant]

    @cached_property
    def _module(self) -> Module:
        return Module(driver_of(self.code.vendor), self.code)
