"""`pf-opt`: mlir-opt with GIR, all upstream dialects and passes, and every Python pass."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator

from powerfusion.errors import PowerFusionError

# Upstream's passes for one processor's dialect. They work, --help-hidden and --list-passes show
# them; in --help they read like options of LLVM's back ends, of which there are none either.
_PASS_OF_ONE_PROCESSOR = re.compile(r" {6}--(amdgpu|arm|x86)-")
_NEXT_ENTRY = re.compile(r" {0,6}--|\S| {2,4}[A-Z]")


def main() -> int:
    """Runs pf-opt on the command line's arguments; returns its exit code."""
    # Python only notes a Ctrl-C and waits for bytecode to run. MLIR is not bytecode: the default
    # action, and LLVM's own handler after it, end the process and remove a half-written output.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        from powerfusion.core import native
    except ImportError as problem:
        print(f"error: pf-opt's native part can't be loaded: {problem}", file=sys.stderr)
        print("help: run tools/bootstrap", file=sys.stderr)
        return 1
    argv = ["pf-opt", *sys.argv[1:]]
    try:
        native.register_all()
        if {"--help", "-help", "--h", "-h"} & set(argv):
            return _print_help(argv)
        return native.opt_main(argv)
    except PowerFusionError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    finally:
        sys.stdout.flush()


def _print_help(argv: list[str]) -> int:
    """Prints the help without the passes of one processor; LLVM ends the process that asks it."""
    from powerfusion.core import native

    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writer, sys.stdout.fileno())
        os.close(reader)
        os.close(writer)
        os._exit(native.opt_main(argv))
    os.close(writer)
    with open(reader, encoding="utf-8") as text:
        sys.stdout.writelines(_without_processors(text))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _without_processors(lines: Iterator[str]) -> Iterator[str]:
    """Leaves out the passes of one processor, with the options listed below each."""
    hidden = False
    for line in lines:
        if _NEXT_ENTRY.match(line) or not line.strip():
            hidden = bool(_PASS_OF_ONE_PROCESSOR.match(line))
        if not hidden:
            yield line


if __name__ == "__main__":
    sys.exit(main())
