"""Scores of stored answers.

The recogniser's own labels decide F1, so thresholds come from wherever it took them (dev, for a bundled model).
A row without an answer is scored as "no label" by the label metrics, which costs recall, and is counted beside
the scores; it has no probability and no dimensions, so the other metrics leave it out and state how many rows
they stand on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from affekt.bench.answers import Answers
from affekt.bench.tasks import Task
from affekt.core.errors import DataError
from affekt.core.run import Score
from affekt.metrics import classification
from affekt.metrics.bootstrap import bootstrap
from affekt.metrics.calibration import interval_coverage, risk_coverage
from affekt.metrics.statistic import Array, Statistic

__all__ = ["Scored", "score", "statistics"]

_COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


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


def statistics(task: Task, answers: Answers, *, beside: Answers | None = None) -> dict[str, Statistic]:
    """Every score of a task as sums over rows.

    Args:
        task: The task.
        answers: The answers to score.
        beside: Answers to compare with; rows that either of the two leaves open are then left out of both.

    Raises:
        DataError: The answers are not about this task's labels or dimensions.
    """
    both = (answers,) if beside is None else (answers, beside)
    for side in both:
        if side.target != task.entry.target or not set(task.names) <= set(side.label_names + side.dimension_names):
            raise DataError(
                f"The predictions are not about {task.id!r}", hint="Score them with the task that they answer."
            )
    out: dict[str, Statistic] = {}
    if task.entry.target == "labels":
        scored = np.logical_and.reduce([~np.isnan(side.scores).any(1) for side in both])
        for key, m in task.keys.items():
            if m.takes == "labels":
                out[key] = m.statistic(truth=answers.truth, prediction=answers.labels)
            elif m.takes == "probabilities":
                out[key] = m.statistic(truth=answers.truth[scored], probability=answers.scores[scored])
            else:
                out[key] = m.statistic(truth=answers.truth[scored], prediction=answers.scores[scored])
        return out
    for m in task.metrics:
        for name in task.names:
            column = answers.dimension_names.index(name)
            given = np.logical_and.reduce([~np.isnan(side.dimensions[:, column]) for side in both])
            out[f"{m.key}_{name}"] = m.statistic(
                truth=answers.truth[given, column], prediction=answers.dimensions[given, column]
            )
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
    if task.entry.target == "labels":
        parts[per_label] = classification.f1_per_label_statistic(truth=answers.truth, prediction=answers.labels)
    intervals = bootstrap(parts, samples=samples, seed=seed)
    scores = {
        key: Score(float(i.value), float(i.low), float(i.high), i.n) for key, i in intervals.items() if key != per_label
    }
    notes: dict[str, Any] = {"rows": len(answers), "answered": int(answers.answered.sum())}
    if task.entry.target == "labels":
        found = intervals[per_label]
        notes["per_label"] = _per_label(answers, found.value, found.low, found.high)
        notes["risk_coverage"] = _risk_coverage(answers)
    else:
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


def _per_label(answers: Answers, f1: Array, low: Array, high: Array) -> dict[str, dict[str, float]]:
    sides = {"truth": answers.truth, "prediction": answers.labels}
    precision = classification.precision_per_label(**sides)
    recall = classification.recall_per_label(**sides)
    return {
        name: {
            "precision": float(precision[j]),
            "recall": float(recall[j]),
            "f1": float(f1[j]),
            "f1_low": float(low[j]),
            "f1_high": float(high[j]),
            "actual": int(answers.truth[:, j].sum()),
            "predicted": int(answers.labels[:, j].sum()),
        }
        for j, name in enumerate(answers.label_names)
    }


def _risk_coverage(answers: Answers) -> dict[str, Any]:
    """Risk that the most probable label is not among the gold labels, as the least confident rows are left out."""
    used = answers.answered & ~np.isnan(answers.confidence) & ~np.isnan(answers.scores).any(1)
    top = answers.scores[used].argmax(1)
    correct = answers.truth[used][np.arange(top.size), top]
    curve = risk_coverage(correct=correct, confidence=answers.confidence[used])
    return {
        "error": "the most probable label is not among the gold labels",
        "rows": int(used.sum()),
        "aurc": curve.aurc,
        "points": [{"coverage": c, "risk": curve.at(c)} for c in _COVERAGES],
    }


def _interval_coverage(answers: Answers) -> dict[str, dict[str, float]]:
    """How many single annotators' ratings the intervals hold."""
    out: dict[str, dict[str, float]] = {}
    for j, name in enumerate(answers.dimension_names):
        low, high = answers.low[answers.rating_rows, j], answers.high[answers.rating_rows, j]
        given = ~(np.isnan(low) | np.isnan(high))
        found = interval_coverage(ratings=answers.ratings[given, j], low=low[given], high=high[given])
        out[name] = {"coverage": found.coverage, "width": found.width, "ratings": found.n}
    return out
