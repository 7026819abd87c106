"""Curves with intervals: what probabilities promise and what happens, and what answering less buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.metrics.bootstrap import percentiles, resample_counts
from affekt.metrics.calibration import bin_of, decisions_of, risk_coverage
from affekt.metrics.statistic import Array, Statistic, divide

__all__ = ["Bin", "RiskPoint", "Selective", "reliability", "selective_risk"]

# Most places at which the curve of a resample is read; enough for an area to three digits.
_PLACES = 1000


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability table.

    Attributes:
        low: Lower edge (excluded, but for 0).
        high: Upper edge (included).
        decisions: Number of label decisions in it.
        promised: Their mean probability; NaN in an empty bin.
        observed: Share of them where the label is there; NaN in an empty bin.
        observed_low: Lower end of the interval of `observed`.
        observed_high: Upper end.
    """

    low: float
    high: float
    decisions: int
    promised: float
    observed: float
    observed_low: float
    observed_high: float


def reliability(
    *,
    truth: npt.ArrayLike,
    probability: npt.ArrayLike,
    bins: int = 15,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Bin, ...]:
    """Reliability table: what happened among decisions that were given about the same probability.

    Every (row, label) pair is a decision. The intervals resample rows, since the decisions on one row hang
    together. The share-weighted mean of |observed - promised| is `expected_calibration_error`.

    Args:
        truth: 0/1 of shape (rows, labels).
        probability: Shape (rows, labels), each in 0..1.
        bins: Number of bins of equal width.
        samples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.
        level: Share of resamples between the ends of an interval.

    Raises:
        ValueError: The shapes differ, or values are out of range or NaN.
    """
    t, p = decisions_of(truth, probability)
    rows = t.shape[0]
    flat = (bin_of(p, bins) * rows + np.arange(rows)[:, None]).ravel()

    def per_bin(weights: Array | None) -> Array:
        found = np.bincount(flat, weights=weights, minlength=bins * rows)
        return np.asarray(found, dtype=np.float64).reshape(bins, rows)

    counts, hits, promised = per_bin(None), per_bin(t.ravel()), per_bin(p.ravel())
    observed = Statistic(np.concatenate([hits, counts]), lambda sums: divide(sums[..., :bins], sums[..., bins:]))
    drawn = [observed.resampled(c) for c in resample_counts(rows=rows, samples=samples, seed=seed)] if rows else []
    low, high = percentiles(np.concatenate(drawn) if drawn else np.full((1, bins), np.nan), level)
    edges = np.linspace(0.0, 1.0, bins + 1)
    means, shares = divide(promised.sum(1), counts.sum(1)), observed.values
    return tuple(
        Bin(
            low=float(edges[b]),
            high=float(edges[b + 1]),
            decisions=int(counts[b].sum()),
            promised=float(means[b]),
            observed=float(shares[b]),
            observed_low=float(low[b]),
            observed_high=float(high[b]),
        )
        for b in range(bins)
    )


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """Risk at one coverage, with its interval."""

    coverage: float
    risk: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Selective:
    """What leaving out the least confident rows buys.

    Attributes:
        points: Risk at the asked coverages.
        aurc: Mean risk over all coverages; 0 best.
        aurc_low: Lower end of its interval.
        aurc_high: Upper end.
        rows: Number of rows.
    """

    points: tuple[RiskPoint, ...]
    aurc: float
    aurc_low: float
    aurc_high: float
    rows: int


def selective_risk(
    *,
    correct: npt.ArrayLike,
    confidence: npt.ArrayLike,
    coverages: Sequence[float],
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Selective:
    """`risk_coverage` with bootstrap intervals over rows.

    In every resample the rows are ordered by confidence anew, and rows of equal confidence share their errors.

    Args:
        correct: Whether each answer is right, shape (rows,).
        confidence: Confidence of each answer, shape (rows,); higher is surer.
        coverages: Shares of rows answered, each in (0, 1].
        samples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.
        level: Share of resamples between the ends of an interval.

    Raises:
        ValueError: The shapes differ, there is a NaN, or a coverage is out of range.
    """
    curve = risk_coverage(correct=correct, confidence=confidence)
    hit, sure = np.asarray(correct, dtype=np.float64), np.asarray(confidence, dtype=np.float64)
    rows = hit.size
    values = [curve.at(c) for c in coverages]
    if not rows:
        nan = float("nan")
        return Selective(tuple(RiskPoint(c, nan, nan, nan) for c in coverages), nan, nan, nan, 0)
    _, group = np.unique(-sure, return_inverse=True)
    order = np.argsort(group, kind="stable")
    last = np.flatnonzero(np.append(np.diff(group[order]) > 0, True))  # last row of each run of equal confidence
    errors = 1.0 - hit[order]
    answered = np.ceil(np.array(coverages) * rows - 1e-9)
    places = np.unique(np.linspace(1, rows, min(rows, _PLACES)).round())
    at, areas = [], []
    for counts in resample_counts(rows=rows, samples=samples, seed=seed):
        drawn = counts[:, order]
        seen = np.cumsum(drawn, axis=1)[:, last]
        wrong = np.cumsum(drawn * errors, axis=1)[:, last]
        for x, y in zip(seen, wrong, strict=True):
            x, y = np.append(0.0, x), np.append(0.0, y)
            at.append(np.interp(answered, x, y) / answered)
            areas.append((np.interp(places, x, y) / places).mean())
    low, high = percentiles(np.array(at), level)
    area_low, area_high = percentiles(np.array(areas), level)
    points = tuple(RiskPoint(float(c), values[k], float(low[k]), float(high[k])) for k, c in enumerate(coverages))
    return Selective(points, curve.aurc, float(area_low), float(area_high), rows)
