"""Whether the native library works: tried step by step in another process, which may crash without taking us along."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from powerfusion.cli.checks import BOOTSTRAP, Check

TIMEOUT_SECONDS = 120
PROGRAM = """
#id = affine_map<(i) -> (i)>
func.func @add(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  %init = tensor.empty() : tensor<8xf32>
  %sum = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %y : tensor<8xf32>, tensor<8xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32, %unused: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %sum : tensor<8xf32>
}
"""
"""The least program that goes through everything."""


def import_bindings() -> str:
    """Loads MLIR's bindings."""
    from powerfusion.mlir import ir

    with ir.Context():
        return ir.__name__


def load_dialect() -> str:
    """Loads our libraries, and the dialect into a context."""
    from powerfusion.dialects import gir
    from powerfusion.mlir import ir

    with ir.Context() as context:
        gir.register(context)
        return str(gir.at("dram"))


def register_passes() -> str:
    """Registers the Python passes."""
    from powerfusion.core import native, passes

    native.register_all()
    return f"{len(passes.registered_passes())} passes"


def round_trip() -> str:
    """Compiles a program and runs it."""
    import numpy as np

    import powerfusion as pf

    x = np.arange(8, dtype=np.float32)
    if not np.array_equal(pf.compile(PROGRAM, cache=False)(x, x), x + x):
        raise ArithmeticError("wrong result")
    return "a program compiles and gives the right result"


STEPS: dict[str, Callable[[], str]] = {
    "MLIR bindings": import_bindings,
    "GIR dialect": load_dialect,
    "Python passes": register_passes,
    "JIT": round_trip,
}


def native_library() -> Iterator[Check]:
    """Tries every step; what comes after the first that fails can't be tried."""
    lines, ending = _try_steps()
    for name in STEPS:
        if name in lines:
            ok, detail = lines[name]
        else:
            ok, detail, ending = False, ending, "couldn't be tried"
        yield Check("native", name, ok=ok, detail=detail, help=BOOTSTRAP)


def _try_steps() -> tuple[dict[str, tuple[bool, str]], str]:
    """Runs this module; gives what it says of each step, and how it ended before those of which it says nothing."""
    import json

    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return {}, f"took more than {TIMEOUT_SECONDS} s"
    except OSError as error:
        return {}, f"can't be tried: {error}"
    lines: dict[str, tuple[bool, str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith('{"step"'):
            said: dict[str, Any] = json.loads(line)
            lines[said["step"]] = (said["ok"], said["detail"])
    last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
    died = f"crashed with signal {-done.returncode}" if done.returncode < 0 else f"left with {done.returncode}: {last}"
    return lines, died if done.returncode else "couldn't be tried"


def main() -> None:
    """Tries each step and says on stdout how it went, one line of JSON each; stops at the first that fails."""
    import json

    for name, step in STEPS.items():
        try:
            ok, detail = True, step()
        except Exception as error:
            ok, detail = False, " ".join(f"{type(error).__name__}: {error}".split())
        print(json.dumps({"step": name, "ok": ok, "detail": detail}), flush=True)
        if not ok:
            return


if __name__ == "__main__":
    main()
