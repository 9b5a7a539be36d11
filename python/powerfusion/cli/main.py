"""`pf`: compile, run and explain programs, and look after the installation.

Exit codes: 0 it worked, 1 it didn't and stderr says why, 2 wrong usage, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NoReturn

from powerfusion.cli import bench, cache, calibrate, compile, diff, doctor, explain, machines, run, tune
from powerfusion.cli.interrupt import prompt_interrupts
from powerfusion.errors import PowerFusionError

COMMANDS: dict[str, tuple[ModuleType, str]] = {
    "compile": (compile, "compile a program into an artifact, or into the IR after a phase"),
    "run": (run, "run a program or an artifact on .npy files or random arrays"),
    "explain": (explain, "show the bytes that a program moves beside those that it must move"),
    "tune": (tune, "measure a program's best placements, and keep the quickest"),
    "bench": (bench, "time this compiler and others side by side"),
    "diff": (diff, "show what one program or schedule moves more or less than another"),
    "machines": (machines, "list the machines that are known, and show what is known of one"),
    "calibrate": (calibrate, "measure this machine, so that the search knows it"),
    "cache": (cache, "show where compiled programs are kept and how much they take, or clear them"),
    "doctor": (doctor, "say what is installed, what is missing, and what to do about it"),
}
EPILOG = """\
examples:
  pf explain examples/relu_add.mlir
  pf run examples/relu_add.mlir --input random --input random --repeat 10
  pf compile examples/relu_add.mlir -o relu_add.pfx

`pf COMMAND --help` says what a command takes. Exit status: 0 it worked, 1 it
didn't and stderr says why, 2 wrong usage, 130 interrupted."""


class _VersionAction(argparse.Action):
    """Prints the version; looks it up only then, since that takes longer than all the rest."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(f"pf {_version()}")
        parser.exit()


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("powerfusion")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def make_parser() -> argparse.ArgumentParser:
    """Builds the command line's grammar."""
    parser = argparse.ArgumentParser(
        prog="pf",
        description="PowerFusion fuses memory-bound operators by moving as little data as possible.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_VersionAction, nargs=0, help="print the version and leave")
    debug = argparse.ArgumentParser(add_help=False)
    for place in (parser, debug):
        place.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
        )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(
            name,
            parents=[debug],
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.configure(command)
        command.set_defaults(execute=module.execute, usage=command.error)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; gives the exit code.

    Raises:
        SystemExit: argparse's own, for `--help` (0) and wrong usage (2).
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a character is no reason to fail.
        stream.reconfigure(errors="replace")  # pyright: ignore[reportAttributeAccessIssue]
    try:
        options = make_parser().parse_args(arguments)
        with prompt_interrupts(), warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return _guarded(lambda: options.execute(options), debug=hasattr(options, "debug"))
    except KeyboardInterrupt:
        return _interrupted()


def _show_warning(message: Warning | str, category: type[Warning], *_: object) -> None:
    """Prints a warning of ours as the command's own, any other with its kind."""
    kind = "" if category.__module__.startswith("powerfusion.") else f"{category.__name__}: "
    print(f"pf: warning: {kind}{message}", file=sys.stderr)


def _guarded(execute: Callable[[], int], *, debug: bool) -> int:
    """Runs a command; turns what it raises into a message and an exit code."""
    try:
        code = execute()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        return _reader_left()
    except (PowerFusionError, OSError, MemoryError, ImportError) as error:
        if debug:
            raise
        return _fail(*_explain(error))
    except Exception as error:
        if debug:
            raise
        return _fail(_one_line(error), "this is a fault of PowerFusion; `--debug` shows where it happened")


def _explain(error: PowerFusionError | OSError | MemoryError | ImportError) -> tuple[str, str | None]:
    """What went wrong, and what to do where we know it."""
    match error:
        case PowerFusionError():
            where = f"{error.location}: " if error.location else ""
            return f"{where}{error.message}", error.help
        case OSError(filename=None, strerror=str(reason)):
            return f"the output can't be written: {reason[:1].lower()}{reason[1:]}", None
        case OSError(filename=name, strerror=str(reason)):
            return f"{os.fsdecode(name) if isinstance(name, bytes) else name}: {reason[:1].lower()}{reason[1:]}", None
        case MemoryError():
            return str(error)[:1].lower() + str(error)[1:] or "there isn't enough memory", None
        case ImportError():
            return f"PowerFusion can't be loaded: {error}", "`pf doctor` says what is missing; tools/bootstrap mends it"
        case _:
            return _one_line(error), None


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _fail(message: str, what_to_do: str | None) -> int:
    """Reports an error on stderr, after what stdout still holds back."""
    try:
        sys.stdout.flush()
    except OSError:
        _silence_stdout()
    print(f"pf: error: {message}", file=sys.stderr)
    if what_to_do:
        print(f"help: {what_to_do}", file=sys.stderr)
    return 1


def _interrupted() -> int:
    # An interrupt inside of an `exec` (dataclasses use it) marks it as unhandled for good, and CPython would end by the
    # signal in spite of our exit code. The next `exec` takes the mark away.
    exec("")
    print("pf: interrupted", file=sys.stderr)
    return 128 + signal.SIGINT


def _reader_left() -> int:
    """Whoever reads our output has had enough; nothing is wrong, and Python mustn't complain at exit either."""
    _silence_stdout()
    return 128 + signal.SIGPIPE


def _silence_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
