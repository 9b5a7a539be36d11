"""What can go wrong, as a taxonomy: every error a user meets derives from `PowerFusionError`.

An error has a message (what is wrong, lower case, no full stop), where it is, and, where we know
it, what to do. `str(error)` holds all three; the command line prints exactly that.
"""

from __future__ import annotations

import re

NOT_THE_USERS = ("site-packages/", "dist-packages/", "powerfusion/frontend/")
"""What paths of lines hold that aren't the model's."""
_FRAME = re.compile(r'"[^"]+":\d+:\d+')


class PowerFusionError(Exception):
    """Base of every error that PowerFusion raises on purpose.

    Args:
        message: What is wrong.
        location: Where, as `file:line:column` or as an MLIR location (`op.location`).
        help: What the user can do about it.

    Attributes:
        mlir_location: The MLIR location, where that was given; a pass's error is reported there.
    """

    def __init__(self, message: str, *, location: object | None = None, help: str | None = None) -> None:
        self.message = message
        self.location = None if location is None else location_text(str(location))
        self.mlir_location = None if isinstance(location, str) else location
        self.help = help
        super().__init__(message)

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        what_to_do = f"\nhelp: {self.help}" if self.help else ""
        return f"{where}{self.message}{what_to_do}"


def location_text(text: str) -> str:
    """`loc("in.mlir":3:10)` as every other tool writes it: `in.mlir:3:10`; text has no name.

    Of a stack of calls, as importers of models write it, the innermost line that is the model's own.
    """
    if text.startswith("loc(") and text.endswith(")"):
        text = text[len("loc(") : -1]
    if "callsite(" in text and (frames := _FRAME.findall(text)):
        own = [frame for frame in frames if not any(folder in frame for folder in NOT_THE_USERS)]
        text = (own or frames)[0]
    return text.replace('"-":', "<text>:").replace('"', "")


class SourceError(PowerFusionError):
    """The source can't be read: malformed MLIR, a missing file, no public function or several."""


class UnsupportedError(PowerFusionError):
    """The program holds something that no pass can take; names the op, its location and a way out."""


class CapacityError(UnsupportedError):
    """What is needed at once doesn't fit into a memory; smaller tiles may."""


class InputError(PowerFusionError):
    """Arrays at a call don't fit the signature: number, dtype, rank or sizes."""


class CertificateError(PowerFusionError):
    """A certificate of a placement isn't one, or what it says doesn't hold; says what."""


class AssertionFailedError(PowerFusionError):
    """A `cf.assert` of the program failed while it ran; the message is the program's own."""


class CompileError(PowerFusionError):
    """A pass failed or IR didn't verify: a bug of ours or of a pass that was plugged in."""


class ContractError(PowerFusionError):
    """A pipeline was put together wrongly: a pass stands where a form that it requires doesn't hold."""


class ArtifactError(PowerFusionError):
    """An artifact can't be loaded: cut off, tampered with, or made for another machine."""


class ToolError(PowerFusionError):
    """A tool, library or device that this needs isn't there or can't be used."""


class DeviceError(ToolError):
    """A device or its driver isn't there, is another one, has too little memory, or failed."""


class SimulationError(PowerFusionError):
    """A simulated device found that code is wrong, or doesn't know what it means; names line, op, group or thread."""


class MachineError(PowerFusionError):
    """A machine isn't known, its file is wrong, or it lacks what it is asked for."""


class InterpretationError(PowerFusionError):
    """The reference interpreter found that a program has no meaning; names the instruction and its location."""


class UninitialisedRead(InterpretationError):
    """An element was read that nothing had written."""


class OutOfBounds(InterpretationError):
    """A window leaves the memory that it is a window of, or an extent its tile."""


class Race(InterpretationError):
    """Two instances touch one element without a barrier between them, and one of them writes."""


class OverCapacity(InterpretationError):
    """What lives in a space at once is more than the space holds."""


class PendingCopy(InterpretationError):
    """A window was touched while a copy to it or from it was under way."""


class LeakedToken(InterpretationError):
    """A copy was begun and nobody waited for it."""


class DivergentSync(InterpretationError):
    """Not every instance of a scope reached the same barrier or collective."""


class UnspecifiedUse(InterpretationError):
    """An element past an edge, which may hold anything, had an influence on something that is kept."""


class WrongPass(InterpretationError):
    """A value was used in a pass in which it isn't there: a reduction's in its own, or a tile of another pass."""
