"""The record of a measurement: what was run, with what, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Run", "Score"]


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value with its bootstrap interval.

    Attributes:
        value: The score; NaN where it is undefined.
        low: Lower end of the 95 % percentile bootstrap interval.
        high: Upper end.
        n: Number of rows that it was computed on.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Run:
    """One task, one recogniser, every prediction kept in `predictions.parquet` beside `run.json`.

    Attributes:
        task: Id of the task.
        task_version: Version of the task; scores of different versions are not compared.
        model: Name and version of the recogniser.
        spec: What was asked for: split, metrics, seeds, number of bootstrap samples.
        versions: Versions of Affekt, of the libraries that computed, and checksums of data and weights.
        scores: Metric key -> score.
        abstained: Reason -> number of rows without an answer.
        created: UTC time in ISO 8601.
        notes: Further results, such as per-label scores.
    """

    task: str
    task_version: str
    model: str
    spec: Mapping[str, object]
    versions: Mapping[str, str]
    scores: Mapping[str, Score]
    abstained: Mapping[str, int] = field(default_factory=dict)
    created: str = ""
    notes: Mapping[str, object] = field(default_factory=dict)
