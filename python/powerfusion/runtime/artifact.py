"""Artifacts: a compiled program as a file, loaded and run without this compiler and without MLIR.

    m.pfx (zip) ─┬─ manifest.json        what it takes, gives and needs; hashes
                 ├─ code/host.so         exports the program by its C interface, and memory for results
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
from powerfusion.runtime.manifest import (
    HOST_CODE,
    MANIFEST,
    SCHEMA,
    Constant,
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
class Contents:
    """What goes into an artifact.

    Attributes:
        version: Of the compiler.
        target: What it was compiled for.
        signature: What callers pass and get.
        code: An ELF shared library.
        constants: Arrays passed behind the callers' own arguments.
        assertions: Messages of the program's assertions.
        report: The compiler's report as plain data.
    """

    version: str
    target: str
    signature: Signature
    code: bytes
    constants: Sequence[Array]
    assertions: Sequence[str]
    report: dict[str, Any] | None = None


def save_artifact(path: str | os.PathLike[str], contents: Contents) -> None:
    """Writes an artifact: the same bytes for the same contents, whole or not at all.

    Raises:
        ArtifactError: It can't be written.
    """
    members: dict[str, Chunks] = {HOST_CODE: [contents.code]}
    for position, array in enumerate(contents.constants):
        members[constant_member(position)] = npy_chunks(array)
    manifest = Manifest(
        schema=SCHEMA,
        powerfusion=contents.version,
        target=contents.target,
        host=Host.this(),
        needs=(OPENMP,) if OPENMP_PREFIX in contents.code else (),
        signature=contents.signature,
        assertions=tuple(contents.assertions),
        constants=tuple(Constant.of(array) for array in contents.constants),
        members={name: _member(chunks) for name, chunks in members.items()},
        report=contents.report,
    )
    write_archive(Path(path), {MANIFEST: [manifest.to_bytes()], **members})


class LoadedProgram:
    """A program of an artifact; call it on arrays, as the executable that was saved.

    Attributes:
        signature: What it takes and gives.
        target: What it was compiled for.
    """

    def __init__(self, manifest: Manifest, function: CFunction) -> None:
        self.signature = manifest.signature
        self.target = manifest.target
        self._report = manifest.report
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
        """
        return self._function(*arrays, out=out)

    def report(self) -> SavedReport:
        """What the compiler reported when the program was saved.

        Raises:
            ArtifactError: It was saved without one.
        """
        if self._report is None:
            raise ArtifactError("the artifact was saved without a report")
        return SavedReport(self._report)


def load_artifact(path: str | os.PathLike[str]) -> LoadedProgram:
    """Loads an artifact.

    Raises:
        ArtifactError: It can't be read, is damaged, or is for another machine.
        ToolError: A library that it needs isn't there.
    """
    place = Path(path)
    try:
        with open_archive(place) as archive:
            manifest = Manifest.from_bytes(archive.read(MANIFEST, MANIFEST_LIMIT_BYTES))
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
        code = load_library(data[HOST_CODE], manifest.needs)
    except ArtifactError as error:
        raise ArtifactError(error.message, location=str(place), help=error.help) from error
    return LoadedProgram(manifest, CFunction(code, manifest.signature, manifest.assertions, constants))


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
