"""Which function means which op.

    @meaning("gir.permute")
    def permute(op: Instruction, x: Tile) -> Tile: ...

    @meaning("gir.load")
    def load(here: Here, op: Instruction, source: MemRef, *indices: Tile) -> Tile: ...

A function takes the instruction and its operands, in order; one that touches memory, counts or runs regions takes
`here`, the instruction stream that it is part of, before them. One that runs regions is a generator: it gives control
away where its regions do. What it returns is the op's result, a tuple of several, or None.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Meaning:
    """A registered function.

    Attributes:
        function: The function.
        takes_here: Whether it wants the instruction stream first.
        runs_regions: Whether it is a generator.
    """

    function: Callable[..., Any]
    takes_here: bool
    runs_regions: bool


MEANINGS: dict[str, Meaning] = {}


def meaning(*names: str) -> Callable[[F], F]:
    """Registers the meaning of the ops of those names; refuses a second one."""

    def register(function: F) -> F:
        first = next(iter(inspect.signature(function).parameters))
        for name in names:
            assert name not in MEANINGS, f"'{name}' has a meaning already"
            MEANINGS[name] = Meaning(function, first == "here", inspect.isgeneratorfunction(function))
        return function

    return register


def source_of(name: str) -> str:
    """The text of the function that says what an op means, for its page.

    Raises:
        KeyError: No function says what the op means.
    """
    return inspect.getsource(MEANINGS[name].function)
