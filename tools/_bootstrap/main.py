"""The stages in their order, under a lock, with every failure explained."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from _bootstrap import bindings, cache, debian, environment, native
from _bootstrap.console import BootstrapError, Console, Stage, explain
from _bootstrap.settings import ADDED, Settings, parse

MINIMUM_PYTHON = (3, 11)
RELAUNCHED = "_PF_BOOTSTRAP_RELAUNCHED"
Work = Callable[[Settings, Stage], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every stage; see `settings` for the arguments and exit codes."""
    root = Path(__file__).resolve().parents[2]
    words = list(sys.argv[1:] if arguments is None else arguments)
    console = Console(root / "build" / "bootstrap")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        settings = parse(root, words, os.environ)
        console.verbose = settings.verbose
        run(settings, console, words)
    except KeyboardInterrupt:
        console.live("")
        print("\nbootstrap: interrupted; run it again to continue", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except BootstrapError as error:
        return report(console, error)
    except OSError as error:
        return report(console, explain(error, "bootstrap"))
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def report(console: Console, error: BootstrapError) -> int:
    """Print a failure: the last of the command's output if any, then one line."""
    console.live("")
    sys.stdout.flush()
    for line in error.tail:
        print(f"    {line}", file=sys.stderr)
    log = f" (log: {os.path.relpath(error.log)})" if error.log else ""
    print(f"bootstrap: error: {error}{log}", file=sys.stderr)
    return 1


def stages(settings: Settings) -> list[tuple[str, Work]]:
    """The stages, each with its title."""
    extras: list[tuple[str, Work]] = [
        (f"Packages for {name}", partial(environment.add, extra=name))
        if name in ADDED
        else (f"Extra environment {name}", partial(environment.make_extra, extra=name))
        for name in settings.extras
    ]
    return [
        ("Debian packages", debian.install),
        ("Python environment", environment.make),
        ("MLIR's Python bindings", bindings.make),
        ("Dialect and native code", native.make),
        ("Package and commands", environment.install_package),
        *extras,
    ]


def run(settings: Settings, console: Console, words: Sequence[str]) -> None:
    """Run the stages one after the other."""
    start = time.monotonic()
    settings.logs.mkdir(parents=True, exist_ok=True)
    plan = stages(settings)
    waiting = "another bootstrap, or a command that one left behind, is at work in this clone; waiting for it ..."
    with cache.locked(console, settings.logs / ".lock", waiting):
        for number, (title, work) in enumerate(plan, start=1):
            with console.stage(number, len(plan), title) as stage:
                work(settings, stage)
            if work is debian.install:
                relaunch_if_needed(settings, words)
                check_python()
    console.say(f"ready in {time.monotonic() - start:.1f} s")


def relaunch_if_needed(settings: Settings, words: Sequence[str]) -> None:
    """Go on with the chosen interpreter, which the first stage may just have installed."""
    wanted = os.path.realpath(settings.python)
    if not settings.python.is_absolute() or not os.path.exists(wanted) or os.environ.get(RELAUNCHED):
        return
    if wanted == os.path.realpath(sys.executable):
        return
    script = str(settings.root / "tools" / "bootstrap")
    os.execve(wanted, [wanted, script, *words], {**os.environ, RELAUNCHED: "1"})


def check_python() -> None:
    """Refuse an interpreter that the pinned packages don't support."""
    if sys.version_info < MINIMUM_PYTHON:
        needed = ".".join(str(number) for number in MINIMUM_PYTHON)
        have = sys.version.split()[0]
        raise BootstrapError(f"Python {needed} or later is needed, {sys.executable} is {have}: name one in PF_PYTHON")
