"""Compiling and running: what `pf.compile` gives back."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from powerfusion._native import _pf
from powerfusion._native._host import HostEngine
from powerfusion.core.toolchain import openmp_library
from powerfusion.errors import CompileError, PowerFusionError, UnsupportedError
from powerfusion.frontend.source import form_of, is_public, read_module, signature_of
from powerfusion.machines.host import host
from powerfusion.machines.model import Machine
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.analysis.ledger import report_of
from powerfusion.pipelines import PIPELINES, Phase, check_contracts
from powerfusion.report import Report
from powerfusion.runtime.artifact import Contents, save_artifact
from powerfusion.runtime.host import HostFunction
from powerfusion.runtime.signature import DTYPES, Array, Signature

# Where a source's form enters the pipeline, and the normal forms that hold there.
FIRST_PHASE = {"linalg": "import", "graph": "raise", "tile": "lower"}
FORMS = {"linalg": frozenset[str](), "graph": frozenset({"graph-form"}), "tile": frozenset({"tile-form"})}
ENTRY = "_mlir__mlir_ciface_pf_main"
OPTIMIZATION_LEVEL = 3


@dataclass(frozen=True)
class Snapshot:
    """A module after a phase, as bytecode: small, exact, and free of its context."""

    phase: str
    bytecode: bytes


class Executable:
    """A compiled program of the host; call it on arrays.

    Attributes:
        signature: What it takes and gives.
        target: What it was compiled for.
    """

    def __init__(self, target: str, signature: Signature, snapshots: Sequence[Snapshot], module: ir.Module) -> None:
        self.target = target
        self.signature = signature
        self._snapshots = {snapshot.phase: snapshot for snapshot in snapshots}
        self._module = module

    def __call__(self, *arrays: Any) -> Any:
        """Runs the program.

        Args:
            arrays: One per argument, NumPy or DLPack, of the dtypes and sizes of the signature.

        Returns:
            The result, a tuple of several, or None; of the inputs' kind (NumPy, torch, JAX).

        Raises:
            InputError: The arrays don't fit the signature.
            AssertionFailedError: An assertion of the program failed.
        """
        return self._function(*arrays)

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of the phases, in order."""
        return tuple(self._snapshots)

    def module(self, phase: str) -> ir.Module:
        """The module after a phase, in a context of its own."""
        if phase not in self._snapshots:
            raise PowerFusionError(f"expected a phase of {', '.join(self._snapshots)}, got '{phase}'")
        return read_module(self._snapshots[phase].bytecode)

    def ir(self, phase: str) -> str:
        """The program's MLIR after a phase: import, raise, simplify, place, tile, lower or llvm."""
        return str(self.module(phase))

    def report(self, shapes: Mapping[int, tuple[int, ...]] | None = None, *, machine: Machine | None = None) -> Report:
        """What the program moves, per kernel and level, beside the least that it must.

        Args:
            shapes: Shapes of arguments by position, for dynamic sizes; by default those of the
                last call, and open sizes where there was none.
            machine: Whose transactions and caches count; by default this machine.

        Raises:
            UnsupportedError: The program came in tile form, which is what it moves already.
        """
        if "simplify" not in self._snapshots:
            raise UnsupportedError(
                "a program that comes in tile form has no report",
                help="pf-opt --gir-ledger=format=table counts what it moves",
            )
        given = self._last_shapes if shapes is None else shapes
        naive, counted_for = self.module("raise"), machine or host()
        if "place" in self._snapshots:
            try:
                return report_of(self.module("place"), naive, given, counted_for, "place")
            except UnsupportedError:
                pass  # While sizes are open a nest can't be counted; what it is made from can.
        return report_of(self.module("simplify"), naive, given, counted_for, "simplify")

    @property
    def _last_shapes(self) -> Mapping[int, tuple[int, ...]]:
        """Shapes of the arguments of the last call."""
        called = self.__dict__.get("_function")
        return {} if called is None else dict(enumerate(called.last_shapes))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the program as an artifact, which `powerfusion.load` runs without this compiler.

        Raises:
            ArtifactError: It can't be written; what was at the path is as it was.
            CompileError: The code can't be linked.
        """
        from powerfusion import __version__
        from powerfusion.emit.host_object import build_library

        code = build_library(self.module("llvm"), OPTIMIZATION_LEVEL)
        has_report = "simplify" in self._snapshots
        report = self.report(shapes={}).to_json() if has_report else None  # whatever was called before
        saved = Contents(__version__, self.target, self.signature, code, self._constants, self._assertions, report)
        save_artifact(path, saved)

    @cached_property
    def _engine(self) -> HostEngine:
        try:
            return HostEngine(self._module, OPTIMIZATION_LEVEL, [str(openmp_library())])
        except RuntimeError as error:
            raise CompileError(f"LLVM made no code: {error}") from error

    @cached_property
    def _function(self) -> HostFunction:
        engine = self._engine
        address = engine.lookup(ENTRY)
        return HostFunction(address, self.signature, self._constants, self._assertions, engine)

    @cached_property
    def _constants(self) -> list[Array]:
        module = self.module("tile")
        found = (op.operation for op in module.body.operations if op.operation.name == "func.func")
        function = next(filter(is_public, found))
        if "arg_attrs" not in function.attributes:
            return []
        marked = [mark["gir.constant"] for mark in function.attributes["arg_attrs"] if "gir.constant" in mark]
        return [elements_of(attribute) for attribute in marked]

    @cached_property
    def _assertions(self) -> list[str]:
        module = self.module("lower")
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


def compile_source(source: Any, target: str = "cpu", *, until: str | None = None) -> Executable:
    """Compiles a source for a target; see `powerfusion.compile`.

    Args:
        source: Whatever `read_module` takes.
        target: A key of `PIPELINES`.
        until: The last phase to run; what comes back then can be looked at, not called.
    """
    phases = PIPELINES.get(target)
    if phases is None:
        raise UnsupportedError(f"expected a target of {', '.join(PIPELINES)}, got '{target}'")
    module = read_module(source)
    names = [phase.name for phase in phases]
    start = names.index(FIRST_PHASE[form_of(module)])
    end = names.index(until) + 1 if until else len(phases)
    return compile_module(module, phases[start:end], target, before=names[:start])


def compile_phases(source: Any, phases: Sequence[Phase], target: str) -> Executable:
    """Takes a source through some phases, keeping what each leaves behind."""
    return compile_module(read_module(source), phases, target, before=())


def compile_module(module: ir.Module, phases: Sequence[Phase], target: str, *, before: Sequence[str]) -> Executable:
    """Takes a module through some phases, in place.

    Args:
        module: In the form that the first phase takes.
        phases: In order.
        target: What it is compiled for.
        before: Phases that it is beyond already; it stands for what the last of them leaves behind.
    """
    check_contracts(phases, FORMS[form_of(module)] if before else frozenset())
    signature = signature_of(module)
    snapshots = [Snapshot(name, _bytecode(module)) for name in before[-1:]]
    for phase in phases:
        run_phase(module, phase)
        snapshots.append(Snapshot(phase.name, _bytecode(module)))
    return Executable(target, signature, snapshots, module)


def run_phase(module: ir.Module, phase: Phase) -> None:
    """Runs one phase on a module in place.

    Raises:
        UnsupportedError: A pass said what it can't take.
        CompileError: A pass failed or left IR that doesn't verify.
    """
    with module.context:
        try:
            PassManager.parse(phase.pipeline).run(module.operation)
        except ir.MLIRError as error:
            raise _failure(phase, error) from error


def _failure(phase: Phase, error: ir.MLIRError) -> PowerFusionError:
    cause = error.__cause__
    if isinstance(cause, PowerFusionError):
        return cause
    for diagnostic in error.error_diagnostics:
        where = str(diagnostic.location)
        message = str(diagnostic.message).partition("\n")[0]
        return CompileError(f"{message} (in phase '{phase.name}')", location=where, help=_notes(diagnostic))
    return CompileError(f"phase '{phase.name}' failed: {error}")


def _notes(diagnostic: ir.DiagnosticInfo) -> str | None:
    """What a diagnostic's notes say; the op itself, as MLIR shows it, is left to `pf-opt`."""
    notes = [str(note.message).partition("\n")[0] for note in diagnostic.notes]
    kept = [note for note in notes if not note.startswith("see current operation")]
    return "; ".join(kept).removeprefix("help: ") or None


def _bytecode(module: ir.Module) -> bytes:
    stream = io.BytesIO()
    module.operation.write_bytecode(stream)
    return stream.getvalue()
