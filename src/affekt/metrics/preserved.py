"""Principal preserved component analysis: the dimensions of judgement that raters share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.core.ratings import Ratings
from affekt.core.ratings.rules import correlation
from affekt.core.works import implements
from affekt.metrics.statistic import Array

__all__ = ["PreservedDimensions", "average_ranks", "preserved_components", "preserved_dimensions", "signed_rank_p"]


@implements(works=["goemotions"])
def preserved_components(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Array, Array]:
    """Directions along which two sets of ratings of the same items vary together.

    With both moved to mean 0, the eigenvectors of the symmetrised cross-covariance X'Y + Y'X, in descending order of
    eigenvalue. Only what both see is kept: what varies in one set alone has a value near 0, and what the two see
    with opposite sign has a negative one. After Cowen, Laukka, Elfenbein, Liu and Keltner (2019), "The primacy of
    categories in the recognition of 12 emotions in speech prosody across two cultures", Nature Human Behaviour 3(4),
    as used by Demszky et al. (2020), "GoEmotions: A Dataset of Fine-Grained Emotions", ACL (arXiv:2005.00547).

    Args:
        first: Ratings of shape (items, labels), without gaps.
        second: Ratings of the same items by others, same shape.

    Returns:
        Directions of length 1 as columns, shape (labels, labels), each with its largest loading above 0; and the
        covariance of the two sets along each, shape (labels,).

    Raises:
        ValueError: The shapes differ, there are fewer than two items, or there is a NaN.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 2 or len(x) < 2:
        raise ValueError(f"ratings of shapes {x.shape} and {y.shape}; both must be (items, labels), with two items")
    if np.isnan(x).any() or np.isnan(y).any():
        raise ValueError("NaN in the ratings; leave those items out and count them")
    x, y = x - x.mean(0), y - y.mean(0)
    values, vectors = np.linalg.eigh(x.T @ y + y.T @ x)
    vectors, values = vectors[:, ::-1], values[::-1]
    signs = np.sign(vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])])
    return vectors * signs, values / (2.0 * (len(x) - 1))


@dataclass(frozen=True, slots=True, eq=False)
class PreservedDimensions:
    """The shared dimensions of all raters, and which of them a rater who was left out confirms.

    Attributes:
        labels: The labels, in the order of the rows of `components`.
        components: Directions as columns, shape (labels, labels), from all raters dealt into halves.
        covariance: Covariance of the halves along each, shape (labels,).
        correlations: For each rater that could be left out: Spearman's correlation of their scores with those of
            the other raters on each dimension, what earlier dimensions explain taken out; shape (raters, labels).
        raters: Names of these raters.
        p: Wilcoxon's signed-rank test of each dimension's correlations over raters, times the number of dimensions
            (Bonferroni), at most 1; shape (labels,).
        significant: Whether `p` is below the level and the raters agree more than they disagree, shape (labels,).
        left_out: Raters with too few items for a correlation.
        items: Number of items that three or more raters judged.
    """

    labels: tuple[str, ...]
    components: Array
    covariance: Array
    correlations: Array
    raters: tuple[str, ...]
    p: Array
    significant: npt.NDArray[np.bool_]
    left_out: tuple[str, ...]
    items: int


@implements(works=["goemotions"])
def preserved_dimensions(
    ratings: Ratings, *, level: float = 0.05, min_items: int | None = None, seed: int = 0
) -> PreservedDimensions:
    """How many dimensions of judgement raters share, by leaving each rater out in turn.

    For each rater the other raters of the same items are dealt into two halves at random, and their
    `preserved_components` are found. The rater's scores on them are correlated (Spearman) with those of the mean of
    the others; from the second dimension on, what the others' scores on earlier dimensions explain is first taken out
    of both. Dimensions are significant where these correlations over raters differ from 0 (Wilcoxon, Bonferroni).
    After Demszky et al. (2020), section 4.3 and the algorithm in the appendix, and the code released with it
    (google-research/goemotions/ppca.py).

    Args:
        ratings: Judgements in a space with labels, in which it is known who judged. Items with fewer than three
            judgements are left out.
        level: Level of significance, after correction.
        min_items: Raters with fewer items are not left out in turn, but still stand among the others. Default:
            twice the number of labels; with fewer items than dimensions nothing is left after taking out the earlier.
        seed: Seed of the deals into halves.

    Raises:
        ValueError: The space has fewer than two labels, it is not known who judged, or no item has three judgements.
    """
    labels = ratings.space.labels
    if len(labels) < 2:
        raise ValueError(f"{ratings.space.id!r} has fewer than two labels")
    if np.any(ratings.annotator < 0):
        raise ValueError("leaving raters out needs to know who gave which judgement")
    rated = ~np.isnan(ratings.votes[:, 0])
    per_item = np.bincount(ratings.item[rated], minlength=len(ratings.items))
    use = np.flatnonzero(rated & (per_item[ratings.item] >= 3))
    if not use.size:
        raise ValueError("no item has three judgements, so nobody can be left out")
    item = np.unique(ratings.item[use], return_inverse=True)[1]
    who, votes = ratings.annotator[use], ratings.votes[use]
    rng = np.random.default_rng(seed)
    fewest = 2 * len(labels) if min_items is None else max(min_items, 3)
    rows, raters, left_out = [], [], []
    for k in np.unique(who):
        mine = np.flatnonzero(who == k)
        places = item[mine]
        if len(np.unique(places)) != len(mine) or len(mine) < fewest:
            left_out.append(ratings.annotators[k])
            continue
        others = np.flatnonzero((who != k) & np.isin(item, places))
        at = np.searchsorted(np.sort(places), item[others])
        first, second, centre = _halves(votes[others], at, len(mine), rng)
        components, _ = preserved_components(first, second)
        own = votes[mine[np.argsort(places)]]
        rows.append(_confirmations((own - own.mean(0)) @ components, (centre - centre.mean(0)) @ components))
        raters.append(ratings.annotators[k])
    first, second, _ = _halves(votes, item, int(item.max()) + 1, rng)
    components, covariance = preserved_components(first, second)
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(labels))
    p = np.array([signed_rank_p(c[~np.isnan(c)]) for c in table.T])
    p = np.minimum(p * len(labels), 1.0)
    medians = np.array([np.median(c[~np.isnan(c)]) if (~np.isnan(c)).any() else np.nan for c in table.T])
    return PreservedDimensions(
        labels=labels,
        components=components,
        covariance=covariance,
        correlations=table,
        raters=tuple(raters),
        p=p,
        significant=(p < level) & (medians > 0),
        left_out=tuple(left_out),
        items=int(item.max()) + 1,
    )


def _halves(votes: Array, item: np.ndarray, items: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Means of two random halves of the judgements of each item, and of all; shape (items, labels) each."""
    order = np.lexsort((rng.random(len(item)), item))
    sizes = np.bincount(item, minlength=items)
    place = np.arange(len(item)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    in_first = np.zeros(len(item), dtype=bool)
    in_first[order] = place < np.repeat(sizes // 2, sizes)

    def mean(which: np.ndarray) -> Array:
        total = np.stack([np.bincount(item[which], weights=c, minlength=items) for c in votes[which].T], axis=1)
        return np.asarray(total / np.bincount(item[which], minlength=items)[:, None])

    return mean(in_first), mean(~in_first), mean(np.ones(len(item), dtype=bool))


def _confirmations(own: Array, others: Array) -> Array:
    """Correlation on each dimension, of what the others' earlier dimensions leave; NaN where nothing varies."""
    out = np.full(own.shape[1], np.nan)
    for d in range(own.shape[1]):
        x, y = own[:, d], others[:, d]
        if d:
            earlier = others[:, :d]
            x = x - earlier @ np.linalg.lstsq(earlier, x, rcond=None)[0]
            y = y - earlier @ np.linalg.lstsq(earlier, y, rcond=None)[0]
        # Residuals of what is explained in full are rounding, and their ranks would be noise.
        if min(float(np.abs(x).max()), float(np.abs(y).max())) > 1e-9:
            out[d] = correlation(average_ranks(x), average_ranks(y))
    return out


def average_ranks(values: npt.ArrayLike) -> Array:
    """Ranks from 1, the same mean rank for equal values, shape (n,)."""
    given = np.asarray(values, dtype=np.float64)
    _, codes, counts = np.unique(given, return_inverse=True, return_counts=True)
    last = np.cumsum(counts).astype(np.float64)
    return np.asarray((last - (counts - 1) / 2.0)[codes.reshape(given.shape)])


def signed_rank_p(values: npt.ArrayLike) -> float:
    """Wilcoxon's signed-rank test of whether values lie around 0, two-sided.

    Zeros are left out. Up to 50 values without ties the distribution is exact; otherwise it is the normal
    approximation with the variance corrected for ties. Wilcoxon (1945), "Individual Comparisons by Ranking Methods",
    Biometrics Bulletin 1(6).

    Args:
        values: Shape (n,), without NaN.

    Returns:
        0..1; NaN without a value other than 0.
    """
    given = np.asarray(values, dtype=np.float64)
    given = given[given != 0]
    n = len(given)
    if not n:
        return float("nan")
    ranks = average_ranks(np.abs(given))
    above = float(ranks[given > 0].sum())
    smaller = min(above, n * (n + 1) / 2 - above)
    sizes = np.unique(ranks, return_counts=True)[1].astype(np.float64)
    if n <= 50 and sizes.max() == 1 and len(given) == len(np.asarray(values)):
        ways = np.zeros(n * (n + 1) // 2 + 1)
        ways[0] = 1.0
        for rank in range(1, n + 1):
            ways[rank:] += ways[:-rank].copy()
        return min(1.0, 2.0 * float(ways[: int(smaller) + 1].sum()) / 2.0**n)
    variance = n * (n + 1) * (2 * n + 1) / 24 - float((sizes**3 - sizes).sum()) / 48
    return math.erfc((n * (n + 1) / 4 - smaller) / math.sqrt(2.0 * variance))
