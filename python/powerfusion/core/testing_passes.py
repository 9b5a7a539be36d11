"""Passes that only tests use; registered where PF_TEST_PASSES is set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core.diagnostics import emit_remark
from powerfusion.core.passes import Pass, option, register_pass
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir


@register_pass
@dataclass(frozen=True)
class TestRaisePass(Pass):
    """Raise an exception, or never return."""

    name: ClassVar[str] = "gir-test-raise"
    anchor: ClassVar[str | None] = None

    message: str = option("bad tile size 7", help="The exception's message")
    kind: str = option("ValueError", help="ValueError, Unsupported (at the first op), KeyboardInterrupt or Forever")

    def run(self, op: ir.Operation) -> None:
        """Fails as it is told to."""
        match self.kind:
            case "Unsupported":
                first = op.regions[0].blocks[0].operations[0]
                raise UnsupportedError(self.message, location=first.location, help="use another op")
            case "KeyboardInterrupt":
                raise KeyboardInterrupt
            case "Forever":
                emit_remark(op.location, "for ever")
                while True:
                    pass
            case _:
                raise ValueError(self.message)


@register_pass
@dataclass(frozen=True)
class TestOptionsPass(Pass):
    """Write the values of options of every kind into an attribute."""

    name: ClassVar[str] = "gir-test-options"
    anchor: ClassVar[str | None] = "func.func"

    flag: bool = option(False, help="A bool")
    count: int = option(3, help="An int")
    ratio: float = option(0.5, help="A float")
    label: str = option("none", help="A str")
    tile_sizes: tuple[int, ...] = option((), help="Several ints")

    def run(self, op: ir.Operation) -> None:
        """Sets `gir.test_options` on the function."""
        op.attributes["gir.test_options"] = ir.StringAttr.get(repr(self))
