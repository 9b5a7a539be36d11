"""Types of GIR programs as plain data: element, shape, and where a value is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from powerfusion.core._mlir import DYNAMIC
from powerfusion.dialects.gir import AtAttr
from powerfusion.errors import UnsupportedError
from powerfusion.mlir import ir
from powerfusion.runtime.signature import DTYPES as DTYPES
from powerfusion.runtime.signature import Array as Array

FLOATS = ("f64", "f32", "f16", "bf16", "f8E4M3FN", "f8E5M2")


@dataclass(frozen=True)
class Type:
    """A value's type.

    Attributes:
        kind: tensor, memref, a scalar number, or a token.
        element: The element type as MLIR writes it, "f32"; empty for a token.
        shape: Sizes, None where dynamic.
        level: `dram`, `sram` or `reg`; None for the plain values between kernels.
        space: The space that `#gir.at` names, empty where it names none.
    """

    kind: Literal["tensor", "memref", "scalar", "token"]
    element: str = ""
    shape: tuple[int | None, ...] = ()
    level: str | None = None
    space: str = ""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of the elements; i1 is a byte."""
        return DTYPES[self.element]

    @property
    def is_float(self) -> bool:
        """True for the six floating-point types."""
        return self.element in FLOATS

    @property
    def place(self) -> tuple[str | None, str]:
        """Level and space: what tells one memory from another."""
        return self.level, self.space


def type_of(type_: Any) -> Type:
    """Reads a type off MLIR's.

    Raises:
        UnsupportedError: Its elements are of a type that the interpreter has no NumPy type for.
    """
    match type_:
        case ir.RankedTensorType():
            return Type("tensor", _element(type_.element_type), _shape(type_), *_place(type_.encoding))
        case ir.MemRefType():
            return Type("memref", _element(type_.element_type), _shape(type_), *_place(type_.memory_space))
        case _ if str(type_) == "!gir.token":
            return Type("token")
        case _:
            return Type("scalar", _element(type_))


def _element(type_: Any) -> str:
    name = str(type_)
    if name not in DTYPES:
        raise UnsupportedError(f"expected elements of {', '.join(DTYPES)}, got {name}")
    return name


def _shape(type_: Any) -> tuple[int | None, ...]:
    return tuple(None if size == DYNAMIC else size for size in type_.shape)


def _place(at: Any) -> tuple[str | None, str]:
    if at is None or not AtAttr.isinstance(at):
        return None, ""
    read: Any = AtAttr(at)
    return read.level, read.space
