"""The table of lowerings: op name and target, to the function that re-emits it.

    @lowers("gir.load", to="vector")
    def lower_load(lowering: VectorLowering, op: ir.Operation) -> None: ...

    unsupported("gir.insert", to="emitc", why="a view at dram is stored by gir-tile", help="run gir-tile first")

A second registration for one op and target is refused. A hole is declared, so that the table of what is lowered to
what says why.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir

Lowering = Callable[[Any, ir.Operation], None]
_table: dict[tuple[str, str], Lowering] = {}


def lowers(name: str, *, to: str) -> Callable[[Lowering], Lowering]:
    """Registers how an op is lowered to a target; a second registration is refused."""

    def register(function: Lowering) -> Lowering:
        if (name, to) in _table:
            raise ValueError(f"'{name}' is lowered to {to} twice")
        _table[name, to] = function
        return function

    return register


def unsupported(name: str, *, to: str, why: str, help: str | None = None) -> None:
    """Declares that an op isn't lowered to a target.

    Args:
        name: The op's.
        to: The target.
        why: As a diagnostic says it.
        help: What the user can do.
    """

    def refuse(_: Any, op: ir.Operation) -> None:
        raise UnsupportedError(f"'{name}' can't be lowered: {why}", location=op.location, help=help)

    refuse.__doc__ = f"Not lowered: {why}."
    lowers(name, to=to)(refuse)


def lowered_ops(to: str) -> list[tuple[str, str]]:
    """Every op that is lowered to a target, with one sentence on how, sorted."""
    return sorted((name, inspect.getdoc(how) or "") for (name, target), how in _table.items() if target == to)


def lowering_of(name: str, to: str) -> Lowering | None:
    """How an op is lowered to a target, None where nobody registered it."""
    return _table.get((name, to))
