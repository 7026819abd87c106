"""Agreement between annotators on numbers: intraclass correlation and overall concordance."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from affekt.metrics.statistic import Array, Statistic, divide

__all__ = [
    "icc_average",
    "icc_average_statistic",
    "icc_single",
    "icc_single_statistic",
    "overall_ccc",
    "overall_ccc_statistic",
]


def _numbers(ratings: Any) -> Array:
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"ratings has {table.ndim} dimensions, expected 2: (items, annotators)")
    return table


def _icc(ratings: Any, *, average: bool) -> Statistic:
    table = _numbers(ratings)
    if np.isnan(table).any():
        raise ValueError(
            "an intraclass correlation needs every annotator on every item; leave out items with gaps and count them, "
            "or use krippendorff_alpha with level 'interval'"
        )
    k = table.shape[1]
    # Moved to mean 0 as a whole, which changes no difference, so that squares of a large mean do not drown them.
    moved = table - table.mean() if table.size else table
    columns = np.stack([np.ones(len(moved)), moved.sum(1) ** 2, (moved**2).sum(1), *moved.T])

    def finish(sums: Array) -> Array:
        n, by_annotator = sums[..., 0], sums[..., 3:]
        total = by_annotator.sum(-1)
        centre = divide(total**2, n * k)
        rows = sums[..., 1] / k - centre
        cols = divide((by_annotator**2).sum(-1), n) - centre
        rest = sums[..., 2] - centre - rows - cols
        mean_rows = divide(rows, n - 1.0)
        mean_cols = divide(cols, np.full_like(n, k - 1.0))
        mean_rest = divide(rest, (n - 1.0) * (k - 1.0))
        per_item = divide(mean_cols - mean_rest, n)
        below = mean_rows + per_item if average else mean_rows + (k - 1.0) * mean_rest + k * per_item
        # Where nothing varies, what is left of the squares is rounding.
        return divide(mean_rows - mean_rest, np.where(np.abs(below) <= 1e-14 * sums[..., 2], 0.0, below))

    return Statistic(columns, finish)


def icc_single_statistic(*, ratings: Any) -> Statistic:
    """`icc_single` as sums over items."""
    return _icc(ratings, average=False)


def icc_single(*, ratings: Any) -> float:
    """ICC(2,1): how well one annotator's rating stands for the item, with annotators drawn from many.

    (MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n), with the mean squares of items (R), annotators (C) and
    rest (E) of n items and k annotators: Shrout and Fleiss (1979), "Intraclass Correlations: Uses in Assessing Rater
    Reliability", Psychological Bulletin 86(2). Differences of level between annotators count as disagreement.

    Args:
        ratings: Shape (items, annotators), none missing.

    Returns:
        At most 1; NaN for fewer than two items or annotators, or where nothing varies.

    Raises:
        ValueError: The shape is not (items, annotators), or a rating is missing.
    """
    return icc_single_statistic(ratings=ratings).value


def icc_average_statistic(*, ratings: Any) -> Statistic:
    """`icc_average` as sums over items."""
    return _icc(ratings, average=True)


def icc_average(*, ratings: Any) -> float:
    """ICC(2,k): how well the mean of these k annotators stands for the item.

    (MSR - MSE) / (MSR + (MSC - MSE) / n), after Shrout and Fleiss (1979); see `icc_single`.

    Args:
        ratings: Shape (items, annotators), none missing.

    Returns:
        At most 1; NaN for fewer than two items or annotators, or where nothing varies.

    Raises:
        ValueError: The shape is not (items, annotators), or a rating is missing.
    """
    return icc_average_statistic(ratings=ratings).value


def overall_ccc_statistic(*, ratings: Any) -> Statistic:
    """`overall_ccc` as sums over items: six for each pair of annotators, so only for a few dozen of them."""
    table = _numbers(ratings)
    table = table - np.nanmean(table) if not np.isnan(table).all() else table
    blocks = []
    for a, b in combinations(table.T, 2):
        both = ~np.isnan(a) & ~np.isnan(b)
        x, y = np.where(both, a, 0.0), np.where(both, b, 0.0)
        blocks.append(np.stack([both.astype(np.float64), x, y, x * x, y * y, x * y]))
    columns = np.concatenate(blocks) if blocks else np.zeros((0, len(table)))

    def finish(sums: Array) -> Array:
        n, x, y, xx, yy, xy = np.moveaxis(sums.reshape(*sums.shape[:-1], -1, 6), -1, 0)
        n = np.where(n >= 2, n, 0.0)
        above = 2.0 * (divide(xy, n, undefined=0.0) - divide(x * y, n**2, undefined=0.0))
        # var + var + (difference of means)^2 is the mean squared difference plus twice the covariance.
        below = divide(xx + yy - 2.0 * xy, n, undefined=0.0) + above
        total = below.sum(-1)
        return divide(above.sum(-1), np.where(total <= 1e-14 * (xx + yy).sum(-1), 0.0, total))

    return Statistic(columns, finish)


def overall_ccc(*, ratings: Any) -> float:
    """Overall concordance: Lin's coefficient of all pairs of annotators, each weighted by its denominator.

    2 sum cov_ab / sum (var_a + var_b + (mean_a - mean_b)^2) over pairs a < b, each on the items that both rated.
    Without gaps it is the coefficient of Barnhart, Haber and Song (2002), "Overall Concordance Correlation
    Coefficient for Evaluating Agreement among Multiple Observers", Biometrics 58(4); for two annotators it is
    `concordance_cc`.

    Args:
        ratings: Shape (items, annotators), NaN where not rated.

    Returns:
        -1..1; NaN where no two annotators share two items, or where nothing varies.

    Raises:
        ValueError: The shape is not (items, annotators).
    """
    return overall_ccc_statistic(ratings=ratings).value
