"""How a score grows with the number of training rows: a power law, and what more rows would bring.

Error falls with size as a * n^-b + c in many tasks (Hestness et al. 2017, "Deep Learning Scaling is Predictable,
Empirically"); c is what no number of rows takes away. An extrapolation: it holds as far as the law does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.metrics.statistic import Array

__all__ = ["PowerLaw", "fit_power_law"]

_EXPONENTS = np.geomspace(0.02, 2.0, 200)


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """The law score(n) = best - (a * n^-b + c).

    Attributes:
        best: Highest score that there is (1 for F1 or a correlation).
        a: Size of the part of the error that falls.
        b: How fast it falls; 0 where the score does not grow.
        c: Error that stays; 0 where it was not fitted.
    """

    best: float
    a: float
    b: float
    c: float

    def at(self, size: npt.ArrayLike) -> Array:
        """The score at a number of training rows."""
        return np.asarray(self.best - (self.a * np.asarray(size, dtype=np.float64) ** -self.b + self.c))


def fit_power_law(
    *, sizes: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None, best: float = 1.0
) -> PowerLaw:
    """Least squares over a grid of exponents; a and c are not negative.

    With three different sizes c is held at 0, since three points would otherwise be met exactly by chance as well.

    Args:
        sizes: Numbers of training rows, shape (points,), at least three different ones.
        scores: Score at each, shape (points,).
        weights: Weight of each point, such as 1 / variance; default all alike.
        best: Highest score that there is.

    Raises:
        ValueError: Fewer than three different sizes, a size that is not above 0, or a NaN.
    """
    n, s = np.asarray(sizes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    w = np.ones_like(s) if weights is None else np.asarray(weights, dtype=np.float64)
    if n.shape != s.shape or n.shape != w.shape or n.ndim != 1:
        raise ValueError(
            f"sizes, scores and weights have shapes {n.shape}, {s.shape}, {w.shape}; all must be (points,)"
        )
    different = np.unique(n).size
    if different < 3:
        raise ValueError(f"a power law needs at least three different sizes; got {different}")
    if n.min() <= 0 or not np.isfinite([n, s, w]).all():
        raise ValueError("sizes must be above 0, and sizes, scores and weights finite")
    error = best - s
    scale = np.exp(np.log(n).mean())  # keeps the columns of about one size
    found = PowerLaw(best, 0.0, 0.0, float((w * error).sum() / w.sum()))
    least = float((w * (error - found.c) ** 2).sum())
    for b in _EXPONENTS:
        x = (n / scale) ** -b
        for free in (different > 3, False):
            a, c = _line(x, error, w) if free else (float((w * x * error).sum() / (w * x * x).sum()), 0.0)
            if a < 0 or c < 0:
                continue
            left = float((w * (error - a * x - c) ** 2).sum())
            if left < least:
                found, least = PowerLaw(best, float(a * scale**b), float(b), float(c)), left
            break
    return found


def _line(x: Array, y: Array, w: Array) -> tuple[float, float]:
    """Slope and intercept by weighted least squares."""
    total = w.sum()
    mean_x, mean_y = (w * x).sum() / total, (w * y).sum() / total
    spread = (w * (x - mean_x) ** 2).sum()
    slope = float((w * (x - mean_x) * (y - mean_y)).sum() / spread) if spread > 0 else 0.0
    return slope, float(mean_y - slope * mean_x)
