"""What compiling leaves behind: the module after each phase, and the code of the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from powerfusion._native import _pf
from powerfusion.core.statistics import STOPPED
from powerfusion.emit.host_object import object_code
from powerfusion.errors import UnsupportedError
from powerfusion.frontend.source import is_public, read_module
from powerfusion.mlir import ir
from powerfusion.report import Remark
from powerfusion.runtime.signature import DTYPES, Array


@dataclass(frozen=True)
class Snapshot:
    """A module after a phase, as bytecode: small, exact, and free of its context; and what its passes did and said."""

    phase: str
    bytecode: bytes
    statistics: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, dict[str, int]])
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class HostProgram:
    """All that a call needs.

    Attributes:
        object: Object code that exports the packed C interface of `pf_main`.
        constants: Arrays passed behind the callers' own arguments.
        assertions: Messages of the program's assertions, in the order of their numbers.
    """

    object: bytes
    constants: Sequence[Array]
    assertions: Sequence[str]


def was_stopped(snapshots: Iterable[Snapshot]) -> bool:
    """Whether a pass stopped because of the time that it took: another time it may find something else."""
    return any(STOPPED in counts for snapshot in snapshots for counts in snapshot.statistics.values())


class LazySnapshots(Mapping[str, Snapshot]):
    """Snapshots by phase, of which only the names are known until one is looked at.

    Args:
        phases: Their names, in order.
        load: Gives all of them.
    """

    def __init__(self, phases: Sequence[str], load: Callable[[], Mapping[str, Snapshot]]) -> None:
        self._phases = tuple(phases)
        self._load = load

    @cached_property
    def _loaded(self) -> Mapping[str, Snapshot]:
        return self._load()

    def __getitem__(self, phase: str) -> Snapshot:
        return self._loaded[phase]

    def __contains__(self, phase: object) -> bool:
        return phase in self._phases

    def __iter__(self) -> Iterator[str]:
        return iter(self._phases)

    def __len__(self) -> int:
        return len(self._phases)


def make_program(snapshots: Mapping[str, Snapshot], level: int) -> HostProgram:
    """Makes the host's code of a program that went through all phases.

    Args:
        snapshots: By phase.
        level: LLVM's level of optimisation, 0 to 3.

    Raises:
        CompileError: LLVM refused the program.
    """
    tile, lower, llvm = (read_module(snapshots[phase].bytecode, lazy=True) for phase in ("tile", "lower", "llvm"))
    return HostProgram(object_code(llvm, level), constants_of(tile), assertions_of(lower))


def constants_of(module: ir.Module) -> list[Array]:
    """The constants of a program in tile form, which its function takes behind its arguments."""
    found = (op.operation for op in module.body.operations if op.operation.name == "func.func")
    function = next(filter(is_public, found))
    if "arg_attrs" not in function.attributes:
        return []
    marked = [mark["gir.constant"] for mark in function.attributes["arg_attrs"] if "gir.constant" in mark]
    return [elements_of(attribute) for attribute in marked]


def assertions_of(module: ir.Module) -> list[str]:
    """The messages of the assertions of a lowered program."""
    found = (op.operation for op in module.body.operations if op.operation.name == "func.func")
    function = next(op for op in found if "gir.assertions" in op.attributes)
    return [ir.StringAttr(message).value for message in function.attributes["gir.assertions"]]


def elements_of(attribute: ir.Attribute) -> Array:
    """The elements of a dense or dense_resource constant as an array."""
    type_: Any = attribute.type
    dtype = DTYPES[str(type_.element_type)]
    raw = _pf.raw_elements(attribute, expand_splat=True)
    if raw is None:
        raise UnsupportedError(f"a constant of type {type_} without its elements", help="keep the resource section")
    return np.frombuffer(raw[0], dtype=dtype).reshape(tuple(type_.shape))
