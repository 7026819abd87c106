"""Parquet: one fixed, typed schema for each label space; a row group every few thousand rows.

Scores are columns `score.<label>`, further dimensions `dimension.<name>`, what was measured in the sound
`measure.<name>`, intervals are `<dimension>.low` and `<dimension>.high`; labels, evidence and trajectory are lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from affekt.core.row import OWN, ROW_VERSION, ChangeRow, Row

__all__ = ["schema", "write"]

_ROW_GROUP = 8192


def schema(labels: Sequence[str], dimensions: Sequence[str] = (), measures: Sequence[str] = ()) -> Any:
    """The `pyarrow.Schema` of rows of a space with these labels and further dimensions, with these measures."""
    import pyarrow as pa

    text, number, whole = pa.string(), pa.float64(), pa.int64()
    evidence = pa.struct(
        [
            *(("modality", text), ("cue", text), ("start", number), ("end", number), ("weight", number)),
            *(("label", text), ("name", text), ("direction", text), ("z", number)),
        ]
    )
    window = pa.struct(
        [
            *(("start", whole), ("end", whole), ("scores", pa.map_(text, number))),
            *((d, number) for d in OWN),
            ("dimensions", pa.map_(text, number)),
        ]
    )
    change = pa.struct(
        [
            *(("turn", whole), ("label", text), ("changed", pa.bool_())),
            *((d, number) for d in OWN),
            ("dimensions", pa.map_(text, number)),
        ]
    )
    return pa.schema(
        [
            *((name, text) for name in ("id", "text", "source")),
            *((name, number) for name in ("start", "end")),
            *((name, text) for name in ("speaker", "time", "space")),
            ("labels", pa.list_(text)),
            ("confidence", number),
            ("abstained", text),
            *((name, number) for name in OWN),
            *((f"{name}.{side}", number) for name in OWN for side in ("low", "high")),
            *((f"score.{label}", number) for label in labels),
            *((f"dimension.{name}", number) for name in dimensions),
            ("evidence", pa.list_(evidence)),
            ("trajectory", pa.list_(window)),
            ("model", text),
            ("language", text),
            ("language_probability", number),
            *((f"measure.{name}", number) for name in measures),
            ("dialogue", text),
            ("turn", whole),
            ("shift", pa.struct([("own", change), ("other", change)])),
            ("causes", pa.list_(pa.struct([("turn", whole), ("start", whole), ("end", whole), ("score", number)]))),
            ("person", text),
            ("faces", pa.list_(pa.struct([(name, number) for name in _FACE]))),
            ("channels", pa.map_(text, pa.struct([("scores", pa.map_(text, number)), ("weight", number)]))),
            ("conflict", pa.struct([("score", number), ("between", pa.list_(text))])),
            ("explanation", pa.list_(pa.struct([("sentence", text), ("evidence", pa.list_(whole))]))),
        ],
        metadata={"affekt.row_version": ROW_VERSION},
    )


_PLAIN = ("id", "text", "source", "start", "end", "speaker", "time", "space", "labels", "confidence", "abstained")
_FACE = ("time", "x", "y", "width", "height")
_EVIDENCE = ("modality", "cue", "start", "end", "weight", "label", "name", "direction", "z")


def _columns(
    rows: Sequence[Row], labels: Sequence[str], dimensions: Sequence[str], measures: Sequence[str]
) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in (*_PLAIN, *OWN)}
    for name in OWN:
        pairs = [(row.intervals or {}).get(name, (None, None)) for row in rows]
        columns[f"{name}.low"] = [low for low, _ in pairs]
        columns[f"{name}.high"] = [high for _, high in pairs]
    for label in labels:
        columns[f"score.{label}"] = [row.scores.get(label) if row.scores else None for row in rows]
    for name in dimensions:
        columns[f"dimension.{name}"] = [row.dimensions.get(name) if row.dimensions else None for row in rows]
    columns["evidence"] = [[{name: getattr(e, name) for name in _EVIDENCE} for e in row.evidence] for row in rows]
    columns["trajectory"] = [
        [
            {
                "start": w.start,
                "end": w.end,
                "scores": list(w.scores.items()),
                **{name: getattr(w, name) for name in OWN},
                "dimensions": list(w.dimensions.items()) if w.dimensions else None,
            }
            for w in row.trajectory
        ]
        if row.trajectory
        else None
        for row in rows
    ]
    for name in ("model", "language", "language_probability", "dialogue", "turn"):
        columns[name] = [getattr(row, name) for row in rows]
    for name in measures:
        columns[f"measure.{name}"] = [row.measures.get(name) if row.measures else None for row in rows]
    columns["shift"] = [
        None if row.shift is None else {"own": _change(row.shift.own), "other": _change(row.shift.other)}
        for row in rows
    ]
    columns["causes"] = [None if row.causes is None else [asdict(cause) for cause in row.causes] for row in rows]
    columns["person"] = [row.person for row in rows]
    columns["channels"] = [
        None
        if row.channels is None
        else [(k, {"scores": list(c.scores.items()), "weight": c.weight}) for k, c in row.channels.items()]
        for row in rows
    ]
    columns["conflict"] = [
        None if row.conflict is None else {"score": row.conflict.score, "between": list(row.conflict.between)}
        for row in rows
    ]
    for name in ("faces", "explanation"):
        columns[name] = [None if (p := getattr(row, name)) is None else [asdict(one) for one in p] for row in rows]
    return columns


def _change(change: ChangeRow | None) -> dict[str, Any] | None:
    return None if change is None else {**asdict(change), "dimensions": list((change.dimensions or {}).items()) or None}


def write(
    rows: Iterable[Row],
    path: Path,
    *,
    labels: Sequence[str],
    dimensions: Sequence[str] = (),
    measures: Sequence[str] = (),
) -> None:
    """Write rows to a file, which is overwritten.

    Args:
        rows: The rows.
        path: The file.
        labels: Labels of their spaces, in order.
        dimensions: Their dimensions beside valence, arousal and dominance, in order.
        measures: Names of their measures, in order.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    typed = schema(labels, dimensions, measures)
    pending = iter(rows)
    with pq.ParquetWriter(path, typed, compression="zstd") as writer:
        while chunk := list(islice(pending, _ROW_GROUP)):
            columns = _columns(chunk, labels, dimensions, measures)
            writer.write_table(pa.table(columns, schema=typed), row_group_size=_ROW_GROUP)
