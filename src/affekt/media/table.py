"""Delimited tables, read record by record with what is broken in them told and not swallowed.

One unbalanced quotation mark must not eat the rest of a file: where a quoted field does not close properly, its
first line is read once more with quotation marks as ordinary characters, and the lines after it on their own.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO

from affekt.core.errors import InputError
from affekt.media.columns import Columns, choose_columns, conversation_columns, looks_textual

__all__ = ["LineTooLongError", "Lines", "Table", "open_table"]

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 100
_SAMPLE_CHARACTERS = 1 << 16
_SKIP = 1 << 16

Record = tuple[int, list[object] | None, str | None]


class LineTooLongError(Exception):
    """A line is longer than the limit; the text of the error says by how much."""


class _RecordTooLongError(Exception):
    """A quoted field goes on beyond the limit."""


class Lines:
    """Lines of a stream, each of bounded length, counted, which can be put back.

    Attributes:
        number: Number of the line that was last returned, from 1.
        taken: The lines since it was last cleared.
    """

    def __init__(self, stream: IO[str], limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._back: deque[str | LineTooLongError] = deque()
        self.number = 0
        self.taken: list[str | LineTooLongError] = []
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > self._limit:
            raise _RecordTooLongError
        line = self._back.popleft() if self._back else self._read()
        self.number += 1
        self.taken.append(line)
        if isinstance(line, LineTooLongError):
            raise line
        self._size += len(line)
        return line

    def _read(self) -> str | LineTooLongError:
        # Two more than the limit, for the line's end.
        line = self._stream.readline(self._limit + 2)
        if not line:
            raise StopIteration
        if len(line) > self._limit and len(line.rstrip("\r\n")) > self._limit:
            length = len(line.rstrip("\r\n"))
            while line[-1] not in "\r\n" and (line := self._stream.readline(_SKIP)):
                length += len(line.rstrip("\r\n"))
            return LineTooLongError(f"too long: {length:,} characters in one line, the limit is {self._limit:,}")
        return line

    def begin(self) -> int:
        """Begin a new record; returns the number of its first line."""
        self.taken.clear()
        self._size = 0
        return self.number + 1

    def put_back(self, keep: int) -> None:
        """Put back the taken lines but the first `keep`."""
        self._back.extendleft(reversed(self.taken[keep:]))
        self.number -= len(self.taken) - keep
        del self.taken[keep:]
        self._size = 0


@dataclass(frozen=True, slots=True)
class Table:
    """An opened table.

    Attributes:
        names: Names of the columns.
        roles: `text` and, where found, `id`, `speaker`, `time` -> index of the column.
        delimiter: What separates the cells.
        told: What tells that its rows are turns of conversations; `None` where they are not.
        records: Line number, cells, and what is wrong with the record; cells are `None` where none could be read.
    """

    names: list[str]
    roles: dict[str, int]
    delimiter: str
    told: str | None
    records: Iterator[Record]

    @property
    def chosen(self) -> dict[str, str]:
        """Role -> name of the column."""
        return {role: self.names[i] for role, i in self.roles.items()}


def open_table(
    stream: IO[str],
    columns: Columns,
    *,
    where: str,
    delimiter: str | None,
    header: bool,
    max_characters: int,
    conversation: bool | None = None,
) -> Table:
    """Read the head of a table: its delimiter, its header and the roles of its columns.

    Args:
        stream: The text, opened with `newline=""`.
        columns: Which columns hold what.
        where: The file, for messages.
        delimiter: What separates the cells; `None` takes it from the first lines.
        header: Whether the first record names the columns.
        max_characters: Longest text that is read; a record may be four times as long.
        conversation: Whether the rows are turns of conversations; `None` finds it out.

    Raises:
        InputError: The header cannot be read, or the columns do not fit.
    """
    # The limit is one for the whole process, and its default is too low for documents; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), 8 * max_characters))
    lines = Lines(stream, 4 * max_characters)
    delimiter = delimiter or _sniff(lines)
    records = _records(lines, delimiter, None)
    first = next(records, None)
    if first is None:
        raise InputError("There are only blank lines in it", where=where)
    number, cells, problem = first
    if cells is None:
        raise InputError(f"The first line cannot be read: {problem}", where=f"{where}:{number}")
    width = len(cells)
    rows = _records(lines, delimiter, width)
    if header:
        names = [str(cell).strip() for cell in cells]
    else:
        names = [str(i) for i in range(1, width + 1)]
        rows = chain([first], rows)
    sample: list[Record] = []
    size = 0
    for record in islice(rows, _SAMPLE_LINES):
        sample.append(record)
        size += sum(len(str(cell)) for cell in record[1] or ())
        if size > _SAMPLE_CHARACTERS:
            break

    def textual(i: int) -> bool:
        whole = [cells for _, cells, wrong in sample if cells is not None and wrong is None]
        return not whole or looks_textual(cells[i] for cells in whole)

    roles = choose_columns(names, columns, where=where, textual=textual)

    def filled(i: int) -> bool:
        return any(str(cells[i]).strip() for _, cells, wrong in sample if cells is not None and wrong is None)

    roles, told = conversation_columns(names, roles, wanted=conversation, filled=filled)
    return Table(names=names, roles=roles, delimiter=delimiter, told=told, records=chain(sample, rows))


def _records(lines: Lines, delimiter: str, width: int | None) -> Iterator[Record]:
    """Records with their first line's number. `width` is that of the header; `None` while it is read."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = lines.begin()
        cells: list[str] | None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, LineTooLongError, _RecordTooLongError):
            cells = None
        if cells is None or (width is not None and len(lines.taken) > 1 and len(cells) != width):
            first = lines.taken[0]
            lines.put_back(1)
            if isinstance(first, LineTooLongError):
                yield number, None, str(first)
                continue
            try:
                cells = next(csv.reader([first.rstrip("\r\n")], delimiter=delimiter, quoting=csv.QUOTE_NONE))
            except csv.Error as err:
                yield number, None, f"unreadable row: {err}"
                continue
        if not cells:
            continue
        if width is None or len(cells) == width:
            yield number, list(cells), None
        elif len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            yield number, list(cells[:width]), None
        else:
            yield number, list(cells), f"ragged row: {len(cells)} cells, {width} expected"


def _sniff(lines: Lines) -> str:
    """The delimiter under which the first lines have the same number of cells, more than one; else a comma."""
    lines.begin()
    sample: list[str] = []
    size = 0
    try:
        for line in islice(lines, _SAMPLE_LINES):
            sample.append(line)
            size += len(line)
            if size > _SAMPLE_CHARACTERS:
                break
    except (LineTooLongError, _RecordTooLongError):
        size = 0  # It comes up again, with its number, when the records are read.
    lines.put_back(0)
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        rows = [row for row in csv.reader(sample, delimiter=delimiter) if row]
        if len(sample) == _SAMPLE_LINES or size > _SAMPLE_CHARACTERS:
            rows = rows[:-1] or rows
        if rows and len(rows[0]) > 1:
            score = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
            if score > best_score:
                best, best_score = delimiter, score
    return best
