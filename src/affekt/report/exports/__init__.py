"""Writing rows to files: one module a format, and the spool that a broken-off run resumes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

from affekt.core.errors import InputError, UnknownNameError
from affekt.core.row import Row
from affekt.core.timeline import timelines_of
from affekt.media import timed

__all__ = ["EXTENSIONS", "Format", "check_times", "export", "format_of"]

Format = Literal[
    "jsonl", "csv", "parquet", "html", "emotionml", "webvtt", "srt", "textgrid", "eaf", "rttm", "graphml", "graph"
]

EXTENSIONS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".html": "html",
    ".htm": "html",
    ".xml": "emotionml",
    ".emotionml": "emotionml",
    ".graphml": "graphml",
    **timed.EXTENSIONS,
}


def format_of(path: Path, format: str | None = None) -> Format:
    """The format to write: the one that is named, else the one of the file's extension.

    Raises:
        UnknownNameError: There is no format of that name.
        InputError: The extension says no format.
    """
    if format is not None:
        for known in get_args(Format):
            if format == known:
                return known  # type: ignore[no-any-return]
        raise UnknownNameError("output format", format, get_args(Format))
    found = EXTENSIONS.get(path.suffix.lower())
    if found is None:
        raise InputError(
            f"Unknown output extension {path.suffix!r}" if path.suffix else "The output has no extension",
            where=str(path),
            hint=f"Known: {', '.join(EXTENSIONS)}. Or name it with --format ({', '.join(get_args(Format))}).",
        )
    return found


def export(
    rows: Iterable[Row],
    path: Path,
    *,
    format: Format,
    labels: Sequence[str],
    dimensions: Sequence[str] = (),
    measures: Sequence[str] = (),
) -> None:
    """Write rows in one of the table formats, one after the other as they come.

    Args:
        rows: The rows.
        path: The file; it is overwritten.
        format: `jsonl`, `csv`, `parquet` or `emotionml`; `graphml` or `graph` of turns of conversations; or `webvtt`,
            `srt`, `textgrid`, `eaf` or `rttm`, which hold recordings (all of them but `rttm` one). A report is written
            by `affekt.report.html`.
        labels: Labels of the rows' spaces, in order; they become columns.
        dimensions: Their dimensions beside valence, arousal and dominance, in order; likewise.
        measures: Names of what was measured in their sound; likewise.

    Raises:
        ValueError: `format` is `html`.
        InputError: The format needs times that the rows have not, or cannot hold several recordings.
        OSError: The file cannot be written.
    """
    if format == "jsonl":
        from affekt.report.exports import jsonl

        jsonl.write(rows, path)
    elif format == "csv":
        from affekt.report.exports import csv

        csv.write(rows, path, labels=labels, dimensions=dimensions, measures=measures)
    elif format == "parquet":
        from affekt.report.exports import parquet

        parquet.write(rows, path, labels=labels, dimensions=dimensions, measures=measures)
    elif format == "graphml" or format == "graph":
        from affekt.report.exports import graph

        (graph.write_graphml if format == "graphml" else graph.write_node_link)(rows, path)
    elif format == "emotionml":
        from affekt.report.exports import emotionml

        emotionml.write(rows, path)
    elif format != "html":
        content = timed.encode(timelines_of(rows, needed_by=format), format=format)
        path.write_text(content, encoding="utf-8", newline="\n")
    else:
        raise ValueError("a report needs facts about data and model: affekt.report.html.write_report")


def check_times(rows: Iterable[Row], format: Format) -> None:
    """Refuse rows without a place in time, or in a conversation, where the format needs it; before others are read.

    Raises:
        InputError: A row has no start or end, or is no turn.
    """
    if format in ("graphml", "graph"):
        from affekt.report.exports import graph

        graph.check(rows)
    if format in timed.EXTENSIONS.values():
        timelines_of(rows, needed_by=format)
