"""`pf-opt`: mlir-opt with GIR, all upstream dialects and passes, and every Python pass."""

from __future__ import annotations

import signal
import sys

from powerfusion.errors import PowerFusionError


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
    try:
        return native.opt_main(["pf-opt", *sys.argv[1:]])
    except PowerFusionError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    finally:
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
