"""Scores for continuous ratings: Pearson, concordance, root mean square and mean absolute error."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from affekt.metrics.statistic import Array, Statistic, divide, paired_1d

__all__ = [
    "concordance_cc",
    "concordance_cc_statistic",
    "mean_absolute_error",
    "mean_absolute_error_statistic",
    "pearson_cc",
    "pearson_cc_statistic",
    "quadratic_kappa",
    "quadratic_kappa_statistic",
    "root_mean_square_error",
    "root_mean_square_error_statistic",
]

# A series whose spread is below this share of its size is constant up to rounding: its correlation is noise.
_CONSTANT = 1e-13


def _moments(truth: Array, prediction: Array) -> tuple[Array, float]:
    """Summands 1, t, p, tt, pp, tp of series moved to mean 0, and how far apart the means were.

    Moving first keeps the squares of a large mean from drowning the spread. A series that is constant up to
    rounding is set to exactly 0.
    """
    offsets = np.array([truth.mean(), prediction.mean()]) if truth.size else np.zeros(2)
    t, p = truth - offsets[0], prediction - offsets[1]
    for centred, offset in ((t, offsets[0]), (p, offsets[1])):
        if centred.size and np.abs(centred).max() <= _CONSTANT * abs(offset):
            centred[:] = 0.0
    return np.stack([np.ones_like(t), t, p, t * t, p * p, t * p]), float(offsets[0] - offsets[1])


def _central(sums: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Means, variances and covariance (all divided by n) from the sums."""
    n = sums[..., 0]
    mean_t, mean_p = divide(sums[..., 1], n), divide(sums[..., 2], n)
    square_t, square_p = divide(sums[..., 3], n), divide(sums[..., 4], n)
    var_t, var_p = square_t - mean_t**2, square_p - mean_p**2
    # A resample may draw one value only; what is then left of its variance is rounding of the mean square.
    var_t = np.where(var_t <= 1e-14 * square_t, 0.0, var_t)
    var_p = np.where(var_p <= 1e-14 * square_p, 0.0, var_p)
    return mean_t, mean_p, var_t, var_p, divide(sums[..., 5], n) - mean_t * mean_p


def pearson_cc_statistic(*, truth: npt.ArrayLike, prediction: npt.ArrayLike, ignore_nan: bool = False) -> Statistic:
    """`pearson_cc` as sums over rows."""
    columns, _ = _moments(*paired_1d(truth, prediction, ignore_nan=ignore_nan))

    def finish(sums: Array) -> Array:
        _, _, var_t, var_p, cov = _central(sums)
        return np.clip(divide(cov, np.sqrt(var_t) * np.sqrt(var_p)), -1.0, 1.0)

    return Statistic(columns, finish)


def pearson_cc(*, truth: npt.ArrayLike, prediction: npt.ArrayLike, ignore_nan: bool = False) -> float:
    """Pearson's correlation coefficient: cov(t, p) / (sd(t) sd(p)).

    Args:
        truth: Shape (rows,).
        prediction: Shape (rows,).
        ignore_nan: Leave out rows where either is NaN.

    Returns:
        -1..1; NaN for fewer than two rows or where a side is constant.

    Raises:
        ValueError: The shapes differ, or there is a NaN and `ignore_nan` is not set.

    Example:
        >>> round(pearson_cc(truth=[1.0, 2.0, 3.0], prediction=[1.0, 2.0, 4.0]), 4)
        0.982
    """
    return pearson_cc_statistic(truth=truth, prediction=prediction, ignore_nan=ignore_nan).value


def concordance_cc_statistic(*, truth: npt.ArrayLike, prediction: npt.ArrayLike, ignore_nan: bool = False) -> Statistic:
    """`concordance_cc` as sums over rows."""
    columns, apart = _moments(*paired_1d(truth, prediction, ignore_nan=ignore_nan))

    def finish(sums: Array) -> Array:
        mean_t, mean_p, var_t, var_p, cov = _central(sums)
        below = var_t + var_p + (mean_t - mean_p + apart) ** 2
        below = np.where(sums[..., 0] < 2, 0.0, below)
        return np.clip(divide(2.0 * cov, below), -1.0, 1.0)

    return Statistic(columns, finish)


def concordance_cc(*, truth: npt.ArrayLike, prediction: npt.ArrayLike, ignore_nan: bool = False) -> float:
    """Concordance correlation coefficient: 2 cov / (var(t) + var(p) + (mean(t) - mean(p))^2).

    Variances and covariance are divided by n, as in Lin (1989), "A Concordance Correlation Coefficient to
    Evaluate Reproducibility", Biometrics 45(1). It does not change when both sides are rescaled alike.

    Args:
        truth: Shape (rows,).
        prediction: Shape (rows,).
        ignore_nan: Leave out rows where either is NaN.

    Returns:
        -1..1; 0 where one side is constant; NaN for fewer than two rows, or where both are the same constant.

    Raises:
        ValueError: The shapes differ, or there is a NaN and `ignore_nan` is not set.

    Example:
        >>> round(concordance_cc(truth=[1.0, 2.0, 3.0], prediction=[2.0, 3.0, 4.0]), 4)
        0.5714
    """
    return concordance_cc_statistic(truth=truth, prediction=prediction, ignore_nan=ignore_nan).value


def _mean(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])


def root_mean_square_error_statistic(
    *, truth: npt.ArrayLike, prediction: npt.ArrayLike, ignore_nan: bool = False
) -> Statistic:
    """`root_mean_square_error` as sums over rows."""
    t, p = paired_1d(truth, prediction, ignore_nan=ignore_nan)
    return Statistic(np.stack([(t - p) ** 2, np.ones_like(t)]), lambda sums: np.sqrt(_mean(sums)))


def root_mean_square_error(*, truth: npt.ArrayLike, prediction: npt.ArrayLike, ignore_nan: bool = False) -> float:
    """Root of the mean squared error, in the unit of the ratings.

    Args:
        truth: Shape (rows,).
        prediction: Shape (rows,).
        ignore_nan: Leave out rows where either is NaN.

    Returns:
        0 or more; NaN without rows.

    Raises:
        ValueError: The shapes differ, or there is a NaN and `ignore_nan` is not set.
    """
    return root_mean_square_error_statistic(truth=truth, prediction=prediction, ignore_nan=ignore_nan).value


def mean_absolute_error_statistic(
    *, truth: npt.ArrayLike, prediction: npt.ArrayLike, ignore_nan: bool = False
) -> Statistic:
    """`mean_absolute_error` as sums over rows."""
    t, p = paired_1d(truth, prediction, ignore_nan=ignore_nan)
    return Statistic(np.stack([np.abs(t - p), np.ones_like(t)]), _mean)


def mean_absolute_error(*, truth: npt.ArrayLike, prediction: npt.ArrayLike, ignore_nan: bool = False) -> float:
    """Mean of the absolute errors, in the unit of the ratings.

    Args:
        truth: Shape (rows,).
        prediction: Shape (rows,).
        ignore_nan: Leave out rows where either is NaN.

    Returns:
        0 or more; NaN without rows.

    Raises:
        ValueError: The shapes differ, or there is a NaN and `ignore_nan` is not set.
    """
    return mean_absolute_error_statistic(truth=truth, prediction=prediction, ignore_nan=ignore_nan).value


def quadratic_kappa_statistic(
    *, truth: npt.ArrayLike, prediction: npt.ArrayLike, ignore_nan: bool = False
) -> Statistic:
    """`quadratic_kappa` as sums over rows."""
    t, p = paired_1d(truth, prediction, ignore_nan=ignore_nan)
    return concordance_cc_statistic(truth=np.floor(t + 0.5), prediction=np.floor(p + 0.5))


def quadratic_kappa(*, truth: npt.ArrayLike, prediction: npt.ArrayLike, ignore_nan: bool = False) -> float:
    """Cohen's kappa with quadratic weights, of ordered whole levels such as 0, 1, 2, 3.

    With weights (i - j)^2 the observed disagreement is the mean squared difference and the expected one
    var(t) + var(p) + (mean(t) - mean(p))^2, so kappa is the concordance correlation coefficient of the levels
    (Krippendorff 1970, "Bivariate Agreement Coefficients for Reliability of Data"). What is not whole is rounded
    to the nearest level first, halves upwards.

    Args:
        truth: Levels, shape (rows,).
        prediction: Levels, or values between them, shape (rows,).
        ignore_nan: Leave out rows where either is NaN.

    Returns:
        -1..1; 0 where one side is constant; NaN for fewer than two rows, or where both are the same constant.

    Raises:
        ValueError: The shapes differ, or there is a NaN and `ignore_nan` is not set.

    Example:
        >>> round(quadratic_kappa(truth=[0, 1, 2, 3], prediction=[0, 1, 1, 3]), 4)
        0.8889
    """
    return quadratic_kappa_statistic(truth=truth, prediction=prediction, ignore_nan=ignore_nan).value
