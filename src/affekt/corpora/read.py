"""Readers by layout: a corpus entry in, clips with their gold out."""

from __future__ import annotations

import hashlib
import html
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from affekt.catalog.corpora import Corpus, CorpusFile, HashSplit, corpus
from affekt.catalog.spaces import space as load_space
from affekt.core.clip import Clip
from affekt.core.errors import CatalogError, DataError, UnknownNameError
from affekt.core.ratings import Ratings
from affekt.core.space import LabelSpace
from affekt.corpora.files import checksum, csv_rows, file_of, lines

__all__ = ["Example", "Target", "checksums", "overlap", "ratings", "read", "split_of"]


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
    """

    labels: tuple[str, ...] = ()
    dimensions: Mapping[str, float] = field(default_factory=dict)
    intensities: Mapping[str, float] = field(default_factory=dict)
    unrated: tuple[str, ...] = ()


Example = tuple[Clip, Target]


def read(name: str | Corpus, *, split: str, data: str | Path | None = None) -> Iterator[Example]:
    """Stream one split of a corpus.

    Rows come in the order of the files, one at a time; only a corpus whose duplicates are joined is held in
    memory, since the last line may still add a label to the first.

    Args:
        name: Id of the corpus, or its entry.
        split: Name of the split, such as `train`, `dev`, `test`.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.

    Yields:
        The clip, and its gold in the space of the corpus.

    Raises:
        UnknownNameError: There is no such corpus or split.
        DataError: Data folder, corpus or file is missing, or a row does not fit the layout; says where.
    """
    entry = corpus(name) if isinstance(name, str) else name
    if split not in entry.splits:
        raise UnknownNameError("split", split, entry.splits, where=entry.folder)
    return _LAYOUTS[entry.layout](entry, split, data)


def split_of(text: str, rule: HashSplit) -> str:
    """The split that a text falls into by its hash: `train`, `dev` or `test`."""
    part = int(hashlib.sha256(text.lower().encode()).hexdigest()[:8], 16) % rule.modulo
    return "test" if part in rule.test else "dev" if part in rule.dev else "train"


def checksums(name: str | Corpus, *, split: str, data: str | Path | None = None) -> dict[str, str]:
    """SHA-256 of the files that a split is read from: path below the data folder -> digits."""
    entry = corpus(name) if isinstance(name, str) else name
    return {f"{entry.folder}/{f.path}": checksum(file_of(entry, f.path, data)) for f in _files_of(entry, split)}


def overlap(name: str | Corpus, *, data: str | Path | None = None) -> dict[tuple[str, str], int]:
    """Rows of one split whose exact text also stands in another.

    Returns:
        (split, other split) -> number of rows of the first; texts are compared as they are, without trimming.
    """
    entry = corpus(name) if isinstance(name, str) else name
    texts = {split: [clip.text for clip, _ in read(entry, split=split, data=data)] for split in entry.splits}
    known = {split: set(rows) for split, rows in texts.items()}
    return {
        (one, other): sum(text in known[other] for text in texts[one])
        for one in texts
        for other in texts
        if one != other
    }


def ratings(name: str | Corpus, *, perspective: str | None = None, data: str | Path | None = None) -> Ratings:
    """Single annotators' judgements, without rows that stand for "not rated".

    Args:
        name: Id of the corpus, or its entry.
        perspective: One of those that the corpus has, such as `reader`; default all pooled.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.

    Raises:
        DataError: The release has no single judgements, or a file is missing or does not fit the layout.
        UnknownNameError: There is no such corpus or perspective.
    """
    entry = corpus(name) if isinstance(name, str) else name
    files = [f for f in entry.ratings if perspective in (None, f.perspective)]
    if not entry.ratings:
        raise DataError(f"{entry.title} was released without single annotators' judgements", where=entry.folder)
    if not files:
        raise UnknownNameError("perspective", str(perspective), [f.perspective for f in entry.ratings])
    space = load_space(entry.space)
    columns = _dimension_columns(entry, space)
    items: dict[str, int] = {}
    item: list[int] = []
    values: list[list[float]] = []
    for part in files:
        file = file_of(entry, part.path, data)
        for number, row in csv_rows(file, (part.id, *columns.values())):
            given = [_number(row[c], space, d, file, number) for d, c in columns.items()]
            if tuple(given) != part.unrated:
                item.append(items.setdefault(row[part.id], len(items)))
                values.append(given)
    return Ratings(
        space=space,
        items=tuple(items),
        annotators=(),
        item=np.array(item, dtype=np.intp),
        annotator=np.full(len(item), -1, dtype=np.intp),
        values=np.array(values, dtype=np.float64).reshape(len(item), len(columns)),
    )


def _files_of(entry: Corpus, split: str) -> list[CorpusFile]:
    return [f for f in entry.files if f.split in ("", split)]


def _dimension_columns(entry: Corpus, space: LabelSpace) -> dict[str, str]:
    """Dimension -> column, in the order of the space."""
    names = tuple(d.name for d in space.dimensions)
    if set(entry.dimension_columns) != set(names):
        raise CatalogError(
            f"dimension_columns names {sorted(entry.dimension_columns)}, the space {space.id!r} has {sorted(names)}",
            where=f"corpora/{entry.folder}.toml",
        )
    return {name: entry.dimension_columns[name] for name in names}


def _number(cell: str, space: LabelSpace, dimension: str, file: Path, number: int) -> float:
    where = f"{file}, line {number}"
    limits = space.dimension(dimension)
    try:
        value = float(cell)
    except ValueError as err:
        raise DataError(f"The {dimension} rating is not a number", where=where, hint="Mend the row.") from err
    if math.isnan(value) or not limits.low <= value <= limits.high:
        raise DataError(f"The {dimension} rating {value:g} is outside {limits.low:g} to {limits.high:g}", where=where)
    return value


def _check_label_file(entry: Corpus, data: str | Path | None) -> None:
    """The numbering in the release must be the one that the entry states: an order changed is labels swapped."""
    if not entry.label_file:
        return
    file = file_of(entry, entry.label_file, data)
    listed = tuple(text.strip() for _, text in lines(file) if text.strip())
    if listed != entry.label_ids:
        wrong = next(
            (i for i, pair in enumerate(zip(listed, entry.label_ids, strict=False)) if pair[0] != pair[1]),
            min(len(listed), len(entry.label_ids)),
        )
        raise DataError(
            f"The label list has {len(listed)} labels and departs from the expected {len(entry.label_ids)} at number "
            f"{wrong + entry.first_label_id}",
            where=str(file),
            hint=f"Label numbers would be misread. Use the release that the entry describes: {entry.release}.",
        )


def _label_names(cell: str, entry: Corpus, space: LabelSpace, where: str) -> set[str]:
    out: set[str] = set()
    for part in cell.split(","):
        try:
            index = int(part) - entry.first_label_id
        except ValueError as err:
            raise DataError(
                "The label column holds something that is not a label number", where=where, hint="Mend the row."
            ) from err
        if not 0 <= index < len(entry.label_ids):
            last = entry.first_label_id + len(entry.label_ids) - 1
            raise DataError(f"Label number {part.strip()} is not in {entry.first_label_id}..{last}", where=where)
        label = entry.label_ids[index]
        if label not in space.labels:
            raise CatalogError(f"label_ids: {label!r} is not in the space {space.id!r}", where=entry.folder)
        out.add(label)
    return out


def _ordered(labels: set[str], space: LabelSpace) -> tuple[str, ...]:
    return tuple(label for label in space.labels if label in labels)


_TsvRow = tuple[str, str, set[str], str, dict[str, float]]


def _tsv_rows(entry: Corpus, part: CorpusFile, space: LabelSpace, data: str | Path | None) -> Iterator[_TsvRow]:
    """Stream (id or "", text, labels, place, dimensions)."""
    file = file_of(entry, part.path, data)
    roles = part.columns
    for number, line in lines(file):
        where = f"{file}, line {number}"
        cells = line.split("\t")
        if entry.empty_cells:
            cells = cells[: len(roles)] + [c for c in cells[len(roles) :] if c.strip()]
            if not any(c.strip() for c in cells):
                continue
        if len(cells) != len(roles):
            raise DataError(
                f"A row has {len(cells)} columns where {len(roles)} are expected ({', '.join(roles)})",
                where=where,
                hint="Columns are separated by one tab. Get the file again from the release, or mend the row.",
            )
        row = dict(zip(roles, cells, strict=True))
        labels = _label_names(row["labels"], entry, space, where) if "labels" in row else set()
        text = html.unescape(row["text"]) if entry.html_entities else row["text"]
        values = {d.name: _number(row[d.name], space, d.name, file, number) for d in space.dimensions if d.name in row}
        yield row.get("id", ""), text.strip() if entry.strip else text, labels, f"{part.path}:{number}", values


def _read_tsv(entry: Corpus, split: str, data: str | Path | None) -> Iterator[Example]:
    space = load_space(entry.space)
    _check_label_file(entry, data)
    rule = entry.hash_split
    language = entry.languages[0] if len(entry.languages) == 1 else None

    def rows() -> Iterator[_TsvRow]:
        for part in _files_of(entry, split):
            for row in _tsv_rows(entry, part, space, data):
                if rule is None or (row[1] and split_of(row[1], rule) == split):
                    yield row

    stream: Iterator[_TsvRow] = rows()
    if entry.merge_duplicates:
        joined: dict[str, _TsvRow] = {}
        for row in stream:
            joined.setdefault(row[1], row)[2].update(row[2])
        stream = iter(joined.values())
    for given, text, labels, place, values in stream:
        # Without an id in the release, the text's own hash is one that does not depend on the order of lines.
        name = given or hashlib.sha256(text.encode()).hexdigest()[:16]
        clip = Clip(id=name, text=text, language=language, source=f"{entry.folder}/{place}")
        yield clip, Target(labels=_ordered(labels, space), dimensions=values)


def _read_csv(entry: Corpus, split: str, data: str | Path | None) -> Iterator[Example]:
    space = load_space(entry.space)
    columns = _dimension_columns(entry, space)
    language = entry.languages[0] if len(entry.languages) == 1 else None
    required = (entry.id_column, entry.split_column, entry.text_column, *columns.values())
    for part in _files_of(entry, split):
        file = file_of(entry, part.path, data)
        for number, row in csv_rows(file, required):
            if row[entry.split_column] not in entry.splits:
                raise DataError(
                    f"The split column holds none of {', '.join(entry.splits)}", where=f"{file}, line {number}"
                )
            if row[entry.split_column] != split:
                continue
            clip = Clip(
                id=row[entry.id_column],
                text=row[entry.text_column],
                language=language,
                source=f"{entry.folder}/{part.path}:{number}",
            )
            values = {d: _number(row[c], space, d, file, number) for d, c in columns.items()}
            yield clip, Target(dimensions=values)


_LAYOUTS: dict[str, Callable[[Corpus, str, str | Path | None], Iterator[Example]]] = {
    "tsv-label-ids": _read_tsv,
    "csv-split-column": _read_csv,
}
