"""Tables that stay readable on a narrow terminal: columns give way before words are broken."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

__all__ = ["NarrowTable", "terminal"]

_GAP = 2
_PIPE = 1000  # what goes into a pipe or a file is not cut to a terminal's width
_WRAPPED = 16  # a column that wraps is at least so wide, or as wide as its longest word


def terminal() -> Console:
    """Standard output: as wide as the terminal, and wide where it is none and `COLUMNS` does not say otherwise."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console.width = _PIPE
    return console


class NarrowTable:
    """A table without lines that drops columns where it is too wide, and says which.

    Args:
        heads: Names of the columns.
        left: Columns of words; the others are numbers, which are set to the right.
        drop: Columns that may be left out, the first of them first.
        wrap: Columns whose cells may take several lines, between words.
    """

    def __init__(
        self, *heads: str, left: Sequence[str] = (), drop: Sequence[str] = (), wrap: Sequence[str] = ()
    ) -> None:
        self._heads = heads
        self._left = frozenset(left)
        self._drop = tuple(drop)
        self._wrap = frozenset(wrap)
        self._rows: list[tuple[tuple[str, ...], str]] = []

    def add_row(self, *cells: str, style: str = "") -> None:
        """Add a row; cells may hold markup."""
        self._rows.append((cells, style))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Lay it out in the room that there is."""
        from rich.table import Table
        from rich.text import Text

        least = [self._least(at) for at in range(len(self._heads))]
        kept, dropped = list(range(len(self._heads))), []
        for name in self._drop:
            if sum(least[at] for at in kept) + _GAP * (len(kept) - 1) <= options.max_width:
                break
            at = self._heads.index(name)
            kept.remove(at)
            dropped.append(name.strip())
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        for at in kept:
            name = self._heads[at]
            wraps = name in self._wrap
            table.add_column(
                name,
                justify="left" if name in self._left else "right",
                no_wrap=not wraps,
                min_width=min(least[at], options.max_width),
                overflow="fold" if wraps else "ellipsis",
            )
        for cells, style in self._rows:
            table.add_row(*(cells[at] for at in kept), style=style)
        yield table
        if dropped:
            yield Text(f"Not shown for want of width: {', '.join(dropped)}.", style="dim")

    def _least(self, at: int) -> int:
        """The width that a column must have."""
        from rich.text import Text

        name = self._heads[at]
        cells = [Text.from_markup(cell).plain for cell in (name, *(cells[at] for cells, _ in self._rows))]
        if name not in self._wrap:
            return max(Text(cell).cell_len for cell in cells)
        words = max((Text(word).cell_len for cell in cells for word in cell.split()), default=1)
        return max(words, min(_WRAPPED, max(Text(cell).cell_len for cell in cells)))
