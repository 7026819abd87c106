"""Quality filters: annotators and items that are left out, each with the reason.

A filter takes ratings and gives the ratings that are left, with a line for everything that was dropped. What it
could not measure it keeps, and names too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from affekt.core.ratings.judgements import Floats, Ratings
from affekt.core.ratings.rules import ROUNDING, correlation
from affekt.core.works import implements

__all__ = [
    "Dropped",
    "Filtered",
    "agreement_with_others",
    "drop_annotators",
    "drop_contested_items",
    "drop_scattered_items",
    "others_mean",
]


@dataclass(frozen=True, slots=True)
class Dropped:
    """One thing that was left out.

    Attributes:
        kind: `annotator` or `item`.
        name: Its name.
        value: What was measured.
        judgements: Number of judgements that were lost with it.
        reason: Why it was dropped, in words.
    """

    kind: Literal["annotator", "item"]
    name: str
    value: float
    judgements: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Filtered:
    """What a filter left, and what it did not.

    Attributes:
        ratings: The ratings that are left.
        dropped: What was left out, worst first.
        unmeasured: Names of annotators or items that were kept because they could not be measured.
    """

    ratings: Ratings
    dropped: tuple[Dropped, ...]
    unmeasured: tuple[str, ...]


def others_mean(ratings: Ratings) -> Floats:
    """For each judgement the mean of all other judgements of its item, shape (n, channels); NaN where none is."""
    given = ~np.isnan(ratings.values)
    values = np.nan_to_num(ratings.values)
    others = ratings.counts()[ratings.item] - given
    total = ratings._sum(values)[ratings.item] - values
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(others > 0, total / others, np.nan)


def _overlap(ratings: Ratings) -> Floats:
    """For each judgement the mean overlap of its labels with those of every other judgement of its item."""
    out = np.full(len(ratings), np.nan)
    chosen = np.nan_to_num(ratings.votes) > 0
    rated = np.flatnonzero(~np.isnan(ratings.votes[:, 0]))
    order = rated[np.argsort(ratings.item[rated], kind="stable")]
    for rows in np.split(order, np.flatnonzero(np.diff(ratings.item[order])) + 1):
        if len(rows) < 2:
            continue
        sets = chosen[rows].astype(np.float64)
        shared = sets @ sets.T
        size = np.diag(shared)
        either = size[:, None] + size[None, :] - shared
        same = np.where(either > 0, shared / np.maximum(either, 1.0), 1.0)  # two empty sets agree
        out[rows] = (same.sum(1) - 1.0) / (len(rows) - 1)
    return out


def agreement_with_others(ratings: Ratings) -> Floats:
    """How far each annotator goes with the others who judged the same items, shape (annotators,).

    Labels: the mean share of other judgements of the same item that are the same; in a multi-label space the mean
    overlap of the two label sets (shared / either). Strengths and dimensions: Pearson's correlation with the mean
    of the other judgements, over the annotator's items, averaged over channels. 1 is complete agreement; neither is
    corrected for chance.

    NaN where it cannot be measured: no item is shared with anybody, or the ratings do not vary.

    Raises:
        ValueError: It is not known who gave which judgement.
    """
    if np.any(ratings.annotator < 0):
        raise ValueError("agreement with others needs to know who gave which judgement")
    out = np.full(len(ratings.annotators), np.nan)
    if ratings.space.kind in ("single", "multi") and not ratings.space.dimensions:
        per_judgement = _overlap(ratings)
        there = ~np.isnan(per_judgement)
        n = np.bincount(ratings.annotator[there], minlength=len(out))
        total = np.bincount(ratings.annotator[there], weights=per_judgement[there], minlength=len(out))
        np.divide(total, n, out=out, where=n > 0)
        return out
    others = others_mean(ratings)
    for k in range(len(out)):
        mine = ratings.annotator == k
        each = [correlation(a, b) for a, b in zip(ratings.values[mine].T, others[mine].T, strict=True)]
        if defined := [r for r in each if r == r]:
            out[k] = float(np.mean(defined))
    return out


def _lost(ratings: Ratings, names: tuple[str, ...], index: np.ndarray) -> dict[str, int]:
    known = index[index >= 0]
    return dict(zip(names, np.bincount(known, minlength=len(names)).tolist(), strict=True))


def drop_annotators(ratings: Ratings, *, at_least: float, min_judgements: int = 1) -> Filtered:
    """Leave out annotators who agree too little with the others (`agreement_with_others`).

    All are measured once, against everybody, before any is dropped.

    Args:
        ratings: The judgements.
        at_least: Agreement from which an annotator stays, in -1..1.
        min_judgements: Annotators with fewer judgements are not measured, and stay.

    Raises:
        ValueError: It is not known who gave which judgement, or `at_least` is out of range.
    """
    if not -1 <= at_least <= 1:
        raise ValueError(f"at_least is an agreement in -1..1, not {at_least}")
    agreement = agreement_with_others(ratings)
    lost = _lost(ratings, ratings.annotators, ratings.annotator)
    dropped, unmeasured = [], []
    for name, value in zip(ratings.annotators, agreement.tolist(), strict=True):
        if value != value or lost[name] < min_judgements:
            unmeasured.append(name)
        elif value < at_least - ROUNDING:
            reason = f"agreement with the others {value:.3f} is below {at_least:g}"
            dropped.append(Dropped("annotator", name, value, lost[name], reason))
    left = ratings.without(annotators=[d.name for d in dropped])
    return Filtered(left, tuple(sorted(dropped, key=lambda d: d.value)), tuple(unmeasured))


@implements(works=["thai-ser"])
def drop_contested_items(ratings: Ratings, *, at_least: float = 0.71) -> Filtered:
    """Leave out items on which too few judges agree: the scheme of the THAI-SER corpus.

    Each judge has one vote, shared evenly among the labels that they gave; a judge who gave none of the labels
    votes for none. An item stays where the label in first place has at least `at_least` of all votes, and has first
    place alone. After Wongpithayadisai et al., "THAI Speech Emotion Recognition (THAI-SER) corpus",
    arXiv:2507.09618 (majority agreement above 0.71), as computed in the code released with it
    (github.com/vistec-AI/vistec-ser, `vistec_ser/data/datasets/thaiser.py`, commit 59e6dbfb).

    Args:
        ratings: Judgements in a space with labels.
        at_least: Share of votes for the first label from which an item stays, in (0, 1].

    Raises:
        ValueError: The space has no labels, or `at_least` is out of range.
    """
    if not 0 < at_least <= 1:
        raise ValueError(f"at_least is a share above 0 and up to 1, not {at_least}")
    _, judges = ratings._given()
    chosen = (np.nan_to_num(ratings.votes) > 0).astype(np.float64)
    share = chosen / np.maximum(chosen.sum(1, keepdims=True), 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        votes = ratings._sum(share) / judges[:, None]
    lost = _lost(ratings, ratings.items, ratings.item)
    dropped, unmeasured = [], []
    for name, row in zip(ratings.items, votes, strict=True):
        top = float(row.max())
        first = [label for label, v in zip(ratings.space.labels, row, strict=True) if v >= top - ROUNDING]
        if top != top:
            unmeasured.append(name)
        elif top < at_least - ROUNDING:
            dropped.append(Dropped("item", name, top, lost[name], f"first label has {top:.3f}, below {at_least:g}"))
        elif len(first) > 1:
            dropped.append(Dropped("item", name, top, lost[name], f"tie between {', '.join(first)}"))
    left = ratings.without(items=[d.name for d in dropped])
    return Filtered(left, tuple(sorted(dropped, key=lambda d: d.value)), tuple(unmeasured))


def drop_scattered_items(ratings: Ratings, *, at_most: float, channel: str | None = None) -> Filtered:
    """Leave out items whose ratings lie too far apart.

    Args:
        ratings: The judgements.
        at_most: Standard deviation over the judgements of an item up to which it stays, in the unit of the channel.
        channel: The channel that decides; default: the one with the largest deviation on each item.

    Raises:
        ValueError: `at_most` is negative.
        KeyError: There is no such channel.
    """
    if not at_most >= 0:
        raise ValueError(f"at_most is a standard deviation of 0 or more, not {at_most}")
    if channel is not None and channel not in ratings.channels:
        raise KeyError(channel)
    names = ratings.channels if channel is None else (channel,)
    spread = ratings.spread()[:, [ratings.channels.index(n) for n in names]]
    measured = ~np.isnan(spread).all(1)
    lost = _lost(ratings, ratings.items, ratings.item)
    dropped = []
    for i in np.flatnonzero(measured):
        widest = int(np.nanargmax(spread[i]))
        value = float(spread[i, widest])
        if value > at_most + ROUNDING:
            reason = f"standard deviation of {names[widest]} {value:.3f} is above {at_most:g}"
            dropped.append(Dropped("item", ratings.items[i], value, lost[ratings.items[i]], reason))
    left = ratings.without(items=[d.name for d in dropped])
    unmeasured = tuple(ratings.items[i] for i in np.flatnonzero(~measured))
    return Filtered(left, tuple(sorted(dropped, key=lambda d: -d.value)), unmeasured)
