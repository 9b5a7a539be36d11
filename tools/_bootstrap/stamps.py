"""What is already done: hashes of inputs, written once a stage has succeeded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path


def digest(parts: Iterable[str | Path]) -> str:
    """Hash texts and the contents of files; a folder counts with every file under it."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            total.update(f"text {len(part)} {part}".encode())
            continue
        for path in _files(part):
            content = path.read_bytes()
            total.update(f"file {path.relative_to(part.parent)} {len(content)} ".encode())
            total.update(content)
    return total.hexdigest()


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path] if path.exists() else []
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def read(path: Path) -> str:
    """The stamp's text, empty where there is none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def write(path: Path, text: str) -> None:
    """Write a small file so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text + "\n")
    partial.replace(path)


def link(path: Path, target: Path) -> None:
    """Make `path` a symbolic link to `target`, at once, replacing what link was there."""
    if path.is_symlink() and Path(os.readlink(path)) == target:
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    partial.symlink_to(target)
    partial.replace(path)
