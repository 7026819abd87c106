"""Two perspectives on the same items, such as what a writer feels and what readers take them to feel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.core.ratings import Ratings, mean
from affekt.core.works import implements
from affekt.metrics.bootstrap import Interval, bootstrap
from affekt.metrics.regression import concordance_cc_statistic, pearson_cc_statistic
from affekt.metrics.statistic import Array, Statistic, divide

__all__ = ["ChannelComparison", "Comparison", "HiddenItems", "compare_perspectives", "hidden_items"]


@dataclass(frozen=True, slots=True)
class ChannelComparison:
    """Two perspectives on one channel, item by item.

    Attributes:
        items: Number of items that both rated.
        first_mean: Mean of the first perspective over them.
        second_mean: Mean of the second.
        pcc: Pearson correlation of the item means, with its interval over items.
        ccc: Concordance correlation, which also counts differences of level and spread.
        difference: Mean of first minus second, in the unit of the channel.
    """

    items: int
    first_mean: float
    second_mean: float
    pcc: Interval
    ccc: Interval
    difference: Interval


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two perspectives on the items that both rated.

    Attributes:
        items: Names of these items.
        channels: Labels and dimensions of the space.
        gap: First minus second, means of the judgements of each, shape (items, channels); NaN where one is missing.
        by_channel: Channel -> comparison.
        only_first: Number of items that only the first rated.
        only_second: Number of items that only the second rated.
    """

    items: tuple[str, ...]
    channels: tuple[str, ...]
    gap: Array
    by_channel: dict[str, ChannelComparison]
    only_first: int
    only_second: int

    def widest(self, channel: str, n: int = 10) -> list[tuple[str, float]]:
        """The items with the largest differences on a channel: name, first minus second; the widest first.

        Raises:
            KeyError: There is no such channel.
        """
        if channel not in self.channels:
            raise KeyError(channel)
        gap = self.gap[:, self.channels.index(channel)]
        order = np.argsort(-np.abs(np.nan_to_num(gap)), kind="stable")
        return [(self.items[i], float(gap[i])) for i in order[:n] if gap[i] == gap[i]]


def _shared(first: Ratings, second: Ratings) -> tuple[tuple[str, ...], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Items that both have judgements of, and the rows of each."""
    if first.channels != second.channels:
        raise ValueError(f"{first.space.id!r} and {second.space.id!r} have different channels")
    places = []
    for ratings in (first, second):
        counts = ratings.counts().max(axis=1, initial=0)
        places.append({name: i for i, name in enumerate(ratings.items) if counts[i]})
    both = tuple(name for name in places[0] if name in places[1])
    rows = [np.array([place[name] for name in both], dtype=np.intp) for place in places]
    return both, rows[0], rows[1]


def compare_perspectives(first: Ratings, second: Ratings, *, samples: int = 1000, seed: int = 0) -> Comparison:
    """Compare two perspectives channel by channel, paired by item.

    Intervals resample items; a resample draws both perspectives of an item together.

    Args:
        first: Judgements from one perspective, such as `corpora.ratings("emobank", perspective="writer")`.
        second: Judgements of the same space from the other; items are matched by name.
        samples: Number of resamples.
        seed: Seed of the generator.

    Raises:
        ValueError: The spaces differ, or no item was rated from both.
    """
    items, at_first, at_second = _shared(first, second)
    if not items:
        raise ValueError("no item was rated from both perspectives; items are matched by name")
    one, other = mean(first).values[at_first], mean(second).values[at_second]
    by_channel = {}
    for c, channel in enumerate(first.channels):
        there = ~np.isnan(one[:, c]) & ~np.isnan(other[:, c])
        a, b = one[there, c], other[there, c]
        difference = Statistic(np.stack([a - b, np.ones_like(a)]), lambda sums: divide(sums[..., 0], sums[..., 1]))
        scores = bootstrap(
            {
                "pcc": pearson_cc_statistic(truth=a, prediction=b),
                "ccc": concordance_cc_statistic(truth=a, prediction=b),
                "difference": difference,
            },
            samples=samples,
            seed=seed,
        )
        by_channel[channel] = ChannelComparison(
            items=int(there.sum()),
            first_mean=float(a.mean()) if a.size else float("nan"),
            second_mean=float(b.mean()) if b.size else float("nan"),
            pcc=scores["pcc"],
            ccc=scores["ccc"],
            difference=scores["difference"],
        )
    rated = [int((r.counts().max(axis=1, initial=0) > 0).sum()) for r in (first, second)]
    return Comparison(items, first.channels, one - other, by_channel, rated[0] - len(items), rated[1] - len(items))


@dataclass(frozen=True, slots=True)
class HiddenItems:
    """Items on which the writer reports a feeling.

    Attributes:
        hidden: Those on which no reader sees it.
        seen: Those on which at least one does.
        unread: Those that no reader judged.
    """

    hidden: tuple[str, ...]
    seen: tuple[str, ...]
    unread: tuple[str, ...]


@implements(works=["hidden-anger"])
def hidden_items(
    writer: Ratings, reader: Ratings, *, label: str, at_least: float = 1, at_most: float = 0
) -> HiddenItems:
    """Part the items on which the writer reports a feeling by whether readers see it.

    The class of "hidden-anger sentences" (`label="anger"`): the writer felt anger, and none of the readers saw any.

    Args:
        writer: The writers' judgements, in a space with labels.
        reader: The readers' judgements in the same space; items are matched by name.
        label: The feeling.
        at_least: The writer reports it from this value on: their mean, where several judgements count as writer's.
        at_most: A reader does not see it up to this value.

    Raises:
        ValueError: The spaces differ.
        KeyError: There is no such label.
    """
    if writer.channels != reader.channels:
        raise ValueError(f"{writer.space.id!r} and {reader.space.id!r} have different channels")
    if label not in writer.space.labels:
        raise KeyError(label)
    c = writer.space.labels.index(label)
    felt = mean(writer).values[:, c]
    highest = np.full(len(reader.items), np.nan)
    np.fmax.at(highest, reader.item, reader.values[:, c])
    seen = dict(zip(reader.items, highest.tolist(), strict=True))
    parts: dict[str, list[str]] = {"hidden": [], "seen": [], "unread": []}
    for name, value in zip(writer.items, felt.tolist(), strict=True):
        if not value >= at_least:
            continue
        most = seen.get(name, float("nan"))
        parts["unread" if most != most else "hidden" if most <= at_most else "seen"].append(name)
    return HiddenItems(*(tuple(parts[k]) for k in ("hidden", "seen", "unread")))
