"""Which placement of a program was measured to be the quickest: a few bytes, under a key of their own."""

from __future__ import annotations

import hashlib

from powerfusion.cache.files import Files


def read_choice(files: Files, key: str) -> int:
    """The candidate that `pf tune` kept for a program; 0, the model's choice, where it kept none.

    Args:
        files: The cache.
        key: Of the program, as it is placed by the model.
    """
    found = files.read(_place(key))
    text = b"" if found is None else bytes(found)
    return int(text) if text.isdigit() else 0


def write_choice(files: Files, key: str, candidate: int) -> None:
    """Keeps a candidate, or warns why that can't be."""
    files.write(_place(key), [str(candidate).encode("ascii")])


def _place(key: str) -> str:
    return hashlib.sha256(f"choice {key}".encode("ascii")).hexdigest()
