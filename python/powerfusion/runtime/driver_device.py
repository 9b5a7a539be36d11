"""A device that a driver runs, for lists of launches: memory, copies, kernels."""

from __future__ import annotations

import ctypes
import re
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


class DriverDevice:
    """A device for one call of a program; what it allocates is freed in the end.

    Args:
        module: The kernels.
    """

    def __init__(self, module: Module) -> None:
        self.module, self.driver = module, module.driver
        self._memories: list[Memory] = []

    def allocate(self, size_bytes: int) -> Memory:
        """Memory that nobody has written to yet."""
        address = ctypes.c_uint64()
        self.driver.call("allocate", ctypes.byref(address), ctypes.c_size_t(max(size_bytes, 1)))
        self._memories.append(Memory(address.value, size_bytes))
        return self._memories[-1]

    def upload(self, array: Array) -> Memory:
        """Memory with an array's elements, row-major."""
        plain = np.ascontiguousarray(array)
        made = self.allocate(plain.nbytes)
        if plain.nbytes:
            source = ctypes.c_void_p(plain.ctypes.data)
            self.driver.call("upload", ctypes.c_uint64(made.address), source, ctypes.c_size_t(plain.nbytes))
        return made

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

    def launch(self, launch: KernelLaunch) -> None:
        """Starts a kernel."""
        values = [_value(argument) for argument in launch.arguments]
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        function = self.module.function(launch.kernel, launch.shared_bytes)
        sizes = (launch.grid, 1, 1, launch.block, 1, 1, launch.shared_bytes)
        self.driver.call("launch", function, *map(ctypes.c_uint, sizes), None, pointers, None)

    def close(self) -> None:
        """Frees all memory of the call."""
        for memory in self._memories:
            self.driver.call("free", ctypes.c_uint64(memory.address))
        self._memories.clear()


def _value(argument: View | tuple[str, Any]) -> Any:
    """What is passed for an argument: a pointer to the first element, or the bytes of a number."""
    if isinstance(argument, View):
        return ctypes.c_uint64(argument.memory.address + argument.offset_bytes)
    dtype, value = argument
    raw = np.asarray(value).astype(DTYPES[dtype]).tobytes()
    return ctypes.create_string_buffer(raw, len(raw))
