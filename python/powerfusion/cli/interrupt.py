"""Ctrl-C while native code runs: Python only notes it, and waits for bytecode that may be minutes away."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

GRACE_SECONDS = 1.0
"""How long an orderly end may take, before the process is left without one."""

_half_written: set[Path] = set()


@contextmanager
def half_written(path: Path) -> Iterator[None]:
    """Names a temporary file that must not survive, however this process ends."""
    _half_written.add(path)
    try:
        yield
    finally:
        discard(path)
        _half_written.discard(path)


def discard(path: Path) -> None:
    """Removes a file or folder, if it is there and can be removed."""
    import shutil

    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        pass


@contextmanager
def prompt_interrupts() -> Iterator[None]:
    """Makes Ctrl-C end the process within `GRACE_SECONDS`, native code or not.

    The signal wakes a thread through a socket. If the body hasn't ended by `KeyboardInterrupt` when the time is up, the
    thread removes what is half written and leaves with 130. That needs native code that has released Python's lock, as
    pass managers and compiled programs do; parsing and code generation keep it, and are waited for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    ended = threading.Event()
    terminate = signal.signal(signal.SIGTERM, _terminated)
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, ended), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGTERM, terminate)
        writer.close()


def _terminated(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Leaves by an exception, so that half-written files are removed."""
    raise SystemExit(128 + signal.SIGTERM)


def _watch(reader: socket.socket, ended: threading.Event) -> None:
    """Waits for a signal, then for the orderly end."""
    with reader:
        while received := reader.recv(64):
            if signal.SIGINT in received or signal.SIGTERM in received:
                break
    if not received or ended.wait(GRACE_SECONDS):
        return
    for path in tuple(_half_written):
        discard(path)
    sys.stderr.write("pf: interrupted\n")
    os._exit(128 + (signal.SIGINT if signal.SIGINT in received else signal.SIGTERM))
