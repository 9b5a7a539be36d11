"""Artifacts: a compiled program as a file, loaded and run without this compiler and without MLIR.

    m.pfx (zip) ─┬─ manifest.json        what it takes, gives and needs; hashes
                 ├─ code/host.so         exports the program by its C interface, and memory for results
                 ├─ code/cuda-sm_90.ptx  kernels for a device, and .cubin; of AMD's .hsaco
                 └─ constants/N.npy      hidden arguments

Loading checks the archive, then the manifest, then every hash, and only then maps the code. That finds damage and
mistakes; code is code, so load only artifacts whose maker you trust.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from powerfusion.errors import ArtifactError
from powerfusion.runtime.archive import Chunks, open_archive, write_archive
from powerfusion.runtime.c_function import CFunction
from powerfusion.runtime.device_code import DeviceCode, Resources
from powerfusion.runtime.device_function import SIMULATED, DeviceFunction
from powerfusion.runtime.launches import Launches
from powerfusion.runtime.manifest import (
    HOST_CODE,
    MANIFEST,
    SCHEMA,
    Constant,
    DevicePart,
    Host,
    Manifest,
    Member,
    constant_member,
)
from powerfusion.runtime.saved_report import SavedReport
from powerfusion.runtime.shared_library import OPENMP, OPENMP_PREFIX, load_library
from powerfusion.runtime.signature import BITS, DTYPES, Array, Signature

MANIFEST_LIMIT_BYTES = 64 << 20
NPY_HEADER_LIMIT_BYTES = 1 << 12


@dataclass(frozen=True)
class HostContents:
    """A program for the host.

    Attributes:
        code: An ELF shared library.
        constants: Arrays passed behind the callers' own arguments.
        assertions: Messages of the program's assertions.
        report: The compiler's report as plain data.
    """

    code: bytes
    constants: Sequence[Array]
    assertions: Sequence[str]
    report: dict[str, Any] | None = None


@dataclass(frozen=True)
class DeviceContents:
    """A program for a device.

    Attributes:
        code: Its kernels.
        launches: What the host does.
        constants: Arrays passed behind the callers' own arguments.
        report: The compiler's report as plain data.
    """

    code: DeviceCode
    launches: Launches
    constants: Sequence[Array]
    report: dict[str, Any] | None = None


@dataclass(frozen=True)
class Contents:
    """What goes into an artifact.

    Attributes:
        version: Of the compiler.
        signature: What callers pass and get.
        host: The program for the host, if it is for that too.
        devices: The same program for devices.
    """

    version: str
    signature: Signature
    host: HostContents | None = None
    devices: Sequence[DeviceContents] = ()


def save_artifact(path: str | os.PathLike[str], contents: Contents) -> None:
    """Writes an artifact: the same bytes for the same contents, whole or not at all.

    Raises:
        ArtifactError: It can't be written.
    """
    pool = _Pool()
    host = contents.host
    members: dict[str, Chunks] = {HOST_CODE: [host.code]} if host else {}
    hidden = pool.add(host.constants) if host else ()
    devices: list[DevicePart] = []
    for each in contents.devices:
        code = each.code
        if code.vendor == "rocm" and code.binary is None:
            raise ArtifactError(f"kernels for {code.target} weren't assembled", help="install llvm-22 and lld-22")
        part = DevicePart(
            code.target, code.binary is not None, code.resources, each.launches, pool.add(each.constants), each.report
        )
        found = [code.assembly.encode(), code.binary] if code.vendor == "cuda" else [code.binary]
        members |= {name: [text] for name, text in zip(part.members, filter(None, found), strict=True)}
        devices.append(part)
    for position, array in enumerate(pool.arrays):
        members[constant_member(position)] = npy_chunks(array)
    manifest = Manifest(
        schema=SCHEMA,
        powerfusion=contents.version,
        target="cpu" if host else None,
        host=Host.this() if host else None,
        needs=(OPENMP,) if host and OPENMP_PREFIX in host.code else (),
        signature=contents.signature,
        assertions=tuple(host.assertions) if host else (),
        constants=tuple(Constant.of(array) for array in pool.arrays),
        hidden=hidden,
        devices=tuple(devices),
        members={name: _member(chunks) for name, chunks in members.items()},
        report=host.report if host else None,
    )
    write_archive(Path(path), {MANIFEST: [manifest.to_bytes()], **members})


class _Pool:
    """Constants of several programs, each once."""

    def __init__(self) -> None:
        self.arrays: list[Array] = []
        self._places: dict[tuple[str, tuple[int, ...], bytes], int] = {}

    def add(self, arrays: Sequence[Array]) -> tuple[int, ...]:
        """Where some constants are."""
        return tuple(map(self._place, arrays))

    def _place(self, array: Array) -> int:
        key = (str(array.dtype), array.shape, hashlib.sha256(array.tobytes()).digest())
        if key not in self._places:
            self._places[key] = len(self.arrays)
            self.arrays.append(array)
        return self._places[key]


class LoadedProgram:
    """A program of an artifact; call it on arrays, as the executable that was saved.

    Attributes:
        signature: What it takes and gives.
        target: What it was compiled for.
        resources: What each of its kernels takes of a device; empty where that isn't known.
    """

    def __init__(
        self,
        signature: Signature,
        target: str,
        function: CFunction | DeviceFunction,
        report: dict[str, Any] | None,
        resources: Sequence[Resources] = (),
    ) -> None:
        self.signature, self.target, self.resources = signature, target, tuple(resources)
        self._report = report
        self._function = function

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """Runs the program.

        Args:
            arrays: One per argument, NumPy or DLPack, of the dtypes and sizes of the signature.
            out: Where results go; see `Executable`.

        Returns:
            The result, a tuple of several, or None; of the inputs' kind (NumPy, torch, JAX).

        Raises:
            InputError: The arrays don't fit the signature.
            AssertionFailedError: An assertion of the program failed.
            DeviceError: There is no device, it is another one, has too little memory, or failed.
        """
        return self._function(*arrays, out=out)

    @property
    def blas(self) -> str | None:
        """Whose routines it calls for products of matrices; None where it computes all itself, slower."""
        return self._function.blas if isinstance(self._function, CFunction) else None

    @property
    def device_function(self) -> DeviceFunction:
        """What runs it on a device.

        Raises:
            ArtifactError: It is for the host.
        """
        if not isinstance(self._function, DeviceFunction):
            raise ArtifactError(f"the program is for {self.target}, which is no device")
        return self._function

    def report(self) -> SavedReport:
        """What the compiler reported when the program was saved.

        Raises:
            ArtifactError: It was saved without one.
        """
        if self._report is None:
            raise ArtifactError("the artifact was saved without a report")
        return SavedReport(self._report)


def load_artifact(
    path: str | os.PathLike[str], *, target: str | None = None, device: str | None = None
) -> LoadedProgram:
    """Loads an artifact.

    Args:
        path: The file.
        target: For which of its targets; by default for the host if it has code for that, else the first.
        device: `sim` for the simulator of PTX.

    Raises:
        ArtifactError: It can't be read, is damaged, or is for another machine.
        ToolError: A library that it needs isn't there.
    """
    place = Path(path)
    try:
        with open_archive(place) as archive:
            manifest = Manifest.from_bytes(archive.read(MANIFEST, MANIFEST_LIMIT_BYTES))
            chosen = _chosen(manifest, target)
            if device is not None and (device != SIMULATED or not chosen.startswith("cuda:")):
                raise ArtifactError(f"there is no device '{device}' for {chosen}", help=f"'{SIMULATED}' runs PTX")
            if chosen == manifest.target and manifest.host is not None:
                manifest.host.check()
            extra = sorted(archive.sizes.keys() - manifest.members.keys() - {MANIFEST})
            if extra:
                raise ArtifactError(f"the archive has {extra[0]}, which the manifest doesn't know")
            data = {
                name: archive.read_checked(name, member.size_bytes, member.sha256)
                for name, member in manifest.members.items()
            }
        constants = [
            read_constant(data.pop(constant_member(position)), spec, constant_member(position))
            for position, spec in enumerate(manifest.constants)
        ]
        if chosen != manifest.target:
            return _load_for_device(manifest, chosen, data, constants, device)
        code = load_library(data[HOST_CODE], manifest.needs)
    except ArtifactError as error:
        raise ArtifactError(error.message, location=str(place), help=error.help) from error
    hidden = [constants[at] for at in manifest.hidden]
    function = CFunction(code, manifest.signature, manifest.assertions, hidden)
    return LoadedProgram(manifest.signature, chosen, function, manifest.report)


def _chosen(manifest: Manifest, target: str | None) -> str:
    """The target that is loaded."""
    there = [*filter(None, [manifest.target]), *(part.target for part in manifest.devices)]
    if target is not None and target not in there:
        raise ArtifactError(f"the artifact has no code for '{target}'", help=f"it is for {', '.join(there)}")
    return target or there[0]


def _load_for_device(
    manifest: Manifest, target: str, data: dict[str, bytes], constants: Sequence[Array], device: str | None
) -> LoadedProgram:
    part = next(part for part in manifest.devices if part.target == target)
    first, *more = (data[name] for name in part.members)
    if target.startswith("rocm:"):
        code = DeviceCode(target, "", first, part.resources)
    else:
        code = DeviceCode(target, _text(first, part.members[0]), more[0] if more else None, part.resources)
    hidden = [constants[at] for at in part.constants]
    function = DeviceFunction(code, part.launches, manifest.signature, hidden, device)
    return LoadedProgram(manifest.signature, target, function, part.report, part.resources)


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{name} is no PTX: {error}") from error


def _member(chunks: Chunks) -> Member:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return Member(sum(len(chunk) for chunk in chunks), digest.hexdigest())


def npy_chunks(array: Array) -> Chunks:
    """An array as a .npy file: the header, and the elements where they lie."""
    plain = _stored(np.ascontiguousarray(array).reshape(array.shape))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": np.lib.format.dtype_to_descr(plain.dtype), "fortran_order": False, "shape": plain.shape}
    )
    return [header.getvalue(), plain.reshape(-1).view(np.uint8).data]


def _stored(array: Array) -> Array:
    """An array of a type that .npy files know."""
    bits = next((bits for name, bits in BITS.items() if array.dtype == DTYPES[name]), None)
    return array if bits is None else array.view(bits)


def read_constant(data: bytes, spec: Constant, name: str) -> Array:
    """The elements of a .npy file of exactly the type and shape of the manifest, without a copy."""
    dtype = BITS.get(spec.dtype, DTYPES[spec.dtype])
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"expected version 1.0, got {version[0]}.{version[1]}")
        shape, fortran, stored = np.lib.format.read_array_header_1_0(stream, max_header_size=NPY_HEADER_LIMIT_BYTES)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ArtifactError(f"{name} is no .npy file: {error}") from error
    if (shape, fortran, stored) != (spec.shape, False, dtype):
        raise ArtifactError(
            f"expected {name} to hold {dtype} of shape {spec.shape}, got {stored} of shape {shape}"
            + (" in Fortran's order" if fortran else "")
        )
    count = math.prod(spec.shape)
    if len(data) - stream.tell() != count * dtype.itemsize:
        raise ArtifactError(f"expected {name} to hold {count} elements of {dtype}, got {len(data)} bytes in all")
    return np.frombuffer(data, dtype, count, stream.tell()).view(DTYPES[spec.dtype]).reshape(spec.shape)
