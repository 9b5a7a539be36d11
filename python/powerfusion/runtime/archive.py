"""The archive of an artifact: a zip, the same bytes for the same contents, written whole or not at all.

Members aren't compressed: weights don't shrink, and a file can't claim to hold more than it has.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from powerfusion.errors import ArtifactError

Chunks = Sequence[bytes | memoryview]
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
FILE_MODE = 0o100644 << 16
UNIX = 3
ENCRYPTED = 1
LARGEST_COUNT = 100_000
MALFORMED = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, struct.error, OverflowError)


def write_archive(path: Path, members: Mapping[str, Chunks]) -> None:
    """Writes an archive; what was at the path stays as it is if this fails.

    Args:
        path: Where; a link is followed.
        members: Contents by name, in order, each in pieces.

    Raises:
        ArtifactError: It can't be written.
    """
    place = Path(os.path.realpath(path))
    if place.is_dir():
        raise ArtifactError(f"{path} is a folder", help="name a file, m.pfx")
    partial = place.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with _half_written(partial) as stream:
            _write(stream, members)
            stream.flush()
            os.fsync(stream.fileno())
            partial.replace(place)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ArtifactError(
            f"the artifact can't be written into {place.parent}: {reason[:1].lower()}{reason[1:]}",
            help="save it to another place",
        ) from error
    with suppress(OSError):  # the name may not survive a power cut; the file is whole either way
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _half_written(partial: Path) -> Iterator[IO[bytes]]:
    """Opens a new file, and removes it if it is still there at the end: after an error, or Ctrl-C."""
    try:
        with partial.open("xb") as stream:
            yield stream
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _write(stream: IO[bytes], members: Mapping[str, Chunks]) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, chunks in members.items():
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = UNIX
            info.external_attr = FILE_MODE
            info.file_size = sum(len(chunk) for chunk in chunks)
            with archive.open(info, "w") as member:
                for chunk in chunks:
                    member.write(chunk)


class ArchiveReader:
    """An open archive whose directory was checked.

    Attributes:
        sizes: Bytes of each member, by name.
    """

    def __init__(self, archive: zipfile.ZipFile, size_bytes: int) -> None:
        infos = archive.infolist()
        if len(infos) > LARGEST_COUNT:
            raise ArtifactError(f"the archive has {len(infos)} members, more than {LARGEST_COUNT}")
        for info in infos:
            _check_member(info)
        if sum(info.file_size for info in infos) > size_bytes:
            raise ArtifactError(f"the archive's members claim more than its {size_bytes} bytes")
        self._archive = archive
        self.sizes = {info.filename: info.file_size for info in infos}
        if len(self.sizes) != len(infos):
            raise ArtifactError("the archive holds two members of the same name")

    def read(self, name: str, limit_bytes: int) -> bytes:
        """The contents of a member.

        Raises:
            ArtifactError: It isn't there, is larger than the limit, or is damaged.
        """
        if name not in self.sizes:
            raise ArtifactError(f"the archive has no {name}")
        if self.sizes[name] > limit_bytes:
            raise ArtifactError(f"{name} has {self.sizes[name]} bytes, more than {limit_bytes}")
        try:
            return self._archive.read(name)
        except MALFORMED as error:
            raise ArtifactError(f"{name} is damaged: {error}") from error

    def read_checked(self, name: str, size_bytes: int, sha256: str) -> bytes:
        """The contents of a member, of exactly this size and hash."""
        data = self.read(name, size_bytes)
        if len(data) != size_bytes:
            raise ArtifactError(f"expected {name} of {size_bytes} bytes, got {len(data)}")
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ArtifactError(f"{name} was changed after it was saved: its hash doesn't match")
        return data


@contextmanager
def open_archive(path: Path) -> Iterator[ArchiveReader]:
    """Opens an archive and checks its directory.

    Raises:
        ArtifactError: It can't be opened, is no zip or a damaged one, or its members aren't plain.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ArtifactError(f"it is a {'folder' if path.is_dir() else 'device or a pipe'}", help="name a file, m.pfx")
    try:
        with path.open("rb") as stream, _directory(stream) as archive:
            yield ArchiveReader(archive, os.fstat(stream.fileno()).st_size)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ArtifactError(f"it can't be read: {reason[:1].lower()}{reason[1:]}") from error


def _directory(stream: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except MALFORMED as error:
        raise ArtifactError(f"it is no artifact, or is cut off: {error}", help="save it again") from error


def _check_member(info: zipfile.ZipInfo) -> None:
    name = info.filename
    if name != info.orig_filename or name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise ArtifactError(f"the archive has a member {info.orig_filename!r}, which leads out of it")
    if info.flag_bits & ENCRYPTED:
        raise ArtifactError(f"{name} is encrypted")
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise ArtifactError(f"{name} is compressed; members of an artifact are stored as they are")
