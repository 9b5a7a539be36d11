"""Progress, commands and failures, as the user sees them."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

TAIL_LINES = 15
FULL_BYTES = 1 << 20
_DISK = re.compile(r"No space left on device|Disk quota exceeded|enough free space in", re.IGNORECASE)
_NETWORK = re.compile(
    r"Temporary failure (in name resolution|resolving)|Could not resolve|Network is unreachable"
    r"|Failed to establish a new connection|NewConnectionError|Could not connect to|Connection refused"
    r"|Connection timed out|No route to host|NameResolutionError|Cannot initiate the connection",
    re.IGNORECASE,
)
# Settings that would send an installation elsewhere or change how things are built.
_FOREIGN = (
    "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIREMENT",
    "CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "DESTDIR", "NINJA_STATUS", "CMAKE_GENERATOR",
)  # fmt: skip


class BootstrapError(Exception):
    """A failure with an explanation: one line, what to do included."""

    def __init__(self, message: str, tail: Sequence[str] = (), log: Path | None = None) -> None:
        super().__init__(message)
        self.tail = tuple(tail)
        self.log = log


class NoNetworkError(BootstrapError):
    """A download failed for want of a network."""


def explain(error: OSError, doing: str) -> BootstrapError:
    """Turn what the operating system refused into one line."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BootstrapError(f"no space left on device while {doing}{where}: free some and run this again")
    return BootstrapError(f"{doing} failed: {error.strerror or error}{where}")


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would lead commands astray."""
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {**kept, "LC_ALL": "C.UTF-8", "NINJA_STATUS": "[%f/%t] ", **(more or {})}


@dataclass
class Console:
    """Prints one line per stage, with a live second line on a terminal.

    Attributes:
        logs: folder of the stages' logs.
        verbose: show the commands' output as well.
        held: descriptors of the locks held; commands inherit them, so that one that
            outlives a killed bootstrap keeps the next bootstrap waiting.
    """

    logs: Path
    verbose: bool = False
    out: TextIO = field(default_factory=lambda: sys.stdout)
    held: list[int] = field(default_factory=list)
    _log: Path | None = None
    _mode: str = "wb"
    _doing: str = "starting"
    _live: bool = False

    @contextmanager
    def stage(self, number: int, count: int, title: str) -> Iterator[Stage]:
        """Run a stage: its commands log into one file, its end prints one line."""
        start = time.monotonic()
        self._log = self.logs / f"{number}-{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')}.log"
        self._mode = "wb"
        self._doing = title
        stage = Stage(self, f"[{number}/{count}] {title}")
        try:
            yield stage
        except OSError as error:
            raise explain(error, f"working on: {title}") from error
        self.say(f"[{number}/{count}] {title}: {stage.outcome} ({time.monotonic() - start:.1f} s)")

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.live("")
        print(text, file=self.out, flush=True)

    def live(self, text: str) -> None:
        """Show a passing line, on a terminal only."""
        if not self.out.isatty() or self.verbose or (not text and not self._live):
            return
        width = max(20, os.get_terminal_size(self.out.fileno()).columns - 1)
        self.out.write("\r\x1b[K" + text[:width])
        self.out.flush()
        self._live = bool(text)

    def run(
        self,
        command: Sequence[str | Path],
        doing: str,
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> tuple[int, str]:
        """Run a command with its output in the stage's log.

        Args:
            command: program and arguments.
            doing: what the command is for, as it stands in "... while fetching X".
            cwd: folder to run in.
            environment: variables to add.
            check: raise if the command fails.

        Returns:
            Exit status and output.

        Raises:
            BootstrapError: the command failed, or could not be started.
        """
        assert self._log is not None
        words = [str(word) for word in command]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open(self._mode) as log:
            log.write(f"$ {' '.join(words)}\n".encode())
            log.flush()
            begin = log.tell()
            try:
                child = subprocess.Popen(
                    words, cwd=cwd, env=clean_environment(environment), stdin=subprocess.DEVNULL,
                    stdout=log, stderr=subprocess.STDOUT, pass_fds=self.held,
                )  # fmt: skip
            except OSError as error:
                raise BootstrapError(f"cannot run {words[0]} ({error.strerror}) while {doing}") from error
        self._mode = "ab"
        status = self._follow(child, begin)
        with self._log.open("rb") as log:
            log.seek(begin)
            output = log.read().decode(errors="replace")
        if status and check:
            raise self.failure(f"{doing} failed: {words[0]} exited with {status}", doing, output)
        return status, output

    def _follow(self, child: subprocess.Popen[bytes], begin: int) -> int:
        """Wait for a command while showing what it says."""
        assert self._log is not None
        with self._log.open("rb") as log:
            log.seek(begin)
            while True:
                try:
                    status = child.wait(timeout=0.05 if self.verbose else 0.2)
                except subprocess.TimeoutExpired:
                    status = None
                except KeyboardInterrupt:
                    child.terminate()
                    child.wait()
                    raise
                new = log.read().decode(errors="replace")
                if self.verbose and new:
                    self.out.write(new)
                    self.out.flush()
                elif new.strip():
                    self.live(f"    {new.strip().splitlines()[-1]}")
                if status is not None:
                    self.live("")
                    return status

    def failure(self, message: str, doing: str, output: str) -> BootstrapError:
        """Say why a command failed: the well-known reasons in one line, others with the last of its output."""
        # On a full disk the log is cut off, and with it the words that say so.
        if _DISK.search(output) or shutil.disk_usage(self.logs).free < FULL_BYTES:
            return BootstrapError(f"no space left on device while {doing}: free some and run this again", log=self._log)
        if _NETWORK.search(output):
            return NoNetworkError(f"no network while {doing}: connect and run this again", log=self._log)
        tail = [line for line in output.splitlines() if line.strip()][-TAIL_LINES:]
        return BootstrapError(message, tail=tail, log=self._log)


@dataclass
class Stage:
    """One stage under way.

    Attributes:
        outcome: what its last line says of it.
    """

    console: Console
    label: str
    outcome: str = "ready"

    def step(self, text: str) -> None:
        """Tell that something long begins."""
        self.console.say(f"{self.label}: {text} ...")
        self.outcome = "done"

    def run(
        self,
        command: Sequence[str | Path],
        doing: str,
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> tuple[int, str]:
        """See `Console.run`."""
        return self.console.run(command, doing, cwd=cwd, environment=environment, check=check)
