"""Tables of answers: rows of CSV, TSV, JSON Lines and Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affekt.core.errors import InputError, UnknownNameError

__all__ = ["by_id", "rows_of"]


def rows_of(file: Path) -> Iterator[dict[str, Any]]:
    """Rows of a table as column -> cell.

    Args:
        file: A file that ends in `.csv`, `.tsv`, `.jsonl` or `.parquet`.

    Raises:
        InputError: There is no such file, it is of another kind, or cannot be read; says where.
    """
    if not file.is_file():
        raise InputError("There is no such file", where=str(file))
    kind = file.suffix.lower()
    if kind == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        try:
            yield from parquet.read_table(file).to_pylist()
        except (pa.ArrowInvalid, OSError) as err:
            raise InputError("This is not a Parquet file", where=str(file)) from err
    elif kind in (".csv", ".tsv"):
        try:
            with file.open(encoding="utf-8-sig", newline="") as stream:
                reader = csv.DictReader(stream, delimiter="\t" if kind == ".tsv" else ",")
                for row in reader:
                    if None in row:
                        raise InputError(
                            "A row has more cells than the header", where=f"{file}, line {reader.line_num}"
                        )
                    yield row
        except (csv.Error, UnicodeDecodeError) as err:
            raise InputError(f"The table cannot be read: {err}", where=str(file)) from err
    elif kind == ".jsonl":
        with file.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except (json.JSONDecodeError, UnicodeDecodeError) as err:
                    raise InputError("A line is not JSON", where=f"{file}, line {number}") from err
                if not isinstance(row, dict):
                    raise InputError("A line is not a JSON object", where=f"{file}, line {number}")
                yield row
    else:
        raise InputError(
            f"Predictions come as .csv, .tsv, .jsonl or .parquet, not {kind or 'without an ending'}", where=str(file)
        )


def by_id(
    rows: Iterable[Mapping[str, Any]], ids: Sequence[str], names: Sequence[str], where: str
) -> dict[str, Mapping[str, Any]]:
    """The rows of a table by id; names of columns lose blanks at their ends, and case where a label needs it.

    Args:
        rows: The rows.
        ids: The ids that are known.
        names: Columns that are found whatever their case.
        where: The file, for messages.

    Raises:
        UnknownNameError: There is no column `id`.
        InputError: A row has no id, an id stands twice or is not known, or there are no rows.
    """
    known = set(ids)
    fold = {name.casefold(): name for name in names}
    out: dict[str, Mapping[str, Any]] = {}
    strays = 0
    stray = ""
    for number, raw in enumerate(rows, start=1):
        cells = {fold.get(key.strip().casefold(), key.strip()): value for key, value in raw.items() if key}
        if cells.get("id") in (None, ""):
            if "id" not in cells:
                raise UnknownNameError("column", "id", list(cells), where=where)
            raise InputError(
                "A row has no id", where=f"{where}, row {number}", hint="Give each row the id of its text."
            )
        name = str(cells["id"])
        if name in out:
            raise InputError(f"The id {name!r} stands twice", where=f"{where}, row {number}", hint="Keep one of them.")
        if name not in known:
            strays, stray = strays + 1, stray or name
            continue
        out[name] = cells
    if strays:
        hint = f"The split has ids such as {ids[0]!r}." if ids else "The split has no rows."
        raise InputError(
            f"{strays} of {strays + len(out)} ids are not in this split, such as {stray!r}", where=where, hint=hint
        )
    if not out:
        raise InputError("The table holds no rows", where=where)
    return out
