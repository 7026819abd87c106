"""Which emotion when, as a task: gold and answers are a timeline for each recording, and recordings are the rows.

Answers come from a file: RTTM; JSON in the layout of ZED (`{"id": {"emotion": [{"emo": "happy", "start": 1.2, "end":
3.4}]}}`); or a table with a row for each segment (`.jsonl`, `.csv`, `.tsv`, `.parquet`) and the columns `source` (or
`recording`), `start`, `end` and `labels` (or `label`), which are rows as `affekt analyze` writes them. A recording goes
by its file's name without folder and ending. One that the file does not hold is counted as not answered, and scored
as one without any emotion, which is what it says in RTTM.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from affekt.bench.scoring import Scored
from affekt.bench.stored import read_rows, write_table
from affekt.bench.tables import rows_of
from affekt.bench.tasks import Task
from affekt.core.errors import DataError, InputError, UnknownNameError
from affekt.core.run import Score
from affekt.core.timeline import Segment, Timeline
from affekt.corpora.read import read
from affekt.media import timed
from affekt.media.timed.rttm import recording
from affekt.metrics.bootstrap import bootstrap
from affekt.metrics.statistic import divide
from affekt.metrics.timeline import error_times, f1_per_label_in_time_statistic, label_seconds

__all__ = ["TimelineAnswers", "answers_of", "read_timelines", "score_timelines", "write_timelines"]

ABSENT = "not in the file"

_KINDS = ("false_alarm", "missed", "confusion", "overlap")


@dataclass(frozen=True, slots=True)
class TimelineAnswers:
    """Gold and answers, recording for recording.

    Attributes:
        ids: Names of the recordings, in the order of the corpus.
        truth: What is there.
        prediction: What was said to be there.
        abstained: Reason for each recording, `None` where there was an answer.
    """

    ids: tuple[str, ...]
    truth: tuple[Timeline, ...]
    prediction: tuple[Timeline, ...]
    abstained: tuple[str | None, ...]


# --- from the corpus and the file


def answers_of(chosen: Task, file: Path, *, split: str, data: str | Path | None = None) -> TimelineAnswers:
    """Put the answers of a file beside the gold.

    Args:
        chosen: A task about timelines.
        file: The answers.
        split: The split that they answer.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.

    Raises:
        InputError: The file cannot be read, or is about recordings or labels that the task does not have.
        DataError: The corpus is missing, or does not say where its recordings' segments are.
    """
    gold = _gold(chosen, split, data)
    known = {PurePath(source).as_posix(): source for source in gold}
    stems = Counter(recording(source) for source in gold)
    known |= {recording(source): source for source in gold if stems[recording(source)] == 1}
    found: dict[str, list[Segment]] = {}
    strays: list[str] = []
    for name, segment in _given(chosen, file):
        key = known.get(PurePath(name).as_posix()) or known.get(recording(name))
        if key is None:
            strays.append(name)
        else:
            found.setdefault(key, []).extend([segment] if segment is not None else [])
    if strays:
        raise InputError(
            f"{len(set(strays))} recordings are not in this split, such as {strays[0]!r}",
            where=str(file),
            hint=f"The split has recordings such as {recording(next(iter(gold)))!r}." if gold else None,
        )
    if not found:
        raise InputError("The file holds no answers", where=str(file))
    sides = [Timeline(tuple(found.get(source, ())), source=source) for source in gold]
    return TimelineAnswers(
        ids=tuple(recording(source) if stems[recording(source)] == 1 else source for source in gold),
        truth=tuple(gold.values()),
        prediction=tuple(sides),
        abstained=tuple(None if source in found else ABSENT for source in gold),
    )


def _gold(chosen: Task, split: str, data: str | Path | None) -> dict[str, Timeline]:
    """Recording -> its gold; a row of the corpus is one segment of it."""
    segments: dict[str, list[Segment]] = {}
    lengths: dict[str, float] = {}
    for clip, gold in read(chosen.corpus, split=split, data=data):
        source, length = clip.facts.get("recording"), clip.facts.get("duration")
        if clip.start is None or clip.end is None or source is None or length is None:
            raise DataError(
                f"Row {clip.id!r} does not say which part of which recording it is",
                where=chosen.corpus.id,
                hint="The corpus entry needs the columns start and end, and the facts recording and duration.",
            )
        segments.setdefault(source, []).append(Segment(clip.start, clip.end, gold.labels, clip.speaker))
        lengths[source] = float(length)
    try:
        return {s: Timeline(tuple(found), duration=lengths[s], source=s) for s, found in segments.items()}
    except ValueError as err:
        raise DataError(f"A recording of the corpus does not hold its segments: {err}", where=chosen.corpus.id) from err


def _given(chosen: Task, file: Path) -> Iterator[tuple[str, Segment | None]]:
    """Recording and segment, one after the other; no segment for a recording that is said to have none."""
    if not file.is_file():
        raise InputError("There is no such file", where=str(file))
    names = {name.casefold(): name for name in chosen.space.labels}
    gold = chosen.corpus.gold.names if chosen.corpus.gold is not None else {}
    names |= {name.casefold(): label for name, label in gold.items() if label in chosen.space.labels}

    def label_of(name: str, where: str) -> str:
        if name.strip().casefold() not in names:
            raise UnknownNameError("label", name, chosen.space.labels, where=where)
        return names[name.strip().casefold()]

    kind = file.suffix.lower()
    if kind == ".rttm":
        for timeline in timed.read(file, labels=names):
            for s in timeline:
                emotions = tuple(label_of(name, str(file)) for name in s.labels)
                yield timeline.source or "", Segment(s.start, s.end, emotions, s.speaker)
        return
    for name, start, end, labels, where in _json(file) if kind == ".json" else _table(file):
        if start is None and end is None and not labels:
            yield name, None
            continue
        try:
            yield name, Segment(float(start), float(end), tuple(label_of(x, where) for x in labels))
        except (TypeError, ValueError) as err:
            raise InputError("A segment has no readable start and end", where=where) from err


_Row = tuple[str, Any, Any, Sequence[str], str]


def _json(file: Path) -> Iterator[_Row]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise InputError("This is not JSON", where=str(file)) from err
    if not isinstance(found, dict):
        raise InputError("The JSON is not an object of recordings", where=str(file))
    for name, about in found.items():
        segments = about.get("emotion") if isinstance(about, dict) else None
        if not isinstance(segments, list):
            raise InputError("A recording has no list 'emotion'", where=f"{file}, {name}")
        if not segments:
            yield name, None, None, (), str(file)
        for number, s in enumerate(segments, 1):
            where = f"{file}, {name}, segment {number}"
            if not isinstance(s, dict) or not isinstance(s.get("emo"), str):
                raise InputError("A segment has no 'emo'", where=where)
            yield name, s.get("start"), s.get("end"), (s["emo"],), where


def _table(file: Path) -> Iterator[_Row]:
    for number, cells in enumerate(rows_of(file), 1):
        where = f"{file}, row {number}"
        source = next((c for c in ("source", "recording") if c in cells), None)
        labels = next((c for c in ("labels", "label") if c in cells), None)
        for column, name in ((source, "source"), (labels, "labels")):
            if column is None:
                raise UnknownNameError("column", name, list(cells), where=str(file))
        name, said = cells[source or ""], cells[labels or ""]
        if not name:
            raise InputError("A row does not say its recording", where=where, hint="Fill its column source.")
        parts: Iterable[Any] = said if isinstance(said, list | tuple) else str(said or "").split(";")
        yield (
            str(name),
            _or_none(cells.get("start")),
            _or_none(cells.get("end")),
            [str(part).strip() for part in parts if str(part).strip()],
            where,
        )


def _or_none(cell: object) -> object:
    return None if cell == "" else cell


# --- scores


def score_timelines(task: Task, answers: TimelineAnswers, *, samples: int = 1000, seed: int = 0) -> Scored:
    """Score timelines; intervals are of a bootstrap that draws whole recordings.

    Args:
        task: A task about timelines.
        answers: What was answered.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.
    """
    neutral = task.space.neutral
    sides = {"truth": answers.truth, "prediction": answers.prediction}
    parts = {key: m.statistic(**sides, neutral=neutral) for key, m in task.keys.items()}
    per_label = "f1 per label"
    parts[per_label] = f1_per_label_in_time_statistic(**sides, labels=task.names, neutral=neutral)
    intervals = bootstrap(parts, samples=samples, seed=seed)
    scores = {
        key: Score(float(i.value), float(i.low), float(i.high), i.n) for key, i in intervals.items() if key != per_label
    }
    right, there, given = (
        s.sum(0)
        for s in label_seconds(truth=answers.truth, prediction=answers.prediction, labels=task.names, neutral=neutral)
    )
    f1 = intervals[per_label]
    precision, recall = divide(right, given), divide(right, there)
    times = [
        error_times(truth=t, prediction=p, neutral=neutral)
        for t, p in zip(answers.truth, answers.prediction, strict=True)
    ]
    whole = float(np.sum([e.duration for e in times]))
    reasons = Counter(reason for reason in answers.abstained if reason is not None)
    notes: dict[str, Any] = {
        "rows": len(answers.ids),
        "answered": len(answers.ids) - sum(reasons.values()),
        "unit": "seconds",
        "duration": round(whole, 3),
        "error_seconds": {kind: round(float(np.sum([getattr(e, kind) for e in times])), 3) for kind in _KINDS},
        "per_label": {
            name: {
                "precision": float(precision[j]),
                "recall": float(recall[j]),
                "f1": float(f1.value[j]),
                "f1_low": float(f1.low[j]),
                "f1_high": float(f1.high[j]),
                "actual": round(float(there[j]), 3),
                "predicted": round(float(given[j]), 3),
            }
            for j, name in enumerate(task.names)
        },
    }
    return Scored(scores, dict(sorted(reasons.items())), notes)


# --- the record


def _segment_type() -> Any:
    import pyarrow as pa

    return pa.list_(pa.struct([("start", pa.float64()), ("end", pa.float64()), ("labels", pa.list_(pa.string()))]))


def _plain(timeline: Timeline) -> list[dict[str, Any]]:
    return [{"start": s.start, "end": s.end, "labels": list(s.labels)} for s in timeline]


def write_timelines(answers: TimelineAnswers, file: Path, *, facts: Mapping[str, str]) -> None:
    """Write `predictions.parquet`: `id`, `duration`, `gold` and `prediction` (lists of segments), `abstained`.

    Args:
        answers: The answers.
        file: Where to; it is there whole or not at all.
        facts: Written into the file's metadata, such as task, model and split.

    Raises:
        OutputError: It cannot be written.
    """
    import pyarrow as pa

    table = pa.table(
        {
            "id": pa.array(answers.ids, type=pa.string()),
            "duration": pa.array([t.duration for t in answers.truth], type=pa.float64()),
            "gold": pa.array([_plain(t) for t in answers.truth], type=_segment_type()),
            "prediction": pa.array([_plain(t) for t in answers.prediction], type=_segment_type()),
            "abstained": pa.array(answers.abstained, type=pa.string()),
        }
    ).replace_schema_metadata({**facts, "target": "timelines"})
    write_table(table, file)


def read_timelines(file: Path) -> TimelineAnswers:
    """Read what `write_timelines` wrote.

    Raises:
        DataError: The file is missing or is not such a file.
    """

    def made(rows: list[dict[str, Any]]) -> TimelineAnswers:
        sides: dict[str, list[Timeline]] = {"gold": [], "prediction": []}
        for row in rows:
            for side, out in sides.items():
                segments = tuple(Segment(s["start"], s["end"], tuple(s["labels"])) for s in row[side])
                length = {"duration": row["duration"]} if side == "gold" else {}
                out.append(Timeline(segments, source=row["id"], **length))
        return TimelineAnswers(
            ids=tuple(row["id"] for row in rows),
            truth=tuple(sides["gold"]),
            prediction=tuple(sides["prediction"]),
            abstained=tuple(row["abstained"] for row in rows),
        )

    return read_rows(file, made, what="timelines")
