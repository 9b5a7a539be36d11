"""The Python side of the C++ that runs Python passes: registration, running, failing.

C++ registers a pass from `register_all`'s description of it and comes back through `run_pass`,
from any thread, under any host: `pf-opt`, this process's own pass managers, or a compiler that
embeds us.
"""

from __future__ import annotations

import importlib
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from powerfusion import knobs
from powerfusion._native import _pf
from powerfusion.core import passes, reproducer, statistics
from powerfusion.errors import PowerFusionError
from powerfusion.mlir import ir, passmanager

_registered = False
_user_errors: list[tuple[ir.Context, PowerFusionError]] = []
"""What passes raised on purpose, until whoever runs their pass manager has seen it."""
_lock = threading.RLock()


def register_all() -> None:
    """Registers every Python pass in MLIR's registry of this process; once, however often called."""
    global _registered
    with _lock:
        if _registered:
            return
        importlib.import_module("powerfusion.passes")  # Fills the registry.

        if knobs.TEST_PASSES.flag():
            importlib.import_module("powerfusion.core.testing_passes")
        for name, cls in passes.registered_passes().items():
            options = [(spec.name, spec.kind, spec.default, spec.help) for spec in cls.options()]
            _pf.register_pass(name, cls.summary(), cls.anchor, options)
        setattr(passmanager.PassManager, "run", _run_pass_manager)  # noqa: B010
        _registered = True


def opt_main(argv: Sequence[str]) -> int:
    """Runs mlir-opt's main with every pass of ours; returns its exit code."""
    register_all()
    return _pf.opt_main(list(argv))


def lsp_main(argv: Sequence[str]) -> int:
    """Runs mlir-lsp-server's main with GIR known to it; returns its exit code."""
    return _pf.lsp_main(list(argv))


@dataclass(frozen=True)
class Diagnostic:
    """An error that MLIR reported while a pass manager ran; has what `ir.MLIRError` prints."""

    location: ir.Location
    message: str
    notes: tuple[Diagnostic, ...] = ()


def _run_pass_manager(manager: passmanager.PassManager, operation: Any) -> None:
    """Stands in for the bindings' `PassManager.run`, which holds the GIL.

    With it, a Python pass on one of the pass manager's threads would wait for the thread that
    waits for it.
    """
    succeeded, errors = _pf.run_pass_manager(manager, operation, operation.context.emit_error_diagnostics)
    cause = _take_user_error(operation.context)
    if succeeded:
        return
    raise ir.MLIRError(
        "Failure while executing pass pipeline",
        [
            Diagnostic(location, message, tuple(Diagnostic(location, note) for note in notes))
            for location, message, notes in errors
        ],
    ) from cause


def _take_user_error(context: ir.Context) -> PowerFusionError | None:
    """The first error of a context's passes; forgets all of them."""
    with _lock:
        found = [error for where, error in _user_errors if where == context]
        _user_errors[:] = [(where, error) for where, error in _user_errors if where != context]
    return found[0] if found else None


@dataclass(frozen=True)
class Failure:
    """What C++ says about a pass that failed.

    Attributes:
        message: The error's text.
        location: A capsule of the error's location; `None` for the pass's op.
        notes: Texts of the notes that follow it.
        error: The exception.
        pass_name: The pass that raised it.
    """

    message: str
    location: Any
    notes: tuple[str, ...]
    error: BaseException
    pass_name: str

    @property
    def wants_reproducer(self) -> bool:
        """A user's error explains itself; anything else is for whoever debugs the pass."""
        return not isinstance(self.error, PowerFusionError)

    def write_reproducer(self, source: str, pipeline: str) -> str:
        """Writes the folder; returns a note that says where it is, or why there is none."""
        try:
            folder = reproducer.write(self.pass_name, source, pipeline, self.error, _pf.LLVM_VERSION)
        except OSError as problem:
            return f"a reproducer couldn't be written: {problem}"
        return f"reproducer: {folder}"


def run_pass(name: str, capsule: Any, options: dict[str, passes.OptionValue]) -> Failure | None:
    """Runs a pass on the op in `capsule`; C++ calls this with the GIL held."""
    op = _operation(capsule)
    try:
        with op.context, op.location, statistics.counting(op.context, name):
            passes.make_pass(name, options).run(op)
    except KeyboardInterrupt:
        raise
    except PowerFusionError as error:
        _user_errors.append((op.context, error))
        notes = (f"help: {error.help}",) if error.help else ()
        return Failure(error.message, _location_capsule(error), notes, error, name)
    except BaseException as error:
        text = f"pass '{name}' raised {_one_line(error)}"
        return Failure(text, _location_capsule(error), _where(error), error, name)
    return None


def _operation(capsule: Any) -> ir.Operation:
    """Wraps the op of a pass.

    The bindings take a context that they haven't made for theirs, and destroy it with the last
    reference. A host's context is the host's: its wrapper is never dropped.
    """
    contexts = ir.Context._get_live_count()
    op = ir.Operation._CAPICreate(capsule)
    if ir.Context._get_live_count() > contexts:
        _pf.keep_alive(op.context)
    return op


def _location_capsule(error: BaseException) -> Any:
    """The capsule of the location that an exception carries as `mlir_location`."""
    location = getattr(error, "mlir_location", None)
    return getattr(location, "_CAPIPtr") if isinstance(location, ir.Location) else None  # noqa: B009


def _one_line(error: BaseException) -> str:
    return " ".join("".join(traceback.format_exception_only(error)).split())


def _where(error: BaseException) -> tuple[str, ...]:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ()
    innermost = frames[-1]
    return (f"raised in {innermost.name}, {innermost.filename}:{innermost.lineno}",)


generalize_named_op = _pf.generalize_named_op
raw_elements = _pf.raw_elements
