"""What is known of each annotator and of each item: bias, agreement with the others, spread of the votes, groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from affekt.core.ratings import Ratings, agreement_with_others, others_mean
from affekt.metrics.agreement import (
    Level,
    cohen_kappa_statistic,
    fleiss_kappa_statistic,
    krippendorff_alpha_statistic,
    masi_alpha_statistic,
    percent_agreement_statistic,
)
from affekt.metrics.bootstrap import Interval, bootstrap
from affekt.metrics.calibration import jensen_shannon_statistic
from affekt.metrics.intraclass import icc_average_statistic, icc_single_statistic, overall_ccc_statistic
from affekt.metrics.statistic import Array, Statistic, divide

__all__ = [
    "AnnotatorFacts",
    "GroupDivergence",
    "agreement",
    "annotator_facts",
    "group_divergence",
    "label_sets",
    "vote_entropy",
]

# Pairs of more annotators than this are too many sums for the resamples of `overall_ccc`.
_PAIRED = 25


def label_sets(ratings: Ratings) -> np.ndarray:
    """Items against annotators as sets of labels (value above 0), `None` where not rated.

    Returns:
        Object array of shape (items, annotators), as `masi_alpha` takes it. Where annotators are not known, the
        columns are the first, second, ... judgement of each item.

    Raises:
        ValueError: The space has no labels, or an annotator rated an item twice.
    """
    if not ratings.space.labels:
        raise ValueError(f"{ratings.space.id!r} has no labels")
    rows = ratings.rows()
    names = np.array(ratings.space.labels, dtype=object)
    out = np.full(rows.shape, None, dtype=object)
    for place in zip(*np.nonzero(rows >= 0), strict=True):
        votes = ratings.votes[rows[place]]
        if not np.isnan(votes).any():
            out[place] = frozenset(names[votes > 0].tolist())
    return out


def agreement(
    ratings: Ratings, *, level: Level = "interval", samples: int = 1000, seed: int = 0
) -> dict[str, dict[str, Interval]]:
    """The measures of agreement that fit a label space, with bootstrap intervals over items.

    Single labels: `percent` (share of pairs), `alpha` (nominal), `fleiss` where every item has the same number of
    judgements, `cohen` for two annotators. Several labels: `alpha_masi` over all of them together and `alpha` and
    `percent` for each. Numbers: `alpha` at `level`, `ccc` (overall concordance), `icc_single` and `icc_average`
    where every annotator rated every item.

    Args:
        ratings: The judgements.
        level: Level of measurement of strengths and dimensions.
        samples: Number of resamples.
        seed: Seed of the generator.

    Returns:
        Channel -> report key -> interval; the labels of a single-label space, and all labels together, are the
        channel `labels`.

    Raises:
        ValueError: An annotator rated an item twice, or the numbers do not fit `level`.
    """
    known = bool(ratings.annotators)
    found: dict[str, dict[str, Statistic]] = {}
    space = ratings.space
    if space.kind == "single":
        found["labels"] = _for_classes(ratings.table(), known=known)
    elif space.kind == "multi":
        found["labels"] = {"alpha_masi": masi_alpha_statistic(ratings=label_sets(ratings))}
        for label in space.labels:
            found[label] = _for_classes(ratings.table(label), known=known)
    numbers = [d.name for d in space.dimensions] + (list(space.labels) if space.kind == "intensity" else [])
    for channel in numbers:
        found[channel] = _for_numbers(ratings.table(channel), level=level, known=known)
    out: dict[str, dict[str, Interval]] = {}
    for channel, statistics in found.items():
        out[channel] = bootstrap(statistics, samples=samples, seed=seed)
    return out


def _for_classes(table: Array, *, known: bool) -> dict[str, Statistic]:
    out = {
        "percent": percent_agreement_statistic(ratings=table),
        "alpha": krippendorff_alpha_statistic(ratings=table, level="nominal"),
    }
    whole = table[~np.isnan(table).all(1)]
    if whole.size and not np.isnan(whole).any() and whole.shape[1] >= 2:
        out["fleiss"] = fleiss_kappa_statistic(ratings=whole)
    if known and table.shape[1] == 2:
        both = table[~np.isnan(table).any(1)]
        out["cohen"] = cohen_kappa_statistic(truth=both[:, 0], prediction=both[:, 1])
    return out


def _for_numbers(table: Array, *, level: Level, known: bool) -> dict[str, Statistic]:
    out = {"alpha": krippendorff_alpha_statistic(ratings=table, level=level)}
    if not known:
        return out
    if 2 <= table.shape[1] <= _PAIRED:
        out["ccc"] = overall_ccc_statistic(ratings=table)
    whole = table[~np.isnan(table).all(1)]
    if whole.size and not np.isnan(whole).any() and whole.shape[1] >= 2:
        out["icc_single"] = icc_single_statistic(ratings=whole)
        out["icc_average"] = icc_average_statistic(ratings=whole)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatorFacts:
    """One annotator beside the others.

    Attributes:
        name: Name of the annotator.
        judgements: Number of judgements.
        shared: Number of these on items that somebody else judged too.
        agreement: How far they go with the others, see `agreement_with_others`; NaN where it cannot be measured.
        bias: Channel -> mean of own value minus the mean of the others on the same items, in the unit of the
            channel; for labels the difference of the shares. Above 0: gives more of it than the others (leniency).
        bias_error: Channel -> standard error of `bias` over the shared items.
        spread: Channel -> standard deviation of the own ratings, in the unit of the channel.
    """

    name: str
    judgements: int
    shared: int
    agreement: float
    bias: Mapping[str, float]
    bias_error: Mapping[str, float]
    spread: Mapping[str, float]


def annotator_facts(ratings: Ratings) -> list[AnnotatorFacts]:
    """Bias and agreement of every annotator, in the order of `ratings.annotators`.

    Raises:
        ValueError: It is not known who gave which judgement.
    """
    agreed = agreement_with_others(ratings)
    gap = ratings.values - others_mean(ratings)
    out = []
    for k, name in enumerate(ratings.annotators):
        mine = ratings.annotator == k
        bias, error, spread = {}, {}, {}
        for c, channel in enumerate(ratings.channels):
            gaps = gap[mine, c][~np.isnan(gap[mine, c])]
            own = ratings.values[mine, c][~np.isnan(ratings.values[mine, c])]
            bias[channel] = float(gaps.mean()) if gaps.size else float("nan")
            error[channel] = float(gaps.std(ddof=1) / np.sqrt(gaps.size)) if gaps.size > 1 else float("nan")
            spread[channel] = float(own.std()) if own.size else float("nan")
        shared = int((~np.isnan(gap[mine])).any(1).sum())
        out.append(AnnotatorFacts(name, int(mine.sum()), shared, float(agreed[k]), bias, error, spread))
    return out


def vote_entropy(ratings: Ratings) -> Array:
    """How far the votes on each item are spread, in bits, shape (items,).

    In a single-label space the entropy of the shares of the labels: 0 where all agree, log2(labels) at the most. Where
    labels stand side by side, the mean over labels of the entropy of "given or not": 0 to 1. NaN without votes.

    Raises:
        ValueError: The space has no labels.
    """
    votes, judges = ratings._given()
    share = divide(votes, judges[:, None])
    if ratings.space.kind == "single":
        return np.asarray(_bits(share).sum(1))
    return np.asarray((_bits(share) + _bits(1.0 - share)).mean(1))


def _bits(share: Array) -> Array:
    logarithm = np.log2(np.where(share > 0, share, 1.0))  # 0 log 0 is 0
    return -share * logarithm


@dataclass(frozen=True, slots=True, eq=False)
class GroupDivergence:
    """How far two groups of annotators label the same items differently.

    Attributes:
        first: Name of a group.
        second: Name of another.
        items: Number of items that both judged.
        divergence: Mean over these items of the Jensen-Shannon divergence, in bits, of their soft labels.
        by_chance: The same where annotators are dealt to the groups at random: few judges an item differ much
            without being of different kinds. Mean over the deals.
        p: Share of the deals that differ as much as the groups do, with one deal added.
        shares: Label -> share in the first group, share in the second, over the shared items.
    """

    first: str
    second: str
    items: int
    divergence: Interval
    by_chance: float
    p: float
    shares: Mapping[str, tuple[float, float]]


def group_divergence(
    ratings: Ratings, groups: Mapping[str, str], *, samples: int = 1000, deals: int = 200, seed: int = 0
) -> list[GroupDivergence]:
    """Compare groups of annotators, two by two, on the items that both judged.

    Args:
        ratings: Judgements in a single-label space.
        groups: Annotator -> group, such as a demographic attribute. Annotators without a group are left out.
        samples: Number of resamples of items for the interval.
        deals: Number of random deals of annotators to groups.
        seed: Seed of the generator.

    Raises:
        ValueError: The space is not one of single labels, a name is no annotator, or there are fewer than two groups.
    """
    if ratings.space.kind != "single":
        raise ValueError(f"groups are compared by single labels; {ratings.space.id!r} is of another kind")
    if strays := sorted(set(groups) - set(ratings.annotators)):
        raise ValueError(f"{strays[0]!r} is no annotator")
    names = sorted(set(groups.values()))
    if len(names) < 2:
        raise ValueError("there are fewer than two groups")
    belongs = np.array([names.index(groups[a]) if a in groups else -1 for a in ratings.annotators])
    rng = np.random.default_rng(seed)
    out = []
    for one, other in combinations(range(len(names)), 2):
        first, second = _shares(ratings, belongs, one), _shares(ratings, belongs, other)
        both = ~np.isnan(first[:, 0]) & ~np.isnan(second[:, 0])
        statistic = jensen_shannon_statistic(truth=first[both], prediction=second[both])
        dealt = []
        members = np.flatnonzero((belongs == one) | (belongs == other))
        for _ in range(deals):
            shuffled = belongs.copy()
            shuffled[members] = rng.permutation(belongs[members])
            a, b = _shares(ratings, shuffled, one), _shares(ratings, shuffled, other)
            there = ~np.isnan(a[:, 0]) & ~np.isnan(b[:, 0])
            if there.any():
                dealt.append(jensen_shannon_statistic(truth=a[there], prediction=b[there]).value)
        interval = bootstrap({"jsd": statistic}, samples=samples, seed=seed)["jsd"]
        out.append(
            GroupDivergence(
                first=names[one],
                second=names[other],
                items=int(both.sum()),
                divergence=interval,
                by_chance=float(np.mean(dealt)) if dealt else float("nan"),
                p=(sum(d >= float(interval.value) for d in dealt) + 1) / (len(dealt) + 1),
                shares={
                    label: (float(first[both, c].mean()), float(second[both, c].mean()))
                    for c, label in enumerate(ratings.space.labels)
                    if both.any()
                },
            )
        )
    return out


def _shares(ratings: Ratings, belongs: np.ndarray, group: int) -> Array:
    """Soft labels of one group, shape (items, labels); NaN where it did not judge."""
    member = np.append(belongs, -1)[ratings.annotator] == group
    votes = ratings._sum(np.where(member[:, None], np.nan_to_num(ratings.votes), 0.0))
    return divide(votes, votes.sum(1, keepdims=True))
