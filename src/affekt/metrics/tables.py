"""One score for a table of values: intensities of several labels, several dimensions, several named scales.

All take `truth` and `prediction` of shape (rows, names). The mean over names is undefined (NaN) as soon as it is
undefined for one of them: a system that gives one label the same strength everywhere has no correlation there, and
leaving that label out would reward it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from affekt.metrics import regression
from affekt.metrics.statistic import Array, Statistic, divide, paired_2d

__all__ = [
    "cross_entropy",
    "cross_entropy_statistic",
    "mean_concordance",
    "mean_concordance_statistic",
    "mean_error",
    "mean_error_statistic",
    "mean_kappa",
    "mean_kappa_statistic",
    "mean_pearson",
    "mean_pearson_statistic",
    "row_pearson",
    "row_pearson_statistic",
]

_LEAST = 1e-6


def _mean_of(one: Callable[..., Statistic], truth: npt.ArrayLike, prediction: npt.ArrayLike) -> Statistic:
    """The mean over names of a score of one name, as sums over rows."""
    t, p = paired_2d(truth, prediction)
    parts = [one(truth=t[:, j], prediction=p[:, j]) for j in range(t.shape[1])]
    if not parts:
        return Statistic(np.zeros((0, t.shape[0])), lambda sums: np.full(sums.shape[:-1], np.nan))
    ends = np.cumsum([part.columns.shape[0] for part in parts])[:-1]

    def finish(sums: Array) -> Array:
        pieces = np.split(sums, ends, axis=-1)
        scores = [part.finish(piece) for part, piece in zip(parts, pieces, strict=True)]
        return np.asarray(np.stack(scores).mean(0), dtype=np.float64)

    return Statistic(np.concatenate([part.columns for part in parts]), finish)


def mean_pearson_statistic(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> Statistic:
    """`mean_pearson` as sums over rows."""
    return _mean_of(regression.pearson_cc_statistic, truth, prediction)


def mean_pearson(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Mean over names of Pearson's correlation over rows: the score of SemEval-2025 Task 11, track B.

    Muhammad et al. (2025), "SemEval-2025 Task 11: Bridging the Gap in Text-Based Emotion Detection".

    Args:
        truth: Shape (rows, names).
        prediction: As `truth`.

    Returns:
        -1..1; NaN for fewer than two rows, without names, or where a side is constant for any name.

    Raises:
        ValueError: The shapes differ, or there is a NaN.

    Example:
        >>> round(mean_pearson(truth=[[0, 3], [1, 2], [2, 0]], prediction=[[0, 1], [1, 1], [3, 0]]), 4)
        0.9239
    """
    return mean_pearson_statistic(truth=truth, prediction=prediction).value


def mean_concordance_statistic(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> Statistic:
    """`mean_concordance` as sums over rows."""
    return _mean_of(regression.concordance_cc_statistic, truth, prediction)


def mean_concordance(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Mean over names of the concordance correlation coefficient (`concordance_cc`).

    Args:
        truth: Shape (rows, names).
        prediction: As `truth`.

    Returns:
        -1..1; NaN where it is undefined for any name.

    Raises:
        ValueError: The shapes differ, or there is a NaN.
    """
    return mean_concordance_statistic(truth=truth, prediction=prediction).value


def mean_kappa_statistic(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> Statistic:
    """`mean_kappa` as sums over rows."""
    return _mean_of(regression.quadratic_kappa_statistic, truth, prediction)


def mean_kappa(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Mean over names of the quadratic weighted kappa of whole levels (`quadratic_kappa`).

    Args:
        truth: Levels, shape (rows, names).
        prediction: As `truth`, or values between levels.

    Returns:
        -1..1; NaN where it is undefined for any name.

    Raises:
        ValueError: The shapes differ, or there is a NaN.
    """
    return mean_kappa_statistic(truth=truth, prediction=prediction).value


def mean_error_statistic(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> Statistic:
    """`mean_error` as sums over rows."""
    return _mean_of(regression.mean_absolute_error_statistic, truth, prediction)


def mean_error(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Mean over names of the mean absolute error, in the unit of the ratings.

    Args:
        truth: Shape (rows, names).
        prediction: As `truth`.

    Returns:
        0 or more; NaN without rows or names.

    Raises:
        ValueError: The shapes differ, or there is a NaN.
    """
    return mean_error_statistic(truth=truth, prediction=prediction).value


def cross_entropy_statistic(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> Statistic:
    """`cross_entropy` as sums over rows."""
    t, p = paired_2d(truth, prediction)
    if t.size and (min(t.min(), p.min()) < 0 or max(t.max(), p.max()) > 1):
        raise ValueError("shares and probabilities are in 0..1")
    q = np.clip(p, _LEAST, 1 - _LEAST)
    each = -(t * np.log(q) + (1 - t) * np.log(1 - q))
    return Statistic(
        np.stack([each.sum(1), np.full(len(each), float(each.shape[1]))]), lambda s: divide(s[..., 0], s[..., 1])
    )


def cross_entropy(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Mean over rows and names of the binary cross-entropy of a probability against the share of annotators.

    `-(t ln p + (1 - t) ln(1 - p))`, a proper score: it is least where every probability is the share. What remains
    then is the annotators' own disagreement, so 0 is out of reach. Probabilities are kept from 0 and 1 by 1e-6.

    Args:
        truth: Share of the annotators who gave the name, or 0 and 1; shape (rows, names).
        prediction: Probability, as `truth`.

    Returns:
        0 or more, in nats; NaN without rows or names.

    Raises:
        ValueError: The shapes differ, there is a NaN, or a value is outside 0..1.

    Example:
        >>> round(cross_entropy(truth=[[1, 0.5]], prediction=[[1, 0.5]]), 4)
        0.3466
    """
    return cross_entropy_statistic(truth=truth, prediction=prediction).value


def row_pearson_statistic(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> Statistic:
    """`row_pearson` as sums over rows."""
    t, p = paired_2d(truth, prediction)
    if t.shape[1] == 0:
        return Statistic(np.zeros((2, t.shape[0])), lambda sums: divide(sums[..., 0], sums[..., 1]))
    t, p = t - t.mean(1, keepdims=True), p - p.mean(1, keepdims=True)
    size_t, size_p = (np.sqrt((side**2).sum(1)) for side in (t, p))
    size_t[size_t < 1e-12], size_p[size_p < 1e-12] = 0.0, 0.0
    each = divide((t * p).sum(1), size_t * size_p)
    defined = ~np.isnan(each)
    columns = np.stack([np.where(defined, np.clip(each, -1.0, 1.0), 0.0), defined.astype(np.float64)])
    return Statistic(columns, lambda sums: divide(sums[..., 0], sums[..., 1]))


def row_pearson(*, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Mean over rows of the correlation between the two profiles of a row (average Pearson, AP, over documents).

    As in work on readers' emotion profiles of news, where each row is a distribution over a few emotions. Rows
    where a side is flat have no correlation and are left out.

    Args:
        truth: Shape (rows, names).
        prediction: As `truth`.

    Returns:
        -1..1; NaN where every row is left out.

    Raises:
        ValueError: The shapes differ, or there is a NaN.
    """
    return row_pearson_statistic(truth=truth, prediction=prediction).value
