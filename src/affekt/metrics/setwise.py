"""Sets of free words compared after grouping them, as open-vocabulary emotion recognition is scored.

The measure of OV-MER (Lian et al. 2024) and of MER2025: on each row, predicted and true words are replaced by their
groups, those without a group are dropped, and precision and recall are those of the two sets. Rows of which the truth
has no group left are passed over; a prediction without any counts 0. Precision and recall are means over rows, F1 is
made of these means, and all three are then averaged over several groupings, such as five emotion wheels. The figures
are those of the official script, which has no value for F1 where precision and recall are 0; here it is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import combinations

import numpy as np

from affekt.core.works import implements
from affekt.metrics.statistic import Array, Statistic, divide

__all__ = [
    "coverage",
    "coverage_statistic",
    "groundedness",
    "groundedness_statistic",
    "groups_of",
    "hit_rate",
    "hit_rate_statistic",
    "matches",
    "reaction_diversity",
    "set_f1",
    "set_f1_statistic",
    "set_precision",
    "set_precision_statistic",
    "set_recall",
    "set_recall_statistic",
]

Words = Sequence[Collection[str]]
Groupings = Sequence[Mapping[str, str]]


def groups_of(words: Collection[str], grouping: Mapping[str, str]) -> set[str]:
    """The groups of words; case and blanks at the ends do not count, and words without a group are dropped."""
    return {grouping[w] for word in words if (w := word.lower().strip()) in grouping}


def _rows(
    truth: Words, prediction: Words, groupings: Groupings, count: Callable[[set[str], set[str]], Sequence[float]]
) -> Array:
    """Summands of each grouping, one after another, shape (groupings * summands, rows)."""
    if len(truth) != len(prediction):
        raise ValueError(f"there are {len(truth)} rows of truth and {len(prediction)} of predictions")
    if not groupings:
        raise ValueError("there is no grouping")
    rows = [
        [x for g in groupings for x in count(groups_of(t, g), groups_of(p, g))]
        for t, p in zip(truth, prediction, strict=True)
    ]
    width = len(groupings) * len(count(set(), set()))
    return np.ascontiguousarray(np.array(rows, np.float64).reshape(len(rows), width).T)


def _overlap(t: set[str], p: set[str]) -> tuple[float, float, float]:
    """Whether the row counts, and its precision and recall."""
    if not t:
        return 0.0, 0.0, 0.0
    shared = len(t & p)
    return 1.0, shared / len(p) if p else 0.0, shared / len(t)


def _means(s: Array) -> tuple[Array, Array]:
    """Precision and recall of each grouping, of shape (..., groupings)."""
    n = s[..., 0::3]
    return divide(s[..., 1::3], n), divide(s[..., 2::3], n)


def _f1(s: Array) -> Array:
    precision, recall = _means(s)
    both = precision + recall
    f1 = np.where(both == 0, 0.0, divide(2 * precision * recall, both))
    return np.asarray(f1.mean(-1))


def set_precision_statistic(*, truth: Words, prediction: Words, groupings: Groupings) -> Statistic:
    """Share of the predicted groups that are true, mean over rows and groupings; 0 to 1.

    Args:
        truth: Words of each row.
        prediction: Likewise; nothing where there was no answer.
        groupings: Each from word to group; words it does not have are dropped. One is enough.

    Returns:
        The score; NaN where the truth of no row has a group.

    Raises:
        ValueError: There are not as many rows of one as of the other, or no grouping.
    """
    return Statistic(_rows(truth, prediction, groupings, _overlap), lambda s: np.asarray(_means(s)[0].mean(-1)))


def set_recall_statistic(*, truth: Words, prediction: Words, groupings: Groupings) -> Statistic:
    """Share of the true groups that were predicted; arguments are those of `set_precision_statistic`."""
    return Statistic(_rows(truth, prediction, groupings, _overlap), lambda s: np.asarray(_means(s)[1].mean(-1)))


@implements(works=["ov-mer", "mer2025", "affectgpt"])
def set_f1_statistic(*, truth: Words, prediction: Words, groupings: Groupings) -> Statistic:
    """F1 of mean precision and mean recall, mean over groupings; arguments are those of `set_precision_statistic`."""
    return Statistic(_rows(truth, prediction, groupings, _overlap), _f1)


def _hit(t: set[str], p: set[str]) -> tuple[float, float]:
    return float(bool(t)), float(bool(t & p))


@implements(works=["affectgpt"])
def hit_rate_statistic(*, truth: Words, prediction: Words, groupings: Groupings) -> Statistic:
    """Share of rows in which a true group is among the predicted ones, mean over groupings; 0 to 1.

    The measure of MER-UniBench (Lian et al. 2025) for corpora of one basic emotion a row, answered in free words.
    Arguments are those of `set_precision_statistic`.
    """
    columns = _rows(truth, prediction, groupings, _hit)
    return Statistic(columns, lambda s: np.asarray(divide(s[..., 1::2], s[..., 0::2]).mean(-1)))


def set_precision(*, truth: Words, prediction: Words, groupings: Groupings) -> float:
    """Value of `set_precision_statistic`.

    Example:
        >>> set_precision(truth=[{"glad"}], prediction=[{"happy", "sad"}], groupings=[{"glad": "joy", "happy": "joy",
        ...     "sad": "sorrow"}])
        0.5
    """
    return set_precision_statistic(truth=truth, prediction=prediction, groupings=groupings).value


def set_recall(*, truth: Words, prediction: Words, groupings: Groupings) -> float:
    """Value of `set_recall_statistic`."""
    return set_recall_statistic(truth=truth, prediction=prediction, groupings=groupings).value


def set_f1(*, truth: Words, prediction: Words, groupings: Groupings) -> float:
    """Value of `set_f1_statistic`."""
    return set_f1_statistic(truth=truth, prediction=prediction, groupings=groupings).value


def hit_rate(*, truth: Words, prediction: Words, groupings: Groupings) -> float:
    """Value of `hit_rate_statistic`."""
    return hit_rate_statistic(truth=truth, prediction=prediction, groupings=groupings).value


@implements(works=["socratis"])
def reaction_diversity(reactions: Sequence[Words], *, groupings: Groupings) -> float:
    """How differently people react to the same thing: how little their words have in common, mean over things.

    Of each thing the mean over pairs of people of 1 less the overlap (Jaccard) of their groups, and the mean of that
    over groupings. Socratis (Deng et al. 2023) counts how many different words a picture gets; by groups, synonyms do
    not count as different.

    Args:
        reactions: Thing -> person -> words. People without a group left are passed over, and so are things with fewer
            than two people.
        groupings: As in `set_precision_statistic`.

    Returns:
        0 (all say the same) to 1 (nobody shares a group); NaN where nothing can be compared.
    """
    found = []
    for grouping in groupings:
        for people in reactions:
            sets = [g for words in people if (g := groups_of(words, grouping))]
            apart = [1 - len(a & b) / len(a | b) for a, b in combinations(sets, 2)]
            found += [float(np.mean(apart))] if apart else []
    return float(np.mean(found)) if found else float("nan")


# --- clues, triggers and other things in words of their own, which a judge compares


def matches(similarity: Array, at_least: float) -> tuple[int, int]:
    """How many of the truth are met by something that was said, and how much of what was said meets something true.

    Args:
        similarity: How far each of the truth and each of what was said mean the same, shape (truth, said).
        at_least: From where on they do.
    """
    same = np.asarray(similarity, np.float64) >= at_least
    return (int(same.any(1).sum()), int(same.any(0).sum())) if same.size else (0, 0)


def _met(similarities: Sequence[Array], at_least: float) -> Array:
    """Whether the row counts, precision and recall, shape (3, rows)."""
    rows = []
    for s in similarities:
        truth, said = np.shape(s)
        met, right = matches(s, at_least)
        rows.append((float(truth > 0), right / said if truth and said else 0.0, met / truth if truth else 0.0))
    return np.ascontiguousarray(np.array(rows, np.float64).reshape(len(rows), 3).T)


@implements(works=["emer", "eibench"])
def coverage_statistic(*, similarities: Sequence[Array], at_least: float) -> Statistic:
    """Share of the true clues (or triggers) that an answer has, mean over rows; 0 to 1.

    Args:
        similarities: Of each row a table of shape (truth, said), as a judge gives it; an answer that says nothing has
            no columns. Rows without truth are passed over.
        at_least: Similarity from which two are the same; for a judge that says yes or no, 0.5.

    Returns:
        The score; NaN where no row has truth.
    """
    return Statistic(_met(similarities, at_least), lambda s: divide(s[..., 2], s[..., 0]))


@implements(works=["emer", "avere"])
def groundedness_statistic(*, similarities: Sequence[Array], at_least: float) -> Statistic:
    """Share of what an answer says that is true, mean over rows; what is left are invented clues.

    Arguments are those of `coverage_statistic`.
    """
    return Statistic(_met(similarities, at_least), lambda s: divide(s[..., 1], s[..., 0]))


def coverage(*, similarities: Sequence[Array], at_least: float) -> float:
    """Value of `coverage_statistic`.

    Example:
        >>> coverage(similarities=[np.array([[0.9, 0.1], [0.2, 0.3]])], at_least=0.5)
        0.5
    """
    return coverage_statistic(similarities=similarities, at_least=at_least).value


def groundedness(*, similarities: Sequence[Array], at_least: float) -> float:
    """Value of `groundedness_statistic`."""
    return groundedness_statistic(similarities=similarities, at_least=at_least).value
