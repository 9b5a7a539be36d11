"""Compiling and running: what `pf.compile` gives back."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from powerfusion._native import _pf
from powerfusion._native._host import HostEngine
from powerfusion.core.statistics import Statistics, collect
from powerfusion.core.toolchain import openmp_library
from powerfusion.errors import CompileError, MachineError, PowerFusionError, UnsupportedError
from powerfusion.frontend.source import form_of, is_public, read_module, signature_of
from powerfusion.machines.host import host
from powerfusion.machines.model import Machine
from powerfusion.machines.table import HOST, find
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.analysis.ledger import report_of
from powerfusion.passes.analysis.ledger_program import location_text
from powerfusion.passes.analysis.phase_report import phase_report_of
from powerfusion.pipelines import COUNTED, GRAPH, PIPELINES, Phase, check_contracts, phases_for
from powerfusion.report import PhaseReport, Remark, Report
from powerfusion.runtime.artifact import Contents, save_artifact
from powerfusion.runtime.c_function import CFunction, Code
from powerfusion.runtime.shared_library import ALLOCATE, ENTRY, FREE, load_c_program
from powerfusion.runtime.signature import DTYPES, Array, Signature

if TYPE_CHECKING:
    from powerfusion.emit.c_library import CLibrary
    from powerfusion.emit.portable import Source

# Where a source's form enters the pipeline, and the normal forms that hold there.
FIRST_PHASES = {"linalg": ("import",), "graph": ("raise",), "tile": ("schedule", "lower")}
FORMS = {"linalg": frozenset[str](), "graph": frozenset({"graph-form"}), "tile": frozenset({"tile-form"})}
OPTIMIZATION_LEVEL = 3


@dataclass(frozen=True)
class Snapshot:
    """A module after a phase, as bytecode: small, exact, and free of its context; and what its passes did and said."""

    phase: str
    bytecode: bytes
    statistics: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()


class Executable:
    """A compiled program; call it on arrays, where it is compiled to the end and for the host.

    Attributes:
        signature: What it takes and gives.
        target: What it was compiled for.
    """

    def __init__(
        self,
        target: str,
        signature: Signature,
        snapshots: Sequence[Snapshot],
        module: ir.Module,
        machine: Machine | None = None,
    ) -> None:
        self.target = target
        self.signature = signature
        self._snapshots = {snapshot.phase: snapshot for snapshot in snapshots}
        self._module = module
        self._machine = machine

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """Runs the program.

        Args:
            arrays: One per argument, NumPy or DLPack, of the dtypes and sizes of the signature. Contiguous ones are
                read where they are, others are copied first.
            out: Where results go: an array, or for several results a tuple, None for those that are made. They must
                be contiguous, writable, of just the result's dtype and shape, and overlap nothing else.

        Returns:
            The result, a tuple of several, or None; of the inputs' kind (NumPy, torch, JAX), or what `out` was.

        Raises:
            InputError: The arrays don't fit the signature.
            AssertionFailedError: An assertion of the program failed.
        """
        return self._function(*arrays, out=out)

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

    @property
    def machine(self) -> Machine:
        """The machine that it was placed for, whose transactions and caches count unless another is asked for."""
        return self._machine or host()

    def report(
        self,
        shapes: Mapping[int, tuple[int, ...]] | None = None,
        *,
        machine: Machine | None = None,
        phase: str | None = None,
    ) -> Report:
        """What the program moves, per kernel and level, beside the least that it must.

        Args:
            shapes: Shapes of arguments by position, for dynamic sizes; by default those of the
                last call, and open sizes where there was none.
            machine: Whose transactions and caches count; by default the one that it was placed for.
            phase: The phase after which it is counted, one of `COUNTED`; by default the last in graph form.

        Raises:
            PowerFusionError: The phase wasn't run.
            UnsupportedError: The program can't be counted there while sizes are open.
        """
        given = self._last_shapes if shapes is None else shapes
        if phase is not None:
            return self._report(phase, given, machine)
        graphs = self._graphs or self._counted[-1:]
        if graphs[-1] == "place":
            try:
                return self._report("place", given, machine)
            except UnsupportedError:
                graphs = (
                    graphs[:-1] or graphs
                )  # While sizes are open a nest can't be counted; what it is made from can.
        return self._report(graphs[-1], given, machine)

    def phase_reports(
        self, shapes: Mapping[int, tuple[int, ...]] | None = None, *, machine: Machine | None = None
    ) -> tuple[PhaseReport, ...]:
        """What the program moves as each phase leaves it, in order; arguments as of `report`."""
        given = self._last_shapes if shapes is None else shapes
        return tuple(
            phase_report_of(self.module(name), given, machine or self.machine, name, self._snapshots[name].statistics)
            for name in self._counted
        )

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What passes said about places of the program, in the order of phases."""
        return tuple(remark for snapshot in self._snapshots.values() for remark in snapshot.remarks)

    def _report(self, phase: str, given: Mapping[int, tuple[int, ...]], machine: Machine | None) -> Report:
        module, graphs = self.module(phase), self._graphs
        naive = self.module(graphs[0]) if graphs else None
        graph = module if phase in graphs else self.module(graphs[-1]) if graphs else None
        return report_of(module, naive, given, machine or self.machine, phase, graph)

    @property
    def _counted(self) -> list[str]:
        """The phases whose bytes can be counted."""
        return [name for name in self._snapshots if name in COUNTED]

    @cached_property
    def _graphs(self) -> list[str]:
        """Those that leave graph form behind."""
        return [name for name in self._counted if name in GRAPH]

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

        self._check_code()
        code = build_library(self.module("llvm"), OPTIMIZATION_LEVEL)
        report = self.report(shapes={}).to_json() if self._graphs else None  # whatever was called before
        saved = Contents(__version__, self.target, self.signature, code, self._constants, self._assertions, report)
        save_artifact(path, saved)

    @cached_property
    def c_source(self) -> Source:
        """The program as a file of C and its header; of target c.

        Raises:
            UnsupportedError: It is compiled for another target, or not to the end.
        """
        from powerfusion.emit.portable import translate

        self._check_code("c")
        return translate(self.module(self.phases[-1]), self.signature, self._note())

    def c_library(self, file_name: str) -> CLibrary:
        """The program as machine code for callers in C, and its header; of target cpu.

        Args:
            file_name: The file's, without folders: `kernel.o`, `libkernel.a` or `libkernel.so`; the header says it.

        Raises:
            UnsupportedError: It has another suffix, or the program is for another target, or not compiled to the end.
            CompileError: LLVM refused it.
            ToolError: One of LLVM's tools isn't there.
        """
        from powerfusion.emit.c_library import build_c_library
        from powerfusion.emit.host_object import object_code

        self._check_code()
        code = object_code(self.module("llvm"), OPTIMIZATION_LEVEL)
        return build_c_library(code, self.signature, self._constants, self._assertions, file_name, self._note())

    def _note(self) -> str:
        """What a program in C says on top: its name and what it moves, as far as that can be counted."""
        note = f"{self.signature.name}, by PowerFusion\n"
        if not self._graphs:
            return note
        with suppress(UnsupportedError):  # While sizes are open, bytes are too.
            note += f"\n{self.report(shapes={})}\n"
        return note

    def _check_code(self, target: str = "cpu") -> None:
        if self.target != target and self.target in PIPELINES:
            raise UnsupportedError(
                f"expected a program for {target}, got one for {self.target}",
                help=f"compile it with target='{target}'",
            )
        if list(self._snapshots)[-1:] != [PIPELINES[target][-1].name]:
            raise UnsupportedError(
                f"this program is compiled up to phase '{[*self._snapshots][-1]}' of {self.target}: it has no code",
                help="it can be looked at; powerfusion.compile makes code",
            )

    @cached_property
    def _engine(self) -> HostEngine:
        self._check_code()
        try:
            return HostEngine(self._module, OPTIMIZATION_LEVEL, [str(openmp_library())])
        except RuntimeError as error:
            raise CompileError(f"LLVM made no code: {error}") from error

    @cached_property
    def _function(self) -> CFunction:
        if self.target == "c":
            return self._c_function
        engine = self._engine
        code = Code(engine.lookup(ENTRY), engine.lookup(ALLOCATE), engine.lookup(FREE), engine)
        return CFunction(code, self.signature, self._assertions, self._constants)

    @cached_property
    def _c_function(self) -> CFunction:
        from powerfusion.emit.portable import build

        source = self.c_source
        return CFunction(load_c_program(build(source), source.name), self.signature, source.messages)

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


def compile_source(
    source: Any, target: str = "cpu", *, until: str | None = None, after: str | None = None, remarks: bool = False
) -> Executable:
    """Compiles a source for a target that code is made for; see `powerfusion.compile`.

    Args:
        source: Whatever `read_module` takes.
        target: A key of `PIPELINES`.
        until: The last phase to run; what comes back then can be looked at, not called.
        after: The phase that the source is after already; by default as its form says.
        remarks: Whether passes say why they did what they did; `Executable.remarks` has it.
    """
    check_target(target)
    machine = None if target == HOST else find(target)
    return _compile_between(source, _asked(PIPELINES[target], remarks), target, until, after, machine)


def compile_for(
    source: Any, machine: str, *, until: str | None = None, after: str | None = None, remarks: bool = False
) -> Executable:
    """Takes a source through the phases that any machine has: what comes back can be looked at, not called.

    Args:
        source: Whatever `read_module` takes.
        machine: What `powerfusion.machines.table.find` takes.
        until: The last phase to run.
        after: The phase that the source is after already; by default as its form says.
        remarks: Whether passes say why they did what they did.
    """
    return _compile_between(source, _asked(phases_for(machine), remarks), machine, until, after, find(machine))


def _asked(phases: Sequence[Phase], remarks: bool) -> Sequence[Phase]:
    """Phases whose passes say why, where that is wanted."""
    return [phase.with_option("remarks", "true") for phase in phases] if remarks else phases


def check_target(target: str) -> None:
    """Makes sure that code is made for a target.

    Raises:
        UnsupportedError: It isn't, or nobody knows the target.
    """
    if target in PIPELINES:
        return
    known = ", ".join(PIPELINES)
    try:
        find(target)
    except MachineError as error:
        raise UnsupportedError(f"expected a target of {known}, got '{target}'", help=error.help) from None
    raise UnsupportedError(
        f"code for '{target}' isn't made yet; it is for {known}",
        help=f"`pf explain IN --target {target}` shows what the program would move there",
    )


def _compile_between(
    source: Any, phases: Sequence[Phase], target: str, until: str | None, after: str | None, machine: Machine | None
) -> Executable:
    """Takes a source through what of some phases it isn't beyond already."""
    module = read_module(source)
    names = [phase.name for phase in phases]
    for name in filter(None, (until, after)):
        if name not in names:
            raise UnsupportedError(f"expected a phase of {', '.join(names)} for {target}, got '{name}'")
    end = names.index(until) + 1 if until else len(phases)
    firsts = FIRST_PHASES[form_of(module)]
    start = names.index(after) + 1 if after else next(at for at, name in enumerate(names) if name in firsts)
    return compile_module(module, phases[start:end], target, before=names[:start], machine=machine)


def compile_phases(source: Any, phases: Sequence[Phase], target: str) -> Executable:
    """Takes a source through some phases, keeping what each leaves behind."""
    return compile_module(read_module(source), phases, target, before=())


def compile_module(
    module: ir.Module, phases: Sequence[Phase], target: str, *, before: Sequence[str], machine: Machine | None = None
) -> Executable:
    """Takes a module through some phases, in place.

    Args:
        module: In the form that the first phase takes.
        phases: In order.
        target: What it is compiled for.
        before: Phases that it is beyond already; it stands for what the last of them leaves behind.
        machine: What it is placed for, where that isn't the host.
    """
    check_contracts(phases, FORMS[form_of(module)] if before else frozenset())
    signature = signature_of(module)
    snapshots = [Snapshot(name, _bytecode(module)) for name in before[-1:]]
    for phase in phases:
        statistics, remarks = run_phase(module, phase)
        snapshots.append(Snapshot(phase.name, _bytecode(module), statistics, remarks))
    return Executable(target, signature, snapshots, module, machine)


def run_phase(module: ir.Module, phase: Phase) -> tuple[Statistics, tuple[Remark, ...]]:
    """Runs one phase on a module in place.

    Returns:
        What its passes counted, and what they remarked.

    Raises:
        UnsupportedError: A pass said what it can't take.
        CompileError: A pass failed or left IR that doesn't verify.
    """
    with module.context as context, collect(context) as statistics, _heard(context, phase.name) as remarks:
        try:
            PassManager.parse(phase.pipeline).run(module.operation)
        except ir.MLIRError as error:
            raise _failure(phase, error) from error
    return statistics, tuple(remarks)


@contextmanager
def _heard(context: ir.Context, phase: str) -> Iterator[list[Remark]]:
    """Collects the remarks that passes emit on a context."""
    remarks: list[Remark] = []

    def handle(diagnostic: ir.Diagnostic) -> bool:
        if diagnostic.severity != ir.DiagnosticSeverity.REMARK:
            return False
        notes = tuple(note.message for note in diagnostic.notes)
        remarks.append(Remark(phase, location_text(diagnostic.location), diagnostic.message, notes))
        return True

    handler = context.attach_diagnostic_handler(handle)
    try:
        yield remarks
    finally:
        handler.detach()


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
