"""Learning curves: how a score grows with the rows that a system was trained on, and what twice as many would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.bench.compare import systems_of
from affekt.bench.scoring import statistics
from affekt.bench.tasks import Task, task
from affekt.core.errors import InputError, UnknownNameError
from affekt.metrics.bootstrap import percentiles
from affekt.metrics.growth import PowerLaw, fit_power_law
from affekt.metrics.significance import Spread, draws_of_systems, summarise
from affekt.metrics.statistic import Array

__all__ = ["Curve", "Point", "curve", "document"]

# Places at which the fitted line and its band are drawn.
_PLACES = 25


@dataclass(frozen=True, slots=True)
class Point:
    """The score at one number of training rows; the mean where several runs have it."""

    size: int
    score: Spread


@dataclass(frozen=True, slots=True)
class Curve:
    """A learning curve.

    Attributes:
        task: The task.
        split: The split that was answered.
        key: Report key of the score.
        points: Scores by rising size.
        law: The fitted power law.
        line: (size, score, lower end, upper end) of the law, up to twice the largest size.
        twice: The law at twice the largest size, with its interval.
        gain: What doubling brings: `twice` minus the law at the largest size, with its interval.
    """

    task: Task
    split: str
    key: str
    points: tuple[Point, ...]
    law: PowerLaw
    line: tuple[tuple[float, float, float, float], ...]
    twice: tuple[float, float, float]
    gain: tuple[float, float, float]


def curve(
    runs: Sequence[str | Path],
    *,
    sizes: Sequence[int] | None = None,
    key: str | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Curve:
    """Fit a learning curve to runs of one task that differ in their number of training rows.

    The intervals come from resampling the rows that were answered (the same for all sizes) and, where a size has
    several runs, these runs; every resample is fitted anew. They do not cover the doubt about the law itself.

    Args:
        runs: Folders of runs.
        sizes: Training rows of each run; default what the runs say (`--train-rows` when they were made).
        key: Report key of the score; default the task's headline.
        samples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    Raises:
        DataError: A folder holds no run.
        InputError: The runs are not of the same rows, do not say their size, or have fewer than three sizes.
        UnknownNameError: The task has no such score.
    """
    systems = systems_of([], {str(k): [run] for k, run in enumerate(runs)})
    chosen = task(systems[0].runs[0].task)
    key = key or chosen.entry.headline
    if key not in chosen.keys:
        raise UnknownNameError("score", key, chosen.keys)
    if not chosen.keys[key].higher_is_better:
        raise InputError(f"{key} is an error; a curve is fitted to a score of which more is better", where="--score")
    stated = [s.runs[0].spec.get("train_rows") for s in systems] if sizes is None else list(sizes)
    if len(stated) != len(systems):
        raise InputError(f"There are {len(systems)} runs and {len(stated)} sizes", where="--sizes")
    for size, system in zip(stated, systems, strict=True):
        if not isinstance(size, int) or size < 1:
            raise InputError(
                "The run does not say how many rows its system was trained on",
                where=system.folders[0],
                hint="Name the sizes with --sizes, or make runs with --train-rows.",
            )
    counted = [int(str(size)) for size in stated]
    different = sorted(set(counted))
    if len(different) < 3:
        raise InputError(f"A curve needs at least three sizes; got {', '.join(map(str, different))}")
    every = [system.answers[0] for system in systems]
    parts = {
        str(size): [
            statistics(chosen, answers, beside=every)[key]
            for answers, has in zip(every, counted, strict=True)
            if has == size
        ]
        for size in different
    }
    drawn = draws_of_systems(parts, samples=samples, seed=seed)
    points = tuple(Point(size, summarise(parts[str(size)], drawn[str(size)])) for size in different)
    best = chosen.keys[key].high
    values = np.array([p.score.value for p in points])
    table = np.stack([drawn[str(size)] for size in different])  # (sizes, samples)
    if np.isnan(values).any():
        raise InputError(f"{key} is undefined for one of the runs")
    spread = np.nanvar(table, axis=1)
    weights = 1.0 / np.maximum(spread, 1e-8)
    law = fit_power_law(sizes=different, scores=values, weights=weights, best=best)
    laws = [
        fit_power_law(sizes=different, scores=column, weights=weights, best=best)
        for column in table.T
        if not np.isnan(column).any()
    ]
    if not laws:
        raise InputError(f"{key} is undefined on every resample")
    places = np.geomspace(different[0], 2 * different[-1], _PLACES)
    bands = np.stack([one.at(places) for one in laws])
    low, high = percentiles(bands, 0.95)
    line = tuple(zip(places.tolist(), law.at(places).tolist(), low.tolist(), high.tolist(), strict=True))
    ends = np.array([different[-1], 2 * different[-1]])
    at_ends = np.stack([one.at(ends) for one in laws])
    twice = _with_ends(float(law.at(ends[1])), at_ends[:, 1])
    gain = _with_ends(float(law.at(ends[1]) - law.at(ends[0])), at_ends[:, 1] - at_ends[:, 0])
    return Curve(chosen, str(systems[0].runs[0].spec["split"]), key, points, law, line, twice, gain)


def _with_ends(value: float, drawn: Array) -> tuple[float, float, float]:
    low, high = percentiles(drawn, 0.95)
    return value, float(low), float(high)


def document(found: Curve) -> dict[str, Any]:
    """A curve as plain data: what `--json` prints and the page shows."""
    return {
        "task": found.task.id,
        "title": found.task.title,
        "split": found.split,
        "key": found.key,
        "what": found.task.keys[found.key].title,
        "points": [
            {
                "size": p.size,
                "value": p.score.value,
                "low": p.score.low,
                "high": p.score.high,
                "sd": p.score.sd,
                "runs": p.score.seeds,
                "n": p.score.n,
            }
            for p in found.points
        ],
        "law": {"best": found.law.best, "a": found.law.a, "b": found.law.b, "c": found.law.c},
        "line": [{"size": n, "value": v, "low": a, "high": b} for n, v, a, b in found.line],
        "twice": dict(zip(("value", "low", "high"), found.twice, strict=True)),
        "gain": dict(zip(("value", "low", "high"), found.gain, strict=True)),
    }
