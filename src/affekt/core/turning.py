"""Turning points: where the level of a series changes for good."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["turning_points"]

_SHORTEST = 5


def turning_points(values: ArrayLike, *, shortest: int = _SHORTEST) -> list[int]:
    """Binary segmentation for shifts of the mean (Scott and Knott 1974), each of which must pay for itself.

    A stretch is cut in two where that lowers the sum of squares most, if it lowers it by more than 3 log(n) times the
    variance of the noise, and so are its parts. The noise is half the mean square of successive differences (von
    Neumann 1941), which shifts of the level hardly touch. The price is above that of the Schwarz criterion, 2 log(n)
    for a place and a mean, since a slow drift looks like noise plus shifts.

    Args:
        values: Shape (n,); NaN is passed over.
        shortest: Fewest values on either side of a turning point.

    Returns:
        Places in `values` where a new level begins, in order.
    """
    given = np.asarray(values, np.float64).ravel()
    known = np.flatnonzero(np.isfinite(given))
    series = given[known]
    n = len(series)
    if n < 2 * shortest:
        return []
    noise = float(np.mean(np.diff(series) ** 2)) / 2
    if noise <= 1e-12 * max(float(np.var(series)), 1e-300):
        return []  # no noise to tell a shift from
    price = 3 * math.log(n) * noise
    sums = np.concatenate([[0.0], np.cumsum(series)])
    found: list[int] = []
    waiting = [(0, n)]
    while waiting:
        start, end = waiting.pop()
        if end - start < 2 * shortest:
            continue
        at = np.arange(start + shortest, end - shortest + 1)
        gain = _gain(sums, start, at, end)
        best = int(gain.argmax())
        if gain[best] > price:
            cut = int(at[best])
            found.append(int(known[cut]))
            waiting += [(start, cut), (cut, end)]
    return sorted(found)


def _gain(sums: NDArray[np.float64], start: int, at: NDArray[np.int64], end: int) -> NDArray[np.float64]:
    """By how much the sum of squares is lower with two means than with one, for a cut at each place."""
    left, right, whole = sums[at] - sums[start], sums[end] - sums[at], sums[end] - sums[start]
    gain: NDArray[np.float64] = left**2 / (at - start) + right**2 / (end - at) - whole**2 / (end - start)
    return gain
