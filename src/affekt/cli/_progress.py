"""One line on standard error that says how far something is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Report", "progress_line"]


class Report(Protocol):
    """Says how far it is."""

    def __call__(self, done: int, total: int | None, what: str | None = None) -> None:
        """Say it.

        Args:
            done: How much is done.
            total: Of how much; `None` where that is not known.
            what: What is done now; `None` for what was.
        """


@contextmanager
def progress_line(name: str, *, kept: bool = False) -> Iterator[Report]:
    """A bar with what is done, how much of it, and the time left.

    Args:
        name: What is done, until the report says so.
        kept: Whether the line stays when all is done.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=not kept) as bar:
        line = bar.add_task(name, total=None)

        def report(done: int, total: int | None, what: str | None = None) -> None:
            bar.update(line, completed=done, total=total, description=what)

        yield report
