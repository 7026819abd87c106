"""Every annotator's judgement, kept one below the other.

A crowd of thousands who saw ten items each costs no more than what they said, and two answers of one annotator to
one item are both kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affekt.core.space import LabelSpace

__all__ = ["Answer", "Floats", "Ints", "Ratings"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Answer = str | Collection[str] | Mapping[str, float]


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

    def rows(self) -> Ints:
        """Which judgement stands where, items against annotators.

        Returns:
            Index of the judgement, shape (items, annotators), -1 where there is none. Where annotators are not
            known, the columns are the first, second, ... judgement of each item; they are nobody in particular.

        Raises:
            ValueError: An annotator rated an item twice, or only some judgements have an annotator.
        """
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
        out = np.full((len(self.items), width), -1, dtype=np.intp)
        out[self.item, columns] = np.arange(len(self))
        return out

    def table(self, channel: str | None = None) -> Floats:
        """Items against annotators, as measures of agreement take it.

        Args:
            channel: A label or a dimension. Default: in a single-label space the position of the chosen label, in
                a space with one channel that one.

        Returns:
            Shape (items, annotators) as in `rows`, NaN where not rated.

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
        # One place more for -1: where there is no judgement, there is no rating.
        return np.append(given, np.nan)[self.rows()]

    def spread(self) -> Floats:
        """Standard deviation over the judgements of each item, shape (items, channels).

        The deviation of the judgements that there are (divided by n, not n - 1), as published with EmoBank. One
        judgement has spread 0; none has NaN.
        """
        centre = self._mean()
        squares = self._sum(np.nan_to_num((self.values - centre[self.item]) ** 2))
        with np.errstate(invalid="ignore"):
            return np.sqrt(squares / self.counts())

    def without(self, *, items: Iterable[str] = (), annotators: Iterable[str] = ()) -> Ratings:
        """The ratings without some items and some annotators; judgements of either are left out.

        Items that lose all their judgements stay, and have none.

        Raises:
            KeyError: There is no such item or annotator.
        """
        kept: list[tuple[tuple[str, ...], NDArray[np.bool_]]] = []
        for names, dropped in ((self.items, set(items)), (self.annotators, set(annotators))):
            if strays := dropped - set(names):
                raise KeyError(min(strays))
            kept.append(
                (tuple(n for n in names if n not in dropped), np.array([n not in dropped for n in names], bool))
            )
        (item_names, item_stays), (annotator_names, annotator_stays) = kept
        # One place more, for annotators that are not known (-1): they stay.
        annotator_stays = np.append(annotator_stays, True)
        rows = item_stays[self.item] & annotator_stays[self.annotator] if len(self) else np.zeros(0, bool)
        annotator = self.annotator[rows]
        place = np.cumsum(annotator_stays[:-1]) - 1
        return Ratings(
            space=self.space,
            items=item_names,
            annotators=annotator_names,
            item=(np.cumsum(item_stays) - 1)[self.item[rows]],
            annotator=np.where(annotator < 0, -1, place[annotator] if len(place) else annotator),
            values=self.values[rows],
        )

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
