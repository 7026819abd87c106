"""The answers of a run: a row for each clip, kept so that every score can be computed again without a model.

Stored as `predictions.parquet` with the columns `id`, `gold` (list of labels, or a struct of dimensions or of
labels' strengths), `unrated` (labels that nobody was asked about), `scores` (struct: label -> probability; null where
there are none), `labels` (list), `dimensions` (struct; of a task about intensities, label -> strength), `intervals`
(struct: dimension -> [low, high]), `confidence`, `abstained` (reason, or null), `ratings` (struct: dimension ->
single annotators' ratings) and `facts` (struct of strings: language and what else the corpus says of a row, to
compare by). Texts are not stored: their licence stays with the corpus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from affekt.bench.stored import write_table
from affekt.core.clip import Clip
from affekt.core.errors import DataError
from affekt.core.prediction import Prediction
from affekt.core.ratings import Ratings
from affekt.corpora.read import Target
from affekt.metrics.statistic import Array

__all__ = ["Answers", "collect", "facts_of", "read_answers", "write_answers"]


@dataclass(frozen=True, slots=True)
class Answers:
    """Gold and answers, row for row.

    Attributes:
        ids: Clip ids, in the order of the corpus.
        target: What the gold is: `labels`, `intensities` or `dimensions`.
        label_names: Labels of `labels` and `scores`.
        dimension_names: Names of the columns of `dimensions`, `low` and `high`: dimensions, or for intensities the
            labels; empty where none were predicted.
        truth: Gold: 0/1 of shape (rows, label_names), or values of shape (rows, dimension_names); NaN where a label
            or dimension was not rated.
        labels: 0/1 of shape (rows, label_names): the labels given; all 0 without an answer.
        scores: Shape (rows, label_names); NaN where there are none.
        dimensions: Shape (rows, dimension_names); NaN where there are none.
        low: Lower interval ends, as `dimensions`.
        high: Upper interval ends, as `dimensions`.
        confidence: Shape (rows,); NaN where there is none.
        abstained: Reason for each row, `None` where an answer was given.
        rating_rows: Row of each single rating, shape (ratings,).
        ratings: Single ratings, shape (ratings, dimension_names).
        facts: What rows can be compared by: column -> value of each row, `None` where it is not known.
    """

    ids: tuple[str, ...]
    target: str
    label_names: tuple[str, ...]
    dimension_names: tuple[str, ...]
    truth: Array
    labels: Array
    scores: Array
    dimensions: Array
    low: Array
    high: Array
    confidence: Array
    abstained: tuple[str | None, ...]
    rating_rows: np.ndarray
    ratings: Array
    facts: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def answered(self) -> np.ndarray:
        """Whether each row has an answer, shape (rows,)."""
        return np.array([reason is None for reason in self.abstained], dtype=bool)

    def take(self, rows: np.ndarray) -> Answers:
        """The answers to some of the rows.

        Args:
            rows: Positions, rising.
        """
        place = np.full(len(self), -1, dtype=np.intp)
        place[rows] = np.arange(len(rows))
        kept = place[self.rating_rows] >= 0
        tables = ("truth", "labels", "scores", "dimensions", "low", "high", "confidence")
        return replace(
            self,
            ids=tuple(self.ids[i] for i in rows),
            abstained=tuple(self.abstained[i] for i in rows),
            rating_rows=place[self.rating_rows[kept]],
            ratings=self.ratings[kept],
            facts={name: tuple(values[i] for i in rows) for name, values in self.facts.items()},
            **{name: getattr(self, name)[rows] for name in tables},
        )


def _one_hot(rows: Sequence[Sequence[str]], names: Sequence[str]) -> Array:
    index = {name: i for i, name in enumerate(names)}
    out = np.zeros((len(rows), len(names)))
    for i, row in enumerate(rows):
        for name in row:
            out[i, index[name]] = 1.0
    return out


def _table(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> Array:
    out = np.full((len(rows), len(names)), np.nan)
    for i, row in enumerate(rows):
        for j, name in enumerate(names):
            if name in row:
                out[i, j] = row[name]
    return out


def _gold(targets: Sequence[Target], target: str, names: Sequence[str]) -> Array:
    """Gold as a table; NaN where nobody was asked."""
    if target == "dimensions":
        return _table([t.dimensions for t in targets], names)
    if target == "intensities":
        out = np.zeros((len(targets), len(names)))
        for i, t in enumerate(targets):
            out[i] = [t.intensities.get(name, 0.0) for name in names]
    else:
        out = _one_hot([t.labels for t in targets], names)
    column = {name: j for j, name in enumerate(names)}
    for i, t in enumerate(targets):
        for name in t.unrated:
            if name in column:
                out[i, column[name]] = np.nan
    return out


def facts_of(clips: Sequence[Clip]) -> dict[str, tuple[str | None, ...]]:
    """What rows can be compared by: language, speaker and dialogue where they have one, and the corpus' facts."""
    found: dict[str, tuple[str | None, ...]] = {}
    for name in ("language", "speaker", "dialogue"):
        if any(getattr(clip, name) for clip in clips):
            found[name] = tuple(getattr(clip, name) for clip in clips)
    for name in dict.fromkeys(name for clip in clips for name in clip.facts):
        if name not in found:
            found[name] = tuple(clip.facts.get(name) for clip in clips)
    return found


def collect(
    targets: Sequence[Target],
    predictions: Sequence[Prediction],
    *,
    target: str,
    label_names: tuple[str, ...],
    dimension_names: tuple[str, ...],
    values: Sequence[Mapping[str, float]] | None = None,
    ratings: Ratings | None = None,
    facts: Mapping[str, tuple[str | None, ...]] | None = None,
) -> Answers:
    """Put gold and predictions side by side.

    Args:
        targets: Gold of each row.
        predictions: Answer to each row, in the same order.
        target: `labels`, `intensities` or `dimensions`.
        label_names: Labels of the space that the predictions are in.
        dimension_names: Dimensions to keep; for intensities, the labels.
        values: Name -> value of each row, where they are not the dimensions of the predictions.
        ratings: Single annotators' judgements of the items, for interval coverage.
        facts: What rows can be compared by: column -> value of each row.
    """
    ids = tuple(p.clip_id for p in predictions)
    rows = np.zeros(0, dtype=np.intp)
    given = np.zeros((0, len(dimension_names)))
    if ratings is not None:
        place = {name: i for i, name in enumerate(ids)}
        row_of_item = np.array([place.get(name, -1) for name in ratings.items], dtype=np.intp)
        keep = row_of_item[ratings.item] >= 0
        columns = [ratings.channels.index(name) for name in dimension_names]
        rows, given = row_of_item[ratings.item][keep], ratings.values[keep][:, columns]
        order = np.argsort(rows, kind="stable")
        rows, given = rows[order], given[order]
    none = float("nan")
    return Answers(
        ids=ids,
        target=target,
        label_names=label_names,
        dimension_names=dimension_names,
        truth=_gold(targets, target, label_names if target == "labels" else dimension_names),
        labels=_one_hot([p.labels if p.abstained is None else () for p in predictions], label_names),
        scores=_table([p.scores for p in predictions], label_names),
        dimensions=_table([p.dimensions for p in predictions] if values is None else values, dimension_names),
        low=_table([{k: v[0] for k, v in p.intervals.items()} for p in predictions], dimension_names),
        high=_table([{k: v[1] for k, v in p.intervals.items()} for p in predictions], dimension_names),
        confidence=np.array([none if p.confidence is None else p.confidence for p in predictions], dtype=np.float64),
        abstained=tuple(p.abstained for p in predictions),
        rating_rows=rows,
        ratings=given,
        facts=facts or {},
    )


def _struct(columns: Array, names: Sequence[str]) -> Any:
    """Rows as a struct of doubles; null where all are NaN."""
    import pyarrow as pa

    if not names:
        return pa.nulls(columns.shape[0])
    arrays = [pa.array(columns[:, j], from_pandas=True) for j in range(len(names))]
    return pa.StructArray.from_arrays(arrays, names=list(names), mask=pa.array(np.isnan(columns).all(1)))


def _strings(columns: Mapping[str, Sequence[str | None]], rows: int) -> Any:
    import pyarrow as pa

    if not columns:
        return pa.nulls(rows)
    return pa.StructArray.from_arrays([pa.array(v, type=pa.string()) for v in columns.values()], names=list(columns))


def _pairs(low: Array, high: Array, names: Sequence[str]) -> Any:
    import pyarrow as pa

    if not names:
        return pa.nulls(low.shape[0])
    kind = pa.list_(pa.float64(), 2)
    arrays = []
    for j in range(len(names)):
        pairs = [None if np.isnan(a) or np.isnan(b) else [a, b] for a, b in zip(low[:, j], high[:, j], strict=True)]
        arrays.append(pa.array(pairs, type=kind))
    return pa.StructArray.from_arrays(arrays, names=list(names), mask=pa.array(np.isnan(low).all(1)))


def _names_of(table: Array, names: Sequence[str]) -> list[list[str]]:
    return [[names[int(j)] for j in np.flatnonzero(row)] for row in table]


def _unrated(answers: Answers) -> list[list[str]]:
    """Labels without gold; a dimension without gold is null in its struct already."""
    names = answers.label_names if answers.target == "labels" else answers.dimension_names
    return _names_of(np.isnan(answers.truth), names)


def write_answers(answers: Answers, file: Path, *, facts: Mapping[str, str]) -> None:
    """Write the Parquet file; it is there whole or not at all.

    Args:
        answers: The answers.
        file: Where to.
        facts: Written into the file's metadata, such as task, model and split.

    Raises:
        OutputError: It cannot be written.
    """
    import pyarrow as pa

    a = answers
    by_row: list[dict[str, list[float]] | None] = [None] * len(a)
    if a.rating_rows.size:
        bounds = np.searchsorted(a.rating_rows, np.arange(len(a) + 1))
        for i in range(len(a)):
            given = a.ratings[bounds[i] : bounds[i + 1]]
            by_row[i] = {name: given[:, j].tolist() for j, name in enumerate(a.dimension_names)} if len(given) else None
    rating_kind = pa.struct([(name, pa.list_(pa.float64())) for name in a.dimension_names])
    strings = pa.list_(pa.string())
    table = pa.table(
        {
            "id": pa.array(a.ids, type=pa.string()),
            "gold": (
                pa.array(_names_of(np.nan_to_num(a.truth), a.label_names), type=strings)
                if a.target == "labels"
                else _struct(a.truth, a.dimension_names)
            ),
            "unrated": pa.array(_unrated(a), type=strings),
            "scores": _struct(a.scores, a.label_names),
            "labels": pa.array(_names_of(a.labels, a.label_names), type=strings),
            "dimensions": _struct(a.dimensions, a.dimension_names),
            "intervals": _pairs(a.low, a.high, a.dimension_names),
            "confidence": pa.array(a.confidence, from_pandas=True),
            "abstained": pa.array(a.abstained, type=pa.string()),
            "ratings": pa.array(by_row, type=rating_kind) if a.dimension_names else pa.nulls(len(a)),
            "facts": _strings(a.facts, len(a)),
        }
    ).replace_schema_metadata(
        {
            **facts,
            "target": a.target,
            "label_names": "\n".join(a.label_names),
            "dimension_names": "\n".join(a.dimension_names),
        }
    )
    write_table(table, file)


def _floats(column: Any, names: Sequence[str]) -> Array:
    if not names:
        return np.zeros((len(column), 0))
    parts = column.combine_chunks().flatten()
    return np.stack([np.asarray(p.to_numpy(zero_copy_only=False), dtype=np.float64) for p in parts], axis=1)


def _facts(column: Any) -> dict[str, tuple[str | None, ...]]:
    import pyarrow as pa

    if not pa.types.is_struct(column.type):
        return {}
    whole = column.combine_chunks()
    return {field.name: tuple(whole.field(field.name).to_pylist()) for field in column.type}


def read_answers(file: Path) -> Answers:
    """Read what `write_answers` wrote.

    Raises:
        DataError: The file is missing or is not such a file.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if not file.is_file():
        raise DataError("The run has no predictions", where=str(file), hint="Run `affekt bench run` again.")
    try:
        table = parquet.read_table(file)
        facts = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
        target = facts["target"]
        label_names, dimension_names = (
            tuple(facts[key].split("\n")) if facts[key] else () for key in ("label_names", "dimension_names")
        )
        labels = _one_hot(table["labels"].to_pylist(), label_names)
        pairs = [row or {} for row in table["intervals"].to_pylist()]
        truth = (
            _one_hot(table["gold"].to_pylist(), label_names)
            if target == "labels"
            else _floats(table["gold"], dimension_names)
        )
        # Runs of before 0.2 have neither column.
        if "unrated" in table.column_names and target == "labels":
            column = {name: j for j, name in enumerate(label_names)}
            for i, names in enumerate(table["unrated"].to_pylist()):
                truth[i, [column[name] for name in names]] = np.nan
        rating_rows: list[int] = []
        ratings: list[tuple[float, ...]] = []
        for i, row in enumerate(table["ratings"].to_pylist()):
            for values in zip(*(row[name] for name in dimension_names), strict=True) if row else ():
                rating_rows.append(i)
                ratings.append(values)
        return Answers(
            ids=tuple(table["id"].to_pylist()),
            target=target,
            label_names=label_names,
            dimension_names=dimension_names,
            truth=truth,
            labels=labels,
            scores=_floats(table["scores"], label_names),
            dimensions=_floats(table["dimensions"], dimension_names),
            low=_table([{k: v[0] for k, v in row.items() if v} for row in pairs], dimension_names),
            high=_table([{k: v[1] for k, v in row.items() if v} for row in pairs], dimension_names),
            confidence=np.asarray(table["confidence"].to_numpy(), dtype=np.float64),
            abstained=tuple(table["abstained"].to_pylist()),
            rating_rows=np.array(rating_rows, dtype=np.intp),
            ratings=np.array(ratings, dtype=np.float64).reshape(len(ratings), len(dimension_names)),
            facts=_facts(table["facts"]) if "facts" in table.column_names else {},
        )
    except (pa.ArrowInvalid, KeyError, OSError) as err:
        raise DataError(
            "These are not the predictions of a run", where=str(file), hint="Run `affekt bench run` again."
        ) from err
