"""Libraries that programs call for products of matrices: which is there, and how many threads it takes.

A program has a slot for the address of each routine that it calls, which is null until it is filled when the program is
loaded; where it stays null, the program computes the products itself. Looked for are, in this order:

- PyTorch, where the process has imported it: its `libtorch_cpu` exports BLAS;
- SciPy, where it is installed: `cython_blas` hands out BLAS' addresses, and says of which types their arguments are.

Both are called without Python. Their threads are their own; around a call of the program there are no more of them than
it has itself.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

ROUTINES = ("sgemm", "dgemm")
SIGNATURE = b"void (char *, char *, int *, int *, int *, "
"""How routines begin of whose numbers each has 32 bits."""


def slot_of(routine: str) -> str:
    """The symbol of the slot for a routine."""
    return f"pf_{routine}_slot"


def slots_in(code: bytes) -> tuple[str, ...]:
    """The routines that object code or a shared library has slots for."""
    return tuple(routine for routine in ROUTINES if b"\0" + slot_of(routine).encode() + b"\0" in code)


@dataclass(frozen=True)
class Library:
    """A library of routines.

    Attributes:
        name: What people call it.
        routines: Addresses, by name.
        get_threads: How many threads it takes.
        set_threads: Tells it how many.
        owner: Whatever must live as long as it is called.
    """

    name: str
    routines: Mapping[str, int]
    get_threads: Callable[[], int] | None = None
    set_threads: Callable[[int], object] | None = None
    owner: object = None

    def hold(self, threads: int) -> int | None:
        """Has it take no more threads than some; gives what it took before, if that was another number."""
        if self.get_threads is None or self.set_threads is None:
            return None
        before = self.get_threads()
        if before <= threads:
            return None
        self.set_threads(threads)
        return before

    def release(self, before: int | None) -> None:
        """Has it take as many as before it was held; others that hold it, too, may have been told what it was then."""
        if before is not None and self.get_threads is not None and self.set_threads is not None:
            self.set_threads(max(before, self.get_threads()))


def find_library() -> Library | None:
    """The library that programs call, None where there is none."""
    return _torch() or _scipy()


def fill(routines: Iterable[str], place_of: Callable[[str], int]) -> Library | None:
    """Fills a program's slots.

    Args:
        routines: Those that it has slots for.
        place_of: Gives the address of a symbol of its.

    Returns:
        The library that they are of; None where there is none, or no slot.
    """
    wanted = list(routines)
    library = find_library() if wanted else None
    if library is None:
        return None
    for routine in wanted:
        if routine in library.routines:
            ctypes.c_void_p.from_address(place_of(slot_of(routine))).value = library.routines[routine]
    return library


def _torch() -> Library | None:
    """What PyTorch brings, where it is imported."""
    torch = sys.modules.get("torch")
    place = getattr(torch, "__file__", None)
    if torch is None or place is None or not hasattr(torch, "set_num_threads"):
        return None
    with suppress(OSError):
        loaded = ctypes.CDLL(str(Path(place).parent / "lib" / "libtorch_cpu.so"))
        found = {name: _address(loaded, f"{name}_") for name in ROUTINES if hasattr(loaded, f"{name}_")}
        if found:
            return Library("PyTorch", found, torch.get_num_threads, torch.set_num_threads, loaded)
    return None


def _address(library: ctypes.CDLL, name: str) -> int:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0


def _scipy() -> Library | None:
    """What SciPy brings, where it is installed."""
    try:
        cython_blas = import_module("scipy.linalg.cython_blas")
    except ImportError:
        return None
    found = {name: _pointer(cython_blas.__pyx_capi__.get(name)) for name in ROUTINES}
    threads = _openblas_threads()
    return Library("SciPy", {name: place for name, place in found.items() if place}, *threads, cython_blas)


def _pointer(capsule: Any) -> int:
    """The address in a capsule, 0 where its signature is another one."""
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    name = None if capsule is None else name_of(capsule)
    return pointer_of(capsule, name) if name is not None and name.startswith(SIGNATURE) else 0


def _openblas_threads() -> tuple[Callable[[], int], Callable[[int], object]] | tuple[None, None]:
    """How the OpenBLAS in SciPy's wheels is asked for its threads, and told; None where it is another BLAS."""
    with suppress(OSError):
        mapped = Path("/proc/self/maps").read_text(errors="replace").splitlines()
        for path in sorted({line.split(maxsplit=5)[-1] for line in mapped if "libscipy_openblas" in line}):
            library = ctypes.CDLL(path)
            with suppress(AttributeError):
                return library.scipy_openblas_get_num_threads, library.scipy_openblas_set_num_threads
    return None, None
