"""Best-worst scaling: real-valued scores from which item of a few is the most and which the least of something."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from affekt.core.ratings.rules import correlation
from affekt.core.works import implements
from affekt.metrics.preserved import average_ranks
from affekt.metrics.statistic import Array, divide

__all__ = [
    "BestWorst",
    "BestWorstScores",
    "SplitHalf",
    "best_worst_labels",
    "best_worst_scores",
    "make_tuples",
    "split_half",
]


@dataclass(frozen=True, slots=True)
class BestWorst:
    """One answer to one tuple.

    Attributes:
        items: The items that were shown.
        best: The one that has most of what was asked for.
        worst: The one that has least.

    Raises:
        ValueError: An item stands twice in the tuple, best or worst is none of them, or they are the same.
    """

    items: tuple[str, ...]
    best: str
    worst: str

    def __post_init__(self) -> None:
        if len(set(self.items)) != len(self.items) or len(self.items) < 2:
            raise ValueError(f"a tuple needs two or more different items, not {self.items}")
        if self.best not in self.items or self.worst not in self.items:
            raise ValueError(f"best {self.best!r} and worst {self.worst!r} must be among the items {self.items}")
        if self.best == self.worst:
            raise ValueError(f"best and worst are both {self.best!r}")


@dataclass(frozen=True, slots=True, eq=False)
class BestWorstScores:
    """Scores of items.

    Attributes:
        items: Names of the items.
        scores: (times best - times worst) / times shown, -1..1, shape (items,).
        shown: How often each was shown, shape (items,).
        ranks: 1 for the highest score; equal scores share the mean of their ranks.
    """

    items: tuple[str, ...]
    scores: Array
    shown: Array
    ranks: Array

    def as_mapping(self) -> dict[str, float]:
        """Item -> score."""
        return dict(zip(self.items, self.scores.tolist(), strict=True))


def make_tuples(items: Sequence[str], *, size: int = 4, per_item: int = 8, seed: int = 0) -> list[tuple[str, ...]]:
    """Deal items into tuples for best-worst annotation.

    The rules of Kiritchenko and Mohammad (2016), "Capturing Reliable Fine-Grained Sentiment Associations by
    Crowdsourcing and Best-Worst Scaling", NAACL: no item twice in a tuple, no tuple twice where that can be avoided,
    every item in about the same number of tuples (here: they differ by one at the most), and pairs of items together as
    rarely as possible. Their usual setting is twice as many tuples of 4 as there are items: each in 8 tuples.

    Args:
        items: Names, each once.
        size: Items in a tuple.
        per_item: Tuples that each item stands in.
        seed: Seed of the deal; the same seed gives the same tuples.

    Returns:
        ceil(items x per_item / size) tuples, in random order.

    Raises:
        ValueError: An item is named twice, there are fewer items than places in a tuple, or a number is too small.
    """
    n = len(items)
    if len(set(items)) != n:
        raise ValueError("an item is named twice")
    if size < 2 or per_item < 1 or n < size:
        raise ValueError(f"{n} items cannot be dealt into tuples of {size}, {per_item} for each item")
    rng = np.random.default_rng(seed)
    tuples = _deal(n, size, -(-n * per_item // size), rng)
    _spread_pairs(tuples, rng)
    order = rng.permutation(len(tuples))
    return [tuple(items[i] for i in rng.permutation(tuples[t])) for t in order]


def _deal(n: int, size: int, wanted: int, rng: np.random.Generator) -> list[list[int]]:
    """Tuples from one shuffled pack after the other; one that runs over a pack's end skips what it already has."""
    tuples: list[list[int]] = []
    pack: list[int] = []
    while len(tuples) < wanted:
        hand: list[int] = []
        while len(hand) < size:
            place = next((i for i, item in enumerate(pack) if item not in hand), None)
            if place is None:
                pack += rng.permutation(n).tolist()
                continue
            hand.append(pack.pop(place))
        tuples.append(hand)
    return tuples


def _spread_pairs(tuples: list[list[int]], rng: np.random.Generator, *, sweeps: int = 8, tries: int = 24) -> None:
    """Swap items between tuples as long as that brings fewer pairs together again; balance stays as it is."""
    met: defaultdict[int, Counter[int]] = defaultdict(Counter)
    same: Counter[tuple[int, ...]] = Counter()

    def enter(members: list[int], times: int) -> None:
        same[tuple(sorted(members))] += times
        for a, b in combinations(members, 2):
            met[a][b] += times
            met[b][a] += times

    def gain(a: int, b: int, mine: set[int], theirs: set[int]) -> int:
        """How much the sum of squared meetings falls where `a` and `b` change places, halved."""
        of_a, of_b = met[a], met[b]
        lost = sum(of_a[r] - of_b[r] - 1 for r in mine - theirs)
        return lost + sum(of_b[r] - of_a[r] - 1 for r in theirs - mine)

    for t in tuples:
        enter(t, 1)
    n = len(met)
    # No pair need meet more often than this; where none does, and no tuple stands twice, nothing is left to do.
    fair = -(-len(tuples) * len(tuples[0]) * (len(tuples[0]) - 1) // (n * (n - 1)))
    for _ in range(sweeps):
        moved = False
        for at, t in enumerate(tuples):
            again = same[tuple(sorted(t))] > 1
            if not again and max(met[a][b] for a, b in combinations(t, 2)) <= fair:
                continue
            for other in rng.integers(len(tuples), size=tries).tolist():
                u = tuples[other]
                swaps = [
                    (gain(a, b, set(t) - {a}, set(u) - {b}) + again, i, j)
                    for i, a in enumerate(t)
                    for j, b in enumerate(u)
                    if a not in u and b not in t
                ]
                best, i, j = max(swaps, default=(0, 0, 0))
                if other == at or best <= 0:
                    continue
                enter(t, -1)
                enter(u, -1)
                t[i], u[j] = u[j], t[i]
                enter(t, 1)
                enter(u, 1)
                moved = True
                break
        if not moved:
            return


@implements(works=["cheer-ekman"])
def best_worst_scores(answers: Sequence[BestWorst]) -> BestWorstScores:
    """Score items by counting: the share of times an item was best minus the share it was worst.

    After Orme (2009), "MaxDiff Analysis: Simple Counting, Individual-Level Logit, and HB", Sawtooth Software, as
    used for emotion by Kiritchenko and Mohammad (2016) and by CHEER-Ekman (2025).

    Args:
        answers: One for each annotator and tuple; tuples may differ in size.

    Returns:
        Scores of all items that were shown, in the order in which they first appear.
    """
    shown: Counter[str] = Counter()
    net: Counter[str] = Counter()
    for answer in answers:
        shown.update(answer.items)
        net[answer.best] += 1
        net[answer.worst] -= 1
    names = tuple(shown)
    times = np.array([shown[i] for i in names], dtype=np.float64)
    scores = divide(np.array([net[i] for i in names], dtype=np.float64), times)
    return BestWorstScores(names, scores, times, average_ranks(-scores))


@implements(works=["cheer-ekman"])
def best_worst_labels(scores: Mapping[str, BestWorstScores]) -> dict[str, str | None]:
    """Label each item with the emotion on which it scores highest, as CHEER-Ekman classifies.

    Args:
        scores: Emotion -> scores of the items on it.

    Returns:
        Item -> emotion; `None` where two emotions share first place, or where the item has no score on one of them.
    """
    by_emotion = {emotion: s.as_mapping() for emotion, s in scores.items()}
    out: dict[str, str | None] = {}
    for item in dict.fromkeys(i for s in scores.values() for i in s.items):
        if any(item not in s for s in by_emotion.values()):
            out[item] = None
            continue
        top = max(s[item] for s in by_emotion.values())
        first = [emotion for emotion, s in by_emotion.items() if s[item] >= top - 1e-12]
        out[item] = first[0] if len(first) == 1 else None
    return out


@dataclass(frozen=True, slots=True)
class SplitHalf:
    """How well two halves of the answers agree on the scores.

    Attributes:
        spearman: Mean rank correlation of the two halves' scores over repeats.
        pearson: Mean correlation over repeats.
        low: 2.5 percent of the repeats' rank correlations lie below.
        high: 2.5 percent lie above.
        items: Mean number of items that both halves scored.
        repeats: Number of repeats in which the correlation was defined.
    """

    spearman: float
    pearson: float
    low: float
    high: float
    items: float
    repeats: int


@implements(works=["cheer-ekman"])
def split_half(answers: Sequence[BestWorst], *, repeats: int = 100, seed: int = 0) -> SplitHalf:
    """Split-half reliability: would other annotators have found the same scores?

    The answers to each tuple are dealt into two halves at random, both halves are scored, and the scores correlated;
    that is repeated. Answers left over (odd ones, and tuples with a single answer) are dealt among one another.
    After Kiritchenko and Mohammad (2017), "Best-Worst Scaling More Reliable than Rating Scales", ACL. A half has half
    the answers, so this is lower than the reliability of all answers together.

    Args:
        answers: One for each annotator and tuple.
        repeats: Number of deals.
        seed: Seed of the deals.

    Returns:
        NaN where no deal gives two halves that share two items with different scores.

    Raises:
        ValueError: `repeats` is below 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, not {repeats}")
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, answer in enumerate(answers):
        groups[tuple(sorted(answer.items))].append(i)
    rng = np.random.default_rng(seed)
    found: list[tuple[float, float, int]] = []
    for _ in range(repeats):
        halves: tuple[list[int], list[int]] = ([], [])
        odd: list[int] = []
        for members in groups.values():
            dealt = rng.permutation(members).tolist()
            if len(dealt) % 2:
                odd.append(dealt.pop())
            halves[0].extend(dealt[::2])
            halves[1].extend(dealt[1::2])
        rest = rng.permutation(odd).astype(np.intp).tolist()
        halves[0].extend(rest[::2])
        halves[1].extend(rest[1::2])
        one, other = (best_worst_scores([answers[i] for i in half]).as_mapping() for half in halves)
        both = [item for item in one if item in other]
        x, y = np.array([one[i] for i in both]), np.array([other[i] for i in both])
        r = correlation(average_ranks(x), average_ranks(y)) if both else float("nan")
        if r == r:
            found.append((r, correlation(x, y), len(both)))
    if not found:
        nan = float("nan")
        return SplitHalf(nan, nan, nan, nan, nan, 0)
    table = np.array(found)
    low, high = np.quantile(table[:, 0], [0.025, 0.975])
    spearman, pearson, items = (float(v) for v in table.mean(0))
    return SplitHalf(spearman, pearson, float(low), float(high), items, len(found))
