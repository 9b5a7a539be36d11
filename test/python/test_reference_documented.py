"""The examples of the dialect's own documentation, each executed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from powerfusion.core.context import make_context
from powerfusion.mlir import ir
from powerfusion.reference import interpret
from powerfusion.reference.program import read_program
from powerfusion.reference.types import Type

RECORDS = Path(__file__).parents[2] / "dialect" / "include" / "gir" / "IR"
SIZE = 16


def documented() -> list[Any]:
    """Every block of MLIR in the records, by the first op of ours in it."""
    found: list[Any] = []
    for path in sorted(RECORDS.glob("*.td")):
        for i, text in enumerate(re.findall(r"```mlir\n(.*?)```", path.read_text(), re.DOTALL)):
            found.append(pytest.param(text, id=f"{path.stem}-{i}"))
    return found


def argument(type_: Type, index: int) -> Any:
    """Something for an argument: a given index, ones elsewhere."""
    if type_.kind == "token":
        return None
    if type_.kind == "scalar":
        return np.asarray(index if type_.element == "index" else 1).astype(type_.dtype)
    shape = [size if size is not None else SIZE for size in type_.shape]
    fill = 0 if type_.element == "index" else 1
    return np.full(shape, fill).astype(ml_dtypes.bfloat16 if type_.element == "bf16" else type_.dtype)


@pytest.mark.parametrize("text", documented())
def test_documented_example_executes(text: str) -> None:
    """Every function of an example has a meaning."""
    module = ir.Module.parse(text, make_context())
    program = read_program(module.operation)
    for name, function in program.functions.items():
        index = SIZE if "gir.reshape" in text else 0  # There it is a size, elsewhere a place.
        arguments = [argument(type_, index) for type_ in function.body.argument_types]
        interpret(module, arguments, function=name)


def test_there_are_examples() -> None:
    """Else the test above would pass on nothing."""
    assert len(documented()) > 25
