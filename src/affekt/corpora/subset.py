"""A part of a table of clips by a condition, with what is in it beside what was in the whole."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from affekt.core.errors import InputError, OutputError, UnknownNameError
from affekt.core.works import implements
from affekt.corpora.where import Where

__all__ = ["Content", "subset"]

_BATCH = 8192
_FORMATS = ("parquet", "csv", "jsonl")


@dataclass(slots=True)
class Content:
    """What is in a table of clips.

    Attributes:
        rows: Number of clips.
        seconds: Their length together; of those that have times.
        sources: Number of clips of each recording.
        labels: Label -> clips that have it; `(none)`: those without one.
        speakers: (recording, speaker) -> clips; speakers are known within a recording only.
    """

    rows: int = 0
    seconds: float = 0.0
    sources: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    speakers: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, table: Any) -> None:
        """Count the clips of a `pyarrow.Table`."""
        import pyarrow.compute as pc

        names = table.column_names
        self.rows += len(table)
        if {"start", "end"} <= set(names):
            self.seconds += pc.sum(pc.subtract(table["end"], table["start"])).as_py() or 0.0
        recordings = table["source"].to_pylist() if "source" in names else [None] * len(table)
        self.sources.update(r for r in recordings if r is not None)
        if "labels" in names:
            for row in table["labels"].to_pylist():
                self.labels.update(row or ["(none)"])
        if "speaker" in names:
            pairs = zip(recordings, table["speaker"].to_pylist(), strict=True)
            self.speakers.update((r or "", who) for r, who in pairs if who is not None)


@implements(works=["naturalvoices"])
def subset(clips: Path, *, where: str, out: Path | None = None) -> tuple[Content, Content]:
    """Keep the rows of a table that meet a condition, some thousand rows at a time.

    Args:
        clips: A Parquet file, such as `affekt analyze` writes.
        where: The condition; see `affekt.corpora.where`.
        out: `.parquet`, `.csv` or `.jsonl`, with all columns; `None` counts only.

    Returns:
        What is in the whole table, and in the part that was kept.

    Raises:
        InputError: It is no Parquet file, the condition is wrong, or the output is the input.
        UnknownNameError: There is no such column; the nearest are given. Or no such format.
        OutputError: The output cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if out is not None:
        if out.suffix[1:] not in _FORMATS:
            raise UnknownNameError("format of the output", out.suffix[1:], _FORMATS, where=str(out))
        if out.exists() and clips.exists() and out.samefile(clips):
            raise InputError("The output is the input", where=str(out), hint="Give it another name.")
    try:
        table = pq.ParquetFile(clips)
    except FileNotFoundError as err:
        raise InputError("There is no such file", where=str(clips)) from err
    except (OSError, pa.ArrowException) as err:
        raise InputError(
            "This is no Parquet file", where=str(clips), hint="affekt analyze FOLDER --out clips.parquet writes one."
        ) from err
    with table:
        condition = Where(where, table.schema_arrow)
        whole, part = Content(), Content()
        with _writing(out, table.schema_arrow) as write:
            for rows in _tables(table, str(clips)):
                kept = condition.keep(rows)
                whole.add(rows)
                part.add(kept)
                write(kept)
    return whole, part


def _tables(file: Any, name: str) -> Iterator[Any]:
    import pyarrow as pa

    try:
        for batch in file.iter_batches(_BATCH):
            yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as err:
        raise InputError("The file is damaged", where=name, hint="Write it again.") from err


@contextmanager
def _writing(out: Path | None, schema: Any) -> Iterator[Any]:
    """What writes tables to a file, which takes its place only when it is whole."""
    if out is None:
        yield lambda table: None
        return
    made = out.with_name(f"{out.name}.part")
    try:
        with _writer(made, out.suffix[1:], schema) as write:
            yield write
        made.replace(out)
    except OSError as err:
        raise OutputError(f"It cannot be written: {err.strerror}", where=str(out), hint="Name another place.") from err
    finally:
        made.unlink(missing_ok=True)


@contextmanager
def _writer(file: Path, form: str, schema: Any) -> Iterator[Any]:
    if form == "parquet":
        import pyarrow.parquet as pq

        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            yield writer.write_table
        return
    with file.open("w", encoding="utf-8", newline="") as stream:
        if form == "jsonl":
            yield lambda table: stream.writelines(
                json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in table.to_pylist()
            )
            return
        rows = csv.DictWriter(stream, schema.names, lineterminator="\n")
        rows.writeheader()
        yield lambda table: rows.writerows({k: _cell(v) for k, v in row.items()} for row in table.to_pylist())


def _cell(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ";".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
