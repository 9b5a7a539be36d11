"""Takes mutants from standard input, one JSON string a line; answers each with a line of its own.

Each goes through parser and verifier, is printed and read again, and then through the passes of the
pipeline that suits it. Nothing is run. `ok`, or the first line of the diagnostic; a Python error that
isn't one of ours is `BUG` and its traceback.
"""

from __future__ import annotations

import json
import sys
import traceback

from powerfusion.core.context import make_context
from powerfusion.errors import PowerFusionError
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.phases import run_phase
from powerfusion.pipelines import PIPELINES

UNEXPECTED = "' raised "  # how a pass's Python error that isn't one of ours is told
TIDY = "builtin.module(canonicalize,cse,loop-invariant-code-motion)"


def answer(text: str) -> str:
    """What becomes of one mutant."""
    try:
        return take(text)
    except (PowerFusionError, ir.MLIRError) as error:
        said = str(error).partition("\n")[0] or "BUG: an error without a message"
        return f"BUG: {error}" if UNEXPECTED in said else said
    except Exception:  # whatever else comes up is what the test looks for
        return "BUG: " + traceback.format_exc()


def take(text: str) -> str:
    """Parser and verifier, round trip, tidying, and every phase but the first and the last."""
    context = make_context()
    module = ir.Module.parse(text, context)
    again = ir.Module.parse(str(module), context)
    if str(again) != str(module):
        return f"BUG: printed, read and printed again it is another program:\n{module}\n{again}"
    with context:
        PassManager.parse(TIDY).run(again.operation)
    for phase in PIPELINES["cpu"][1:-1]:
        run_phase(module, phase)
    return "ok"


def main() -> None:
    """Answers until the input ends."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
