"""A program for a device as a function of arrays: what the host does, on a device that is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from powerfusion.errors import ToolError, UnsupportedError
from powerfusion.runtime.launches import Launches
from powerfusion.runtime.signature import Array, ArraySpec, Signature, like_inputs

if TYPE_CHECKING:
    from powerfusion.simulate.ptx.device import Traffic

SIMULATED = "sim"


@dataclass
class DeviceFunction:
    """Runs a program on a device.

    Args:
        assembly: The kernels' text.
        launches: What the host does.
        signature: What the program takes and gives.
        constants: Arrays that follow the caller's own arguments.
        device: Which runs it.
        target: What it was compiled for.

    Attributes:
        traffic: What each launch of the last call asked for in the device's memory, by the kernel's name.
        last_shapes: Shapes of the arguments of the last call.
        seed: For the order in which a simulator runs threads.
    """

    assembly: str
    launches: Launches
    signature: Signature
    constants: Sequence[Array]
    device: str | None
    target: str
    seed: int = 0
    traffic: list[tuple[str, Traffic]] = field(default_factory=list["tuple[str, Traffic]"])
    last_shapes: tuple[tuple[int, ...], ...] = ()

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """Runs the program; one result comes back as it is, several as a tuple, none as None.

        Raises:
            InputError: The arrays don't fit the signature.
            SimulationError: A check of the simulator failed.
            ToolError: There is no device.
        """
        if self.device != SIMULATED:
            raise ToolError(
                f"there is no device that runs code for {self.target} here",
                help=f"compile it with device='{SIMULATED}', which runs PTX on the CPU",
            )
        if out is not None:
            raise UnsupportedError("a simulated device has no way to write results to given arrays yet")
        from powerfusion.simulate.ptx.device import PtxDevice

        inputs = self.signature.check(arrays)
        self.last_shapes = tuple(array.shape for array in inputs)
        device = PtxDevice(self.assembly, self.seed)
        given = [*inputs, *self.constants]
        constant = [ArraySpec("", array.shape) for array in self.constants]
        made = self.launches.run(given, [*self.signature.arguments, *constant], device)
        self.traffic = device.traffic
        results = like_inputs([np.asarray(array, order="C") for array in made], arrays)
        if not results:
            return None
        return results[0] if len(results) == 1 else tuple(results)
