"""How well scores order rows, whatever the threshold."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from affekt.core.works import implements
from affekt.metrics.calibration import decisions_of
from affekt.metrics.statistic import Array, Statistic, divide

__all__ = [
    "area_under_roc",
    "area_under_roc_statistic",
    "average_precision",
    "average_precision_statistic",
    "top_k_accuracy",
    "top_k_accuracy_statistic",
]

# Steps of the curve that are kept apart. With no more values than this, the area is exact.
_STEPS = 1000


def _by_rank(truth: npt.ArrayLike, probability: npt.ArrayLike, of: Callable[[Array, Array], Array]) -> Statistic:
    """The mean over labels of a function of how many rows with and without a label stand at each rank, lowest first."""
    t, p = decisions_of(truth, probability)
    rows, labels = t.shape
    tables = []
    for j in range(labels):
        values, place = np.unique(p[:, j], return_inverse=True)
        steps = min(len(values), _STEPS)
        place = place * steps // max(1, len(values))
        each = np.zeros((2, max(1, steps), rows))
        each[np.where(t[:, j] > 0, 0, 1), place, np.arange(rows)] = 1.0
        tables.append(each.reshape(-1, rows))
    ends = np.cumsum([0, *(len(table) for table in tables)])

    def finish(sums: Array) -> Array:
        out = []
        for a, b in pairwise(ends):
            yes, no = np.moveaxis(sums[..., a:b].reshape(*sums.shape[:-1], 2, -1), -2, 0)
            out.append(of(yes, no))
        return np.mean(out, 0) if out else np.full(sums.shape[:-1], np.nan)

    return Statistic(np.concatenate(tables) if tables else np.zeros((0, rows)), finish)


def area_under_roc_statistic(*, truth: npt.ArrayLike, probability: npt.ArrayLike) -> Statistic:
    """`area_under_roc` as sums over rows."""

    def area(yes: Array, no: Array) -> Array:
        below = np.cumsum(no, -1) - no
        right = (yes * (below + no / 2)).sum(-1)
        return divide(right, yes.sum(-1) * no.sum(-1))

    return _by_rank(truth, probability, area)


@implements(works=["emotx"])
def average_precision_statistic(*, truth: npt.ArrayLike, probability: npt.ArrayLike) -> Statistic:
    """`average_precision` as sums over rows."""

    def precision(yes: Array, no: Array) -> Array:
        found, named = (np.cumsum(x[..., ::-1], -1)[..., ::-1] for x in (yes, yes + no))
        return divide((yes * divide(found, named, undefined=0.0)).sum(-1), yes.sum(-1))

    return _by_rank(truth, probability, precision)


def average_precision(*, truth: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Mean over labels of the precision at each row that has the label, rows with the highest scores first.

    `sum_k (R_k - R_(k-1)) P_k` over thresholds, without interpolation, as scikit-learn computes it; the mean over
    labels is the mAP of multi-label benchmarks. Rows with one score are named together. Of a label with more than 1000
    different scores, neighbours in rank are taken for ties.

    Args:
        truth: 0/1 of shape (rows, labels).
        probability: Shape (rows, labels), each in 0..1.

    Returns:
        0..1, the share of rows with the label for chance; NaN where no row has a label.

    Raises:
        ValueError: The shapes differ, or values are out of range or NaN.
    """
    return average_precision_statistic(truth=truth, probability=probability).value


def area_under_roc(*, truth: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Share of pairs of a row with a label and one without in which the first has the higher score, over labels.

    Ties count one half. The area under the curve of true against false positives is the Mann-Whitney statistic
    (Hanley and McNeil 1982). Of a label with more than 1000 different scores, neighbours in rank are taken for ties.

    Args:
        truth: 0/1 of shape (rows, labels).
        probability: Shape (rows, labels), each in 0..1; the mean over labels is taken.

    Returns:
        0..1, 0.5 for chance; NaN where a label has rows of one kind alone.

    Raises:
        ValueError: The shapes differ, or values are out of range or NaN.
    """
    return area_under_roc_statistic(truth=truth, probability=probability).value


def top_k_accuracy_statistic(*, truth: npt.ArrayLike, probability: npt.ArrayLike, k: int) -> Statistic:
    """`top_k_accuracy` as sums over rows."""
    t, p = decisions_of(truth, probability)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    best = np.argsort(-p, axis=1, kind="stable")[:, :k]
    hit = np.take_along_axis(t, best, axis=1).any(1).astype(np.float64)
    return Statistic(np.stack([hit, np.ones_like(hit)]), lambda sums: divide(sums[..., 0], sums[..., 1]))


@implements(works=["label-variance-ser"])
def top_k_accuracy(*, truth: npt.ArrayLike, probability: npt.ArrayLike, k: int) -> float:
    """Share of rows with a true label among the k most probable ones: n-best accuracy.

    Where listeners are divided, the second guess is often what some of them heard. Of equal probabilities the label
    that comes first is the more probable one. For one label a row it equals `sklearn.metrics.top_k_accuracy_score`.

    Args:
        truth: 0/1 of shape (rows, labels).
        probability: Shape (rows, labels), each in 0..1.
        k: How many guesses count, at least 1.

    Returns:
        0..1; NaN without rows.

    Raises:
        ValueError: The shapes differ, values are out of range or NaN, or `k` is below 1.

    Example:
        >>> top_k_accuracy(truth=[[1, 0, 0], [0, 0, 1]], probability=[[0.3, 0.6, 0.1], [0.5, 0.4, 0.1]], k=2)
        0.5
    """
    return top_k_accuracy_statistic(truth=truth, probability=probability, k=k).value
