"""How a feeling moves: variability, instability, inertia, influence between partners, transitions between labels.

Values come as series: one array a dialogue, shape (turns,), in the order in which they were said; NaN is what is not
known, and what stands on its two sides is not taken for neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Influence",
    "Lag",
    "Transitions",
    "cross_influence",
    "inertia",
    "instability",
    "response_lag",
    "transitions",
    "variability",
]

Array = NDArray[np.float64]


def variability(series: Sequence[ArrayLike]) -> float:
    """Standard deviation of all values, with n - 1 in the denominator.

    Args:
        series: Arrays of shape (turns,).

    Returns:
        In the unit of the values, at least 0; NaN for fewer than two known values.
    """
    known = _known(series)
    return float(np.std(known, ddof=1)) if len(known) > 1 else math.nan


def instability(series: Sequence[ArrayLike]) -> float:
    """Mean square of successive differences, MSSD (von Neumann et al. 1941; Jahng, Wood and Trull 2008).

    MSSD = mean of (x[t + 1] - x[t])^2 over all neighbours within a dialogue. White noise has twice its variance.

    Args:
        series: Arrays of shape (turns,).

    Returns:
        In the squared unit of the values; NaN where no two known values are neighbours.
    """
    before, after = _pairs(series)
    return float(np.mean((after - before) ** 2)) if len(before) else math.nan


def inertia(series: Sequence[ArrayLike]) -> float:
    """How much of a deviation is still there at the next turn: slope of a lag-1 autoregression (Kuppens et al. 2010).

    Least squares of x[t + 1] on x[t] with an intercept, over all neighbours within a dialogue. 0: the last value says
    nothing of the next; towards 1: the feeling stays; below 0: it swings. In short series it comes out too low, by
    about (1 + 3 inertia) / n for n neighbours (Kendall 1954).

    Args:
        series: Arrays of shape (turns,).

    Returns:
        NaN for fewer than three pairs of neighbours, or where the earlier values are all the same.
    """
    before, after = _pairs(series)
    if len(before) < 3 or np.ptp(before) < 1e-12:
        return math.nan
    centred = before - before.mean()
    return float(centred @ (after - after.mean()) / (centred @ centred))


@dataclass(frozen=True, slots=True)
class Influence:
    """How a partner's last state goes with the own change that follows.

    Attributes:
        partner: Change of one's own value for each unit of the partner's last value: above 0, one is drawn to where
            the partner is (contagion); below 0, away from there.
        low: Lower end of its 95 % bootstrap interval, over dialogues, or over blocks of turns of a single one.
        high: Upper end.
        p: Two-sided p-value of a permutation test that turns the partner's values round within each dialogue.
        own: Change for each unit of one's own last value: below 0, one comes back to one's usual level.
        intercept: Change where both last values are 0.
        n: Turns that it is fitted to.
        dialogues: Dialogues that they come from.
    """

    partner: float
    low: float
    high: float
    p: float
    own: float
    intercept: float
    n: int
    dialogues: int


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a response trails what it responds to.

    Attributes:
        steps: Steps between the two; 0 for none.
        correlation: Their correlation at that distance, -1 to 1.
    """

    steps: int
    correlation: float


def response_lag(driver: ArrayLike, response: ArrayLike, *, most: int) -> Lag:
    """After how many steps a response goes with its driver most: the maximum of their cross-correlation.

    For each distance the correlation is taken over the steps that both have. The response may go against the driver:
    the size of the correlation counts, not its sign.

    Args:
        driver: What is responded to, shape (steps,), at equal distances in time.
        response: The response, likewise.
        most: The longest distance that is tried.

    Returns:
        The distance, and the correlation there; NaN where one of them never changes.

    Raises:
        ValueError: They are not of one length, or not longer than `most` by two.

    Example:
        >>> response_lag([0, 1, 0, 0, 2, 0, 0, 1, 0], [0, 0, 0, 1, 0, 0, 2, 0, 0], most=4).steps
        2
    """
    a, b = np.asarray(driver, np.float64), np.asarray(response, np.float64)
    if a.ndim != 1 or a.shape != b.shape or len(a) < most + 2 or most < 0:
        raise ValueError(f"series of shapes {a.shape} and {b.shape} have no lags up to {most}")
    best = Lag(0, float("nan"))
    for steps in range(most + 1):
        x, y = a[: len(a) - steps], b[steps:]
        x, y = x - x.mean(), y - y.mean()
        below = float(np.sqrt((x @ x) * (y @ y)))
        found = float(x @ y) / below if below > 0 else float("nan")
        if np.isnan(best.correlation) or abs(found) > abs(best.correlation):
            best = Lag(steps, found)
    return best


def cross_influence(
    *,
    before: Sequence[ArrayLike],
    partner: Sequence[ArrayLike],
    after: Sequence[ArrayLike],
    samples: int = 1000,
    seed: int = 0,
) -> Influence:
    """Regression of the own change on the own and the partner's last state, within dialogues.

    after - before = intercept + own * before + partner * (the partner's last value), by least squares over all turns,
    as in actor-partner models over time (Cook and Kenny 2005; co-regulation: Butler 2011). It shows what precedes what,
    not that one makes the other: both may follow a third.

    The permutation test rotates the partner's values by a random number of turns within each dialogue: their own course
    is kept, and only what ties it to the other's is broken.

    Args:
        before: One's own last value at each turn, an array of shape (turns,) a dialogue.
        partner: The partner's last value before each turn, same shapes.
        after: One's own value, same shapes.
        samples: Resamples, and permutations.
        seed: Seed of both.

    Returns:
        NaN for all figures but the counts where fewer than five turns are known, or the partner's values do not vary.

    Raises:
        ValueError: The shapes differ.
    """
    parts: list[tuple[Array, Array, Array]] = []
    for b, p, a in zip(before, partner, after, strict=True):
        own, other, now = (np.asarray(v, np.float64) for v in (b, p, a))
        if not own.shape == other.shape == now.shape or own.ndim != 1:
            raise ValueError(f"a dialogue has arrays of shapes {own.shape}, {other.shape} and {now.shape}")
        known = np.isfinite(own) & np.isfinite(other) & np.isfinite(now)
        if known.any():
            parts.append((own[known], other[known], now[known]))
    n = sum(len(own) for own, _, _ in parts)
    nothing = Influence(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan, n, len(parts))
    if n < 5:
        return nothing
    own, other, now = (np.concatenate([part[i] for part in parts]) for i in range(3))
    if np.ptp(other) < 1e-12:
        return nothing
    change = now - own
    fitted = _slopes(own, other, change, np.ones(n))
    if fitted is None:
        return nothing
    rng = np.random.default_rng(seed)
    lengths = [len(a) for a, _, _ in parts]
    drawn = []
    for weights in _resamples(lengths, samples, rng):
        again = _slopes(own, other, change, weights)
        if again is not None:
            drawn.append(again[2])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    as_high = 0
    for _ in range(samples):
        turned = np.concatenate(
            [np.roll(other[s : s + k], rng.integers(k)) for s, k in zip(starts, lengths, strict=False)]
        )
        again = _slopes(own, turned, change, np.ones(n))
        as_high += int(again is not None and abs(again[2]) >= abs(fitted[2]) - 1e-12)
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn else (math.nan, math.nan)
    p = (as_high + 1) / (samples + 1)
    return Influence(float(fitted[2]), float(low), float(high), p, float(fitted[1]), float(fitted[0]), n, len(parts))


def _slopes(own: Array, other: Array, change: Array, weights: Array) -> Array | None:
    """Intercept and slopes of the weighted regression; `None` where they are not determined."""
    design: Array = np.stack([np.ones(len(own)), own, other], axis=1)
    gram = design.T @ (design * weights[:, None])
    if np.linalg.matrix_rank(gram) < 3:
        return None
    found: Array = np.asarray(np.linalg.solve(gram, design.T @ (change * weights)), np.float64)
    return found


def _resamples(lengths: Sequence[int], samples: int, rng: np.random.Generator) -> list[Array]:
    """How often each turn is drawn: whole dialogues, or blocks of about the cube root of a single one's length."""
    if len(lengths) > 1:
        blocks = np.repeat(np.arange(len(lengths)), lengths)
    else:
        size = max(2, math.ceil(lengths[0] ** (1 / 3)))
        blocks = np.arange(lengths[0]) // size
    count = int(blocks[-1]) + 1
    return [rng.multinomial(count, np.full(count, 1 / count))[blocks].astype(np.float64) for _ in range(samples)]


def _known(series: Sequence[ArrayLike]) -> Array:
    values = [np.asarray(s, np.float64).ravel() for s in series]
    joined: Array = np.concatenate(values) if values else np.zeros(0)
    return joined[np.isfinite(joined)]


def _pairs(series: Sequence[ArrayLike]) -> tuple[Array, Array]:
    """Neighbours within each series that are both known."""
    values = [np.asarray(s, np.float64).ravel() for s in series]
    before = np.concatenate([v[:-1] for v in values]) if values else np.zeros(0)
    after = np.concatenate([v[1:] for v in values]) if values else np.zeros(0)
    known = np.isfinite(before) & np.isfinite(after)
    return before[known], after[known]


# --- Labels -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transitions:
    """How labels follow one another.

    Attributes:
        labels: The labels, in their order.
        counts: How often the second follows the first, shape (labels, labels).
        probabilities: Row by row, each sums to 1: of the label that follows, after smoothing.
        z: Counts beside those of shuffled orders, in standard deviations of these; NaN where they do not vary.
        information: Mutual information of neighbours, in bits; 0 where the order says nothing.
        shuffled: Its mean in shuffled orders, what chance alone gives with so few turns.
        p: Share of shuffled orders (and this one) with at least as much.
        n: Number of transitions.
    """

    labels: tuple[str, ...]
    counts: NDArray[np.int64]
    probabilities: Array
    z: Array
    information: float
    shuffled: float
    p: float
    n: int


def transitions(
    sequences: Sequence[Sequence[str]],
    *,
    labels: Sequence[str],
    smoothing: float = 1.0,
    samples: int = 1000,
    seed: int = 0,
) -> Transitions:
    """The emotion network of dialogues: which label follows which, beside the same labels in shuffled order.

    Probabilities are (count + smoothing * share of the label) / (row's sum + smoothing), so that a row that was seldom
    seen lies near the shares of the labels overall (a Dirichlet prior with that mean).

    Args:
        sequences: The labels of each dialogue in order.
        labels: All labels that there can be.
        smoothing: Weight of the prior, in transitions; 0 for none, then a row that was never seen is NaN.
        samples: Shuffled orders, each within its dialogue.
        seed: Seed of these.

    Raises:
        ValueError: A label is not among `labels`, or `smoothing` is below 0.
    """
    if smoothing < 0:
        raise ValueError(f"smoothing is {smoothing}, below 0")
    code = {label: i for i, label in enumerate(labels)}
    if strange := next((x for s in sequences for x in s if x not in code), None):
        raise ValueError(f"label {strange!r} is not among {', '.join(labels)}")
    k = len(labels)
    coded = [np.array([code[x] for x in s], np.int64) for s in sequences if len(s) > 1]
    lengths = np.array([len(s) for s in coded], np.int64)
    flat = np.concatenate(coded) if coded else np.zeros(0, np.int64)
    group = np.repeat(np.arange(len(coded)), lengths)
    inside = group[1:] == group[:-1]

    def count(order: NDArray[np.int64]) -> NDArray[np.int64]:
        pairs = order[:-1][inside] * k + order[1:][inside]
        return np.bincount(pairs, minlength=k * k).reshape(k, k)

    counts = count(flat)
    rng = np.random.default_rng(seed)
    drawn = np.zeros((samples, k, k))
    for i in range(samples):
        drawn[i] = count(flat[np.lexsort((rng.random(len(flat)), group))])
    own = _information(counts.astype(np.float64))
    chance = np.array([_information(d) for d in drawn])
    mean, sd = drawn.mean(axis=0), drawn.std(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(sd > 0, (counts - mean) / sd, np.nan)
        overall = np.bincount(flat, minlength=k) / max(len(flat), 1)
        rows = counts.sum(axis=1, keepdims=True)
        probabilities = (counts + smoothing * overall) / (rows + smoothing)
    total = int(counts.sum())
    if not total:
        return Transitions(tuple(labels), counts, np.full((k, k), np.nan), z, math.nan, math.nan, math.nan, 0)
    p = (int((chance >= own - 1e-12).sum()) + 1) / (samples + 1)
    return Transitions(tuple(labels), counts, probabilities, z, own, float(chance.mean()), p, total)


def _information(counts: Array) -> float:
    """Mutual information of rows and columns, in bits."""
    total = counts.sum()
    if not total:
        return math.nan
    share = counts / total
    expected = share.sum(axis=1, keepdims=True) * share.sum(axis=0, keepdims=True)
    there = share > 0
    return float((share[there] * np.log2(share[there] / expected[there])).sum())
