"""Single annotators' judgements, in whichever of the usual shapes they were released."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from affekt.catalog.corpora import Corpus, CorpusFile, RatingsFile, corpus
from affekt.catalog.spaces import space as load_space
from affekt.core.errors import CatalogError, DataError, UnknownNameError
from affekt.core.ratings import Ratings, mean
from affekt.core.space import LabelSpace
from affekt.corpora.files import corpus_folder, files_of
from affekt.corpora.gold import GoldReader
from affekt.corpora.layouts import (
    Record,
    decoded,
    id_of,
    json_records,
    listed,
    records,
    table_records,
    text_of,
    wanted,
)

__all__ = ["means", "ratings"]

# item, annotator (None where not known), channel -> value
Judgement = tuple[str, str | None, dict[str, float]]


def ratings(name: str | Corpus, *, perspective: str | None = None, data: str | Path | None = None) -> Ratings:
    """Single annotators' judgements, without rows that stand for "not rated".

    Args:
        name: Id of the corpus, of a view or a part, or its entry.
        perspective: One of those that the corpus has, such as `reader`; default all pooled.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.

    Returns:
        The judgements, with the ids of the clips as items. In a space of presence a strength above 0 counts as
        given.

    Raises:
        DataError: The release has no single judgements, or a file is missing or does not fit the layout.
        UnknownNameError: There is no such corpus or perspective.
    """
    entry = corpus(name) if isinstance(name, str) else name
    if not entry.ratings:
        raise DataError(f"{entry.title} was released without single annotators' judgements", where=entry.id)
    if perspective is not None and perspective not in {f.perspective for f in entry.ratings}:
        raise UnknownNameError("perspective", perspective, [f.perspective for f in entry.ratings])
    space = load_space(entry.space)
    return Ratings.from_records(space, _judgements(entry, space, perspective, data))


def means(entry: Corpus, *, data: str | Path | None = None) -> dict[str, list[float]]:
    """Item -> mean of its ratings, for the labels and then the dimensions of the space."""
    gold = mean(ratings(entry, data=data))
    return dict(zip(gold.items, gold.values.tolist(), strict=True))


def _judgements(
    entry: Corpus, space: LabelSpace, perspective: str | None, data: str | Path | None
) -> Iterator[Judgement]:
    for part in entry.parts:
        before = f"{part.id.partition(':')[2]}:" if entry.matrix else ""
        for given in part.ratings:
            if perspective in (None, given.perspective):
                for item, annotator, values in _of_file(part, given, space, data):
                    yield before + item, annotator, values


def _rows(entry: Corpus, part: RatingsFile, data: str | Path | None) -> Iterator[Record]:
    codes = (*entry.codes, *((part.code,) if part.code else ()))
    named = (*listed(part.id), part.labels, *part.counts.values(), *part.where, *(code.column for code in codes))
    for file in files_of(entry, CorpusFile(path=part.path), data):
        path = file.relative_to(corpus_folder(entry, data)).as_posix()
        if file.suffix == ".json":
            rows = json_records(file, entry.json, tuple(dict.fromkeys(n for n in named if n)), path)
            for code in entry.codes:
                rows = map(partial(decoded, code=code), rows)
        else:
            rows = table_records(file, part.table or entry.table, path=path)
        if part.code:
            rows = map(partial(decoded, code=part.code), rows)
        yield from (row for row in rows if wanted(row, part.where))


def _of_file(entry: Corpus, part: RatingsFile, space: LabelSpace, data: str | Path | None) -> Iterator[Judgement]:
    rows = _rows(entry, part, data)
    known = _ids_by_text(entry, data) if part.match else None
    if part.channel:
        yield from _long(part, space, rows, known)
        return
    reader = GoldReader(entry, data=data) if part.labels else None
    for row in rows:
        item = _item(part, row, known)
        if part.list:
            for value in _list(row, part.list):
                yield item, None, {space.dimensions[0].name: value}
        elif part.counts:
            for label, column in part.counts.items():
                for _ in range(int(_number(row, column) or 0)):
                    yield item, None, {label: 1.0}
        elif reader is not None and space.kind == "single" and isinstance(given := row.cells.get(part.labels), list):
            for cell in given:
                if found := reader.names_in(cell, row.where) - {""}:
                    yield item, None, {label: float(label in found) for label in space.labels}
        elif reader is not None:
            for annotator in part.annotators or (_annotator(part, row),):
                found = reader.names_of(row, part.labels.replace("{annotator}", annotator or ""))
                if space.kind != "single" or found:
                    yield item, annotator, {label: float(label in found) for label in space.labels}
        else:
            yield from _wide(part, space, row, item)


def _wide(part: RatingsFile, space: LabelSpace, row: Record, item: str) -> Iterator[Judgement]:
    """A column for each label or dimension, and where annotators are named, for each of them."""
    channels = [*space.labels, *(d.name for d in space.dimensions)]
    columns = dict.fromkeys(channels, part.columns) if isinstance(part.columns, str) else part.columns
    for annotator in part.annotators or (_annotator(part, row),):
        values: dict[str, float] = {}
        for channel, template in columns.items():
            column = template.replace("{channel}", channel).replace("{annotator}", annotator or "")
            value = _number(row, column)
            if value is not None:
                values[channel] = _checked(value, channel, space, row)
        if values and (not part.unrated or tuple(values.get(c, math.nan) for c in channels) != part.unrated):
            yield item, annotator, values


def _long(
    part: RatingsFile, space: LabelSpace, rows: Iterator[Record], known: dict[str, str] | None
) -> Iterator[Judgement]:
    """A row for each item and label; a column for each annotator, or a row for each annotator too."""
    if bool(part.annotators) == bool(part.value):
        raise CatalogError("Ratings with a channel column need `annotators` or `value`, not both", where=part.path)
    items: dict[str, str] = {}
    said: dict[tuple[str, str | None], dict[str, float]] = {}
    for row in rows:
        # The text of one item may be spelled in two ways; the first names it.
        given = row.joined(part.id)
        item = items[given] if given in items else items.setdefault(given, _item(part, row, known))
        spelled = row.text(part.channel)
        if part.channels and spelled not in part.channels:
            raise DataError("The column of labels holds something that the entry does not name", where=row.where)
        channel = part.channels.get(spelled, spelled)
        columns: list[tuple[str | None, str]] = [(name, name) for name in part.annotators]
        for annotator, column in (columns or [(_annotator(part, row), part.value)]) if channel else ():
            value = _number(row, column)
            if value is not None:
                said.setdefault((item, annotator), {}).setdefault(channel, _checked(value, channel, space, row))
    for (item, who), values in said.items():
        yield item, who, values


def _item(part: RatingsFile, row: Record, known: dict[str, str] | None) -> str:
    """The id of the clip that a row is about."""
    given = row.joined(part.id) or f"{row.path}:{row.place}"
    if known is None:
        return given
    return known.get(_plain(row.text(part.match)), f"{part.path}:{given}")


def _ids_by_text(entry: Corpus, data: str | Path | None) -> dict[str, str]:
    """Text, whatever its spacing and case -> id of the first clip that has it."""
    found: dict[str, str] = {}
    for part in entry.files:
        for record in records(entry, part, data):
            text = text_of(entry, record)
            found.setdefault(_plain(text), id_of(entry, record, text))
    return found


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _checked(value: float, channel: str, space: LabelSpace, row: Record) -> float:
    if channel in space.labels:
        if space.kind in ("single", "multi"):
            return float(value > 0)
        low, high = 0.0, math.inf if space.intensity is None else space.intensity
    else:
        limits = space.dimension(channel)
        low, high = limits.low, limits.high
    if not low <= value <= high:
        raise DataError(f"The {channel} rating {value:g} is outside {low:g} to {high:g}", where=row.where)
    return value


def _annotator(part: RatingsFile, row: Record) -> str | None:
    if part.annotator.startswith("="):
        return part.annotator[1:]
    return row.text(part.annotator) if part.annotator else None


def _number(row: Record, column: str) -> float | None:
    text = row.text(column).strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as err:
        raise DataError(f"The rating in {column!r} is not a number", where=row.where, hint="Mend the row.") from err
    return None if math.isnan(value) else value


def _list(row: Record, column: str) -> list[float]:
    try:
        found = json.loads(row.text(column))
        return [float(v) for v in np.asarray(found, dtype=np.float64).ravel()]
    except (ValueError, TypeError) as err:
        raise DataError(f"{column!r} is not a list of numbers", where=row.where, hint="Mend the row.") from err
