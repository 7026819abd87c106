"""Agreement between annotators on labels: share of pairs, Krippendorff's alpha, Cohen's and Fleiss' kappa.

Each measure is there twice: as a number, and as a `Statistic` (sums over items), which the bootstrap resamples by
items. Measures for numbers are in `affekt.metrics.intraclass`.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any, Literal

import numpy as np

from affekt.metrics.statistic import Array, Statistic, divide

__all__ = [
    "Level",
    "cohen_kappa",
    "cohen_kappa_statistic",
    "fleiss_kappa",
    "fleiss_kappa_statistic",
    "krippendorff_alpha",
    "krippendorff_alpha_statistic",
    "masi_alpha",
    "masi_alpha_statistic",
    "masi_distance",
    "percent_agreement",
    "percent_agreement_statistic",
]

Level = Literal["nominal", "ordinal", "interval", "ratio"]
_LEVELS = ("nominal", "ordinal", "interval", "ratio")

# Summands held for one statistic: 400 MB.
_LARGEST = 50_000_000


def _is_missing(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind == "O":
        return np.array([v is None or v != v for v in values.ravel()], dtype=bool).reshape(values.shape)
    return np.zeros(values.shape, dtype=bool)


def _pairable(ratings: Any) -> tuple[np.ndarray, np.ndarray]:
    """The table without items that have fewer than two ratings, and where there is a rating."""
    table = np.asarray(ratings)
    if table.ndim != 2:
        raise ValueError(f"ratings has {table.ndim} dimensions, expected 2: (items, annotators)")
    present = ~_is_missing(table)
    enough = present.sum(1) >= 2
    return table[enough], present[enough]


def _counts(table: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, Array]:
    """The values that occur, and how often each item was given each, shape (items, values)."""
    values, codes = np.unique(table[present], return_inverse=True)
    counts = np.zeros((table.shape[0], len(values)))
    np.add.at(counts, (np.nonzero(present)[0], codes.ravel()), 1.0)
    return values, counts


# ---- share of pairs ------------------------------------------------------------------------------------------


def percent_agreement_statistic(*, ratings: Any) -> Statistic:
    """`percent_agreement` as sums over items."""
    _, counts = _counts(*_pairable(ratings))
    n = counts.sum(1)
    columns = np.stack([(counts * (counts - 1.0)).sum(1), n * (n - 1.0)])
    return Statistic(columns, lambda sums: divide(sums[..., 0], sums[..., 1]))


def percent_agreement(*, ratings: Any) -> float:
    """Share of pairs of ratings of the same item that are the same; not corrected for chance.

    Args:
        ratings: Shape (items, annotators). Missing ratings are NaN in an array of numbers, `None` in one of names.

    Returns:
        0..1; NaN where no item has two ratings.

    Raises:
        ValueError: The shape is not (items, annotators).
    """
    return percent_agreement_statistic(ratings=ratings).value


# ---- Krippendorff's alpha ------------------------------------------------------------------------------------

_Parts = tuple[int, Callable[[slice], Array], Callable[[Array], Array]]


def _fixed_parts(counts: Array, distance: Array) -> _Parts:
    """Number of items, their summands, and alpha from the sums, where the distance of two values never changes."""
    n = counts.sum(1)

    def columns(rows: slice) -> Array:
        c = counts[rows]
        observed = (c @ distance * c).sum(1) / (n[rows] - 1.0)
        return np.concatenate([observed[None], c.T])

    def finish(sums: Array) -> Array:
        totals = sums[..., 1:]
        return _alpha(sums[..., 0], (totals @ distance * totals).sum(-1), totals.sum(-1))

    return len(counts), columns, finish


def _alpha(observed: Array, expected: Array, n: Array) -> Array:
    """1 - D_o / D_e, with both disagreements multiplied by n and `expected` still to be divided by n - 1."""
    return 1.0 - divide(observed * (n - 1.0), expected)


def _interval_parts(table: Array, present: np.ndarray) -> _Parts:
    # Squared distances need sums and squares only, so that sliders with thousands of values cost no more. Moved to
    # mean 0 first: the squares of a large mean would drown the differences.
    values = np.where(present, table - (table[present].mean() if present.any() else 0.0), 0.0)
    n, first, second = present.sum(1).astype(np.float64), values.sum(1), (values**2).sum(1)

    def columns(rows: slice) -> Array:
        observed = 2.0 * (n * second - first**2)[rows] / (n[rows] - 1.0)
        return np.stack([observed, n[rows], first[rows], second[rows]])

    def finish(sums: Array) -> Array:
        size, square = sums[..., 1], sums[..., 3]
        expected = 2.0 * (size * square - sums[..., 2] ** 2)
        # A resample of one value leaves the rounding of its square.
        return _alpha(sums[..., 0], np.where(expected <= 1e-12 * size * square, 0.0, expected), size)

    return len(table), columns, finish


def _ordinal_parts(counts: Array) -> _Parts:
    """Alpha where the distance of two values is the number of ratings between them, which a resample changes."""
    n = counts.sum(1)
    together = np.triu(counts.T @ counts > 0, 1)
    low, high = np.nonzero(together)

    def columns(rows: slice) -> Array:
        c = counts[rows]
        return np.concatenate([(c[:, low] * c[:, high]).T / (n[rows] - 1.0), c.T])

    def finish(sums: Array) -> Array:
        totals = sums[..., len(low) :]
        # All ratings below a value, with half of those at it.
        middle = np.cumsum(totals, axis=-1) - totals / 2.0
        observed = 2.0 * (sums[..., : len(low)] * (middle[..., low] - middle[..., high]) ** 2).sum(-1)
        size = totals.sum(-1)
        square, first = (totals * middle**2).sum(-1), (totals * middle).sum(-1)
        expected = 2.0 * (size * square - first**2)
        return _alpha(observed, np.where(expected <= 1e-12 * size * square, 0.0, expected), size)

    return len(counts), columns, finish


def _parts(ratings: Any, level: Level) -> _Parts:
    if level not in _LEVELS:
        raise ValueError(f"level {level!r} is not known; choose {', '.join(_LEVELS[:-1])} or {_LEVELS[-1]}")
    table, present = _pairable(ratings)
    if level != "nominal":
        try:
            table = np.where(present, table, np.nan).astype(np.float64)
        except (TypeError, ValueError) as err:
            raise ValueError(f"level {level!r} needs numbers as ratings") from err
    if level == "interval":
        return _interval_parts(table, present)
    values, counts = _counts(table, present)
    if level == "ordinal":
        return _ordinal_parts(counts)
    if level == "nominal":
        return _fixed_parts(counts, 1.0 - np.eye(len(values)))
    if np.any(values < 0):
        raise ValueError("level 'ratio' needs ratings of 0 or more; a negative one has no ratio")
    total = values[:, None] + values[None, :]
    return _fixed_parts(counts, divide(values[:, None] - values[None, :], total, undefined=0.0) ** 2)


def krippendorff_alpha_statistic(*, ratings: Any, level: Level) -> Statistic:
    """`krippendorff_alpha` as sums over the items that have two ratings or more.

    Raises:
        ValueError: As `krippendorff_alpha`, or the ordinal level has so many values that the sums do not fit.
    """
    return _statistic(_parts(ratings, level))


def _statistic(parts: _Parts) -> Statistic:
    items, columns, finish = parts
    if items and (size := len(columns(slice(0, 1))) * items) > _LARGEST:
        raise ValueError(f"the sums over {items:,} items are {size:,} numbers; take level 'interval', or fewer values")
    return Statistic(columns(slice(None)), finish)


def _value(parts: _Parts) -> float:
    items, columns, finish = parts
    if not items:
        return float("nan")
    # In blocks, since the sums of the ordinal level can be many.
    return float(finish(sum(columns(slice(i, i + 1024)).sum(1) for i in range(0, items, 1024))))


def krippendorff_alpha(*, ratings: Any, level: Level) -> float:
    """Krippendorff's alpha: 1 - observed / expected disagreement, with missing ratings.

    An item with fewer than two ratings cannot be paired and is left out. After Krippendorff (2011), "Computing
    Krippendorff's Alpha-Reliability", https://repository.upenn.edu/asc_papers/43.

    Args:
        ratings: Shape (items, annotators). Missing ratings are NaN in an array of numbers, `None` in one of names.
        level: `nominal` (values are the same or not), `ordinal` (their order counts), `interval` (their distance
            counts) or `ratio` (their distance counts in proportion to their sum). All but `nominal` need numbers,
            `ratio` numbers of 0 or more.

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
    return _value(_parts(ratings, level))


# ---- sets of labels ------------------------------------------------------------------------------------------


def masi_distance(first: Set[Any], second: Set[Any]) -> float:
    """Distance of two sets of labels: 1 - Jaccard x monotonicity.

    Jaccard is shared / either; monotonicity is 1 for equal sets, 2/3 where one contains the other, 1/3 where they
    overlap, 0 where they share nothing. After Passonneau (2006), "Measuring Agreement on Set-valued Items (MASI) for
    Semantic and Pragmatic Annotation", LREC. Two empty sets are equal.

    Returns:
        0..1.
    """
    if first == second:
        return 0.0
    shared = len(first & second)
    if not shared:
        return 1.0
    return 1.0 - shared / len(first | second) * (2 / 3 if first <= second or second <= first else 1 / 3)


def _masi_parts(ratings: Any) -> _Parts:
    table = np.asarray(ratings, dtype=object)
    if table.ndim != 2:
        raise ValueError(f"ratings has {table.ndim} dimensions, expected 2: (items, annotators) of sets")
    codes: dict[frozenset[Any], int] = {}
    coded = np.full(table.shape, np.nan)
    for place, given in np.ndenumerate(table):
        if given is not None:
            coded[place] = codes.setdefault(frozenset(given), len(codes))
    values, counts = _counts(*_pairable(coded))
    sets = list(codes)
    used = [sets[int(v)] for v in values]
    distance = np.array([[masi_distance(a, b) for b in used] for a in used], dtype=np.float64)
    return _fixed_parts(counts, distance.reshape(len(used), len(used)))


def masi_alpha_statistic(*, ratings: Any) -> Statistic:
    """`masi_alpha` as sums over the items that have two ratings or more."""
    return _statistic(_masi_parts(ratings))


def masi_alpha(*, ratings: Any) -> float:
    """Krippendorff's alpha for sets of labels, with `masi_distance` as the disagreement of two sets.

    Args:
        ratings: Shape (items, annotators), each a set of labels, or `None` where there is no rating. An empty set is
            a rating: none of the labels.

    Returns:
        At most 1; NaN where no item has two ratings, or where all sets are the same.

    Raises:
        ValueError: The shape is not (items, annotators).
    """
    return _value(_masi_parts(ratings))


# ---- kappa ---------------------------------------------------------------------------------------------------


def cohen_kappa_statistic(
    *, truth: Any, prediction: Any, weights: Literal["linear", "quadratic"] | None = None
) -> Statistic:
    """`cohen_kappa` as sums over rows; a resample keeps the places of classes that it did not draw."""
    t, p = np.asarray(truth), np.asarray(prediction)
    if t.shape != p.shape or t.ndim != 1:
        raise ValueError(f"truth has shape {t.shape}, prediction {p.shape}; both must be (rows,)")
    if weights not in (None, "linear", "quadratic"):
        raise ValueError(f"weights {weights!r} are not known; choose linear, quadratic or None")
    values, codes = np.unique(np.concatenate([t, p]), return_inverse=True)
    k = len(values)
    steps = np.abs(np.arange(k)[:, None] - np.arange(k)[None, :]).astype(np.float64)
    cost = steps**2 if weights == "quadratic" else steps if weights == "linear" else (steps > 0).astype(np.float64)
    first, second = codes[: t.size], codes[t.size :]
    sides = [np.eye(k)[side].T.reshape(k, -1) for side in (first, second)]

    def finish(sums: Array) -> Array:
        left, right = sums[..., 1 : k + 1], sums[..., k + 1 :]
        expected = (left @ cost * right).sum(-1)
        return 1.0 - divide(sums[..., 0] * left.sum(-1), expected)

    return Statistic(np.concatenate([cost[first, second][None], *sides]), finish)


def cohen_kappa(*, truth: Any, prediction: Any, weights: Literal["linear", "quadratic"] | None = None) -> float:
    """Cohen's kappa: agreement of two annotators beyond chance, unweighted or weighted by distance.

    Cohen (1960), "A Coefficient of Agreement for Nominal Scales"; weighted: Cohen (1968).

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
    return cohen_kappa_statistic(truth=truth, prediction=prediction, weights=weights).value


def fleiss_kappa_statistic(*, ratings: Any) -> Statistic:
    """`fleiss_kappa` as sums over items."""
    table = np.asarray(ratings)
    if table.ndim != 2:
        raise ValueError(f"ratings has {table.ndim} dimensions, expected 2: (items, annotators)")
    if _is_missing(table).any():
        raise ValueError("Fleiss' kappa needs every annotator on every item; use krippendorff_alpha with gaps")
    _, counts = _counts(table, np.ones(table.shape, dtype=bool))
    annotators = table.shape[1]
    agreeing = (counts * (counts - 1.0)).sum(1)

    def finish(sums: Array) -> Array:
        totals = sums[..., 1:]
        n = totals.sum(-1)
        observed = divide(sums[..., 0], n * (annotators - 1.0))
        expected = divide((totals**2).sum(-1), n**2)
        return divide(observed - expected, np.where(expected >= 1.0, 0.0, 1.0 - expected))

    return Statistic(np.concatenate([agreeing[None], counts.T]), finish)


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
    return fleiss_kappa_statistic(ratings=ratings).value
