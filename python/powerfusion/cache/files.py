"""Entries as files: written whole or not at all, verified when read, bounded in all.

    | magic, version | length | SHA-256 of key and contents | contents ... |

Any number of processes may use a folder at once, without locks. An entry appears under its name in one step and is
never changed; whoever reads one that goes away meanwhile has it still. Whatever is wrong with an entry, it counts as
absent and the next program that is compiled to it replaces it. What a killed process left half-written has no entry's
name and is removed later.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import struct
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from powerfusion import knobs

MAGIC = b"pfcache\x01"
_HEAD = struct.Struct("<8sQ32s")
_ENDING = ".pfc"
_NAME = re.compile(rf"[0-9a-f]{{64}}\{_ENDING}")
_PARTIAL = re.compile(r"\.[0-9a-f]{16}\.tmp")
ABANDONED_S = 600
"""After so many seconds what is half-written belongs to a process that was killed."""
LARGEST_PART = 4
"""An entry may take this part of the whole, a quarter: one program mustn't push out all others."""

Chunks = Sequence[bytes | memoryview]


class CacheWarning(UserWarning):
    """Compiled programs can't be kept; compiling goes on without."""


@dataclass(frozen=True)
class Entry:
    """A file of the cache.

    Attributes:
        path: Where.
        size_bytes: How large.
        used_s: When it was last used, seconds since the epoch.
    """

    path: Path
    size_bytes: int
    used_s: float


@dataclass(frozen=True)
class Files:
    """The entries of a folder.

    Attributes:
        folder: Where they are; made when the first is written.
        limit_bytes: How much all of them may take; the least recently used go first.
    """

    folder: Path
    limit_bytes: int

    def read(self, key: str) -> memoryview | None:
        """The contents of an entry; None where there is none, or it isn't as it was written."""
        try:
            with (self.folder / f"{key}{_ENDING}").open("rb") as stream:
                if not _is_ours(os.fstat(stream.fileno())):
                    return None
                data = stream.read()
                contents = _verified(key, data)
                if contents is not None:
                    with suppress(OSError):
                        os.utime(stream.fileno())
                return contents
        except OSError:
            return None

    def write(self, key: str, chunks: Chunks) -> None:
        """Writes an entry, or warns why that can't be; then removes what is too much."""
        size = sum(len(chunk) for chunk in chunks)
        if size + _HEAD.size > self.limit_bytes // LARGEST_PART:
            return
        partial = self.folder / f".{secrets.token_hex(8)}.tmp"
        try:
            self._make_folder()
            try:
                with _created(partial) as stream:
                    stream.write(_HEAD.pack(MAGIC, size, _digest(key, chunks)))
                    for chunk in chunks:
                        stream.write(chunk)
                partial.replace(self.folder / f"{key}{_ENDING}")
            finally:
                partial.unlink(missing_ok=True)
            self._shrink()
        except OSError as error:
            reason = error.strerror or str(error)
            warnings.warn(
                f"compiled programs can't be kept in {self.folder}: {reason[:1].lower()}{reason[1:]}; "
                f"{knobs.CACHE.name} names another folder, or off",
                CacheWarning,
                stacklevel=2,
            )

    def entries(self) -> list[Entry]:
        """The entries, the least recently used first."""
        found = (Entry(path, status.st_size, status.st_mtime) for path, status in self._files() if _is_entry(path))
        return sorted(found, key=lambda entry: (entry.used_s, entry.path.name))

    def clear(self, unused_s: float = 0) -> list[Entry]:
        """Removes entries that weren't used for so many seconds, by default all.

        Returns:
            What was removed.

        Raises:
            OSError: One can't be removed.
        """
        before = time.time() - unused_s
        removed = [entry for entry in self.entries() if unused_s <= 0 or entry.used_s < before]
        for entry in removed:
            entry.path.unlink(missing_ok=True)
        self._remove_abandoned()
        return removed

    def _shrink(self) -> None:
        self._remove_abandoned()
        entries = self.entries()
        excess = sum(entry.size_bytes for entry in entries) - self.limit_bytes
        for entry in entries:
            if excess <= 0:
                return
            entry.path.unlink(missing_ok=True)
            excess -= entry.size_bytes

    def _remove_abandoned(self) -> None:
        for path, status in self._files():
            if _PARTIAL.fullmatch(path.name) and time.time() - status.st_mtime > ABANDONED_S:
                path.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """The files of the folder that are still there when they are looked at."""
        with suppress(FileNotFoundError), os.scandir(self.folder) as found:
            for file in found:
                with suppress(FileNotFoundError):
                    yield Path(file.path), file.stat(follow_symlinks=False)

    def _make_folder(self) -> None:
        """Makes the folder, for this user alone: what is in it will run.

        Raises:
            OSError: It can't be made, or others may write to it.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(self.folder.stat()):
            raise PermissionError(None, "others may write to it")


def open_files() -> Files | None:
    """The cache of this user; None where it is switched off."""
    folder = knobs.program_cache()
    return None if folder is None else Files(folder, knobs.program_cache_limit())


def _created(path: Path) -> IO[bytes]:
    """A new file that this user alone may read and write, whatever the umask."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb")


def _is_entry(path: Path) -> bool:
    return _NAME.fullmatch(path.name) is not None


def _is_ours(status: os.stat_result) -> bool:
    """Whether nobody else can have written it."""
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _verified(key: str, data: bytes) -> memoryview | None:
    if len(data) < _HEAD.size:
        return None
    magic, size, digest = _HEAD.unpack_from(data)
    contents = memoryview(data)[_HEAD.size :]
    whole = magic == MAGIC and size == len(contents) and digest == _digest(key, [contents])
    return contents if whole else None


def _digest(key: str, chunks: Chunks) -> bytes:
    digest = hashlib.sha256(key.encode("ascii"))
    for chunk in chunks:
        digest.update(chunk)
    return digest.digest()
