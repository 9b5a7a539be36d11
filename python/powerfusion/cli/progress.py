"""A bar for what takes long, on stderr where that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Gives what is told words, how many steps are done, and of how many."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    counted, words = TextColumn("{task.completed}/{task.total}"), TextColumn("{task.description}")
    columns = BarColumn(), counted, TimeRemainingColumn(), words
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda said, done, total: bar.update(task, description=said, completed=done, total=total)
