"""Scores of stored answers.

What a task scores is one of three things: labels (0/1), intensities of labels, or named dimensions.

The recogniser's own labels decide F1, so thresholds come from wherever it took them (dev, for a bundled model).
A row without an answer is scored as "no label" by the label metrics, which costs recall, and is counted beside
the scores; it has no probability and no dimensions, so the other metrics leave it out and state how many rows
they stand on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.bench.answers import Answers
from affekt.bench.tasks import Task
from affekt.core.errors import DataError
from affekt.core.run import Score
from affekt.metrics import classification
from affekt.metrics.bootstrap import Interval, bootstrap
from affekt.metrics.calibration import interval_coverage, risk_coverage
from affekt.metrics.statistic import Array, Statistic

__all__ = ["COVERAGES", "Scored", "clusters_of", "confident_answers", "rated", "score", "statistics"]

COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Scored:
    """What the answers of a run amount to.

    Attributes:
        scores: Report key -> score with its interval.
        abstained: Reason -> number of rows.
        notes: Per-label table, risk against coverage, interval coverage.
    """

    scores: dict[str, Score]
    abstained: dict[str, int]
    notes: dict[str, Any]


def statistics(task: Task, answers: Answers, *, beside: Sequence[Answers] = ()) -> dict[str, Statistic]:
    """Every score of a task as sums over rows.

    A label that was rated in none of the rows has no score; where it was rated in some, the label metrics leave
    out the decisions without gold, and the other metrics leave out those rows.

    Args:
        task: The task.
        answers: The answers to score.
        beside: Answers to compare with; rows that any of them leaves open are then left out of all.

    Raises:
        DataError: The answers are not about this task's labels or dimensions.
    """
    sides = (answers, *beside)
    for side in sides:
        names = side.label_names if task.entry.target == "labels" else side.dimension_names
        if side.target != task.entry.target or not set(task.names) <= set(names):
            raise DataError(
                f"The predictions are not about {task.id!r}", hint="Score them with the task that they answer."
            )
    found = _of_labels(task, answers, sides) if task.entry.target == "labels" else _of_values(task, answers, sides)
    drawn = clusters_of(task, answers)
    return {key: s if drawn is None else s.by(drawn[rows]) for key, (s, rows) in found.items()}


def clusters_of(task: Task, answers: Answers) -> npt.NDArray[np.str_] | None:
    """What resamples draw whole, such as speakers: a name for each row, shape (rows,); `None` where they draw rows.

    A row of which the cluster is not stated is one by itself.

    Raises:
        DataError: The answers do not say the clusters that the task names.
    """
    name = task.entry.clusters
    if not name:
        return None
    if name not in answers.facts:
        raise DataError(
            f"The run does not say the {name} of its rows, whom the intervals of {task.id!r} draw anew",
            hint="An older version made it: run the task again.",
        )
    return np.array([value or f"row {i}" for i, value in enumerate(answers.facts[name])])


def rated(task: Task, answers: Answers) -> tuple[str, ...]:
    """The names that the task scores and that at least one row has gold for."""
    names = answers.label_names if answers.target == "labels" else answers.dimension_names
    known = {name for j, name in enumerate(names) if not np.isnan(answers.truth[:, j]).all()}
    return tuple(name for name in task.names if name in known)


_Scores = dict[str, tuple[Statistic, npt.NDArray[np.bool_]]]  # with the rows that each stands on


def _of_labels(task: Task, answers: Answers, sides: Sequence[Answers]) -> _Scores:
    columns = [answers.label_names.index(name) for name in rated(task, answers)]
    truth, labels = answers.truth[:, columns], answers.labels[:, columns]
    asked = ~np.isnan(truth)
    scored = np.logical_and.reduce([~np.isnan(side.scores[:, columns]).any(1) for side in sides]) & asked.all(1)
    every = np.ones(len(answers), dtype=bool)
    out: _Scores = {}
    for key, m in task.keys.items():
        if m.takes == "labels":
            out[key] = m.statistic(truth=np.where(asked, truth, 0.0), prediction=np.where(asked, labels, 0.0)), every
        elif m.takes == "classes":
            out[key] = m.statistic(truth=_classes(truth), prediction=_classes(labels)), every
        else:
            what = "probability" if m.takes == "probabilities" else "prediction"
            out[key] = m.statistic(truth=truth[scored], **{what: answers.scores[scored][:, columns]}), scored
    return out


def _classes(table: Array) -> np.ndarray:
    """The position of the one label of each row; -1 without one."""
    return np.where(table.sum(1) > 0, np.nan_to_num(table).argmax(1), -1)


def _of_values(task: Task, answers: Answers, sides: Sequence[Answers]) -> _Scores:
    names = rated(task, answers)
    columns = [answers.dimension_names.index(name) for name in names]
    asked = ~np.isnan(answers.truth[:, columns])
    # Every side has the same names, though not in the same order.
    given = asked & np.logical_and.reduce(
        [~np.isnan(side.dimensions[:, [side.dimension_names.index(name) for name in names]]) for side in sides]
    )
    truth, values = answers.truth[:, columns], answers.dimensions[:, columns]
    out: _Scores = {}
    for m in task.metrics:
        if m.takes == "table":
            whole = given.all(1)
            out[m.key] = m.statistic(truth=truth[whole], prediction=values[whole]), whole
            continue
        for j, name in enumerate(names):
            rows = given[:, j]
            out[f"{m.key}_{name}"] = m.statistic(truth=truth[rows, j], prediction=values[rows, j]), rows
    return out


def score(task: Task, answers: Answers, *, samples: int = 1000, seed: int = 0) -> Scored:
    """Score the answers of a run.

    Args:
        task: The task.
        answers: What was answered.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.

    Raises:
        DataError: The answers are not about this task's labels or dimensions.
    """
    parts = statistics(task, answers)
    per_label = "f1 per label"
    names = rated(task, answers)
    if task.entry.target == "labels":
        columns = [answers.label_names.index(name) for name in names]
        truth, labels = _decided(answers, columns)
        f1 = classification.f1_per_label_statistic(truth=truth, prediction=labels)
        drawn = clusters_of(task, answers)
        parts[per_label] = f1 if drawn is None else f1.by(drawn)
    intervals = bootstrap(parts, samples=samples, seed=seed)
    scores = {
        key: Score(float(i.value), float(i.low), float(i.high), i.n) for key, i in intervals.items() if key != per_label
    }
    notes: dict[str, Any] = {"rows": len(answers), "answered": int(answers.answered.sum())}
    if (drawn := clusters_of(task, answers)) is not None:
        notes["clusters"] = {"of": task.entry.clusters, "number": len(set(drawn))}
    if missing := [name for name in task.names if name not in names]:
        notes["not_rated"] = missing
    if task.entry.target == "labels":
        found = intervals[per_label]
        notes["per_label"] = _per_label(names, truth, labels, found)
        notes["risk_coverage"] = _risk_coverage(task, answers)
    else:
        if task.entry.target == "dimensions":
            notes["interval_coverage"] = _interval_coverage(answers)
        notes["spread"] = {
            name: {
                "gold_sd": _spread(answers.truth[:, j]),
                "predicted_sd": _spread(answers.dimensions[:, j]),
            }
            for j, name in enumerate(answers.dimension_names)
        }
    reasons = Counter(reason for reason in answers.abstained if reason is not None)
    return Scored(scores, dict(sorted(reasons.items())), notes)


def _spread(values: Array) -> float:
    given = values[~np.isnan(values)]
    return float(given.std()) if given.size else float("nan")


def _decided(answers: Answers, columns: list[int]) -> tuple[Array, Array]:
    """Truth and labels as 0/1, with decisions that have no gold set to 0 on both sides, where they count nothing."""
    truth, labels = answers.truth[:, columns], answers.labels[:, columns]
    asked = ~np.isnan(truth)
    return np.where(asked, truth, 0.0), np.where(asked, labels, 0.0)


def _per_label(names: Sequence[str], truth: Array, labels: Array, f1: Interval) -> dict[str, dict[str, float]]:
    precision = classification.precision_per_label(truth=truth, prediction=labels)
    recall = classification.recall_per_label(truth=truth, prediction=labels)
    return {
        name: {
            "precision": float(precision[j]),
            "recall": float(recall[j]),
            "f1": float(f1.value[j]),
            "f1_low": float(f1.low[j]),
            "f1_high": float(f1.high[j]),
            "actual": int(truth[:, j].sum()),
            "predicted": int(labels[:, j].sum()),
        }
        for j, name in enumerate(names)
    }


def confident_answers(task: Task, answers: Answers) -> tuple[Array, Array]:
    """Whether the most probable label of each answered row is among its gold labels, and how sure the answer is.

    Rows without an answer, a confidence or a probability of every scored label are left out.

    Returns:
        Right (0/1) and confidence, of shape (answered rows,) each.
    """
    columns = [answers.label_names.index(name) for name in rated(task, answers)]
    if not columns:
        return np.zeros(0), np.zeros(0)
    scores, truth = answers.scores[:, columns], answers.truth[:, columns]
    used = answers.answered & ~np.isnan(answers.confidence) & ~np.isnan(scores).any(1) & ~np.isnan(truth).any(1)
    top = scores[used].argmax(1)
    return truth[used][np.arange(top.size), top], answers.confidence[used]


def _risk_coverage(task: Task, answers: Answers) -> dict[str, Any]:
    """Risk that the most probable label is not among the gold labels, as the least confident rows are left out."""
    correct, confidence = confident_answers(task, answers)
    curve = risk_coverage(correct=correct, confidence=confidence)
    return {
        "error": "the most probable label is not among the gold labels",
        "rows": int(correct.size),
        "aurc": curve.aurc,
        "points": [{"coverage": c, "risk": curve.at(c)} for c in COVERAGES],
    }


def _interval_coverage(answers: Answers) -> dict[str, dict[str, float]]:
    """How many single annotators' ratings the intervals hold."""
    out: dict[str, dict[str, float]] = {}
    for j, name in enumerate(answers.dimension_names):
        low, high = answers.low[answers.rating_rows, j], answers.high[answers.rating_rows, j]
        given = ~(np.isnan(low) | np.isnan(high) | np.isnan(answers.ratings[:, j]))
        found = interval_coverage(ratings=answers.ratings[given, j], low=low[given], high=high[given])
        out[name] = {"coverage": found.coverage, "width": found.width, "ratings": found.n}
    return out
