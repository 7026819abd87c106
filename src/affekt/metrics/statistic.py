"""Scores as sums over rows, which makes their bootstrap a matrix product.

Nearly every metric here is a function of sums over rows (counts, squared errors, moments). A `Statistic`
keeps the summands and the function, so a resample that draws row i `w[i]` times needs only the weighted sums
`columns @ w`: a thousand resamples are one matrix product, and no row is ever copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Statistic", "divide", "paired_1d", "paired_2d"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A score as a function of sums over rows.

    Attributes:
        columns: Summands, shape (sums, rows); one contiguous line a sum, so that numpy adds pairwise.
        finish: From sums of shape (..., sums) to the score, of shape (...) or (..., labels).
        clusters: The cluster of each row, counted from 0 on, shape (rows,): resamples then draw whole clusters, as
            rows of one speaker or dialogue are not independent. `None`: they draw rows.
    """

    columns: Array
    finish: Callable[[Array], Array]
    clusters: npt.NDArray[np.intp] | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.columns.shape[1])

    @property
    def units(self) -> int:
        """Number of what is drawn: clusters where there are some, else rows."""
        return self.n if self.clusters is None else int(self.clusters.max(initial=-1)) + 1

    def by(self, clusters: npt.ArrayLike) -> Statistic:
        """The same score with rows in clusters.

        Args:
            clusters: Names of the clusters, shape (rows,).

        Raises:
            ValueError: There is not one name for each row.
        """
        _, place = np.unique(np.asarray(clusters), return_inverse=True)
        if place.shape != (self.n,):
            raise ValueError(f"clusters have shape {place.shape}, and there are {self.n} rows")
        return replace(self, clusters=place.astype(np.intp))

    @property
    def values(self) -> Array:
        """The score on the rows as they are: an array of shape () or (labels,)."""
        return np.asarray(self.finish(self.columns.sum(axis=1)), dtype=np.float64)

    @property
    def value(self) -> float:
        """The score on the rows as they are, where it is one number."""
        return float(self.values)

    def resampled(self, counts: Array) -> Array:
        """The score on resamples.

        Args:
            counts: How often each row is drawn, or each cluster where there are some, shape (resamples, units).

        Returns:
            Shape (resamples,) or (resamples, labels).
        """
        return np.asarray(self.finish(counts @ self.summands.T), dtype=np.float64)

    @property
    def summands(self) -> Array:
        """Summands of what is drawn, shape (sums, units)."""
        if self.clusters is None:
            return self.columns
        out = np.zeros((self.columns.shape[0], self.units))
        for line, row in zip(out, self.columns, strict=True):
            line[:] = np.bincount(self.clusters, weights=row, minlength=len(line))
        return out


def divide(above: Array, below: Array, *, undefined: float = float("nan")) -> Array:
    """`above / below`, and `undefined` where `below` is 0."""
    above, below = np.broadcast_arrays(above, below)
    out = np.full(above.shape, undefined, dtype=np.float64)
    np.divide(above, below, out=out, where=below != 0)
    return out


def _clean(values: npt.ArrayLike, name: str, dims: int) -> Array:
    out = np.asarray(values, dtype=np.float64)
    if out.ndim != dims:
        raise ValueError(f"{name} has {out.ndim} dimensions, expected {dims}")
    return out


def _paired(truth: npt.ArrayLike, prediction: npt.ArrayLike, dims: int) -> tuple[Array, Array]:
    t, p = _clean(truth, "truth", dims), _clean(prediction, "prediction", dims)
    if t.shape != p.shape:
        raise ValueError(f"truth has shape {t.shape}, prediction {p.shape}; they must be the same")
    return t, p


def paired_2d(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> tuple[Array, Array]:
    """Check two tables of shape (rows, labels): same shape, no NaN."""
    t, p = _paired(truth, prediction, 2)
    if (missing := int(np.isnan(t).any(1).sum() + np.isnan(p).any(1).sum())) > 0:
        raise ValueError(f"NaN in {missing} rows of truth or prediction; leave those rows out and count them")
    return t, p


def paired_1d(truth: npt.ArrayLike, prediction: npt.ArrayLike, *, ignore_nan: bool = False) -> tuple[Array, Array]:
    """Check two series of shape (rows,): same length, no NaN, or rows with NaN left out if that is asked for."""
    t, p = _paired(truth, prediction, 1)
    missing = np.isnan(t) | np.isnan(p)
    if not missing.any():
        return t, p
    if not ignore_nan:
        raise ValueError(f"NaN in {int(missing.sum())} rows of truth or prediction; pass ignore_nan=True to skip them")
    return t[~missing], p[~missing]


def encode(truth: Any, prediction: Any, labels: Any = None) -> tuple[Array, Array]:
    """Bring single labels or label sets to two 0/1 tables of shape (rows, labels).

    Args:
        truth: Shape (rows,) of class names or codes, or (rows, labels) of 0/1.
        prediction: As `truth`.
        labels: Order of the classes for shape (rows,); default all that occur, sorted.

    Raises:
        ValueError: The shapes differ, a table holds something else than 0 and 1, or a class is not in `labels`.
    """
    t, p = np.asarray(truth), np.asarray(prediction)
    if t.shape != p.shape:
        raise ValueError(f"truth has shape {t.shape}, prediction {p.shape}; they must be the same")
    if t.ndim == 2:
        tables = t.astype(np.float64), p.astype(np.float64)
        for name, table in zip(("truth", "prediction"), tables, strict=True):
            if not np.isin(table, (0.0, 1.0)).all():
                raise ValueError(f"{name} must hold 0 and 1 only; put probabilities through thresholds first")
        return tables
    if t.ndim != 1:
        raise ValueError(f"truth has {t.ndim} dimensions, expected 1 (classes) or 2 (0/1 for each label)")
    order = np.unique(np.concatenate([t, p])) if labels is None else np.asarray(labels)
    tables = (t[:, None] == order).astype(np.float64), (p[:, None] == order).astype(np.float64)
    for name, table in zip(("truth", "prediction"), tables, strict=True):
        if (strays := int((table.sum(1) != 1).sum())) > 0:
            raise ValueError(f"{strays} rows of {name} hold a class that is not in labels")
    return tables
