"""Running phases on a module: what each leaves behind, what its passes counted and remarked, how they failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from powerfusion.compiled import Snapshot
from powerfusion.core._mlir import bytecode
from powerfusion.core.statistics import Statistics, collect
from powerfusion.errors import CompileError, PowerFusionError
from powerfusion.frontend.source import form_of
from powerfusion.mlir import ir
from powerfusion.mlir.passmanager import PassManager
from powerfusion.passes.analysis.ledger_program import location_text
from powerfusion.pipelines import Phase, check_contracts
from powerfusion.report import Remark

# The normal forms that hold in a source, by its form.
FORMS = {"linalg": frozenset[str](), "graph": frozenset({"graph-form"}), "tile": frozenset({"tile-form"})}


def run_phases(module: ir.Module, phases: Sequence[Phase], before: Sequence[str]) -> dict[str, Snapshot]:
    """Runs phases on a module in place.

    Args:
        module: In the form that the first phase takes.
        phases: In order.
        before: Phases that it is beyond already.

    Returns:
        What each leaves behind, by name; first the module as it came, where it is beyond a phase.
    """
    check_contracts(phases, FORMS[form_of(module)] if before else frozenset())
    module.context.load_all_available_dialects()
    snapshots = {name: Snapshot(name, bytecode(module.operation)) for name in before[-1:]}
    for phase in phases:
        statistics, remarks = run_phase(module, phase)
        snapshots[phase.name] = Snapshot(phase.name, bytecode(module.operation), statistics, remarks)
    return snapshots


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
