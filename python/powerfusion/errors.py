"""What can go wrong, as a taxonomy: every error a user meets derives from `PowerFusionError`.

An error has a message (what is wrong, lower case, no full stop), where it is, and, where we know
it, what to do. `str(error)` holds all three; the command line prints exactly that.
"""

from __future__ import annotations


class PowerFusionError(Exception):
    """Base of every error that PowerFusion raises on purpose.

    Args:
        message: What is wrong.
        location: Where, as `file:line:column` or an MLIR location's text.
        help: What the user can do about it.
    """

    def __init__(self, message: str, *, location: str | None = None, help: str | None = None) -> None:
        self.message = message
        self.location = location
        self.help = help
        super().__init__(message)

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        what_to_do = f"\nhelp: {self.help}" if self.help else ""
        return f"{where}{self.message}{what_to_do}"


class SourceError(PowerFusionError):
    """The source can't be read: malformed MLIR, a missing file, no public function or several."""


class UnsupportedError(PowerFusionError):
    """The program holds something that no pass can take; names the op, its location and a way out."""


class InputError(PowerFusionError):
    """Arrays at a call don't fit the signature: number, dtype, rank or sizes."""


class AssertionFailedError(PowerFusionError):
    """A `cf.assert` of the program failed while it ran; the message is the program's own."""


class CompileError(PowerFusionError):
    """A pass failed or IR didn't verify: a bug of ours or of a pass that was plugged in."""


class ArtifactError(PowerFusionError):
    """An artifact can't be loaded: cut off, tampered with, or made for another machine."""


class ToolError(PowerFusionError):
    """A tool, library or device that this needs isn't there or can't be used."""
