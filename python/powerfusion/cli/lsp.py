"""`gir-lsp-server`: mlir-lsp-server with GIR, so that editors show types, definitions and errors of `.mlir` files."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Serves an editor on standard input and output; returns the exit code."""
    # As in pf-opt: MLIR's code runs, not bytecode, so Python's own handler of Ctrl-C would never run.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from powerfusion.core import native
    except ImportError as problem:
        print(f"error: gir-lsp-server's native part can't be loaded: {problem}", file=sys.stderr)
        print("help: run tools/bootstrap", file=sys.stderr)
        return 1
    return native.lsp_main(["gir-lsp-server", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
