"""The cache folder: whether it can be written, and its lock."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from _bootstrap.console import BootstrapError, Console, Stage
from _bootstrap.settings import Settings

NEEDED_BYTES = 400 << 20


@contextmanager
def locked(console: Console, path: Path, waiting: str) -> Iterator[None]:
    """Hold an exclusive lock; the kernel gives it up when its last holder dies, however that happens."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.say(waiting)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        console.held.append(descriptor)
        yield
    finally:
        if descriptor in console.held:
            console.held.remove(descriptor)
        os.close(descriptor)


@contextmanager
def writable(settings: Settings, stage: Stage, folder: Path) -> Iterator[None]:
    """Hold the cache's lock, with a folder of the cache made.

    Raises:
        BootstrapError: the folder can't be written, or its disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"0" * 4096)
    except OSError as error:
        raise _refused(settings.cache, error) from error
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise BootstrapError(
            f"the disk of the cache folder {settings.cache} has {free >> 20} MB left and {NEEDED_BYTES >> 20} MB are "
            "needed: free some, or set XDG_CACHE_HOME to a folder on another disk"
        )
    with locked(stage.console, settings.cache / ".lock", "another bootstrap is filling the cache; waiting for it ..."):
        yield


def _refused(cache: Path, error: OSError) -> BootstrapError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BootstrapError(
            f"no space left for the cache folder {cache}: free some, or set XDG_CACHE_HOME to a folder on another disk"
        )
    return BootstrapError(
        f"the cache folder {cache} cannot be written ({error.strerror}): set XDG_CACHE_HOME to a folder that can"
    )
