"""Which tensor ops are raised, and by what: each registers its function by its op's name."""

from __future__ import annotations

from collections.abc import Callable

from powerfusion.mlir import ir

TENSOR_OPS: dict[str, Callable[[ir.Operation], None]] = {}


def raises(name: str) -> Callable[[Callable[[ir.Operation], None]], Callable[[ir.Operation], None]]:
    """Registers how one tensor op is raised."""

    def register(function: Callable[[ir.Operation], None]) -> Callable[[ir.Operation], None]:
        if name in TENSOR_OPS:
            raise ValueError(f"'{name}' is raised twice")
        TENSOR_OPS[name] = function
        return function

    return register
