"""Cells into gold: labels, strengths and dimensions in the space of the corpus."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from affekt.catalog.corpora import Corpus
from affekt.catalog.spaces import space as load_space
from affekt.core.errors import CatalogError, DataError, nearest
from affekt.core.ratings.rules import ROUNDING
from affekt.core.space import LabelSpace
from affekt.corpora.files import file_of, lines
from affekt.corpora.layouts import Record, listed

__all__ = ["GoldReader", "Target", "free_words"]

_WORDS = re.compile(r"[\"',;|]")


@dataclass(frozen=True, slots=True)
class Target:
    """The gold of one clip.

    Attributes:
        labels: The labels it has, in the order of the space; empty where it has none. In a space of intensities
            those that are stronger than 0.
        dimensions: Dimension -> value on the native range; empty for a corpus of labels.
        intensities: Label -> strength, in spaces of kind `intensity`; label -> share of the annotators who gave it,
            where soft labels were released. Empty otherwise.
        unrated: Labels and dimensions of the space that nobody was asked about for this clip: neither there nor
            not there. A loss or a score leaves them out.
        words: Emotion words of any kind, where the release has such.
    """

    labels: tuple[str, ...] = ()
    dimensions: Mapping[str, float] = field(default_factory=dict)
    intensities: Mapping[str, float] = field(default_factory=dict)
    unrated: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class GoldReader:
    """Reads the gold of a corpus' records, as its entry says.

    Args:
        entry: The corpus.
        data: Folder that holds the corpora, for the file that lists the labels.

    Raises:
        CatalogError: The entry names labels or dimensions that its space does not have.
        DataError: The numbering in the release is not the one that the entry states.
    """

    def __init__(self, entry: Corpus, *, data: str | Path | None = None) -> None:
        self.entry = entry
        self.gold = entry.gold
        self.space: LabelSpace | None = load_space(entry.space) if entry.space else None
        channels = {*self.space.labels, *(d.name for d in self.space.dimensions)} if self.space else set()
        for kind, given in (
            ("columns", self.gold.columns),
            ("dimensions", self.gold.dimensions),
            ("unrated", self.gold.unrated),
            ("names", [name for name in self.gold.names.values() if name]),
            ("undecided", [self.gold.undecided] if self.gold.undecided else []),
            ("label_ids", entry.label_ids),
        ):
            if unknown := set(given) - channels:
                close = nearest(sorted(unknown)[0], channels)
                raise CatalogError(
                    f"gold.{kind} names {sorted(unknown)}, which the space {entry.space!r} does not have",
                    where=f"corpora/{entry.id.partition(':')[0]}.toml",
                    hint=f"Nearest: {', '.join(close)}." if close else None,
                )
        rated = {*self.gold.dimensions, *self.gold.unrated}
        lacking = {d.name for d in self.space.dimensions} - rated if self.space and not self.gold.mean else set()
        if lacking:
            raise CatalogError(
                f"gold.dimensions lacks {sorted(lacking)} of the space {entry.space!r}",
                where=f"corpora/{entry.id.partition(':')[0]}.toml",
            )
        _check_label_file(entry, data)

    def __call__(self, record: Record) -> Target:
        """The gold of one record.

        Raises:
            DataError: A cell does not hold what the entry says; the cell itself is not shown.
        """
        words = free_words(record.raw(self.gold.words)) if self.gold.words else ()
        if self.space is None:
            return Target(words=words)
        labels: tuple[str, ...] = ()
        intensities: dict[str, float] = {}
        if self.gold.columns:
            labels, intensities = self._strengths(record)
        elif self.gold.labels:
            labels, intensities = self._named(record)
        values: dict[str, float] = {}
        for d in self.space.dimensions:
            if d.name in self.gold.dimensions:
                each = [self.value(record, column, d.name) for column in listed(self.gold.dimensions[d.name])]
                values[d.name] = sum(each) / len(each)
        return Target(labels=labels, dimensions=values, intensities=intensities, unrated=self.gold.unrated, words=words)

    def of_means(self, means: Sequence[float]) -> Target:
        """The gold where it is the mean of single ratings, in the order of the space's labels and dimensions."""
        assert self.space is not None
        names = self.space.labels
        strengths = dict(zip(names, means, strict=False))
        values = dict(zip((d.name for d in self.space.dimensions), means[len(names) :], strict=True))
        return Target(labels=self._given(strengths), dimensions=values, intensities=strengths)

    def value(self, record: Record, column: str, dimension: str) -> float:
        """The value of a dimension, within its range."""
        assert self.space is not None
        limits = self.space.dimension(dimension)
        return self._number(record, column, dimension, low=limits.low, high=limits.high, scaled=True)

    def names_of(self, record: Record, columns: str) -> set[str]:
        """The labels in a column, or in several that are named as `a+b`."""
        return {
            name for column in columns.split("+") for name in self.names_in(record.raw(column), record.where) if name
        }

    def names_in(self, value: Any, where: str) -> set[str]:
        """The labels that a cell holds."""
        assert self.space is not None
        if isinstance(value, str):
            pieces = value.split(self.gold.separator) if self.gold.separator else [value]
        else:
            pieces = [str(v) for v in value] if isinstance(value, list) else [] if value is None else [str(value)]
        return {self._name(piece.strip(), where) for piece in pieces}

    def _name(self, piece: str, where: str) -> str:
        assert self.space is not None
        if self.entry.label_ids:
            return self._by_number(piece, where)
        if self.gold.names:
            if piece not in self.gold.names:
                raise DataError(
                    "The label column holds something that the entry does not name", where=where, hint="Mend the row."
                )
            return self.gold.names[piece]
        if piece and piece not in self.space.labels:
            raise DataError(
                f"The label column holds something that is not a label of {self.space.id!r}",
                where=where,
                hint="Mend the row, or say in the entry what it stands for.",
            )
        return piece

    def _by_number(self, piece: str, where: str) -> str:
        ids, first = self.entry.label_ids, self.entry.first_label_id
        try:
            index = int(piece) - first
        except ValueError as err:
            raise DataError(
                "The label column holds something that is not a label number", where=where, hint="Mend the row."
            ) from err
        if not 0 <= index < len(ids):
            raise DataError(f"Label number {piece} is not in {first}..{first + len(ids) - 1}", where=where)
        return ids[index]

    def _named(self, record: Record) -> tuple[tuple[str, ...], dict[str, float]]:
        assert self.space is not None
        columns = listed(self.gold.labels)
        if len(columns) == 1:
            cell = None if "+" in columns[0] else record.raw(columns[0])
            if isinstance(cell, list) and any(isinstance(item, list) for item in cell):
                return self._of_annotators([self.names_in(item, record.where) - {""} for item in cell])
            found = self.names_of(record, columns[0])
            if self.space.kind == "single" and len(found) > 1:
                raise DataError("The row has several labels in a space of one", where=record.where)
            return self.ordered(found), {}
        return self._of_annotators([self.names_of(record, column) for column in columns])

    def _of_annotators(self, each: Sequence[set[str]]) -> tuple[tuple[str, ...], dict[str, float]]:
        """The gold of what each annotator gave."""
        assert self.space is not None
        votes = Counter(label for labels in each for label in labels)
        return self._voted({label: votes[label] / len(each) for label in self.space.labels}, len(each))

    def _strengths(self, record: Record) -> tuple[tuple[str, ...], dict[str, float]]:
        assert self.space is not None
        gold, kind = self.gold, self.space.kind
        if gold.votes:
            counts = {label: self._number(record, column, label, low=0) for label, column in gold.columns.items()}
            total = sum(counts.values())
            shares = {label: counts.get(label, 0.0) / total if total else math.nan for label in self.space.labels}
            return self._voted(shares, total)
        high = self.space.intensity if kind == "intensity" and self.space.intensity is not None else math.inf
        found = {
            label: self._number(record, gold.columns[label], label, low=0, high=high, scaled=True)
            for label in self.space.labels
            if label in gold.columns
        }
        if kind in ("single", "multi") and gold.at_least is None and set(found.values()) - {0.0, 1.0}:
            raise DataError("A label column holds neither 0 nor 1", where=record.where, hint="Mend the row.")
        labels = self._given(found)
        if kind == "single" and len(labels) > 1:
            raise DataError("The row has several labels in a space of one", where=record.where)
        return labels, found if kind == "intensity" else {}

    def _voted(self, shares: dict[str, float], voters: float) -> tuple[tuple[str, ...], dict[str, float]]:
        """Labels of a vote: in a single-label space the one with most, in others all that anybody gave."""
        assert self.space is not None
        if not voters:
            return (), {}
        if self.space.kind != "single":
            return self._given(shares), shares
        most = max(shares.values())
        first = [label for label, share in shares.items() if share == most]
        if len(first) == 1 and most > self.gold.above + ROUNDING:
            return (first[0],), shares
        return ((self.gold.undecided,) if self.gold.undecided else ()), shares

    def _given(self, strengths: Mapping[str, float]) -> tuple[str, ...]:
        limit = self.gold.at_least
        return self.ordered({n for n, v in strengths.items() if (v > 0 if limit is None else v >= limit)})

    def ordered(self, labels: set[str]) -> tuple[str, ...]:
        """Labels in the order of the space."""
        assert self.space is not None
        return tuple(label for label in self.space.labels if label in labels)

    def _number(
        self,
        record: Record,
        column: str,
        name: str,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        scaled: bool = False,
    ) -> float:
        given = record.raw(column)
        try:
            value = float(given)
        except (TypeError, ValueError) as err:
            raise DataError(f"The {name} rating is not a number", where=record.where, hint="Mend the row.") from err
        if scaled:
            value *= self.gold.scale
        if math.isnan(value) or not low <= value <= high:
            raise DataError(f"The {name} rating {value:g} is outside {low:g} to {high:g}", where=record.where)
        return value


def free_words(cell: object) -> tuple[str, ...]:
    """Words of a cell, each once: of a list, or of one that is written out (`['glad', 'proud']`, `glad, proud`)."""
    pieces = [str(item) for item in cell] if isinstance(cell, list | tuple) else _WORDS.split(str(cell or "").strip())
    return tuple(dict.fromkeys(word for piece in pieces if (word := piece.strip().strip("[]").strip())))


def _check_label_file(entry: Corpus, data: str | Path | None) -> None:
    """The numbering in the release must be the one that the entry states: an order changed is labels swapped."""
    if not entry.label_file:
        return
    file = file_of(entry, entry.label_file, data)
    found = tuple(text.strip() for _, text in lines(file) if text.strip())
    if found != entry.label_ids:
        wrong = next(
            (i for i, pair in enumerate(zip(found, entry.label_ids, strict=False)) if pair[0] != pair[1]),
            min(len(found), len(entry.label_ids)),
        )
        raise DataError(
            f"The label list has {len(found)} labels and departs from the expected {len(entry.label_ids)} at number "
            f"{wrong + entry.first_label_id}",
            where=str(file),
            hint=f"Label numbers would be misread. Use the release that the entry describes: {entry.release}.",
        )
