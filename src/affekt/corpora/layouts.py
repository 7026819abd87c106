"""Files into records: one reader for each layout, none of which knows a corpus."""

from __future__ import annotations

import csv
import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from affekt.catalog.corpora import Code, Corpus, CorpusFile, Joined, Json, Names, Table
from affekt.core.errors import CatalogError, DataError, nearest
from affekt.corpora.files import corpus_folder, file_of, files_of, joined_file, lines, opened
from affekt.corpora.generated import rows

_BATCH = 1024  # rows of Parquet that are held at once

__all__ = ["Record", "decoded", "id_of", "json_records", "listed", "records", "table_records", "text_of", "wanted"]


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a file.

    Attributes:
        cells: Column -> what stands there: text, or in JSON a number or a list.
        path: The file below the corpus folder.
        place: Line, or number of the record.
        where: File and place, for messages.
    """

    cells: Mapping[str, Any]
    path: str
    place: str
    where: str

    def raw(self, column: str) -> Any:
        """What stands in a column.

        Raises:
            DataError: There is no such column.
        """
        try:
            return self.cells[column]
        except KeyError:
            close = nearest(column, self.cells)
            known = f"Nearest: {', '.join(close)}." if close else f"It has: {', '.join(list(self.cells)[:12])}."
            raise DataError(f"There is no column {column!r}", where=self.where, hint=known) from None

    def text(self, column: str) -> str:
        """What stands in a column, as text; the items of a list are joined by spaces, nothing is empty."""
        return _as_text(self.raw(column))

    def joined(self, columns: Names) -> str:
        """The texts of one or several columns, joined by `_`."""
        return "_".join(self.text(c) for c in listed(columns))


def listed(columns: Names) -> tuple[str, ...]:
    """One column or several, as several."""
    return ((columns,) if columns else ()) if isinstance(columns, str) else columns


def wanted(record: Record, conditions: Mapping[str, Names]) -> bool:
    """Whether a record has one of the values in every column that is named; `*` is anything but empty."""
    for column, values in conditions.items():
        given = record.text(column)
        allowed = listed(values)
        if given not in allowed and not any(_fits(given, value) for value in allowed if "*" in value):
            return False
    return True


def _fits(given: str, pattern: str) -> bool:
    if pattern == "*":
        return bool(given.strip())
    return re.fullmatch(".*".join(re.escape(piece) for piece in pattern.split("*")), given, re.DOTALL) is not None


def text_of(entry: Corpus, record: Record) -> str:
    """The text of a record, cleaned as the entry says; empty where it has none."""
    text = record.text(entry.columns.text) if entry.columns.text else ""
    if entry.html_entities:
        text = html.unescape(text)
    return text.strip() if entry.strip else text


def id_of(entry: Corpus, record: Record, text: str) -> str:
    """The id of a record: the release's own, or one that is made of its place or its text."""
    if entry.columns.id:
        return record.joined(entry.columns.id)
    if entry.merge_duplicates:
        # One that does not depend on the order of lines.
        return hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{record.path}:{record.place}"


def records(entry: Corpus, part: CorpusFile, data: str | Path | None) -> Iterator[Record]:
    """Stream the records of the files that `part` names.

    Raises:
        DataError: A file is missing or does not have the layout; says where.
    """
    if entry.layout == "generated":
        for number, cells in enumerate(rows(entry, part), start=1):
            yield Record(cells, part.path, str(number), f"{entry.id}, {part.split} row {number}")
        return
    root = corpus_folder(entry, data)
    for file in files_of(entry, part, data):
        path = file.relative_to(root).as_posix()
        if entry.layout == "files":
            stream: Iterator[Record] = iter(
                [Record({"@file": file.stem, "@path": path, "@line": "1"}, path, "1", str(file))]
            )
        elif entry.layout == "table":
            elsewhere = {
                *part.beside,
                *(entry.joined.columns if entry.joined else ()),
                *(name for code in entry.codes for name in re.compile(code.pattern).groupindex),
            }
            named = tuple(c for c in _columns_of(entry) if not c.startswith("@") and c not in elsewhere)
            stream = table_records(
                file, entry.table, columns=part.columns, path=path, required=() if part.no_label else named
            )
            if part.beside:
                stream = _beside(stream, {c: file_of(entry, p, data) for c, p in part.beside.items()}, entry.table)
            if entry.table.turns:
                stream = _turns_of_lines(stream, entry, tuple(part.beside))
        elif entry.layout == "json":
            stream = json_records(file, entry.json, _columns_of(entry), path)
        elif entry.layout == "parquet":
            stream = _parquet_records(file, _columns_of(entry), path)
        else:
            stream = _xml_records(file, entry, path)
        for code in entry.codes:
            stream = map(partial(decoded, code=code), stream)
        if entry.joined is not None:
            stream = _with_joined(stream, entry.joined, joined_file(entry, data))
        yield from stream


def _with_joined(stream: Iterator[Record], joined: Joined, file: Path) -> Iterator[Record]:
    """Rows with the columns of another table, by id."""
    needed = (joined.id, *joined.columns)
    more = {
        row.text(joined.id): {column: row.raw(column) for column in joined.columns}
        for row in table_records(file, joined.table, required=needed)
    }
    for record in stream:
        found = more.get(record.text(joined.of))
        if found is None:
            raise DataError(f"{joined.path} has no row for this one", where=record.where, hint="Get both files again.")
        yield replace(record, cells={**record.cells, **found})


def decoded(record: Record, code: Code) -> Record:
    """The record with what its name says as columns.

    Raises:
        DataError: The name is not made as `code` says.
    """
    found = re.fullmatch(code.pattern, record.text(code.column))
    if found is None:
        raise DataError(
            f"What stands in {code.column!r} is not made as the entry says",
            where=record.where,
            hint="Take files away that are not part of the release.",
        )
    return replace(record, cells={**record.cells, **found.groupdict(default="")})


# --- tables


def table_records(
    file: Path, table: Table, *, columns: tuple[str, ...] = (), path: str = "", required: tuple[str, ...] = ()
) -> Iterator[Record]:
    """Stream the rows of a delimited table.

    Args:
        file: The file.
        table: How it is delimited.
        columns: Names of the columns, where the file has no header; default those of `table`.
        path: What to call the file in records; default its name.
        required: Columns that the header must have.

    Raises:
        DataError: The file cannot be read, has no header or not the right one, or a row has more or fewer cells.
    """
    name = path or file.name
    header = columns or table.columns
    if not header and not table.header:
        raise CatalogError("A table without header needs the names of its columns", where=name)
    block = part = gap = run_on = 0
    rows = _quoted(file, table) if table.quoted else _plain(file, table, len(header))
    for number, given in rows:
        cells = given
        if table.header and number == 1 and not header:
            header = tuple(cells)
            if missing := [column for column in required if column not in header]:
                raise DataError(
                    f"The header lacks {', '.join(repr(m) for m in missing)}",
                    where=f"{file}, line 1",
                    hint=f"It has: {', '.join(header[:12])}.",
                )
            continue
        nothing = not any(c.strip() for c in cells)
        if nothing and (len(cells) < 2 or table.quoted or table.blocks or table.empty_cells):
            gap += 1
            continue
        if table.blocks and gap:
            part += 1
            block += gap > 1
        gap = 0
        if table.empty_cells:
            cells = cells[: len(header)] + [c for c in cells[len(header) :] if c.strip()]
        if len(cells) != len(header):
            expected = (
                f"cells where the header has {len(header)}"
                if table.header
                else f"columns where {len(header)} are expected ({', '.join(header)})"
            )
            raise DataError(
                f"A row has {len(cells)} {expected}",
                where=f"{file}, line {number}",
                hint="Get the file again from the release, or mend the row.",
            )
        if table.run_on is not None and any("\n" in c for c in cells):
            run_on += 1
            continue
        row: dict[str, Any] = dict(zip(header, cells, strict=True))
        row["@file"], row["@path"], row["@line"] = file.stem, name, str(number)
        if table.blocks:
            row["@block"], row["@part"] = f"{file.stem}_{block}", f"{file.stem}_{part}"
        yield Record(row, name, str(number), f"{file}, line {number}")
    if table.run_on not in (None, run_on):
        raise DataError(
            f"{run_on} rows run over lines where the release has {table.run_on}",
            where=str(file),
            hint="Get the file again from the release.",
        )
    if not header:
        raise DataError("The file is empty", where=str(file), hint="Get it again from the release.")


def _beside(stream: Iterator[Record], files: Mapping[str, Path], table: Table) -> Iterator[Record]:
    """Rows with the same line of other files as further columns; all files must end together."""
    others = {column: lines(file, encoding=table.encoding) for column, file in files.items()}
    where = "its beginning"
    for record in stream:
        cells, where = dict(record.cells), record.where
        for column, other in others.items():
            number, text = next(other, (0, ""))
            if number != int(record.place):
                raise DataError(
                    "The file beside has no such line", where=f"{files[column]}, at {where}", hint="Get both again."
                )
            cells[column] = text.strip()
        yield replace(record, cells=cells)
    for column, other in others.items():
        if any(text.strip() for _, text in other):
            raise DataError("The file goes on where the other ends", where=f"{files[column]}, after {where}")


def _turns_of_lines(stream: Iterator[Record], entry: Corpus, beside: tuple[str, ...]) -> Iterator[Record]:
    """The turns of rows that are a whole dialogue each."""
    for record in stream:
        turns = [t.strip() for t in record.text(entry.columns.text).split(entry.table.turns)]
        # It stands after each turn, so that nothing follows the last.
        turns = turns[:-1] if turns and not turns[-1] else turns
        values = {column: record.text(column).split() for column in beside}
        for column, each in values.items():
            if len(each) != len(turns):
                raise DataError(f"{len(turns)} turns have {len(each)} values in {column!r}", where=record.where)
        for index, turn in enumerate(turns):
            cells = {**record.cells, entry.columns.text: turn, "@turn": str(index)}
            cells |= {column: each[index] for column, each in values.items()}
            yield Record(cells, record.path, f"{record.place}.{index}", f"{record.where}, turn {index + 1}")


def _quoted(file: Path, table: Table) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(
        (text for _, text in lines(file, encoding=table.encoding)), delimiter=table.delimiter, strict=True
    )
    first = True
    try:
        for row in reader:
            # The header is line 1 for whoever asks, also where it runs over lines.
            yield 1 if first else reader.line_num, row
            first = False
    except csv.Error as err:
        raise DataError(f"Not valid CSV: {err}", where=f"{file}, line {reader.line_num}") from err


def _plain(file: Path, table: Table, width: int) -> Iterator[tuple[int, list[str]]]:
    for number, text in lines(file, encoding=table.encoding):
        line = text.rstrip("\r\n")
        if not table.delimiter:
            yield number, [line]
        elif table.delimiter == " ":
            yield number, line.split(maxsplit=width - 1 if table.rest else -1)
        else:
            yield number, line.split(table.delimiter, width - 1 if table.rest else -1)


# --- Parquet


def _parquet_records(file: Path, columns: tuple[str, ...], path: str) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = [column for column in columns if not column.startswith("@")]
    number = 0
    try:
        with pq.ParquetFile(file) as stored:
            for batch in stored.iter_batches(batch_size=_BATCH, columns=wanted):
                table = pa.Table.from_batches([batch])
                while any(pa.types.is_struct(field.type) for field in table.schema):
                    table = table.flatten()
                for cells in table.to_pylist():
                    number += 1
                    extra = {"@file": file.stem, "@path": path, "@line": str(number)}
                    yield Record({**cells, **extra}, path, str(number), f"{file}, row {number}")
    except (pa.ArrowException, OSError) as err:
        raise DataError(
            "This is not a Parquet file, or it is broken", where=str(file), hint="Get the file again from the release."
        ) from err


# --- JSON


def json_records(file: Path, shape: Json, columns: tuple[str, ...], path: str) -> Iterator[Record]:
    """Stream the records of a JSON file, or their turns.

    Args:
        file: The file.
        shape: How it is nested.
        columns: Paths that become columns.
        path: What to call the file in records.

    Raises:
        DataError: The file cannot be read, or is not nested like that.
    """
    for key, number, record in _documents(file, shape):
        turns = _turns(record, shape, f"{file}, record {number}") if shape.turns else [("", record, record)]
        for index, (name, around, turn) in enumerate(turns):
            place = f"{number}.{index}" if shape.turns else f"{number}"
            turn_name = name or str(index)
            cells: dict[str, Any] = {
                "@key": key,
                "@file": file.stem,
                "@path": path,
                "@line": str(number),
                "@turn": turn_name,
            }
            for column in columns:
                if not column.startswith("@"):
                    steps = column.replace("{turn}", turn_name).replace("{nr}", str(index + 1))
                    cells[column] = _follow(around, steps[1:]) if steps.startswith("^") else _follow(turn, steps)
            yield Record(cells, path, place, f"{file}, record {place}")


def _documents(file: Path, shape: Json) -> Iterator[tuple[str, int, Any]]:
    """Stream (key or number, number from 1, record)."""
    if shape.lines:
        for number, text in lines(file):
            if text.strip():
                yield str(number), number, _parsed(text, f"{file}, line {number}")
        return
    text = "".join(line for _, line in lines(file))
    found = _parsed(text, str(file))
    if shape.whole:
        yield file.stem, 1, found
        return
    if shape.records:
        found = _follow(found, shape.records)
    if isinstance(found, Mapping):
        yield from ((str(key), number, record) for number, (key, record) in enumerate(found.items(), start=1))
    elif isinstance(found, list):
        yield from ((str(number), number, record) for number, record in enumerate(found, start=1))
    else:
        raise DataError("The document holds no list of records", where=f"{file}, {shape.records or 'whole'}")


def _turns(record: Any, shape: Json, where: str) -> Iterator[tuple[str, Any, Any]]:
    """Stream (key of the turn, empty in a list; what it is part of; the turn)."""
    before, star, last = shape.turns.rpartition("*.")
    around = [record]
    for step in before.split("*.") if star else ():
        lists = [_follow(item, step.strip(".") or ".") for item in around]
        if not all(isinstance(found, list) for found in lists):
            raise DataError(f"The record has no list at {step!r}", where=where)
        around = [item for found in lists for item in found]
    for item in around:
        turns = _follow(item, last)
        if isinstance(turns, str) and shape.between:
            turns = turns.split(shape.between)
        if isinstance(turns, Mapping):
            yield from ((str(key), item, turn) for key, turn in turns.items())
        elif isinstance(turns, list):
            yield from (("", item, turn) for turn in turns)
        elif turns is not None or not star:
            raise DataError(f"The record has no list of turns at {shape.turns!r}", where=where)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as err:
        raise DataError(f"Not valid JSON: {err}", where=where, hint="Get the file again from the release.") from err


def _follow(value: Any, path: str) -> Any:
    """What stands at a path of names and numbers, `.` being the value itself; `None` where there is nothing."""
    if path == ".":
        return value
    before, star, after = path.partition(".*.")
    if star:
        items = _follow(value, before)
        return [_follow(item, after) for item in items] if isinstance(items, list) else None
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.lstrip("-").isdigit() and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _columns_of(entry: Corpus) -> tuple[str, ...]:
    """All columns that an entry names anywhere, which in JSON are paths to follow."""
    c, g = entry.columns, entry.gold
    single = (c.text, c.picture, c.split, c.turn, c.speaker, c.language, c.start, c.end, c.target)
    labels = tuple(part for column in listed(g.labels) for part in column.split("+"))
    coded = (code.column for code in entry.codes)
    several = (c.id, c.dialogue, c.context, labels, entry.hash_split.by if entry.hash_split else ())
    named = chain(
        single,
        coded,
        *(listed(names) for names in several),
        *(listed(names) for names in g.dimensions.values()),
        c.facts.values(),
        g.columns.values(),
        entry.where,
        entry.asked,
        (entry.split_list.of,) if entry.split_list else (),
        (entry.joined.of,) if entry.joined else (),
        (g.words,),
    )
    return tuple(dict.fromkeys(name for name in named if name))


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return " ".join(_as_text(v) for v in value)
    return str(value)


# --- XML


def _xml_records(file: Path, entry: Corpus, path: str) -> Iterator[Record]:
    if entry.xml is None:
        raise CatalogError("Layout xml needs [xml] with the name of the element", where=f"corpora/{entry.id}.toml")
    number = 0
    try:
        with opened(file) as stream:
            # The parser (expat 2.4.1 and later) bounds how far entities may grow.
            for _, element in ElementTree.iterparse(stream):  # noqa: S314
                if element.tag == entry.xml.element:
                    number += 1
                    cells = {**element.attrib, "text": "".join(element.itertext())}
                    cells |= {"@file": file.stem, "@path": path, "@line": str(number)}
                    yield Record(cells, path, str(number), f"{file}, element {number}")
                    element.clear()
    except ElementTree.ParseError as err:
        raise DataError(f"Not valid XML: {err}", where=str(file), hint="Get the file again.") from err
