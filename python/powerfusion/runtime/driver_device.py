"""A device that a driver runs, for lists of launches: memory, copies, kernels, graphs of kernels."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

from powerfusion.errors import DeviceError
from powerfusion.runtime.device_code import DeviceCode
from powerfusion.runtime.drivers import APIS, CUDA, MAX_DYNAMIC_SHARED, Driver
from powerfusion.runtime.launches import KernelLaunch, View
from powerfusion.runtime.signature import DTYPES, Array

OF_THIS_THREAD = 1  # of CUstreamCaptureMode: what other threads do meanwhile is theirs
PLAIN_SHARED_BYTES = 48 << 10  # what a launch may ask for without being allowed more
_CHIP = re.compile(r"sm_(\d+)(\d)([af]?)")


@cache
def driver_of(vendor: str) -> Driver:
    """The driver of a vendor's devices, opened once.

    Raises:
        DeviceError: There is none, or no device.
    """
    return Driver(APIS[vendor])


@dataclass(frozen=True)
class Memory:
    """Memory of the device."""

    address: int
    size_bytes: int


class Module:
    """Kernels that a device has loaded.

    Args:
        driver: Of the device.
        code: The kernels.

    Raises:
        DeviceError: They are for another device.
    """

    def __init__(self, driver: Driver, code: DeviceCode) -> None:
        self.driver = driver
        self._image = _image(driver, code)
        self._handle = ctypes.c_void_p()
        driver.call("load", ctypes.byref(self._handle), ctypes.c_char_p(self._image))
        self._functions: dict[str, ctypes.c_void_p] = {}

    def function(self, name: str, shared_bytes: int) -> ctypes.c_void_p:
        """A kernel, allowed as much of a group's memory as it is launched with."""
        if name not in self._functions:
            found = ctypes.c_void_p()
            self.driver.call("function", ctypes.byref(found), self._handle, ctypes.c_char_p(name.encode()))
            if shared_bytes > PLAIN_SHARED_BYTES and self.driver.api is CUDA:
                self.driver.call("allow", found, ctypes.c_int(MAX_DYNAMIC_SHARED), ctypes.c_int(shared_bytes))
            self._functions[name] = found
        return self._functions[name]


def _image(driver: Driver, code: DeviceCode) -> bytes:
    """What is loaded: the binary where it is for this very device, else PTX, which the driver compiles for it."""
    if driver.capability is None:
        if code.binary is None:
            raise DeviceError(f"the kernels for {code.target} weren't assembled", help="install llvm-22 and lld-22")
        return code.binary
    match = _CHIP.fullmatch(code.chip)
    assert match is not None, f"expected a chip of NVIDIA's, got {code.chip}"
    wanted, here = (int(match[1]), int(match[2])), driver.capability
    if (match[3] == "a" and wanted != here) or wanted > here:
        raise DeviceError(
            f"the kernels are for {code.chip}, the device is sm_{here[0]}{here[1]}",
            help=f"compile the program for cuda:sm_{here[0]}{here[1]}",
        )
    if code.binary is not None and wanted[0] == here[0]:
        return code.binary
    return code.assembly.encode() + b"\0"


class DeviceMemory:
    """Memory of a device; what is allocated is freed in the end.

    Args:
        driver: Of the device.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._memories: list[Memory] = []

    @property
    def size_bytes(self) -> int:
        """What has been allocated."""
        return sum(memory.size_bytes for memory in self._memories)

    def allocate(self, size_bytes: int) -> Memory:
        """Memory that nobody has written to yet."""
        address = ctypes.c_uint64()
        self.driver.call("allocate", ctypes.byref(address), ctypes.c_size_t(max(size_bytes, 1)))
        self._memories.append(Memory(address.value, size_bytes))
        return self._memories[-1]

    def upload(self, array: Array) -> Memory:
        """Memory with an array's elements, row-major."""
        made = self.allocate(array.nbytes)
        self.write(made, array)
        return made

    def write(self, memory: Memory, array: Array) -> None:
        """Puts an array's elements where those of one of its size are."""
        plain = np.ascontiguousarray(array)
        if plain.nbytes:
            source = ctypes.c_void_p(plain.ctypes.data)
            self.driver.call("upload", ctypes.c_uint64(memory.address), source, ctypes.c_size_t(plain.nbytes))

    def copy(self, source: Memory, dest: Memory) -> None:
        """Starts a copy within the device's memory, on the stream of graphs."""
        addresses = (ctypes.c_uint64(dest.address), ctypes.c_uint64(source.address))
        self.driver.call("copy", *addresses, ctypes.c_size_t(source.size_bytes), self.driver.stream)

    def close(self) -> None:
        """Frees it."""
        memories, self._memories = self._memories, []
        for memory in memories:
            self.driver.call("free", ctypes.c_uint64(memory.address))


class DriverDevice(DeviceMemory):
    """A device for calls of a program, with its memory.

    Args:
        module: The kernels.
    """

    def __init__(self, module: Module) -> None:
        super().__init__(module.driver)
        self.module = module

    def download(self, view: View) -> Array:
        """A view's elements, row-major, once all launches have ended."""
        self.driver.call("wait")
        dtype = DTYPES[view.dtype]
        if not prod(view.shape):
            return np.empty(view.shape, dtype)
        last = sum((size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True))
        raw = np.empty((last + 1) * dtype.itemsize, np.uint8)
        source = ctypes.c_uint64(view.memory.address + view.offset_bytes)
        self.driver.call("download", ctypes.c_void_p(raw.ctypes.data), source, ctypes.c_size_t(raw.nbytes))
        strides = tuple(stride * dtype.itemsize for stride in view.strides)
        return np.ndarray(view.shape, dtype, raw.data, 0, strides).copy()

    def launch(self, launch: KernelLaunch, stream: ctypes.c_void_p | None = None) -> None:
        """Starts a kernel, or has a stream that is captured take it."""
        values = [_value(argument) for argument in launch.arguments]
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        function = self.module.function(launch.kernel, launch.shared_bytes)
        sizes = (launch.grid, 1, 1, launch.block, 1, 1, launch.shared_bytes)
        self.driver.call("launch", function, *map(ctypes.c_uint, sizes), stream, pointers, None)


class Event:
    """A point in time of the device, on the stream of graphs."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._handle = ctypes.c_void_p()
        driver.call("make_event", ctypes.byref(self._handle), ctypes.c_uint(0))

    def record(self) -> None:
        """Makes it the one when all that was started before has ended."""
        self.driver.call("record", self._handle, self.driver.stream)

    def seconds_until(self, end: Event) -> float:
        """How long it was until another, once both have come."""
        found = ctypes.c_float()
        self.driver.call("elapsed", ctypes.byref(found), self._handle, end._handle)
        return found.value * 1e-3

    def close(self) -> None:
        """Forgets it."""
        self.driver.call("drop_event", self._handle)


class Graph:
    """Launches in order, started at once.

    Args:
        device: Where; their memory is there as long as the graph is.
        launches: Of kernels that have run before, so that nothing of them is still to be loaded.
    """

    def __init__(self, device: DriverDevice, launches: Sequence[KernelLaunch]) -> None:
        self.driver = device.driver
        self._handle = ctypes.c_void_p()
        captured = ctypes.c_void_p()
        self.driver.call("capture", self.driver.stream, ctypes.c_int(OF_THIS_THREAD))
        try:
            for launch in launches:
                device.launch(launch, self.driver.stream)
        finally:
            self.driver.call("captured", self.driver.stream, ctypes.byref(captured))
        self.driver.call("make_graph", ctypes.byref(self._handle), captured, ctypes.c_uint64(0))
        self.driver.call("drop_captured", captured)

    def start(self) -> None:
        """Starts the kernels."""
        self.driver.call("start_graph", self._handle, self.driver.stream)

    def close(self) -> None:
        """Forgets them."""
        self.driver.call("drop_graph", self._handle)


def _value(argument: View | tuple[str, Any]) -> Any:
    """What is passed for an argument: a pointer to the first element, or the bytes of a number."""
    if isinstance(argument, View):
        return ctypes.c_uint64(argument.memory.address + argument.offset_bytes)
    dtype, value = argument
    raw = np.asarray(value).astype(DTYPES[dtype]).tobytes()
    return ctypes.create_string_buffer(raw, len(raw))
