"""Confident learning: which rows carry a label that is probably wrong.

From the paper alone: Northcutt, Jiang, Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset
Labels", Journal of Artificial Intelligence Research 70. Probabilities must come from a model that has not seen
the rows: one that was trained on them repeats their labels, wrong ones included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.metrics.statistic import Array, divide

__all__ = ["Suspects", "confident_joint", "confident_thresholds", "likely_mislabelled"]

Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Suspects:
    """Rows whose given class is probably wrong, most suspicious first.

    Attributes:
        rows: Positions of the rows, shape (suspects,).
        suggested: The class that each probably belongs to, shape (suspects,).
        margin: Probability of the suggested class minus that of the given one, shape (suspects,).
        thresholds: Threshold of each class, shape (classes,).
        joint: Estimated share of rows with given class i and true class j, shape (classes, classes).
    """

    rows: Codes
    suggested: Codes
    margin: Array
    thresholds: Array
    joint: Array


def _check(given: npt.ArrayLike, probability: npt.ArrayLike) -> tuple[Codes, Array]:
    g, p = np.asarray(given), np.asarray(probability, dtype=np.float64)
    if p.ndim != 2 or g.shape != p.shape[:1]:
        raise ValueError(f"given has shape {g.shape}, probability {p.shape}; they must be (rows,) and (rows, classes)")
    if np.isnan(p).any():
        raise ValueError("NaN in probability; leave those rows out and count them")
    if p.size and (p.min() < 0 or p.max() > 1):
        raise ValueError("probability must lie in 0..1")
    if g.size and (not np.equal(g, g.astype(np.intp)).all() or g.min() < 0 or g.max() >= p.shape[1]):
        raise ValueError(f"given must hold class codes 0..{p.shape[1] - 1}")
    return g.astype(np.intp), p


def confident_thresholds(*, given: npt.ArrayLike, probability: npt.ArrayLike) -> Array:
    """Mean probability of each class over the rows that were given it (equation 2 of the paper).

    Args:
        given: Class codes, shape (rows,).
        probability: Out-of-sample probabilities, shape (rows, classes).

    Returns:
        Shape (classes,); NaN for a class that no row was given.

    Raises:
        ValueError: The shapes do not fit, or values are out of range or NaN.
    """
    g, p = _check(given, probability)
    member = (g[:, None] == np.arange(p.shape[1])).astype(np.float64)
    return divide((member * p).sum(0), member.sum(0))


def _confident_class(p: Array, thresholds: Array) -> Codes:
    """Class that each row confidently belongs to: the most probable of those at their threshold; -1 for none."""
    reached = p >= np.where(np.isnan(thresholds), np.inf, thresholds)
    best = np.where(reached, p, -1.0).argmax(1)
    return np.where(reached.any(1), best, -1)


def confident_joint(*, given: npt.ArrayLike, probability: npt.ArrayLike) -> Array:
    """Estimated joint distribution of given and true classes (equations 1 and 3 of the paper).

    Rows are counted at (given class, confident class); the counts are then scaled so that each given class has
    the share of rows that it has in the data. A class without any confident row keeps its rows on the diagonal.

    Args:
        given: Class codes, shape (rows,).
        probability: Out-of-sample probabilities, shape (rows, classes).

    Returns:
        Shape (classes, classes), sum 1; NaN without rows.

    Raises:
        ValueError: The shapes do not fit, or values are out of range or NaN.
    """
    g, p = _check(given, probability)
    classes = p.shape[1]
    confident = _confident_class(p, confident_thresholds(given=g, probability=p))
    kept = confident >= 0
    counts = np.zeros((classes, classes))
    np.add.at(counts, (g[kept], confident[kept]), 1.0)
    bare = counts.sum(1) == 0
    counts[bare, bare] = 1.0
    rows = np.bincount(g, minlength=classes).astype(np.float64)
    scaled = counts / counts.sum(1, keepdims=True) * rows[:, None]
    return divide(scaled, np.full_like(scaled, rows.sum()))


def likely_mislabelled(*, given: npt.ArrayLike, probability: npt.ArrayLike) -> Suspects:
    """Rows whose class is probably wrong, by pruning at the estimated noise rate ("prune by noise rate").

    For each pair of a given class i and another class j, the n * joint[i, j] rows of class i with the largest
    margin p_j - p_i are taken, of those that reach the threshold of j; a row that is taken for several classes goes
    to the one with the largest margin. Where a model is rarely sure of a class, its threshold is low, and so the
    margin may be below 0.

    Args:
        given: Class codes, shape (rows,).
        probability: Out-of-sample probabilities, shape (rows, classes). For one label of a multi-label corpus
            give the two columns 1 - p and p, and codes 0 and 1.

    Raises:
        ValueError: The shapes do not fit, or values are out of range or NaN.
    """
    g, p = _check(given, probability)
    joint = confident_joint(given=g, probability=p)
    thresholds = confident_thresholds(given=g, probability=p)
    margins = p - p[np.arange(g.size), g][:, None]
    best, target = np.full(g.size, -np.inf), np.full(g.size, -1, dtype=np.intp)
    for i in range(p.shape[1]):
        members = np.flatnonzero(g == i)
        for j in range(p.shape[1]):
            wanted = round(g.size * float(joint[i, j])) if i != j and members.size else 0
            able = members[p[members, j] >= thresholds[j]] if wanted else members[:0]
            ranked = able[np.argsort(-margins[able, j], kind="stable")][:wanted]
            better = ranked[margins[ranked, j] > best[ranked]]
            best[better], target[better] = margins[better, j], j
    rows = np.flatnonzero(target >= 0)
    rows = rows[np.argsort(-best[rows], kind="stable")]
    return Suspects(rows, target[rows], best[rows], thresholds, joint)
