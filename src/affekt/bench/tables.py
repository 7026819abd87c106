"""Tables of answers: rows of CSV, TSV, JSON Lines and Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from affekt.core.errors import InputError

__all__ = ["rows_of"]


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
