"""Whether probabilities and intervals mean what they say, and what abstaining buys.

Probabilities come as tables of shape (rows, labels) beside 0/1 truth of the same shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from affekt.metrics.statistic import Array, Statistic, divide, paired_2d

__all__ = [
    "Coverage",
    "RiskCoverage",
    "brier_score",
    "brier_score_statistic",
    "expected_calibration_error",
    "expected_calibration_error_statistic",
    "interval_coverage",
    "jensen_shannon",
    "jensen_shannon_statistic",
    "label_calibration_error",
    "label_calibration_error_statistic",
    "risk_coverage",
]


def decisions_of(truth: npt.ArrayLike, probability: npt.ArrayLike) -> tuple[Array, Array]:
    t, p = paired_2d(truth, probability)
    if p.size and (p.min() < 0.0 or p.max() > 1.0):
        raise ValueError("probability must lie in 0..1")
    if not np.isin(t, (0.0, 1.0)).all():
        raise ValueError("truth must hold 0 and 1 only")
    return t, p


def bin_of(probability: Array, bins: int) -> npt.NDArray[np.intp]:
    """Bin of each probability: (0, 1/bins], (1/bins, 2/bins], ...; exactly 0 goes to the first."""
    return np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], probability, side="left")


def expected_calibration_error_statistic(
    *, truth: npt.ArrayLike, probability: npt.ArrayLike, bins: int = 15
) -> Statistic:
    """`expected_calibration_error` as sums over rows."""
    t, p = decisions_of(truth, probability)
    rows, labels = t.shape
    flat = bin_of(p, bins) * rows + np.arange(rows)[:, None]
    gaps = np.bincount(flat.ravel(), weights=(t - p).ravel(), minlength=bins * rows).reshape(bins, rows)
    decisions = np.full((1, rows), float(labels))
    return Statistic(
        np.concatenate([gaps, decisions]),
        lambda sums: divide(np.abs(sums[..., :-1]).sum(-1), sums[..., -1]),
    )


def expected_calibration_error(*, truth: npt.ArrayLike, probability: npt.ArrayLike, bins: int = 15) -> float:
    """Mean distance between what probabilities promise and what happens, over all label decisions.

    Every (row, label) pair is one decision. Decisions are put into `bins` bins of equal width by probability;
    the error is sum over bins of (share of decisions in the bin) * |observed frequency - mean probability|.
    With many rare labels most decisions fall into the lowest bin, so read it beside `label_calibration_error`.
    After Naeini, Cooper, Hauskrecht (2015), "Obtaining Well Calibrated Probabilities Using Bayesian Binning".

    Args:
        truth: 0/1 of shape (rows, labels).
        probability: Shape (rows, labels), each in 0..1.
        bins: Number of bins; the value depends on it, so compare at the same number only.

    Returns:
        0..1, 0 best; NaN without rows.

    Raises:
        ValueError: The shapes differ, or values are out of range or NaN.
    """
    return expected_calibration_error_statistic(truth=truth, probability=probability, bins=bins).value


def label_calibration_error_statistic(*, truth: npt.ArrayLike, probability: npt.ArrayLike, bins: int = 15) -> Statistic:
    """`label_calibration_error` as sums over rows."""
    t, p = decisions_of(truth, probability)
    rows, labels = t.shape
    gaps = np.zeros((labels * bins + 1, rows))
    lines = np.arange(labels) * bins + bin_of(p, bins)
    gaps[lines, np.arange(rows)[:, None]] = t - p
    gaps[-1] = 1.0

    def finish(sums: Array) -> Array:
        by_label = np.abs(sums[..., :-1]).reshape(*sums.shape[:-1], labels, bins).sum(-1)
        mean = by_label.mean(-1) if labels else np.full(sums.shape[:-1], np.nan)
        return divide(mean, sums[..., -1])

    return Statistic(gaps, finish)


def label_calibration_error(*, truth: npt.ArrayLike, probability: npt.ArrayLike, bins: int = 15) -> float:
    """The expected calibration error of each label by itself, averaged over labels.

    Args:
        truth: 0/1 of shape (rows, labels).
        probability: Shape (rows, labels), each in 0..1.
        bins: Number of bins of equal width.

    Returns:
        0..1, 0 best; NaN without rows.

    Raises:
        ValueError: The shapes differ, or values are out of range or NaN.
    """
    return label_calibration_error_statistic(truth=truth, probability=probability, bins=bins).value


def _mean(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])


def brier_score_statistic(*, truth: npt.ArrayLike, probability: npt.ArrayLike) -> Statistic:
    """`brier_score` as sums over rows."""
    t, p = decisions_of(truth, probability)
    return Statistic(np.stack([((p - t) ** 2).sum(1), np.full(t.shape[0], float(t.shape[1]))]), _mean)


def brier_score(*, truth: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Mean squared distance between probability and outcome, over all label decisions.

    Args:
        truth: 0/1 of shape (rows, labels).
        probability: Shape (rows, labels), each in 0..1.

    Returns:
        0..1, 0 best; NaN without rows.

    Raises:
        ValueError: The shapes differ, or values are out of range or NaN.
    """
    return brier_score_statistic(truth=truth, probability=probability).value


def _entropy(p: Array) -> Array:
    terms: Array = p * np.log2(np.where(p > 0, p, 1.0))
    return np.asarray(-terms.sum(1), dtype=np.float64)


def jensen_shannon_statistic(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> Statistic:
    """`jensen_shannon` as sums over rows."""
    t, p = paired_2d(truth, prediction)
    for name, table in (("truth", t), ("prediction", p)):
        if table.size and (table.min() < 0 or np.abs(table.sum(1) - 1.0).max() > 1e-6):
            raise ValueError(f"every row of {name} must be a distribution: not negative, with sum 1")
    t, p = (table / table.sum(1, keepdims=True) for table in (t, p))
    apart = np.maximum(_entropy((t + p) / 2) - (_entropy(t) + _entropy(p)) / 2, 0.0)
    return Statistic(np.stack([apart, np.ones_like(apart)]), _mean)


def jensen_shannon(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Mean Jensen-Shannon divergence between two distributions over labels, in bits.

    Per row H((t + p) / 2) - (H(t) + H(p)) / 2: the divergence, not its root (the distance). After Lin (1991),
    "Divergence Measures Based on the Shannon Entropy".

    Args:
        truth: Distributions (such as shares of annotators) of shape (rows, labels), each row with sum 1.
        prediction: As `truth`.

    Returns:
        0..1, 0 best; NaN without rows.

    Raises:
        ValueError: The shapes differ, or a row is not a distribution.
    """
    return jensen_shannon_statistic(truth=truth, prediction=prediction).value


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """What abstaining on the least confident rows buys.

    Attributes:
        coverage: Share of rows answered, rising to 1; shape (rows,).
        risk: Share of errors among the answered ones, at each coverage; shape (rows,).
        aurc: Mean risk over all coverages (area under the curve); 0 best, NaN without rows.
    """

    coverage: Array
    risk: Array
    aurc: float

    def at(self, coverage: float) -> float:
        """Risk when the most confident share `coverage` in (0, 1] is answered; NaN without rows."""
        if not 0.0 < coverage <= 1.0:
            raise ValueError(f"coverage must lie in (0, 1], got {coverage}")
        if not self.risk.size:
            return float("nan")
        return float(self.risk[max(int(np.ceil(coverage * self.risk.size - 1e-9)) - 1, 0)])


def risk_coverage(*, correct: npt.ArrayLike, confidence: npt.ArrayLike) -> RiskCoverage:
    """Risk against coverage as rows are answered in the order of falling confidence.

    Rows of equal confidence share their errors evenly, so the curve is what a random order among them gives on
    average and does not depend on the order of the file. After Geifman, Uziel, El-Yaniv (2019), "Bias-Reduced
    Uncertainty Estimation for Deep Neural Classifiers".

    Args:
        correct: Whether each answer is right, shape (rows,).
        confidence: Confidence of each answer, shape (rows,); any scale, higher is surer.

    Raises:
        ValueError: The shapes differ, or there is a NaN.
    """
    hit, sure = np.asarray(correct, dtype=np.float64), np.asarray(confidence, dtype=np.float64)
    if hit.shape != sure.shape or hit.ndim != 1:
        raise ValueError(f"correct has shape {hit.shape}, confidence {sure.shape}; both must be (rows,)")
    if np.isnan(hit).any() or np.isnan(sure).any():
        raise ValueError("NaN in correct or confidence; leave those rows out and count them")
    if not hit.size:
        return RiskCoverage(np.zeros(0), np.zeros(0), float("nan"))
    _, group, size = np.unique(-sure, return_inverse=True, return_counts=True)
    errors = np.bincount(group, weights=1.0 - hit) / size
    answered = np.arange(1, hit.size + 1)
    risk = np.cumsum(np.repeat(errors, size)) / answered
    return RiskCoverage(answered / hit.size, risk, float(risk.mean()))


class Coverage(NamedTuple):
    """How prediction intervals fare.

    Attributes:
        coverage: Share of ratings within their interval, ends included.
        width: Mean width over the same ratings, in the unit of the ratings.
        n: Number of ratings.
    """

    coverage: float
    width: float
    n: int


def interval_coverage(*, ratings: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> Coverage:
    """Share of single ratings that fall within the interval predicted for their row.

    Args:
        ratings: Shape (ratings,).
        low: Lower end for each rating, shape (ratings,).
        high: Upper end for each rating, shape (ratings,).

    Raises:
        ValueError: The shapes differ, there is a NaN, or an interval ends before it starts.
    """
    r, a, b = (np.asarray(x, dtype=np.float64) for x in (ratings, low, high))
    if not r.shape == a.shape == b.shape or r.ndim != 1:
        raise ValueError(f"ratings, low and high have shapes {r.shape}, {a.shape}, {b.shape}; all must be (ratings,)")
    if np.isnan(r).any() or np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("NaN in ratings, low or high; leave those out and count them")
    if (a > b).any():
        raise ValueError("an interval has its low end above its high end")
    if not r.size:
        return Coverage(float("nan"), float("nan"), 0)
    return Coverage(float(((r >= a) & (r <= b)).mean()), float((b - a).mean()), int(r.size))
