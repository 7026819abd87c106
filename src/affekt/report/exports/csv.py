"""CSV: one row a record, flat. UTF-8 without a byte order mark; a record ends with a line feed.

Scores are columns `score.<label>`, intervals are `<dimension>.low` and `<dimension>.high`, labels are joined by
`;`. What else a model gives beside valence, arousal and dominance is in columns `dimension.<name>`, what was measured
in the sound in columns `measure.<name>`. Whatever has parts (evidence, trajectory, shift, causes, faces, channels,
conflict, explanation) is JSON in one cell. What is absent is
an empty cell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from affekt.core.row import OWN, Row

__all__ = ["encode", "header", "write"]

_CHUNK = 1024
_json = msgspec.json.Encoder()


def header(labels: Sequence[str], dimensions: Sequence[str] = (), measures: Sequence[str] = ()) -> list[str]:
    """Names of the columns, in order."""
    return [
        *("id", "text", "source", "start", "end", "speaker", "time", "space", "labels", "confidence", "abstained"),
        *OWN,
        *(f"{d}.{side}" for d in OWN for side in ("low", "high")),
        *(f"score.{label}" for label in labels),
        *(f"dimension.{name}" for name in dimensions),
        *("evidence", "trajectory", "model", "language", "language_probability"),
        *(f"measure.{name}" for name in measures),
        *("dialogue", "turn", "shift", "causes"),
        *("person", "faces", "channels", "conflict", "explanation"),
    ]


def _cells(row: Row, labels: Sequence[str], dimensions: Sequence[str], measures: Sequence[str]) -> Iterator[object]:
    yield from (row.id, row.text, row.source, row.start, row.end, row.speaker, row.time, row.space)
    yield from (";".join(row.labels), row.confidence, row.abstained)
    yield from (row.valence, row.arousal, row.dominance)
    intervals = row.intervals or {}
    for dimension in OWN:
        yield from intervals.get(dimension, (None, None))
    scores = row.scores or {}
    for label in labels:
        yield scores.get(label)
    others = row.dimensions or {}
    for name in dimensions:
        yield others.get(name)
    yield _json.encode(row.evidence).decode() if row.evidence else None
    yield _json.encode(row.trajectory).decode() if row.trajectory else None
    yield from (row.model, row.language, row.language_probability)
    measured = row.measures or {}
    for name in measures:
        yield measured.get(name)
    yield from (row.dialogue, row.turn)
    yield _json.encode(row.shift).decode() if row.shift else None
    yield None if row.causes is None else _json.encode(row.causes).decode()
    yield row.person
    for part in (row.faces, row.channels, row.conflict, row.explanation):
        yield _json.encode(part).decode() if part else None


def encode(
    rows: Iterable[Row],
    *,
    labels: Sequence[str],
    dimensions: Sequence[str] = (),
    measures: Sequence[str] = (),
    with_header: bool,
) -> bytes:
    """Rows as bytes.

    Args:
        rows: The rows.
        labels: Labels of their spaces, in order.
        dimensions: Their dimensions beside valence, arousal and dominance, in order.
        measures: Names of their measures, in order.
        with_header: Whether the names of the columns come first.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    if with_header:
        writer.writerow(header(labels, dimensions, measures))
    writer.writerows(_cells(row, labels, dimensions, measures) for row in rows)
    return buffer.getvalue().encode()


def write(
    rows: Iterable[Row],
    path: Path,
    *,
    labels: Sequence[str],
    dimensions: Sequence[str] = (),
    measures: Sequence[str] = (),
) -> None:
    """Write rows to a file, which is overwritten."""
    columns = {"labels": labels, "dimensions": dimensions, "measures": measures}
    pending = iter(rows)
    with path.open("wb") as file:
        file.write(encode((), **columns, with_header=True))
        while chunk := list(islice(pending, _CHUNK)):
            file.write(encode(chunk, **columns, with_header=False))
