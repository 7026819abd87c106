"""Every annotator's judgement, and the rules that turn judgements into gold.

A judgement is one annotator's answer to one item: a vector with a place for each label and each dimension of the
space. Judgements are kept one below the other, so a crowd of thousands who saw ten items each costs no more than
what they said, and two answers of one annotator to one item are both kept.

Two kinds of aggregation read a judgement differently. Rules that count (`majority`, `plurality`, `all_inclusive`,
`soft_label`) take a label as given where its value is above 0. Rules that average (`mean`, `ewe`) take the values as
numbers. What cannot be decided is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affekt.core.space import LabelSpace

__all__ = ["Gold", "Ratings", "all_inclusive", "ewe", "majority", "mean", "plurality", "soft_label"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Answer = str | Collection[str] | Mapping[str, float]

# A share that should equal a threshold such as 1/2 or 1/3 may miss it by a rounding error; vote counts are far below
# the number at which two different shares come this close.
_ROUNDING = 1e-9


def _channels(space: LabelSpace) -> tuple[str, ...]:
    return (*space.labels, *(d.name for d in space.dimensions))


def _frozen(array: NDArray[np.generic]) -> None:
    array.setflags(write=False)


@dataclass(frozen=True, slots=True, eq=False)
class Ratings:
    """All judgements of all annotators on all items.

    Attributes:
        space: The label space that was annotated in.
        items: Names of the items, each once. An item may have no judgement.
        annotators: Names of the annotators, each once; empty where it is not known who gave which judgement.
        item: Index into `items` for each judgement, shape (n,).
        annotator: Index into `annotators` for each judgement, shape (n,); -1 where it is not known.
        values: What was given, shape (n, channels), float64. Labels of a single-label space: one 1, else 0. Of a
            multi-label space: 0 or 1. Of an intensity space: 0 to `space.intensity`. Dimensions: the value on the
            native range. NaN: not rated. The labels are rated all or none.

    Raises:
        ValueError: Shapes, indices or values do not fit the space.
    """

    space: LabelSpace
    items: tuple[str, ...]
    annotators: tuple[str, ...]
    item: Ints
    annotator: Ints
    values: Floats

    def __post_init__(self) -> None:
        for name, dtype in (("item", np.intp), ("annotator", np.intp), ("values", np.float64)):
            copy: NDArray[np.generic] = np.array(getattr(self, name), dtype=dtype)
            _frozen(copy)
            object.__setattr__(self, name, copy)
        n, width = len(self.item), len(_channels(self.space))
        if self.annotator.shape != (n,) or self.values.shape != (n, width):
            raise ValueError(
                f"{n} judgements need {n} annotators and values of shape ({n}, {width}); "
                f"got {self.annotator.shape} and {self.values.shape}"
            )
        for kind, names, index, lowest in (
            ("item", self.items, self.item, 0),
            ("annotator", self.annotators, self.annotator, -1),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"an {kind} is named twice")
            if n and (index.min() < lowest or index.max() >= len(names)):
                raise ValueError(f"an {kind} index lies outside {lowest}..{len(names) - 1}")
        self._check_labels()
        for column, dimension in enumerate(self.space.dimensions, start=len(self.space.labels)):
            given = self.values[:, column]
            if np.any((given < dimension.low) | (given > dimension.high)):
                raise ValueError(f"a rating of {dimension.name!r} lies outside {dimension.low:g}..{dimension.high:g}")

    def _check_labels(self) -> None:
        votes = self.votes
        rated = ~np.isnan(votes)
        if np.any(rated.any(1) & ~rated.all(1)):
            raise ValueError("a judgement rates some labels and leaves others out; give 0 for a label not chosen")
        votes = votes[rated.all(1)]
        if self.space.kind in ("single", "multi"):
            if np.any((votes != 0) & (votes != 1)):
                raise ValueError(f"a judgement in a {self.space.kind}-label space is not 0 or 1")
            if self.space.kind == "single" and np.any(votes.sum(1) != 1):
                raise ValueError("a judgement in a single-label space does not choose exactly one label")
        elif self.space.kind == "intensity":
            highest = np.inf if self.space.intensity is None else self.space.intensity
            if np.any((votes < 0) | (votes > highest)):
                raise ValueError(f"an intensity lies outside 0..{highest:g}")

    def __len__(self) -> int:
        """Number of judgements."""
        return len(self.item)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the columns of `values`: the labels of the space, then its dimensions."""
        return _channels(self.space)

    @property
    def votes(self) -> Floats:
        """The label columns of `values`, shape (n, labels)."""
        return self.values[:, : len(self.space.labels)]

    @classmethod
    def from_array(
        cls,
        space: LabelSpace,
        values: ArrayLike,
        *,
        items: Sequence[str] | None = None,
        annotators: Sequence[str] | None = None,
    ) -> Ratings:
        """Read a table of items against annotators.

        Args:
            space: The label space.
            values: Shape (items, annotators): the position of the label in a single-label space, or the value of a
                space with one dimension. Shape (items, annotators, channels): a value for each label and
                dimension. NaN: not rated.
            items: Names of the rows; default `0`, `1`, ...
            annotators: Names of the columns; default `0`, `1`, ...
        """
        table = np.asarray(values, dtype=np.float64)
        width = len(_channels(space))
        if table.ndim == 2:
            if space.kind == "single" and not space.dimensions:
                codes = table[~np.isnan(table)]
                if np.any((codes != np.floor(codes)) | (codes < 0) | (codes >= width)):
                    raise ValueError(f"a label code is not one of 0..{width - 1}")
                one_hot = (table[:, :, None] == np.arange(width)).astype(np.float64)
                table = np.where(np.isnan(table)[:, :, None], np.nan, one_hot)
            elif width == 1:
                table = table[:, :, None]
        if table.ndim != 3 or table.shape[2] != width:
            raise ValueError(f"values of shape {table.shape} do not fit the {width} channels of {space.id!r}")
        item, annotator = np.nonzero(~np.isnan(table).all(axis=2))
        return cls(
            space=space,
            items=tuple(str(i) for i in range(table.shape[0])) if items is None else tuple(items),
            annotators=tuple(str(i) for i in range(table.shape[1])) if annotators is None else tuple(annotators),
            item=item,
            annotator=annotator,
            values=table[item, annotator],
        )

    @classmethod
    def from_records(cls, space: LabelSpace, records: Iterable[tuple[str, str | None, Answer]]) -> Ratings:
        """Read judgements one by one.

        Args:
            space: The label space.
            records: Item, annotator (`None` where not known), and answer: a label, a collection of labels, or a
                mapping from labels and dimensions to values. Labels that a mapping leaves out count as 0 where it
                names any label; dimensions that it leaves out count as not rated.

        Raises:
            ValueError: An answer names something that is not in the space.
        """
        channels = _channels(space)
        column = {name: i for i, name in enumerate(channels)}
        labels = set(space.labels)
        items: dict[str, int] = {}
        annotators: dict[str, int] = {}
        item, annotator, values = [], [], []
        for which, who, answer in records:
            if isinstance(answer, str):
                given: Mapping[str, float] = {answer: 1.0}
            elif isinstance(answer, Mapping):
                given = answer
            else:
                given = dict.fromkeys(answer, 1.0)
            if unknown := set(given) - set(channels):
                raise ValueError(f"{sorted(unknown)} are neither labels nor dimensions of {space.id!r}")
            row = np.full(len(channels), np.nan)
            # An empty collection is an answer: none of the labels.
            if labels and (not isinstance(answer, Mapping) or labels & set(given)):
                row[: len(labels)] = 0.0
            for name, value in given.items():
                row[column[name]] = value
            values.append(row)
            item.append(items.setdefault(which, len(items)))
            annotator.append(-1 if who is None else annotators.setdefault(who, len(annotators)))
        return cls(
            space=space,
            items=tuple(items),
            annotators=tuple(annotators),
            item=np.array(item, dtype=np.intp),
            annotator=np.array(annotator, dtype=np.intp),
            values=np.array(values, dtype=np.float64).reshape(len(item), len(channels)),
        )

    @classmethod
    def from_counts(cls, space: LabelSpace, items: Sequence[str], counts: ArrayLike) -> Ratings:
        """Read tabulated votes of a single-label space, where it is not known who voted how.

        Args:
            space: A single-label space without dimensions.
            items: Names of the items.
            counts: Number of votes, shape (items, labels).
        """
        table = np.asarray(counts)
        width = len(space.labels)
        if space.kind != "single" or space.dimensions:
            raise ValueError(f"vote counts stand for judgements only in a single-label space, not in {space.id!r}")
        if table.shape != (len(items), width) or np.any(table < 0) or np.any(table != np.floor(table)):
            raise ValueError(f"counts must be whole numbers of shape ({len(items)}, {width})")
        chosen = np.repeat(np.tile(np.arange(width), len(items)), table.astype(np.intp).ravel())
        item = np.repeat(np.arange(len(items)), table.astype(np.intp).sum(1))
        return cls(
            space=space,
            items=tuple(items),
            annotators=(),
            item=item,
            annotator=np.full(len(item), -1, dtype=np.intp),
            values=np.eye(width)[chosen],
        )

    def counts(self) -> Ints:
        """Number of judgements of each item on each channel, shape (items, channels)."""
        return self._sum(~np.isnan(self.values)).astype(np.intp)

    def table(self, channel: str | None = None) -> Floats:
        """Items against annotators, as measures of agreement take it.

        Args:
            channel: A label or a dimension. Default: in a single-label space the position of the chosen label, in
                a space with one channel that one.

        Returns:
            Shape (items, annotators), NaN where not rated. Where annotators are not known, the columns are the
            first, second, ... judgement of each item; they are nobody in particular.

        Raises:
            ValueError: An annotator rated an item twice, or `channel` has to be named.
            KeyError: There is no such channel.
        """
        if channel is not None:
            if channel not in self.channels:
                raise KeyError(channel)
            given = self.values[:, self.channels.index(channel)]
        elif self.space.kind == "single":
            given = np.where(np.isnan(self.votes[:, 0]), np.nan, self.votes.argmax(1))
        elif len(self.channels) == 1:
            given = self.values[:, 0]
        else:
            raise ValueError(f"{self.space.id!r} has several channels: name one of {', '.join(self.channels)}")
        known = self.annotator >= 0
        if known.all() and len(self.annotators):
            columns, width = self.annotator, len(self.annotators)
            if len(np.unique(self.item * width + columns)) != len(columns):
                raise ValueError("an annotator rated an item twice; a table has room for one rating")
        elif not known.any():
            order = np.argsort(self.item, kind="stable")
            firsts = np.searchsorted(self.item[order], self.item[order])
            columns = np.empty(len(order), dtype=np.intp)
            columns[order] = np.arange(len(order)) - firsts
            width = int(columns.max()) + 1 if len(columns) else 0
        else:
            raise ValueError("some judgements have no annotator; a table cannot hold them beside the others")
        out = np.full((len(self.items), width), np.nan)
        out[self.item, columns] = given
        return out

    def spread(self) -> Floats:
        """Standard deviation over the judgements of each item, shape (items, channels).

        The deviation of the judgements that there are (divided by n, not n - 1), as published with EmoBank. One
        judgement has spread 0; none has NaN.
        """
        centre = self._mean()
        squares = self._sum(np.nan_to_num((self.values - centre[self.item]) ** 2))
        with np.errstate(invalid="ignore"):
            return np.sqrt(squares / self.counts())

    def _sum(self, per_judgement: NDArray[np.generic]) -> Floats:
        """Sum judgements into their items; (n, k) -> (items, k)."""
        columns = [
            np.bincount(self.item, weights=column, minlength=len(self.items))
            for column in np.asarray(per_judgement, dtype=np.float64).T
        ]
        return np.stack(columns, axis=1) if columns else np.zeros((len(self.items), 0))

    def _mean(self) -> Floats:
        with np.errstate(invalid="ignore"):
            return self._sum(np.nan_to_num(self.values)) / self.counts()

    def _given(self) -> tuple[Floats, Floats]:
        """Votes for each label, shape (items, labels), and number of judges, shape (items,)."""
        if not self.space.labels:
            raise ValueError(f"{self.space.id!r} has no labels to count; use mean or ewe")
        return self._sum(np.nan_to_num(self.votes) > 0), self._sum(~np.isnan(self.votes[:, :1]))[:, 0]


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
        _frozen(self.values)
        _frozen(self.tied)

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
    above = (share > 0.5 + _ROUNDING).astype(np.float64)
    if ratings.space.kind == "single":
        return _gold(ratings, np.where(above.any(axis=1, keepdims=True), above, np.nan), "majority")
    level = np.isnan(share) | (np.abs(share - 0.5) <= _ROUNDING)
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
    values = np.where(np.isnan(share), np.nan, (share >= enough - _ROUNDING).astype(np.float64))
    return _gold(ratings, values, f"all_inclusive(at_least={enough:.6g})")


def soft_label(ratings: Ratings) -> Gold:
    """The share of judges who gave each label, in 0..1; in a single-label space the shares sum to 1."""
    return _gold(ratings, _share(ratings), "soft_label")


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
            given = ratings.values[mine, c]
            rated = ~np.isnan(given)
            weights[k, c] = max(0.0, _correlation(given[rated], centre[ratings.item[mine], c][rated]))
    return weights


def _correlation(given: Floats, centre: Floats) -> float:
    """Pearson's correlation; 0 where it is undefined."""
    if len(given) < 2:
        return 0.0
    a, b = given - given.mean(), centre - centre.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    # Means of equal numbers can differ in the last bit, which would pass for variation.
    if scale <= 1e-12 * max(1.0, float(np.abs(given).max() * np.abs(centre).max())):
        return 0.0
    return float(a @ b) / scale
