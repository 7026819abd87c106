"""A table of one's own judgements: one judgement a row, or one annotator a column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from affekt.core.errors import InputError, UnknownNameError
from affekt.core.ratings import Ratings
from affekt.core.space import Dimension, LabelSpace
from affekt.media.columns import MISSING, Columns
from affekt.media.encoding import encoding_of
from affekt.media.table import open_table

__all__ = ["RatingsTable", "read_ratings"]

Scale = Literal["labels", "numbers"]

_LONGEST = 1_000_000
_HEAD = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class RatingsTable:
    """What was read.

    Attributes:
        ratings: The judgements. A space that was not named holds the labels of the table in alphabetical order, or one
            dimension from the lowest to the highest number in it.
        rows: Number of rows.
        empty: Number of cells (or rows, with one judgement a row) without a judgement.
    """

    ratings: Ratings
    rows: int
    empty: int


@dataclass(slots=True)
class _Found:
    """Judgements as they are read: (item, annotator) -> (cell, line); counts."""

    cells: dict[tuple[str, str | None], list[tuple[str, int]]] = field(default_factory=dict)
    items: dict[str, None] = field(default_factory=dict)
    rows: int = 0
    empty: int = 0

    def add(self, item: str, annotator: str | None, cell: str, line: int) -> None:
        self.items.setdefault(item)
        if not cell or cell in MISSING:
            self.empty += 1
        else:
            self.cells.setdefault((item, annotator), []).append((cell, line))


def read_ratings(
    path: str | Path,
    *,
    item: str | None = None,
    annotator: str | None = None,
    label: str | None = None,
    columns: Sequence[str] = (),
    space: LabelSpace | None = None,
    scale: Scale = "labels",
    several: str | None = None,
) -> RatingsTable:
    """Read judgements from a delimited table with a header.

    Args:
        path: The file; the delimiter (comma, semicolon, tab or `|`) and the encoding are found.
        item: Column that names the item. With `columns` it may be left out: each row is an item then.
        annotator: Column that names the annotator, with one judgement a row.
        label: Column with the judgement, with one judgement a row.
        columns: Columns with one annotator each, in place of `annotator` and `label`.
        space: The label space; default: the labels that occur.
        scale: Whether judgements are `labels` or `numbers`.
        several: What separates the labels of a judgement that may have several. With it, more rows of one annotator
            on one item are one judgement of several labels. Without it a judgement is one label, in any space.

    Raises:
        InputError: The file cannot be read, a row is ragged, a judgement is no number or stands twice, or none is
            there.
        UnknownNameError: A column is not there, or a label is not in the space.
    """
    file = Path(path)
    where = str(file)
    wide = bool(columns)
    if wide == bool(annotator or label):
        raise InputError(
            "It is not clear where the judgements are" if not wide else "Judgements are named in two ways",
            where=where,
            hint="Name the columns of item, annotator and label, or one column for each annotator.",
        )
    if space is not None and (space.kind not in ("single", "multi") or scale == "numbers"):
        raise InputError(
            f"Space {space.id!r} cannot be read from a table of labels",
            hint="Take a space of labels, or numbers alone.",
        )
    if space is not None and space.kind == "single" and several is not None:
        raise InputError(f"{space.id} is a space of single labels", hint="Leave out --several, or take another space.")
    asked = (
        [*columns, *([item] if item else [])] if wide else [item or "item", annotator or "annotator", label or "label"]
    )
    found = _Found()
    for at, cells, line in _records(file, asked):
        found.rows += 1
        if wide:
            which = cells[at[item]].strip() if item else str(found.rows)
            for name in columns:
                found.add(_named(which, item, where, line), name, cells[at[name]].strip(), line)
        else:
            which, who, given = (cells[at[name]].strip() for name in asked[:3])
            found.add(_named(which, asked[0], where, line), _named(who, asked[1], where, line), given, line)
    if not found.cells:
        raise InputError("There is no judgement in it", where=where, hint="Every cell is empty, or there is no row.")
    multi = several is not None
    for (name, judge), answers in found.cells.items():
        if len(answers) > 1 and not multi:
            raise InputError(
                f"{judge} judged {name!r} twice",
                where=f"{where}, lines {answers[0][1]} and {answers[1][1]}",
                hint="Keep one of the rows, or say that judgements have several labels: --several ';'.",
            )
    if scale == "numbers":
        ratings = _numbers(found, label or "rating", where)
    else:
        ratings = _labels(found, space, several, multi=multi, where=where)
    return RatingsTable(ratings, found.rows, found.empty)


def _named(name: str, column: str | None, where: str, line: int) -> str:
    if not name:
        raise InputError(
            f"Column {column!r} is empty", where=f"{where}, line {line}", hint="Name it, or leave out the row."
        )
    return name


def _records(file: Path, asked: list[str]) -> Iterator[tuple[dict[str, int], list[str], int]]:
    where = str(file)
    try:
        with file.open("rb") as raw:
            head = raw.read(_HEAD)
        if not head.strip():
            raise InputError("The file is empty", where=where)
        with file.open(encoding=encoding_of(head, where), newline="") as stream:
            table = open_table(
                stream, Columns(text=asked[0]), where=where, delimiter=None, header=True, max_characters=_LONGEST
            )
            at: dict[str, int] = {}
            for name in asked:
                if name not in table.names:
                    raise UnknownNameError("column", name, table.names, where=where)
                if table.names.count(name) > 1:
                    raise InputError(f"Column {name!r} occurs {table.names.count(name)} times", where=where)
                at[name] = table.names.index(name)
            for line, cells, problem in table.records:
                if cells is None or problem:
                    raise InputError(
                        f"A row cannot be read: {problem}",
                        where=f"{where}, line {line}",
                        hint="Mend or leave out the row; judgements are never skipped in silence.",
                    )
                yield at, [str(cell) for cell in cells], line
    except OSError as err:
        raise InputError("The file cannot be read", where=where, hint=f"{err.strerror or type(err).__name__}.") from err
    except UnicodeDecodeError as err:
        raise InputError("The file is not UTF-8 text", where=where, hint="Save it as UTF-8, then run again.") from err


def _numbers(found: _Found, name: str, where: str) -> Ratings:
    values: dict[tuple[str, str | None], float] = {}
    for key, given in found.cells.items():
        cell, line = given[0]
        try:
            value = float(cell)
        except ValueError:
            value = float("nan")
        if value != value or value in (float("inf"), float("-inf")):
            raise InputError(
                f"{cell!r} is not a number",
                where=f"{where}, line {line}",
                hint="Leave out --ordinal and --interval for labels.",
            )
        values[key] = value
    low, high = min(values.values()), max(values.values())
    space = LabelSpace(
        "table",
        "Numbers of the table",
        "dimensional",
        dimensions=(Dimension(name, low, high if high > low else low + 1),),
    )
    records = [(which, who, {name: value}) for (which, who), value in values.items()]
    return _with_items(Ratings.from_records(space, records), found)


def _labels(found: _Found, space: LabelSpace | None, several: str | None, *, multi: bool, where: str) -> Ratings:
    answers: dict[tuple[str, str | None], list[str]] = {}
    for key, given in found.cells.items():
        parts = [part.strip() for cell, _ in given for part in (cell.split(several) if several else [cell])]
        answers[key] = [part for part in parts if part]
        if space is not None and (strays := [part for part in answers[key] if part not in space.labels]):
            raise UnknownNameError(
                f"label of {space.id}", strays[0], space.labels, where=f"{where}, line {given[0][1]}"
            )
    if space is None:
        labels = tuple(sorted({part for parts in answers.values() for part in parts}))
        if len(labels) < 2:
            raise InputError(
                f"All judgements are {labels[0]!r}" if labels else "There is no label",
                where=where,
                hint="Agreement needs two labels that could be given; name a space with --space.",
            )
        space = LabelSpace("table", "Labels of the table", "multi" if multi else "single", labels=labels)
    elif space.kind == "multi" and not multi:
        space = replace(space, kind="single")
    records = [(w, a, parts[0] if space.kind == "single" else parts) for (w, a), parts in answers.items()]
    return _with_items(Ratings.from_records(space, records), found)


def _with_items(ratings: Ratings, found: _Found) -> Ratings:
    """The same with items that nobody judged, in the order of the table."""
    place = {name: i for i, name in enumerate(found.items)}
    return Ratings(
        space=ratings.space,
        items=tuple(found.items),
        annotators=ratings.annotators,
        item=np.array([place[name] for name in ratings.items], dtype=np.intp)[ratings.item],
        annotator=ratings.annotator,
        values=ratings.values,
    )
