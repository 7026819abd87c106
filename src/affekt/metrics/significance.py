"""Whether differences are more than chance: several comparisons at once, several seeds, groups of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.metrics.bootstrap import Difference, percentiles, resample_counts, two_sided
from affekt.metrics.statistic import Array, Statistic

__all__ = ["Spread", "difference", "draws_of_systems", "gap_interval", "holm", "summarise"]


def holm(p: npt.ArrayLike) -> Array:
    """Holm's step-down correction: p-values that hold together when several comparisons are made.

    With the p-values in rising order the i-th of m (from 0) becomes max over j <= i of min(1, (m - j) p_j). After
    Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure". NaN (a comparison that is undefined)
    stays NaN and does not count.

    Args:
        p: P-values of one family, shape (comparisons,).

    Returns:
        Corrected p-values, same shape, each at least as large as the plain one and at most 1.

    Raises:
        ValueError: A p-value is outside 0..1, or the shape is not (comparisons,).

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"p has {values.ndim} dimensions, expected 1")
    defined = ~np.isnan(values)
    given = values[defined]
    if given.size and (given.min() < 0 or given.max() > 1):
        raise ValueError("p-values must lie in 0..1")
    order = np.argsort(given, kind="stable")
    stepped = np.minimum(1.0, np.maximum.accumulate(given[order] * (given.size - np.arange(given.size))))
    corrected = np.empty_like(given)
    corrected[order] = stepped
    out = np.full(values.shape, np.nan)
    out[defined] = corrected
    return out


@dataclass(frozen=True, slots=True)
class Spread:
    """A score of a system that was run with one seed or several.

    Attributes:
        value: Mean over seeds of the score on the rows as they are.
        low: Lower end of the interval.
        high: Upper end of the interval.
        sd: Standard deviation over seeds (divided by seeds - 1); NaN for one seed.
        seeds: Number of seeds.
        n: Number of rows.
    """

    value: float
    low: float
    high: float
    sd: float
    seeds: int
    n: int


def draws_of_systems(systems: Mapping[str, Sequence[Statistic]], *, samples: int, seed: int) -> dict[str, Array]:
    """Resample rows (or their clusters) and seeds: the two reasons why a score would come out otherwise another time.

    Every resample draws the rows once for all systems, which makes their differences paired, and for each system
    with several seeds it draws as many seeds with replacement and takes the mean of their scores (a two-level,
    hierarchical bootstrap). With one seed only the rows vary, and the interval says nothing about other seeds.

    Args:
        systems: Name -> scores of its seeds, all on the same rows in the same order.
        samples: Number of resamples.
        seed: Seed of the generator.

    Returns:
        Name -> score of each resample, shape (samples,); NaN where it is undefined.

    Raises:
        ValueError: The numbers of rows differ, or a system has no seed.
    """
    sizes = {(s.n, s.units) for seeds in systems.values() for s in seeds}
    if len(sizes) > 1 or not all(systems.values()):
        raise ValueError(f"all systems need seeds on the same rows; got {sorted(n for n, _ in sizes)} rows")
    units = sizes.pop()[1] if sizes else 0
    if not units:
        return {name: np.full(samples, np.nan) for name in systems}
    parts: dict[str, list[list[Array]]] = {name: [[] for _ in seeds] for name, seeds in systems.items()}
    for counts in resample_counts(rows=units, samples=samples, seed=seed):
        for name, seeds in systems.items():
            for k, statistic in enumerate(seeds):
                parts[name][k].append(statistic.resampled(counts))
    rng = np.random.default_rng([seed, 1])
    out: dict[str, Array] = {}
    for name, pieces in parts.items():
        table = np.stack([np.concatenate(piece) for piece in pieces])  # (seeds, samples)
        k = table.shape[0]
        chosen = rng.integers(k, size=(k, samples)) if k > 1 else np.zeros((1, samples), dtype=np.intp)
        out[name] = np.take_along_axis(table, chosen, axis=0).mean(0)
    return out


def summarise(statistics: Sequence[Statistic], drawn: Array, *, level: float = 0.95) -> Spread:
    """The score of a system with its interval from `draws_of_systems`.

    Args:
        statistics: The scores of its seeds.
        drawn: Its resamples.
        level: Share of resamples between the ends.
    """
    values = np.array([s.value for s in statistics])
    low, high = percentiles(drawn, level)
    sd = float(values.std(ddof=1)) if values.size > 1 else float("nan")
    return Spread(float(values.mean()), float(low), float(high), sd, values.size, statistics[0].n)


def difference(first: Spread, second: Spread, drawn: Array, *, level: float = 0.95) -> Difference:
    """The difference of two systems, from the difference of their resamples.

    Args:
        first: One system.
        second: The other, on the same rows.
        drawn: Resamples of the first minus those of the second.
        level: Share of resamples between the ends.
    """
    low, high = percentiles(drawn, level)
    return Difference(first.value - second.value, float(low), float(high), first.n, two_sided(drawn))


def gap_interval(draws: Sequence[Array], *, level: float = 0.95) -> tuple[float, float]:
    """Interval of the gap between the best and the worst group.

    The gap of resamples is never below 0 and lies above the true gap where groups are small: chance alone parts
    them. Read it beside the permutation p-value of the same gap.

    Args:
        draws: Resamples of the score of each group, shape (samples,) each.
        level: Share of resamples between the ends.
    """
    table = np.stack(draws)
    low, high = percentiles(table.max(0) - table.min(0), level)
    return float(low), float(high)
