"""Rules that turn judgements into gold.

A judgement is one annotator's answer to one item: a vector with a place for each label and each dimension of the
space. Two kinds of rules read it differently. Rules that count (`majority`, `plurality`, `all_inclusive`,
`soft_label`, `presence`) take a label as given where its value is above 0. Rules that average (`mean`, `ewe`) take
the values as numbers. What cannot be decided is NaN, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affekt.core.ratings.judgements import Floats, Ratings
from affekt.core.space import LabelSpace
from affekt.core.works import implements

__all__ = [
    "ROUNDING",
    "Gold",
    "all_inclusive",
    "correlation",
    "ewe",
    "majority",
    "mean",
    "plurality",
    "presence",
    "soft_label",
]

# A share that should equal a threshold such as 1/2 or 1/3 may miss it by a rounding error; vote counts are far below
# the number at which two different shares come this close.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Gold:
    """What a rule made of the judgements.

    Attributes:
        space: The label space.
        items: Names of the items.
        values: Shape (items, channels), where the channels are those of `Ratings` for `mean` and `ewe`, and the
            labels for the rules that count. NaN where the rule does not decide.
        rule: Name of the rule, with its settings.
        tied: Shape (items, labels): the labels that shared first place, where that kept the rule from deciding.
    """

    space: LabelSpace
    items: tuple[str, ...]
    values: Floats
    rule: str
    tied: NDArray[np.bool_]

    def __post_init__(self) -> None:
        self.values.setflags(write=False)
        self.tied.setflags(write=False)

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Whether the rule decided every channel of an item, shape (items,)."""
        decided: NDArray[np.bool_] = ~np.any(np.isnan(self.values), axis=1)
        return decided

    def labels(self) -> list[tuple[str, ...] | None]:
        """The labels of each item (value above 0), in the order of the space; `None` where not decided."""
        hard = self.values[:, : len(self.space.labels)]
        names = np.array(self.space.labels, dtype=object)
        return [None if np.isnan(row).any() else tuple(names[row > 0].tolist()) for row in hard]


def _gold(ratings: Ratings, values: Floats, rule: str, tied: NDArray[np.bool_] | None = None) -> Gold:
    if tied is None:
        tied = np.zeros((len(ratings.items), len(ratings.space.labels)), dtype=bool)
    return Gold(ratings.space, ratings.items, values, rule, tied)


def _share(ratings: Ratings) -> Floats:
    votes, judges = ratings._given()
    with np.errstate(invalid="ignore"):
        return votes / judges[:, None]


def majority(ratings: Ratings) -> Gold:
    """What more than half of the judges say.

    In a single-label space the label that more than half chose; no label has it: NaN. Otherwise each label is a
    question of its own: 1 where more than half gave it, 0 where more than half did not, NaN at half and half.
    """
    share = _share(ratings)
    above = (share > 0.5 + ROUNDING).astype(np.float64)
    if ratings.space.kind == "single":
        return _gold(ratings, np.where(above.any(axis=1, keepdims=True), above, np.nan), "majority")
    level = np.isnan(share) | (np.abs(share - 0.5) <= ROUNDING)
    return _gold(ratings, np.where(level, np.nan, above), "majority")


def plurality(ratings: Ratings) -> Gold:
    """The label with the most votes; a tie for first place is NaN, and the labels of the tie are in `tied`.

    Where judges may give several labels, each label given is one vote. An item on which nobody gave any label has
    no first place and is NaN without a tie.
    """
    votes, judges = ratings._given()
    first = (votes == votes.max(axis=1, keepdims=True)) & (votes > 0) & (judges > 0)[:, None]
    alone = first.sum(axis=1, keepdims=True) == 1
    values = np.where(alone, first.astype(np.float64), np.nan)
    return _gold(ratings, values, "plurality", first & ~alone)


@implements(works=["all-inclusive-ser"])
def all_inclusive(ratings: Ratings, *, at_least: float | None = None) -> Gold:
    """Every label that enough judges gave, so that no item and no minority view of weight is lost.

    Each judgement counts, each item with a judgement gets labels, and labels may stand side by side. After
    Chou, Goncalves, Leem, Salman, Lee and Busso, "Minority Views Matter: Evaluating Speech Emotion Classifiers With
    Human Subjective Annotations by an All-Inclusive Aggregation Rule", IEEE Transactions on Affective Computing
    16(1), 2025, and Chou's dissertation (arXiv:2510.05934).

    Args:
        ratings: The judgements.
        at_least: Share of the judges from which a label counts, in (0, 1]. Default: 1 / number of labels, the
            share that each would have by chance. In a single-label space at least one label always reaches that.
    """
    labels = len(ratings.space.labels)
    share = _share(ratings)
    enough = 1 / labels if at_least is None else at_least
    if not 0 < enough <= 1:
        raise ValueError(f"at_least is a share above 0 and up to 1, not {enough}")
    values = np.where(np.isnan(share), np.nan, (share >= enough - ROUNDING).astype(np.float64))
    return _gold(ratings, values, f"all_inclusive(at_least={enough:.6g})")


def soft_label(ratings: Ratings) -> Gold:
    """The share of judges who gave each label, in 0..1; in a single-label space the shares sum to 1."""
    return _gold(ratings, _share(ratings), "soft_label")


@implements(works=["brighter", "semeval2025-task11"])
def presence(ratings: Ratings, *, above: float = 0.5, judges: int = 2) -> Gold:
    """Labels that enough judges gave, and gave strongly enough on average: the rule of BRIGHTER.

    A label is present where its mean strength over all judges is above `above`, and at least `judges` of them gave it
    a strength above 0. After Muhammad et al., "BRIGHTER: BRIdging the Gap in Human-Annotated Textual Emotion
    Recognition Datasets for 28 Languages", ACL 2025 (arXiv:2502.11926). On the single judgements that were released
    with it this gives all published labels for Afrikaans and Algerian Arabic, and 97 to 99.9 percent for Swedish,
    Romanian, Marathi, Ukrainian and Hindi; for Hindi it is nearly all with `judges=1`.

    Args:
        ratings: Judgements in a space with labels; a vote in a multi-label space is a strength of 1.
        above: Mean strength that has to be exceeded.
        judges: Number of judges who have to give the label.

    Raises:
        ValueError: The space has no labels, or `judges` is below 1.
    """
    if judges < 1:
        raise ValueError(f"judges is a number of 1 or more, not {judges}")
    votes, _ = ratings._given()
    strength = ratings._mean()[:, : len(ratings.space.labels)]
    enough = (strength > above + ROUNDING) & (votes >= judges)
    values = np.where(np.isnan(strength), np.nan, enough.astype(np.float64))
    return _gold(ratings, values, f"presence(above={above:g}, judges={judges})")


def mean(ratings: Ratings) -> Gold:
    """The arithmetic mean of the judgements, channel by channel."""
    return _gold(ratings, ratings._mean(), "mean")


def ewe(ratings: Ratings) -> Gold:
    """Evaluator weighted estimator: annotators who go with the others count for more.

    For each channel, annotator k gets the weight r_k: Pearson's correlation of their ratings with the mean of all
    annotators over the items that k rated. Gold is the weighted mean, sum_k r_k x_nk / sum_k r_k. After Grimm and
    Kroschel, "Evaluation of natural emotions using self assessment manikins", IEEE Workshop on Automatic Speech
    Recognition and Understanding (ASRU), 2005.

    Cases that the formula leaves open: a negative correlation weighs 0, since a negative weight would push gold
    outside the scale; so does one that is undefined (fewer than two items, or an annotator who always says the
    same). An item on which no judge has weight is NaN, except where its judges agree exactly: every weighting gives
    that value.

    Raises:
        ValueError: It is not known who gave which judgement.
    """
    if np.any(ratings.annotator < 0):
        raise ValueError("ewe weights annotators, and it is not known who gave which judgement")
    weights = _reliability(ratings)
    each = np.where(np.isnan(ratings.values), 0.0, weights[ratings.annotator])
    total = ratings._sum(each)
    with np.errstate(invalid="ignore", divide="ignore"):
        weighted = ratings._sum(each * np.nan_to_num(ratings.values)) / total
    lowest = np.full(total.shape, np.nan)
    highest = lowest.copy()
    np.fmin.at(lowest, ratings.item, ratings.values)
    np.fmax.at(highest, ratings.item, ratings.values)
    agreed = np.where(lowest == highest, lowest, np.nan)
    return _gold(ratings, np.where(total > 0, weighted, agreed), "ewe")


def _reliability(ratings: Ratings) -> Floats:
    """Weight of each annotator on each channel, shape (annotators, channels)."""
    centre = ratings._mean()
    order = np.argsort(ratings.annotator, kind="stable")
    bounds = np.searchsorted(ratings.annotator[order], np.arange(len(ratings.annotators) + 1))
    weights = np.zeros((len(ratings.annotators), len(ratings.channels)))
    for k in range(len(ratings.annotators)):
        mine = order[bounds[k] : bounds[k + 1]]
        for c in range(weights.shape[1]):
            r = correlation(ratings.values[mine, c], centre[ratings.item[mine], c])
            weights[k, c] = r if r > 0 else 0.0
    return weights


def correlation(first: Floats, second: Floats) -> float:
    """Pearson's correlation over the places where both are given; NaN where it is undefined."""
    both = ~np.isnan(first) & ~np.isnan(second)
    if both.sum() < 2:
        return float("nan")
    first, second = first[both], second[both]
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    # Means of equal numbers can differ in the last bit, which would pass for variation.
    if scale <= 1e-12 * max(1.0, float(np.abs(first).max() * np.abs(second).max())):
        return float("nan")
    return float(a @ b) / scale
