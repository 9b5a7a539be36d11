"""The programs themselves: MLIR's own pipeline and NumPy agree about each, without this compiler.

In the long form only. It is what to look at first when a program of the suite fails: if it passes
here, text and reference are right.
"""

from __future__ import annotations

import os
import sys

import pytest
from programs import named, scatters
from programs.check import FULL, check_program, parameters
from programs.program import Program
from programs.upstream import Upstream

# What the pipeline of MLIR 22.1 has no lowering for, or refuses.
UNSUPPORTED = {"math_isinf", "math_isnormal", "concat_empty_part", "extract_reduces_strided"}
UNSUPPORTED |= {p.name for p in [*scatters.programs(), *named.softmaxes()]}  # tensor.gather, scatter; linalg.softmax
UNSUPPORTED |= {"expand_unknown", "expand_unknown_transposed"}  # expand-strided-metadata crashes


@pytest.mark.skipif(not FULL, reason="long form only: PF_TEST_FULL=1")
@pytest.mark.parametrize("program", parameters())
def test_program(program: Program) -> None:
    """Text and reference agree."""
    if program.name in UNSUPPORTED or program.fails is not None:
        pytest.skip("MLIR's own pipeline doesn't take it")
    child = os.fork()  # a module stays in the JIT's address space, and an assertion there aborts
    if child == 0:
        try:
            check_program(program, Upstream)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the child ended with status {status}, see its stderr"
