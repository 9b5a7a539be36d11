"""What a vendor's driver calls things: CUDA's and HIP's, which agree in all but names, through ctypes.

Nothing of theirs is linked: a library is opened when a program is to run, and an error says so where there is none.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from powerfusion.errors import DeviceError

NO_DEVICE = (100, 101)  # none, or none of that number
OUT_OF_MEMORY = (2,)
NO_BINARY = (209, 218, 222)  # nothing for this device, PTX that isn't understood, PTX that is too new


@dataclass(frozen=True)
class Api:
    """The names of a driver.

    Attributes:
        title: What people call it.
        libraries: Its files, the first that is there.
        functions: Ours to theirs.
        help: Where it comes from.
    """

    title: str
    libraries: Sequence[str]
    functions: Mapping[str, str]
    help: str


CUDA = Api(
    "CUDA",
    ("libcuda.so.1",),
    {
        "init": "cuInit",
        "count": "cuDeviceGetCount",
        "load": "cuModuleLoadData",
        "function": "cuModuleGetFunction",
        "allow": "cuFuncSetAttribute",
        "allocate": "cuMemAlloc_v2",
        "free": "cuMemFree_v2",
        "upload": "cuMemcpyHtoD_v2",
        "download": "cuMemcpyDtoH_v2",
        "launch": "cuLaunchKernel",
        "wait": "cuCtxSynchronize",
        "copy": "cuMemcpyDtoDAsync_v2",
        "name": "cuDeviceGetName",
        "make_stream": "cuStreamCreate",
        "capture": "cuStreamBeginCapture_v2",
        "captured": "cuStreamEndCapture",
        "make_graph": "cuGraphInstantiateWithFlags",
        "drop_captured": "cuGraphDestroy",
        "drop_graph": "cuGraphExecDestroy",
        "start_graph": "cuGraphLaunch",
        "make_event": "cuEventCreate",
        "drop_event": "cuEventDestroy_v2",
        "record": "cuEventRecord",
        "elapsed": "cuEventElapsedTime",
    },
    "NVIDIA's driver brings it",
)
HIP = Api(
    "HIP",
    ("libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5", "libamdhip64.so"),
    {
        "init": "hipInit",
        "count": "hipGetDeviceCount",
        "load": "hipModuleLoadData",
        "function": "hipModuleGetFunction",
        "allow": "hipFuncSetAttribute",
        "allocate": "hipMalloc",
        "free": "hipFree",
        "upload": "hipMemcpyHtoD",
        "download": "hipMemcpyDtoH",
        "launch": "hipModuleLaunchKernel",
        "wait": "hipDeviceSynchronize",
        "copy": "hipMemcpyDtoDAsync",
        "name": "hipDeviceGetName",
        "make_stream": "hipStreamCreateWithFlags",
        "capture": "hipStreamBeginCapture",
        "captured": "hipStreamEndCapture",
        "make_graph": "hipGraphInstantiateWithFlags",
        "drop_captured": "hipGraphDestroy",
        "drop_graph": "hipGraphExecDestroy",
        "start_graph": "hipGraphLaunch",
        "make_event": "hipEventCreateWithFlags",
        "drop_event": "hipEventDestroy",
        "record": "hipEventRecord",
        "elapsed": "hipEventElapsedTime",
    },
    "ROCm's runtime brings it",
)
APIS = {"cuda": CUDA, "rocm": HIP}
MAX_DYNAMIC_SHARED = 8  # of CUfunction_attribute
COMPUTE_CAPABILITY = (75, 76)  # major and minor, of CUdevice_attribute
_NAME_BYTES = 256


class Driver:
    """A driver that was opened, with its first device made current.

    Args:
        api: Whose.

    Attributes:
        capability: Of the device, where the driver says: major and minor.

    Raises:
        DeviceError: There is no driver, or no device.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self._library = _opened(api)
        self.capability: tuple[int, int] | None = None
        self.call("init", ctypes.c_uint(0))
        count = ctypes.c_int()
        self.call("count", ctypes.byref(count))
        if count.value == 0:
            raise DeviceError(f"{api.title} finds no device here")
        if api is CUDA:
            self._take_first()
        else:
            self.check(self._library.hipSetDevice(ctypes.c_int(0)), "hipSetDevice")

    def _take_first(self) -> None:
        """Makes the primary context of CUDA's first device current, which others in this process share."""
        device, context, number = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_int()
        library = self._library
        self.check(library.cuDeviceGet(ctypes.byref(device), ctypes.c_int(0)), "cuDeviceGet")
        found: list[int] = []
        for attribute in COMPUTE_CAPABILITY:
            status = library.cuDeviceGetAttribute(ctypes.byref(number), ctypes.c_int(attribute), device)
            self.check(status, "cuDeviceGetAttribute")
            found.append(number.value)
        self.capability = (found[0], found[1])
        self.check(library.cuDevicePrimaryCtxRetain(ctypes.byref(context), device), "cuDevicePrimaryCtxRetain")
        self.check(library.cuCtxSetCurrent(context), "cuCtxSetCurrent")

    @cached_property
    def stream(self) -> ctypes.c_void_p:
        """What graphs are made and started on; it waits for copies, and copies for it."""
        made = ctypes.c_void_p()
        self.call("make_stream", ctypes.byref(made), ctypes.c_uint(0))
        return made

    @cached_property
    def device_name(self) -> str:
        """What the driver calls its device."""
        name = ctypes.create_string_buffer(_NAME_BYTES)
        self.call("name", name, ctypes.c_int(_NAME_BYTES), ctypes.c_int(0))
        return name.value.decode(errors="replace")

    def call(self, name: str, *arguments: Any) -> None:
        """Calls a function.

        Raises:
            DeviceError: It failed.
        """
        full = self.api.functions[name]
        self.check(getattr(self._library, full)(*arguments), full)

    def check(self, status: int, name: str) -> None:
        """Makes sure that a call went well."""
        if status == 0:
            return
        what = f"{name}: {self._said(status)} (error {status})"
        if status in NO_DEVICE:
            raise DeviceError(f"{self.api.title} finds no device here", help=what)
        if status in OUT_OF_MEMORY:
            raise DeviceError("the device has too little memory", help=what)
        if status in NO_BINARY:
            raise DeviceError("the kernels are for another device", help=f"compile the program for this one; {what}")
        raise DeviceError(f"the device failed: {what}")

    def _said(self, status: int) -> str:
        if self.api is CUDA:
            text = ctypes.c_char_p()
            self._library.cuGetErrorString(ctypes.c_int(status), ctypes.byref(text))
            return (text.value or b"unknown").decode()
        self._library.hipGetErrorString.restype = ctypes.c_char_p
        return (self._library.hipGetErrorString(ctypes.c_int(status)) or b"unknown").decode()


def _opened(api: Api) -> ctypes.CDLL:
    for name in api.libraries:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise DeviceError(f"there is no driver of {api.title} here: {' or '.join(api.libraries)}", help=api.help)
