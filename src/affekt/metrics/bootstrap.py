"""Percentile bootstrap over rows or whole clusters of them, plain and paired, as matrix products.

A resample is kept as how often each of them is drawn, so a thousand resamples of a score that is a function of
sums over rows cost one product of a (resamples, rows) table with a (rows, sums) table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from affekt.metrics.statistic import Array, Statistic

__all__ = ["Difference", "Interval", "bootstrap", "paired_bootstrap", "percentiles", "resample_counts", "two_sided"]

# Rows times resamples held at once: 16 MB of counts, whatever the size of the corpus.
_BLOCK = 2_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A score with its percentile interval.

    Attributes:
        value: The score on the rows as they are, shape () or (labels,).
        low: Lower end, same shape.
        high: Upper end, same shape.
        n: Number of rows.
        undefined: Share of resamples in which the score is undefined; they are left out of the interval.
    """

    value: Array
    low: Array
    high: Array
    n: int
    undefined: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of a score between two sets of answers to the same rows.

    Attributes:
        value: First minus second.
        low: Lower end of the interval.
        high: Upper end of the interval.
        n: Number of rows.
        p: Two-sided bootstrap p-value: twice the smaller share of resamples on either side of 0, with one
            resample added to each side, at most 1.
    """

    value: float
    low: float
    high: float
    n: int
    p: float


def resample_counts(*, rows: int, samples: int, seed: int) -> Iterator[Array]:
    """Draw `rows` rows with replacement, `samples` times.

    Args:
        rows: Number of rows.
        samples: Number of resamples.
        seed: Seed of the generator; the same seed gives the same resamples.

    Yields:
        Blocks of shape (some resamples, rows): how often each row was drawn.
    """
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // max(rows, 1))
    for start in range(0, samples, block):
        size = min(block, samples - start)
        drawn = rng.integers(rows, size=(size, rows)) + (np.arange(size) * rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def percentiles(draws: Array, level: float) -> tuple[Array, Array]:
    """Ends of the percentile interval along the first axis, leaving undefined draws out.

    Args:
        draws: The score on resamples, shape (samples, ...).
        level: Share of draws between the ends.

    Returns:
        Lower and upper ends, of shape (...); NaN where every draw is undefined.
    """
    tail = (1.0 - level) / 2.0
    flat = draws.reshape(draws.shape[0], -1)
    ends = np.full((2, flat.shape[1]), np.nan)
    for column in range(flat.shape[1]):
        defined = flat[~np.isnan(flat[:, column]), column]
        if defined.size:
            ends[:, column] = np.quantile(defined, [tail, 1.0 - tail])
    low, high = ends.reshape(2, *draws.shape[1:])
    return low, high


def two_sided(drawn: Array) -> float:
    """Two-sided bootstrap p-value of a difference: how easily its resamples lie on the other side of 0.

    Twice the smaller share of resamples on either side, with one resample added to each, at most 1.

    Args:
        drawn: The difference on resamples, shape (samples,); undefined ones (NaN) are left out.

    Returns:
        Above 0, at most 1; NaN where every resample is undefined.
    """
    defined = drawn[~np.isnan(drawn)]
    if not defined.size:
        return float("nan")
    side = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return min(1.0, 2.0 * (side + 1) / (defined.size + 1))


def _check(samples: int, level: float) -> None:
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, got {level}")


def bootstrap(
    statistics: Mapping[str, Statistic], *, samples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval]:
    """Percentile intervals of several scores. Scores with as many rows, or clusters of rows, share their resamples.

    Args:
        statistics: Name -> score as sums over rows.
        samples: Number of resamples.
        seed: Seed of the generator.
        level: Share of resamples between the ends.

    Returns:
        Name -> interval; NaN ends where the score is undefined on every resample, or there are no rows.

    Raises:
        ValueError: `samples` or `level` is out of range.
    """
    _check(samples, level)
    out: dict[str, Interval] = {}
    for units in dict.fromkeys(s.units for s in statistics.values()):
        group = {name: s for name, s in statistics.items() if s.units == units}
        draws: dict[str, list[Array]] = {name: [] for name in group}
        if units:
            for counts in resample_counts(rows=units, samples=samples, seed=seed):
                for name, statistic in group.items():
                    draws[name].append(statistic.resampled(counts))
        for name, statistic in group.items():
            value = statistic.values
            drawn = np.concatenate(draws[name]) if draws[name] else np.full((1, *value.shape), np.nan)
            low, high = percentiles(drawn, level)
            out[name] = Interval(value, low, high, statistic.n, float(np.isnan(drawn).mean()))
    return {name: out[name] for name in statistics}


def paired_bootstrap(
    *, first: Statistic, second: Statistic, samples: int = 1000, seed: int = 0, level: float = 0.95
) -> Difference:
    """Interval of a difference, with both sides scored on the same resamples.

    Args:
        first: Score of one set of answers.
        second: Score of another set of answers to the same rows, in the same order.
        samples: Number of resamples.
        seed: Seed of the generator.
        level: Share of resamples between the ends.

    Raises:
        ValueError: The two have different numbers of rows, or `samples` or `level` is out of range.
    """
    _check(samples, level)
    if (first.n, first.units) != (second.n, second.units):
        raise ValueError(f"paired scores need the same rows; got {first.n} and {second.n}")
    value = first.value - second.value
    if not first.n:
        return Difference(value, float("nan"), float("nan"), 0, float("nan"))
    blocks = resample_counts(rows=first.units, samples=samples, seed=seed)
    drawn = np.concatenate([first.resampled(c) - second.resampled(c) for c in blocks])
    low, high = percentiles(drawn, level)
    return Difference(value, float(low), float(high), first.n, two_sided(drawn))
