"""Scoring answers from anywhere: a table with an id and a column for each label or value.

What is scored depends on the columns that are there:

- `labels` (or `label`): names of labels, as a list or in one text separated by commas, semicolons or bars;
- a column for each label: probabilities in 0..1, or 0 and 1. Labels are then those at `threshold` or above (of a task
  with one label a row, the most probable one), unless there is a column `labels` as well;
- of tasks about intensities or dimensions, a column for each of their names.

Of tasks about timelines, it is a file of segments, of tasks about causes one of questions, pairs or rows of an
analysis, and of tasks about words one of words or free answers; see `affekt.bench.timelines`, `affekt.bench.causes`
and `affekt.bench.words`.

`abstained` may hold a reason for giving no answer. A row whose cells cannot be read has no answer either, with that
as its reason, and so has a row of the task that the table does not hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affekt.bench import causes
from affekt.bench.answers import collect, facts_of
from affekt.bench.runs import data_checksums, make_folder, store, store_whole
from affekt.bench.tables import by_id, rows_of
from affekt.bench.tasks import Task, task
from affekt.bench.timelines import answers_of
from affekt.bench.words import words_from
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.run import Run
from affekt.corpora.files import checksum
from affekt.corpora.read import read
from affekt.media.kinds import cannot_read

__all__ = ["score_predictions"]

Cells = Mapping[str, Any]

_SEPARATORS = re.compile(r"[,;|]")


def score_predictions(
    name: str,
    predictions: str | Path,
    *,
    out: str | Path,
    data: str | Path | None = None,
    split: str | None = None,
    system: str | None = None,
    threshold: float = 0.5,
    train_rows: int | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Run:
    """Score a table of predictions on a task, and store them as a run that can be compared with others.

    Args:
        name: Id of the task.
        predictions: A file that ends in `.csv`, `.tsv`, `.jsonl` or `.parquet`; of timelines also `.rttm` or `.json`,
            of causes `.json`.
        out: Folder for the run.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        split: Split that was answered; default the one that the task reports.
        system: What the run is called; default the name of the file.
        threshold: Probability from which a label counts as given, where the table does not name labels. Choose it
            on the selection split, never on the one that is scored.
        train_rows: Number of rows that the system was trained on, for learning curves.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.

    Raises:
        UnknownNameError: There is no such task or split, or the table has none of the task's columns.
        InputError: The table cannot be read, has an id twice, or has ids that are not in the split.
        DataError: The corpus is missing or does not have its layout.
        OutputError: The record cannot be written.
    """
    chosen = task(name)
    used = chosen.check_split(split)
    if not 0.0 < threshold <= 1.0:
        raise InputError(f"The threshold is {threshold:g}, not above 0 and at most 1", where="--threshold")
    file = Path(predictions)
    try:
        digits = checksum(file)
    except OSError as err:
        raise cannot_read(file, str(file), err) from err
    kept: dict[str, Any] = {
        "model": system or file.stem,
        "split": used,
        "versions": {**data_checksums(chosen, used, data), f"sha256 predictions/{file.name}": digits},
        "samples": samples,
        "seed": seed,
    }
    if chosen.entry.target == "timelines":
        timelines = answers_of(chosen, file, split=used, data=data)
        spec = _spec(file, "segments", train_rows)
        return store_whole(chosen, timelines, folder=make_folder(Path(out)), spec=spec, **kept)
    if chosen.entry.target == "words":
        words = words_from(chosen, file, split=used, data=data)
        spec = _spec(file, "words, or words that an answer names", train_rows)
        return store_whole(chosen, words, folder=make_folder(Path(out)), spec=spec, **kept)
    if chosen.entry.target in causes.CAUSES:
        links = causes.answers_of(chosen, file, split=used, data=data, threshold=threshold)
        spec = _spec(file, "links", train_rows)
        return store_whole(chosen, links, folder=make_folder(Path(out)), spec=spec, **kept)
    examples = list(read(chosen.corpus, split=used, data=data))
    given = by_id(rows_of(file), [clip.id for clip, _ in examples], chosen.all_names, str(file))
    header = list(dict.fromkeys(key for cells in given.values() for key in cells))
    # A label that no row is rated for need not be there: SemEval's English rows have no disgust.
    needed = [name for name in chosen.names if any(name not in gold.unrated for _, gold in examples)]
    reader = _Reader(chosen, header, needed, threshold, system or file.stem, str(file))
    answers = [reader.read(clip.id, given.get(clip.id)) for clip, _ in examples]
    valued = chosen.entry.target != "labels"
    folder = make_folder(Path(out))
    found = collect(
        [gold for _, gold in examples],
        [prediction for prediction, _ in answers],
        target=chosen.entry.target,
        label_names=chosen.space.labels,
        dimension_names=chosen.all_names if valued else (),
        values=[values for _, values in answers] if valued else None,
        facts=facts_of([clip for clip, _ in examples]),
    )
    return store(chosen, found, folder=folder, spec=_spec(file, reader.way, train_rows), **kept)


def _spec(file: Path, way: str, train_rows: int | None) -> dict[str, object]:
    found: dict[str, object] = {"mapped_from": None, "predictions": file.name, "read_from": way}
    return found if train_rows is None else {**found, "train_rows": train_rows}


class _Reader:
    """Turns the cells of one row into an answer."""

    def __init__(
        self,
        chosen: Task,
        header: Sequence[str],
        needed: Sequence[str],
        threshold: float,
        system: str,
        where: str,
    ) -> None:
        self.task = chosen
        self.system = system
        self.threshold = threshold
        self.names = [name for name in chosen.all_names if name in header]
        self.labels: str | None = None
        if chosen.entry.target == "labels":
            self.labels = next((c for c in ("labels", "label") if c in header and c not in chosen.all_names), None)
        if self.labels is not None and not self.names:
            return
        for name in needed:
            if name not in header:
                raise UnknownNameError("column", name, header, where=where)

    @property
    def way(self) -> str:
        """How labels or values were taken from the table, for the record."""
        if self.task.entry.target != "labels":
            return "a column for each value"
        if self.labels is not None:
            return f"column {self.labels!r}"
        if self.task.space.kind == "single":
            return "the label with the highest value"
        return f"labels at {self.threshold:g} or above"

    def read(self, clip_id: str, cells: Cells | None) -> tuple[Prediction, Mapping[str, float]]:
        """The answer to a row, and its values where the task scores values."""
        try:
            return self._read(clip_id, cells)
        except ValueError as err:
            return self._none(clip_id, f"unparsable: {err}")

    def _none(self, clip_id: str, reason: str) -> tuple[Prediction, Mapping[str, float]]:
        return Prediction(clip_id, self.task.space.id, abstained=reason, model=self.system), {}

    def _read(self, clip_id: str, cells: Cells | None) -> tuple[Prediction, Mapping[str, float]]:
        if cells is None:
            return self._none(clip_id, "not in the table")
        if reason := str(cells.get("abstained") or "").strip():
            return self._none(clip_id, reason)
        values = {name: _number(cells.get(name), name) for name in self.names}
        if self.task.entry.target != "labels":
            return Prediction(clip_id, self.task.space.id, model=self.system), values
        scores = {name: values.get(name, 0.0) for name in self.task.space.labels} if self.names else {}
        for name, p in scores.items():
            if not 0.0 <= p <= 1.0:
                raise ValueError(f"column {name}")
        labels = self._named(cells) if self.labels is not None else self._reached(scores)
        # 0 and 1 are decisions, not probabilities.
        graded = any(0.0 < p < 1.0 for p in scores.values())
        sure = cells.get("confidence")
        confidence = _number(sure, "confidence") if sure not in (None, "") else max(scores.values(), default=None)
        return Prediction(
            clip_id,
            self.task.space.id,
            scores=scores if graded else {},
            labels=labels,
            confidence=confidence if graded else None,
            model=self.system,
        ), {}

    def _reached(self, scores: Mapping[str, float]) -> tuple[str, ...]:
        order = sorted(scores, key=lambda name: -scores[name])
        if self.task.space.kind == "single":
            return tuple(order[:1])
        return tuple(name for name in order if scores[name] >= self.threshold)

    def _named(self, cells: Cells) -> tuple[str, ...]:
        cell = cells.get(self.labels or "")
        if cell is None:
            raise ValueError(f"column {self.labels}")
        parts = cell if isinstance(cell, list | tuple) else _SEPARATORS.split(str(cell))
        names = [str(part).strip() for part in parts if str(part).strip()]
        known = {name.casefold(): name for name in self.task.space.labels}
        if any(name.casefold() not in known for name in names):
            raise ValueError(f"column {self.labels}")
        if self.task.space.kind == "single" and len(names) != 1:
            raise ValueError(f"column {self.labels}: not one label")
        return tuple(known[name.casefold()] for name in names)


def _number(cell: object, name: str) -> float:
    try:
        value = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError) as err:
        raise ValueError(f"column {name}") from err
    if not math.isfinite(value):
        raise ValueError(f"column {name}")
    return value
