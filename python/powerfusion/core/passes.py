"""Python passes: how one is declared, and the registry that `pf-opt` and the plug-ins read.

A pass is a frozen dataclass. Its fields are its options: name, type, default and help all come
from them, so the command line, `--help` and textual pipelines can't disagree with the code.

    @register_pass
    @dataclass(frozen=True)
    class CountOpsPass(Pass):
        \"\"\"Counts operations.\"\"\"

        name: ClassVar[str] = "gir-count-ops"
        limit: int = option(0, help="Fail beyond this many; 0 is no limit")

        def run(self, op: ir.Operation) -> None: ...
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, ClassVar, TypeVar, cast, get_type_hints

from powerfusion.mlir import ir

OptionValue = bool | int | float | str | tuple[int, ...]
_HELP = "help"


def option(default: OptionValue, *, help: str) -> Any:
    """Declares an option of a pass: a dataclass field with its help text."""
    return dataclasses.field(default=default, metadata={_HELP: help})


@dataclasses.dataclass(frozen=True)
class OptionSpec:
    """One option as a host sees it: `kind` is one of bool, int, float, str, ints."""

    name: str
    kind: str
    default: OptionValue
    help: str


@dataclasses.dataclass(frozen=True)
class Pass:
    """Base of all passes; see the module's docstring for how one is written.

    Attributes:
        name: The pass argument, `gir-...` or `convert-...`.
        anchor: The op it runs on, `builtin.module` or `func.func`; `None` takes any.
        requires: Normal forms that must hold before.
        establishes: Normal forms that hold afterwards.
        invalidates: Normal forms that may no longer hold afterwards.
    """

    name: ClassVar[str]
    anchor: ClassVar[str | None] = "builtin.module"
    requires: ClassVar[frozenset[str]] = frozenset()
    establishes: ClassVar[frozenset[str]] = frozenset()
    invalidates: ClassVar[frozenset[str]] = frozenset()

    def run(self, op: ir.Operation) -> None:
        """Transforms `op` in place; raises `PowerFusionError` for what the user can mend."""
        raise NotImplementedError(type(self).__name__)

    @classmethod
    def summary(cls) -> str:
        """First line of the docstring, without its full stop."""
        return (inspect.getdoc(cls) or cls.name).splitlines()[0].rstrip(".")

    @classmethod
    def options(cls) -> tuple[OptionSpec, ...]:
        """The options in the order of declaration."""
        hints = get_type_hints(cls)
        return tuple(
            OptionSpec(
                f.name.replace("_", "-"),
                _kind(hints[f.name]),
                cast(OptionValue, f.default),
                f.metadata.get(_HELP, ""),
            )
            for f in dataclasses.fields(cls)
        )


_KINDS: dict[Any, str] = {bool: "bool", int: "int", float: "float", str: "str", tuple[int, ...]: "ints"}


def _kind(annotation: Any) -> str:
    if annotation not in _KINDS:
        raise TypeError(f"option type {annotation} is none of {sorted(_KINDS.values())}")
    return _KINDS[annotation]


_registry: dict[str, type[Pass]] = {}
PassClass = TypeVar("PassClass", bound=type[Pass])


def register_pass(cls: PassClass) -> PassClass:
    """Adds a pass class to the registry; a second one of the same name is refused."""
    if cls.name in _registry:
        raise ValueError(f"pass '{cls.name}' is registered twice: {_registry[cls.name]} and {cls}")
    _registry[cls.name] = cls
    return cls


def registered_passes() -> dict[str, type[Pass]]:
    """All registered passes by name, sorted."""
    return dict(sorted(_registry.items()))


def make_pass(name: str, options: dict[str, OptionValue]) -> Pass:
    """Builds a pass from option values keyed as on the command line (`tile-size`)."""
    return _registry[name](**{key.replace("-", "_"): value for key, value in options.items()})
