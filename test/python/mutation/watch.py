"""Feeds mutants to a worker process and notes which killed it, hung it, or met a bug."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .stock import stock_crashes

HERE = Path(__file__).resolve().parent
SECONDS = 30.0
UPSTREAM = "upstream: the distribution's mlir-opt crashes on it as well"


@dataclass(frozen=True)
class Fault:
    """A mutant that wasn't answered as it should be.

    Attributes:
        what: `crash`, `hang` or `bug`.
        detail: The signal, the time, or the traceback.
        text: The mutant.
    """

    what: str
    detail: str
    text: str


class Worker:
    """One process that answers mutants."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": ""},
        )

    def ask(self, text: str) -> str | Fault:
        """The worker's answer, or what happened instead of one; the worker is dead then."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(json.dumps(text) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return Fault("crash", f"exit status {self.process.wait()}", text)
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(SECONDS):
                self.close()
                return Fault("hang", f"no answer for {SECONDS:.0f} s", text)
        line = self.process.stdout.readline()
        return json.loads(line) if line else Fault("crash", f"exit status {self.process.wait()}", text)

    def close(self) -> None:
        """Ends it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


def watch(texts: Iterable[str]) -> tuple[list[str], list[Fault]]:
    """The answers to some mutants, and the faults among them; what upstream crashes on is answered by `UPSTREAM`."""
    answers: list[str] = []
    faults: list[Fault] = []
    worker: Worker | None = None
    for text in texts:
        worker = worker or Worker()
        found = worker.ask(text)
        if isinstance(found, Fault):
            worker.close()
            worker = None
            if found.what == "crash" and stock_crashes(text):
                answers.append(UPSTREAM)
                continue
            faults.append(found)
        elif found.startswith("BUG"):
            faults.append(Fault("bug", found, text))
        else:
            answers.append(found)
    if worker is not None:
        worker.close()
    return answers, faults
