"""Agreement between annotators: Krippendorff's alpha, Cohen's and Fleiss' kappa."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from affekt.metrics.statistic import Array

__all__ = ["cohen_kappa", "fleiss_kappa", "krippendorff_alpha"]

Level = Literal["nominal", "ordinal", "interval"]


def _is_missing(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind == "O":
        return np.array([v is None or v != v for v in values.ravel()], dtype=bool).reshape(values.shape)
    return np.zeros(values.shape, dtype=bool)


def _differences(values: np.ndarray, totals: Array, level: Level) -> Array:
    """Squared difference between each pair of values, shape (values, values)."""
    k = len(values)
    if level == "nominal":
        return 1.0 - np.eye(k)
    if level == "interval":
        numbers = values.astype(np.float64)
        return np.asarray((numbers[:, None] - numbers[None, :]) ** 2, dtype=np.float64)
    # Ordinal: all ratings between the two ranks, with half of those at either end.
    middle = np.cumsum(totals) - totals / 2.0
    return np.asarray((middle[:, None] - middle[None, :]) ** 2, dtype=np.float64)


def krippendorff_alpha(*, ratings: Any, level: Level) -> float:
    """Krippendorff's alpha: 1 - observed / expected disagreement, with missing ratings.

    An item with fewer than two ratings cannot be paired and is left out. After Krippendorff (2011), "Computing
    Krippendorff's Alpha-Reliability", https://repository.upenn.edu/asc_papers/43.

    Args:
        ratings: Shape (items, annotators). Missing ratings are NaN in an array of numbers, `None` in one of names.
        level: `nominal` (values are the same or not), `ordinal` (their order counts) or `interval` (their
            distance counts). For `ordinal` and `interval` values must be numbers.

    Returns:
        At most 1; 0 is what chance gives, below 0 is systematic disagreement. NaN where no item has two
        ratings, or where all ratings are the same value, so that chance cannot be told from agreement.

    Raises:
        ValueError: The shape is not (items, annotators), the level is not known, or numbers are needed.

    Example:
        >>> nan = float("nan")
        >>> round(krippendorff_alpha(ratings=[[1, 1, nan], [2, 2, 2], [3, 2, 3]], level="ordinal"), 3)
        0.781
    """
    table = np.asarray(ratings)
    if table.ndim != 2:
        raise ValueError(f"ratings has {table.ndim} dimensions, expected 2: (items, annotators)")
    if level not in ("nominal", "ordinal", "interval"):
        raise ValueError(f"level {level!r} is not known; choose nominal, ordinal or interval")
    if level != "nominal":
        try:
            table = table.astype(np.float64)
        except (TypeError, ValueError) as err:
            raise ValueError(f"level {level!r} needs numbers as ratings") from err
    present = ~_is_missing(table)
    table, present = table[present.sum(1) >= 2], present[present.sum(1) >= 2]
    if not table.size:
        return float("nan")
    values, codes = np.unique(table[present], return_inverse=True)
    items = np.nonzero(present)[0]
    counts = np.zeros((table.shape[0], len(values)))
    np.add.at(counts, (items, codes.ravel()), 1.0)
    per_item = counts.sum(1)
    totals = counts.sum(0)
    scaled = counts / (per_item - 1.0)[:, None]
    coincidences = counts.T @ scaled - np.diag(scaled.sum(0))
    apart = _differences(values, totals, level)
    n = totals.sum()
    expected = float((np.outer(totals, totals) * apart).sum()) / (n - 1.0)
    if expected == 0.0:
        return float("nan")
    return float(1.0 - (coincidences * apart).sum() / expected)


def cohen_kappa(*, truth: Any, prediction: Any, weights: Literal["linear", "quadratic"] | None = None) -> float:
    """Cohen's kappa of two annotators (or of gold and a recogniser): agreement beyond chance.

    After Cohen (1960), "A Coefficient of Agreement for Nominal Scales"; weighted: Cohen (1968).

    Args:
        truth: Classes given by the first, shape (rows,).
        prediction: Classes given by the second, shape (rows,).
        weights: Cost of a disagreement by the distance between the sorted classes: `linear`, `quadratic`, or
            `None` for all alike.

    Returns:
        At most 1; NaN without rows or where both always give the same one class.

    Raises:
        ValueError: The shapes differ, or the weights are not known.
    """
    t, p = np.asarray(truth), np.asarray(prediction)
    if t.shape != p.shape or t.ndim != 1:
        raise ValueError(f"truth has shape {t.shape}, prediction {p.shape}; both must be (rows,)")
    if weights not in (None, "linear", "quadratic"):
        raise ValueError(f"weights {weights!r} are not known; choose linear, quadratic or None")
    if not t.size:
        return float("nan")
    values, codes = np.unique(np.concatenate([t, p]), return_inverse=True)
    k = len(values)
    table = np.bincount(codes[: t.size] * k + codes[t.size :], minlength=k * k).reshape(k, k).astype(np.float64)
    steps = np.abs(np.arange(k)[:, None] - np.arange(k)[None, :]).astype(np.float64)
    cost = steps**2 if weights == "quadratic" else steps if weights == "linear" else (steps > 0).astype(np.float64)
    expected = float((np.outer(table.sum(1), table.sum(0)) * cost).sum()) / t.size
    if expected == 0.0:
        return float("nan")
    return float(1.0 - (table * cost).sum() / expected)


def fleiss_kappa(*, ratings: Any) -> float:
    """Fleiss' kappa: agreement beyond chance of any number of annotators, who may differ from item to item.

    After Fleiss (1971), "Measuring Nominal Scale Agreement among Many Raters".

    Args:
        ratings: Classes of shape (items, annotators), none missing; with gaps use `krippendorff_alpha`.

    Returns:
        At most 1; NaN without items, with fewer than two annotators, or where all ratings are one class.

    Raises:
        ValueError: The shape is not (items, annotators), or a rating is missing.
    """
    table = np.asarray(ratings)
    if table.ndim != 2:
        raise ValueError(f"ratings has {table.ndim} dimensions, expected 2: (items, annotators)")
    if _is_missing(table).any():
        raise ValueError("Fleiss' kappa needs every annotator on every item; use krippendorff_alpha with gaps")
    items, annotators = table.shape
    if not items or annotators < 2:
        return float("nan")
    values, codes = np.unique(table, return_inverse=True)
    counts = np.zeros((items, len(values)))
    np.add.at(counts, (np.repeat(np.arange(items), annotators), codes.ravel()), 1.0)
    observed = float(((counts**2).sum(1) - annotators).mean() / (annotators * (annotators - 1)))
    expected = float(((counts.sum(0) / (items * annotators)) ** 2).sum())
    if expected == 1.0:
        return float("nan")
    return (observed - expected) / (1.0 - expected)
