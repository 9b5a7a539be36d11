"""What commands print: tables for people, plain text where it is piped, JSON where it is asked for; and files.

`rich` is imported where it is used, so that `pf --help` doesn't wait for it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from powerfusion.cli.interrupt import half_written
from powerfusion.errors import PowerFusionError, SourceError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

KNOWN_SUFFIXES = (".mlir", ".mlirbc", ".onnx", ".pfx", ".npy")
PLAIN_WIDTH = 10_000
"""How many columns plain text may use: a line of a table stays one line, for grep and its like."""


def make_console(*, plain: bool | None = None) -> Console:
    """A console on stdout; plain, without colours and lines, where it is piped or asked for."""
    from rich.console import Console

    console = Console(highlight=False)
    if plain is False or (plain is None and console.is_terminal):
        return console
    return plain_console(sys.stdout)


def plain_console(file: Any) -> Console:
    """A console that writes bare text to a file."""
    from rich.console import Console

    return Console(file=file, highlight=False, no_color=True, force_terminal=False, width=PLAIN_WIDTH)


def print_rich(console: Console, *parts: RenderableType) -> None:
    """Prints parts one below the other; plain text without the blanks that pad a table's lines."""
    if console.is_terminal:
        console.print(*parts, sep="\n")
        return
    held = io.StringIO()
    inner = plain_console(held)
    for part in parts:
        inner.print(part, soft_wrap=isinstance(part, str))
    # Not through the console, which ends the process by itself where the reader has left.
    for line in held.getvalue().splitlines():
        print(line.rstrip(), file=console.file)


def print_json(data: Mapping[str, Any]) -> None:
    """Prints data as JSON; there is no NaN in JSON, so the data has none either."""
    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


@dataclass(frozen=True)
class Column:
    """A column's heading; figures stand at the right."""

    heading: str
    left: bool = False


def make_table(columns: Sequence[Column], *, title: str | None = None, plain: bool) -> Table:
    """A table without rows yet; without lines where it is plain."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None if plain else box.SIMPLE_HEAD,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        show_edge=False,
        header_style="" if plain else "bold",
    )
    for column in columns:
        table.add_column(column.heading, justify="left" if column.left else "right", overflow="fold")
    return table


def format_bytes(count: int | None) -> str:
    """Writes a number of bytes with three digits and a decimal unit: `1.23 MB`."""
    if count is None:
        return "–"
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size /= 1000
        del units[0]
    digits = 0 if units[0] == "B" or size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{size:.{digits}f} {units[0]}"


def format_seconds(seconds: float | None) -> str:
    """Writes a time with three digits: `1.23 ms`."""
    if seconds is None:
        return "–"
    size, units = seconds * 1e6, ["µs", "ms", "s"]
    while size >= 999.5 and len(units) > 1:
        size /= 1000
        del units[0]
    return f"{size:.{0 if size >= 99.95 else 1 if size >= 9.995 else 2}f} {units[0]}"


def read_source(name: str) -> Path | bytes:
    """What a command's IN names: a path that can be read, or what stdin holds for `-`.

    Raises:
        SourceError: It can't be read.
    """
    if name == "-":
        return sys.stdin.buffer.read()
    path = Path(name)
    if path.suffix == ".pfx" and path.exists():
        return path  # a folder as well, if artifacts are
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            raise SourceError(f"{name} is a folder", help="name a file with MLIR, an ONNX model, or an artifact (.pfx)")
        with path.open("rb"):
            return path
    except FileNotFoundError:
        raise SourceError(f"{name} isn't there", help=_neighbours(path)) from None
    except OSError as error:
        raise SourceError(f"{name} can't be read: {reason(error)}") from error


def _neighbours(path: Path) -> str | None:
    """What stands where the missing file was looked for."""
    import difflib

    try:
        names = [
            entry.name
            for entry in path.parent.iterdir()
            if entry.suffix in (".mlir", ".mlirbc", ".onnx", ".pfx", ".npy")
        ]
    except OSError:
        return None
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"did you mean {path.parent / close[0]}?" if close else None


def reason(error: OSError) -> str:
    """Why the system refused, in lower case."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Has a file (or folder) written beside its place, and moves it there when it is whole.

    Args:
        path: Where it belongs; what is there is replaced, and stays as it is if this fails.
        write: Writes to the path that it is given, which has the same ending.

    Raises:
        PowerFusionError: It can't be written.
    """
    # A link stays a link: what it points to is replaced.
    place = Path(os.path.realpath(path))
    if place.is_dir() and path.suffix != ".pfx":
        raise PowerFusionError(f"{path} is a folder", help="name a file")
    partial = place.with_name(f".{place.stem}.{os.getpid()}{place.suffix}")
    with half_written(partial), explain_write(path):
        write(partial)
        if place.is_dir():
            _replace_folder(place, partial)
        else:
            partial.replace(place)


def _replace_folder(place: Path, partial: Path) -> None:
    """Puts a new artifact in the place of an old one that is a folder."""
    if not (place / "manifest.json").is_file():
        raise PowerFusionError(f"{place} is a folder and no artifact", help="name another output")
    old = place.with_name(f".{place.name}.{os.getpid()}.old")
    with half_written(old):
        place.rename(old)
        partial.replace(place)


@contextlib.contextmanager
def explain_write(path: Path) -> Iterator[None]:
    """Turns what the system says about a write into an error that names the output.

    Raises:
        PowerFusionError: The body raised an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise PowerFusionError(
            f"{path} can't be written: {reason(error)}", help="choose another place with -o"
        ) from error


def check_writable(path: Path) -> None:
    """Finds out before long work whether its output could be written; leaves nothing behind.

    Raises:
        PowerFusionError: It couldn't.
    """
    place = Path(os.path.realpath(path))
    if place.is_dir() and path.suffix != ".pfx":
        raise PowerFusionError(f"{path} is a folder", help="name a file")
    probe = place.with_name(f".{place.stem}.{os.getpid()}.probe")
    with half_written(probe), explain_write(path):
        probe.touch(exist_ok=False)


def check_folder(path: Path) -> None:
    """Finds out before long work whether a folder is there or could be made.

    Raises:
        PowerFusionError: It couldn't.
    """
    if path.exists() and not path.is_dir():
        raise PowerFusionError(f"{path} is a file", help="end it in .npy to save one result, or name a folder")
    if path.is_dir():
        check_writable(path / "result.npy")
        return
    parent = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    if not os.access(parent, os.W_OK):
        raise PowerFusionError(f"{path} can't be made: {parent} is read-only", help="choose another place with -o")


def make_folder(path: Path) -> None:
    """Makes a folder and those above it.

    Raises:
        PowerFusionError: It can't be made.
    """
    with explain_write(path):
        path.mkdir(parents=True, exist_ok=True)
